"""Make one form of a version after its verdict: that of a large one, or what is asked for later.

As with an inspection every part may run twice: the row says what has been done. A file that was
made and that no row came to name is swept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog

from entrepot.blobs.store import BlobStore, StoredBlob
from entrepot.db.engine import Database
from entrepot.errors import BlobMissing, StorageFull
from entrepot.files.derivatives import (
    Derivation,
    begin_derivation,
    fail_derivation,
    save_derivative,
)
from entrepot.files.forms.store_output import has_content, store_output
from entrepot.files.retry import run_with_retries
from entrepot.inspection.results import ConversionRequest, Converted
from entrepot.inspection.sandbox.pool import InspectionPool

log = structlog.get_logger(__name__)

FAILURE_DETAIL = "It could not be made, through no fault of the file."


@dataclass(frozen=True)
class Deriver:
    """What a derivation needs; made by bootstrap, its `run` is the queue's workflow.

    `max_total_bytes` is what all derivatives of the server may take, in bytes.
    """

    database: Database
    store: BlobStore
    pool: InspectionPool
    max_total_bytes: int
    clock: Callable[[], datetime]

    def run(self, run_id: UUID) -> None:
        """Make the run's form; once it has ended, nothing. What fails for no fault of the file
        is tried again, then noted: the version stays published whatever becomes of its forms."""

        def give_up() -> None:
            self.database.write(
                fail_derivation, run_id, "derivation-failed", FAILURE_DETAIL, self.clock()
            )

        run_with_retries("derivation", lambda: self._run(run_id), give_up)

    def _run(self, run_id: UUID) -> None:
        derivation = self.database.write(begin_derivation, run_id, self.clock())
        if derivation is None:
            return
        path = self.store.path(derivation.source)
        if path is None or not path.exists():
            raise BlobMissing(derivation.source)
        request = ConversionRequest(
            path=Path(path),
            file_name=derivation.file_name,
            size=derivation.source_size,
            form=derivation.form,
            schema=derivation.schema,
            mode=derivation.mode,
            rows=derivation.rows,
            dialect=derivation.reading.dialect,
            encoding=derivation.reading.encoding,
        )

        def save(output: Path, result: Converted) -> None:
            self._save(derivation, output, result)

        try:
            result, _ = self.pool.derive(request, save, canceled=lambda: False)
        except StorageFull as full:
            self._fail(derivation, "storage-full", str(full))
            return
        if result.verdict != "made":
            self._fail(derivation, result.verdict, result.detail)

    def _save(self, derivation: Derivation, output: Path, result: Converted) -> None:
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
        saved = self.database.write(
            save_derivative,
            derivation,
            blob_id,
            stored,
            result.columns,
            self.max_total_bytes,
            self.clock(),
        )
        if not saved and not original:
            self.store.delete(blob_id)

    def _fail(self, derivation: Derivation, code: str, detail: str) -> None:
        self.database.write(fail_derivation, derivation.run_id, code, detail, self.clock())
