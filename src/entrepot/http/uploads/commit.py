"""Make a blob of bytes that are in the store, for the transaction by which a row names it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import EntrepotError
from entrepot.http.deps import UnitOfWork


@asynccontextmanager
async def create_blob(
    work: UnitOfWork, store: Callable[[BlobId], StoredBlob]
) -> AsyncIterator[tuple[BlobId, StoredBlob]]:
    """Have `store` make a blob; the block runs the transaction, and if it is refused the blob goes.

    After anything else than a refusal of ours a row may name the bytes: they are left to the sweep,
    which looks.
    """
    blob_id = BlobId(uuid4())
    stored = await work.runtime.run_in_byte_thread(store, blob_id)
    try:
        yield blob_id, stored
    except EntrepotError:  # so rolled back
        await work.runtime.run_in_byte_thread(work.parts.store.delete, blob_id)
        raise
    work.parts.queue.wake()
