"""Delete versions and files so that it can be undone for 7 days: a tombstone now, the bytes later.

Nothing but rows changes here. The bytes go by the way of all that expires (`files.remove`), and
the quota with them; until then they count, since the deletion can be undone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotFound, NothingToUndo, VersionIsCurrent, VersionNotPublished
from entrepot.files.cleanup.schema_checks import forget_schema_checks
from entrepot.files.paths import claim_path
from entrepot.files.queries.versions_list import Version, get_version
from entrepot.files.versions import UNDECIDED_STATUSES, UNDO_PERIOD, FileId
from entrepot.grants.access import access_deleted, access_manageable, lock_deleted, lock_manageable
from entrepot.grants.file_links import delete_links_of_file

UNDO_MARGIN = timedelta(hours=1)
"""The bytes stay for so much longer than a deletion can be undone: clocks of hosts differ."""
BATCH_FILES = 100
"""Files that one transaction purges, so that others wait for milliseconds."""


@dataclass(frozen=True)
class DeletedFileRecord:
    """A file that nobody finds any more, but whose deletion can be undone until `undo_until`."""

    file_id: FileId
    name: str
    deleted_at: datetime

    @property
    def undo_until(self) -> datetime:
        """Until when its deletion can be undone."""
        return self.deleted_at + UNDO_PERIOD


def delete_version(
    conn: WriteConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> Version:
    """Delete a published version, but never the current one.

    Raises NotFound, NotAllowed, VersionIsCurrent, VersionNotPublished.
    """
    target = lock_manageable(conn, actor, file_id)
    row = get_version_row(conn, file_id, number)
    if row.number == row.current_version:
        raise VersionIsCurrent(version=number)
    if row.status != "published":
        raise VersionNotPublished(version=number, version_status=row.status)
    mark_versions_deleted(conn, [row.id], now)
    record(conn, target.account_id, actor, "version.delete", now, file_id, number)
    return get_version(conn, actor, file_id, number)


def undelete_version(
    conn: WriteConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> Version:
    """Undo the deletion of a version, within 7 days; its file's retention spares it from now on.

    Raises NotFound, NotAllowed, NothingToUndo.
    """
    target = lock_manageable(conn, actor, file_id)
    row = get_version_row(conn, file_id, number)
    if row.status != "deleted":
        raise NothingToUndo(reason=f"Version {number} is {row.status}; it was not deleted.")
    if row.deleted_at + UNDO_PERIOD <= now:
        raise NothingToUndo(reason=f"Version {number} was deleted too long ago.")
    values = {"status": "published", "deleted_at": None, "keep_until": None, "spared": True}
    conn.execute(update(versions).where(versions.c.id == row.id).values(**values))
    # Newer ones may have been withdrawn since.
    renew_current_version(conn, file_id, now)
    record(conn, target.account_id, actor, "version.undelete", now, file_id, number)
    return get_version(conn, actor, file_id, number)


def delete_file(conn: WriteConnection, actor: Actor, file_id: UUID, now: datetime) -> datetime:
    """Delete a file with all its versions: nobody finds it any more. Until when it can be undone.

    Raises NotFound, NotAllowed.
    """
    target = lock_manageable(conn, actor, file_id)
    values = {"deleted_at": now, "updated_at": now, "path_key": None}
    conn.execute(update(files).where(files.c.id == file_id).values(**values))
    record(conn, target.account_id, actor, "file.delete", now, file_id)
    return now + UNDO_PERIOD


def get_deleted_file(
    conn: ReadConnection, actor: Actor, file_id: UUID, now: datetime
) -> DeletedFileRecord:
    """A file whose deletion the actor may undo. Raises NotFound."""
    if access_deleted(conn, actor, file_id, now - UNDO_PERIOD) is None:
        raise NotFound
    row = conn.execute(select(files).where(files.c.id == file_id)).one()
    return DeletedFileRecord(FileId(row.id), row.name, row.deleted_at)


def undelete_file(conn: WriteConnection, actor: Actor, file_id: UUID, now: datetime) -> None:
    """Undo the deletion of a file, within 7 days; later it is what never was.

    Raises NotFound, NotAllowed, NothingToUndo for a file that is there, and PathTaken if another
    file has got its path since.
    """
    target = lock_deleted(conn, actor, file_id, now - UNDO_PERIOD)
    if target is None:
        access_manageable(conn, actor, file_id)
        raise NothingToUndo(reason="The file was not deleted.")
    path = conn.scalar(select(files.c.path).where(files.c.id == file_id))
    path_key = path and claim_path(conn, target.account_id, path, file_id)
    values = {"deleted_at": None, "updated_at": now, "path_key": path_key}
    conn.execute(update(files).where(files.c.id == file_id).values(**values))
    record(conn, target.account_id, actor, "file.undelete", now, file_id)


def mark_versions_deleted(
    conn: WriteConnection, version_ids: Iterable[UUID], now: datetime
) -> None:
    """Make tombstones of versions whose file is locked; their bytes may go once undoing is over."""
    values = {"status": "deleted", "deleted_at": now, "keep_until": now + UNDO_PERIOD + UNDO_MARGIN}
    ids = list(version_ids)
    conn.execute(update(versions).where(versions.c.id.in_(ids)).values(**values))
    forget_schema_checks(conn, ids)


def purge_files(conn: WriteConnection, now: datetime) -> int:
    """Let the bytes of files go whose deletion cannot be undone any more; how many files.

    One of whose versions is not decided waits for that.
    """
    undecided = versions.c.file_id == files.c.id, versions.c.status.in_(UNDECIDED_STATUSES)
    query = select(files.c.id, files.c.account_id).where(
        files.c.deleted_at <= now - UNDO_PERIOD - UNDO_MARGIN,
        files.c.purged_at.is_(None),
        ~select(versions.c.id).where(*undecided).exists(),
    )
    rows = conn.execute(
        query.limit(BATCH_FILES).with_for_update(key_share=True, skip_locked=True)
    ).all()
    for row in rows:
        of_file = versions.c.file_id == row.id
        deleted_values = {"status": "deleted", "deleted_at": now}
        published = versions.c.status == "published"
        conn.execute(update(versions).where(of_file, published).values(**deleted_values))
        has_bytes = versions.c.bytes_removed_at.is_(None)
        conn.execute(update(versions).where(of_file, has_bytes).values(keep_until=now))
        forget_schema_checks(conn, list(conn.scalars(select(versions.c.id).where(of_file))))
        purged_values = {"current_version": None, "current_size": -1, "purged_at": now}
        conn.execute(update(files).where(files.c.id == row.id).values(**purged_values))
        delete_links_of_file(conn, row.id)
        record(conn, row.account_id, None, "file.purge", now, row.id)
    return len(rows)


def renew_current_version(conn: WriteConnection, file_id: UUID, now: datetime) -> None:
    """Make the newest published version the current one; the file is locked."""
    published = versions.c.file_id == file_id, versions.c.status == "published"
    number = conn.scalar(select(func.max(versions.c.number)).where(*published))
    size = conn.scalar(select(versions.c.size).where(*published, versions.c.number == number))
    conn.execute(
        update(files)
        .where(files.c.id == file_id)
        .values(
            current_version=number,
            current_size=-1 if size is None else size,
            withdrawn_at=now if number is None else None,
            updated_at=now,
        )
    )


def get_version_row(conn: ReadConnection, file_id: UUID, number: int) -> Row[Any]:
    """A version's row, with its file's `current_version`. Raises NotFound."""
    query = (
        select(versions, files.c.current_version)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.file_id == file_id, versions.c.number == number)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return row
