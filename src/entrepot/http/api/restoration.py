"""Make an earlier version's bytes the newest: link them, then the transaction that names them."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import BlobMissing
from entrepot.files.delivery.quarantine import accept_version, find_acceptable
from entrepot.files.delivery.restore import RestoreSource, find_restore_source, restore_version
from entrepot.files.delivery.suggestion import SoundSuggestion, accept_suggestion, find_suggestion
from entrepot.grants.access import access_restorable, lock_manageable
from entrepot.http.api.file_document import require_match
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.commit import create_blob
from entrepot.http.uploads.contract_fields import prepare_suggestion
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.tasks.records import TaskId


async def restore(
    work: UnitOfWork,
    file_id: UUID,
    number: int,
    match: str | None,
    idempotent: IdempotentRequest | None = None,
) -> TaskId:
    """Make a published version the file's next one; the task that decides on it.

    Raises NotFound, NotAllowed, PreconditionFailed, KeyReused, RequestUnderWay, and what
    `restore_version` raises.
    """

    queue, clock = work.parts.queue, work.parts.clock

    def make(conn: WriteConnection, actor: Actor, blob_id: BlobId) -> TaskId:
        target = access_restorable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        return restore_version(conn, target, number, blob_id, queue, clock()).task_id

    return await _copy_version(
        work, lambda: work.read(find_restore_source, file_id, number), make, idempotent
    )


async def accept(
    work: UnitOfWork,
    file_id: UUID,
    number: int,
    reason: str,
    match: str | None = None,
    idempotent: IdempotentRequest | None = None,
) -> TaskId:
    """Make a rejected version the file's next one anyway; the task that publishes it.

    Raises NotFound, NotAllowed, PreconditionFailed, VersionNotRejected, QuarantineEnded,
    FileTooLarge, QuotaExceeded, KeyReused, RequestUnderWay.
    """

    queue, clock = work.parts.queue, work.parts.clock

    def make(conn: WriteConnection, actor: Actor, blob_id: BlobId) -> TaskId:
        target = lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        return accept_version(conn, target, number, blob_id, reason, queue, clock()).task_id

    def find() -> Awaitable[RestoreSource]:
        return work.read(find_acceptable, file_id, number, work.parts.clock())

    return await _copy_version(work, find, make, idempotent)


async def accept_suggested(
    work: UnitOfWork,
    file_id: UUID,
    number: int,
    match: str | None = None,
    idempotent: IdempotentRequest | None = None,
) -> TaskId:
    """Change the contract as the report of a rejected version suggests, and have its bytes judged
    by that as the file's next version; the task that does.

    Raises NotFound, NotAllowed, PreconditionFailed, VersionNotRejected, QuarantineEnded,
    NoSuggestion, SuggestionOutdated, SchemaTooCostly, TooManySchemas, FileTooLarge, QuotaExceeded,
    KeyReused, RequestUnderWay.
    """

    queue, clock = work.parts.queue, work.parts.clock
    prepared: SoundSuggestion | None = None

    def make(conn: WriteConnection, actor: Actor, blob_id: BlobId) -> TaskId:
        target = lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        assert prepared is not None  # `find` ran first
        return accept_suggestion(conn, target, prepared, blob_id, queue, clock()).task_id

    async def find() -> RestoreSource:
        nonlocal prepared
        source, suggestion = await work.read(find_suggestion, file_id, number, work.parts.clock())
        prepared = await prepare_suggestion(work, suggestion)
        return source

    return await _copy_version(work, find, make, idempotent)


async def _find_repeated_task(
    work: UnitOfWork, idempotent: IdempotentRequest | None
) -> TaskId | None:
    """The task of the first request with the key, whose object need not be there any more."""
    if idempotent is None or idempotent.key is None:
        return None
    return await work.write(idempotent.find_task, work.now)


async def _copy_version(
    work: UnitOfWork,
    find: Callable[[], Awaitable[RestoreSource]],
    make: Callable[[WriteConnection, Actor, BlobId], TaskId],
    idempotent: IdempotentRequest | None,
) -> TaskId:
    repeated_task = await _find_repeated_task(work, idempotent)
    if repeated_task is not None:
        return repeated_task
    source = await find()
    store, clock = work.parts.store, work.parts.clock

    def link(blob_id: BlobId) -> StoredBlob:
        store.link(source.blob_id, blob_id, source.stored.size)
        return source.stored

    def commit(conn: WriteConnection, actor: Actor, blob_id: BlobId) -> TaskId:
        if idempotent is None:
            return make(conn, actor, blob_id)
        # If the same request was answered since the first look, the sweep takes this blob.
        return idempotent.run_once(conn, actor, clock(), lambda: make(conn, actor, blob_id))

    try:
        # What was stored is looked up again, where the file is locked.
        async with create_blob(work, link) as (blob_id, _stored):
            # As of now: what was allowed at the first look may have ended since.
            return await work.with_current_time().write(commit, blob_id)
    except BlobMissing:
        await find()  # says so if they were removed since the first look
        raise
