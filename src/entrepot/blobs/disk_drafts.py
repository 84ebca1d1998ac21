"""Drafts in a folder: `drafts/<id>`, appended to by one writer at a time over many requests.

The lock is the kernel's (`flock`), so that it ends with the process that holds it. Where the
holder gives no sign of life (`blobs.disk_life`), the next writer puts a copy in the draft's place:
what the first one still writes goes into a file without a name, and it cannot commit.

`hashlib` cannot store the state of a hash. Each process therefore keeps the states of the drafts
that it wrote last in memory, and reads a draft again from its beginning if another process wrote it
(`docs/decisions/0019-resumable-uploads.md`).
"""

import fcntl
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from threading import Lock
from uuid import UUID, uuid4

from entrepot.blobs.disk_life import FrozenLocks, LifeSigns
from entrepot.blobs.disk_space import DiskSpace, disk_errors
from entrepot.blobs.disk_sync import (
    DurableFolders,
    has_name,
    link_durably,
    open_locked,
    sync_file,
    sync_folder,
)
from entrepot.blobs.disk_write import GrowingFile
from entrepot.blobs.store import BLOCK_BYTES, BlobId, BlobStat, StoredBlob
from entrepot.errors import BlobMissing, DraftBusy

MAX_HASH_STATES = 1000
"""Hash states that a process keeps, of some hundred bytes each."""


@dataclass(frozen=True)
class _HashState:
    """The hash of a draft's first `size` bytes; valid while the file's `modified_ns` is the
    same."""

    size: int
    modified_ns: int
    digest: "hashlib._Hash"


class DiskDrafts:
    """`Drafts` in one folder; any number of processes of one host may share it."""

    def __init__(
        self,
        folder: Path,
        incoming: Path,
        blob_path: Callable[[BlobId], Path],
        space: DiskSpace,
        folders: DurableFolders,
        hashing: Executor,
    ) -> None:
        self.space = space
        self.folders = folders
        self.blob_path = blob_path
        self.life = LifeSigns()
        self.frozen = FrozenLocks()
        self._folder, self._incoming = folder, incoming
        self._hashing = hashing
        self._hash_states: OrderedDict[UUID, _HashState] = OrderedDict()
        self._hash_states_lock = Lock()

    def append(self, draft_id: UUID, turn: int = 0) -> "DiskDraftWriter":
        """Open a draft and lock it. Raises `DraftBusy`, `StorageFull`, `OSError`.

        The lock decides who writes, whatever the `turn`.
        """
        path = self.path(draft_id)
        with self.space.guard():
            try:
                descriptor = self._open_locked(path)
            except BlockingIOError:
                return DiskDraftWriter(self, draft_id, self._replace_frozen(path))
            try:
                stat = os.fstat(descriptor)
                self.life.begin(descriptor)
                self._make_durable(descriptor)
                size = os.lseek(descriptor, 0, os.SEEK_END)
            except BaseException:
                self.life.end(descriptor)
                os.close(descriptor)
                raise
        digest = hashlib.sha256() if size == 0 else self._pop_hash_state(draft_id, stat)
        file = GrowingFile(descriptor, self.space, self._hashing, size, digest)
        return DiskDraftWriter(self, draft_id, file)

    def _open_locked(self, path: Path) -> int:
        descriptor = None
        while descriptor is None:
            self.folders.make_again(self._folder)
            descriptor = open_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def _replace_frozen(self, path: Path) -> GrowingFile:
        """A copy of a draft in its place, whose lock somebody holds who gives no sign of life.

        Raises `DraftBusy` if somebody does, `StorageFull`, `OSError`.
        """
        try:
            source = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise DraftBusy from None
        with source:
            if not self.frozen.is_frozen(path, os.fstat(source.fileno())):
                raise DraftBusy
            temporary = self._incoming / str(uuid4())
            descriptor = open_locked(temporary, fcntl.LOCK_EX)
            if descriptor is None:  # a sweep was faster
                raise DraftBusy
            try:
                copy = GrowingFile(descriptor, self.space, self._hashing, 0, hashlib.sha256())
                while block := source.read(BLOCK_BYTES):
                    copy.append(memoryview(block))
                sync_file(descriptor)
                with self._replacing(path):
                    if not has_name(source.fileno(), path):
                        raise DraftBusy  # another one was faster
                    temporary.replace(path)
                sync_folder(self._folder)
                self.life.begin(descriptor)
            except BaseException:
                temporary.unlink(missing_ok=True)
                os.close(descriptor)
                raise
        import structlog  # here: most processes never need it, and commands start without it

        log = structlog.get_logger(__name__)
        log.warning("took a draft over from a process that gives no sign of life", draft=path.name)
        return copy

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[None]:
        """Only one writer replaces the draft at a time. Raises `DraftBusy`."""
        name = self._incoming / f"{path.name}.replaced"
        try:
            descriptor = open_locked(name, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            descriptor = None
        if descriptor is None:
            raise DraftBusy
        try:
            yield
        finally:
            name.unlink()
            os.close(descriptor)

    def _make_durable(self, descriptor: int) -> None:
        """Sync what an earlier writer may have left only in memory."""
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
        return _read_blocks(file)

    def drop(self, draft_id: UUID) -> None:
        """Remove the draft. Idempotent. Raises `StoreUnavailable`."""
        with disk_errors():
            self.path(draft_id).unlink(missing_ok=True)
        with self._hash_states_lock:
            self._hash_states.pop(draft_id, None)

    def list(self) -> Iterator[BlobStat]:
        """Every draft, in no order."""
        for entry in os.scandir(self.folders.make_again(self._folder)):
            draft_id = parse_blob_id(entry.name)
            if draft_id is not None:
                with suppress(FileNotFoundError):
                    yield make_stat(draft_id, entry.stat())

    def path(self, draft_id: UUID) -> Path:
        """The draft's file."""
        return self._folder / str(draft_id)

    def save_hash_state(self, draft_id: UUID, file: GrowingFile) -> None:
        """Keep the state of the hash for the next writer of the draft in this process."""
        digest = file.digest()
        stat = os.fstat(file.descriptor)
        with self._hash_states_lock:
            self._hash_states.pop(draft_id, None)
            if digest is not None and stat.st_size == file.size:
                self._hash_states[draft_id] = _HashState(file.size, stat.st_mtime_ns, digest)
                if len(self._hash_states) > MAX_HASH_STATES:
                    self._hash_states.popitem(last=False)

    def _pop_hash_state(self, draft_id: UUID, stat: os.stat_result) -> "hashlib._Hash | None":
        with self._hash_states_lock:
            state = self._hash_states.pop(draft_id, None)
        unchanged = state is not None and (state.size, state.modified_ns) == (
            stat.st_size,
            stat.st_mtime_ns,
        )
        return state.digest if state is not None and unchanged else None


class DiskDraftWriter:
    """A `DraftWriter` on an open, locked file, which it owns from then on."""

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
        """Remove all but the first `size` bytes, and the hash."""
        file = self._open()
        file.digest()  # waits for the hash of the last block, which another thread may compute
        os.ftruncate(file.descriptor, size)
        os.lseek(file.descriptor, size, os.SEEK_SET)
        self._file = file.after_truncation(size)
        self._durable = min(self._durable, size)

    def sync(self) -> int:
        """Make all bytes durable and return their number. Raises `StorageFull`, `OSError`."""
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

    def commit(self, blob_id: BlobId) -> StoredBlob:
        """Sync the file, link it under the blob's name, sync the folder. Raises as `DraftWriter`
        does.

        The draft is never written again once a blob shares its bytes: its upload is complete.
        """
        file = self._open()
        final = self._drafts.blob_path(blob_id)
        self._drafts.folders.require_store()
        # The grace period of a blob without a row begins now, not with its last byte.
        os.utime(file.descriptor)
        size = self.sync()
        draft = self._drafts.path(self._draft_id)
        digest = file.digest() or _hash_file(draft)
        with self._drafts.space.guard():
            self._drafts.folders.make(final.parent)
            self._link(draft, final)
        return StoredBlob(size=size, sha256=digest.hexdigest())

    def _link(self, draft: Path, final: Path) -> None:
        try:
            link_durably(draft, final)
        except FileNotFoundError:
            raise DraftBusy from None
        if not has_name(self._open().descriptor, final):
            final.unlink()
            raise DraftBusy  # another writer has taken the draft over

    def close(self) -> None:
        """Let another writer have the draft."""
        if self._file is None:
            return
        file, self._file = self._file, None
        self._drafts.life.end(file.descriptor)
        try:
            self._drafts.save_hash_state(self._draft_id, file)
        finally:
            with suppress(OSError):  # `sync` has reported every failure that matters
                os.close(file.descriptor)

    def _open(self) -> GrowingFile:
        if self._file is None:
            raise ValueError("this draft was closed already")
        return self._file


def make_stat(blob_id: BlobId, stat: os.stat_result) -> BlobStat:
    """The `BlobStat` of a file's status."""
    return BlobStat(blob_id, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def parse_blob_id(name: str) -> BlobId | None:
    """The id in a file's name; None if no store wrote the file."""
    try:
        blob_id = UUID(name)
    except ValueError:
        return None
    return BlobId(blob_id) if str(blob_id) == name else None


def _hash_file(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    for block in _read_blocks(path.open("rb", buffering=0)):
        digest.update(block)
    return digest


def _read_blocks(file: FileIO) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK_BYTES):
            yield block
