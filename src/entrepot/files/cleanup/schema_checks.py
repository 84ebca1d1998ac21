"""Forget what checks of new schemas found, which quote cells of the version that was current."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update

from entrepot.db.tables import checks, tasks, versions
from entrepot.db.types import WriteConnection

FORGOTTEN = "What was found is not kept, since the version that was inspected is gone."


def forget_schema_checks(conn: WriteConnection, version_ids: Collection[UUID]) -> None:
    """Delete the reports of checks of new schemas with these versions, which are gone now.

    Checks of earlier releases do not say which version it was: all of those go that ended since the
    first of the versions was published.
    """
    gone = versions.c.id.in_(list(version_ids))
    since = select(func.min(versions.c.decided_at)).where(gone).scalar_subquery()
    of_version = and_(checks.c.file_id == versions.c.file_id, checks.c.version == versions.c.number)
    unknown = and_(checks.c.version.is_(None), checks.c.decided_at >= since)
    query = (
        select(checks.c.task_id)
        .join(versions, checks.c.file_id == versions.c.file_id)
        .where(gone, checks.c.revision.is_not(None), checks.c.report.is_not(None))
        .where(or_(of_version, unknown))
    )
    for task_id in set(conn.scalars(query)):
        conn.execute(update(checks).where(checks.c.task_id == task_id).values(report=None))
        forget_report(conn, task_id)


def forget_report(conn: WriteConnection, task_id: UUID) -> None:
    """Leave of a task's error only which one it was."""
    this_task = tasks.c.id == task_id
    error = conn.scalar(select(tasks.c.error).where(this_task))
    if error is not None:
        error = {"code": error["code"], "detail": FORGOTTEN}
    conn.execute(update(tasks).where(this_task).values(error=error, has_report=False))
