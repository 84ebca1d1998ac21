"""Find the rejected rows of a version, or have them made: what `report.csv` answers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select, update

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.tables import derivatives, files, inspections, versions
from entrepot.db.types import ReadConnection, WriteConnection, json_member
from entrepot.errors import (
    DerivativeFailed,
    NotAllowed,
    NotFound,
    VersionNotTabular,
)
from entrepot.files.forms.read_form import PendingForm, find_or_plan_form, form_name
from entrepot.files.queries.gone import require_not_gone
from entrepot.files.queries.outcome import ended_quarantine
from entrepot.files.versions import (
    GONE_STATUSES,
    QUARANTINED_STATUSES,
    FileId,
    PublishedVersion,
)
from entrepot.grants.access import Visible, access_visible, visible_versions
from entrepot.tasks.queue import TaskQueue

REPORT_NAME = "report.csv"
ROWS = json_member(inspections.c.report, "tasks", 0, "stats", "rows")
"""Null where the version has no rows."""


def request_rejected_rows(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    number: int | None,
    queue: TaskQueue,
    now: datetime,
) -> PublishedVersion | PendingForm | DerivativeFailed:
    """The rejected rows of a version, the newest inspected one by default; or they are being made.

    For who delivered the version, the file's owner and admins. Refusals that planned something
    are returned, not raised. Raises NotFound, NotAllowed, VersionNotTabular, VersionWithdrawn,
    VersionDeleted, and QuarantineEnded once the bytes of a rejected version are gone.
    """
    target = access_visible(conn, actor, file_id)
    query = (
        select(versions, files.c.name, ROWS.label("report_rows"))
        .join(inspections, inspections.c.version_id == versions.c.id)
        .join(files, files.c.id == versions.c.file_id)
        .where(versions.c.file_id == file_id, versions.c.bytes_removed_at.is_(None))
        .where(versions.c.status.not_in(GONE_STATUSES), visible_versions(target))
        .where(or_(versions.c.keep_until.is_(None), versions.c.keep_until > now))
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    row = conn.execute(
        query if number is None else query.where(versions.c.number == number)
    ).one_or_none()
    if row is None:
        if target.rights.reads:
            require_not_gone(conn, file_id, number)
        if number is not None:
            _require_quarantine(conn, target, number)
        raise NotFound
    if not target.rights.manages and actor.user_id != row.created_by:
        raise NotAllowed(reason="Only its sender, the file's owner and admins may do this.")
    if row.report_rows is None:
        raise VersionNotTabular(format=REPORT_NAME, media_type=row.media_type)
    version_id = BlobId(row.id)
    derivative = find_or_plan_form(conn, version_id, "rejected", REPORT_NAME, queue, now)
    if isinstance(derivative, PendingForm | DerivativeFailed):
        return derivative
    this_form = and_(derivatives.c.version_id == version_id, derivatives.c.form == "rejected")
    conn.execute(update(derivatives).where(this_form).values(used_at=now))
    return PublishedVersion(
        file_id=FileId(file_id),
        account_id=target.account_id,
        reader=actor,
        blob_id=BlobId(derivative.blob_id),
        number=row.number,
        file_name=form_name(row.name, "csv").removesuffix(".csv")[:240] + "-rejected.csv",
        size=derivative.size,
        sha256=derivative.sha256,
        media_type="text/csv; charset=utf-8",
        published_at=derivative.ended_at,
        form=REPORT_NAME,
    )


def _require_quarantine(conn: ReadConnection, target: Visible, number: int) -> None:
    """Raise QuarantineEnded for a rejected version without its bytes, to those who may have its
    rows."""
    query = select(versions.c.created_by).where(
        versions.c.file_id == target.file_id,
        versions.c.number == number,
        versions.c.status.in_(QUARANTINED_STATUSES),
        visible_versions(target),
    )
    sender = conn.scalar(query)
    if sender is not None and (target.rights.manages or sender == target.actor.user_id):
        raise ended_quarantine(conn, target.file_id, number)
