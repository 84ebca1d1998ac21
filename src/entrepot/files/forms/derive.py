"""Make one form of a version after its verdict: that of a large one, or what is asked for later.

As with an inspection every part may run twice: the row says what has been done. A file that was
made and that no row came to name is swept.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog

from entrepot.blobs.store import BlobStore, StoredBlob
from entrepot.db.engine import Database
from entrepot.db.types import WriteConnection
from entrepot.errors import StorageFull
from entrepot.files.borrow import borrow_blob
from entrepot.files.derivatives import (
    Derivation,
    begin_derivation,
    fail_derivation,
    save_derivative,
)
from entrepot.files.forms.store_output import has_content, store_output
from entrepot.inspection.results import ConversionRequest, Converted
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.tasks.claims import LeaseLost
from entrepot.tasks.runs import Run

log = structlog.get_logger(__name__)

FAILURE_DETAIL = "It could not be made, through no fault of the file."


@dataclass(frozen=True)
class Deriver:
    """What a derivation needs; made by bootstrap, the queue's workflow for derivations.

    `max_total_bytes` is what all derivatives of the server may take, in bytes.
    """

    database: Database
    store: BlobStore
    pool: InspectionPool
    max_total_bytes: int
    clock: Callable[[], datetime]

    def begin(self, conn: WriteConnection, run_id: UUID, now: datetime) -> Derivation | None:
        """Load what is to be made; None if that is done."""
        return begin_derivation(conn, run_id, now)

    def give_up(self, conn: WriteConnection, run_id: UUID, now: datetime) -> None:
        """Note that the form cannot be made: the version stays published."""
        fail_derivation(conn, run_id, "derivation-failed", FAILURE_DETAIL, now)

    def run(self, run: Run, work: Derivation | None) -> None:
        """Make the run's form; once it has ended, nothing."""
        if work is None:
            return
        derivation = work

        def save(output: Path, result: Converted) -> None:
            self._save(run, derivation, output, result)

        def canceled() -> bool:
            run.check()
            return False

        try:
            with borrow_blob(self.database, self.store, derivation.source) as path:
                request = _conversion_request(derivation, path)
                result, _ = self.pool.derive(request, save, canceled, run.note_cpu)
        except StorageFull as full:
            self._fail(run, "storage-full", str(full))
            return
        if result.verdict != "made":
            self._fail(run, result.verdict, result.detail)

    def _save(self, run: Run, derivation: Derivation, output: Path, result: Converted) -> None:
        if result.detail:
            log.warning("derived in part", detail=result.detail)
        # What was delivered is canonical already: its own bytes serve as the form too.
        original = derivation.form == "csv" and has_content(
            output, derivation.size, derivation.sha256
        )
        if original:
            blob_id = derivation.version_id
            stored = StoredBlob(derivation.size, derivation.sha256)
        else:
            blob_id, stored = store_output(self.store, output)
        saved = False
        try:
            saved = run.end(
                save_derivative,
                derivation,
                blob_id,
                stored,
                result.columns,
                self.max_total_bytes,
                self.clock(),
            )
        except LeaseLost:  # nothing was written; after another failure the sweep finds out
            if not original:
                self.store.delete(blob_id)
            raise
        if not saved and not original:
            self.store.delete(blob_id)

    def _fail(self, run: Run, code: str, detail: str) -> None:
        run.end(fail_derivation, run.id, code, detail, self.clock())


def _conversion_request(derivation: Derivation, path: Path) -> ConversionRequest:
    return ConversionRequest(
        path=path,
        file_name=derivation.file_name,
        size=derivation.source_size,
        form=derivation.form,
        schema=json.loads(derivation.schema),
        mode=derivation.mode,
        rows=derivation.rows,
        dialect=derivation.reading.dialect,
        encoding=derivation.reading.encoding,
        is_exception=derivation.is_exception,
        frozen=derivation.frozen,
    )
