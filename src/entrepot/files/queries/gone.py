"""Tell who may read a file that a version is gone: withdrawn or deleted, and which one to use."""

from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import VersionDeleted, VersionWithdrawn
from entrepot.grants.access import access_visible, require_reading


def require_not_gone(conn: ReadConnection, file_id: UUID, number: int | None) -> None:
    """Raise VersionWithdrawn or VersionDeleted if version `number` of a file was.

    Without a number: if all versions that were published were withdrawn. The caller has checked
    that the actor may read the file: to everybody else, what is gone is what never was.
    """
    query = (
        select(versions, files.c.current_version)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.file_id == file_id)
    )
    if number is not None:
        query = query.where(versions.c.number == number)
    else:
        withdrawn = versions.c.status == "withdrawn", files.c.current_version.is_(None)
        query = query.where(*withdrawn).order_by(versions.c.number.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    if row is not None and row.status == "withdrawn":
        raise VersionWithdrawn(
            row.number, row.withdrawal_reason or "", row.withdrawn_at, row.current_version
        )
    if row is not None and row.status == "deleted":
        raise VersionDeleted(row.number, row.deleted_at, row.current_version)


def require_kept(conn: ReadConnection, actor: Actor, file_id: UUID, number: int) -> None:
    """Raise what ends a read that is under way: the right to it ended, or the version is gone.

    Who may only deliver still reads of what they delivered themselves: in quarantine, or its
    rejected rows. Raises NotFound, NotAllowed, VersionWithdrawn, VersionDeleted.
    """
    target = access_visible(conn, actor, file_id)
    require_not_gone(conn, file_id, number)
    this_version = versions.c.file_id == file_id, versions.c.number == number
    if conn.scalar(select(versions.c.created_by).where(*this_version)) != actor.user_id:
        require_reading(target.rights)
