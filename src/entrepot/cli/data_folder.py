"""The data folder: made with mode 0700, locked by the one server that runs on it."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from entrepot.blobs.disk_sync import ID_FILE, DurableFolders, write_durably
from entrepot.bootstrap.identity import read_identity
from entrepot.db.engine import open_database
from entrepot.errors import StartRefused
from entrepot.settings import Settings

LOCK_TIMEOUT_SECONDS = 5.0
"""How long a start waits for the child processes of a server that was just killed."""
OF_A_SERVER = ("run", "scratch", "cache", "node", "lock")
"""What a server makes for itself in the data folder: nothing is lost with it."""
OF_AN_INSTALLATION = (
    *("entrepot.db", "entrepot.db-wal", "entrepot.db-shm"),
    *("secret", "demo-key", "store"),
)
"""What the first start of an installation makes there too."""


def make_data_folder(folder: Path) -> None:
    """Make the folder if it does not exist, readable to its owner alone. Raises StartRefused."""
    with _explaining_errors(folder):
        DurableFolders(folder)
        _make_folders_within(folder)


def _make_folders_within(folder: Path) -> None:
    for name in ("run", "scratch"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartRefused(reason=f"The data folder {folder} is not writable for this user.")


@contextmanager
def _explaining_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartRefused(
            reason=f"The data folder {folder} cannot be used: {error.strerror}. "
            "Name another with --data DIR."
        ) from None


@dataclass(frozen=True)
class DataFolderLock:
    """The held lock of a data folder, with a note of who holds it since when."""

    descriptor: int
    since: datetime

    def record_address(self, address: str) -> None:
        """Note the address at which the holder answers, or what it is."""
        holder = {
            "pid": os.getpid(),
            "address": address,
            "since": self.since.isoformat(timespec="seconds"),
        }
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps(holder).encode(), 0)


@contextmanager
def hold_data_folder(settings: Settings, address: str, now: datetime) -> Iterator[DataFolderLock]:
    """Make the data folder, as `make_data_folder` does, and hold its lock for the block.

    If the block raises StartRefused or OSError, what was made in the folder is removed, and the
    folder too if it was made; not an installation that is complete. Raises StartRefused.
    """
    folder = settings.data
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with _explaining_errors(folder):
            DurableFolders(folder)
        has_lock = (folder / "lock").exists()
        with lock_data_folder(folder, address, now) as lock:
            before = {name for name in _removable(folder) if (folder / name).exists()}
            before -= set() if has_lock else {"lock"}
            try:
                with _explaining_errors(folder):
                    _make_folders_within(folder)
                yield lock
            except (StartRefused, OSError):
                _remove_new(settings, before)
                raise
    except (StartRefused, OSError):
        with suppress(OSError):  # something else is in it
            for each in missing:
                each.rmdir()
        raise


def _remove_new(settings: Settings, before: set[str]) -> None:
    """Remove what the data folder has and is not among `before`. Its lock is held, and no process
    of the server runs any more.

    An installation that has its identity stays: commands may have used it since. So does all of one
    whose store has bytes, also if its database is gone.
    """
    new = {name for name in _removable(settings.data) - before if (settings.data / name).exists()}
    if new & set(OF_AN_INSTALLATION) and (
        _has_bytes(settings.data) or _may_have_identity(settings)
    ):
        new -= set(OF_AN_INSTALLATION)
    for path in [settings.data / name for name in new]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _has_bytes(data: Path) -> bool:
    """Whether the store in a data folder has any file but the one that names its installation."""
    store = data / "store"
    return any(path.is_file() for path in store.rglob("*") if path != store / ID_FILE)


def _may_have_identity(settings: Settings) -> bool:
    if settings.embedded and not settings.sqlite_file.exists():
        return False
    try:
        with closing(open_database(settings)) as database:
            return database.read(read_identity) is not None
    except DBAPIError:
        return True


def _removable(folder: Path) -> set[str]:
    """The names below a data folder that a start may have made."""
    within = (path for name in ("run", "scratch") for path in (folder / name).glob("*"))
    return {*OF_A_SERVER, *OF_AN_INSTALLATION, *(str(path.relative_to(folder)) for path in within)}


@contextmanager
def lock_data_folder(folder: Path, address: str, now: datetime) -> Iterator[DataFolderLock]:
    """Hold the folder's lock for the block, and as long as a process forked in it lives.

    Raises StartRefused with the process that holds the lock.
    """
    descriptor = _open_locked(folder)
    try:
        lock = DataFolderLock(descriptor, now)
        lock.record_address(address)
        yield lock
    finally:
        os.close(descriptor)


def _open_locked(folder: Path) -> int:
    path = folder / "lock"
    while True:
        with _explaining_errors(folder):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, path)
            # A start that was refused removes the file, and others would lock another one.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a server runs on the folder."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_holder(folder: Path) -> dict[str, str]:
    """Who holds the folder's lock, or held it last: `pid`, `address`, `since`; empty if unknown."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    try:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)


def read_node_id(folder: Path) -> str:
    """The folder's own id, the same over restarts: the first half of its workers' names.

    Makes one if there is none, so the caller holds the folder's lock. Raises StartRefused.
    """
    path = folder / "node"
    with _explaining_errors(folder):
        if not path.exists():
            write_durably(path, uuid4().hex[:12].encode())
        return path.read_text()


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            alive = holder and Path(f"/proc/{holder.get('pid')}").exists()
            if alive or time.monotonic() > deadline:
                raise StartRefused(reason=_in_use_reason(path, holder)) from None
            time.sleep(0.1)
        else:
            return


def _read_holder(descriptor: int) -> dict[str, str]:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _in_use_reason(path: Path, holder: dict[str, str]) -> str:
    description = "another process"
    if holder:
        description = f"process {holder.get('pid')}, which serves {holder.get('address')} since "
        description += str(holder.get("since"))
    return (
        f"The data folder {path.parent} is in use by {description}. "
        "Stop that server, or name another folder with --data DIR."
    )
