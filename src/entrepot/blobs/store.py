"""The interface for bytes at rest: what every store guarantees, wherever its bytes are.

A blob is written once, as a whole, under a random id, and never changed. It exists after
`BlobWriter.commit` returned, and no part of it exists before. Whether anybody may see it is decided
by the database alone. `tests/contracts` checks every store against this interface.
"""

import builtins
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol
from uuid import UUID

BLOCK_BYTES = 1024 * 1024
"""Size of the blocks that `BlobStore.read` yields; only the last block is shorter."""

BlobId = NewType("BlobId", UUID)
"""A random (version 4) UUID: two uploads never get the same id, and none can be guessed."""


@dataclass(frozen=True)
class StoredBlob:
    """The result of a write: `size` in bytes, and the SHA-256 as 64 lower-case hex digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class BlobStat:
    """What a store knows of one blob: `size` in bytes, `modified` in UTC."""

    blob_id: BlobId
    size: int
    modified: datetime


@dataclass(frozen=True)
class PresignedHeaders:
    """What the store answers beside a blob's bytes, to a request of a presigned address."""

    content_type: str
    content_disposition: str
    cache_control: str


class BlobWriter(Protocol):
    """Writes one blob. Used by one thread at a time; ends with `commit` or `abort`.

    After any method raised, no byte of the blob is kept and only `abort` may be called.
    """

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`; the caller may reuse its memory once this returns.

        Blocks of up to 1 MiB are the intended size, but any size works. Raises `StorageFull`.
        """
        ...

    def commit(self) -> StoredBlob:
        """Make the blob durable and readable; it survives a crash from then on.

        Raises `StorageFull`, and `FileExistsError` if the id is taken.
        """
        ...

    def abort(self) -> None:
        """Remove the bytes written so far. Idempotent; after a commit it does nothing."""
        ...


class DraftWriter(Protocol):
    """The only writer of a draft, until `close`. Used by one thread at a time.

    The bytes that it wrote before a failure stay; `size` says how many.
    """

    @property
    def size(self) -> int:
        """Bytes that the draft has now. They are durable after `sync`."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`, all of it or nothing. Raises `StorageFull`."""
        ...

    def truncate(self, size: int) -> None:
        """Remove all but the first `size` bytes."""
        ...

    def sync(self) -> int:
        """Make all bytes durable and return their number. Raises `StorageFull`, `OSError`; the
        bytes that may be lost then are removed."""
        ...

    def commit(self, blob_id: BlobId) -> StoredBlob:
        """Make the whole draft a blob too, durable and readable. The draft stays until `drop`.

        Raises `StorageFull`, and `FileExistsError` if the id is taken.
        """
        ...

    def close(self) -> None:
        """Let another writer open the draft. Idempotent; does not make anything durable."""
        ...


class Drafts(Protocol):
    """Incoming bytes that outlive their requests, under random ids of their own.

    A store without files to append to can implement this too: each `sync` may end a part of a
    multipart upload, whose list it keeps, and `commit` completes it.
    """

    def append(self, draft_id: UUID, turn: int = 0) -> DraftWriter:
        """Open a draft, or begin it if it does not exist.

        All bytes that `size` then reports are durable, however the previous writer ended. Of two
        concurrent callers in one process one gets the draft and the other `DraftBusy`. Of those in
        several processes too, or else the one with the higher `turn` has it, and what the other one
        still writes does not count. Also raises `StorageFull`. A writer's death frees the draft
        immediately; one that gives no sign of life loses it to another caller.
        """
        ...

    def read(self, draft_id: UUID) -> Iterator[bytes]:
        """The draft's bytes so far, in blocks of 1 MiB. Raises `BlobMissing`."""
        ...

    def drop(self, draft_id: UUID) -> None:
        """Remove the draft. Idempotent; blobs committed from it stay."""
        ...

    def list(self) -> Iterator[BlobStat]:
        """Every draft, in no order. Drafts that appear or go meanwhile may be missed."""
        ...


class HeldBlobs(Protocol):
    """The blobs of a store while deletions are held."""

    def read(self, blob_id: BlobId) -> Iterator[bytes]:
        """The bytes of a blob in blocks of 1 MiB, also if it was deleted since. Raises
        `BlobMissing`."""
        ...


class BlobStore(Protocol):
    """A store of blobs. Every method may be called from any thread."""

    @property
    def drafts(self) -> "Drafts":
        """The store of bytes that arrive over many requests and become a blob at the end."""
        ...

    def create(self, blob_id: BlobId) -> BlobWriter:
        """Begin a blob. Raises `StorageFull`, and `FileExistsError` if the id is taken; a store in
        the network says both only as the bytes come to it, at the latest at the commit."""
        ...

    def is_full(self) -> bool:
        """Whether no upload may begin now for want of space."""
        ...

    def stat(self, blob_id: BlobId) -> BlobStat | None:
        """Size and time of a committed blob; None if it does not exist."""
        ...

    def read(
        self,
        blob_id: BlobId,
        start: int = 0,
        stop: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        size: int | None = None,
    ) -> Iterator[bytes]:
        """The bytes from offset `start` up to but without `stop` (the end), in blocks.

        The blob is opened by the call, not by the first step of the iterator: what is open
        can be read to its end even while it is deleted. Offsets beyond the end are cut to it.
        Raises `BlobMissing`, also where the blob does not have `size` bytes if that is known, and
        `ValueError` for negative offsets.
        """
        ...

    def path(self, blob_id: BlobId) -> Path | None:
        """The local file that a download may send without a copy; None if the bytes are elsewhere.

        The file may be missing: the path is computed, not looked up. Everybody else borrows.
        """
        ...

    def presign(self, blob_id: BlobId, seconds: int, headers: PresignedHeaders) -> str | None:
        """An address under which anybody may read the blob, with these headers, for that long.

        None where clients cannot reach the store. Raises `StoreUnavailable`.
        """
        ...

    def borrow(
        self, blob_id: BlobId, find_recorded: Callable[[], StoredBlob]
    ) -> AbstractContextManager[Path]:
        """A local file with exactly the blob's bytes, to read only, for the length of the block.

        A store on a disk gives its own file, whose size it compares with what `find_recorded`
        returns. Another one fetches the bytes, once for all borrowers of this host, and compares
        their SHA-256 too. Raises, on entering the block, `BlobMissing`, `BlobDamaged`, and what
        `find_recorded` raises.
        """
        ...

    def list_copies(self) -> builtins.list[BlobId]:
        """Of which blobs this host has copies for `borrow`, whole or begun; none on a disk."""
        ...

    def drop_copy(self, blob_id: BlobId) -> None:
        """Remove this host's copy of a blob. Idempotent. Who has borrowed it reads it to its end;
        a copy that is being fetched at this moment may stay."""
        ...

    def link(self, source: BlobId, blob_id: BlobId, size: int | None = None) -> None:
        """Make the bytes of `source` available under a second id too, durably, without a copy.

        Both are independent blobs from then on, each deleted on its own. Both get the current time
        as `modified`. Raises `BlobMissing`, also where `source` does not have `size` bytes,
        `StorageFull`, and `FileExistsError` if the id is taken.
        """
        ...

    def delete(self, blob_id: BlobId) -> None:
        """Remove the blob. Idempotent; a missing blob is not an error.

        A crash right after may bring it back, so that it needs a second delete.
        """
        ...

    def hold_deletions(self) -> AbstractContextManager[HeldBlobs]:
        """For the block, keep the bytes of what is deleted, in this and in other processes.

        `delete` works meanwhile and needs no waiting; the bytes go at the end of the block, or at
        a sweep if this process dies. One process at a time: a second one waits.
        """
        ...

    def remove_held(self) -> int:
        """Remove what a dead process held; how many blobs. 0 while deletions are held."""
        ...

    def discard(self, blob_id: BlobId) -> None:
        """Move the blob to the trash. Idempotent; a missing blob is not an error.

        Its time in the trash begins now.
        """
        ...

    def recover(self, blob_id: BlobId) -> None:
        """Move the blob back from the trash. Raises `BlobMissing` if it is not there, and
        `FileExistsError` if the id is taken."""
        ...

    def list_trash(self) -> Iterator[BlobStat]:
        """Every blob in the trash, in no order; `modified` is when it was discarded."""
        ...

    def empty_trash(self, older_than: datetime) -> int:
        """Remove what was discarded before `older_than` (aware), permanently; how many blobs."""
        ...

    def sweep_incoming(self, older_than: datetime) -> int:
        """Remove what writers that died before `older_than` (aware) left, and return their number.

        The bytes of a living writer stay, however slow it is.
        """
        ...

    def list(self) -> Iterator[BlobStat]:
        """Every committed blob, in no order. Blobs that appear or go meanwhile may be missed."""
        ...
