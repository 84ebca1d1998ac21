"""Receive one upload: bytes stream into a reserved place while limit and quota bind.

The event loop parses; a thread hashes and writes the block before it while the next one arrives.
Bytes are written only once they are reserved. Whatever goes wrong, nothing stays behind:
`open_upload_session` drops the blob and gives the reservation back (and if the process dies before
it can, the sweep does).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, BlobWriter, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    EntrepotError,
    FileTooLarge,
    KeyReused,
    QuotaExceeded,
    UploadInterrupted,
)
from entrepot.files.delivery.uploads import (
    Admission,
    AnyUpload,
    CommitContext,
    KeyedReply,
    StoredUpload,
    UnclaimedReply,
    UploadTarget,
    commit_upload,
)
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.block_writer import BLOCK, BlockWriter
from entrepot.http.uploads.body_upload import BodyUpload
from entrepot.http.uploads.commit import remove_unneeded
from entrepot.quotas.reserve import (
    RENEWAL_INTERVAL,
    RESERVATION_LIFETIME,
    ReservationId,
    Usage,
    find_expiry,
    get_usage,
    grow_reservation,
    open_reservation,
    quota_error_for,
    release_reservation,
    renew_reservation,
    reserve_bytes,
)
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Claim, Reply, claim_key, find_reply, release_claim

WATCH_SECONDS = 1.0
"""Seconds between two looks at whether an upload was ended by somebody, or must be renewed."""
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.02, 0.2
"""Seconds between two tries for room that others hold reserved."""


@dataclass(frozen=True)
class AdmittedUpload:
    """An upload that may begin: on what terms, from which account, what the account uses now.

    `claim` is the Idempotency-Key that it holds, `reply` what the key was answered already,
    `reserved` the bytes that are reserved for it.
    """

    admission: Admission
    sender: AccountId
    reservation: ReservationId
    usage: Usage
    claim: Claim | None = None
    reply: Reply | None = None
    reserved: int = 0


def begin_upload_session(
    conn: WriteConnection,
    actor: Actor,
    target: UploadTarget,
    key: str | None,
    max_uploads: int,
    now: datetime,
    max_bytes: int | None = None,
) -> AdmittedUpload:
    """Open the reservation, if the target admits the upload. One that brings at most `max_bytes`
    bytes, which are few, has them reserved in the same transaction, if they are free.

    It is not asked about one that is repeated, which changes nothing: what the first one was
    admitted by, it may have changed itself.
    """
    reply = find_reply(conn, actor.user_id, key, now) if key is not None else None
    admission = target.admit(conn, actor) if reply is None else Admission(actor.serving_account_id)
    sender, account_id = admission.sender(actor), admission.account_id
    usage, reserved = None, 0
    # Not for a guest, who would hold the owner's quota without sending anything.
    if max_bytes is not None and reply is None and account_id == actor.account_id:
        quota_bytes = admission.limit(max_bytes)
        usage = reserve_bytes(conn, account_id, quota_bytes)
        reserved = quota_bytes if usage is not None else 0
    reservation = open_reservation(conn, account_id, max_uploads, now, sender, reserved)
    claim = None
    if key is not None and reply is None:
        claim = Claim(actor.user_id, key, reservation)
        claim_key(conn, claim, now)
    usage = usage if usage is not None else get_usage(conn, account_id)
    return AdmittedUpload(admission, actor.account_id, reservation, usage, claim, reply, reserved)


def end_upload_session(conn: WriteConnection, admitted: AdmittedUpload) -> None:
    """Give the reservation and the key back, as far as no row stands for them."""
    release_reservation(conn, admitted.admission.account_id, admitted.reservation)
    if admitted.claim is not None:
        release_claim(conn, admitted.claim)


@asynccontextmanager
async def open_upload_session(
    work: UnitOfWork, target: UploadTarget, key: str | None = None, max_bytes: int | None = None
) -> "AsyncIterator[UploadSession]":
    """One upload under way, by its Idempotency-Key if it has one, for the length of the block. It
    brings at most `max_bytes` bytes, if that is known.

    Whatever the block raises, nothing of the upload stays; after a block that ends, its row names
    the bytes and wakes the workers. Raises TooManyUploads, RequestUnderWay, OwnerQuotaExceeded
    instead of figures that are not the sender's, what `UploadTarget.admit` and what authentication
    raise, also where that has ended the upload.
    """
    settings = work.parts.settings
    max_uploads = settings.uploads_per_account
    # Few bytes are on their way already: that saves a transaction. Many may take long to come.
    few = max_bytes if max_bytes is not None and max_bytes <= BLOCK else None
    admitted = await work.write(begin_upload_session, target, key, max_uploads, work.now, few)
    session_class = UploadSession if admitted.reply is None else ReplayedUpload
    upload_session = session_class(work, admitted, settings.max_file_size)
    try:
        # Its reservation counts for all hosts; the place here, beside this host's resumable ones.
        with work.runtime.uploads.slot(upload_session.account_id, admitted.sender):
            async with upload_session.watched():
                yield upload_session
    except BaseException as failure:
        # A refusal of ours was rolled back. After anything else at the commit (cut off, or the
        # connection lost) a row may name the bytes: they are left to the sweep, which looks.
        await upload_session.abort(keep_blob=not isinstance(failure, EntrepotError))
        if isinstance(failure, QuotaExceeded):
            raise quota_error_for(admitted.sender, upload_session.account_id, failure) from None
        if isinstance(failure, UploadInterrupted):
            # If its sender may not deliver any more, sending it again cannot help.
            await work.with_current_time().read(target.require_access)
        raise
    work.parts.queue.wake()


class UploadSession(BodyUpload):
    """One upload under way, by `open_upload_session`."""

    def __init__(self, work: UnitOfWork, admitted: AdmittedUpload, max_bytes: int) -> None:
        super().__init__(admitted.admission.limit(max_bytes))
        self.account_id = admitted.admission.account_id
        self._work = work
        self._admitted = admitted
        self._blob_id = BlobId(uuid4())
        self._writer: BlobWriter | None = None
        self._stored: StoredBlob | None = None
        self._blocks = BlockWriter(work.runtime.byte_threads)
        self._reserved = admitted.reserved
        self._expected_bytes: int | None = None
        self._finished = False
        self._is_guest = admitted.sender != self.account_id

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Renew the reservation, however slow the client is. End the block with UploadInterrupted
        once the upload was ended by somebody: its sender was disabled or lost the entitlement, or
        the file's owner ended it."""
        try:
            async with asyncio.timeout(None) as ending:
                watch = asyncio.create_task(self._watch(ending))
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            raise UploadInterrupted from None

    async def _watch(self, ending: asyncio.Timeout) -> None:
        database, reservation = self._work.parts.database, self._admitted.reservation
        clock, run = self._work.parts.clock, self._work.runtime.run_in_database_thread
        is_open = True
        while is_open:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(Exception):  # a database that does not answer now; the next look tells
                expires_at = await run(database.read, find_expiry, reservation)
                is_open = expires_at is not None
                renew_from = clock() + RESERVATION_LIFETIME - RENEWAL_INTERVAL
                if expires_at is not None and expires_at < renew_from:
                    await run(database.write, renew_reservation, reservation, clock())
        if not self._finished:  # else the transaction that delivers it decides
            ending.reschedule(asyncio.get_running_loop().time())

    def reject_oversized(self, min_bytes: int) -> None:
        """Refuse before the body what cannot fit. Raises FileTooLarge, QuotaExceeded."""
        if min_bytes > self.limit:
            raise FileTooLarge(limit=self.limit, requested=min_bytes)
        usage = self._admitted.usage
        if not usage.can_ever_fit(min_bytes):
            raise usage.quota_exceeded(min_bytes)

    def set_expected_size(self, max_bytes: int) -> None:
        """Say that the file will have at most `max_bytes` bytes, so that they are reserved at
        once; not for a guest, who would hold the owner's quota without sending anything."""
        if not self._is_guest:
            self._expected_bytes = max_bytes

    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes, which stay as they are. Raises FileTooLarge, QuotaExceeded,
        StorageFull.
        """
        self.count(data)
        self._blocks.add(data)
        if self._blocks.full:
            await self._flush()

    async def finish(self) -> StoredUpload:
        """Make the bytes durable.

        From here on a row may name them. Raises what `take` raises.
        """
        if self._writer is None:
            await self._reserve()
            await self._blocks.flush(self._store_whole)
            await self._blocks.wait()
        else:
            if not self._blocks.empty:
                await self._flush()
            await self._blocks.wait()
            self._stored = await self._work.runtime.run_in_byte_thread(self._writer.commit)
        stored = self._stored
        assert stored is not None
        self._finished = True
        return StoredUpload(self._blob_id, stored, self._admitted.reservation)

    def keyed_reply(self, fingerprint: str) -> KeyedReply | None:
        """What the upload's key is to be answered with its task; None if it has none."""
        claim = self._admitted.claim
        return KeyedReply(claim, fingerprint) if claim is not None else None

    def commit(
        self, target: UploadTarget, upload: AnyUpload, reply: KeyedReply | UnclaimedReply | None
    ) -> Awaitable[TaskId]:
        """Deliver what was received. Raises what `UploadTarget.commit` raises."""
        context = CommitContext(self._work.parts.queue, self._work.parts.clock)
        # As of now: what was allowed when the upload began may have ended since.
        work = self._work.with_current_time()
        return work.write(commit_upload, target, upload, reply, context)

    async def abort(self, keep_blob: bool = False) -> None:
        """Give the reservation back and drop the bytes; with `keep_blob` only those that no row can
        name."""
        await self._blocks.settle()
        if self._writer is not None:
            await self._work.runtime.run_in_byte_thread(self._writer.abort)
            if not (self._finished and keep_blob):
                await remove_unneeded(self._work, self._work.parts.store.delete, self._blob_id)
        database = self._work.parts.database
        await self._work.runtime.run_in_database_thread(
            database.write, end_upload_session, self._admitted
        )

    def _store_whole(self, block: bytes) -> None:
        """Store an upload of one block, in a byte thread: it is handed over once, not three
        times."""
        self._writer = self._work.parts.store.create(self._blob_id)
        self._writer.write(block)
        self._stored = self._writer.commit()

    async def _flush(self) -> None:
        await self._reserve()
        if self._writer is None:
            create = self._work.parts.store.create
            self._writer = await self._work.runtime.run_in_byte_thread(create, self._blob_id)
        await self._blocks.flush(self._writer.write)

    async def _reserve(self) -> None:
        """Have `received` bytes reserved; wait for room that others may give back."""
        loop = asyncio.get_running_loop()
        if self.received <= self._reserved:
            return
        read_ahead = BLOCK if self._is_guest else max(BLOCK, min(self.received // 8, 16 * BLOCK))
        target = (
            self._expected_bytes if self._expected_bytes is not None else self.received + read_ahead
        )
        deadline = loop.time() + self._work.parts.settings.quota_wait
        pause = MIN_PAUSE_SECONDS
        while True:
            reserved = await self._grow(min(target, max(self.limit, self.received)))
            if reserved is not None:
                self._reserved = reserved
                return
            if loop.time() > deadline:
                raise await self._quota_error()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only a pause
            pause = min(pause * 1.5, MAX_PAUSE_SECONDS)

    async def _grow(self, target: int) -> int | None:
        parts = self._work.parts
        return await self._work.runtime.run_in_database_thread(
            parts.database.write,
            grow_reservation,
            self.account_id,
            self._admitted.reservation,
            self.received,
            target,
            parts.clock(),
        )

    async def _quota_error(self) -> QuotaExceeded:
        database = self._work.parts.database
        usage: Usage = await self._work.runtime.run_in_database_thread(
            database.read, get_usage, self.account_id
        )
        return usage.quota_exceeded(self.received)


class ReplayedUpload(UploadSession):
    """An upload that was answered already: its bytes are compared with the first one's, by their
    hash, and not stored. It takes no room, and none has to be free."""

    def __init__(self, work: UnitOfWork, admitted: AdmittedUpload, max_bytes: int) -> None:
        super().__init__(work, admitted, max_bytes)
        self._hash = sha256()

    def reject_oversized(self, min_bytes: int) -> None:
        """Nothing is refused for want of room; what is another request is answered at its end."""

    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes. Raises FileTooLarge."""
        self.count(data)
        await self._work.runtime.run_in_byte_thread(self._hash.update, data)

    async def finish(self) -> StoredUpload:
        """What would have been stored."""
        stored = StoredBlob(self.received, self._hash.hexdigest())
        return StoredUpload(self._blob_id, stored, self._admitted.reservation)

    async def find_replayed_task(self, fingerprint: str) -> TaskId | None:
        """The answer that the same request had. Raises KeyReused if it was another one."""
        reply = self._admitted.reply
        assert reply is not None
        if reply.fingerprint != fingerprint:
            raise KeyReused
        await self.abort()
        return reply.task_id
