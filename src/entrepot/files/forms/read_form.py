"""Find one form of a published version, or have it made.

A request without a version's number may have the form of an earlier version than the newest: the
newest that has it. So a reader of one address never meets a version whose form is still being made.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, update

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.tables import derivatives, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    DerivativeFailed,
    VersionNotTabular,
)
from entrepot.files.derivative_space import EAGER
from entrepot.files.derivatives import plan_derivative
from entrepot.files.queries.read import get_published
from entrepot.files.versions import PublishedVersion
from entrepot.inspection.results import Form, Made
from entrepot.tasks.queue import TaskQueue

RETRY_INTERVAL = timedelta(minutes=10)
"""A form that could not be made is tried again, on demand, after so long."""
USE_RECORD_INTERVAL = timedelta(hours=1)
"""How often a form's use is noted at most."""
MEDIA_TYPES: dict[Form, str] = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.file",
}
TABLE_SUFFIXES = (
    ".csv", ".tsv", ".tab", ".psv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow",
    ".arrows", ".feather", ".xlsx",
)  # fmt: skip
MAX_NAME_CHARS = 255
"""As many as file systems take; the suffix of the form is among them."""


@dataclass(frozen=True)
class ReadyForm:
    """A form that is there, and when its last use was noted."""

    published: PublishedVersion
    used_at: datetime

    @property
    def until(self) -> datetime | None:
        """When the right to read it may end by itself."""
        return self.published.until


def find_form(
    conn: ReadConnection, actor: Actor, file_id: UUID, form: Form, number: int | None = None
) -> ReadyForm | None:
    """One form of a published version, the newest by default; None if it is not there.

    Raises NotFound, NoPublishedVersion, and VersionNotTabular for what has no such form.
    """
    published = get_published(conn, actor, file_id, number)
    row = _row(conn, published.blob_id, form)
    if row.row_count is None:
        raise VersionNotTabular(format=form, media_type=published.media_type)
    if row.status != "ready":
        return None
    form_version = replace(
        published,
        blob_id=BlobId(row.blob_id),
        size=row.size,
        sha256=row.sha256,
        media_type=MEDIA_TYPES[form],
        file_name=form_name(published.file_name, form),
        published_at=row.ended_at,
        form=form,
    )
    return ReadyForm(form_version, row.used_at)


def find_newest_form(
    conn: ReadConnection, actor: Actor, file_id: UUID, form: Form
) -> ReadyForm | None:
    """The form of the newest published version that has it; None if none has.

    Raises as `find_form` does.
    """
    get_published(conn, actor, file_id)
    this_form = and_(derivatives.c.version_id == versions.c.id, derivatives.c.form == form)
    query = (
        select(versions.c.number)
        .join(derivatives, this_form)
        .where(versions.c.file_id == file_id, versions.c.status == "published")
        .where(derivatives.c.status == "ready")
        .order_by(versions.c.number.desc())
        .limit(1)
    )
    number = conn.scalar(query)
    return None if number is None else find_form(conn, actor, file_id, form, number)


@dataclass(frozen=True)
class PendingForm:
    """A form that is being made: the run that makes it, or what it is made from, and after how many
    seconds to ask again."""

    run_id: UUID
    retry_after: int


def request_form(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    form: Form,
    number: int | None,
    queue: TaskQueue,
    now: datetime,
) -> PublishedVersion | PendingForm | DerivativeFailed:
    """The form, its use noted; or it is being made, or could not be made a moment ago.

    The refusals are returned, not raised: what was planned is to be committed. JSON Lines and
    Arrow are made from the Parquet, which comes first. Raises as `find_form` does.
    """
    published = get_published(conn, actor, file_id, number)
    for needed_form in (form,) if form in (EAGER, "csv") else (EAGER, form):
        row = find_or_plan_form(conn, published.blob_id, needed_form, form, queue, now)
        if isinstance(row, PendingForm | DerivativeFailed):
            return row
    this_form = and_(derivatives.c.version_id == published.blob_id, derivatives.c.form == form)
    conn.execute(update(derivatives).where(this_form).values(used_at=now))
    ready = find_form(conn, actor, file_id, form, number)
    assert ready is not None
    return ready.published


def find_or_plan_form(
    conn: WriteConnection,
    version_id: BlobId,
    form: Made,
    display_name: str,
    queue: TaskQueue,
    now: datetime,
) -> Row[Any] | PendingForm | DerivativeFailed:
    """The derivative's row if it is ready; else it is being made, or could not be made a moment
    ago, and the refusal says so of what is called `display_name`.
    """
    row: Row[Any] = _row(conn, version_id, form)
    if row.status == "failed" and now < row.ended_at + RETRY_INTERVAL:
        return _failed(row, display_name, now)
    if row.status != "ready":
        run_id = plan_derivative(conn, queue, version_id, form, now)
        since = row.requested_at if row.status == "pending" else now
        return PendingForm(run_id, _retry_after_seconds(now - since))
    return row


def form_name(file_name: str, form: Form) -> str:
    """The name that a form is downloaded by: `orders.csv.gz` is `orders.parquet` as Parquet."""
    base = file_name
    for suffixes in ((".gz", ".zst"), TABLE_SUFFIXES):
        for suffix in suffixes:
            if base.lower().endswith(suffix) and len(base) > len(suffix):
                base = base[: -len(suffix)]
                break
    suffix = f".{form}"
    return base[: MAX_NAME_CHARS - len(suffix)] + suffix


def _retry_after_seconds(waiting: timedelta) -> int:
    """Seconds after which to ask again: seldom for what takes long."""
    # A quarter of the time that it has waited: asking costs little, and the answer is never late by
    # more than a quarter.
    return max(1, min(30, int(waiting.total_seconds() / 4)))


def _failed(row: Any, form: str, now: datetime) -> DerivativeFailed:
    remaining = row.ended_at + RETRY_INTERVAL - now
    error = row.error or {}
    return DerivativeFailed(
        format=form,
        cause=error.get("code", "derivation-failed"),
        reason=error.get("detail", ""),
        retry_after=max(1, round(remaining.total_seconds())),
    )


def _row(conn: ReadConnection, version_id: UUID, form: Made) -> Any:
    """The version's count of rows, and its derivative's row, if there is one."""
    this_form = and_(derivatives.c.version_id == versions.c.id, derivatives.c.form == form)
    return conn.execute(
        select(
            versions.c.row_count,
            derivatives.c.status,
            derivatives.c.blob_id,
            derivatives.c.size,
            derivatives.c.sha256,
            derivatives.c.error,
            derivatives.c.requested_at,
            derivatives.c.ended_at,
            derivatives.c.used_at,
        )
        .outerjoin(derivatives, this_form)
        .where(versions.c.id == version_id)
    ).one()
