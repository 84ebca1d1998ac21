"""Derivatives: the forms of a published version that the server makes, a row each.

A row is `pending` (its run waits or is under way), `ready` (a blob of its own holds the bytes),
`failed` (with the reason) or `expired` (its bytes went, since nobody used them; they are made
again on demand). Its bytes count against no quota, but an account's derivatives may together
take no more than its quota, and all of them no more than the server allows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import and_, exists, func, insert, or_, select, update

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.tables import (
    accounts,
    derivatives,
    files,
    inspections,
    installation,
    released_blobs,
    schema_revisions,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.drift import note_drift
from entrepot.inspection.results import Form, Made, Mode
from entrepot.schemas.reading.stated import FOUND_OUT, StatedReading
from entrepot.tasks.queue import NewEntry, TaskQueue

DERIVE = "derive.version"
"""The workflow's name in the queue; part of the task protocol."""
EAGER: Form = "parquet"
"""The form that is made right after each publication, and kept as long as the version."""
UNUSED_LIFETIME = timedelta(days=7)
"""The other forms go when nobody has asked for them for so long."""


@dataclass(frozen=True)
class Derivation:
    """One form that is to be made: from which bytes, by which schema.

    `size` and `sha256` are those of the version's own bytes; `source` is what it is made from.
    """

    run_id: UUID
    version_id: BlobId
    account_id: AccountId
    form: Made
    file_name: str
    size: int
    sha256: str
    source: BlobId
    source_size: int
    schema: dict[str, Any]
    mode: Mode
    rows: int
    reading: StatedReading = FOUND_OUT


def plan_derivative(
    conn: WriteConnection,
    queue: TaskQueue,
    version_id: UUID,
    form: Made,
    now: datetime,
) -> None:
    """Have the form made, once: nothing happens while it is pending or ready."""
    # Of two who ask at once the second finds the row; SQLite's writer is alone anyway. The account
    # is the version's own, whoever asks.
    version_query = (
        select(versions.c.account_id, versions.c.created_by, versions.c.size)
        .where(versions.c.id == version_id)
        .with_for_update()
    )
    version = conn.execute(version_query).one()
    row = conn.execute(
        select(derivatives.c.status).where(_derivative_key(version_id, form))
    ).one_or_none()
    if row is not None and row.status in ("pending", "ready"):
        return
    run_id = uuid4()
    values = {
        "status": "pending",
        "run_id": run_id,
        "starts": 0,
        "error": None,
        "requested_at": now,
        "ended_at": None,
        "used_at": now,
    }
    if row is None:
        key = {"version_id": version_id, "form": form, "account_id": version.account_id}
        conn.execute(insert(derivatives).values(**key, **values))
    else:
        conn.execute(update(derivatives).where(_derivative_key(version_id, form)).values(**values))
    entry = NewEntry(run_id, DERIVE, version.account_id, version.created_by, version.size)
    queue.enqueue(conn, entry, now)


def begin_derivation(conn: WriteConnection, run_id: UUID, now: datetime) -> Derivation | None:
    """Count a start of the run and load what it needs; None if there is nothing to do."""
    pending = derivatives.c.run_id == run_id, derivatives.c.status == "pending"
    statement = update(derivatives).where(*pending).values(starts=derivatives.c.starts + 1)
    if not conn.execute(statement).rowcount:
        return None
    row = conn.execute(_derivation_query(run_id)).one()
    source, size = BlobId(row.id), row.size
    if row.form in ("jsonl", "arrow"):
        ready = _derivative_key(row.id, EAGER), derivatives.c.status == "ready"
        parquet = conn.execute(
            select(derivatives.c.blob_id, derivatives.c.size).where(*ready)
        ).one_or_none()
        if parquet is None:
            detail = "It is made from the version's Parquet, which is not there."
            fail_derivation(conn, run_id, "derivation-failed", detail, now)
            return None
        source, size = BlobId(parquet.blob_id), parquet.size
    return Derivation(
        run_id=run_id,
        version_id=BlobId(row.id),
        account_id=AccountId(row.account_id),
        form=row.form,
        file_name=row.name,
        size=row.size,
        sha256=row.sha256,
        source=source,
        source_size=size,
        schema=row.schema or {},
        mode="given" if row.has_schema else "infer" if row.enforcement != "none" else "none",
        rows=row.row_count or 0,
        reading=StatedReading(row.dialect, row.encoding),
    )


def save_derivative(
    conn: WriteConnection,
    derivation: Derivation,
    blob_id: BlobId,
    stored: StoredBlob,
    columns: list[dict[str, Any]] | None,
    max_total_bytes: int,
    now: datetime,
) -> bool:
    """Name the blob that holds the form; False if nobody wants it any more or it has no room.

    The profile of the `columns` is kept with it, and also where the form itself has no room.
    `max_total_bytes` is what all derivatives of the server may take, in bytes.
    """
    if not _is_pending(conn, derivation.run_id):
        return False
    if columns is not None:
        this_version = inspections.c.version_id == derivation.version_id
        conn.execute(update(inspections).where(this_version).values(columns=columns))
        note_drift(conn, derivation.version_id)
    is_original = blob_id == derivation.version_id
    if not is_original and not free_space(
        conn, derivation.account_id, stored.size, max_total_bytes, now
    ):
        detail = f"There is no room for its {stored.size:,} bytes beside the other derivatives."
        fail_derivation(conn, derivation.run_id, "derivatives-full", detail, now)
        return False
    conn.execute(
        update(derivatives)
        .where(derivatives.c.run_id == derivation.run_id)
        .values(
            status="ready",
            blob_id=blob_id,
            size=stored.size,
            sha256=stored.sha256,
            ended_at=now,
            used_at=now,
        )
    )
    return True


def fail_derivation(
    conn: WriteConnection, run_id: UUID, code: str, detail: str, now: datetime
) -> None:
    """Note why the form could not be made; nothing changes if the run has ended."""
    pending = derivatives.c.run_id == run_id, derivatives.c.status == "pending"
    error = {"code": code, "detail": detail}
    conn.execute(
        update(derivatives).where(*pending).values(status="failed", error=error, ended_at=now)
    )


def free_space(
    conn: WriteConnection, account_id: AccountId, size: int, max_total_bytes: int, now: datetime
) -> bool:
    """Whether `size` bytes fit, after those used longest ago had to go if need be."""
    # Whoever needs room at the same time waits: the sums below would leave theirs out.
    conn.execute(select(installation.c.id).with_for_update())
    quota = conn.scalar(select(accounts.c.quota).where(accounts.c.id == account_id)) or 0
    in_account = derivatives.c.account_id == account_id
    return _free_space_below(conn, size, quota, now, in_account) and _free_space_below(
        conn, size, max_total_bytes, now
    )


def derivative_bytes(conn: ReadConnection, *conditions: Any) -> int:
    """The bytes of derivatives; a form whose bytes are the version's own takes none."""
    not_original = derivatives.c.blob_id != derivatives.c.version_id
    total = select(func.sum(derivatives.c.size)).where(
        derivatives.c.status == "ready", not_original
    )
    return int(conn.scalar(total.where(*conditions)) or 0)


def account_derivative_bytes(conn: ReadConnection, account_id: UUID) -> int:
    """The bytes of an account's derivatives."""
    return derivative_bytes(conn, derivatives.c.account_id == account_id)


def expire_unused(conn: WriteConnection, now: datetime) -> int:
    """Let the forms go that nobody has used for long; how many."""
    return _expire(
        conn, now, derivatives.c.form != EAGER, derivatives.c.used_at < now - UNUSED_LIFETIME
    )


def pending_runs(conn: ReadConnection) -> list[UUID]:
    """The runs of all forms that are to be made."""
    waiting = select(derivatives.c.run_id).where(derivatives.c.status == "pending")
    return list(conn.scalars(waiting))


_EXPIRED_VALUES: dict[str, Any] = {"status": "expired", "blob_id": None, "size": 0, "sha256": None}


def _expire(conn: WriteConnection, now: datetime, *conditions: Any) -> int:
    """Let the forms go that `conditions` selects, and release their blobs to the sweep; how
    many."""
    # Locked first: a form that somebody uses meanwhile must not lose its bytes.
    ready = select(derivatives.c.version_id, derivatives.c.form, derivatives.c.blob_id).where(
        derivatives.c.status == "ready", *conditions
    )
    rows = conn.execute(ready.with_for_update()).all()
    released = [
        {"blob_id": row.blob_id, "released_at": now}
        for row in rows
        if row.blob_id != row.version_id
    ]
    if released:
        conn.execute(insert(released_blobs), released)
    for row in rows:
        conn.execute(
            update(derivatives)
            .where(_derivative_key(row.version_id, row.form))
            .values(**_EXPIRED_VALUES)
        )
    return len(rows)


def _free_space_below(
    conn: WriteConnection, size: int, max_bytes: int, now: datetime, *conditions: Any
) -> bool:
    """Room below one bound. First to go are forms made on demand, then the Parquet of versions
    that are current no more, each by its last use."""
    if size > max_bytes:
        return False
    excess_bytes = derivative_bytes(conn, *conditions) + size - max_bytes
    if excess_bytes <= 0:
        return True
    current = exists().where(
        files.c.id == versions.c.file_id, files.c.current_version == versions.c.number
    )
    candidates = (
        select(derivatives.c.version_id, derivatives.c.form, derivatives.c.size)
        .join(versions, versions.c.id == derivatives.c.version_id)
        .where(
            derivatives.c.status == "ready",
            derivatives.c.blob_id != derivatives.c.version_id,
            or_(derivatives.c.form != EAGER, ~current),
            *conditions,
        )
        .order_by(derivatives.c.form == EAGER, derivatives.c.used_at)
    )
    selected = []
    for row in conn.execute(candidates):
        if excess_bytes <= 0:
            break
        selected.append(_derivative_key(row.version_id, row.form))
        excess_bytes -= row.size
    if excess_bytes > 0:
        return False
    for condition in selected:
        _expire(conn, now, condition)
    return True


def _derivative_key(version_id: UUID, form: str) -> Any:
    return and_(derivatives.c.version_id == version_id, derivatives.c.form == form)


def _is_pending(conn: WriteConnection, run_id: UUID) -> bool:
    """Whether the run's form is wanted still; it stays so until the transaction's end."""
    query = select(derivatives.c.status).where(derivatives.c.run_id == run_id).with_for_update()
    return conn.scalar(query) == "pending"


def _derivation_query(run_id: UUID) -> Any:
    earlier = or_(
        schema_revisions.c.version.is_(None), schema_revisions.c.version < versions.c.number
    )
    has_schema = exists().where(schema_revisions.c.file_id == versions.c.file_id, earlier)
    return (
        select(
            derivatives.c.form,
            derivatives.c.starts,
            versions.c.id,
            versions.c.account_id,
            versions.c.size,
            versions.c.sha256,
            versions.c.row_count,
            inspections.c.schema,
            inspections.c.dialect,
            inspections.c.encoding,
            files.c.name,
            files.c.enforcement,
            has_schema.label("has_schema"),
        )
        .join(versions, versions.c.id == derivatives.c.version_id)
        .join(inspections, inspections.c.version_id == versions.c.id)
        .join(files, files.c.id == versions.c.file_id)
        .where(derivatives.c.run_id == run_id)
    )
