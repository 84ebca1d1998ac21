"""Make an earlier version's bytes the newest: link them, then the transaction that names them."""

from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, Stored
from entrepot.db.types import Writing
from entrepot.files.quarantine import accept_version, find_acceptable
from entrepot.files.restore import Source, find_source, restore_version
from entrepot.grants.access import access_restorable, lock_manageable
from entrepot.http.api.file_document import require_match
from entrepot.http.commit_blob import Commit, commit_blob
from entrepot.http.deps import Work
from entrepot.tasks.records import TaskId


async def restore(work: Work, file_id: UUID, number: int, match: str | None) -> TaskId:
    """Make a published version the file's next one; the task that decides on it.

    Raises NotFound, NotAllowed, PreconditionFailed, and what `restore_version` raises.
    """

    def commit(conn: Writing, actor: Actor, blob_id: BlobId, stored: Stored) -> TaskId:
        del stored  # looked up again, where the file is locked
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

    def commit(conn: Writing, actor: Actor, blob_id: BlobId, stored: Stored) -> TaskId:
        del stored  # looked up again, where the file is locked
        target = lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        queue, now = work.parts.queue, work.parts.clock()
        return accept_version(conn, target, number, blob_id, reason, queue, now).task_id

    source = await work.read(find_acceptable, file_id, number, work.parts.clock())
    return await _copy(work, source, commit)


async def _copy(work: Work, source: Source, commit: Commit[TaskId]) -> TaskId:
    def link(blob_id: BlobId) -> Stored:
        work.parts.store.link(source.blob_id, blob_id)
        return source.stored

    return await commit_blob(work, link, commit)
