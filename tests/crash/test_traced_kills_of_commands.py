"""An operator's command that is killed before any durable system call can be run again, and loses
nothing."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.crash.installation import table
from tests.crash.test_power_cuts_of_commands import started
from tests.crash.traced_calls import (
    FILE_CALLS,
    Call,
    durable_calls,
    killing,
    run_command,
    struck,
)
from tests.support.server import PROGRAM, make_server

FIRST, SECOND = table(2_000), table(300, "y")
COMMANDS = {
    "init": ("admin", "init", "--data", "{root}/new/restored"),
    "account": ("admin", "account", "create", "acme", "--quota", "1GB", "--data", "{root}/data"),
    "sweep": ("admin", "sweep", "--data", "{root}/data"),
    "backup": ("admin", "backup", "{root}/backup", "--data", "{root}/data"),
    "restore": ("admin", "restore", "{root}/backup", "--data", "{root}/new/restored"),
}
FEW = 1


@dataclass(frozen=True)
class StoppedInstallation:
    """A stopped installation with a file of two versions, a deleted one, and a back-up."""

    root: Path
    api_key: str
    file_id: str

    def copy(self, target: Path) -> Path:
        """A copy of all of it, which has no server."""
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("run"))
        (target / "new").mkdir()
        return target


@pytest.fixture(scope="module")
def origin() -> Iterator[StoppedInstallation]:
    with TemporaryDirectory(prefix="ep-") as name:
        root = Path(name, "root")
        root.mkdir()
        with closing(make_server(data=root / "data", log_level="warning")) as server:
            server.start()
            account = server.new_account()
            file_id = str(account.api.deliver(FIRST)["file_id"])
            deleted = account.api.deliver(table(100), name="deleted.csv")["file_id"]
            path = f"/file/{file_id}/versions"
            task = account.api.deliver(SECOND, path=path, limit=None)
            assert task["status"] == "succeeded"
            assert account.api.request("DELETE", f"/file/{deleted}").status_code == 200
            server.wait_derived()
            server.stop()
            server.parts.close()
            log = Path(name, "log")
            assert run_command(log, FILE_CALLS, command=command("backup", root)) == 0
            yield StoppedInstallation(root, account.api_key, file_id)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ep-") as name:
        yield Path(name)


def command(name: str, root: Path) -> list[str]:
    """The command on the copy in `root`."""
    return [sys.executable, str(PROGRAM), *(part.format(root=root) for part in COMMANDS[name])]


def check(origin: StoppedInstallation, root: Path) -> None:
    """The installation serves what it had, and every invariant holds."""
    with closing(started(root / "data")) as server:
        api = server.api(origin.api_key)
        for version, content in ((1, FIRST), (2, SECOND)):
            answer = api.get(f"/file/download/{origin.file_id}", params={"version": version})
            assert (answer.status_code, answer.content) == (200, content)


def run_again(name: str, root: Path, log: Path) -> None:
    """What was cut off is run again. Only a restoration that is complete is not run again."""
    status = run_command(log, FILE_CALLS, command=command(name, root))
    assert status == 0 or name in ("account", "restore"), "the account is there already"
    if name in ("init", "restore"):
        started(root / "new" / "restored").close()


def kill_at_each(
    name: str, origin: StoppedInstallation, folder: Path, most: int | None
) -> tuple[int, int]:
    """Kill a command at `most` of its calls, evenly spread (None: all); how many, and of how
    many."""
    log = folder / "calls"
    run_command(log, FILE_CALLS, command=command(name, origin.copy(folder / "whole")))
    calls = list({call.place: call for call in durable_calls(log)}.values())
    step = 1 if most is None else len(calls) // (most + 1)
    chosen: list[Call] = calls[step - 1 :: step][:most]
    died = 0
    for number, call in enumerate(chosen):
        root = origin.copy(folder / str(number))
        run_command(log, (call.name,), *killing(call), command=command(name, root))
        died += struck(log) is not None
        run_again(name, root, log)
        check(origin, root)  # which removes the copy
    return died, len(chosen)


@pytest.mark.long
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("name", COMMANDS)
def test_each_durable_call_of_a_command_may_be_the_last(
    name: str, origin: StoppedInstallation, folder: Path
) -> None:
    died, chosen = kill_at_each(name, origin, folder, None)
    print(f"{name}: killed at {died} of {chosen} calls")
    assert died >= 0.8 * chosen


def test_some_durable_calls_of_a_back_up_may_be_the_last(
    origin: StoppedInstallation, folder: Path
) -> None:
    died, _ = kill_at_each("backup", origin, folder, FEW)
    assert died >= 1
