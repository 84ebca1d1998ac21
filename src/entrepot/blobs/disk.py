"""Blobs in a folder: `incoming/<id>` while they arrive, `blobs/ab/cd/<id>` once committed.

What no row names is in `trash/<id>` for some days before it is removed.

Bytes that arrive over many requests are in `drafts/<id>` (`blobs.disk_drafts`).

The two letter pairs are the id's first four hex digits: 65,536 folders at most, so that ten million
blobs are about 150 per folder. Empty folders stay: their removal would race with an upload that is
about to use them.
"""

import builtins
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import FileIO
from pathlib import Path

from entrepot.blobs.disk_deletions import DeletionGate
from entrepot.blobs.disk_drafts import DiskDrafts, make_stat, parse_blob_id
from entrepot.blobs.disk_space import DiskSpace, disk_errors
from entrepot.blobs.disk_sync import BLOBS, DurableFolders, link_durably
from entrepot.blobs.disk_write import DiskWriter
from entrepot.blobs.store import (
    BLOCK_BYTES,
    BlobId,
    BlobStat,
    BlobWriter,
    HeldBlobs,
    PresignedHeaders,
    StoredBlob,
)
from entrepot.errors import BlobDamaged, BlobMissing


class DiskStore:
    """A `BlobStore` below one folder of one file system. Any number of processes may share it.

    `reserve` is the watermark in bytes: no upload takes the file system's free space below it.
    """

    def __init__(self, root: Path, reserve: int) -> None:
        """Make the folders, with mode 0700. Raises `OSError`, and `StorageFull`."""
        self._incoming = root / "incoming"
        self._blobs = root / BLOBS
        self._trash = root / "trash"
        self._folders = DurableFolders(root)
        self._deletions = DeletionGate(root, self._folders)
        self._space = DiskSpace(root, reserve)
        self._hashing = ThreadPoolExecutor(os.cpu_count(), "entrepot-hash")
        with self._space.guard():
            for name in ("incoming", BLOBS, "drafts", "trash", "held"):
                self._folders.make(root / name)
        self._folders.require_store()
        self.drafts = DiskDrafts(
            root / "drafts",
            self._incoming,
            self.path,
            self._space,
            self._folders,
            self._hashing,
        )

    def create(self, blob_id: BlobId) -> BlobWriter:
        """Begin a blob in `incoming/`. Raises `StorageFull`, `FileExistsError`, `OSError`."""
        final = self.path(blob_id)
        if final.exists():
            raise FileExistsError(f"blob {blob_id} exists")
        with self._space.guard():
            temporary = self._folders.make_again(self._incoming) / str(blob_id)
            self._space.allowance(0)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600)
        writer = DiskWriter(descriptor, temporary, final, self._space, self._folders, self._hashing)
        try:
            # The lock lives as long as the writer, so the sweep knows slow uploads from dead ones.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            writer.abort()
            raise
        return writer

    def is_full(self) -> bool:
        """Whether the watermark is reached."""
        return self._space.free() < self._space.reserve

    def stat(self, blob_id: BlobId) -> BlobStat | None:
        """Size and time of a committed blob; None where there is none. Raises
        `StoreUnavailable`."""
        try:
            with disk_errors():
                return make_stat(blob_id, self.path(blob_id).stat())
        except FileNotFoundError:
            self._folders.require_store()
            return None

    def read(
        self,
        blob_id: BlobId,
        start: int = 0,
        stop: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        size: int | None = None,
    ) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in blocks. Raises `BlobMissing`."""
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError(f"offsets are not negative: {start}, {stop}")
        try:
            with disk_errors():
                file = self.path(blob_id).open("rb", buffering=0)
        except FileNotFoundError as error:
            self._folders.require_store()
            raise BlobMissing(blob_id=blob_id) from error
        if size is not None and os.fstat(file.fileno()).st_size != size:
            file.close()
            raise BlobMissing(blob_id=blob_id)
        return _read_blocks(file, start, stop, block_bytes)

    def path(self, blob_id: BlobId) -> Path:
        """Where the blob is once committed."""
        return _blob_path(self._blobs, blob_id)

    def presign(self, blob_id: BlobId, seconds: int, headers: PresignedHeaders) -> None:
        """None: clients reach a folder through the server alone."""
        del blob_id, seconds, headers

    @contextmanager
    def borrow(self, blob_id: BlobId, find_recorded: Callable[[], StoredBlob]) -> Iterator[Path]:
        """The blob's own file, without a copy. Raises `BlobMissing`, `BlobDamaged`.

        Its size is checked, not its bytes: `entrepot doctor --deep` reads every one.
        """
        stat = self.stat(blob_id)
        if stat is None:
            raise BlobMissing(blob_id=blob_id)
        if stat.size != find_recorded().size:
            raise BlobDamaged(blob_id=blob_id)
        yield self.path(blob_id)

    def list_copies(self) -> builtins.list[BlobId]:
        """None: what is borrowed is the blob itself."""
        return []

    def drop_copy(self, blob_id: BlobId) -> None:
        """There is none."""

    def link(self, source: BlobId, blob_id: BlobId, size: int | None = None) -> None:
        """A hard link. Raises `BlobMissing`, `StorageFull`, `FileExistsError`, `OSError`."""
        source_path, target_path = self.path(source), self.path(blob_id)
        stat = self.stat(source)
        if stat is None or size not in (None, stat.size):
            raise BlobMissing(blob_id=source)
        with self._space.guard():
            self._folders.make(target_path.parent)
            try:
                # The grace period of a blob without a row begins now; both names share one time.
                os.utime(source_path)
                link_durably(source_path, target_path)
            except FileNotFoundError as error:
                raise BlobMissing(blob_id=source) from error

    def delete(self, blob_id: BlobId) -> None:
        """Remove the blob. Idempotent. Raises `StoreUnavailable`.

        The folder is not synced. A name that reappears after a crash belongs to no row any more,
        and the sweep of blobs without a row removes it.
        """
        with disk_errors():
            self._deletions.delete(self.path(blob_id))

    @contextmanager
    def hold_deletions(self) -> Iterator[HeldBlobs]:
        """Keep the bytes of what is deleted meanwhile, under `held/`."""
        with self._deletions.hold():
            yield DiskHeldBlobs(self._blobs, self._deletions.held)

    def remove_held(self) -> int:
        """Remove what a dead process held; how many blobs."""
        return self._deletions.remove_held()

    def discard(self, blob_id: BlobId) -> None:
        """Rename the blob into `trash/`. The folders are not synced, as in `delete`."""
        with disk_errors(), suppress(FileNotFoundError):
            target = self._folders.make_again(self._trash) / str(blob_id)
            os.utime(self.path(blob_id))
            self.path(blob_id).rename(target)

    def recover(self, blob_id: BlobId) -> None:
        """Link the blob back from `trash/`, durably. Raises `BlobMissing`, `FileExistsError`."""
        source, target = self._trash / str(blob_id), self.path(blob_id)
        with self._space.guard():
            self._folders.make(target.parent)
            try:
                link_durably(source, target)
            except FileNotFoundError as error:
                raise BlobMissing(blob_id=blob_id) from error
            except FileExistsError:
                if not source.exists() or not source.samefile(target):
                    raise  # else it was cut off after the link
        source.unlink(missing_ok=True)

    def list_trash(self) -> Iterator[BlobStat]:
        """Every blob in the trash, in no order."""
        for entry in os.scandir(self._folders.make_again(self._trash)):
            blob_id = parse_blob_id(entry.name)
            with suppress(FileNotFoundError):
                if blob_id is not None:
                    yield make_stat(blob_id, entry.stat())

    def empty_trash(self, older_than: datetime) -> int:
        """Remove what was discarded before `older_than` (aware); how many blobs."""
        removed = 0
        for stat in self.list_trash():
            if stat.modified < older_than:
                (self._trash / str(stat.blob_id)).unlink(missing_ok=True)
                removed += 1
        return removed

    def list(self) -> Iterator[BlobStat]:
        """Every committed blob, in no order."""
        for stat in map(self.stat, list_blob_ids(self._blobs.parent)):
            if stat is not None:  # not deleted since the folder was read
                yield stat

    def sweep_incoming(self, older_than: datetime) -> int:
        """Remove temporary files last written before `older_than` (aware) whose writer is dead.

        A living writer, here or in another process, holds a lock on its file and keeps it, however
        slow it is. Returns the number of removed files.
        """
        cutoff = older_than.timestamp()
        entries = os.scandir(self._folders.make_again(self._incoming))
        return sum(_remove_if_dead(Path(entry), cutoff) for entry in entries)


@dataclass(frozen=True)
class DiskHeldBlobs:
    """Committed blobs, and those deleted since deletions are held."""

    blobs: Path
    held: Path

    def read(self, blob_id: BlobId) -> Iterator[bytes]:
        """The bytes, in blocks of 1 MiB. Raises `BlobMissing`."""
        for path in (_blob_path(self.blobs, blob_id), self.held / str(blob_id)):
            with suppress(FileNotFoundError):
                return _read_blocks(path.open("rb", buffering=0), 0, None)
        raise BlobMissing(blob_id=blob_id)


def count_files(root: Path) -> int:
    """How many files the store below `root` has: blobs, drafts, and those on their way in.

    Unlike `DiskStore`, this makes no folders. Raises `OSError`.
    """
    folders = [*root.glob("blobs/??/??"), root / "drafts", root / "incoming"]
    return sum(len(os.listdir(folder)) for folder in folders if folder.is_dir())


def list_blob_ids(root: Path) -> Iterator[BlobId]:
    """The committed blobs of the store below `root`, in no order. Makes no folders."""
    for folder in root.glob("blobs/??/??"):
        for entry in os.scandir(folder):
            blob_id = parse_blob_id(entry.name)
            if blob_id is not None:
                yield blob_id


@lru_cache(4096)
def _blob_path(folder: Path, blob_id: BlobId) -> Path:
    # Cached: joining the path each time takes 4 % of the time of a small download.
    name = str(blob_id)
    return folder.joinpath(name[:2], name[2:4], name)


def _read_blocks(
    file: FileIO, start: int, stop: int | None, block_bytes: int = BLOCK_BYTES
) -> Iterator[bytes]:
    with file:
        size = os.fstat(file.fileno()).st_size
        end = size if stop is None else min(stop, size)
        while start < end and (
            block := os.pread(file.fileno(), min(block_bytes, end - start), start)
        ):
            start += len(block)
            yield block


def _remove_if_dead(temporary: Path, cutoff: float) -> bool:
    try:
        with temporary.open("rb") as file:
            if os.fstat(file.fileno()).st_mtime >= cutoff:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
            return True
    except (BlockingIOError, FileNotFoundError):
        return False
