"""What an installation cannot do now, or not at all: its store, its database, its start."""

from dataclasses import dataclass
from uuid import UUID

from entrepot.errors.base import EntrepotError
from entrepot_client.counts import counted


@dataclass(eq=False)
class ShuttingDown(EntrepotError):
    """The server is being stopped and takes no new uploads."""

    retry_after: int = 5


@dataclass(eq=False)
class BlobMissing(EntrepotError):
    """Bytes that the database names are not in the store: an operator must look (`doctor`)."""

    blob_id: UUID


@dataclass(eq=False)
class BlobDamaged(EntrepotError):
    """Bytes in the store are not those that the database has recorded: an operator must look."""

    blob_id: UUID


@dataclass(eq=False)
class StoreUnavailable(EntrepotError):
    """The store of bytes does not answer, or refuses; `reason` is what it did, for the log.

    `retry_after` is in seconds.
    """

    reason: str
    retry_after: int = 5

    def __str__(self) -> str:
        return f"{self.detail} {self.reason}."

    @property
    def detail(self) -> str:
        """Without the reason, which may name places of the operator."""
        return "The store of bytes does not answer now."


@dataclass(eq=False)
class DatabaseUnavailable(EntrepotError):
    """The database does not answer now. Only an answer: inside a transaction the driver's own error
    is raised, whose outcome is unknown. `retry_after` is in seconds."""

    retry_after: int = 5

    def __str__(self) -> str:
        return "The database does not answer now. What was not answered may be sent again."


@dataclass(eq=False)
class StartRefused(EntrepotError):
    """The server or a command cannot start; `reason` says what to do."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class BackupFailed(EntrepotError):
    """Bytes that the database names are missing or damaged, so no consistent back-up exists."""

    blob_id: UUID
    reason: str

    def __str__(self) -> str:
        return (
            f"Blob {self.blob_id} {self.reason}. No snapshot was made. Run `entrepot doctor "
            "--deep`, which names the file that it belongs to."
        )


@dataclass(eq=False)
class SweepStopped(EntrepotError):
    """A sweep would remove too many blobs: the database is wrong or incomplete, or many are lost.

    `orphans` of the `blobs` in the store have no row; `limit` is how many may be removed.
    """

    orphans: int
    blobs: int
    limit: int

    def __str__(self) -> str:
        return (
            f"The database names no owner of {self.orphans:,} of the {counted(self.blobs, 'blob')} "
            "in the "
            f"store. A sweep removes at most {self.limit:,} of them, so it removed none. Check "
            "that ENTREPOT_DATABASE is the database of this data folder. If it is, run "
            f"`entrepot admin sweep --max-orphans {self.orphans}`."
        )
