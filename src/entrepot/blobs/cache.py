"""Local copies of blobs that are in a store elsewhere, shared by all processes of a host.

`files/<id>` is a complete copy, `incoming/<id>` one that is being fetched. Every user holds a lock
on the file itself (flock), which the kernel releases when a process dies, so nothing has to be
cleaned up:

- a borrower has a shared lock on the complete copy,
- who fetches has an exclusive lock on the incoming one; the others wait for it,
- who evicts takes an exclusive lock, and leaves what it does not get.

A copy appears under its name by a rename, once it is durable and its SHA-256 was checked. After
each lock a process looks whether the file still has its name: it may have been evicted or replaced.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from entrepot.blobs.disk_drafts import parse_blob_id
from entrepot.blobs.disk_space import DiskSpace
from entrepot.blobs.disk_sync import has_name, sync_file
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import BlobDamaged, StoreUnavailable

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05
"""Seconds between two looks at a copy that another borrower fetches."""
STALLED_SECONDS = 60.0
"""Seconds in which a copy that another borrower fetches must grow, or be finished."""
FULL_AFTER_EVICTION = 7 / 8
"""The share of the limit that may be used after an eviction, so that the next one is not soon."""
PROCESSES = 16
"""Processes of a host that may fetch at the same time: each takes such a share of the free bytes
before it looks at the folder again."""


class BlobCache:
    """Copies of at most `limit` bytes in `folder`, or of what is borrowed now if that is more.

    `reserve` bytes of its disk stay free.
    """

    def __init__(self, folder: Path, limit: int, reserve: int) -> None:
        """Make the folders, with mode 0700. Raises `OSError`."""
        self._files, self._incoming = folder / "files", folder / "incoming"
        for each in (folder, self._files, self._incoming):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._limit = limit
        self._space = DiskSpace(folder, reserve)
        self._allowance, self._allowance_lock = 0, threading.Lock()

    @contextmanager
    def borrow(
        self,
        blob_id: BlobId,
        find_recorded: Callable[[], StoredBlob],
        read: Callable[[], Iterable[bytes]],
    ) -> Iterator[Path]:
        """A copy for the length of the block, fetched with `read` where there is none.

        Raises `BlobDamaged` if the bytes are not the recorded ones, `StorageFull`,
        `StoreUnavailable`, and what `find_recorded` and `read` raise.
        """
        path = self._files / str(blob_id)
        descriptor = self._lock_copy(path)
        while descriptor is None:
            self._fetch(blob_id, find_recorded, read)
            descriptor = self._lock_copy(path)
        try:
            os.utime(path)  # what was used last is evicted last
            yield path
        finally:
            os.close(descriptor)

    def has_copy(self, blob_id: BlobId) -> bool:
        """Whether there is a complete copy now."""
        return (self._files / str(blob_id)).exists()

    def drop(self, blob_id: BlobId) -> None:
        """Remove the copy of a blob that is gone, and what a dead process has fetched of it.

        Who has borrowed it may read it to its end.
        """
        _remove_unused(self._incoming / str(blob_id))
        (self._files / str(blob_id)).unlink(missing_ok=True)

    def blob_ids(self) -> list[BlobId]:
        """Of which blobs there are copies, complete or begun."""
        names = {*os.listdir(self._files), *os.listdir(self._incoming)}
        return [blob_id for blob_id in map(parse_blob_id, names) if blob_id is not None]

    def _make_room(self, needed: int) -> None:
        """Let `needed` more bytes fit.

        To look at the folder takes as long as there are copies (10 us for each), so most fetches
        do without: after a look this process takes its share of the bytes that were free.
        """
        with self._allowance_lock:
            if needed > self._allowance:
                self._allowance = max(0, self._evict(needed)) // PROCESSES
            else:
                self._allowance -= needed

    def _evict(self, needed: int) -> int:
        """Evict the copies that were not used for longest, if `needed` more bytes do not fit; how
        many bytes are free beside those."""
        entries: list[tuple[float, int, str]] = []
        for entry in (*os.scandir(self._files), *os.scandir(self._incoming)):
            with suppress(FileNotFoundError):
                stat = entry.stat()
                entries.append((stat.st_mtime, stat.st_size, entry.path))
        used = sum(size for _, size, _ in entries) + needed
        if used > self._limit:
            for _, size, path in sorted(entries):
                if _remove_unused(Path(path)):
                    used -= size
                if used <= FULL_AFTER_EVICTION * self._limit:
                    break
        return self._limit - used

    def _lock_copy(self, path: Path) -> int | None:
        """A descriptor with a shared lock on a complete copy; None if there is none."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if has_name(descriptor, path):
                return descriptor
        except BlockingIOError:
            pass  # it is being evicted
        os.close(descriptor)
        return None

    def _fetch(
        self,
        blob_id: BlobId,
        find_recorded: Callable[[], StoredBlob],
        read: Callable[[], Iterable[bytes]],
    ) -> None:
        """Have the copy fetched, by this process or another one."""
        incoming, complete = self._incoming / str(blob_id), self._files / str(blob_id)
        descriptor = os.open(incoming, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait_for_lock(descriptor)
            if not has_name(descriptor, incoming) or complete.exists():
                return  # another one has fetched it, or it was evicted
            recorded = find_recorded()
            os.ftruncate(descriptor, 0)  # what a process left that died
            self._make_room(recorded.size)
            try:
                self._write(descriptor, blob_id, recorded, read)
            except BaseException:
                incoming.unlink(missing_ok=True)
                raise
            incoming.rename(complete)
        finally:
            os.close(descriptor)

    def _write(
        self,
        descriptor: int,
        blob_id: BlobId,
        recorded: StoredBlob,
        read: Callable[[], Iterable[bytes]],
    ) -> None:
        digest, size, allowance = hashlib.sha256(), 0, 0
        with self._space.guard():
            for block in read():
                if len(block) > allowance:
                    allowance = self._space.allowance(len(block))
                allowance -= len(block)
                digest.update(block)
                size += len(block)
                view = memoryview(block)
                while view:
                    view = view[os.write(descriptor, view) :]
            sync_file(descriptor)
        if (size, digest.hexdigest()) != (recorded.size, recorded.sha256):
            log.error(
                "a blob is damaged in the store", blob_id=str(blob_id), size=size, want=recorded
            )
            raise BlobDamaged(blob_id=blob_id)


def _wait_for_lock(descriptor: int) -> None:
    """Lock the file exclusively. Raises `StoreUnavailable` if it stops to grow meanwhile."""
    size, deadline = -1, 0.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now, current = time.monotonic(), os.fstat(descriptor).st_size
            if current != size:
                size, deadline = current, now + STALLED_SECONDS
            if now > deadline:
                raise StoreUnavailable(reason="It sent nothing more of a blob") from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _remove_unused(path: Path) -> bool:
    """Remove a copy that nobody has borrowed and nobody fetches; whether it was removed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if has_name(descriptor, path):
            path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
