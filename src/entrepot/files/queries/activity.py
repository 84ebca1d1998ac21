"""Read the record of activity: a file's, an account's, or what one has done oneself.

What happened to a file is for its owner and the admins of its account: who may only read it must
not learn who else does. What happened in an account is for its admins with the scope `admin`; for
everybody else there is what they did themselves, in whatever account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from entrepot.accounts.actor import Actor
from entrepot.activity.chain import row_to_json
from entrepot.db.tables import activity, files
from entrepot.db.types import ReadConnection
from entrepot.grants.access import access_manageable, actor_parameters, known_files


@dataclass(frozen=True)
class ActivityFilter:
    """Which rows: None leaves a choice open. `since` is included, `until` is not."""

    action: str | None = None
    user_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    file_id: UUID | None = None


@dataclass(frozen=True)
class PageRange:
    """A page: at most `size` rows beyond the number `after`, none above `most`."""

    size: int
    after: int | None = None
    newest_first: bool = True
    most: int | None = None


@dataclass(frozen=True)
class Entry:
    """One row. `number` orders and is told to nobody, since it counts for all accounts; `said` is
    what the hash covers, as JSON."""

    number: int
    at: datetime
    said: dict[str, Any]
    hash: str

    def document(self) -> dict[str, Any]:
        """As it is shown and exported. Without `hash` it is what the hash covers."""
        return {**self.said, "hash": self.hash}


def list_activity(
    conn: ReadConnection, actor: Actor, wanted: ActivityFilter, page_range: PageRange
) -> list[Entry]:
    """What was done in the actor's account, if they administer it, or else by the actor."""
    return _entries(conn, _known(actor), wanted, page_range)


def list_file_activity(
    conn: ReadConnection, actor: Actor, file_id: UUID, wanted: ActivityFilter, page_range: PageRange
) -> list[Entry]:
    """What happened to a file since it belongs to its account. Raises NotFound, NotAllowed."""
    target = access_manageable(conn, actor, file_id)
    of_file = (activity.c.file_id == file_id) & (activity.c.account_id == target.account_id)
    return _entries(conn, of_file, wanted, page_range)


def names_of(conn: ReadConnection, actor: Actor, found: Sequence[Entry]) -> dict[str, str]:
    """The names of the files that rows are about, by id; of those, deleted ones too, that the actor
    knows of."""
    wanted = {UUID(entry.said["file_id"]) for entry in found if entry.said["file_id"]}
    known = known_files(actor.is_admin), files.c.id.in_(wanted)
    rows = conn.execute(select(files.c.id, files.c.name).where(*known), actor_parameters(actor))
    return {str(row.id): row.name for row in rows}


def newest_number(conn: ReadConnection) -> int:
    """The number of the newest row of all: where an export that begins now ends."""
    return conn.scalar(select(func.max(activity.c.id))) or 0


def sees_account(actor: Actor) -> bool:
    """Whether the actor may know all that was done in their account."""
    return actor.is_admin and "admin" in actor.scopes


def _known(actor: Actor) -> ColumnElement[bool]:
    if sees_account(actor):
        return activity.c.account_id == actor.account_id
    return activity.c.user_id == actor.user_id


def _entries(
    conn: ReadConnection, known: ColumnElement[bool], wanted: ActivityFilter, page_range: PageRange
) -> list[Entry]:
    number = activity.c.id
    found = select(activity).where(known, *_chosen(wanted)).limit(page_range.size)
    if page_range.most is not None:
        found = found.where(number <= page_range.most)
    if page_range.after is not None:
        after = page_range.after
        found = found.where(number < after if page_range.newest_first else number > after)
    found = found.order_by(number.desc() if page_range.newest_first else number)
    return [
        Entry(row.id, row.at, row_to_json(row._mapping), row.hash or "")
        for row in conn.execute(found)
    ]


def _chosen(wanted: ActivityFilter) -> list[ColumnElement[bool]]:
    chosen = [
        getattr(activity.c, name) == value
        for name in ("action", "user_name", "file_id")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        chosen.append(activity.c.at >= wanted.since)
    if wanted.until is not None:
        chosen.append(activity.c.at < wanted.until)
    return chosen
