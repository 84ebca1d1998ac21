"""Cancel a task: immediately while it waits, within a second while it runs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select

from entrepot.accounts.actor import AccountId, Actor, LinkedAccess
from entrepot.db.tables import files, tasks, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotFound, TaskFinished
from entrepot.files.processing.compare import cancel_comparison
from entrepot.files.processing.publish import cancel_version
from entrepot.files.processing.validation import cancel_validation, find_validation
from entrepot.files.versions import UndecidedVersion
from entrepot.grants.access import (
    actor_parameters,
    known_files,
    linked_file,
    readable_files,
)
from entrepot.tasks.records import (
    TaskRecord,
    Viewer,
    filter_visible,
    get_task,
    lock_task,
    request_cancel,
)

UPLOAD_KINDS = ("file.new", "version.new", "file.validate")
"""The kinds of tasks that judge what their user brought, and not what is in the file already."""


def actor_to_viewer(actor: Actor) -> Viewer:
    """The actor as one who looks at tasks.

    Who may not read a file (any more) sees of their own tasks those of what they brought: the
    others tell of the content of others. Without the scope `read` a user sees their own tasks
    alone.
    """
    if actor.link is not None:
        return _link_viewer(actor, actor.link)
    own_content = or_(tasks.c.kind.in_(UPLOAD_KINDS), readable_files(actor.is_admin))
    visible = and_(known_files(actor.is_admin), own_content)
    return Viewer(
        actor.user_id,
        actor.account_id,
        actor.is_admin,
        visible,
        actor_parameters(actor),
        only_own="read" not in actor.scopes,
    )


def _link_viewer(actor: Actor, link: LinkedAccess) -> Viewer:
    """Whoever has a link sees the tasks of deliveries that came by it, if they know their ids."""
    delivered = versions.c.task_id == tasks.c.id, versions.c.link_id == link.link_id
    by_link = select(versions.c.id).where(*delivered).correlate(tasks).exists()
    visible = and_(linked_file(), tasks.c.file_id == files.c.id, by_link)
    parameters = actor_parameters(actor)
    return Viewer(link.created_by, link.account_id, False, visible, parameters, only_own=True)


def get_visible_task(conn: ReadConnection, actor: Actor, task_id: UUID) -> TaskRecord:
    """A task that the actor may see. Raises NotFound."""
    task = get_task(conn, actor_to_viewer(actor), task_id)
    if task is None:
        raise NotFound
    return task


def get_visible_ids(conn: ReadConnection, actor: Actor, task_ids: list[UUID]) -> set[UUID]:
    """Those of these tasks that the actor may see."""
    return filter_visible(conn, actor_to_viewer(actor), task_ids)


def cancel_task(conn: WriteConnection, actor: Actor, task_id: UUID, now: datetime) -> TaskRecord:
    """Cancel a task that the actor may see. Raises NotFound, TaskFinished.

    A task that waits ends here; one that runs is ended by its worker. Canceling it again while
    it is being stopped changes nothing.
    """
    lock_task(conn, task_id)
    task = get_visible_task(conn, actor, task_id)
    if task.ended:
        raise TaskFinished(task_status=task.status)
    request_cancel(conn, task_id, now)
    if task.status == "queued":
        check = find_validation(conn, task_id)
        if check is not None:
            cancel_validation(conn, check, now)
        elif not cancel_comparison(conn, task_id, now):
            cancel_version(conn, _load_version(conn, task), now)
    return get_visible_task(conn, actor, task_id)


def _load_version(conn: ReadConnection, task: TaskRecord) -> UndecidedVersion:
    row = conn.execute(
        select(versions, files.c.name)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.task_id == task.id)
    ).one()
    return UndecidedVersion(
        task_id=task.id,
        blob_id=row.id,
        file_id=row.file_id,
        account_id=AccountId(row.account_id),
        created_by=row.created_by,
        number=row.number,
        size=row.size,
        file_name=row.name,
        mode="none",
        schema=None,
    )
