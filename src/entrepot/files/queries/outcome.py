"""The state of a version since it was judged, for the page of its task."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import versions
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound, QuarantineEnded, VersionDeleted
from entrepot.files.queries.read import get_file
from entrepot.files.queries.versions_list import Withdrawal, get_version
from entrepot.files.versions import GONE_STATUSES, VersionStatus
from entrepot.grants.access import access_visible, visible_versions


@dataclass(frozen=True)
class PublishedOutcome:
    """A version that was published, as it is now: its status, and the version that readers get.

    `current_version` and `withdrawal` are None for those who may only deliver.
    """

    number: int
    status: VersionStatus
    current_version: int | None
    withdrawal: Withdrawal | None = None

    @property
    def is_current(self) -> bool:
        """Whether readers get this version."""
        return self.number == self.current_version

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads it any more."""
        return self.status in GONE_STATUSES


def find_published_outcome(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int
) -> PublishedOutcome | None:
    """None for a version of which the actor may not know."""
    try:
        current = get_file(conn, actor, file_id).version
        version = get_version(conn, actor, file_id, number)
    except VersionDeleted:
        return PublishedOutcome(number, "deleted", current)
    except NotFound:
        return None
    return PublishedOutcome(number, version.status, current, version.withdrawal)


@dataclass(frozen=True)
class RejectedOutcome:
    """The state of a version that was rejected, or could not be inspected.

    `settled_by` is the published version that made it needless, and `settled_how`: it has its bytes
    and was `accepted`, it was `corrected` by a delivery that names it, or it was `followed` by any
    other delivery. None: there is none, or the actor may not know of it. `current_version` is what
    readers get; None also for those who may only deliver (`reads` is false).
    """

    reads: bool
    manages: bool
    current_version: int | None
    settled_by: int | None
    settled_how: Literal["accepted", "corrected", "followed"] | None


def _settling(number: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions on `versions` for those that accept version `number`, and that correct it."""
    return versions.c.accepted_from == number, versions.c.replaces == number


def ended_quarantine(conn: ReadConnection, file_id: UUID, number: int) -> QuarantineEnded:
    """The error for rejected version `number`, whose bytes are gone, to those who may have them."""
    accepts, corrects = _settling(number)
    query = select(versions.c.number, accepts.label("accepts")).where(
        versions.c.file_id == file_id, versions.c.status == "published", or_(accepts, corrects)
    )
    row = conn.execute(query.order_by(versions.c.number).limit(1)).one_or_none()
    if row is None:
        return QuarantineEnded(number)
    if row.accepts:
        return QuarantineEnded(number, accepted_as=row.number)
    return QuarantineEnded(number, corrected_by=row.number)


def find_rejected_outcome(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int
) -> RejectedOutcome | None:
    """Of version `number`; None for a file that the actor does not see any more."""
    try:
        current = get_file(conn, actor, file_id).version
        target = access_visible(conn, actor, file_id)
    except NotFound:
        return None
    accepts, corrects = _settling(number)
    # Most ways to deliver do not name the version that they correct.
    is_delivered = versions.c.restored_from.is_(None)
    is_later = func.coalesce(versions.c.accepted_from, versions.c.number) > number
    follows = and_(is_delivered, is_later)
    how = case((accepts, "accepted"), (corrects, "corrected"), else_="followed").label("how")
    published = (
        select(versions.c.number, how)
        .where(versions.c.file_id == file_id, versions.c.status == "published")
        .where(or_(accepts, corrects, follows), visible_versions(target))
        .order_by(how == "followed", versions.c.number)
    )
    row = conn.execute(published.limit(1)).one_or_none()
    return RejectedOutcome(
        reads=target.rights.reads,
        manages=target.rights.manages,
        current_version=current,
        settled_by=row.number if row is not None else None,
        settled_how=row.how if row is not None else None,
    )
