"""One request's hold on a resumable upload: bytes stream into its draft, and stay whatever ends it.

The newest request has the draft: whoever holds it looks at the upload's `turn` twice a second and
lets go, so that a client which lost its connection continues immediately, even while the server
still waits for the old one's next byte. What came is made durable before its number is sent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from fastapi import Request

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import DraftWriter
from entrepot.db.types import ReadConnection
from entrepot.errors import (
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    ChecksumMismatch,
    DraftBusy,
    EntrepotError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OwnerQuotaExceeded,
    QuotaExceeded,
    ScopeMissing,
    ShuttingDown,
)
from entrepot.files.delivery.resumable import (
    claim_upload,
    deliver_upload,
    drop_upload,
    extend_upload,
    find_upload,
    record_received,
    record_stored,
    record_unverified,
)
from entrepot.files.delivery.upload_state import Upload
from entrepot.files.delivery.uploads import CommitContext, StoredUpload, UploadTarget
from entrepot.http.deps import UnitOfWork
from entrepot.http.problems.table import problem_kind
from entrepot.http.uploads.block_writer import BlockWriter
from entrepot.http.uploads.commit import create_blob, remove_unneeded
from entrepot.http.uploads.digest import states_digests
from entrepot.http.uploads.pace import upload_pace
from entrepot.http.uploads.tus_headers import Checksum
from entrepot.quotas.reserve import ReservationId
from entrepot.quotas.upload_reservations import grow_upload, guest_reservation

R = TypeVar("R")
POLL_SECONDS = 0.5
"""Seconds between two looks at whether a newer request wants the upload."""
MAX_WAIT_SECONDS = 15.0
"""Seconds that a request waits for the one before it to let go."""
RENEW_SECONDS = 600.0
"""Seconds after which a long request says that its upload lives on."""
RETRYABLE_ERRORS = (
    NotAuthenticated,
    ScopeMissing,
    NotAllowed,
    QuotaExceeded,
    OwnerQuotaExceeded,
)
"""Refusals at the end after which the same upload may still succeed, by another key or later. So it
may after every error of the server (5xx), and after each that says when to ask again, such as that
another request has the upload. All others end it: asked again, it would be refused again."""

log = structlog.get_logger(__name__)


class ResumableSession:
    """One request's upload. Use: `open`, `take` or `record_stored_bytes`, `complete`; `close`."""

    def __init__(self, work: UnitOfWork, upload: Upload, writer: DraftWriter) -> None:
        self.upload = upload
        self._work = work
        self._writer = writer
        self._checksum: Checksum | None = None
        self._blocks = BlockWriter(work.runtime.byte_threads)
        self._received = writer.size
        self._reserved = 0
        self._failed = False
        self._stop_error: EntrepotError | None = None
        self._timeout: asyncio.Timeout | None = None

    @classmethod
    async def open(cls, work: UnitOfWork, upload: Upload) -> "ResumableSession | None":
        """Hold the upload, whose turn was taken; None if another request completed it meanwhile.

        Raises DraftBusy, NotFound, StorageFull.
        """
        writer = await _wait_for_writer(work, upload)
        try:
            current = await reload_upload(work, upload)
            if current.ended:
                await remove_unneeded(work, work.parts.store.drafts.drop, upload.upload_id)
                await work.runtime.run_in_byte_thread(writer.close)
                return None
            if current.unproven is not None and current.unproven < writer.size:
                await work.runtime.run_in_byte_thread(writer.truncate, current.unproven)
        except BaseException:
            await work.runtime.run_in_byte_thread(writer.close)
            raise
        return cls(work, current, writer)

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self._writer.size

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here."""
        return self.size == self.upload.size

    @property
    def is_deliverable(self) -> bool:
        """Whether all bytes are here of what is not to be joined with others."""
        return self.is_complete and not self.upload.partial

    async def record_stored_bytes(self) -> None:
        """Note what a request before this one left, if it could not tell itself."""
        if self.size != self.upload.received or self.upload.unproven is not None:
            await self._work.runtime.run_in_byte_thread(self._writer.sync)
            await self._write(record_stored, self.upload, self.size)

    async def replace_from(self, offset: int) -> None:
        """Remove the bytes from `offset` on if no answer has acknowledged any of them: a request
        brought them that a newer one has stopped."""
        if self.upload.received <= offset < self.size:
            await self._work.runtime.run_in_byte_thread(self._writer.truncate, offset)
            self._received = offset

    async def take(self, request: Request, checksum: Checksum | None) -> None:
        """Take the request's body to its end. What came stays, unless a checksum or a digest was to
        prove it.

        Raises BodyTooLarge beyond the upload's length, ChecksumMismatch, DigestMismatch,
        BodyTooSlow, StorageFull, DraftBusy once a newer request wants the upload, ShuttingDown,
        BodyIncomplete.
        """
        start_offset = self.size
        self._checksum = checksum
        is_proven = checksum is not None or states_digests(request.scope)
        if is_proven:
            await self._write(record_unverified, self.upload.upload_id, start_offset)
        poll = asyncio.create_task(self._poll_for_stop())
        try:
            await self._take_body(request)
        except BaseException:
            await self._save_progress(start_offset if is_proven else None)
            raise
        finally:
            poll.cancel()
        if checksum is not None and not checksum.matches():
            await self._save_progress(start_offset)
            raise ChecksumMismatch(algorithm=checksum.algorithm, offset=start_offset)
        if not self.is_deliverable:
            await self._save_progress(None)

    async def complete(self, target: UploadTarget) -> Upload:
        """Make the bytes a blob and have its row written; the upload as it is then.

        Where the outcome is not known, a row may name them: the sweep looks. What is refused
        permanently ends the upload. That all bytes are here is recorded before: no other request
        may bring others from then on. Raises DraftBusy if one does already.
        """
        await self._save_progress(None)
        work, upload_id = self._work, self.upload.upload_id
        expires_at = expiry_time(self._work)
        context = CommitContext(work.parts.queue, work.parts.clock)
        try:
            async with create_blob(work, self._writer.commit) as (blob_id, stored):
                upload = StoredUpload(blob_id, stored, ReservationId(upload_id))
                # As of now: what was allowed when the bytes began to come may have ended since.
                await work.with_current_time().write(
                    deliver_upload, upload, target, expires_at, context
                )
        except EntrepotError as error:
            if not _may_succeed_later(error):
                await discard_upload(work, self.upload)
            raise
        await remove_unneeded(work, work.parts.store.drafts.drop, upload_id)
        return await reload_upload(work, self.upload)

    async def close(self) -> None:
        """Let another request have the upload."""
        await self._work.runtime.run_in_byte_thread(self._writer.close)

    async def _take_body(self, request: Request) -> None:
        start_offset = self._received
        async for chunk in self._chunks(request):
            if self._received + len(chunk) > self.upload.size:
                raise BodyTooLarge(limit=self.upload.size - start_offset)
            self._received += len(chunk)
            self._blocks.add(chunk)
            if self._blocks.full:
                await self._flush()
        await self._flush()
        await self._blocks.wait()

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        """The body as it arrives, until it ends or somebody else wants the upload."""
        pace = upload_pace(self._work.parts.settings)
        more = True
        while more:
            if self._stop_error is not None:
                raise self._stop_error
            try:
                async with pace.waiting() as self._timeout:
                    message = await request.receive()
            except BodyTooSlow as error:
                raise self._stop_error or error from None
            finally:
                self._timeout = None
            if message["type"] == "http.disconnect":
                raise BodyIncomplete(received=pace.received_bytes)
            if chunk := message.get("body", b""):
                pace.note(chunk)
                yield chunk
            more = message.get("more_body", False)

    async def _poll_for_stop(self) -> None:
        """Look whether to let go; say now and then that the upload lives."""
        loop = asyncio.get_running_loop()
        last_renewal = loop.time()
        lifetime = self._work.parts.settings.upload_lifetime
        while self._stop_error is None:
            await asyncio.sleep(POLL_SECONDS)
            with suppress(Exception):  # a database that does not answer now; the next look tells
                self._stop_error = await self._find_stop_error()
                if loop.time() - last_renewal > min(RENEW_SECONDS, lifetime / 4):
                    await self._write(extend_upload, self.upload.upload_id, expiry_time(self._work))
                    last_renewal = loop.time()
        if self._timeout is not None:
            self._timeout.reschedule(loop.time())

    async def _find_stop_error(self) -> EntrepotError | None:
        if self._work.runtime.draining:
            return ShuttingDown()
        database = self._work.parts.database
        run_in_database_thread = self._work.runtime.run_in_database_thread
        upload = await run_in_database_thread(database.read, find_upload, self.upload.upload_id)
        if upload is None:
            return NotFound()
        return DraftBusy() if upload.turn != self.upload.turn else None

    async def _flush(self) -> None:
        await self._reserve()
        await self._blocks.flush(self._append)

    async def _reserve(self) -> None:
        """Have all bytes reserved that are written next: a guest's upload holds no more than came.

        Raises OwnerQuotaExceeded.
        """
        if self._received > self._reserved:
            needed = guest_reservation(self.upload.size, self._received)
            self._reserved = await self._write(grow_upload, self.upload.upload_id, needed)

    def _append(self, block: bytes) -> None:
        if self._failed:
            return  # what follows a block that was not written has no place
        try:
            self._writer.write(block)
        except BaseException:
            self._failed = True
            raise
        if self._checksum is not None:
            self._checksum.update(block)

    async def _save_progress(self, verified: int | None) -> None:
        """Make what came durable, or only the first `verified` bytes, and note how much it is."""
        with suppress(Exception):  # reported already, or else by the sync
            await self._flush()
            await self._blocks.wait()
        if verified is not None and verified < self.size:
            await self._work.runtime.run_in_byte_thread(self._writer.truncate, verified)
        size = await self._work.runtime.run_in_byte_thread(self._writer.sync)
        await self._write(record_received, self.upload, size, expiry_time(self._work))

    async def _write(self, work: Callable[..., R], *args: Any) -> R:
        return await self._work.runtime.run_in_database_thread(
            self._work.parts.database.write, work, *args
        )


@asynccontextmanager
async def open_session(
    work: UnitOfWork, upload_id: UUID
) -> AsyncIterator[tuple[Upload, ResumableSession | None]]:
    """The actor's own upload, and this request's hold on it for the length of the block; None for
    an upload that takes no bytes.

    Raises NotFound, DraftBusy, StorageFull.
    """
    upload = await work.write_into_reserve(claim_upload, upload_id, work.now)
    session = await ResumableSession.open(work, upload) if not upload.ended else None
    if session is None:
        yield upload if upload.ended else await reload_upload(work, upload), None
        return
    try:
        yield session.upload, session
    except NotFound:
        # It was ended: perhaps because the key was revoked, which the sender must learn.
        await work.with_current_time().read(authenticate_only)
        raise
    finally:
        await session.close()


@asynccontextmanager
async def open_new_session(
    work: UnitOfWork, upload: Upload, idempotent: bool
) -> AsyncIterator[ResumableSession | None]:
    """A hold on an upload that the same request has begun; None if it was begun, and ended, by an
    earlier one that was `idempotent`.

    If the block fails, the upload ends: its sender was never given the address, so that nobody can
    continue, unless the request is repeated. Raises as `open_session` does.
    """
    session = await ResumableSession.open(work, upload) if not upload.ended else None
    if session is None:
        yield None
        return
    try:
        yield session
    except BaseException:
        if not idempotent:
            await discard_upload(work, upload)
        raise
    finally:
        await session.close()


def _may_succeed_later(error: EntrepotError) -> bool:
    says_when = hasattr(error, "retry_after")
    return says_when or isinstance(error, RETRYABLE_ERRORS) or problem_kind(error).status >= 500


def authenticate_only(conn: ReadConnection, actor: Actor) -> None:
    """Nothing more than every unit of work does. Raises NotAuthenticated, AccountSuspended."""


async def discard_upload(work: UnitOfWork, upload: Upload) -> None:
    """Forget an upload and its bytes, if it has not ended and no newer request has it."""
    if await work.runtime.run_in_database_thread(work.parts.database.write, drop_upload, upload):
        await remove_unneeded(work, work.parts.store.drafts.drop, upload.upload_id)


def expiry_time(work: UnitOfWork) -> datetime:
    """When an upload ends that brings nothing more from now on."""
    return work.parts.clock() + timedelta(seconds=work.parts.settings.upload_lifetime)


async def reload_upload(work: UnitOfWork, upload: Upload) -> Upload:
    """The upload as it is now, with the turn that was taken. Raises NotFound if it is gone."""
    database = work.parts.database
    current: Upload | None = await work.runtime.run_in_database_thread(
        database.read, find_upload, upload.upload_id
    )
    if current is None:
        raise NotFound
    return replace(current, turn=upload.turn)  # a newer turn means that another request waits


async def _wait_for_writer(work: UnitOfWork, upload: Upload) -> DraftWriter:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + MAX_WAIT_SECONDS
    while True:
        try:
            return await work.runtime.run_in_byte_thread(
                work.parts.store.drafts.append, upload.upload_id, upload.turn
            )
        except DraftBusy:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(0.05)
