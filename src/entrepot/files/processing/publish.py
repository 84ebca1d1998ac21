"""End an inspection: publish, reject, cancel or fail a version, in one transaction each.

Each is conditional on the version being undecided, so that a second run changes nothing.
"""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import insert, or_, update

from entrepot.activity.record import record
from entrepot.db.tables import files, inspections, schema_revisions, versions
from entrepot.db.types import WriteConnection
from entrepot.files.cleanup.retention import apply_retention
from entrepot.files.derivatives import EAGER, plan_derivative
from entrepot.files.versions import (
    QUARANTINE_PERIOD,
    QUARANTINED_STATUSES,
    UNDECIDED_STATUSES,
    UndecidedVersion,
    VersionStatus,
)
from entrepot.inspection.results import Inspection
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import finish_task

log = structlog.get_logger(__name__)

REJECTION_CODES = {
    "violates": "schema-violation",
    "not-tabular": "not-tabular",
    "resource-limit": "resource-limit",
    "source-error": "source-error",
}
"""The problem code of each verdict by which a version is rejected."""


def publish_version(
    conn: WriteConnection,
    version: UndecidedVersion,
    inspection: Inspection,
    queue: TaskQueue,
    now: datetime,
) -> None:
    """Make the version visible; the file's current one if it has the highest number.

    A table's Parquet and column profile are left for later: publishing never waits for them.
    """
    columns = {"media_type": inspection.media_type, "row_count": inspection.row_count}
    if not _set_decision(conn, version, "published", now, **columns):
        return
    _save_findings(conn, version, inspection)
    newest = or_(files.c.current_version.is_(None), files.c.current_version < version.number)
    conn.execute(
        update(files)
        .where(files.c.id == version.file_id, newest)
        .values(current_version=version.number, current_size=version.size, updated_at=now)
    )
    _end_quarantine(conn, version, now)
    apply_retention(conn, version.file_id, now)
    if version.mode == "infer" and inspection.schema is not None:
        _freeze_schema(conn, version, inspection.schema, now)
        _freeze_dialect(conn, version, inspection.dialect)
    if inspection.row_count is not None and inspection.schema is not None:
        plan_derivative(conn, queue, version.blob_id, EAGER, now)
    finish_task(conn, version.task_id, "succeeded", now, has_report=True)
    _record(conn, version, "version.publish", now, {"verdict": inspection.verdict})


def reject_version(
    conn: WriteConnection, version: UndecidedVersion, inspection: Inspection, now: datetime
) -> None:
    """Keep the version out of sight, its report for its sender, its bytes in quarantine."""
    columns = {"media_type": inspection.media_type, "row_count": inspection.row_count}
    if not _set_decision(
        conn, version, "rejected", now, **columns, keep_until=now + QUARANTINE_PERIOD
    ):
        return
    _save_findings(conn, version, inspection)
    finish_task(
        conn, version.task_id, "failed", now, error=rejection_error(inspection), has_report=True
    )
    _record(conn, version, "version.reject", now, {"verdict": inspection.verdict}, "rejected")


def cancel_version(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """End a canceled task; the bytes go at once, and the quota with them."""
    if not _set_decision(conn, version, "canceled", now, keep_until=now):
        return
    finish_task(conn, version.task_id, "canceled", now)
    _record(conn, version, "version.cancel", now, {}, "canceled")


def fail_version(conn: WriteConnection, version: UndecidedVersion, now: datetime) -> None:
    """End a task whose inspection could not run: our fault, not the delivery's.

    The version was not judged, so it is not rejected; its bytes are kept as long as if it were.
    """
    if not _set_decision(conn, version, "failed", now, keep_until=now + QUARANTINE_PERIOD):
        return
    detail = (
        "The inspection could not be run. The delivery was not judged; deliver it again. "
        f"Its bytes are kept for who delivered them for {QUARANTINE_PERIOD.days} days."
    )
    error = {"code": "inspection-failed", "detail": detail}
    finish_task(conn, version.task_id, "failed", now, error=error)
    _record(conn, version, "version.fail", now, {}, "failed")
    log.error(
        "a version could not be inspected",
        file_id=str(version.file_id),
        version=version.number,
        task_id=str(version.task_id),
    )


def rejection_error(inspection: Inspection) -> dict[str, Any]:
    """The error of a task whose bytes break their contract: why, and what first."""
    return {
        "code": REJECTION_CODES[inspection.verdict],
        "detail": inspection.detail,
        **_first_errors(inspection),
    }


def _set_decision(
    conn: WriteConnection,
    version: UndecidedVersion,
    status: VersionStatus,
    now: datetime,
    **values: Any,
) -> bool:
    result = conn.execute(
        update(versions)
        .where(versions.c.id == version.blob_id, versions.c.status.in_(UNDECIDED_STATUSES))
        .values(status=status, decided_at=now, **values)
    )
    return bool(result.rowcount)


def _save_findings(
    conn: WriteConnection, version: UndecidedVersion, inspection: Inspection
) -> None:
    conn.execute(
        insert(inspections).values(
            version_id=version.blob_id,
            report=inspection.report,
            profile=inspection.profile,
            schema=inspection.schema,
            revision=version.revision,
        )
    )


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
    conn: WriteConnection, version: UndecidedVersion, schema: dict[str, Any], now: datetime
) -> None:
    conn.execute(
        insert(schema_revisions).values(
            file_id=version.file_id,
            revision=1,
            source="inferred",
            schema=schema,
            version=version.number,
            created_by=version.created_by,
            created_at=now,
        )
    )


def _freeze_dialect(
    conn: WriteConnection, version: UndecidedVersion, frozen: dict[str, Any] | None
) -> None:
    """Later deliveries have their header where this one has it."""
    if frozen:
        dialect = {**(version.dialect or {}), **frozen}
        conn.execute(update(files).where(files.c.id == version.file_id).values(dialect=dialect))


def _first_errors(inspection: Inspection, limit: int = 10) -> dict[str, Any]:
    """The first errors and the exact counts, so that a task alone tells what is wrong."""
    errors = [
        error for task in inspection.report.get("tasks", []) for error in task.get("errors", [])
    ]
    keys = ("type", "message", "rowNumber", "lineNumber", "fieldName", "fieldNumber", "cell")
    first = [{key: error[key] for key in keys if key in error} for error in errors[:limit]]
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
