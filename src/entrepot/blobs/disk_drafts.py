"""Drafts in a folder: `drafts/<id>`, appended to by one writer at a time over many requests.

The lock is the kernel's (`flock`), so that it ends with whoever held it. `hashlib` cannot keep the
state of a hash beyond its process, so each process remembers the state of the drafts that it wrote
last, and reads a draft once more from its beginning if another wrote it
(`docs/decisions/0019-resumable-uploads.md`).
"""

import fcntl
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from threading import Lock
from uuid import UUID

from entrepot.blobs.disk_space import DiskSpace
from entrepot.blobs.disk_sync import DurableFolders, sync_file, sync_folder
from entrepot.blobs.disk_write import GrowingFile, link_durably
from entrepot.blobs.store import BLOCK, BlobId, BlobStat, Stored
from entrepot.errors import BlobMissing, DraftBusy

REMEMBERED = 1000
"""States of hashes that a process keeps, of some hundred bytes each."""


@dataclass(frozen=True)
class _Hashed:
    """The hash of a draft's first `size` bytes; it holds while the file was not `changed` since."""

    size: int
    changed: int
    digest: "hashlib._Hash"


class DiskDrafts:
    """`Drafts` in one folder; any number of processes of one host may share it."""

    def __init__(
        self,
        folder: Path,
        blob_path: Callable[[BlobId], Path],
        space: DiskSpace,
        folders: DurableFolders,
        hashing: Executor,
    ) -> None:
        self.space = space
        self.folders = folders
        self.blob_path = blob_path
        self._folder = folder
        self._hashing = hashing
        self._hashes: OrderedDict[UUID, _Hashed] = OrderedDict()
        self._hashes_lock = Lock()

    def append(self, draft_id: UUID) -> "DiskDraftWriter":
        """Open a draft and lock it. Raises `DraftBusy`, `StorageFull`, `OSError`."""
        path = self.path(draft_id)
        with self.space.guard():
            descriptor = self._open_locked(path)
            try:
                found = os.fstat(descriptor)
                self._make_durable(descriptor)
                size = os.lseek(descriptor, 0, os.SEEK_END)
            except BaseException:
                os.close(descriptor)
                raise
        digest = hashlib.sha256() if size == 0 else self._recall(draft_id, found)
        file = GrowingFile(descriptor, self.space, self._hashing, size, digest)
        return DiskDraftWriter(self, draft_id, file)

    def _open_locked(self, path: Path) -> int:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise DraftBusy from None
            except FileNotFoundError:
                pass  # removed between the two calls
            os.close(descriptor)

    def _make_durable(self, descriptor: int) -> None:
        """What a writer before may have left in memory alone."""
        try:
            sync_file(descriptor)
        except OSError:
            # A second call may answer success for bytes that are lost: see `sync_file`.
            os.ftruncate(descriptor, 0)
            raise
        if os.fstat(descriptor).st_size == 0:  # else it was done before the first byte
            sync_folder(self._folder)

    def read(self, draft_id: UUID) -> Iterator[bytes]:
        """The draft's bytes so far, in blocks of 1 MiB. Raises `BlobMissing`."""
        try:
            file = self.path(draft_id).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise BlobMissing(blob_id=draft_id) from error
        return _blocks(file)

    def drop(self, draft_id: UUID) -> None:
        """Remove the draft. Idempotent."""
        self.path(draft_id).unlink(missing_ok=True)
        with self._hashes_lock:
            self._hashes.pop(draft_id, None)

    def list(self) -> Iterator[BlobStat]:
        """Every draft, in no order."""
        for entry in os.scandir(self._folder):
            draft_id = id_of(entry.name)
            if draft_id is not None:
                with suppress(FileNotFoundError):
                    yield described(draft_id, entry.stat())

    def path(self, draft_id: UUID) -> Path:
        """Where the draft lies."""
        return self._folder / str(draft_id)

    def remember(self, draft_id: UUID, file: GrowingFile) -> None:
        """Keep the state of the hash for who goes on with the draft in this process."""
        digest = file.digest()
        found = os.fstat(file.descriptor)
        with self._hashes_lock:
            self._hashes.pop(draft_id, None)
            if digest is not None and found.st_size == file.size:
                self._hashes[draft_id] = _Hashed(file.size, found.st_mtime_ns, digest)
                if len(self._hashes) > REMEMBERED:
                    self._hashes.popitem(last=False)

    def _recall(self, draft_id: UUID, found: os.stat_result) -> "hashlib._Hash | None":
        with self._hashes_lock:
            known = self._hashes.pop(draft_id, None)
        same = known is not None and (known.size, known.changed) == (
            found.st_size,
            found.st_mtime_ns,
        )
        return known.digest if known is not None and same else None


class DiskDraftWriter:
    """A `DraftWriter` over an open, locked file, which it owns from here on."""

    def __init__(self, drafts: DiskDrafts, draft_id: UUID, file: GrowingFile) -> None:
        self._drafts = drafts
        self._draft_id = draft_id
        self._file: GrowingFile | None = file
        self._durable = file.size

    @property
    def size(self) -> int:
        """Bytes that the draft has now."""
        return self._open().size

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`, all of it or nothing. Raises `StorageFull`, `OSError`."""
        file = self._open()
        size = file.size
        try:
            with self._drafts.space.guard():
                file.append(memoryview(data).cast("B"))
        except BaseException:
            self.truncate(size)
            raise

    def truncate(self, size: int) -> None:
        """Forget what lies beyond the first `size` bytes, and the hash with it."""
        file = self._open()
        file.digest()  # nobody hashes any more
        os.ftruncate(file.descriptor, size)
        os.lseek(file.descriptor, size, os.SEEK_SET)
        self._file = file.restarted(size)
        self._durable = min(self._durable, size)

    def sync(self) -> int:
        """Make all bytes durable; their number. Raises `StorageFull`, `OSError`."""
        file = self._open()
        try:
            with self._drafts.space.guard():
                sync_file(file.descriptor)
        except BaseException:
            # A second call may answer success for bytes that are lost: see `sync_file`.
            self.truncate(self._durable)
            raise
        self._durable = file.size
        return file.size

    def commit(self, blob_id: BlobId) -> Stored:
        """Sync the file, give it the blob's name, sync the folder. Raises as the contract says.

        The draft is never written again once a blob shares its bytes: its upload is complete.
        """
        file = self._open()
        final = self._drafts.blob_path(blob_id)
        # The grace of unnamed bytes counts from here, however long ago the last came.
        os.utime(file.descriptor)
        size = self.sync()
        draft = self._drafts.path(self._draft_id)
        digest = file.digest() or _digest_of(draft)
        with self._drafts.space.guard():
            self._drafts.folders.make(final.parent)
            link_durably(draft, final)
        return Stored(size=size, sha256=digest.hexdigest())

    def close(self) -> None:
        """Let another writer have the draft."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            self._drafts.remember(self._draft_id, file)
        finally:
            with suppress(OSError):  # sync has told what there is to tell
                os.close(file.descriptor)

    def _open(self) -> GrowingFile:
        if self._file is None:
            raise ValueError("this draft was closed already")
        return self._file


def described(blob_id: BlobId, stat: os.stat_result) -> BlobStat:
    """What a file's status says of the bytes in it."""
    return BlobStat(blob_id, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def id_of(name: str) -> BlobId | None:
    """The id that a file's name spells; None for what no store put there."""
    try:
        blob_id = UUID(name)
    except ValueError:
        return None
    return BlobId(blob_id) if str(blob_id) == name else None


def _digest_of(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    for block in _blocks(path.open("rb", buffering=0)):
        digest.update(block)
    return digest


def _blocks(file: FileIO) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block
