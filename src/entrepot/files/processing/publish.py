"""End an inspection: publish, reject, cancel or fail a version, in one transaction each.

Each is conditional on the version being undecided, so that a second run changes nothing.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Integer, Update, bindparam, or_, update

from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.inserts import insert_row, run_later
from entrepot.db.tables import files, inspections, schema_revisions, versions
from entrepot.db.types import WriteConnection, uuid_parameter
from entrepot.files.cleanup.retention import apply_retention
from entrepot.files.cleanup.withdraw import was_withdrawn
from entrepot.files.contract import ContractTerms, lock_terms
from entrepot.files.derivative_space import EAGER
from entrepot.files.derivatives import NewForm, add_derivative, plan_derivative
from entrepot.files.drift import note_drift
from entrepot.files.kept_as_text import describe_kept_as_text, note_kept_as_text
from entrepot.files.versions import (
    QUARANTINE_PERIOD,
    QUARANTINED_STATUSES,
    UNDECIDED_STATUSES,
    UndecidedVersion,
    VersionStatus,
)
from entrepot.inspection.results import Inspection
from entrepot.inspection.sandbox.failures import uninspected
from entrepot.schemas.reading.stated import StatedReading
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import finish_task
from entrepot.texts.json_text import JsonText, to_json_text

log = structlog.get_logger(__name__)

REJECTION_CODES = {
    "violates": "schema-violation",
    "not-tabular": "not-tabular",
    "resource-limit": "resource-limit",
    "source-error": "source-error",
    "dialect-unsupported": "dialect-unsupported",
}
"""The problem code of each verdict by which a version is rejected."""

ERROR_KEYS = (
    *("type", "code", "message", "expected", "example", "advice"),
    *("rowNumber", "lineNumber", "fieldName", "fieldNumber", "label", "cell"),
    *("earlierRowNumber", "earlierLineNumber"),
)
"""What a task's problem keeps of an error of the report."""


@dataclass(frozen=True)
class JudgedVersion:
    """A version that is still undecided, what its inspection found, and the forms made with it."""

    version: UndecidedVersion
    inspection: Inspection
    forms: tuple[NewForm, ...] = ()

    @property
    def blob_ids(self) -> frozenset[BlobId]:
        """The blobs of the forms: those that no row comes to name are to be removed."""
        return frozenset(form.blob_id for form in self.forms if form.blob_id is not None)

    @property
    def columns(self) -> list[dict[str, Any]] | None:
        """The profile of the columns, if it was measured."""
        return next((form.columns for form in self.forms if form.columns is not None), None)

    @property
    def has_parquet(self) -> bool:
        """Whether its Parquet was made or could not be made, so that no run is needed for it."""
        return any(form.form == EAGER for form in self.forms)


@dataclass(frozen=True)
class FormPlaces:
    """Where forms go: the queue for those that follow, and the bytes that all may take."""

    queue: TaskQueue
    max_total_bytes: int


def publish_version(
    conn: WriteConnection,
    judged: JudgedVersion,
    contract: ContractTerms,
    places: FormPlaces,
    now: datetime,
) -> set[BlobId]:
    """Make the version visible with its forms; the file's current one if it has the highest number.
    Its `contract` is locked (`lock_terms`).

    Returns the blobs that are named now. A table's Parquet that was not made with the verdict
    follows; whatever becomes of it, the version stays published.
    """
    version, inspection = judged.version, judged.inspection
    if not _make_visible(conn, judged, contract, now):
        return set()
    if version.mode == "infer" and inspection.schema is not None:
        _freeze_schema(conn, version, inspection, now)
    named = _add_forms(conn, judged, places, now)
    is_table = inspection.row_count is not None and inspection.schema is not None
    if is_table and not judged.has_parquet:
        plan_derivative(conn, places.queue, version.blob_id, EAGER, now)
    _end_published(conn, version, inspection, now)
    return named


def _add_forms(
    conn: WriteConnection, judged: JudgedVersion, places: FormPlaces, now: datetime
) -> set[BlobId]:
    """Add the rows of the forms that were made with the verdict; the blobs that they name."""
    version = judged.version
    return {
        new.blob_id
        for new in judged.forms
        if add_derivative(
            conn, version.blob_id, version.account_id, new, places.max_total_bytes, now
        )
        and new.blob_id is not None
    }


def publish_uninspected(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """Make a version without a contract visible whose inspection could not run: our fault, which
    must not keep it from its readers. Its media type is that of the file's name, and its report
    has the warning that nothing was looked at."""
    contract = lock_terms(conn, version.file_id)
    inspection = uninspected(version.file_name, version.size)
    if not _make_visible(conn, JudgedVersion(version, inspection), contract, now):
        return
    _end_published(conn, version, inspection, now)
    _raise_alarm("a version was published without an inspection", version)


def _make_visible(
    conn: WriteConnection, judged: JudgedVersion, contract: ContractTerms, now: datetime
) -> bool:
    """Decide for the version, and make it the current one; False if it was decided before, or is a
    copy of one that was withdrawn since: that must not come back under another number.

    The file's contract is locked (`lock_terms`), so that no withdrawal runs beside this.
    """
    version, inspection = judged.version, judged.inspection
    if was_withdrawn(conn, version.file_id, version.restored_from):
        cancel_version(conn, version, now)
        return False
    columns = {"media_type": inspection.media_type, "row_count": inspection.row_count}
    if not _set_decision(conn, version, "published", now, **columns):
        return False
    _save_findings(conn, judged)
    if describe_kept_as_text(judged.columns or ()):  # else the report need not be read
        note_kept_as_text(conn, version.blob_id)
    note_drift(conn, version.blob_id)
    current = {"of_file": version.file_id, "number": version.number, "current_size": version.size}
    run_later(conn, _current_statement(), {**current, "withdrawn_at": None, "updated_at": now})
    _end_quarantine(conn, version, now)
    apply_retention(conn, contract, now)
    return True


@cache
def _current_statement() -> Update:
    """Makes a version the current one unless a newer one is."""
    number = bindparam("number", type_=Integer())
    newest = or_(files.c.current_version.is_(None), files.c.current_version < number)
    same_file = files.c.id == uuid_parameter("of_file")
    names = ("current_size", "withdrawn_at", "updated_at")
    values: dict[str, Any] = {name: bindparam(name, type_=files.c[name].type) for name in names}
    return update(files).where(same_file, newest).values(current_version=number, **values)


def _end_published(
    conn: WriteConnection, version: UndecidedVersion, inspection: Inspection, now: datetime
) -> None:
    finish_task(conn, version.task_id, "succeeded", now, has_report=True)
    _record(conn, version, "version.publish", now, {"verdict": inspection.verdict})


def reject_version(
    conn: WriteConnection, judged: JudgedVersion, places: FormPlaces, now: datetime
) -> set[BlobId]:
    """Keep the version out of sight, its report and its rejected rows for its sender, its bytes in
    quarantine. Returns the blobs that are named now."""
    version, inspection = judged.version, judged.inspection
    columns = {"media_type": inspection.media_type, "row_count": inspection.row_count}
    if not _set_decision(
        conn, version, "rejected", now, **columns, keep_until=now + QUARANTINE_PERIOD
    ):
        return set()
    _save_findings(conn, judged)
    named = _add_forms(conn, judged, places, now)
    end_rejected(conn, version.task_id, inspection, now)
    _record(conn, version, "version.reject", now, {"verdict": inspection.verdict}, "rejected")
    return named


def cancel_version(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """End a canceled task; the bytes go immediately, and the quota with them."""
    if not _set_decision(conn, version, "canceled", now, keep_until=now):
        return
    finish_task(conn, version.task_id, "canceled", now)
    _record(conn, version, "version.cancel", now, {}, "canceled")


def fail_version(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """End a task whose inspection could not run: our fault, not the delivery's.

    The version was not judged, so it is not rejected; its bytes are kept as long as if it were.
    The same bytes would meet the same fault, so nobody is asked to deliver them again: operators
    see it in the log and in `entrepot doctor`.
    """
    if not _set_decision(conn, version, "failed", now, keep_until=now + QUARANTINE_PERIOD):
        return
    detail = (
        "The inspection could not be run, by a fault of this server. The delivery was not judged;"
        " there is no need to deliver the same file again. Its bytes are kept for who delivered"
        f" them for {QUARANTINE_PERIOD.days} days, and the server's operator sees the fault."
    )
    error = {"code": "inspection-failed", "detail": detail}
    finish_task(conn, version.task_id, "failed", now, error=error)
    _record(conn, version, "version.fail", now, {}, "failed")
    _raise_alarm("a version could not be inspected", version)


def _raise_alarm(event: str, version: UndecidedVersion) -> None:
    log.critical(
        event,
        file_id=str(version.file_id),
        version=version.number,
        task_id=str(version.task_id),
    )


def end_rejected(
    conn: WriteConnection, task_id: UUID, inspection: Inspection, now: datetime
) -> None:
    """End a task whose bytes break their contract: why, and what first."""
    error = {
        "code": REJECTION_CODES[inspection.verdict],
        "detail": inspection.detail,
        **_first_errors(inspection),
    }
    # Other verdicts are reached before the whole file is read.
    whole = inspection.verdict == "violates"
    finish_task(conn, task_id, "failed", now, error=error, has_report=True, whole=whole)


def _set_decision(
    conn: WriteConnection,
    version: UndecidedVersion,
    status: VersionStatus,
    now: datetime,
    **values: Any,
) -> bool:
    values |= {"of_version": version.blob_id, "status": status, "decided_at": now}
    return bool(conn.execute(_decision_statement(), values).rowcount)


@cache
def _decision_statement() -> Update:
    undecided = versions.c.status.in_(UNDECIDED_STATUSES)
    return update(versions).where(versions.c.id == uuid_parameter("of_version"), undecided)


def _save_findings(conn: WriteConnection, judged: JudgedVersion) -> None:
    version, inspection = judged.version, judged.inspection
    insert_row(
        conn,
        inspections,
        version_id=version.blob_id,
        report=to_json_text(inspection.report),
        profile=to_json_text(inspection.profile),
        schema=_stored(inspection.schema),
        revision=version.revision,
        columns=_stored(judged.columns),
        **asdict(_reading_of(version, inspection)),
    )


def _stored(document: object) -> JsonText | None:
    return to_json_text(document) if document is not None else None


def _reading_of(version: UndecidedVersion, inspection: Inspection) -> StatedReading:
    """How the version is read: as its contract says, a first version with what is frozen."""
    if not inspection.dialect:
        return version.reading
    dialect = {**(version.reading.dialect or {}), **inspection.dialect}
    return replace(version.reading, dialect=dialect)


def _end_quarantine(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """The bytes of the quarantined version that this one corrects, or is, are not needed now."""
    quarantined = version.replaces or version.accepted_from
    if quarantined is not None:
        conn.execute(
            update(versions)
            .where(versions.c.file_id == version.file_id, versions.c.number == quarantined)
            .where(versions.c.status.in_(QUARANTINED_STATUSES), versions.c.keep_until > now)
            .values(keep_until=now)
        )


def _freeze_schema(
    conn: WriteConnection, version: UndecidedVersion, inspection: Inspection, now: datetime
) -> None:
    """Later deliveries have this schema, and their header where this one has it."""
    reading = asdict(_reading_of(version, inspection))
    insert_row(
        conn,
        schema_revisions,
        file_id=version.file_id,
        revision=1,
        source="inferred",
        schema=_stored(inspection.schema),
        version=version.number,
        created_by=version.created_by,
        created_at=now,
        **reading,
    )
    conn.execute(update(files).where(files.c.id == version.file_id).values(**reading))


def _first_errors(inspection: Inspection, limit: int = 10) -> dict[str, Any]:
    """The first errors and the exact counts, so that a task alone tells what is wrong."""
    errors = [
        error for task in inspection.report.get("tasks", []) for error in task.get("errors", [])
    ]
    first = [{key: error[key] for key in ERROR_KEYS if key in error} for error in errors[:limit]]
    stats = inspection.report.get("stats", {})
    return {"errors": first, "error_count": stats.get("errors", len(errors))}


def _record(
    conn: WriteConnection,
    version: UndecidedVersion,
    action: str,
    now: datetime,
    detail: dict[str, Any],
    result: str = "done",
) -> None:
    account_id, file_id, number = version.account_id, version.file_id, version.number
    record(conn, account_id, None, action, now, file_id, number, detail, result)
