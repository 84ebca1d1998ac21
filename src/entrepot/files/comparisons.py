"""Request a comparison of two versions; a task carries it out (`files.processing.compare`).

A comparison shows what is in both versions. So it is for the one who asked for it alone, as long as
they may read both, and it goes when the bytes of either go.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.tables import comparisons, schema_revisions, versions
from entrepot.db.types import ReadConnection, WriteConnection, json_member
from entrepot.errors import NotFound
from entrepot.files.contract import load_terms
from entrepot.files.delivery.quarantine import get_stored
from entrepot.files.processing.cancel import get_visible_task
from entrepot.grants.access import access_readable
from entrepot.inspection.results import Comparison
from entrepot.quotas.reserve import hide_owner_figures
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.tasks.records import TaskId, create_task
from entrepot.texts.json_text import JsonText, to_json_text

COMPARE = "compare.versions"
"""The workflow's name in the queue; part of the task protocol."""
KIND = "version.compare"
"""The kind of its tasks."""


@dataclass(frozen=True)
class VersionPair:
    """Two versions by their numbers, the columns that identify a row (None: the primary key of
    the file's schema, if it has one), and how many rows of each kind to show."""

    before: int
    after: int
    key: tuple[str, ...] | None
    examples: int


def request_comparison(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    pair: VersionPair,
    queue: TaskQueue,
    now: datetime,
) -> TaskId:
    """Have two versions compared: published ones, or quarantined ones that the actor delivered.

    Raises NotFound, also for a version that the actor may not read, and NotAllowed.
    """
    target = access_readable(conn, actor, file_id)
    before, after = (
        get_stored(conn, actor, file_id, number) for number in (pair.before, pair.after)
    )
    key = pair.key
    if key is None:
        key = _primary_key(conn, file_id)
    task_id = TaskId(uuid4())
    insert_row(
        conn,
        comparisons,
        task_id=task_id,
        file_id=file_id,
        before_id=before.blob_id,
        after_id=after.blob_id,
        key=list(key),
        examples=pair.examples,
        created_by=actor.user_id,
    )
    account_id, total = target.account_id, before.size + after.size
    create_task(
        conn, task_id, account_id, actor.user_id, KIND, file_id, version=None, total=total, now=now
    )
    detail = {"before": pair.before, "after": pair.after, "task_id": str(task_id)}
    with hide_owner_figures(actor.account_id, account_id):
        record(conn, account_id, actor, KIND, now, file_id, None, detail)
    queue.enqueue(conn, NewEntry(task_id, COMPARE, account_id, actor.user_id, total), now)
    return task_id


@dataclass(frozen=True)
class FoundComparison:
    """What a task found in two versions of a file; `result` is as it is stored."""

    file_id: UUID
    before: int
    after: int
    result: JsonText


def get_comparison(conn: ReadConnection, actor: Actor, task_id: UUID) -> FoundComparison:
    """What a task found, with the numbers of both versions. Raises NotFound, also for who did not
    ask for it or may not read both versions any more, NotAllowed, VersionWithdrawn and
    VersionDeleted."""
    get_visible_task(conn, actor, task_id)
    numbers = (
        _version_number(column) for column in (comparisons.c.before_id, comparisons.c.after_id)
    )
    before, after = (number.scalar_subquery() for number in numbers)
    query = select(comparisons, before.label("before"), after.label("after")).where(
        comparisons.c.task_id == task_id, comparisons.c.created_by == actor.user_id
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound
    for number in (row.before, row.after):
        get_stored(conn, actor, row.file_id, number)
    if row.result is None:
        raise NotFound
    return FoundComparison(row.file_id, row.before, row.after, row.result)


def comparison_document(stored: FoundComparison) -> dict[str, Any]:
    """All of it, parsed."""
    header = {"file_id": str(stored.file_id), "before": stored.before, "after": stored.after}
    result = json.loads(stored.result)
    return {**header, "same": Comparison(**result).same, **result}


def comparison_text(stored: FoundComparison) -> JsonText:
    """`comparison_document` as JSON."""
    return to_json_text(comparison_document(stored))


def _primary_key(conn: ReadConnection, file_id: UUID) -> tuple[str, ...]:
    """The primary key of the file's schema; empty without one."""
    revision = load_terms(conn, file_id).revision
    this_revision = schema_revisions.c.file_id == file_id, schema_revisions.c.revision == revision
    member = json_member(schema_revisions.c.schema, "primaryKey")
    text = conn.scalar(select(member).where(*this_revision))
    key = json.loads(text) if text is not None else ()
    return (key,) if isinstance(key, str) else tuple(key)


def _version_number(version_id: Any) -> Any:
    return select(versions.c.number).where(versions.c.id == version_id)
