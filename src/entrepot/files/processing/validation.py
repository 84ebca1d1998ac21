"""Validate bytes with a contract without making a version of them.

The bytes are an upload for validation, or the current version under a proposed schema, which takes
effect here if the version keeps it. Every step may run twice, as in `files.processing.inspect`: the
states in the database say what has been done.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from entrepot.accounts.actor import AccountId
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.tables import accounts, checks, users, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.contract import NewContract, add_revision, load_contract, lock_contract
from entrepot.files.processing import inspect
from entrepot.files.processing.compare import give_up_comparison
from entrepot.files.processing.inspect import Inspector
from entrepot.files.processing.publish import end_rejected
from entrepot.files.versions import FileId
from entrepot.inspection.results import (
    Inspection,
    InspectionCanceled,
    InspectionRequest,
    Mode,
)
from entrepot.schemas.reading.stated import StatedReading
from entrepot.tasks.records import finish_task, start_task
from entrepot.tasks.runs import Run
from entrepot.texts.json_text import JsonText, to_json_text


@dataclass(frozen=True)
class Validation:
    """A check that has not ended. `size` is the bytes that came with it, 0 if none did.

    `revision` is set if and only if it is for a schema that is to follow that revision;
    `changes` is then what it changes.
    """

    id: UUID
    task_id: UUID
    account_id: AccountId
    file_id: FileId | None
    name: str
    mode: Mode
    schema: JsonText | None
    reading: StatedReading
    size: int
    revision: int | None
    changes: JsonText
    user_id: UUID
    user_name: str
    key_id: UUID | None
    request_origin: None = None


@dataclass(frozen=True)
class CurrentVersion:
    """The version that readers see: what a new schema is checked against. `size` is bytes, `rows`
    are its data rows (None: it is not a table)."""

    number: int
    blob_id: BlobId
    size: int
    rows: int | None


@dataclass(frozen=True)
class Validator:
    """Runs checks with an inspector's means: the queue's workflow for them."""

    inspector: Inspector
    clock: Callable[[], datetime]

    def begin(self, conn: WriteConnection, run_id: UUID, now: datetime) -> Validation | None:
        """Mark the task as running; None if it has ended."""
        return begin_validation(conn, run_id, now)

    def give_up(self, conn: WriteConnection, run_id: UUID, now: datetime) -> None:
        """End a check that cannot be done."""
        give_up(conn, run_id, now)

    def run(self, run: Run, work: Validation | None) -> None:
        """Carry out the task's check; once ended, nothing."""
        if work is not None:
            try:
                if work.revision is None:
                    inspection = self._examine_upload(run, work)
                    run.write(end_validation, work, inspection, self.clock())
                else:
                    self._validate_schema(run, work)
            except InspectionCanceled:
                run.write(cancel_validation, work, self.clock())
        # Also after a second run or a cancellation while it waited, and before the run ends.
        for blob_id in self.inspector.database.read(_uploaded_blobs, run.id):
            self.inspector.remove(blob_id)

    def _validate_schema(self, run: Run, check: Validation) -> None:
        """Hold the current version against the schema, again for as long as it moves meanwhile."""
        done = False
        while not done:
            current = self.inspector.database.read(get_current_version, check.file_id)
            inspection = None
            if current is not None:
                with self.inspector.borrow(current.blob_id) as path:
                    request = _validation_request(check, path, current.size)
                    inspection = self.inspector.examine(run, request)
            number = current.number if current else None
            same = self._has_schema(check)
            done = run.write(end_schema_change, check, number, inspection, same, self.clock())

    def _has_schema(self, check: Validation) -> bool:
        """Whether the schema is the file's own already, as of the revision that it is to follow; a
        revision never changes. Long schemas are parsed here, while no transaction waits."""
        assert check.file_id is not None
        contract = self.inspector.database.read(load_contract, check.file_id)
        same: bool = json.loads(check.schema or "{}") == json.loads(contract.schema or "{}")
        return same

    def _examine_upload(self, run: Run, check: Validation) -> Inspection:
        """Validate what came with the check, by a contract of its own or that of a file; a
        suggestion keeps the file's current version."""
        current = self.inspector.database.read(get_current_version, check.file_id)
        with ExitStack() as borrowed:
            path = borrowed.enter_context(self.inspector.borrow(BlobId(check.id)))
            request = replace(_validation_request(check, path, check.size), suggest=True)
            if current is not None:
                path = borrowed.enter_context(self.inspector.borrow(current.blob_id))
                request = replace(request, current=path, current_rows=current.rows)
            return self.inspector.examine(run, request)


def _validation_request(check: Validation, path: Path, size: int) -> InspectionRequest:
    return InspectionRequest(
        path=path,
        file_name=check.name,
        size=size,
        mode=check.mode,
        schema=json.loads(check.schema) if check.schema is not None else None,
        dialect=check.reading.dialect,
        encoding=check.reading.encoding,
    )


def begin_validation(conn: WriteConnection, task_id: UUID, now: datetime) -> Validation | None:
    """Mark the task as running; None if it has ended."""
    return find_validation(conn, task_id) if start_task(conn, task_id, "inspecting", now) else None


def end_validation(
    conn: WriteConnection, check: Validation, inspection: Inspection, now: datetime
) -> None:
    """Keep the report and let the bytes go; the task fails if the contract is broken."""
    if not _set_decision(conn, check, now, report=to_json_text(inspection.report)):
        return
    if check.mode == "none" or inspection.verdict == "conforms":
        finish_task(conn, check.task_id, "succeeded", now, has_report=True)
    else:
        end_rejected(conn, check.task_id, inspection, now)


def end_schema_change(
    conn: WriteConnection,
    check: Validation,
    checked_version: int | None,
    inspection: Inspection | None,
    same_schema: bool,
    now: datetime,
) -> bool:
    """Let the schema take effect if version `checked_version` fits and is still the current one.
    `same_schema` says whether it is that of the revision that it is to follow.

    False if another version has become the current one meanwhile: it is to be checked then.
    """
    assert check.file_id is not None
    contract = lock_contract(conn, check.file_id)
    if contract.current_version != checked_version:
        return False
    report = to_json_text(inspection.report) if inspection else None
    if not _set_decision(conn, check, now, report=report, version=checked_version):
        return True
    if inspection is not None and inspection.verdict != "conforms":
        end_rejected(conn, check.task_id, inspection, now)
    elif contract.revision != check.revision:
        detail = (
            f"The schema was compared with revision {check.revision}; the file has revision "
            f"{contract.revision} now. Nothing was changed."
        )
        error = {"code": "schema-changed", "detail": detail, "revision": contract.revision}
        finish_task(conn, check.task_id, "failed", now, error=error, has_report=bool(report))
    else:
        assert check.schema is not None
        new = NewContract(check.schema, check.reading)
        if not same_schema or new.reading != contract.reading:
            _apply_contract(conn, check, new, checked_version, now)
        finish_task(conn, check.task_id, "succeeded", now, has_report=bool(report))
    return True


def _apply_contract(
    conn: WriteConnection,
    check: Validation,
    new: NewContract,
    checked_version: int | None,
    now: datetime,
) -> None:
    assert check.file_id is not None
    contract = lock_contract(conn, check.file_id)
    number = add_revision(conn, contract, new, check.changes, check.user_id, now)
    detail = {"revision": number, "changes": check.changes}
    record(
        conn, check.account_id, check, "schema.change", now, check.file_id, checked_version, detail
    )


def cancel_validation(conn: WriteConnection, check: Validation, now: datetime) -> None:
    """End a canceled check; bytes that came with it go immediately, and the quota with them."""
    if _set_decision(conn, check, now):
        finish_task(conn, check.task_id, "canceled", now)


def give_up(conn: WriteConnection, task_id: UUID, now: datetime) -> None:
    """End a task that cannot be done, whatever it is for; nothing changes if it has ended."""
    check = find_validation(conn, task_id)
    if check is None:
        if not give_up_comparison(conn, task_id, now):
            inspect.give_up(conn, task_id, now)
        return
    if _set_decision(conn, check, now):
        detail = (
            "The inspection could not be run, by a fault of this server. Nothing was judged or"
            " changed; the server's log says why."
        )
        error = {"code": "inspection-failed", "detail": detail}
        finish_task(conn, check.task_id, "failed", now, error=error)


def find_validation(conn: ReadConnection, task_id: UUID) -> Validation | None:
    """The check of a task; None for a task of another kind."""
    query = (
        select(checks, users.c.name.label("user"), accounts.c.name.label("account"))
        .join(users, users.c.id == checks.c.created_by)
        .join(accounts, accounts.c.id == users.c.account_id)
    )
    row = conn.execute(query.where(checks.c.task_id == task_id)).one_or_none()
    if row is None:
        return None
    return Validation(
        id=row.id,
        task_id=row.task_id,
        account_id=AccountId(row.account_id),
        file_id=row.file_id,
        name=row.name,
        mode=row.mode,
        schema=row.schema,
        reading=StatedReading(row.dialect, row.encoding),
        size=row.size,
        revision=row.revision,
        changes=row.changes or to_json_text([]),
        user_id=row.created_by,
        user_name=f"{row.account}:{row.user}",
        key_id=row.key_id,
    )


def get_current_version(conn: ReadConnection, file_id: UUID | None) -> CurrentVersion | None:
    """The bytes of the file's current version, if it has one."""
    row = conn.execute(
        select(versions.c.number, versions.c.id, versions.c.size, versions.c.row_count)
        .where(versions.c.file_id == file_id, versions.c.status == "published")
        .order_by(versions.c.number.desc())
        .limit(1)
    ).one_or_none()
    return CurrentVersion(row.number, BlobId(row.id), row.size, row.row_count) if row else None


def _uploaded_blobs(conn: ReadConnection, task_id: UUID) -> list[BlobId]:
    query = select(checks.c.id).where(checks.c.task_id == task_id, checks.c.size > 0)
    return [BlobId(row) for row in conn.scalars(query)]


def _set_decision(conn: WriteConnection, check: Validation, now: datetime, **values: Any) -> bool:
    """Whether the check ended just now; if it had ended before, nothing changes."""
    result = conn.execute(
        update(checks)
        .where(checks.c.id == check.id, checks.c.decided_at.is_(None))
        .values(decided_at=now, keep_until=now, **values)
    )
    return bool(result.rowcount)
