"""Where a store is, before it is opened: what a start compares, without creating anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from entrepot.blobs.disk import DiskStore, count_files, list_blob_ids
from entrepot.blobs.disk_identity import finish_store_copy, read_store_id, write_store_id
from entrepot.blobs.disk_sync import ID_FILE
from entrepot.blobs.store import BlobId, BlobStore


class StoreLocation(Protocol):
    """A place for blobs. `str()` is its address; `id_name` is where it says whose it is."""

    @property
    def id_name(self) -> str:
        """The file or the object that has the id of the installation."""
        ...

    def read_id(self) -> UUID | None:
        """The id of the installation that the store belongs to; None if it has none.

        Creates nothing. Raises `UnfinishedCopy` while a move copies into it, `ValueError` if what
        is there is not an id, `StoreUnavailable`, `OSError`.
        """
        ...

    def write_id(self, installation_id: UUID, unfinished: bool = False) -> None:
        """Make the store that installation's, durably; with `unfinished` nothing may use it before
        `finish_copy`. Raises `StoreUnavailable`, `OSError`."""
        ...

    def finish_copy(self, installation_id: UUID) -> None:
        """Let the copy be used, durably. Idempotent. Raises `StoreUnavailable`, `OSError`."""
        ...

    def count_files(self) -> int:
        """How many files or objects it has: blobs, drafts, those on their way in. Creates
        nothing."""
        ...

    def list_blob_ids(self) -> Iterator[BlobId]:
        """Its committed blobs, in no order. Creates nothing."""
        ...

    def open(self) -> BlobStore:
        """The store. Raises `StoreUnavailable`, `OSError`."""
        ...


@dataclass(frozen=True)
class DiskLocation:
    """A folder. `reserve` bytes of its disk stay free."""

    root: Path
    reserve: int

    def __str__(self) -> str:
        return str(self.root)

    @property
    def id_name(self) -> str:
        """The file with the id."""
        return str(self.root / ID_FILE)

    def read_id(self) -> UUID | None:
        """The id in the folder's file."""
        return read_store_id(self.root)

    def write_id(self, installation_id: UUID, unfinished: bool = False) -> None:
        """Write the folder's file."""
        write_store_id(self.root, installation_id, unfinished)

    def finish_copy(self, installation_id: UUID) -> None:
        """Replace the folder's file."""
        finish_store_copy(self.root, installation_id)

    def count_files(self) -> int:
        """How many files are there."""
        return count_files(self.root)

    def list_blob_ids(self) -> Iterator[BlobId]:
        """The blobs in the folder."""
        return list_blob_ids(self.root)

    def open(self) -> DiskStore:
        """The store in the folder, which is made if it does not exist."""
        return DiskStore(self.root, self.reserve)
