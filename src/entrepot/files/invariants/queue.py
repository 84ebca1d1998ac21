"""Check what must always hold of the queue: it has all work that has not ended, and in order."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import derivatives, queue_entries, tasks, versions
from entrepot.db.types import ReadConnection
from entrepot.files.derivatives import pending_runs
from entrepot.tasks.queue import find_unqueued, find_unqueued_tasks


def queue_is_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Work that has not ended is in the queue, and each entry is of a task or a derivation of
    its account; a version's has its place in its file's order, of which one runs at a time."""
    del store, now
    for task_id in find_unqueued_tasks(conn):
        yield f"task {task_id} has not ended, and no worker will ever take it"
    for run_id in find_unqueued(conn, pending_runs(conn)):
        yield f"derivation {run_id} has not ended, and no worker will ever take it"
    has_task = select(tasks.c.id).where(tasks.c.id == queue_entries.c.id).exists()
    has_form = select(derivatives.c.run_id).where(derivatives.c.run_id == queue_entries.c.id)
    ownerless = select(queue_entries.c.id).where(~has_task, ~has_form.exists())
    for entry_id in conn.scalars(ownerless):
        yield f"queue entry {entry_id} belongs to no task and no derivation"
    for table, key in ((tasks, tasks.c.id), (derivatives, derivatives.c.run_id)):
        of_others = select(queue_entries.c.id).join(table, key == queue_entries.c.id)
        elsewhere = table.c.account_id != queue_entries.c.account_id
        for entry_id in conn.scalars(of_others.where(elsewhere)):
            yield f"queue entry {entry_id} is work of another account"
    misplaced = select(versions.c.id).join(
        queue_entries,
        and_(
            queue_entries.c.id == versions.c.task_id,
            or_(
                queue_entries.c.file_id.is_distinct_from(versions.c.file_id),
                queue_entries.c.version.is_distinct_from(versions.c.number),
            ),
        ),
    )
    for version_id in conn.scalars(misplaced):
        yield f"version {version_id} does not wait in the order of its file"
    at_once = (
        select(queue_entries.c.file_id)
        .where(queue_entries.c.state == "running", queue_entries.c.file_id.is_not(None))
        .group_by(queue_entries.c.file_id)
        .having(func.count() > 1)
    )
    for file_id in conn.scalars(at_once):
        yield f"file {file_id} has two versions that are inspected at once"
