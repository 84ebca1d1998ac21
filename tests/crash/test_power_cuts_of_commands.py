"""After a power cut, what an operator's command has reported is there."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.crash.installation import table
from tests.crash.power_cuts import record_command
from tests.support.replayed_disk import Loss, ReplayedDisk, replay
from tests.support.server import Server, make_server

import entrepot
from entrepot.accounts.accounts import get_account
from entrepot.backup.folder import BackupFolder
from entrepot.bootstrap.identity import read_identity
from entrepot.cli.backup import restore_snapshot
from entrepot.settings import read_settings

SEED = 7


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ep-") as name:
        yield Path(name)


def started(data: Path) -> Server:
    """A server on the folder, whose invariants hold; nothing half-written is left."""
    server = make_server(data=data, log_level="warning")
    try:
        server.start()
        server.assert_sound()
        assert [*data.rglob("*.part")] == []
    except BaseException:
        server.close()
        raise
    return server


def test_what_made_an_installation_outlasts_a_power_cut(folder: Path) -> None:
    root, before = folder / "root", folder / "before"
    root.mkdir()
    before.mkdir()
    data = str(root / "data")
    commands = [
        ("admin", "init"),
        ("admin", "account", "create", "acme", "--quota", "1GB"),
    ]
    logs = [folder / f"calls-{number}" for number in range(len(commands))]
    printed = [
        record_command(log, *command, "--data", data)
        for log, command in zip(logs, commands, strict=True)
    ]
    disk = ReplayedDisk(root, before)
    for log in logs:
        for _ in replay(log, disk):
            pass
    assert disk.contents() == ReplayedDisk(root, root).contents()
    for loss in (Loss.SYNCED, Loss.PARTS):
        disk.save(folder / loss.name, loss, SEED)
        with closing(started(folder / loss.name / "data")) as server:
            identity = server.parts.database.read(read_identity)
            assert identity is not None
            assert str(identity.id) == printed[0]
            assert server.parts.database.read(get_account, printed[1]).quota == 1_000_000_000


@pytest.mark.long
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("loss", [Loss.SYNCED, Loss.NAMES, Loss.ZEROS, Loss.PARTS])
def test_a_start_that_was_cut_off_can_be_repeated(folder: Path, loss: Loss) -> None:
    """At each moment of `admin init` the server starts on what is there then."""
    root, before, log = folder / "root", folder / "before", folder / "calls"
    root.mkdir()
    before.mkdir()
    record_command(log, "admin", "init", "--data", str(root / "data"))
    disk = ReplayedDisk(root, before)
    for number, step in enumerate(replay(log, disk)):
        if step.changed and (step.synced or number % 5 == 0):
            state = folder / f"state-{number}"
            disk.save(state, loss, number)
            started(state / "data").close()


@pytest.fixture
def backed_up(folder: Path) -> Iterator[tuple[Path, Path, Path, str]]:
    """An installation with two versions, recorded while it is backed up: its root, a copy from
    before, the calls, and the name of the snapshot."""
    root = folder / "root"
    root.mkdir()
    server = make_server(data=root / "data", log_level="warning")
    server.start()
    account = server.new_account()
    file_id = account.api.deliver(table(200))["file_id"]
    files = {"file": ("next.csv", table(100))}
    task_id = account.api.post(f"/file/{file_id}/versions", files=files).json()["task_id"]
    account.api.wait_task(task_id)
    server.wait_derived()
    server.stop()
    server.parts.close()
    for name in ("log", "output"):
        (root / name).unlink(missing_ok=True)
    shutil.copytree(root, folder / "before", ignore=shutil.ignore_patterns("run"))
    data = str(root / "data")
    snapshot = record_command(
        folder / "calls", "admin", "backup", str(root / "backup"), "--data", data
    )
    yield root, folder / "before", folder / "calls", snapshot
    server.close()


def restore_all(state: Path) -> list[str]:
    """Restore each snapshot that a state has, and check it; their names."""
    names = [path.name for path in BackupFolder(state / "backup").complete_snapshots()]
    for name in names:
        target = state / f"restored-{name}" / "data"  # the end of its server removes the parent
        restore_snapshot(state / "backup", name, read_settings(data=target))
        with closing(started(target)) as server:
            assert len(list(server.parts.store.list())) >= 2
    return names


def test_a_back_up_outlasts_a_power_cut(
    folder: Path, backed_up: tuple[Path, Path, Path, str]
) -> None:
    root, before, log, snapshot = backed_up
    disk = ReplayedDisk(root, before)
    for _ in replay(log, disk):
        pass
    assert disk.contents() == ReplayedDisk(root, root).contents()
    disk.save(folder / "state", Loss.SYNCED)
    assert restore_all(folder / "state") == [snapshot]


@pytest.mark.long
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("loss", list(Loss))
def test_a_back_up_that_was_cut_off_leaves_no_broken_snapshot(
    folder: Path, backed_up: tuple[Path, Path, Path, str], loss: Loss
) -> None:
    root, before, log, _ = backed_up
    disk = ReplayedDisk(root, before)
    for number, step in enumerate(replay(log, disk)):
        if step.changed:
            state = folder / f"state-{number}"
            disk.save(state, loss, number)
            restore_all(state)
            shutil.rmtree(state)
    assert os.listdir(root / "backup" / "snapshots")


def test_no_file_gets_its_bytes_or_its_name_without_a_sync() -> None:
    """Only modules that sync what they write may open, replace or rename files by themselves.

    The sandbox's files do not outlast an inspection; a list of a back-up is written again, durably.
    """
    sources = Path(entrepot.__file__).parent
    syncing = {
        "backup/folder.py",
        "backup/save.py",
        "blobs/cache.py",  # copies, whose bytes are compared with their hash
        "blobs/disk.py",
        "blobs/disk_deletions.py",
        "blobs/disk_drafts.py",
        "blobs/disk_sync.py",
        "metrics/shared_files.py",  # begins empty at each start
        "migrations/run.py",
    }
    writing = re.compile(
        r"\.write_(text|bytes)\(|\.open\(\"[wax]|\.(replace|rename)\((?!\")[^,()=]*\)"
    )
    writers = {
        str(path.relative_to(sources))
        for path in sources.rglob("*.py")
        if path.relative_to(sources).parts[0] != "inspection"
        and writing.search(path.read_text(encoding="utf-8"))
    }
    assert writers - syncing == set()
