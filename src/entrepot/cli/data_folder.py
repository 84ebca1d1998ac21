"""The data folder: made with mode 0700, locked by the one server that runs on it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from entrepot.blobs.disk_sync import DurableFolders, write_durably
from entrepot.errors import StartRefused

LOCK_TIMEOUT_SECONDS = 5.0
"""How long a start waits for the child processes of a server that was just killed."""


def make_data_folder(folder: Path) -> None:
    """Make the folder if it does not exist, readable to its owner alone. Raises StartRefused."""
    try:
        DurableFolders(folder)
        for name in ("run", "scratch"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise StartRefused(
            reason=f"The data folder {folder} cannot be used: {error.strerror}. "
            "Name another with --data DIR."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartRefused(reason=f"The data folder {folder} is not writable for this user.")


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
def lock_data_folder(folder: Path, address: str, now: datetime) -> Iterator[DataFolderLock]:
    """Hold the folder's lock for the block, and as long as a process forked in it lives.

    Raises StartRefused with the process that holds the lock.
    """
    path = folder / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
        lock = DataFolderLock(descriptor, now)
        lock.record_address(address)
        yield lock
    finally:
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


def node_id(folder: Path) -> str:
    """This folder's own id, the same over restarts: the first half of its workers' names."""
    path = folder / "node"
    try:
        return path.read_text()
    except FileNotFoundError:
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
