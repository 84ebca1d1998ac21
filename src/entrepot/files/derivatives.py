"""Derivatives: the forms of a version that the server makes, a row each.

Those that are made with the verdict get their row in the transaction that decides on the version,
the others when their run is enqueued.
A row is `pending` (its run waits or is under way), `ready` (a blob of its own holds the bytes),
`failed` (with the reason) or `expired` (its bytes went, since nobody used them; they are made
again on demand). `files.derivative_space` says how much room its bytes have.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, or_, select, update

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.inserts import insert_row
from entrepot.db.tables import (
    derivatives,
    files,
    inspections,
    schema_revisions,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.derivative_space import EAGER, derivative_key, free_space
from entrepot.files.drift import note_drift
from entrepot.files.kept_as_text import note_kept_as_text
from entrepot.files.queries.gone import require_not_gone
from entrepot.inspection.results import Made, Mode
from entrepot.schemas.reading.stated import DETECTED, StatedReading
from entrepot.tasks.changes import RowState, note_change
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.texts.json_text import JsonText, to_json_text
from entrepot_client.counts import counted

DERIVE = "derive.version"
"""The workflow's name in the queue; part of the task protocol."""
NO_BYTES = StoredBlob(0, "")


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
    schema: JsonText
    mode: Mode
    rows: int
    reading: StatedReading = DETECTED
    is_exception: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class NewForm:
    """A form that was made with the verdict: the blob that holds it, with the profile of its
    `columns` if it has one; or the `error` (code and detail) for which it could not be made."""

    form: Made
    blob_id: BlobId | None = None
    stored: StoredBlob = NO_BYTES
    columns: list[dict[str, Any]] | None = None
    error: dict[str, str] | None = None


def add_derivative(
    conn: WriteConnection,
    version_id: BlobId,
    account_id: AccountId,
    new: NewForm,
    max_total_bytes: int,
    now: datetime,
) -> bool:
    """Add the row of a form that was made with the verdict; whether it names the form's blob.

    `max_total_bytes` as for `save_derivative`.
    """
    if new.blob_id is None:
        error = new.error or {"code": "derivation-failed", "detail": ""}
        values = _failed_values(error["code"], error["detail"], now)
    else:
        values = _ready_or_failed(
            conn, version_id, account_id, new.blob_id, new.stored, max_total_bytes, now
        )
    _add_row(conn, version_id, new.form, account_id, {**_pending_values(now), **values})
    return bool(values["status"] == "ready")


def plan_derivative(
    conn: WriteConnection,
    queue: TaskQueue,
    version_id: UUID,
    form: Made,
    now: datetime,
) -> UUID:
    """Have the form made, once: nothing happens while it is pending or ready. Its run.

    Raises VersionWithdrawn and VersionDeleted for a version that went since it was looked at.
    """
    # Of two who ask at once the second finds the row; SQLite's writer is alone anyway. The account
    # is the version's own, whoever asks.
    version_query = select(versions).where(versions.c.id == version_id).with_for_update()
    version = conn.execute(version_query).one()
    require_not_gone(conn, version.file_id, version.number)
    row = conn.execute(
        select(derivatives.c.status, derivatives.c.run_id).where(derivative_key(version_id, form))
    ).one_or_none()
    if row is not None and row.status in ("pending", "ready"):
        known_id: UUID = row.run_id
        return known_id
    values = _pending_values(now)
    run_id: UUID = values["run_id"]
    if row is None:
        _add_row(conn, version_id, form, version.account_id, values)
    else:
        conn.execute(update(derivatives).where(derivative_key(version_id, form)).values(**values))
    entry = NewEntry(run_id, DERIVE, version.account_id, version.created_by, version.size)
    queue.enqueue(conn, entry, now)
    return run_id


def begin_derivation(conn: WriteConnection, run_id: UUID, now: datetime) -> Derivation | None:
    """Count a start of the run and load what it needs; None if there is nothing to do."""
    pending = derivatives.c.run_id == run_id, derivatives.c.status == "pending"
    statement = update(derivatives).where(*pending).values(starts=derivatives.c.starts + 1)
    if not conn.execute(statement).rowcount:
        return None
    row = conn.execute(_derivation_query(run_id)).one()
    source, size = BlobId(row.id), row.size
    if row.form in ("jsonl", "arrow"):
        ready = derivative_key(row.id, EAGER), derivatives.c.status == "ready"
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
        schema=row.schema or JsonText("{}"),
        mode="given" if row.has_schema else "infer" if row.enforcement != "none" else "none",
        rows=row.row_count or 0,
        reading=StatedReading(row.dialect, row.encoding),
        is_exception=row.accepted_from is not None,
        frozen=row.has_schema and row.enforcement == "infer",
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
        conn.execute(update(inspections).where(this_version).values(columns=to_json_text(columns)))
        note_kept_as_text(conn, derivation.version_id)
        note_drift(conn, derivation.version_id)
    version_id, account_id = derivation.version_id, derivation.account_id
    values = _ready_or_failed(conn, version_id, account_id, blob_id, stored, max_total_bytes, now)
    conn.execute(
        update(derivatives).where(derivatives.c.run_id == derivation.run_id).values(**values)
    )
    note_change(conn, derivation.run_id, has_ended=True)
    return bool(values["status"] == "ready")


def _ready_or_failed(
    conn: WriteConnection,
    version_id: BlobId,
    account_id: AccountId,
    blob_id: BlobId,
    stored: StoredBlob,
    max_total_bytes: int,
    now: datetime,
) -> dict[str, Any]:
    """The columns of a form that is ready, or has failed since it has no room."""
    is_original = blob_id == version_id
    if not is_original and not free_space(conn, account_id, stored.size, max_total_bytes, now):
        detail = (
            f"There is no room for its {counted(stored.size, 'byte')} beside the other derivatives."
        )
        return _failed_values("derivatives-full", detail, now)
    return {
        "status": "ready",
        "blob_id": blob_id,
        "size": stored.size,
        "sha256": stored.sha256,
        "ended_at": now,
        "used_at": now,
    }


def _failed_values(code: str, detail: str, now: datetime) -> dict[str, Any]:
    return {"status": "failed", "error": {"code": code, "detail": detail}, "ended_at": now}


def fail_derivation(
    conn: WriteConnection, run_id: UUID, code: str, detail: str, now: datetime
) -> None:
    """Note why the form could not be made; nothing changes if the run has ended."""
    pending = derivatives.c.run_id == run_id, derivatives.c.status == "pending"
    conn.execute(update(derivatives).where(*pending).values(**_failed_values(code, detail, now)))
    note_change(conn, run_id, has_ended=True)


def get_run_states(conn: ReadConnection, run_ids: list[UUID]) -> dict[UUID, RowState]:
    """The states of these runs. One has ended, too, where another run makes the form now, or the
    version went."""
    pending = derivatives.c.run_id.in_(run_ids), derivatives.c.status == "pending"
    still_pending = set(conn.scalars(select(derivatives.c.run_id).where(*pending)))
    return {run_id: RowState(0, run_id not in still_pending) for run_id in run_ids}


def pending_runs(conn: ReadConnection) -> list[UUID]:
    """The runs of all forms that are to be made."""
    waiting = select(derivatives.c.run_id).where(derivatives.c.status == "pending")
    return list(conn.scalars(waiting))


def _add_row(
    conn: WriteConnection, version_id: UUID, form: Made, account_id: UUID, values: dict[str, Any]
) -> None:
    key = {"version_id": version_id, "form": form, "account_id": account_id}
    insert_row(conn, derivatives, **key, **values)


def _pending_values(now: datetime) -> dict[str, Any]:
    return {
        "status": "pending",
        "run_id": uuid4(),
        "starts": 0,
        "error": None,
        "requested_at": now,
        "ended_at": None,
        "used_at": now,
    }


def _is_pending(conn: WriteConnection, run_id: UUID) -> bool:
    """Whether the run's form is wanted still; it stays so until the transaction's end."""
    query = select(derivatives.c.status).where(derivatives.c.run_id == run_id).with_for_update()
    return conn.scalar(query) == "pending"


def _derivation_query(run_id: UUID) -> Any:
    # The first version that froze its schema is read by it too, as every later one is.
    in_force = or_(
        schema_revisions.c.version.is_(None), schema_revisions.c.version <= versions.c.number
    )
    has_schema = exists().where(schema_revisions.c.file_id == versions.c.file_id, in_force)
    return (
        select(
            derivatives.c.form,
            derivatives.c.starts,
            versions.c.id,
            versions.c.account_id,
            versions.c.size,
            versions.c.sha256,
            versions.c.row_count,
            versions.c.accepted_from,
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
