"""Files, as they are listed and alone."""

from typing import NotRequired

from typing_extensions import TypedDict

from entrepot.grants.access import Entitlement
from entrepot.http.api.models.values import (
    Bytes,
    Count,
    EncodingName,
    Id,
    Path,
    Sha256,
    TableDialect,
    TableSchema,
    Timestamp,
    UserName,
    VersionNumber,
    answer,
)
from entrepot.http.api.models.versions import VersionException


class FileSummary(TypedDict):
    """A file as it is listed. The figures of the current version are null for a caller who may
    only deliver, and where no version is published."""

    created_at: Timestamp
    entitlement: Entitlement
    file_description: str
    file_id: Id
    file_name: str
    user_name: UserName
    updated_at: Timestamp | None
    version: VersionNumber | None
    file_size: Bytes | None
    file_size_limit: Bytes
    enforce_schema: bool
    media_type: str | None
    sha256: Sha256 | None
    row_count: Count | None
    from_other_account: bool
    path: Path | None


class RetentionRule(TypedDict):
    """How many published versions are kept, or for how many days: one of the two."""

    keep_last: NotRequired[int]
    days: NotRequired[int]


@answer
class FileDetails(FileSummary):
    """A file with its contract. `offered_to` is there for those who manage it."""

    schema: TableSchema | None
    table_dialect: TableDialect | None
    encoding: EncodingName | None
    retention: RetentionRule | None
    exception: VersionException | None
    offered_to: NotRequired[UserName | None]


@answer
class FileList(TypedDict):
    """A page of files."""

    files_list: list[FileSummary]


@answer
class DeletedFile(TypedDict):
    """A file that was deleted, and until when that can be undone."""

    file_id: Id
    undo_until: Timestamp
