"""The newest delivery to each file of a list, and its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, or_, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection
from entrepot.files.queries.read import FileRecord
from entrepot.files.versions import VersionStatus
from entrepot.grants.access import READABLE_STATUSES


@dataclass(frozen=True)
class NewestVersion:
    """The newest version of a file that the actor may see, with any status."""

    file_id: UUID
    number: int
    status: VersionStatus
    accepted_from: int | None
    created_at: datetime


def list_newest_versions(
    conn: ReadConnection, actor: Actor, records: Sequence[FileRecord]
) -> dict[UUID, NewestVersion]:
    """The newest version of each file, by the file's id; files without one are left out.

    As in a file's list of versions (`grants.access.visible_versions`): who manages the file sees
    all, who reads it what was published and their own, who only delivers their own. Costs a look
    into an index for each file.
    """
    if not records:
        return {}
    values = {
        "managed": [each.id for each in records if each.rights.manages],
        "read": [each.id for each in records if each.rights.reads],
        "actor": actor.user_id,
        "files": [each.id for each in records],
    }
    rows = conn.execute(_newest_query(), values)
    return {row.file_id: NewestVersion(**row._mapping) for row in rows}


@cache
def _newest_query() -> Select[Any]:
    managed = versions.c.file_id.in_(_ids("managed"))
    read = versions.c.file_id.in_(_ids("read"))
    own = versions.c.created_by == bindparam("actor", type_=Uuid())
    delivered = versions.c.restored_from.is_(None), versions.c.accepted_from.is_(None)
    visible = or_(
        managed,
        and_(read, or_(own, versions.c.status.in_(READABLE_STATUSES))),
        and_(own, *delivered),
    )
    newest = (
        select(versions.c.id)
        .where(versions.c.file_id == files.c.id, visible)
        .order_by(versions.c.number.desc())
        .limit(1)
        .correlate(files)
        .scalar_subquery()
    )
    ids = select(newest).where(files.c.id.in_(_ids("files")))
    columns = (
        versions.c.file_id,
        versions.c.number,
        versions.c.status,
        versions.c.accepted_from,
        versions.c.created_at,
    )
    return select(*columns).where(versions.c.id.in_(ids))


def _ids(name: str) -> Any:
    return bindparam(name, type_=Uuid(), expanding=True)
