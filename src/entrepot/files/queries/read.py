"""Read one file and what was published of it; `files.queries.lists` has the lists."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, select

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId
from entrepot.db.tables import (
    accounts,
    derivatives,
    files,
    inspections,
    schema_revisions,
    users,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot.errors import NoPublishedVersion, NotFound, VersionWithdrawn
from entrepot.files.derivative_space import EAGER
from entrepot.files.drift import without_drift
from entrepot.files.queries.gone import require_not_gone
from entrepot.files.versions import GONE_STATUSES, FileId, PublishedVersion
from entrepot.grants.access import (
    Entitlement,
    Rights,
    access_readable,
    access_visible,
    actor_parameters,
    current_rights,
    expiry_column,
    linked_file,
    require_reading,
    rights_columns,
    rights_from_row,
    visible_files,
    visible_versions,
)
from entrepot.schemas.reading.stated import StatedReading
from entrepot.texts.json_text import JsonText


@dataclass(frozen=True)
class FileRecord:
    """A file as a caller sees it; sizes are bytes. Version figures are the published one's.

    Who may deliver but not read sees none of these, nor when the file was last updated, since that
    tells of others' deliveries. `is_foreign`: it belongs to another account, which shares it.
    """

    id: FileId
    name: str
    name_key: str
    description: str
    user_name: str
    rights: Rights
    size_limit: int
    enforcement: str
    schema: JsonText | None
    reading: StatedReading
    retention: dict[str, int] | None
    created_at: datetime
    updated_at: datetime | None
    version: int | None
    size: int | None
    media_type: str | None
    sha256: str | None
    row_count: int | None
    is_foreign: bool = False
    account: str = ""
    path: str | None = None

    @property
    def address(self) -> str | None:
        """`account/path`, by which its newest version is read and delivered to."""
        return f"{self.account}/{self.path}" if self.path is not None else None

    @property
    def entitlement(self) -> Entitlement:
        """What the caller may do with it."""
        return self.rights.entitlement


@dataclass(frozen=True)
class Findings:
    """What an inspection found: the report, the profile and the schema as JSON documents.

    `reads`: the actor may read the file; else `deliverer_report` says what of the report is theirs.
    `columns` is the profile's part that is measured after the publication, None before;
    `derivative` is the state of the Parquet that it is measured from, None where there is none,
    and `derivative_error` why it could not be made.
    """

    version: int
    report: JsonText
    profile: JsonText
    schema: JsonText | None
    columns: JsonText | None
    reads: bool
    derivative: str | None
    derivative_error: dict[str, Any] | None


def get_file(conn: ReadConnection, actor: Actor, file_id: UUID) -> FileRecord:
    """One file that the actor may see, its schema included. Raises NotFound."""
    values = {**actor_parameters(actor), "file_id": file_id}
    row = conn.execute(_file_query(actor.is_admin), values).one_or_none()
    if row is None:
        raise NotFound
    current_rights(actor, row)
    return file_from_row(row, actor)


def profile_members(findings: Findings) -> dict[str, Any]:
    """What the profile says besides what is stored of it: the columns once they are measured, and
    the state of their measurement before that."""
    document: dict[str, Any] = {"version": findings.version}
    document["columns"] = findings.columns or []
    document["columns_pending"] = findings.columns is None and findings.derivative == "pending"
    derivative: dict[str, Any] = {"status": findings.derivative or "none"}
    if findings.derivative == "failed" and findings.derivative_error:
        derivative["error"] = findings.derivative_error
    document["derivative"] = derivative
    return document


def get_published(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None = None
) -> PublishedVersion:
    """A published version for a download, the newest by default.

    Raises NotFound, also for a number that was not published, NotAllowed, NoPublishedVersion,
    VersionWithdrawn and VersionDeleted.
    """
    values: dict[str, Any] = {**actor_parameters(actor), "file_id": file_id}
    if number is not None:
        values["number"] = number
    query = _published_query(actor.is_admin, actor.link is not None, number is not None)
    row = conn.execute(query, values).one_or_none()
    if row is None:
        raise NotFound
    rights = current_rights(actor, row)
    require_reading(rights)
    if row.id is None:
        require_not_gone(conn, file_id, number)
        raise NotFound if number is not None else NoPublishedVersion
    return published_from_row(actor, file_id, row, None if rights.manages else row.granted_until)


def published_from_row(
    actor: Actor, file_id: UUID, row: Row[Any], until: datetime | None = None
) -> PublishedVersion:
    """What a download needs, of a row with a version's columns and its file's `name`."""
    return PublishedVersion(
        file_id=FileId(file_id),
        account_id=AccountId(row.account_id),
        reader=actor,
        blob_id=BlobId(row.id),
        number=row.number,
        file_name=row.name,
        size=row.size,
        sha256=row.sha256,
        media_type=row.media_type,
        published_at=row.decided_at,
        until=until,
    )


def get_profile_findings(
    conn: ReadConnection, actor: Actor, file_id: UUID, version: int | None = None
) -> Findings:
    """As `get_findings`, for their part that shows what is in a version. Raises NotAllowed too."""
    access_readable(conn, actor, file_id)
    return get_findings(conn, actor, file_id, version)


def get_findings(
    conn: ReadConnection, actor: Actor, file_id: UUID, version: int | None = None
) -> Findings:
    """Report and profile of a version, the newest inspected one by default, of those that the actor
    may see. Raises NotFound, VersionWithdrawn, VersionDeleted."""
    target = access_visible(conn, actor, file_id)
    eager = and_(derivatives.c.version_id == versions.c.id, derivatives.c.form == EAGER)
    query = (
        select(inspections, versions.c.number, derivatives.c.status, derivatives.c.error)
        .join(versions, versions.c.id == inspections.c.version_id)
        .outerjoin(derivatives, eager)
        .where(versions.c.file_id == file_id, versions.c.status.not_in(GONE_STATUSES))
        .where(visible_versions(target))
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    if version is not None:
        query = query.where(versions.c.number == version)
    row = conn.execute(query).one_or_none()
    if row is None:
        if target.rights.reads:
            require_not_gone(conn, file_id, version)
        raise NotFound
    return Findings(
        version=row.number,
        report=row.report,
        profile=row.profile,
        schema=row.schema,
        columns=row.columns,
        reads=target.rights.reads,
        derivative=row.status,
        derivative_error=row.error,
    )


def deliverer_report(report: dict[str, Any]) -> dict[str, Any]:
    """A report as it is for who may deliver to the file and not read it: they learn nothing of its
    other versions. Whether another dialect is suggested depends on what the current version holds.
    """
    changes = report.get("suggested", {}).get("changes", [])
    if any(change["pointer"].startswith("/dialect/") for change in changes):
        report = {name: value for name, value in report.items() if name != "suggested"}
    return without_drift(report)


def find_newest_findings(
    conn: ReadConnection, actor: Actor, file_id: UUID, version: int | None = None
) -> Findings | None:
    """As `get_findings` of a version, by default the newest inspected; None if there are none."""
    try:
        return get_findings(conn, actor, file_id, version)
    except (NotFound, VersionWithdrawn):
        return None


def find_current_schema(conn: ReadConnection, actor: Actor, file_id: UUID) -> JsonText | None:
    """The schema that was inferred for the file's current version, None if there is none, or for
    who may not read it. Raises NotFound."""
    if not access_visible(conn, actor, file_id).rights.reads:
        return None
    query = (
        select(inspections.c.schema)
        .join(versions, versions.c.id == inspections.c.version_id)
        .join(files, _is_current())
        .where(files.c.id == file_id)
    )
    return conn.scalar(query)


def file_rows(with_schema: bool) -> Select[Any]:
    """The rows that `file_from_row` reads; `actor_parameters` fills in who looks."""
    columns: list[Any] = [
        files,
        users.c.name.label("user"),
        accounts.c.name.label("account"),
        versions.c.number,
        versions.c.size,
        versions.c.media_type,
        versions.c.sha256,
        versions.c.row_count,
        *rights_columns(),
    ]
    if with_schema:
        newest = (
            select(schema_revisions.c.schema)
            .where(schema_revisions.c.file_id == files.c.id)
            .order_by(schema_revisions.c.revision.desc())
            .limit(1)
        )
        columns.append(newest.scalar_subquery().label("schema"))
    return (
        select(*columns)
        .join(users, users.c.id == files.c.owner_id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(versions, _is_current())
    )


def file_from_row(row: Row[Any], actor: Actor) -> FileRecord:
    """What an actor sees of a file."""
    rights = rights_from_row(actor, row)
    can_read = rights.reads
    return FileRecord(
        id=FileId(row.id),
        name=row.name,
        name_key=row.name_key,
        description=row.description,
        user_name=f"{row.account}:{row.user}",
        rights=rights,
        size_limit=row.size_limit,
        enforcement=row.enforcement,
        schema=getattr(row, "schema", None),
        reading=StatedReading(row.dialect, row.encoding),
        retention=row.retention,
        created_at=row.created_at,
        updated_at=row.updated_at if can_read else None,
        version=row.number if can_read else None,
        size=row.size if can_read else None,
        media_type=row.media_type if can_read else None,
        sha256=row.sha256 if can_read else None,
        row_count=row.row_count if can_read else None,
        is_foreign=row.account_id != actor.account_id,
        account=row.account,
        path=row.path,
    )


# Statements are built once for each of their shapes (see `grants.access.visible_files`).


@cache
def _file_query(is_admin: bool) -> Select[Any]:
    return file_rows(with_schema=True).where(
        files.c.id == bindparam("file_id"), visible_files(is_admin)
    )


@cache
def _published_query(is_admin: bool, has_link: bool, numbered: bool) -> Select[Any]:
    visible = linked_file() if has_link else visible_files(is_admin)
    return (
        select(
            files.c.name,
            files.c.account_id,
            files.c.owner_id,
            *rights_columns(),
            expiry_column(),
            versions.c.id,
            versions.c.number,
            versions.c.size,
            versions.c.sha256,
            versions.c.media_type,
            versions.c.decided_at,
        )
        .outerjoin(versions, _has_number() if numbered else _is_current())
        .where(files.c.id == bindparam("file_id"), visible)
    )


def _is_current() -> Any:
    return and_(
        versions.c.file_id == files.c.id,
        versions.c.number == files.c.current_version,
        versions.c.status == "published",
    )


def _has_number() -> Any:
    return and_(
        versions.c.file_id == files.c.id,
        versions.c.number == bindparam("number"),
        versions.c.status == "published",
    )
