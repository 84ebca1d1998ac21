"""Refused versions: their bytes for who delivered them, and the two ways out of a refusal.

A correction is delivered that names the version which it replaces; or the file's owner accepts the
refused version as it is, for a reason that stays on record. Either is a version with a number of
its own, and once it is published the refused bytes may go.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    FieldInvalid,
    NotAllowed,
    NotFound,
    QuarantineEnded,
    VersionNotRefused,
)
from entrepot.files.delivery.deliver import Accepted, Origin
from entrepot.files.delivery.restore import RestoreSource, add_copy
from entrepot.files.queries.read import as_delivered, get_published
from entrepot.files.versions import Published
from entrepot.grants.access import (
    Deliverable,
    Manageable,
    access_manageable,
    access_visible,
    can_manage,
    visible_versions,
)
from entrepot.tasks.queue import TaskQueue

LONGEST_REASON = 1_000
"""Characters."""


@dataclass(frozen=True)
class Quarantine:
    """What the actor may do about a refused version whose bytes are kept: have them back, since
    they are the actor's (`mine`); accept them."""

    mine: bool
    may_accept: bool


def quarantine_of(
    conn: ReadConnection, actor: Actor, task_id: UUID, now: datetime
) -> Quarantine | None:
    """Of the version that a task judged; None if it was not refused, or its bytes are gone.

    The actor may see the task.
    """
    found = (
        select(versions.c.created_by, files.c.owner_id, files.c.account_id)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.task_id == task_id, versions.c.status == "refused", _held(now))
        .where(files.c.deleted_at.is_(None))
    )
    row = conn.execute(found).one_or_none()
    if row is None:
        return None
    return Quarantine(
        row.created_by == actor.user_id, can_manage(actor, row.account_id, row.owner_id)
    )


def get_stored(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None = None
) -> Published:
    """A version that the actor may read: a published one, the newest by default, or a refused one
    that they delivered, as long as its bytes are kept.

    Raises NotFound, NotAllowed, NoPublishedVersion.
    """
    try:
        return get_published(conn, actor, file_id, number)
    except (NotFound, NotAllowed) as refusal:
        found = _refused(conn, actor, file_id, number) if number is not None else None
        if found is None:
            raise refusal from None
        return found


def _refused(conn: ReadConnection, actor: Actor, file_id: UUID, number: int) -> Published | None:
    seen = access_visible(conn, actor, file_id)
    this = versions.c.file_id == file_id, versions.c.number == number, visible_versions(seen)
    mine = versions.c.status == "refused", versions.c.created_by == actor.user_id, _held(actor.at)
    found = select(versions, files.c.name).join(files, files.c.id == versions.c.file_id)
    row = conn.execute(found.where(*this, *mine)).one_or_none()
    return as_delivered(actor, file_id, row, row.keep_until) if row is not None else None


def check_replaced(conn: ReadConnection, target: Deliverable, number: int) -> None:
    """Whether a delivery may be a correction of version `number`: a refused one, and the actor's
    own, unless the file is the actor's to manage. Raises FieldInvalid, VersionNotRefused."""
    row = _find(conn, target.file_id, number)
    actor = target.actor
    theirs = row is not None and (target.rights.manages or row.created_by == actor.user_id)
    if row is None or not theirs:
        raise FieldInvalid("replaces", f"names version {number}, which you did not deliver.")
    if row.status != "refused":
        raise VersionNotRefused(version=number, version_status=row.status)


def find_acceptable(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> RestoreSource:
    """The refused version that is to be accepted all the same.

    Raises NotFound, NotAllowed, VersionNotRefused, and QuarantineEnded if its bytes are gone.
    """
    access_manageable(conn, actor, file_id)
    return _acceptable(conn, file_id, number, now)


def accept_version(
    conn: WriteConnection,
    target: Manageable,
    number: int,
    blob_id: BlobId,
    reason: str,
    queue: TaskQueue,
    now: datetime,
) -> Accepted:
    """Make refused version `number`, whose bytes lie under `blob_id` too by now, the file's next.

    It will be published whatever its inspection finds; the report goes on saying what breaks the
    contract, and the `reason` why that was accepted. The file is locked. Raises as
    `find_acceptable` does, and FileTooLarge, QuotaExceeded.
    """
    source = _acceptable(conn, target.file_id, number, now)
    origin = Origin(accepted_from=number, reason=reason)
    return add_copy(conn, target, source, blob_id, origin, queue, now)


def check_reason(text: str) -> str:
    """A sound reason. Raises FieldInvalid."""
    reason = text.strip()
    if not reason:
        raise FieldInvalid("reason", "is required: say why the version is accepted.")
    if len(reason) > LONGEST_REASON or "\0" in reason:
        said = f"may have {LONGEST_REASON:,} characters, and no NUL; it has {len(reason):,}."
        raise FieldInvalid("reason", said)
    return reason


def _acceptable(conn: ReadConnection, file_id: UUID, number: int, now: datetime) -> RestoreSource:
    row = _find(conn, file_id, number)
    if row is None:
        raise NotFound
    if row.status != "refused":
        raise VersionNotRefused(version=number, version_status=row.status)
    if row.bytes_removed_at is not None or row.keep_until <= now:
        raise QuarantineEnded(version=number)
    return RestoreSource(number, BlobId(row.id), StoredBlob(row.size, row.sha256))


def _find(conn: ReadConnection, file_id: UUID, number: int) -> Row[tuple[object, ...]] | None:
    this = versions.c.file_id == file_id, versions.c.number == number
    return conn.execute(select(versions).where(*this)).one_or_none()


def _held(now: datetime) -> ColumnElement[bool]:
    return versions.c.bytes_removed_at.is_(None) & (versions.c.keep_until > now)
