"""The seam for bytes at rest: what every store promises, wherever its bytes live.

A blob is written once, whole, under a random id, and never changed. It is there after
`BlobWriter.commit` returned and in no part before; whether anybody may know of it is decided
by the database alone. `tests/contracts` holds every store to what is said here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol
from uuid import UUID

BLOCK = 1024 * 1024
"""Bytes in a block that `BlobStore.read` yields; only the last block is shorter."""

BlobId = NewType("BlobId", UUID)
"""A random (version 4) UUID: two uploads never meet under one id, and none can be guessed."""


@dataclass(frozen=True)
class Stored:
    """What was written: `size` in bytes, and the SHA-256 as 64 lower-case hex digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class BlobStat:
    """What a store knows of one blob: `size` in bytes, `modified` in UTC."""

    blob_id: BlobId
    size: int
    modified: datetime


class BlobWriter(Protocol):
    """One blob on its way in. Used by one thread at a time; ends with `commit` or `abort`.

    After any method raised, nothing of the blob is kept and only `abort` may be called.
    """

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`; it may be reused by the caller once this returns.

        Blocks of up to 1 MiB are the intended size, any size is right. Raises `StorageFull`.
        """
        ...

    def commit(self) -> Stored:
        """Make the blob durable and readable; it survives a crash from here on.

        Raises `StorageFull`, and `FileExistsError` where the id is taken.
        """
        ...

    def abort(self) -> None:
        """Drop what was written. Idempotent; after a commit it does nothing."""
        ...


class DraftWriter(Protocol):
    """The one writer of a draft, until `close`. Used by one thread at a time.

    What it wrote before a failure stays, and the caller asks `size` how much that is.
    """

    @property
    def size(self) -> int:
        """Bytes that the draft has now, all of them told by this writer; durable after `sync`."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`, all of it or nothing. Raises `StorageFull`."""
        ...

    def truncate(self, size: int) -> None:
        """Forget what lies beyond the first `size` bytes."""
        ...

    def sync(self) -> int:
        """Make all bytes durable; their number. Raises `StorageFull`, `OSError`, and has forgotten
        by then what may be lost."""
        ...

    def commit(self, blob_id: BlobId) -> Stored:
        """Make the whole draft a blob too, durable and readable. The draft stays until `drop`.

        Raises `StorageFull`, and `FileExistsError` where the id is taken.
        """
        ...

    def close(self) -> None:
        """Let another writer have the draft. Idempotent; promises nothing of what was written."""
        ...


class Drafts(Protocol):
    """Bytes on their way in that outlive their requests, under random ids of their own.

    A place that has no files to append to fulfils this too: each `sync` may end a part of a
    multipart upload, whose list it keeps, and `commit` completes it.
    """

    def append(self, draft_id: UUID) -> DraftWriter:
        """Open a draft, which is begun if there is none.

        All that `size` then says is durable, whatever became of the writer before. Of two who ask,
        in this process or another, one gets it: raises `DraftBusy`; and `StorageFull`.
        A writer's death frees the draft at once.
        """
        ...

    def read(self, draft_id: UUID) -> Iterator[bytes]:
        """The draft's bytes so far, in blocks of 1 MiB. Raises `BlobMissing`."""
        ...

    def drop(self, draft_id: UUID) -> None:
        """Remove the draft. Idempotent; blobs that were made of it stay."""
        ...

    def list(self) -> Iterator[BlobStat]:
        """Every draft, in no order; those that come or go meanwhile may be missed."""
        ...


class BlobStore(Protocol):
    """A place for blobs. Every method may be called from any thread."""

    @property
    def drafts(self) -> "Drafts":
        """The place for bytes that come bit by bit, and are a blob only in the end."""
        ...

    def create(self, blob_id: BlobId) -> BlobWriter:
        """Begin a blob. Raises `StorageFull`, and `FileExistsError` where the id is taken."""
        ...

    def stat(self, blob_id: BlobId) -> BlobStat | None:
        """Size and time of a committed blob; None where there is none."""
        ...

    def read(self, blob_id: BlobId, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from offset `start` up to but without `stop` (the end), in blocks of 1 MiB.

        The blob is opened by the call, not by the first step of the iterator: what is open
        can be read to its end even while it is deleted. Offsets beyond the end are cut to it.
        Raises `BlobMissing`, and `ValueError` for negative offsets.
        """
        ...

    def path(self, blob_id: BlobId) -> Path | None:
        """A local file that holds exactly the blob's bytes; None where they live elsewhere.

        For readers only. The file may be missing: the path is computed, not looked up.
        """
        ...

    def link(self, source: BlobId, blob_id: BlobId) -> None:
        """Have the bytes of `source` under a second id too, durably, without sending them anew.

        Both are blobs like any other from here on: each is deleted by itself. Both were modified
        just now. Raises `BlobMissing`, `StorageFull`, and `FileExistsError` where the id is taken.
        """
        ...

    def delete(self, blob_id: BlobId) -> None:
        """Remove the blob. Idempotent; a blob that is not there is no error.

        A crash right after may bring it back, so that it needs a second delete.
        """
        ...

    def sweep_incoming(self, older_than: datetime) -> int:
        """Remove what writers that died before `older_than` (aware) left; how many there were.

        What a writer that lives has written stays, however slow it is.
        """
        ...

    def list(self) -> Iterator[BlobStat]:
        """Every committed blob, in no order; those that come or go meanwhile may be missed."""
        ...
