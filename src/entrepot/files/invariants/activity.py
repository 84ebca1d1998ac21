"""Check that every change has its row in the record of activity."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import activity, files, schema_revisions, users, versions
from entrepot.db.types import ReadConnection

DECISIONS = {
    "published": ("version.publish",),
    "withdrawn": ("version.publish",),
    "deleted": ("version.publish",),
    "rejected": ("version.reject", "version.refuse"),
    "failed": ("version.fail",),
    "canceled": ("version.cancel",),
}
"""The activity that records each decision; `version.refuse` is what it was called once, and rows
of the record are never rewritten."""

DELIVERIES = (
    "version.deliver",
    "version.restore",
    "version.accept",
    "version.accept-suggestion",
)
"""The activity that records each version after a file's first."""


def changes_are_recorded(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Every file, user and decision has its activity row."""
    del store, now
    defined = _is_recorded(files.c.id, None, ("file.define",))
    for file_id in conn.scalars(select(files.c.id).where(~defined)):
        yield f"file.define of {file_id} has no activity row"
    delivered = _is_recorded(versions.c.file_id, versions.c.number, DELIVERIES)
    for version_id in conn.scalars(select(versions.c.id).where(versions.c.number > 1, ~delivered)):
        yield f"version.deliver of {version_id} has no activity row"
    for status, actions in DECISIONS.items():
        recorded = _is_recorded(versions.c.file_id, versions.c.number, actions)
        decided = select(versions.c.id).where(versions.c.status == status, ~recorded)
        for version_id in conn.scalars(decided):
            yield f"{actions[0]} of {version_id} has no activity row"
    withdrawn = _is_recorded(versions.c.file_id, versions.c.number, ("version.withdraw",))
    query = select(versions.c.id).where(versions.c.status == "withdrawn", ~withdrawn)
    for version_id in conn.scalars(query):
        yield f"version.withdraw of {version_id} has no activity row"
    yield from _deletions_without_record(conn)
    yield from _schemas_without_record(conn)
    created = select(activity.c.id).where(
        activity.c.action == "user.create", activity.c.account_id == users.c.account_id
    )
    for user_id in conn.scalars(select(users.c.id).where(~created.exists())):
        yield f"user.create of {user_id} has no activity row"


def _is_recorded(file_id: Any, number: Any, actions: tuple[str, ...]) -> Any:
    rows = select(activity.c.id).where(
        activity.c.file_id == file_id, activity.c.action.in_(actions)
    )
    if number is not None:
        rows = rows.where(activity.c.version == number)
    return rows.exists()


def _deletions_without_record(conn: ReadConnection) -> Iterator[str]:
    recorded = _is_recorded(versions.c.file_id, versions.c.number, ("version.delete",))
    file_purged = _is_recorded(versions.c.file_id, None, ("file.purge",))
    query = select(versions.c.id).where(versions.c.status == "deleted", ~recorded, ~file_purged)
    for version_id in conn.scalars(query):
        yield f"version.delete of {version_id} has no activity row"
    for column, action in ((files.c.deleted_at, "file.delete"), (files.c.purged_at, "file.purge")):
        unrecorded = column.is_not(None), ~_is_recorded(files.c.id, None, (action,))
        for file_id in conn.scalars(select(files.c.id).where(*unrecorded)):
            yield f"{action} of {file_id} has no activity row"


def _schemas_without_record(conn: ReadConnection) -> Iterator[str]:
    """Each revision that changed a schema has one activity row of its file."""
    columns = schema_revisions.c.file_id, func.count()
    revisions = select(*columns).where(schema_revisions.c.changes.is_not(None))
    records = select(activity.c.file_id, func.count()).where(activity.c.action == "schema.change")
    revision_counts = {row[0]: row[1] for row in conn.execute(revisions.group_by(columns[0]))}
    record_counts = {row[0]: row[1] for row in conn.execute(records.group_by(activity.c.file_id))}
    for file_id in sorted(revision_counts.keys() | record_counts.keys()):
        if revision_counts.get(file_id, 0) != record_counts.get(file_id, 0):
            yield f"file {file_id}: a schema.change has no activity row, or no revision"
