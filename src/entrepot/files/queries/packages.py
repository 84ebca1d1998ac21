"""What a Data Package says of published versions: of one file, or the newest of an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, bindparam, cast, func, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import accounts, files, inspections, versions
from entrepot.db.types import ReadConnection, json_member
from entrepot.errors import NotFound
from entrepot.files.queries.read import get_published
from entrepot.grants.access import actor_parameters, readable_files, visible_files
from entrepot.texts.json_text import JsonText

MAX_RESOURCES = 1_000
"""Files of an account that one package describes, those with the first paths and names."""
MAX_DOCUMENT_CHARS = 4_000_000
"""Characters of schemas and dialects in one package: a schema may have a million."""


@dataclass(frozen=True)
class PackagedVersion:
    """A published version and how it was read; `size` is bytes. Without an inspection or a schema
    it is not a table. `schema` and `read` are stored texts; `read` is how the bytes were read."""

    file_id: UUID
    account: str
    path: str | None
    name: str
    description: str
    number: int
    size: int
    sha256: str
    media_type: str
    schema: JsonText | None
    dialect: dict[str, Any] | None
    encoding: str | None
    read: JsonText | None


def get_packaged(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None
) -> PackagedVersion:
    """A published version of a file, the newest by default. Raises as `get_published` does."""
    published = get_published(conn, actor, file_id, number)
    row = conn.execute(_versions().where(versions.c.id == published.blob_id)).one()
    return _packaged(row, _load_documents(conn, [row]))


def list_packaged(conn: ReadConnection, actor: Actor, account: str) -> list[PackagedVersion]:
    """The newest versions of the account's files that the actor may read, at most MAX_RESOURCES,
    and the schemas of the first ones, of MAX_DOCUMENT_CHARS together.

    Raises NotFound if there is none: whether the account exists is not shown.
    """
    values = {**actor_parameters(actor), "account": account}
    rows = conn.execute(_account_query(actor.is_admin), values).all()
    documents = _load_documents(conn, rows)
    results = [_packaged(row, documents) for row in rows]
    if not results and account != actor.account:
        raise NotFound
    return results


def _versions() -> Select[Any]:
    """Versions with the length of their documents, which are loaded apart."""
    schema_chars = func.length(cast(inspections.c.schema, Text))
    dialect_chars = func.coalesce(func.length(cast(inspections.c.dialect, Text)), 0)
    return (
        select(
            files.c.id,
            versions.c.id.label("version_id"),
            files.c.path,
            files.c.name,
            files.c.description,
            accounts.c.name.label("account"),
            versions.c.number,
            versions.c.size,
            versions.c.sha256,
            versions.c.media_type,
            versions.c.row_count,
            inspections.c.encoding,
            (schema_chars + dialect_chars).label("document_chars"),
            json_member(inspections.c.profile, "file").label("read"),
        )
        .join(versions, versions.c.file_id == files.c.id)
        .join(accounts, accounts.c.id == files.c.account_id)
        .outerjoin(inspections, inspections.c.version_id == versions.c.id)
    )


@cache
def _account_query(is_admin: bool) -> Select[Any]:
    return (
        _versions()
        .where(
            accounts.c.name == bindparam("account"),
            accounts.c.suspended_at.is_(None),
            versions.c.number == files.c.current_version,
            versions.c.status == "published",
            visible_files(is_admin),
            readable_files(is_admin),
        )
        .order_by(files.c.path_key, files.c.name_key, files.c.id)
        .limit(MAX_RESOURCES)
    )


def _load_documents(conn: ReadConnection, rows: Sequence[Any]) -> dict[UUID, Any]:
    """Schema and dialect of the first tables of `_versions`, by the ids of the versions."""
    chosen, left = [], MAX_DOCUMENT_CHARS
    for row in rows:
        if row.row_count is None or row.document_chars is None:
            continue
        left -= row.document_chars
        if left < 0:
            break
        chosen.append(row.version_id)
    columns = inspections.c.version_id, inspections.c.schema, inspections.c.dialect
    query = select(*columns).where(inspections.c.version_id.in_(chosen))
    return {row.version_id: row for row in conn.execute(query)}


def _packaged(row: Any, documents: dict[UUID, Any]) -> PackagedVersion:
    document = documents.get(row.version_id)
    return PackagedVersion(
        file_id=row.id,
        account=row.account,
        path=row.path,
        name=row.name,
        description=row.description,
        number=row.number,
        size=row.size,
        sha256=row.sha256,
        media_type=row.media_type,
        schema=document.schema if document else None,
        dialect=document.dialect if document else None,
        encoding=row.encoding,
        read=row.read,
    )
