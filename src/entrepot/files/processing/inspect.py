"""Inspect one version against its file's contract: the work of a background task.

Every part may run twice (a worker can be killed between any two lines): the states in the
database, not the progress of this function, say what has been done.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.sql.dml import ReturningUpdate

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, BlobStore, StoredBlob
from entrepot.db.engine import Database
from entrepot.db.tables import versions
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.errors import BlobDamaged, BlobMissing
from entrepot.files.borrow import borrow_blob
from entrepot.files.contract import Contract, load_contract, lock_terms
from entrepot.files.delivery.restore import load_earlier_findings
from entrepot.files.forms.with_verdict import find_earlier_parquet, link_parquet, store_forms
from entrepot.files.processing.monitor import CancelPoll, TaskMonitor
from entrepot.files.processing.publish import (
    FormPlaces,
    JudgedVersion,
    cancel_version,
    fail_version,
    publish_uninspected,
    publish_version,
    reject_version,
)
from entrepot.files.remove import remove_expired_bytes
from entrepot.files.versions import UNDECIDED_STATUSES, FileId, UndecidedVersion
from entrepot.inspection.results import (
    Comparison,
    ComparisonRequest,
    FormsWanted,
    Inspection,
    InspectionCanceled,
    InspectionRequest,
)
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.tasks.claims import LeaseLost
from entrepot.tasks.records import begin_task
from entrepot.tasks.runs import BudgetExceeded, Run


@dataclass(frozen=True)
class Inspector:
    """What an inspection needs; made by bootstrap, the queue's workflow for inspections.

    A version of at most `with_parquet_bytes` bytes, as received, becomes visible together with its
    Parquet.
    """

    database: Database
    store: BlobStore
    pool: InspectionPool
    places: FormPlaces
    with_parquet_bytes: int
    clock: Callable[[], datetime]

    def begin(self, conn: WriteConnection, run_id: UUID, now: datetime) -> UndecidedVersion | None:
        """Mark the task as running and its version as inspected; None if the task has ended."""
        return begin_inspection(conn, run_id, now)

    def give_up(self, conn: WriteConnection, run_id: UUID, now: datetime) -> None:
        """End a task that cannot be done."""
        give_up(conn, run_id, now)

    def run(self, run: Run, work: UndecidedVersion | None) -> None:
        """Inspect the task's version and publish, reject or cancel it; once ended, nothing."""
        version, decided = work, False
        try:
            while version is not None:
                decided = self.decide(run, self._find(run, version))
                if decided:
                    break
                version = run.write(begin_inspection, run.id, self.clock())  # the contract changed
        except InspectionCanceled:
            assert version is not None
            run.write(cancel_version, version, self.clock())
        # Canceled, also while it waited, or as a copy of what was withdrawn: its bytes go now.
        if version is None or not decided or version.restored_from is not None:
            for blob_id in self.database.read(_blobs_of, run.id):
                self.remove(blob_id)

    def examine(self, run: Run, request: InspectionRequest) -> Inspection:
        """Inspect bytes for a task: it shows the progress, and can be canceled meanwhile.

        Raises InspectionCanceled and InspectionFailed, and BudgetExceeded where others had the
        processor for so long that it is worth another attempt.
        """
        monitor = self._monitor(run)
        inspection = self.pool.inspect(request, monitor.progress, monitor.canceled, run.note_cpu)
        _require_processor(run, inspection)
        return inspection

    def compare(self, run: Run, request: ComparisonRequest) -> Comparison:
        """Compare two tables for a task, which can be canceled meanwhile.

        Raises InspectionCanceled and InspectionFailed.
        """
        return self.pool.compare(request, self._monitor(run).canceled, run.note_cpu)

    def borrow(self, blob_id: BlobId) -> AbstractContextManager[Path]:
        """The bytes as a local file, for the length of the block. Raises BlobMissing."""
        return borrow_blob(self.database, self.store, blob_id)

    def _borrow_known(
        self, blob_id: BlobId, size: int, sha256: str
    ) -> AbstractContextManager[Path]:
        """As `borrow`, of bytes whose row was read already."""
        return self.store.borrow(blob_id, lambda: StoredBlob(size, sha256))

    def remove(self, blob_id: BlobId) -> None:
        """Remove bytes whose time is over. If this is cut off, the sweep does it."""
        remove_expired_bytes(self.database, self.store, blob_id, self.clock)

    def _find(self, run: Run, version: UndecidedVersion) -> JudgedVersion:
        """What is found in the version, with the forms that go with it."""
        earlier = self._find_earlier(version)
        if earlier is not None:
            return earlier
        if version.cancel_requested:
            raise InspectionCanceled
        monitor = TaskMonitor(self.database, run, CancelPoll(self.database, [run.id], begun=True))
        with self.borrowed_request(version) as request:
            inspected, forms = self.pool.inspect_version(
                request,
                partial(store_forms, self.store),
                monitor.progress,
                monitor.canceled,
                run.note_cpu,
            )
        _require_processor(run, inspected.inspection)
        return JudgedVersion(version, inspected.inspection, forms)

    def _find_earlier(self, version: UndecidedVersion) -> JudgedVersion | None:
        """What was found in the same bytes before, if it holds still, with the Parquet that they
        have; None if they are to be inspected."""
        findings = self.database.read(load_earlier_findings, version)
        if findings is None:
            return None
        if findings.row_count is None or version.size > self.with_parquet_bytes:
            return JudgedVersion(version, findings)
        parquet = self.database.read(find_earlier_parquet, version)
        form = link_parquet(self.store, parquet) if parquet is not None else None
        return JudgedVersion(version, findings, (form,)) if form is not None else None

    def decide(self, run: Run, judged: JudgedVersion) -> bool:
        """Decide on a version, and remove what no row came to name of its forms. False if it is to
        be judged again, by another contract. Raises LeaseLost.

        If this is cut off before its end, or fails otherwise, the sweep removes them: a commit that
        fails may have been done, and then its blobs are needed.
        """
        named: frozenset[BlobId] = frozenset()

        def work(conn: WriteConnection) -> bool:
            nonlocal named
            decision = decide_version(conn, judged, self.places, self.clock())
            named = decision.named
            return decision.decided

        try:
            decided = run.end_if(work)
        except LeaseLost:  # nothing was written
            self._delete(judged.blob_ids)
            raise
        self._delete(judged.blob_ids - named)
        return decided

    def _delete(self, blob_ids: frozenset[BlobId]) -> None:
        for blob_id in blob_ids:
            self.store.delete(blob_id)

    def _monitor(self, run: Run) -> "TaskMonitor":
        """The progress of a task and its cancellation. Raises InspectionCanceled."""
        monitor = TaskMonitor(self.database, run)
        if monitor.canceled():  # while no worker ran
            raise InspectionCanceled
        return monitor

    @contextmanager
    def borrowed_request(self, version: UndecidedVersion) -> Iterator[InspectionRequest]:
        """How the version is inspected, and which forms are made with its verdict; its bytes are
        borrowed for the length of the block. Raises BlobMissing."""
        accepted = version.accepted_from is not None
        forms: FormsWanted = "published" if accepted else "by-verdict"
        with ExitStack() as borrowed:
            own = version.blob_id, version.size, version.sha256
            path = borrowed.enter_context(self._borrow_known(*own))
            current, known = self._borrow_current(version, borrowed)
            yield InspectionRequest(
                path=path,
                file_name=version.file_name,
                size=version.size,
                mode=version.mode,
                schema=json.loads(version.schema) if version.schema is not None else None,
                dialect=version.reading.dialect,
                encoding=version.reading.encoding,
                # What is published in any case needs no way out.
                suggest=known and not accepted,
                current=current,
                current_rows=version.current_rows,
                forms=forms if version.size <= self.with_parquet_bytes else "none",
                frozen=version.frozen,
            )

    def _borrow_current(
        self, version: UndecidedVersion, borrowed: ExitStack
    ) -> tuple[Path | None, bool]:
        """The bytes of the current version; False if there should be some."""
        if version.current_blob is None:
            return None, True
        try:
            known = version.current_blob, version.current_size, version.current_sha256
            return borrowed.enter_context(self._borrow_known(*known)), True
        except (BlobMissing, BlobDamaged):
            return None, False


def _require_processor(run: Run, inspection: Inspection) -> None:
    """Raises BudgetExceeded where others had the processor for so long that an inspection is worth
    another attempt."""
    if inspection.starved and not run.is_last_attempt:
        raise BudgetExceeded


def begin_inspection(
    conn: WriteConnection, task_id: UUID, now: datetime
) -> UndecidedVersion | None:
    """Mark the task as running and its version as inspected; None if the task has ended."""
    started = begin_task(conn, task_id, "inspecting", now)
    if started is None:
        return None
    row = conn.execute(_begin_statement(), {"of_task": task_id}).one_or_none()
    version = _with_contract(conn, row) if row is not None else _load_version(conn, task_id)
    return replace(version, cancel_requested=started.cancel_requested)


@cache
def _begin_statement() -> ReturningUpdate[Any]:
    undecided = versions.c.status.in_(UNDECIDED_STATUSES)
    statement = update(versions).where(versions.c.task_id == uuid_parameter("of_task"), undecided)
    return statement.values(status="inspecting").returning(*VERSION_COLUMNS)


def give_up(conn: WriteConnection, task_id: UUID, now: datetime) -> None:
    """End a task that cannot be done; nothing changes if it has ended.

    Without a contract there is nothing to judge, and the version is published anyway.
    """
    version = _load_version(conn, task_id)
    if version.mode == "none":
        publish_uninspected(conn, version, now)
    else:
        fail_version(conn, version, now)


def _blobs_of(conn: ReadConnection, task_id: UUID) -> list[BlobId]:
    query = select(versions.c.id).where(versions.c.task_id == task_id)
    return [BlobId(row) for row in conn.scalars(query)]


@dataclass(frozen=True)
class VersionDecision:
    """Whether a version was decided on, and which blobs of its forms rows name now."""

    decided: bool
    named: frozenset[BlobId] = frozenset()


def decide_version(
    conn: WriteConnection, judged: JudgedVersion, places: FormPlaces, now: datetime
) -> VersionDecision:
    """Publish or reject by the verdict: the one place where a version becomes visible, with the
    forms that were made of it.

    Without enforcement every verdict publishes: the findings are warnings in the report. So it does
    where a rejected version was accepted anyway: then they are what was excepted. Nothing is
    decided if the contract has another schema by now than the one it was judged by, or
    says otherwise how it is read.
    """
    version = judged.version
    contract = lock_terms(conn, version.file_id)
    if (contract.revision, contract.reading) != (version.revision, version.reading):
        return VersionDecision(False)
    is_accepted = version.accepted_from is not None
    if version.mode == "none" or judged.inspection.verdict == "conforms" or is_accepted:
        named = publish_version(conn, judged, contract, places, now)
    else:
        named = reject_version(conn, judged, places, now)
    return VersionDecision(True, frozenset(named))


VERSION_COLUMNS = (
    versions.c.id,
    versions.c.task_id,
    versions.c.file_id,
    versions.c.account_id,
    versions.c.created_by,
    versions.c.number,
    versions.c.size,
    versions.c.sha256,
    versions.c.restored_from,
    versions.c.accepted_from,
    versions.c.replaces,
    versions.c.link_id,
)


def _load_version(conn: ReadConnection, task_id: UUID) -> UndecidedVersion:
    query = select(*VERSION_COLUMNS).where(versions.c.task_id == task_id)
    return _with_contract(conn, conn.execute(query).one())


def _with_contract(conn: ReadConnection, row: Any) -> UndecidedVersion:
    contract = load_contract(conn, row.file_id)
    current = _find_current(conn, contract)
    return UndecidedVersion(
        task_id=row.task_id,
        blob_id=BlobId(row.id),
        file_id=FileId(row.file_id),
        account_id=AccountId(row.account_id),
        created_by=row.created_by,
        number=row.number,
        size=row.size,
        sha256=row.sha256,
        file_name=contract.file_name,
        mode=contract.mode,
        schema=contract.schema,
        revision=contract.revision,
        frozen=contract.frozen,
        reading=contract.reading,
        restored_from=row.restored_from,
        accepted_from=row.accepted_from,
        replaces=row.replaces,
        link_id=row.link_id,
        current_blob=BlobId(current.id) if current is not None else None,
        current_size=current.size if current is not None else 0,
        current_sha256=current.sha256 if current is not None else "",
        current_rows=current.row_count if current is not None else None,
    )


def _find_current(conn: ReadConnection, contract: Contract) -> Any:
    """The bytes and the rows of the file's current version, if it has one and a contract."""
    if contract.schema is None or contract.current_version is None:
        return None
    current = versions.c.number == contract.current_version
    query = select(versions.c.id, versions.c.size, versions.c.sha256, versions.c.row_count)
    return conn.execute(query.where(versions.c.file_id == contract.file_id, current)).one()
