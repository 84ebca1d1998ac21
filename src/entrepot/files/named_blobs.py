"""Every blob that rows name, with what they record of it: for back-ups."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, union_all
from sqlalchemy.sql.expression import null

from entrepot.blobs.store import BlobId
from entrepot.db.tables import derivatives
from entrepot.db.types import ReadConnection
from entrepot.files.remove import BYTES_TABLES, bytes_kept


@dataclass(frozen=True)
class NamedBlob:
    """A blob that a row names: `size` in bytes, SHA-256 in hex. At `keep_until` (UTC) its bytes
    may go, and may be gone before the row says so."""

    blob_id: BlobId
    size: int
    sha256: str | None
    keep_until: datetime | None

    def may_be_gone(self, now: datetime) -> bool:
        """Whether a store without its bytes is sound."""
        return self.keep_until is not None and self.keep_until <= now


def list_named_blobs(conn: ReadConnection) -> Iterator[NamedBlob]:
    """Each blob once, in no order. A form that is the version's own bytes is the version's."""
    queries = [
        select(table.c.id, table.c.size, table.c.sha256, table.c.keep_until).where(
            *bytes_kept(table)
        )
        for table in BYTES_TABLES
    ]
    form = derivatives.c
    queries.append(
        select(form.blob_id, form.size, form.sha256, null()).where(
            form.blob_id.is_not(None), form.blob_id != form.version_id
        )
    )
    for row in conn.execute(union_all(*queries).execution_options(yield_per=1_000)):
        yield NamedBlob(BlobId(row[0]), row[1], row[2], row[3])
