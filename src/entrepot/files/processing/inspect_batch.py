"""Inspect small versions of one sender in one account together, in as few sandbox processes as
possible (ADR 0043).

Each version is decided on its own, in its own transaction, as soon as it was judged. As in
`files.processing.inspect` every part may run twice.
"""

from collections.abc import Sequence
from functools import partial

from entrepot.files.derivatives import NewForm
from entrepot.files.forms.with_verdict import store_forms
from entrepot.files.processing.inspect import Inspector, TaskMonitor
from entrepot.files.processing.publish import JudgedVersion
from entrepot.files.versions import UndecidedVersion
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILE_BYTES,
    BatchResult,
    Sender,
    SenderBatch,
    SentRequest,
)
from entrepot.tasks.runs import Run

Begun = tuple[Run, UndecidedVersion | None]


def inspect_together(inspector: Inspector, begun: Sequence[Begun]) -> None:
    """Inspect the versions of runs of one sender in one account, at most `MAX_BATCH_FILES`.

    What cannot be judged with others, such as a large file, or could not be decided, is left: its
    run has not ended. Raises ValueError where a sender or an account differs, what `Run.check`
    raises for one of the runs, InspectionFailed and BlobMissing; then the rest is left too.
    """
    runs = [(run, version) for run, version in begun if version is not None and _is_small(version)]
    if not runs:
        return
    batch = SenderBatch([_sent(inspector, version) for _, version in runs])
    monitors = [TaskMonitor(inspector.database, run) for run, _ in runs]
    results = inspector.pool.inspect_batch(
        batch, partial(store_forms, inspector.store), lambda number: monitors[number].canceled()
    )
    for result in results:
        run, version = runs[result.number]
        _decide(inspector, run, version, result)


def _is_small(version: UndecidedVersion) -> bool:
    """Whether the version is inspected with others; a copy has what was found before."""
    is_copy = version.restored_from is not None or version.accepted_from is not None
    return not is_copy and version.size <= MAX_BATCH_FILE_BYTES


def _sent(inspector: Inspector, version: UndecidedVersion) -> SentRequest:
    return SentRequest(Sender(version.account_id, version.created_by), inspector.request(version))


def _decide(
    inspector: Inspector,
    run: Run,
    version: UndecidedVersion,
    result: BatchResult[tuple[NewForm, ...]],
) -> None:
    """End the run by its result; one that was canceled or has none ends by itself."""
    if result.inspected is not None:
        forms = result.stored or ()
        inspector.decide(run, JudgedVersion(version, result.inspected.inspection, forms))
