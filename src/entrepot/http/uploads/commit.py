"""Make a blob of bytes that are in the store, for the transaction by which a row names it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID, uuid4

from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import EntrepotError, StoreUnavailable
from entrepot.files.remove import find_named_blobs
from entrepot.http.deps import UnitOfWork


async def remove_unneeded(work: UnitOfWork, remove: Callable[..., None], blob_id: UUID) -> None:
    """Remove bytes that no row needs. Where the store does not answer now, the sweep does it: that
    must not turn what was done, or the error to be told, into another answer."""
    with suppress(StoreUnavailable):
        await work.runtime.run_in_byte_thread(remove, blob_id)


@asynccontextmanager
async def create_blob(
    work: UnitOfWork, store: Callable[[BlobId], StoredBlob]
) -> AsyncIterator[tuple[BlobId, StoredBlob]]:
    """Have `store` make a blob; the block runs the transaction that names it in a row.

    The blob is deleted if the transaction is rolled back by an error of ours, and if it commits
    without naming the blob: another request may have done the same first. After any other error a
    row may name the blob, so it is left to the sweep, which checks.
    """
    blob_id = BlobId(uuid4())
    stored = await work.runtime.run_in_byte_thread(store, blob_id)
    delete = partial(remove_unneeded, work, work.parts.store.delete, blob_id)
    try:
        yield blob_id, stored
    except EntrepotError:
        await delete()
        raise
    work.parts.queue.wake()
    read = work.parts.database.read
    if blob_id not in await work.runtime.run_in_database_thread(read, find_named_blobs, [blob_id]):
        await delete()
