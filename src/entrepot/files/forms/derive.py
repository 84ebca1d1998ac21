"""Make one form of a published version: the work of the queue that nobody waits for.

As with an inspection every part may run twice: the row says what has been done. A file that was
made and that no row came to name is swept.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from entrepot.blobs.store import BLOCK_BYTES, BlobId, BlobStore, StoredBlob
from entrepot.db.engine import Database
from entrepot.errors import BlobMissing, StorageFull
from entrepot.files.derivatives import (
    Derivation,
    begin_derivation,
    fail_derivation,
    keep_derivative,
)
from entrepot.files.processing.retry import run_with_retries
from entrepot.inspection.results import ConversionRequest, Converted
from entrepot.inspection.sandbox.pool import InspectionPool

log = structlog.get_logger(__name__)

UNTOLD = "It could not be made, through no fault of the file."


@dataclass(frozen=True)
class Deriver:
    """What a derivation needs; made by bootstrap, its `run` is the queue's workflow.

    `most` is what all derivatives of the server may take, in bytes.
    """

    database: Database
    store: BlobStore
    pool: InspectionPool
    most: int
    clock: Callable[[], datetime]

    def run(self, run_id: UUID) -> None:
        """Make the run's form; once it has ended, nothing. What fails for no fault of the file
        is tried again, then noted: the version stays published whatever becomes of its forms."""

        def give_up() -> None:
            self.database.write(fail_derivation, run_id, "derivation-failed", UNTOLD, self.clock())

        run_with_retries("derivation", lambda: self._run(run_id), give_up)

    def _run(self, run_id: UUID) -> None:
        work = self.database.write(begin_derivation, run_id, self.clock())
        if work is None:
            return
        path = self.store.path(work.source)
        if path is None or not path.exists():
            raise BlobMissing(work.source)
        request = ConversionRequest(
            path=Path(path),
            file_name=work.file_name,
            size=work.source_size,
            form=work.form,
            schema=work.schema,
            given=work.given,
            rows=work.rows,
            dialect=work.dialect,
        )

        def keep(made: Path, derived: Converted) -> None:
            self._keep(work, made, derived)

        try:
            derived, _ = self.pool.derive(request, keep, canceled=lambda: False)
        except StorageFull as full:
            self._fail(work, "storage-full", str(full))
            return
        if derived.verdict != "made":
            self._fail(work, derived.verdict, derived.detail)

    def _keep(self, work: Derivation, made: Path, derived: Converted) -> None:
        if derived.detail:
            log.warning("derived in part", detail=derived.detail)
        same = self._same_as_delivered(work, made)
        blob_id = work.version_id if same else BlobId(uuid4())
        stored = same or self._store(blob_id, made)
        kept = self.database.write(
            keep_derivative, work, blob_id, stored, derived.columns, self.most, self.clock()
        )
        if not kept and not same:
            self.store.delete(blob_id)

    def _same_as_delivered(self, work: Derivation, made: Path) -> StoredBlob | None:
        """What was delivered is canonical already: its own bytes serve as the form too."""
        if work.form != "csv" or made.lstat().st_size != work.size:
            return None
        digest = sha256()
        for block in _blocks(made):
            digest.update(block)
        same = digest.hexdigest() == work.sha256
        return StoredBlob(work.size, work.sha256) if same else None

    def _store(self, blob_id: BlobId, made: Path) -> StoredBlob:
        writer = self.store.create(blob_id)
        try:
            for block in _blocks(made):
                writer.write(block)
            return writer.commit()
        except BaseException:
            writer.abort()
            raise

    def _fail(self, work: Derivation, code: str, detail: str) -> None:
        self.database.write(fail_derivation, work.run_id, code, detail, self.clock())


def _blocks(made: Path) -> Iterator[bytes]:
    """The bytes of a file that a child made. Raises OSError for what is no plain file: a child
    that was taken over might have put a link there, for us to read what it may not."""
    descriptor = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError("what the child made is no plain file of its own")
        while block := file.read(BLOCK_BYTES):
            yield block
