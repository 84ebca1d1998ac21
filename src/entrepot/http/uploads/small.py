"""Deliver a small upload whose whole body has arrived: in one transaction, without a reservation.

Most deliveries of programs are like that: some kilobytes that come with the head of their request.
Nothing speaks for refusing one here: what is refused is received again by `http.uploads.session`,
from the same bytes, so that refusals and waits are those of every upload
(`docs/decisions/0067-small-uploads-in-one-transaction.md`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from uuid import UUID, uuid4

from fastapi import Request
from starlette.types import Message

from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import EntrepotError
from entrepot.files.delivery.uploads import (
    AnyUpload,
    CommitContext,
    KeyedReply,
    UnclaimedReply,
    UnreservedUpload,
    UploadTarget,
    commit_upload,
)
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.body import body_chunks, content_length
from entrepot.http.uploads.body_upload import BodyUpload
from entrepot.http.uploads.commit import remove_unneeded
from entrepot.http.uploads.pace import upload_pace
from entrepot.http.uploads.session import open_upload_session
from entrepot.quotas.unreserved import ReservationNeeded
from entrepot.tasks.records import TaskId

MAX_BODY_BYTES = 64 * 1024
"""Bytes of a body that may be held in memory before its upload has a place."""
ARRIVAL_SECONDS = 0.05
"""Seconds from the head of a request within which its whole body has arrived. Tools send both
together; a body that takes longer is received by a reservation, which shows it as under way."""


class EarlyBody:
    """What has come of a request's body before it is known how the body is received.

    `request` is the same request, whose body begins with what has come.
    """

    def __init__(self, request: Request) -> None:
        self.request = Request(request.scope, self._receive)
        self._original = request
        self._messages: deque[Message] = deque()
        self._collecting: asyncio.Task[bool] | None = None
        self._is_wanted = True

    async def arrived(self) -> bytes | None:
        """The whole body, if it is small and comes immediately; None if it is to be streamed."""
        length = content_length(self._original)
        if length is None or length > MAX_BODY_BYTES or "expect" in self._original.headers:
            return None  # who expects an answer before the body gets it from the checks before it
        self._collecting = asyncio.ensure_future(self._collect())
        done, _ = await asyncio.wait({self._collecting}, timeout=ARRIVAL_SECONDS)
        self._is_wanted = False
        if not done or not self._collecting.result():
            return None
        return b"".join(message.get("body", b"") for message in self._messages)

    async def _collect(self) -> bool:
        """Collect messages as long as they are wanted; whether the body has ended well."""
        while self._is_wanted:
            message = await self._original.receive()
            self._messages.append(message)
            if message["type"] != "http.request":
                return False
            if not message.get("more_body", False):
                return True
        return False

    async def _receive(self) -> Message:
        if self._collecting is not None and not self._messages:
            collecting, self._collecting = self._collecting, None
            await collecting  # to end it here could lose what it has received
        return self._messages.popleft() if self._messages else await self._original.receive()


async def open_uploads(
    request: Request,
    work: UnitOfWork,
    target: UploadTarget,
    key: str | None,
    max_bytes: int | None = None,
) -> "list[tuple[AbstractAsyncContextManager[BodyUpload], AsyncIterator[bytes]]]":
    """The ways to receive a body, each an upload with the chunks of the body. Whoever gets through
    the block of one returns; if it ends otherwise without an error, the next one is to be taken.

    `target`, `key` and `max_bytes` are those of `open_upload_session`, which is the last one.
    """
    body, account_id = EarlyBody(request), request.scope.get("account_of_key")
    ways: list[tuple[AbstractAsyncContextManager[BodyUpload], AsyncIterator[bytes]]] = []
    arrived = await body.arrived() if account_id is not None else None
    if account_id is not None and arrived is not None:
        ways.append((open_small_upload(work, account_id, key), _only(arrived)))
    chunks = body_chunks(body.request, upload_pace(work.parts.settings))
    ways.append((open_upload_session(work, target, key, max_bytes), chunks))
    return ways


async def _only(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


@asynccontextmanager
async def open_small_upload(
    work: UnitOfWork, account_id: UUID, key: str | None
) -> "AsyncIterator[SmallUpload]":
    """One upload of a small body that has arrived, to the account of its sender, by its
    Idempotency-Key if it has one.

    A block that is refused anything ends without an error, and nothing of the upload stays. After
    a block that ends by itself, a row names the bytes, and workers wake up.
    """
    with ExitStack() as place:
        upload = SmallUpload(work, account_id, key, place)
        try:
            yield upload
        except (EntrepotError, ReservationNeeded):
            # The transaction was rolled back. After any other error a row may name the bytes: they
            # are left to the sweep, which looks.
            await upload.remove()
            return
    work.parts.queue.wake()


class SmallUpload(BodyUpload):
    """One upload of one block of bytes, without a reservation, by `open_small_upload`."""

    def __init__(
        self, work: UnitOfWork, account_id: UUID, key: str | None, place: ExitStack
    ) -> None:
        super().__init__(work.parts.settings.max_file_size)
        self._work = work
        self._account_id = account_id
        self._key = key
        self._place = place
        self._blob_id = BlobId(uuid4())
        self._pieces: list[memoryview | bytes] = []
        self._is_stored = False

    def reject_oversized(self, min_bytes: int) -> None:
        """Nothing: the transaction compares the file with its limits."""

    def set_expected_size(self, max_bytes: int) -> None:
        """Nothing: all bytes are there."""

    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes. Raises FileTooLarge."""
        self.count(data)
        self._pieces.append(data)

    async def finish(self) -> UnreservedUpload:
        """Make the bytes durable. Raises TooManyUploads, StorageFull."""
        account_id = self._account_id
        self._place.enter_context(self._work.runtime.uploads.slot(account_id, account_id))
        store = self._work.runtime.run_in_byte_thread
        stored = await store(self._store, b"".join(self._pieces))
        return UnreservedUpload(
            self._blob_id, stored, self._work.parts.settings.uploads_per_account
        )

    def keyed_reply(self, fingerprint: str) -> UnclaimedReply | None:
        """As of each upload; the transaction itself looks for an earlier answer to the key."""
        return UnclaimedReply(self._key, fingerprint) if self._key is not None else None

    def commit(
        self, target: UploadTarget, upload: AnyUpload, reply: KeyedReply | UnclaimedReply | None
    ) -> Awaitable[TaskId]:
        """Deliver what was received. Raises what `UploadTarget.commit` raises, and
        ReservationNeeded."""
        context = CommitContext(self._work.parts.queue, self._work.parts.clock)
        return self._work.attempt(commit_upload, target, upload, reply, context)

    async def remove(self) -> None:
        """Drop the bytes."""
        if self._is_stored:
            await remove_unneeded(self._work, self._work.parts.store.delete, self._blob_id)

    def _store(self, block: bytes) -> StoredBlob:
        writer = self._work.parts.store.create(self._blob_id)
        writer.write(block)
        stored = writer.commit()
        self._is_stored = True
        return stored
