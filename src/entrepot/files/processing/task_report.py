"""The report that a task ended with, whatever it judged."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import checks, files, inspections, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.files.drift import without_drift
from entrepot.files.processing.cancel import get_visible_task
from entrepot.grants.access import access_visible


def get_task_report(conn: ReadConnection, actor: Actor, task_id: UUID) -> dict[str, Any]:
    """The report of a task that the actor may see. Raises NotFound, also where there is none, and
    where what was judged is deleted."""
    get_visible_task(conn, actor, task_id)
    version_report = (
        select(inspections.c.report, versions.c.file_id)
        .join(versions, versions.c.id == inspections.c.version_id)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.task_id == task_id, versions.c.status != "deleted")
        .where(files.c.deleted_at.is_(None))
    )
    version = conn.execute(version_report).one_or_none()
    if version is not None and version.report is not None:
        return _report_for(conn, actor, version.file_id, version.report)
    report: dict[str, Any] | None = conn.scalar(
        select(checks.c.report).where(checks.c.task_id == task_id)
    )
    if report is None:
        raise NotFound
    return report


def _report_for(
    conn: ReadConnection, actor: Actor, file_id: UUID, report: dict[str, Any]
) -> dict[str, Any]:
    """The report as the actor may see it: who may not read the file learns nothing of its other
    versions."""
    try:
        may_read = access_visible(conn, actor, file_id).rights.reads
    except NotFound:
        may_read = False
    return report if may_read else without_drift(report)
