"""Carry out a restoration: link the bytes first, then the transaction that names them."""

import asyncio
from uuid import UUID, uuid4

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.types import Writing
from entrepot.errors import EntrepotError
from entrepot.files.restore import find_source, restore_version
from entrepot.grants.access import access_deliverable
from entrepot.http.api.file_document import require_match
from entrepot.http.deps import Work
from entrepot.tasks.records import TaskId


async def restore(work: Work, file_id: UUID, number: int, match: str | None) -> TaskId:
    """Make an earlier version the file's next one; the task that decides on it.

    Raises NotFound, PreconditionFailed, VersionNotPublished, FileTooLarge, QuotaExceeded.
    """
    source = await work.read(find_source, file_id, number)
    blob_id = BlobId(uuid4())

    def commit(conn: Writing, actor: Actor) -> TaskId:
        target = access_deliverable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        queue, now = work.parts.queue, work.parts.clock()
        return restore_version(conn, target, number, blob_id, queue, now).task_id

    loop, threads = asyncio.get_running_loop(), work.runtime.byte_threads
    await loop.run_in_executor(threads, work.parts.store.link, source.blob_id, blob_id)
    try:
        task_id = await work.write(commit)
    except EntrepotError:
        # Refused by ourselves, so rolled back. After anything else a row may name the bytes:
        # they are left to the sweep, which looks.
        await loop.run_in_executor(threads, work.parts.store.delete, blob_id)
        raise
    work.parts.queue.wake()
    return task_id
