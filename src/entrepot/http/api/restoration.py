"""Make an earlier version's bytes the newest: link them, then the transaction that names them."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.types import Writing
from entrepot.errors import EntrepotError
from entrepot.files.quarantine import accept_version, find_acceptable
from entrepot.files.restore import Source, find_source, restore_version
from entrepot.grants.access import access_restorable, lock_manageable
from entrepot.http.api.file_document import require_match
from entrepot.http.deps import Work
from entrepot.tasks.records import TaskId

Commit = Callable[[Writing, Actor, BlobId], TaskId]


async def restore(work: Work, file_id: UUID, number: int, match: str | None) -> TaskId:
    """Make a published version the file's next one; the task that decides on it.

    Raises NotFound, NotAllowed, PreconditionFailed, and what `restore_version` raises.
    """

    def commit(conn: Writing, actor: Actor, blob_id: BlobId) -> TaskId:
        target = access_restorable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        queue, now = work.parts.queue, work.parts.clock()
        return restore_version(conn, target, number, blob_id, queue, now).task_id

    return await _copy(work, await work.read(find_source, file_id, number), commit)


async def accept(
    work: Work, file_id: UUID, number: int, reason: str, match: str | None = None
) -> TaskId:
    """Make a refused version the file's next one all the same; the task that publishes it.

    Raises NotFound, NotAllowed, PreconditionFailed, VersionNotRefused, QuarantineEnded,
    FileTooLarge, QuotaExceeded.
    """

    def commit(conn: Writing, actor: Actor, blob_id: BlobId) -> TaskId:
        target = lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        queue, now = work.parts.queue, work.parts.clock()
        return accept_version(conn, target, number, blob_id, reason, queue, now).task_id

    source = await work.read(find_acceptable, file_id, number, work.parts.clock())
    return await _copy(work, source, commit)


async def _copy(work: Work, source: Source, commit: Commit) -> TaskId:
    blob_id = BlobId(uuid4())
    loop, threads = asyncio.get_running_loop(), work.runtime.byte_threads
    await loop.run_in_executor(threads, work.parts.store.link, source.blob_id, blob_id)
    try:
        task_id = await work.write(commit, blob_id)
    except EntrepotError:
        # Refused by ourselves, so rolled back. After anything else a row may name the bytes:
        # they are left to the sweep, which looks.
        await loop.run_in_executor(threads, work.parts.store.delete, blob_id)
        raise
    work.parts.queue.wake()
    return task_id
