"""Quarantined versions: their bytes for who delivered them, and the two ways to publish them.

A version is quarantined that was rejected, or that could not be inspected (`failed`). A correction
is delivered that names the version which it replaces; or the file's owner accepts the version as it
is, for a reason that stays on record. Either is a version with a number of its own, and once it is
published the quarantined bytes may go.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.tables import files, inspections, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    FieldInvalid,
    NotAllowed,
    NotFound,
    VersionNotRejected,
)
from entrepot.files.contract import load_terms
from entrepot.files.delivery.deliver import AcceptedDelivery, Origin
from entrepot.files.delivery.restore import RestoreSource, add_copy
from entrepot.files.queries.outcome import ended_quarantine
from entrepot.files.queries.read import get_published, published_from_row
from entrepot.files.versions import QUARANTINED_STATUSES, PublishedVersion
from entrepot.grants.access import (
    Deliverable,
    Manageable,
    access_manageable,
    access_visible,
    can_manage,
    visible_versions,
)
from entrepot.tasks.queue import TaskQueue
from entrepot.texts import check_text

MAX_REASON_CHARS = 1_000
"""Characters."""


@dataclass(frozen=True)
class Quarantine:
    """What the actor may do about a quarantined version whose bytes are kept: have them back, since
    they are the actor's (`is_sender`); accept them. `same_contract`: a suggestion still holds."""

    is_sender: bool
    may_accept: bool
    same_contract: bool


def get_quarantine(
    conn: ReadConnection, actor: Actor, task_id: UUID, now: datetime
) -> Quarantine | None:
    """Of the version that a task judged; None if it is not quarantined, or its bytes are gone.

    The actor may see the task.
    """
    query = (
        select(
            versions.c.created_by,
            files.c.id.label("file_id"),
            files.c.owner_id,
            files.c.account_id,
            inspections.c.revision,
        )
        .join(files, files.c.id == versions.c.file_id)
        .outerjoin(inspections, inspections.c.version_id == versions.c.id)
        .where(
            versions.c.task_id == task_id,
            versions.c.status.in_(QUARANTINED_STATUSES),
            _bytes_kept(now),
        )
        .where(files.c.deleted_at.is_(None))
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Quarantine(
        row.created_by == actor.user_id,
        can_manage(actor, row.account_id, row.owner_id),
        row.revision == load_terms(conn, row.file_id).revision,
    )


def get_stored(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None = None
) -> PublishedVersion:
    """A version that the actor may read: a published one, the newest by default, or a
    quarantined one that they delivered, as long as its bytes are kept.

    Raises NotFound, NotAllowed, NoPublishedVersion.
    """
    try:
        return get_published(conn, actor, file_id, number)
    except (NotFound, NotAllowed) as error:
        version = _find_quarantined(conn, actor, file_id, number) if number is not None else None
        if version is None:
            raise error from None
        return version


def _find_quarantined(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int
) -> PublishedVersion | None:
    target = access_visible(conn, actor, file_id)
    key = versions.c.file_id == file_id, versions.c.number == number, visible_versions(target)
    in_quarantine = versions.c.status.in_(QUARANTINED_STATUSES), _bytes_kept(actor.at)
    own = versions.c.created_by == actor.user_id
    query = select(versions, files.c.name).join(files, files.c.id == versions.c.file_id)
    row = conn.execute(query.where(*key, *in_quarantine, own)).one_or_none()
    return published_from_row(actor, file_id, row, row.keep_until) if row is not None else None


def check_replaced(conn: ReadConnection, target: Deliverable, number: int) -> None:
    """Whether a delivery may be a correction of version `number`: a quarantined one, and the
    actor's own, unless the file is the actor's to manage.

    Raises FieldInvalid, VersionNotRejected.
    """
    row = _find_version(conn, target.file_id, number)
    actor = target.actor
    allowed = row is not None and (target.rights.manages or row.created_by == actor.user_id)
    if row is None or not allowed:
        raise FieldInvalid("replaces", f"names version {number}, which you did not deliver.")
    if row.status not in QUARANTINED_STATUSES:
        raise VersionNotRejected(version=number, version_status=row.status)


def failed_versions(conn: ReadConnection, now: datetime) -> list[Row[Any]]:
    """The versions of all accounts that could not be inspected and are kept, the newest first:
    `file_id`, `number`, `task_id`. For operators."""
    failed = versions.c.status == "failed", _bytes_kept(now)
    query = select(versions.c.file_id, versions.c.number, versions.c.task_id).where(*failed)
    return list(conn.execute(query.order_by(versions.c.decided_at.desc())))


def find_acceptable(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> RestoreSource:
    """The quarantined version that is to be accepted anyway.

    Raises NotFound, NotAllowed, VersionNotRejected, and QuarantineEnded if its bytes are gone.
    """
    access_manageable(conn, actor, file_id)
    return find_quarantined_source(conn, file_id, number, now)


def accept_version(
    conn: WriteConnection,
    target: Manageable,
    number: int,
    blob_id: BlobId,
    reason: str,
    queue: TaskQueue,
    now: datetime,
) -> AcceptedDelivery:
    """Make quarantined version `number`, whose bytes lie under `blob_id` too now, the file's next.

    It will be published whatever its inspection finds; the report continues saying what breaks the
    contract, and the `reason` why that was accepted. The file is locked. Raises as
    `find_acceptable` does, and FileTooLarge, QuotaExceeded.
    """
    source = find_quarantined_source(conn, target.file_id, number, now)
    origin = Origin(accepted_from=number, reason=reason)
    return add_copy(conn, target, source, blob_id, origin, queue, now)


def check_reason(text: str) -> str:
    """A sound reason. Raises FieldInvalid."""
    reason = text.strip()
    if not reason:
        raise FieldInvalid("reason", "is required.")
    return check_text(reason, "reason", MAX_REASON_CHARS, one_line=False)


def find_quarantined_source(
    conn: ReadConnection, file_id: UUID, number: int, now: datetime
) -> RestoreSource:
    """The bytes of a quarantined version of a file that the actor manages.

    Raises NotFound, VersionNotRejected, QuarantineEnded.
    """
    row = _find_version(conn, file_id, number)
    if row is None:
        raise NotFound
    if row.status not in QUARANTINED_STATUSES:
        raise VersionNotRejected(version=number, version_status=row.status)
    if row.bytes_removed_at is not None or row.keep_until <= now:
        raise ended_quarantine(conn, file_id, number)
    return RestoreSource(number, BlobId(row.id), StoredBlob(row.size, row.sha256))


def _find_version(
    conn: ReadConnection, file_id: UUID, number: int
) -> Row[tuple[object, ...]] | None:
    key = versions.c.file_id == file_id, versions.c.number == number
    return conn.execute(select(versions).where(*key)).one_or_none()


def _bytes_kept(now: datetime) -> ColumnElement[bool]:
    return versions.c.bytes_removed_at.is_(None) & (versions.c.keep_until > now)
