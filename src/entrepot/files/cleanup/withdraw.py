"""Withdraw a published version: nobody reads it any more, and readers see why.

Like a deletion it can be undone for 7 days, while the bytes still count; then they go by the way of
all that expires (`files.remove`). With `purge` they go now, and in the same transaction all that
shows what was in them: findings, forms, comparisons, and what the next version's report says of how
it differs. What is kept is the record: who withdrew it, when and why; its size and its SHA-256.

The contract stays as it is, also where its schema was inferred from the version: others deliver and
read by it. Its owner can replace it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections, released_blobs, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NothingToUndo, VersionNotPublished
from entrepot.files.cleanup.delete import (
    UNDO_MARGIN,
    get_version_row,
    renew_current_version,
)
from entrepot.files.cleanup.schema_checks import forget_report, forget_schema_checks
from entrepot.files.drift import RenewedReports, note_drift, note_withdrawal
from entrepot.files.queries.versions_list import Version, get_version
from entrepot.files.remove import delete_comparisons, delete_derivatives
from entrepot.files.versions import GONE_STATUSES, QUARANTINED_STATUSES, UNDO_PERIOD
from entrepot.grants.access import lock_manageable
from entrepot.tasks.records import notify_watchers


@dataclass(frozen=True)
class NewWithdrawal:
    """Why a version is to be withdrawn, and whether its bytes and all that shows them go now."""

    reason: str
    purge: bool


def withdraw_version(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    number: int,
    new: NewWithdrawal,
    prepared: RenewedReports,
    now: datetime,
) -> Version:
    """Withdraw a published version, or purge one that was withdrawn or deleted.

    Readers then get the newest version that is published. Once it is committed, the caller removes
    the bytes of a purged version; if it dies before that, the sweep does.

    Raises NotFound, NotAllowed, VersionNotPublished, DriftNotPrepared.
    """
    target = lock_manageable(conn, actor, file_id)
    row = get_version_row(conn, file_id, number)
    is_late_purge = row.status in GONE_STATUSES and new.purge and not row.purged
    if row.status != "published" and not is_late_purge:
        raise VersionNotPublished(version=number, version_status=row.status)
    keep_until = now if new.purge else now + UNDO_PERIOD + UNDO_MARGIN
    conn.execute(
        update(versions)
        .where(versions.c.id == row.id)
        .values(
            status="withdrawn",
            deleted_at=None,
            withdrawn_at=row.withdrawn_at or now,
            withdrawn_by=actor.user_name,
            withdrawal_reason=new.reason,
            purged=new.purge,
            keep_until=keep_until,
        )
    )
    renew_current_version(conn, file_id, now)
    note_withdrawal(conn, file_id, number, prepared)
    forget_schema_checks(conn, [row.id])
    if new.purge:
        _purge_findings(conn, BlobId(row.id), now)
        _purge_quarantined(conn, file_id, row.sha256, now)
    detail = {"reason": new.reason, "purge": new.purge}
    record(conn, target.account_id, actor, "version.withdraw", now, file_id, number, detail)
    notify_watchers(conn, file_id)
    return get_version(conn, actor, file_id, number)


def undo_withdrawal(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    number: int,
    prepared: RenewedReports,
    now: datetime,
) -> Version:
    """Publish a withdrawn version again, within 7 days; its file's retention spares it from now on.

    Raises NotFound, NotAllowed, NothingToUndo, DriftNotPrepared.
    """
    target = lock_manageable(conn, actor, file_id)
    row = get_version_row(conn, file_id, number)
    if row.status != "withdrawn":
        raise NothingToUndo(reason=f"Version {number} is {row.status}; it was not withdrawn.")
    if row.purged:
        raise NothingToUndo(reason=f"The bytes of version {number} were purged.")
    if row.withdrawn_at + UNDO_PERIOD <= now:
        raise NothingToUndo(reason=f"Version {number} was withdrawn too long ago.")
    conn.execute(
        update(versions)
        .where(versions.c.id == row.id)
        .values(
            status="published",
            withdrawn_at=None,
            withdrawn_by=None,
            withdrawal_reason=None,
            keep_until=None,
            spared=True,
        )
    )
    renew_current_version(conn, file_id, now)
    note_drift(conn, row.id, prepared)
    record(conn, target.account_id, actor, "version.unwithdraw", now, file_id, number)
    return get_version(conn, actor, file_id, number)


def was_withdrawn(conn: ReadConnection, file_id: UUID, number: int | None) -> bool:
    """Whether that version of a file was withdrawn; the file is locked."""
    if number is None:
        return False
    key = versions.c.file_id == file_id, versions.c.number == number
    return conn.scalar(select(versions.c.status).where(*key)) == "withdrawn"


def find_purged_blobs(conn: ReadConnection, version: Version) -> list[BlobId]:
    """The bytes that go with the purge of a version: its own, and the same ones in quarantine."""
    same = versions.c.file_id == version.file_id, versions.c.sha256 == version.sha256
    purged = or_(versions.c.number == version.number, versions.c.status.in_(QUARANTINED_STATUSES))
    return [BlobId(row) for row in conn.scalars(select(versions.c.id).where(*same, purged))]


def find_copies(conn: ReadConnection, version: Version) -> list[int]:
    """The numbers of the file's other versions that have the same bytes still, the newest first:
    published ones, and those of which the deletion or withdrawal can be undone."""
    kept = versions.c.status.in_(("published", *GONE_STATUSES)), ~versions.c.purged
    query = select(versions.c.number).where(
        versions.c.file_id == version.file_id,
        versions.c.number != version.number,
        versions.c.sha256 == version.sha256,
        versions.c.bytes_removed_at.is_(None),
        *kept,
    )
    return list(conn.scalars(query.order_by(versions.c.number.desc())))


def find_other_published(conn: ReadConnection, file_id: UUID, number: int) -> int | None:
    """The newest published version of a file besides one."""
    published = versions.c.file_id == file_id, versions.c.status == "published"
    query = select(func.max(versions.c.number)).where(*published, versions.c.number != number)
    newest: int | None = conn.scalar(query)
    return newest


def _purge_findings(conn: WriteConnection, version_id: BlobId, now: datetime) -> None:
    """Delete what shows the content of a version; its forms' bytes are released."""
    forms = delete_derivatives(conn, version_id)
    if forms:
        released = [{"blob_id": blob_id, "released_at": now} for blob_id in forms]
        conn.execute(insert(released_blobs), released)
    conn.execute(delete(inspections).where(inspections.c.version_id == version_id))
    delete_comparisons(conn, version_id)


def _purge_quarantined(conn: WriteConnection, file_id: UUID, sha256: str, now: datetime) -> None:
    """Delete what shows the same bytes where they were rejected, as before they were accepted."""
    rejected = versions.c.status.in_(QUARANTINED_STATUSES)
    query = select(versions.c.id, versions.c.task_id).where(
        versions.c.file_id == file_id, versions.c.sha256 == sha256, rejected
    )
    for row in conn.execute(query).all():
        _purge_findings(conn, BlobId(row.id), now)
        kept = versions.c.id == row.id, versions.c.keep_until > now
        conn.execute(update(versions).where(*kept).values(keep_until=now))
        forget_report(conn, row.task_id)
