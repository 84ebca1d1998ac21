"""Inspect small versions of one sender in one account together, in as few sandbox processes as
possible (ADR 0043).

Each version is decided on its own, in its own transaction, as soon as it was judged. As in
`files.processing.inspect` every part may run twice.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from entrepot.files.forms.with_verdict import store_forms
from entrepot.files.processing.inspect import Inspector
from entrepot.files.processing.monitor import CancelPoll, TaskMonitor
from entrepot.files.processing.publish import JudgedVersion
from entrepot.files.versions import UndecidedVersion
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILE_BYTES,
    BatchSender,
    SenderBatch,
    SentRequest,
)
from entrepot.tasks.runs import BegunRun


@dataclass(frozen=True)
class BatchInspector(Inspector):
    """An inspector that inspects small versions of one sender in one account together."""

    def run_batch(self, begun: Sequence[BegunRun]) -> None:
        """Inspect the runs' versions, at most `MAX_BATCH_FILES`, and decide on each.

        What cannot be judged with others, such as a large file, or could not be decided, is left:
        its run has not ended; so is the rest once the place is overdue. Raises ValueError where a
        sender or an account differs, what `Run.check` raises for the run that is worked on,
        InspectionFailed and BlobMissing; then the rest is left too.
        """
        small = [each for each in begun if each.work is not None and _may_be_batched(each.work)]
        if not small:
            return
        with ExitStack() as borrowed:
            batch = SenderBatch([self._sent(each.work, borrowed) for each in small])
            self._inspect_batch(small, batch)

    def _inspect_batch(self, small: Sequence[BegunRun], batch: SenderBatch) -> None:
        poll = CancelPoll(self.database, [each.run.id for each in small], begun=True)
        monitors = [TaskMonitor(self.database, each.run, poll) for each in small]
        results = self.pool.inspect_batch(
            batch,
            partial(store_forms, self.store),
            lambda number: monitors[number].canceled(),
            on_cpu=lambda number, seconds: small[number].run.note_cpu(seconds),
        )
        for result in results:
            each = small[result.number]
            # One that was canceled, failed or had no processor ends when it is run by itself.
            if result.inspected is not None and not result.inspected.inspection.starved:
                inspection, forms = result.inspected.inspection, result.stored or ()
                self.decide(each.run, JudgedVersion(each.work, inspection, forms))
            if each.run.place.is_overdue():
                return

    def _sent(self, version: UndecidedVersion, borrowed: ExitStack) -> SentRequest:
        sender = BatchSender(version.account_id, version.link_id or version.created_by)
        return SentRequest(sender, borrowed.enter_context(self.borrowed_request(version)))


def _may_be_batched(version: UndecidedVersion) -> bool:
    """Whether the version is inspected with others; a copy has what was found before, and one that
    is to be canceled is not inspected."""
    is_copy = version.restored_from is not None or version.accepted_from is not None
    return not (is_copy or version.cancel_requested) and version.size <= MAX_BATCH_FILE_BYTES
