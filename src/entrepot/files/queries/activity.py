"""Read the record of activity: a file's, an account's, or what the user has done.

What happened to a file is for its owner and the admins of its account: who may only read it must
not learn who else does. What happened in an account is for its admins with the scope `admin`; for
everybody else there is what they did themselves, in whatever account.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from entrepot.accounts.actor import Actor
from entrepot.activity.chain import INITIAL_HASH, row_to_json
from entrepot.db.tables import activity, files
from entrepot.db.types import ReadConnection
from entrepot.grants.access import access_manageable, actor_parameters, known_files

RENAMED_ACTIONS = {"version.refuse": "version.reject"}
"""What an action was called when the older rows were written, which are never rewritten, and what
it is called now: a choice of either finds both."""


@dataclass(frozen=True)
class ActivityFilter:
    """Which rows: None leaves a choice open. `since` is included, `until` is not."""

    action: str | None = None
    user_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    file_id: UUID | None = None


EVERYTHING = ActivityFilter()


@dataclass(frozen=True)
class PageRange:
    """A page: at most `size` rows beyond the number `after`, none above `max_number`.

    `for_export`: where not all rows of an account are asked for, each one comes with the hash of
    the row before it, so that it can be verified alone.
    """

    size: int
    after: int | None = None
    newest_first: bool = True
    max_number: int | None = None
    for_export: bool = False


@dataclass(frozen=True)
class ActivityRow:
    """One row. `number` orders and is shown to nobody, since it counts for all accounts; `fields`
    is what the hash covers, as JSON; `previous_hash` is that of the account's row before it."""

    number: int
    at: datetime
    fields: dict[str, Any]
    hash: str
    previous_hash: str | None = None

    def document(self) -> dict[str, Any]:
        """As it is shown and exported. Without the hashes it is what the hash covers."""
        document = {**self.fields, "hash": self.hash}
        return document | ({"previous_hash": self.previous_hash} if self.previous_hash else {})


def list_activity(
    conn: ReadConnection, actor: Actor, activity_filter: ActivityFilter, page_range: PageRange
) -> list[ActivityRow]:
    """What was done in the actor's account, if they administer it, or else by the actor."""
    if can_see_account(actor) and activity_filter == EVERYTHING:
        page_range = replace(page_range, for_export=False)
    return _load_entries(conn, _visible_rows(actor), activity_filter, page_range)


def list_file_activity(
    conn: ReadConnection,
    actor: Actor,
    file_id: UUID,
    activity_filter: ActivityFilter,
    page_range: PageRange,
) -> list[ActivityRow]:
    """What happened to a file since it belongs to its account. Raises NotFound, NotAllowed."""
    target = access_manageable(conn, actor, file_id)
    of_file = (activity.c.file_id == file_id) & (activity.c.account_id == target.account_id)
    return _load_entries(conn, of_file, activity_filter, page_range)


class KnownFile(NamedTuple):
    """What a list of rows shows of a file."""

    name: str
    path: str | None


def get_known_files(
    conn: ReadConnection, actor: Actor, entries: Sequence[ActivityRow]
) -> dict[str, KnownFile]:
    """The files that rows are about, by id; of those, deleted ones too, that the actor knows of."""
    file_ids = {UUID(entry.fields["file_id"]) for entry in entries if entry.fields["file_id"]}
    conditions = known_files(actor.is_admin), files.c.id.in_(file_ids)
    rows = conn.execute(
        select(files.c.id, files.c.name, files.c.path).where(*conditions), actor_parameters(actor)
    )
    return {str(row.id): KnownFile(row.name, row.path) for row in rows}


def newest_activity_number(conn: ReadConnection) -> int:
    """The number of the newest row of all: where an export that begins now ends."""
    return conn.scalar(select(func.max(activity.c.id))) or 0


def can_see_account(actor: Actor) -> bool:
    """Whether the actor may know all that was done in their account."""
    return actor.is_admin and "admin" in actor.scopes


def _visible_rows(actor: Actor) -> ColumnElement[bool]:
    if can_see_account(actor):
        return activity.c.account_id == actor.account_id
    return activity.c.user_id == actor.user_id


def _load_entries(
    conn: ReadConnection,
    visible: ColumnElement[bool],
    activity_filter: ActivityFilter,
    page_range: PageRange,
) -> list[ActivityRow]:
    number = activity.c.id
    columns: list[Any] = [activity]
    if page_range.for_export:
        columns.append(_previous_hash().label("previous_hash"))
    query = (
        select(*columns).where(visible, *_filter_conditions(activity_filter)).limit(page_range.size)
    )
    if page_range.max_number is not None:
        query = query.where(number <= page_range.max_number)
    if page_range.after is not None:
        after = page_range.after
        query = query.where(number < after if page_range.newest_first else number > after)
    query = query.order_by(number.desc() if page_range.newest_first else number)
    return [
        ActivityRow(
            row.id,
            row.at,
            row_to_json(row._mapping),
            row.hash or "",
            (row.previous_hash or INITIAL_HASH) if page_range.for_export else None,
        )
        for row in conn.execute(query)
    ]


def _previous_hash() -> ScalarSelect[Any]:
    """The hash of the row before `activity`'s row in its account; NULL for the first."""
    before = activity.alias("before")
    return (
        select(before.c.hash)
        .where(before.c.account_id == activity.c.account_id, before.c.id < activity.c.id)
        .order_by(before.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _filter_conditions(activity_filter: ActivityFilter) -> list[ColumnElement[bool]]:
    conditions = [
        getattr(activity.c, name) == value
        for name in ("user_name", "file_id")
        if (value := getattr(activity_filter, name)) is not None
    ]
    if activity_filter.action is not None:
        conditions.append(activity.c.action.in_(_action_names(activity_filter.action)))
    if activity_filter.since is not None:
        conditions.append(activity.c.at >= activity_filter.since)
    if activity_filter.until is not None:
        conditions.append(activity.c.at < activity_filter.until)
    return conditions


def _action_names(action: str) -> list[str]:
    """The names that rows of this kind have."""
    current = RENAMED_ACTIONS.get(action, action)
    return [current, *(old for old, new in RENAMED_ACTIONS.items() if new == current)]
