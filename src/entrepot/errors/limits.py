"""Exceeded limits: sizes, quotas, disks, counts. All sizes are bytes."""

from dataclasses import dataclass

from entrepot.errors.base import EntrepotError
from entrepot_client.counts import counted


@dataclass(eq=False)
class FileTooLarge(EntrepotError):
    """The delivery is larger than the file's own limit."""

    limit: int
    requested: int

    def __str__(self) -> str:
        return (
            f"The file's size limit is {counted(self.limit, 'byte')}; "
            f"the delivery has at least {self.requested:,}."
        )


@dataclass(eq=False)
class QuotaExceeded(EntrepotError):
    """The delivery does not fit into the account's quota; or `requested` is 0, and there is no room
    for more metadata (descriptions, schemas, reports, the record of changes)."""

    limit: int
    used: int
    reserved: int
    requested: int
    metadata: int = 0

    def __str__(self) -> str:
        return (
            f"The account's quota is {counted(self.limit, 'byte')}, of which {self.used:,} are "
            f"used, {self.reserved:,} are reserved by running uploads, and {self.metadata:,} are "
            f"used by metadata; this needs {self.requested:,}."
        )


@dataclass(eq=False)
class OwnerQuotaExceeded(EntrepotError):
    """The delivery does not fit into the quota of the account that owns the file.

    Another account delivers it, and may not see the figures of the owner's account.
    """

    requested: int

    def __str__(self) -> str:
        return (
            "The account that owns the file has no room in its quota for the "
            f"{counted(self.requested, 'byte')} that this needs."
        )


@dataclass(eq=False)
class QuotaTooSmall(EntrepotError):
    """A new quota is lower than what the account already uses."""

    requested: int
    used: int
    reserved: int

    def __str__(self) -> str:
        return (
            f"A quota of {counted(self.requested, 'byte')} is less than the "
            f"{counted(self.used + self.reserved, 'byte')} that the account uses and reserves now."
        )


@dataclass(eq=False)
class SizeLimitTooSmall(EntrepotError):
    """A file's new size limit is lower than the size of its current version."""

    requested: int
    file_size: int
    version: int

    def __str__(self) -> str:
        return (
            f"A limit of {counted(self.requested, 'byte')} is too small: version {self.version}, "
            f"the current one, has {counted(self.file_size, 'byte')}."
        )


@dataclass(eq=False)
class SharesNotAccepted(EntrepotError):
    """The receiver has not accepted files of this account, which shares as many with them, or
    offers as many to them, as it may until then."""

    limit: int

    def __str__(self) -> str:
        return (
            f"{counted(self.limit, 'file')} of your account are shared with this receiver or "
            "offered to them, and they have not accepted your account yet."
        )


@dataclass(eq=False)
class TooManyUploads(EntrepotError):
    """The account has its maximum of concurrent uploads."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'upload')} under way, as many as it may have at "
            "once."
        )


@dataclass(eq=False)
class TooManySchemas(EntrepotError):
    """The account has its maximum of contracts that are being parsed or wait for it."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'contract')} being parsed, as many as it may "
            "have."
        )


@dataclass(eq=False)
class TooManyStreams(EntrepotError):
    """The account has its maximum of open event streams."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'event stream')} open, as many as it may have "
            "at once."
        )


@dataclass(eq=False)
class TooManyFormWaits(EntrepotError):
    """The account has its maximum of requests that wait for a form of a version."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'request')} that wait for a format to be made, "
            "as many as it may have at once."
        )


@dataclass(eq=False)
class TooManyDownloads(EntrepotError):
    """The account has its maximum of concurrent large downloads."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'large download')} under way, as many as it may "
            "have at once."
        )


@dataclass(eq=False)
class TooMuchUnread(EntrepotError):
    """One party's answers that it has not read take as much memory as is left for all others:
    `held` bytes."""

    held: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"Answers that you have not read yet take {counted(self.held, 'byte')} of the server's "
            "memory, as much as you may have now."
        )


@dataclass(eq=False)
class AnswerMemoryFull(EntrepotError):
    """Answers that many parties have not read take the memory that there is for them: `limit`
    bytes."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            "Answers that others have not read yet take the memory that this server has for them, "
            f"{counted(self.limit, 'byte')}."
        )


@dataclass(eq=False)
class RateLimited(EntrepotError):
    """Too many requests of one key, or of one address without a valid key.

    A burst of `limit` requests, and as many again in `window` seconds; `retry_after` is seconds.
    """

    policy: str
    limit: int
    window: int
    retry_after: int

    def __str__(self) -> str:
        return (
            f"Requests of this {self.policy} come too fast: it has {self.limit:,} at once, and as "
            f"many again in {counted(self.window, 'second')}. Try again in "
            f"{counted(self.retry_after, 'second')}."
        )


@dataclass(eq=False)
class TooManyBodies(EntrepotError):
    """One address sends too many bodies at once without a valid key."""

    limit: int
    retry_after: int = 5

    def __str__(self) -> str:
        return (
            f"This address sends {counted(self.limit, 'request')} without a valid key at once, and "
            "no more are taken. Let them end, or use a key."
        )


@dataclass(eq=False)
class StorageFull(EntrepotError):
    """The free space of the server's disk has reached the watermark, or a store that does not say
    how much it has takes no more: then there are no figures."""

    free: int | None = None
    reserve: int | None = None

    def __str__(self) -> str:
        if self.free is None:
            return "The server's storage is full. Nothing was stored."
        return (
            f"The server's storage is full: it has {counted(self.free, 'byte')} free, and keeps "
            f"{self.reserve:,} for the database. Nothing was stored."
        )


@dataclass(eq=False)
class DatabaseFull(EntrepotError):
    """The server's database has no more space. Nothing was stored."""


@dataclass(eq=False)
class PreviewTooCostly(EntrepotError):
    """A preview exceeded one of its limits; `bound` is the figure and its unit, in words."""

    bound: str

    def __str__(self) -> str:
        return f"The preview needs more than {self.bound}, which is the limit."


@dataclass(eq=False)
class TooManyPreviews(EntrepotError):
    """The account has its maximum of running and waiting previews."""

    limit: int
    retry_after: int = 1

    def __str__(self) -> str:
        return (
            f"The account has {counted(self.limit, 'preview')} under way, as many as it may have "
            "at once."
        )


@dataclass(eq=False)
class TooManyKeys(EntrepotError):
    """A user may have no further API key."""

    limit: int

    def __str__(self) -> str:
        return f"A user may have {counted(self.limit, 'key')} that are valid at the same time."


@dataclass(eq=False)
class TooManyLinks(EntrepotError):
    """A file may have no further link."""

    limit: int

    def __str__(self) -> str:
        return (
            f"A file may have {counted(self.limit, 'link')} that have neither expired nor been "
            "revoked."
        )
