"""Versions of a file, and the revisions of its schema."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from entrepot.files.queries.revisions import RevisionSource
from entrepot.files.versions import VersionStatus
from entrepot.http.api.models.values import (
    Bytes,
    Count,
    EncodingName,
    Id,
    Sha256,
    TableDialect,
    TableSchema,
    Timestamp,
    UserName,
    VersionNumber,
    answer,
)
from entrepot.schemas.changes import Effect


class WithdrawalDetails(TypedDict):
    """When, why and by whom a version was withdrawn; `purged`: nothing of its content is left."""

    withdrawn_at: Timestamp
    reason: str
    user_name: UserName
    purged: bool


@answer
class VersionDetails(TypedDict):
    """A version of a file, with any status. `link_id` is the link with which it was
    delivered, if it was; then `user_name` is who made that link."""

    version: VersionNumber
    status: VersionStatus
    file_size: Bytes
    sha256: Sha256
    row_count: Count | None
    created_at: Timestamp
    user_name: UserName
    task_id: Id
    restored_from: VersionNumber | None
    accepted_from: VersionNumber | None
    reason: str | None
    replaces: VersionNumber | None
    quarantined_until: Timestamp | None
    undo_until: Timestamp | None
    withdrawal: WithdrawalDetails | None
    link_id: Id | None


@answer
class WithdrawnVersion(VersionDetails):
    """A version that was withdrawn now, and the file's other published ones with its bytes."""

    copies: list[VersionNumber]


@answer
class VersionList(TypedDict):
    """A page of a file's versions, the newest first."""

    versions_list: list[VersionDetails]


class VersionException(TypedDict):
    """Why the current version is published although it breaks the contract."""

    accepted_from: VersionNumber | None
    reason: str | None
    user_name: UserName
    created_at: Timestamp


class SchemaChange(TypedDict):
    """One difference between two schemas."""

    pointer: Annotated[str, Field(description="A JSON pointer (RFC 6901) into the new schema.")]
    change: str
    effect: Effect
    reason: str


class SchemaRevision(TypedDict):
    """A revision of a schema, without the schema; `effect` is null for the first one. `dialect` and
    `encoding` are how deliveries were read; null: that was detected."""

    revision: VersionNumber
    source: RevisionSource
    dialect: TableDialect | None
    encoding: EncodingName | None
    version: VersionNumber | None
    effect: Effect | None
    changes: list[SchemaChange] | None
    user_name: UserName
    created_at: Timestamp


@answer
class FileSchema(TypedDict):
    """A revision of a file's schema, and how deliveries are read. `revision` is null where it has
    none; `schema` is then what was inferred for the current version, null if there is none."""

    revision: VersionNumber | None
    source: NotRequired[RevisionSource]
    dialect: TableDialect | None
    encoding: EncodingName | None
    version: NotRequired[VersionNumber | None]
    effect: NotRequired[Effect | None]
    changes: NotRequired[list[SchemaChange] | None]
    user_name: NotRequired[UserName]
    created_at: NotRequired[Timestamp]
    schema: TableSchema | None
    enforced: bool
    revisions_list: list[SchemaRevision]
