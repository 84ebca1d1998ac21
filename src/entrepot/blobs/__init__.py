"""Bytes at rest: the interface of every store (`store`) and the disk store (`disk`).

This package knows how bytes get to a place, stay there and leave it. It does not know files or
accounts: which bytes belong to whom is in the database alone.
"""

from entrepot.blobs.disk import DiskStore
from entrepot.blobs.store import (
    BLOCK_BYTES,
    BlobId,
    BlobStat,
    BlobStore,
    BlobWriter,
    Drafts,
    DraftWriter,
    PresignedHeaders,
    StoredBlob,
)

__all__ = [
    "BLOCK_BYTES",
    "BlobId",
    "BlobStat",
    "BlobStore",
    "BlobWriter",
    "DiskStore",
    "DraftWriter",
    "Drafts",
    "PresignedHeaders",
    "StoredBlob",
]
