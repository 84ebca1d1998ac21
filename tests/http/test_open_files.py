"""A server that may open few files."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
import pytest
from tests.support.raw import connect, head
from tests.support.server import PROGRAM, Server, make_server
from tests.support.wait import wait_until

OPEN_FILES = 400
CONNECTIONS = (OPEN_FILES - 256) // 2


@dataclass
class LimitedServer(Server):
    """A server whose processes may have `OPEN_FILES` files open."""

    def spawn(self) -> subprocess.Popen[bytes]:
        limit = ["prlimit", f"--nofile={OPEN_FILES}:{OPEN_FILES}"]
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [*limit, PROGRAM, *self.command],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=self._environment(),
            )
        self.process = process
        return process


@pytest.fixture
def limited() -> Iterator[LimitedServer]:
    plain = make_server(streams_per_account=1000)
    server = LimitedServer(plain.overrides, plain.data, plain.command, preloaded=False)
    yield server.start()  # type: ignore[misc]
    server.close()


def test_more_connections_than_files_wait(limited: LimitedServer) -> None:
    """Without a limit that fits, each attempt to accept one more failed, and took all cores."""
    account = limited.new_account()
    (api,) = limited.processes("api")
    with limited.suspended_workers(), ExitStack() as stack:
        task_id = account.api.upload(b"id\n1\n").json()["task_id"]
        request = head("GET", f"/api/v1/task/{task_id}/events", account.api.authorization)
        for _ in range(2 * OPEN_FILES):
            stack.enter_context(connect(limited.endpoint)).sendall(request)
        wait_until(lambda: _accepted(api) >= CONNECTIONS, lambda: f"accepted: {_accepted(api)}")
        assert api.num_fds() < OPEN_FILES
    assert account.api.wait_task(task_id)["status"] == "succeeded"
    assert account.api.get("/files").status_code == 200
    (warning,) = (line for line in limited.logged() if "open_files_needed" in line)
    assert (warning["connections"], warning["open_files"]) == (CONNECTIONS, OPEN_FILES)


def _accepted(process: psutil.Process) -> int:
    return sum(1 for each in process.net_connections("tcp") if each.raddr)
