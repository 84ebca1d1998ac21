"""Make a blob of bytes that are in the store, then run the transaction by which a row names it."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import EntrepotError
from entrepot.http.deps import UnitOfWork

R = TypeVar("R")
Commit = Callable[[WriteConnection, Actor, BlobId, StoredBlob], R]
"""The transaction by which a row names the bytes."""


async def commit_blob(
    work: UnitOfWork, store: Callable[[BlobId], StoredBlob], commit: Commit[R]
) -> R:
    """Have `store` make a blob, and run `commit` on it; if that is refused, the blob goes.

    After anything else than a refusal of ours a row may name the bytes: they are left to the sweep,
    which looks.
    """
    blob_id = BlobId(uuid4())
    stored = await work.runtime.in_thread(store, blob_id)

    def unit(conn: WriteConnection, actor: Actor) -> R:
        return commit(conn, actor, blob_id, stored)

    try:
        # As of now: what was allowed when the bytes began to come may have ended since.
        done = await work.again().write(unit)
    except EntrepotError:  # so rolled back
        await work.runtime.in_thread(work.parts.store.delete, blob_id)
        raise
    work.parts.queue.wake()
    return done
