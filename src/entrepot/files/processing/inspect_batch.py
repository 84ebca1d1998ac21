"""Inspect small versions of one sender in one account together, in as few sandbox processes as
possible (ADR 0043).

Each version is decided on its own, in its own transaction, as soon as it was judged. As in
`files.processing.inspect` every part may run twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog

from entrepot.files.derivatives import NewForm
from entrepot.files.forms.with_verdict import store_forms
from entrepot.files.processing.inspect import (
    Inspector,
    TaskMonitor,
    begin_inspection,
    earlier_tasks,
)
from entrepot.files.processing.publish import JudgedVersion
from entrepot.files.versions import FileId, UndecidedVersion
from entrepot.inspection.results import InspectionCanceled, PoolClosed
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILE_BYTES,
    BatchResult,
    Sender,
    SenderBatch,
    SentRequest,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class BatchInspector:
    """Inspects several tasks' versions with an inspector's means."""

    inspector: Inspector

    def run(self, task_ids: Sequence[UUID]) -> None:
        """Inspect the tasks' versions and publish, reject or cancel each; once ended, nothing.

        They are of one sender in one account, in the order of their numbers where they are of one
        file; at most `MAX_BATCH_FILES`. What cannot be judged with others, or is not decided with
        them, is inspected by itself. Raises ValueError where a sender or an account differs.
        """
        versions = [version for task_id in task_ids if (version := self._begin(task_id, task_ids))]
        decided: set[UUID] = set()
        if versions:
            batch = SenderBatch([self._sent(version) for version in versions])
            try:
                self._run_together(versions, batch, decided)
            except PoolClosed:
                pass  # the worker is being stopped, as the next run finds
            except Exception:
                log.exception("versions could not be inspected together")
        for task_id in task_ids:
            if task_id not in decided:
                self.inspector.run(task_id)

    def _begin(self, task_id: UUID, together: Sequence[UUID]) -> UndecidedVersion | None:
        """Begin an inspection; None for what is inspected by itself, or has ended."""
        database = self.inspector.database
        if not set(database.read(earlier_tasks, task_id)) <= set(together):
            return None
        version = database.write(begin_inspection, task_id, self.inspector.clock())
        if version is None or version.size > MAX_BATCH_FILE_BYTES:
            return None
        is_copy = version.restored_from is not None or version.accepted_from is not None
        return None if is_copy else version

    def _sent(self, version: UndecidedVersion) -> SentRequest:
        sender = Sender(version.account_id, version.created_by)
        return SentRequest(sender, self.inspector.request(version))

    def _run_together(
        self, versions: list[UndecidedVersion], batch: SenderBatch, decided: set[UUID]
    ) -> None:
        """Judge and decide, and add each task that has ended to `decided`."""
        database, store = self.inspector.database, self.inspector.store
        monitors = [TaskMonitor(database, version.task_id) for version in versions]
        undecided_files: set[FileId] = set()
        results = self.inspector.pool.inspect_batch(
            batch, partial(store_forms, store), lambda number: monitors[number].canceled()
        )
        for result in results:
            version = versions[result.number]
            # Versions of a file are decided in their order.
            if version.file_id not in undecided_files and self._decide(version, result):
                decided.add(version.task_id)
            else:
                undecided_files.add(version.file_id)

    def _decide(self, version: UndecidedVersion, result: BatchResult[tuple[NewForm, ...]]) -> bool:
        """End the version's task; False if it is to be inspected by itself."""
        if isinstance(result.failure, InspectionCanceled):
            self.inspector.cancel(version)
            return True
        if result.inspected is None:
            return False
        forms = result.stored or ()
        return self.inspector.decide(JudgedVersion(version, result.inspected.inspection, forms))
