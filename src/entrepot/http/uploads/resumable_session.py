"""One request's hold on a resumable upload: bytes stream into its draft, and stay whatever ends it.

The newest request has the draft: whoever holds it looks at the upload's `turn` twice a second and
lets go, so that a client which lost its connection goes on at once, even while the server still
waits for the old one's next byte. What came is made durable before its number is told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect

from entrepot.blobs.store import BlobId, Drafts, DraftWriter, StoredBlob
from entrepot.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ChecksumMismatch,
    DraftBusy,
    EntrepotError,
    FormMalformed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OwnerQuotaExceeded,
    QuotaExceeded,
    ScopeMissing,
    ShuttingDown,
    StorageFull,
    UploadIncomplete,
)
from entrepot.files.delivery.resumable import (
    Upload,
    claim_upload,
    deliver_upload,
    drop_upload,
    extend_upload,
    find_upload,
    record_received,
    record_stored,
    record_unverified,
)
from entrepot.files.delivery.uploads import CommitContext, StoredUpload, UploadTarget
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.block_writer import BlockWriter
from entrepot.http.uploads.commit import new_blob
from entrepot.http.uploads.tus_headers import Checksum
from entrepot.quotas.reserve import ReservationId

R = TypeVar("R")
LOOK_EVERY = 0.5
"""Seconds between two looks at whether a newer request wants the upload."""
WAIT_FOR_HOLDER = 15.0
"""Seconds that a request waits for the one before it to let go."""
RENEW_EVERY = 600.0
"""Seconds after which a long request says that its upload lives on."""
MAY_PASS = (
    NotAuthenticated,
    ScopeMissing,
    NotAllowed,
    QuotaExceeded,
    OwnerQuotaExceeded,
    StorageFull,
)
"""Refusals at the end after which the same upload may still succeed, by another key or later. All
others end it: asked again, it would be refused again."""

log = structlog.get_logger(__name__)


class ResumableSession:
    """One request that holds an upload. Use: `open`, `take` or `found`, `complete`; `close`."""

    def __init__(self, work: UnitOfWork, upload: Upload, writer: DraftWriter) -> None:
        self.upload = upload
        self._work = work
        self._writer = writer
        self._checksum: Checksum | None = None
        self._blocks = BlockWriter(work.runtime.byte_threads)
        self._arrived = writer.size
        self._failed = False
        self._overtaken: EntrepotError | None = None
        self._patience: asyncio.Timeout | None = None

    @classmethod
    async def open(cls, work: UnitOfWork, upload: Upload) -> "ResumableSession | None":
        """Hold the upload, whose turn was taken; None if another request completed it meanwhile.

        Raises DraftBusy, NotFound, StorageFull.
        """
        writer = await _wait_for_writer(work, upload)
        try:
            found = await current(work, upload)
            if found.ended:
                await work.runtime.in_thread(work.parts.store.drafts.drop, upload.upload_id)
                await work.runtime.in_thread(writer.close)
                return None
            if found.unproven is not None and found.unproven < writer.size:
                await work.runtime.in_thread(writer.truncate, found.unproven)
        except BaseException:
            await work.runtime.in_thread(writer.close)
            raise
        return cls(work, found, writer)

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self._writer.size

    @property
    def whole(self) -> bool:
        """Whether all bytes are here."""
        return self.size == self.upload.size

    @property
    def deliverable(self) -> bool:
        """Whether all bytes are here of what is not to be joined with others."""
        return self.whole and not self.upload.partial

    async def found(self) -> None:
        """Note what a request before this one left, if it could not tell itself."""
        if self.size != self.upload.received or self.upload.unproven is not None:
            await self._work.runtime.in_thread(self._writer.sync)
            await self._write(record_stored, self.upload.upload_id, self.size)

    async def take(self, request: Request, checksum: Checksum | None) -> None:
        """Take the request's body to its end. What came stays, unless a checksum was to prove it.

        Raises BodyTooLarge beyond the upload's length, ChecksumMismatch, BodyTooSlow, StorageFull,
        DraftBusy once a newer request wants the upload, ShuttingDown; FormMalformed if the client
        has gone.
        """
        began = self.size
        self._checksum = checksum
        if checksum is not None:
            await self._write(record_unverified, self.upload.upload_id, began)
        watch = asyncio.create_task(self._watch())
        try:
            await self._take_body(request)
        except BaseException as failure:
            await self._keep(began if checksum is not None else None)
            if isinstance(failure, ClientDisconnect):
                # Nobody reads this answer; it is for the log.
                reason = f"The client went away; {self.size:,} bytes are kept."
                raise FormMalformed(reason=reason) from None
            raise
        finally:
            watch.cancel()
        if checksum is not None and not checksum.matches():
            await self._keep(began)
            raise ChecksumMismatch(algorithm=checksum.algorithm, offset=began)
        if not self.deliverable:
            await self._keep(None)

    async def complete(self, target: UploadTarget) -> Upload:
        """Make the bytes a blob and have its row written; the upload as it is then.

        Where the outcome is not known, a row may name them: the sweep looks. What is refused for
        good ends the upload.
        """
        work, upload_id = self._work, self.upload.upload_id
        until = self._expiry()
        context = CommitContext(work.parts.queue, work.parts.clock)
        try:
            async with new_blob(work, self._writer.commit) as (blob_id, stored):
                upload = StoredUpload(blob_id, stored, ReservationId(upload_id))
                # As of now: what was allowed when the bytes began to come may have ended since.
                await work.again().write(deliver_upload, upload, target, until, context)
        except EntrepotError as refusal:
            if isinstance(refusal, MAY_PASS):
                raise
            await drop(work, upload_id)
            raise
        await work.runtime.in_thread(work.parts.store.drafts.drop, upload_id)
        return await current(work, self.upload)

    async def close(self) -> None:
        """Let another request have the upload."""
        await self._work.runtime.in_thread(self._writer.close)

    async def _take_body(self, request: Request) -> None:
        began = self._arrived
        async for chunk in self._chunks(request):
            if self._arrived + len(chunk) > self.upload.size:
                raise BodyTooLarge(limit=self.upload.size - began)
            self._arrived += len(chunk)
            self._blocks.add(chunk)
            if self._blocks.full:
                await self._flush()
        await self._flush()
        await self._blocks.wait()

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        """The body as it arrives, until it ends or somebody else wants the upload."""
        patience = self._work.parts.settings.body_timeout
        more = True
        while more:
            if self._overtaken is not None:
                raise self._overtaken
            try:
                async with asyncio.timeout(patience) as self._patience:
                    message = await request.receive()
            except TimeoutError:
                raise self._overtaken or BodyTooSlow(seconds=patience) from None
            finally:
                self._patience = None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if chunk := message.get("body", b""):
                yield chunk
            more = message.get("more_body", False)

    async def _watch(self) -> None:
        """Look whether to let go; say now and then that the upload lives."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        lifetime = self._work.parts.settings.upload_lifetime
        while self._overtaken is None:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(Exception):  # a database that does not answer now; the next look tells
                self._overtaken = await self._reason_to_stop()
                if loop.time() - renewed > min(RENEW_EVERY, lifetime / 4):
                    await self._write(extend_upload, self.upload.upload_id, self._expiry())
                    renewed = loop.time()
        if self._patience is not None:
            self._patience.reschedule(loop.time())

    async def _reason_to_stop(self) -> EntrepotError | None:
        if self._work.runtime.draining:
            return ShuttingDown()
        database = self._work.parts.database
        run_in_database_thread = self._work.runtime.run_in_database_thread
        found = await run_in_database_thread(database.read, find_upload, self.upload.upload_id)
        if found is None:
            return NotFound()
        return DraftBusy() if found.turn != self.upload.turn else None

    async def _flush(self) -> None:
        await self._blocks.flush(self._append)

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

    async def _keep(self, proven: int | None) -> None:
        """Make what came durable, or only the first `proven` bytes, and note how much it is."""
        with suppress(Exception):  # told already, or else by the sync
            await self._flush()
            await self._blocks.wait()
        if proven is not None and proven < self.size:
            await self._work.runtime.in_thread(self._writer.truncate, proven)
        size = await self._work.runtime.in_thread(self._writer.sync)
        await self._write(record_received, self.upload.upload_id, size, self._expiry())

    def _expiry(self) -> datetime:
        return expiry(self._work)

    async def _write(self, work: Callable[..., R], *args: Any) -> R:
        return await self._work.runtime.run_in_database_thread(
            self._work.parts.database.write, work, *args
        )


@asynccontextmanager
async def hold(
    work: UnitOfWork, upload_id: UUID
) -> AsyncIterator[tuple[Upload, ResumableSession | None]]:
    """The actor's own upload, and this request's hold on it for the length of the block; None for
    an upload that takes no bytes.

    Raises NotFound, DraftBusy, StorageFull.
    """
    upload = await work.write(claim_upload, upload_id, work.now)
    held = await ResumableSession.open(work, upload) if not upload.ended else None
    if held is None:
        yield upload if upload.ended else await current(work, upload), None
        return
    try:
        yield held.upload, held
    finally:
        await held.close()


@asynccontextmanager
async def hold_new(
    work: UnitOfWork, upload: Upload, idempotent: bool
) -> AsyncIterator[ResumableSession | None]:
    """A hold on an upload that the same request has begun; None if it was begun, and ended, by an
    earlier one that was `repeatable`.

    If the block fails, the upload ends: its sender was never given the address, so that nobody can
    go on, unless the request is repeated. Raises as `hold` does.
    """
    held = await ResumableSession.open(work, upload) if not upload.ended else None
    if held is None:
        yield None
        return
    try:
        yield held
    except BaseException:
        if not idempotent:
            await drop(work, upload.upload_id)
        raise
    finally:
        await held.close()


async def drop(work: UnitOfWork, upload_id: UUID) -> None:
    """Forget an upload and its bytes, if it has not ended."""
    await work.runtime.run_in_database_thread(work.parts.database.write, drop_upload, upload_id)
    await work.runtime.in_thread(work.parts.store.drafts.drop, upload_id)


def expiry(work: UnitOfWork) -> datetime:
    """When an upload ends that brings nothing more from now on."""
    return work.parts.clock() + timedelta(seconds=work.parts.settings.upload_lifetime)


def join_drafts(drafts: Drafts, parts: Iterable[Upload], blob_id: BlobId) -> StoredBlob:
    """Copy the parts' bytes into one draft, in order, and make a blob of it.

    Copied, not moved: until the transaction each part stays as its sender knows it. Raises
    UploadIncomplete, StorageFull, BlobMissing.
    """
    whole = uuid4()
    writer = drafts.append(whole)
    try:
        for part in filter(lambda part: part.size, parts):
            began = writer.size
            for block in drafts.read(part.upload_id):
                writer.write(block)
            if writer.size - began != part.size:
                raise UploadIncomplete(upload=str(part.upload_id))
        return writer.commit(blob_id)
    finally:
        drafts.drop(whole)
        writer.close()


async def current(work: UnitOfWork, upload: Upload) -> Upload:
    """The upload as it is now, with the turn that was taken. Raises NotFound if it is gone."""
    database = work.parts.database
    found: Upload | None = await work.runtime.run_in_database_thread(
        database.read, find_upload, upload.upload_id
    )
    if found is None:
        raise NotFound
    return replace(found, turn=upload.turn)  # a newer turn means that another request waits


async def _wait_for_writer(work: UnitOfWork, upload: Upload) -> DraftWriter:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_FOR_HOLDER
    while True:
        try:
            return await work.runtime.in_thread(work.parts.store.drafts.append, upload.upload_id)
        except DraftBusy:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(0.05)
