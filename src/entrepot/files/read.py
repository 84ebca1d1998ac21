"""Read files and what was published: lists, one file, the newest version's bytes."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, func, select, tuple_

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.tables import accounts, files, inspections, schema_revisions, users, versions
from entrepot.db.types import Reading
from entrepot.errors import NoPublishedVersion, NotFound
from entrepot.files.versions import FileId, Published
from entrepot.grants.access import (
    Entitlement,
    access_readable,
    entitlement_of,
    sight,
    visible_files,
)


@dataclass(frozen=True)
class File:
    """A file as a caller sees it; sizes are bytes. Version figures are the published one's."""

    id: FileId
    name: str
    description: str
    user_name: str
    entitlement: Entitlement
    size_limit: int
    enforcement: str
    schema: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    version: int | None
    size: int | None
    media_type: str | None
    sha256: str | None
    row_count: int | None


@dataclass(frozen=True)
class Findings:
    """What an inspection found: the report, the profile and the schema as JSON documents."""

    version: int
    report: dict[str, Any]
    profile: dict[str, Any]
    schema: dict[str, Any] | None


def list_files(
    conn: Reading,
    actor: Actor,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
    newest_first: bool = False,
) -> list[File]:
    """Files that the actor may know of, by creation; `after` is the last one of the page before.

    Keyset paging (a condition on the order's columns, no OFFSET) costs the same on any page.
    """
    statement = _list_of(actor.is_admin, newest_first, after is not None)
    values: dict[str, Any] = {**sight(actor), "most": limit}
    if after is not None:
        values["last_moment"], values["last_id"] = after
    return [_file(row, actor) for row in conn.execute(statement, values)]


def get_file(conn: Reading, actor: Actor, file_id: UUID) -> File:
    """One file that the actor may know of, its schema included. Raises NotFound."""
    values = {**sight(actor), "file_id": file_id}
    row = conn.execute(_one(actor.is_admin), values).one_or_none()
    if row is None:
        raise NotFound
    return _file(row, actor)


def count_files(conn: Reading, actor: Actor) -> tuple[int, int, int]:
    """Of the actor's account: files, versions whose bytes are kept, and quarantined ones."""
    mine = actor.account_id
    kept = versions.c.account_id == mine, versions.c.bytes_removed_at.is_(None)
    refused = versions.c.status == "refused"
    return (
        conn.scalar(select(func.count()).where(files.c.account_id == mine)) or 0,
        conn.scalar(select(func.count()).where(*kept)) or 0,
        conn.scalar(select(func.count()).where(*kept, refused)) or 0,
    )


def get_published(conn: Reading, actor: Actor, file_id: UUID) -> Published:
    """The newest published version, for a download. Raises NotFound, NoPublishedVersion."""
    values = {**sight(actor), "file_id": file_id}
    row = conn.execute(_published(actor.is_admin), values).one_or_none()
    if row is None:
        raise NotFound
    if row.id is None:
        raise NoPublishedVersion
    return Published(
        file_id=FileId(file_id),
        blob_id=BlobId(row.id),
        number=row.number,
        file_name=row.name,
        size=row.size,
        sha256=row.sha256,
        media_type=row.media_type,
        published_at=row.decided_at,
    )


def get_findings(
    conn: Reading, actor: Actor, file_id: UUID, version: int | None = None
) -> Findings:
    """Report and profile of a version, the newest inspected one by default. Raises NotFound."""
    access_readable(conn, actor, file_id)
    found = (
        select(inspections, versions.c.number)
        .join(versions, versions.c.id == inspections.c.version_id)
        .where(versions.c.file_id == file_id)
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    if version is not None:
        found = found.where(versions.c.number == version)
    row = conn.execute(found).one_or_none()
    if row is None:
        raise NotFound
    return Findings(row.number, row.report, row.profile, row.schema)


# Statements are built once for each of their shapes (see `grants.access.visible_files`).


@cache
def _list_of(is_admin: bool, newest_first: bool, paged: bool) -> Select[Any]:
    moment, file_id = files.c.created_at, files.c.id
    page = _files(with_schema=False).where(visible_files(is_admin)).limit(bindparam("most"))
    if paged:
        last = tuple_(
            bindparam("last_moment", type_=moment.type), bindparam("last_id", type_=file_id.type)
        )
        key = tuple_(moment, file_id)
        page = page.where(key < last if newest_first else key > last)
    if newest_first:
        return page.order_by(moment.desc(), file_id.desc())
    return page.order_by(moment, file_id)


@cache
def _one(is_admin: bool) -> Select[Any]:
    return _files(with_schema=True).where(
        files.c.id == bindparam("file_id"), visible_files(is_admin)
    )


@cache
def _published(is_admin: bool) -> Select[Any]:
    return (
        select(
            files.c.name,
            versions.c.id,
            versions.c.number,
            versions.c.size,
            versions.c.sha256,
            versions.c.media_type,
            versions.c.decided_at,
        )
        .outerjoin(versions, _current())
        .where(files.c.id == bindparam("file_id"), visible_files(is_admin))
    )


def _current() -> Any:
    return and_(
        versions.c.file_id == files.c.id,
        versions.c.number == files.c.current_version,
        versions.c.status == "published",
    )


def _files(with_schema: bool) -> Select[Any]:
    columns: list[Any] = [
        files,
        users.c.name.label("user"),
        accounts.c.name.label("account"),
        versions.c.number,
        versions.c.size,
        versions.c.media_type,
        versions.c.sha256,
        versions.c.row_count,
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
        .outerjoin(versions, _current())
    )


def _file(row: Row[Any], actor: Actor) -> File:
    return File(
        id=FileId(row.id),
        name=row.name,
        description=row.description,
        user_name=f"{row.account}:{row.user}",
        entitlement=entitlement_of(actor, row.account_id, row.owner_id),
        size_limit=row.size_limit,
        enforcement=row.enforcement,
        schema=getattr(row, "schema", None),
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.number,
        size=row.size,
        media_type=row.media_type,
        sha256=row.sha256,
        row_count=row.row_count,
    )
