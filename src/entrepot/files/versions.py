"""Versions of a file and the states they pass through."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NewType
from uuid import UUID

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId
from entrepot.schemas.reading.stated import DETECTED, StatedReading
from entrepot.texts.json_text import JsonText

FileId = NewType("FileId", UUID)

VersionStatus = Literal[
    "received", "inspecting", "published", "rejected", "failed", "canceled", "withdrawn", "deleted"
]
UNDO_PERIOD = timedelta(days=7)
"""How long the deletion of a version or a file, or a withdrawal, can be undone. Texts of pages and
problems take the days from here, like those of `QUARANTINE_PERIOD`."""
QUARANTINE_PERIOD = timedelta(days=7)
"""How long the bytes of a rejected or failed version are kept for its sender."""
UNDECIDED_STATUSES: tuple[VersionStatus, ...] = ("received", "inspecting")
QUARANTINED_STATUSES: tuple[VersionStatus, ...] = ("rejected", "failed")
"""Versions that nobody reads and whose bytes are kept for a while for the one who delivered them:
they break the contract, or could not be inspected."""

GONE_STATUSES: tuple[VersionStatus, ...] = ("withdrawn", "deleted")
"""Versions that were published, and that nobody reads any more."""


@dataclass(frozen=True)
class UndecidedVersion:
    """A version that waits for its inspection's verdict, with its file's contract as it stands.

    `size` is bytes; `mode` says how the contract binds, `schema` is its Table Schema as JSON,
    of that `revision` (0: it has none), `frozen` whether it was inferred, `reading` what it states
    of how to read. `restored_from` is the number of the published version whose bytes it has,
    `accepted_from` of the quarantined one whose bytes are to be published anyway; `replaces` of
    the one that it corrects. It was delivered with the link `link_id`, if that is set.
    `current_blob` are the bytes of the file's current version, with `current_rows` data rows. The
    digests are SHA-256, in hex. `cancel_requested`: before its inspection began.
    """

    task_id: UUID
    blob_id: BlobId
    file_id: FileId
    account_id: AccountId
    created_by: UUID
    number: int
    size: int
    file_name: str
    mode: Literal["none", "infer", "given"]
    schema: JsonText | None
    revision: int = 0
    frozen: bool = False
    reading: StatedReading = DETECTED
    restored_from: int | None = None
    accepted_from: int | None = None
    replaces: int | None = None
    link_id: UUID | None = None
    current_blob: BlobId | None = None
    current_size: int = 0
    current_sha256: str = ""
    current_rows: int | None = None
    sha256: str = ""
    cancel_requested: bool = False


@dataclass(frozen=True)
class PublishedVersion:
    """A version that its reader may have: all that a download needs. `size` is bytes.

    `account_id` owns its file, `reader` is who may have it; `form` is `original`, or what was made
    of the version. `until` is when the right to read it may end by itself, without a change; None:
    it does not.
    """

    file_id: FileId
    account_id: AccountId
    reader: Actor
    blob_id: BlobId
    number: int
    file_name: str
    size: int
    sha256: str
    media_type: str
    published_at: datetime
    form: str = "original"
    until: datetime | None = None
