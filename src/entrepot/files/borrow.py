"""Borrow the bytes that rows name, as local files: wherever the store has them.

This is the only way to a local file of a blob. A store that has to fetch the bytes checks them with
the size and the SHA-256 that the database has recorded, so that nothing damaged is ever judged,
converted or shown.
"""

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from sqlalchemy import select, union_all

from entrepot.blobs.store import BlobId, BlobStore, StoredBlob
from entrepot.db.engine import Database
from entrepot.db.tables import derivatives
from entrepot.db.types import ReadConnection
from entrepot.errors import BlobMissing
from entrepot.files.remove import BYTES_TABLES


def borrow_blob(
    database: Database, store: BlobStore, blob_id: BlobId
) -> AbstractContextManager[Path]:
    """A local file with the blob's bytes, to read only, for the length of the block.

    Raises, on entering the block, what `BlobStore.borrow` raises.
    """
    return store.borrow(blob_id, partial(database.read, find_recorded, blob_id))


def find_recorded(conn: ReadConnection, blob_id: BlobId) -> StoredBlob:
    """The size and SHA-256 that a row has recorded of a blob. Raises BlobMissing without a row."""
    queries = [
        select(table.c.size, table.c.sha256).where(table.c.id == blob_id) for table in BYTES_TABLES
    ]
    form = derivatives.c
    queries.append(select(form.size, form.sha256).where(form.blob_id == blob_id))
    for row in conn.execute(union_all(*queries)):
        if row.sha256 is not None:
            return StoredBlob(row.size, row.sha256)
    raise BlobMissing(blob_id=blob_id)
