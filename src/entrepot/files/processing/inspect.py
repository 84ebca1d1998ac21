"""Inspect one version against its file's contract: the work of a background task.

Every part may run twice (a worker can be killed between any two lines): the states in the
database, not the progress of this function, say what has been done.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.db.tables import versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import BlobMissing
from entrepot.files.contract import load_contract, lock_contract
from entrepot.files.delivery.restore import load_earlier_findings
from entrepot.files.processing.publish import (
    cancel_version,
    fail_version,
    publish_uninspected,
    publish_version,
    reject_version,
)
from entrepot.files.processing.retry import run_with_retries
from entrepot.files.remove import remove_expired_bytes
from entrepot.files.versions import UNDECIDED_STATUSES, FileId, UndecidedVersion
from entrepot.inspection.results import (
    Comparison,
    ComparisonRequest,
    Inspection,
    InspectionCanceled,
    InspectionRequest,
)
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import cancel_requested, report_progress, start_task

PROGRESS_SECONDS = 0.25
"""Seconds between two writes of a task's progress."""
CANCEL_POLL_SECONDS = 0.2
"""Seconds between two looks at whether the task is to stop."""
MAX_STARTS = 9
"""Starts that a task gets: one whose workers die each time must not be resumed for ever."""


@dataclass(frozen=True)
class Inspector:
    """What an inspection needs; made by bootstrap, its `run` is the queue's workflow."""

    database: Database
    store: BlobStore
    pool: InspectionPool
    queue: TaskQueue
    clock: Callable[[], datetime]

    def run(self, task_id: UUID) -> None:
        """Inspect the task's version and publish, reject or cancel it; once ended, nothing.

        What fails for no fault of the delivery is tried again, then ends the task: none may
        lie there undecided because of an error that nobody sees.
        """
        run_with_retries(
            "inspection",
            lambda: self._run(task_id),
            lambda: self.database.write(give_up, task_id, self.clock()),
        )

    def examine(self, task_id: UUID, request: InspectionRequest) -> Inspection:
        """Inspect bytes for a task: it shows the progress, and can be canceled meanwhile.

        Raises InspectionCanceled and InspectionFailed.
        """
        monitor = _TaskMonitor(self.database, task_id)
        if monitor.canceled():  # while no worker ran
            raise InspectionCanceled
        return self.pool.inspect(request, monitor.progress, monitor.canceled)

    def compare(self, task_id: UUID, request: ComparisonRequest) -> Comparison:
        """Compare two tables for a task, which can be canceled meanwhile.

        Raises InspectionCanceled and InspectionFailed.
        """
        monitor = _TaskMonitor(self.database, task_id)
        if monitor.canceled():  # while no worker ran
            raise InspectionCanceled
        return self.pool.compare(request, monitor.canceled)

    def path(self, blob_id: BlobId) -> Path:
        """Where the bytes lie. Raises BlobMissing."""
        path = self.store.path(blob_id)
        if path is None or not path.exists():
            raise BlobMissing(blob_id)
        return Path(path)

    def remove(self, blob_id: BlobId) -> None:
        """Remove bytes whose time is over. If this is cut off, the sweep does it."""
        remove_expired_bytes(self.database, self.store, blob_id, self.clock)

    def _run(self, task_id: UUID) -> None:
        # The queue keeps an account's order but for ties and clocks that differ between hosts.
        # What is decided must not depend on it: an inferred schema is the first version's.
        for earlier in self.database.read(earlier_tasks, task_id):
            self.run(earlier)
        version = self.database.write(begin_inspection, task_id, self.clock())
        if version is None:
            # Canceled while it waited, or a second run: what may go of its bytes goes now.
            for blob_id in self.database.read(_blobs_of, task_id):
                self.remove(blob_id)
            return
        try:
            inspection = self.database.read(load_earlier_findings, version)
            if inspection is None:
                inspection = self.examine(task_id, self._request(version))
        except InspectionCanceled:
            self.database.write(cancel_version, version, self.clock())
            self.remove(version.blob_id)
        else:
            if not self.database.write(
                decide_version, version, inspection, self.queue, self.clock()
            ):
                self._run(task_id)  # by the contract as it is now

    def _request(self, version: UndecidedVersion) -> InspectionRequest:
        return InspectionRequest(
            path=self.path(version.blob_id),
            file_name=version.file_name,
            size=version.size,
            mode=version.mode,
            schema=version.schema,
            dialect=version.reading.dialect,
            encoding=version.reading.encoding,
        )


class _TaskMonitor:
    """Passes progress on and asks about cancellation, both at a bounded rate."""

    def __init__(self, database: Database, task_id: UUID) -> None:
        self._database = database
        self._task_id = task_id
        self._last_report = time.monotonic()
        self._last_poll = -math.inf
        self._is_canceled = False

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_report >= PROGRESS_SECONDS:
            self._last_report = now
            self._database.write(report_progress, self._task_id, "inspecting", done, total)

    def canceled(self) -> bool:
        now = time.monotonic()
        if now - self._last_poll >= CANCEL_POLL_SECONDS:
            self._last_poll = now
            self._is_canceled = self._database.read(cancel_requested, self._task_id)
        return self._is_canceled


def begin_inspection(
    conn: WriteConnection, task_id: UUID, now: datetime
) -> UndecidedVersion | None:
    """Mark the task as running and its version as inspected; None if the task has ended."""
    starts = start_task(conn, task_id, "inspecting", now)
    if starts is None:
        return None
    if starts > MAX_STARTS:
        give_up(conn, task_id, now)
        return None
    conn.execute(
        update(versions)
        .where(versions.c.task_id == task_id, versions.c.status == "received")
        .values(status="inspecting")
    )
    return _load_version(conn, task_id)


def earlier_tasks(conn: ReadConnection, task_id: UUID) -> list[UUID]:
    """The tasks of the same file's earlier versions that wait for their verdict, in order."""
    this = versions.alias()
    query = (
        select(versions.c.task_id)
        .join(this, this.c.file_id == versions.c.file_id)
        .where(this.c.task_id == task_id, versions.c.number < this.c.number)
        .where(versions.c.status.in_(UNDECIDED_STATUSES))
        .order_by(versions.c.number)
    )
    return list(conn.scalars(query))


def give_up(conn: WriteConnection, task_id: UUID, now: datetime) -> None:
    """End a task that cannot be done; nothing changes if it has ended.

    Without a contract there is nothing to judge, and the version is published all the same.
    """
    version = _load_version(conn, task_id)
    if version.mode == "none":
        publish_uninspected(conn, version, now)
    else:
        fail_version(conn, version, now)


def _blobs_of(conn: ReadConnection, task_id: UUID) -> list[BlobId]:
    query = select(versions.c.id).where(versions.c.task_id == task_id)
    return [BlobId(row) for row in conn.scalars(query)]


def decide_version(
    conn: WriteConnection,
    version: UndecidedVersion,
    inspection: Inspection,
    queue: TaskQueue,
    now: datetime,
) -> bool:
    """Publish or reject by the verdict: the one place where a version becomes visible.

    Without enforcement every verdict publishes: the findings are warnings in the report. So it does
    where a rejected version was accepted all the same: then they are what was excepted. False, and
    nothing is decided, if the contract has another schema by now than the one it was judged by, or
    says otherwise how it is read.
    """
    contract = lock_contract(conn, version.file_id)
    if (contract.revision, contract.reading) != (version.revision, version.reading):
        return False
    is_accepted = version.accepted_from is not None
    if version.mode == "none" or inspection.verdict == "conforms" or is_accepted:
        publish_version(conn, version, inspection, queue, now)
    else:
        reject_version(conn, version, inspection, now)
    return True


def _load_version(conn: ReadConnection, task_id: UUID) -> UndecidedVersion:
    row = conn.execute(
        select(
            versions.c.id,
            versions.c.file_id,
            versions.c.account_id,
            versions.c.created_by,
            versions.c.number,
            versions.c.size,
            versions.c.restored_from,
            versions.c.accepted_from,
            versions.c.replaces,
        ).where(versions.c.task_id == task_id)
    ).one()
    contract = load_contract(conn, row.file_id)
    return UndecidedVersion(
        task_id=task_id,
        blob_id=BlobId(row.id),
        file_id=FileId(row.file_id),
        account_id=AccountId(row.account_id),
        created_by=row.created_by,
        number=row.number,
        size=row.size,
        file_name=contract.file_name,
        mode=contract.mode,
        schema=contract.schema,
        revision=contract.revision,
        reading=contract.reading,
        restored_from=row.restored_from,
        accepted_from=row.accepted_from,
        replaces=row.replaces,
    )
