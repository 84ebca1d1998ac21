"""What a Data Package says of published versions: of one file, or the newest of an account."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import accounts, files, inspections, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.files.queries.read import get_published
from entrepot.grants.access import actor_parameters, readable_files, visible_files
from entrepot.texts.json_text import JsonText

MAX_RESOURCES = 1_000
"""Files of an account that one package describes, those with the first paths and names."""


@dataclass(frozen=True)
class PackagedVersion:
    """A published version and how it was read; `size` is bytes. Without an inspection or a schema
    it is not a table. `schema` and `profile` are as they are stored."""

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
    profile: JsonText | None


def get_packaged(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None
) -> PackagedVersion:
    """A published version of a file, the newest by default. Raises as `get_published` does."""
    published = get_published(conn, actor, file_id, number)
    query = _versions().where(versions.c.id == published.blob_id)
    return _packaged(conn.execute(query).one())


def list_packaged(conn: ReadConnection, actor: Actor, account: str) -> list[PackagedVersion]:
    """The newest versions of the account's files that the actor may read, at most MAX_RESOURCES.

    Raises NotFound if there is none: whether the account exists is not shown.
    """
    values = {**actor_parameters(actor), "account": account}
    results = [_packaged(row) for row in conn.execute(_account_query(actor.is_admin), values)]
    if not results and account != actor.account:
        raise NotFound
    return results


def _versions() -> Select[Any]:
    return (
        select(
            files.c.id,
            files.c.path,
            files.c.name,
            files.c.description,
            accounts.c.name.label("account"),
            versions.c.number,
            versions.c.size,
            versions.c.sha256,
            versions.c.media_type,
            versions.c.row_count,
            inspections.c.schema,
            inspections.c.dialect,
            inspections.c.encoding,
            inspections.c.profile,
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


def _packaged(row: Any) -> PackagedVersion:
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
        schema=row.schema if row.row_count is not None else None,
        dialect=row.dialect,
        encoding=row.encoding,
        profile=row.profile,
    )
