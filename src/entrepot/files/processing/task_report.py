"""The report that a task ended with, whatever it judged."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import checks, files, inspections, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.files.processing.cancel import get_visible_task
from entrepot.files.queries.gone import require_not_gone
from entrepot.files.versions import GONE_STATUSES
from entrepot.grants.access import access_visible
from entrepot.texts.json_text import JsonText


@dataclass(frozen=True)
class TaskReport:
    """A report as it is stored; `reads`: the actor may read the file that it is about."""

    report: JsonText
    reads: bool


def get_task_report(conn: ReadConnection, actor: Actor, task_id: UUID) -> TaskReport:
    """The report of a task that the actor may see. Raises NotFound, also where there is none,
    VersionWithdrawn, VersionDeleted, and ScopeMissing: a report shows what was delivered."""
    actor.require_any("read", "write")
    task = get_visible_task(conn, actor, task_id)
    version_report = (
        select(inspections.c.report)
        .join(versions, versions.c.id == inspections.c.version_id)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.task_id == task_id, versions.c.status.not_in(GONE_STATUSES))
        .where(files.c.deleted_at.is_(None))
    )
    in_deleted_file = files.c.id == checks.c.file_id, files.c.deleted_at.is_not(None)
    check_report = select(checks.c.report).where(
        checks.c.task_id == task_id, ~exists().where(*in_deleted_file)
    )
    for query in (version_report, check_report):
        report: JsonText | None = conn.scalar(query)
        if report is not None:
            return TaskReport(report, _reads(conn, actor, task.file_id))
    if task.file_id is not None and task.version and _reads(conn, actor, task.file_id):
        require_not_gone(conn, task.file_id, task.version)
    raise NotFound


def _reads(conn: ReadConnection, actor: Actor, file_id: UUID | None) -> bool:
    """Whether the actor may read the file that a task is about, if it is about one."""
    try:
        return file_id is None or access_visible(conn, actor, file_id).rights.reads
    except NotFound:  # their own delivery to a file that is not shared with them any more
        return False
