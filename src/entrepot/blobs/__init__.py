"""Bytes at rest: the seam (`store`) and the disk behind it (`disk`). Knows no files, no accounts.

What belongs here is how bytes get to a place, stay there and leave it. Which bytes belong to
whom is the database's knowledge, never a store's.
"""

from entrepot.blobs.disk import DiskStore
from entrepot.blobs.store import (
    BLOCK,
    BlobId,
    BlobStat,
    BlobStore,
    BlobWriter,
    Drafts,
    DraftWriter,
    Stored,
)

__all__ = [
    "BLOCK",
    "BlobId",
    "BlobStat",
    "BlobStore",
    "BlobWriter",
    "DiskStore",
    "DraftWriter",
    "Drafts",
    "Stored",
]
