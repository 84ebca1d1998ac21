"""Receive one upload: bytes stream into a reserved place while limit and quota bind.

The event loop parses; a thread hashes and writes the block before it while the next one
arrives. Bytes are written only once they are reserved. Whatever goes wrong, nothing stays behind:
`open_reception` drops the blob and gives the reservation back (and if the process dies before it
can, the sweep does).
"""

import asyncio
import random
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, BlobWriter, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    DigestMismatch,
    EntrepotError,
    FieldInvalid,
    FileTooLarge,
    KeyReused,
    QuotaExceeded,
)
from entrepot.files.delivery.uploads import Admission, KeyedReply, StoredUpload, UploadTarget
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.block_writer import BLOCK, BlockWriter
from entrepot.quotas.reserve import (
    ReservationId,
    Usage,
    get_usage,
    grow_reservation,
    open_reservation,
    quota_error_for,
    release_reservation,
    renew_reservation,
)
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Claim, Reply, claim_key, find_reply, release_claim

RENEW_EVERY = 600.0
"""Seconds after which a long upload says that it still runs."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2
"""Seconds between two tries for room that others hold reserved."""


@dataclass(frozen=True)
class Opened:
    """An upload that may begin: on what terms, from which account, what the account uses now.

    `claim` is the Idempotency-Key that it holds, `reply` what the key was answered already.
    """

    admission: Admission
    sender: AccountId
    reservation: ReservationId
    usage: Usage
    claim: Claim | None = None
    reply: Reply | None = None


def begin_upload_session(
    conn: WriteConnection,
    actor: Actor,
    target: UploadTarget,
    key: str | None,
    most: int,
    now: datetime,
) -> Opened:
    """Open the reservation, if the target admits the upload.

    It is not asked about one that is repeated, which changes nothing: what the first one was
    admitted by, it may have changed itself.
    """
    reply = find_reply(conn, actor.user_id, key, now) if key is not None else None
    admission = target.admit(conn, actor) if reply is None else Admission(actor.account_id)
    reservation = open_reservation(conn, admission.account_id, most, now)
    claim = None
    if key is not None and reply is None:
        claim = Claim(actor.user_id, key, reservation)
        claim_key(conn, claim, now)
    usage = get_usage(conn, admission.account_id)
    return Opened(admission, actor.account_id, reservation, usage, claim, reply)


def end_upload_session(conn: WriteConnection, opened: Opened) -> None:
    """Give the reservation and the key back, as far as no row stands for them."""
    release_reservation(conn, opened.admission.account_id, opened.reservation)
    if opened.claim is not None:
        release_claim(conn, opened.claim)


@asynccontextmanager
async def open_reception(
    work: UnitOfWork, target: UploadTarget, key: str | None = None
) -> "AsyncIterator[UploadSession]":
    """One upload under way, by its Idempotency-Key if it has one, for the length of the block.

    Whatever the block raises, nothing of the upload stays; after a block that ends, its row names
    the bytes and the workers are told. Raises TooManyUploads, RequestUnderWay, OwnerQuotaExceeded
    instead of figures that are not the sender's, what `UploadTarget.admit` and what authentication
    raise.
    """
    settings = work.parts.settings
    most = settings.uploads_per_account
    opened = await work.write(begin_upload_session, target, key, most, work.now)
    kind = UploadSession if opened.reply is None else ReplayedUpload
    upload_session = kind(work, opened, settings.max_file_size)
    try:
        # Its reservation counts for all hosts; the place here, beside this host's resumable ones.
        with work.runtime.uploads.one(upload_session.account_id):
            yield upload_session
    except BaseException as failure:
        # A refusal of ours was rolled back. After anything else at the commit (cut off, or the
        # connection lost) a row may name the bytes: they are left to the sweep, which looks.
        await upload_session.abort(keep_blob=not isinstance(failure, EntrepotError))
        if isinstance(failure, QuotaExceeded):
            raise quota_error_for(opened.sender, upload_session.account_id, failure) from None
        raise
    work.parts.queue.wake()


class UploadSession:
    """One upload under way, by `open_reception`. Use: `take` bytes, `finish`."""

    def __init__(self, work: UnitOfWork, opened: Opened, largest: int) -> None:
        self.account_id = opened.admission.account_id
        self.limit = opened.admission.limit(largest)
        self.received = 0
        self._work = work
        self._opened = opened
        self._blob_id = BlobId(uuid4())
        self._writer: BlobWriter | None = None
        self._blocks = BlockWriter(work.runtime.byte_threads)
        self._reserved = 0
        self._bound: int | None = None
        self._renewed = asyncio.get_running_loop().time()
        self._finished = False

    def refuse_doomed(self, at_least: int) -> None:
        """Refuse before the body what cannot fit. Raises FileTooLarge, QuotaExceeded."""
        if at_least > self.limit:
            raise FileTooLarge(limit=self.limit, requested=at_least)
        usage = self._opened.usage
        if usage.used + at_least > usage.quota:
            raise usage.quota_exceeded(at_least)

    def expect(self, bound: int) -> None:
        """Say that the file will have at most `bound` bytes, so that they are reserved at once."""
        self._bound = bound

    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes, which stay as they are. Raises FileTooLarge, QuotaExceeded,
        StorageFull.
        """
        self.received += len(data)
        if self.received > self.limit:
            raise FileTooLarge(limit=self.limit, requested=self.received)
        self._blocks.add(data)
        if self._blocks.full:
            await self._flush()

    async def finish(self, digest: str | None = None) -> StoredUpload:
        """Make the bytes durable. `digest` is a Repr-Digest (RFC 9530) to hold them against.

        From here on a row may name them. Raises DigestMismatch, FieldInvalid, and what `take`
        raises.
        """
        if not self._blocks.empty:
            await self._flush()
        await self._blocks.wait()
        assert self._writer is not None
        stored = await self._work.runtime.in_thread(self._writer.commit)
        if digest is not None:
            expected = sha256_of(digest)
            if expected is not None and expected != stored.sha256:
                raise DigestMismatch(expected=expected, received=stored.sha256)
        self._finished = True
        return StoredUpload(self._blob_id, stored, self._opened.reservation)

    async def keep_alive(self) -> None:
        """Say now and then that this upload runs; called with every piece that arrives.

        A slow client may need longer for a block than a reservation lives.
        """
        if asyncio.get_running_loop().time() - self._renewed >= RENEW_EVERY:
            await self._renew()

    def keyed_reply(self, fingerprint: str) -> KeyedReply | None:
        """What the upload's key is to be answered with its task; None if it has none."""
        claim = self._opened.claim
        return KeyedReply(claim, fingerprint) if claim is not None else None

    async def repeated(self, fingerprint: str) -> TaskId | None:
        """The task of the same request before this one; None if there was none, as here."""
        del fingerprint
        return None

    async def abort(self, keep_blob: bool = False) -> None:
        """Give the reservation back and drop the bytes; with `keep_blob` only those that no row can
        name."""
        await self._blocks.settle()
        if self._writer is not None:
            await self._work.runtime.in_thread(self._writer.abort)
            if not (self._finished and keep_blob):
                await self._work.runtime.in_thread(self._work.parts.store.delete, self._blob_id)
        database = self._work.parts.database
        await self._work.runtime.run_in_database_thread(
            database.write, end_upload_session, self._opened
        )

    async def _flush(self) -> None:
        await self._reserve()
        if self._writer is None:
            create = self._work.parts.store.create
            self._writer = await self._work.runtime.in_thread(create, self._blob_id)
        await self._blocks.flush(self._writer.write)

    async def _reserve(self) -> None:
        """Have `received` bytes reserved; wait for room that others may give back."""
        loop = asyncio.get_running_loop()
        if self.received <= self._reserved:
            return
        ahead = max(BLOCK, min(self.received // 8, 16 * BLOCK))
        wished = self._bound if self._bound is not None else self.received + ahead
        deadline = loop.time() + self._work.parts.settings.quota_wait
        pause = FIRST_PAUSE
        while True:
            granted = await self._grow(min(wished, max(self.limit, self.received)))
            if granted is not None:
                self._reserved = granted
                self._renewed = loop.time()
                return
            if loop.time() > deadline:
                raise await self._refusal()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only a pause
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _grow(self, wished: int) -> int | None:
        parts = self._work.parts
        return await self._work.runtime.run_in_database_thread(
            parts.database.write,
            grow_reservation,
            self.account_id,
            self._opened.reservation,
            self.received,
            wished,
            parts.clock(),
        )

    async def _renew(self) -> None:
        parts = self._work.parts
        await self._work.runtime.run_in_database_thread(
            parts.database.write, renew_reservation, self._opened.reservation, parts.clock()
        )
        self._renewed = asyncio.get_running_loop().time()

    async def _refusal(self) -> QuotaExceeded:
        database = self._work.parts.database
        usage: Usage = await self._work.runtime.run_in_database_thread(
            database.read, get_usage, self.account_id
        )
        return usage.quota_exceeded(self.received)


class ReplayedUpload(UploadSession):
    """An upload that was answered already: its bytes are compared with the first one's, by their
    hash, and kept nowhere. It takes no room, and none has to be free."""

    def __init__(self, work: UnitOfWork, opened: Opened, largest: int) -> None:
        super().__init__(work, opened, largest)
        self._hash = sha256()

    def refuse_doomed(self, at_least: int) -> None:
        """Nothing is refused for want of room; what is another request is told at its end."""

    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes. Raises FileTooLarge."""
        self.received += len(data)
        if self.received > self.limit:
            raise FileTooLarge(limit=self.limit, requested=self.received)
        await self._work.runtime.in_thread(self._hash.update, data)

    async def finish(self, digest: str | None = None) -> StoredUpload:
        """What would have been stored. A `digest` was held against the first one's bytes."""
        del digest
        stored = StoredBlob(self.received, self._hash.hexdigest())
        return StoredUpload(self._blob_id, stored, self._opened.reservation)

    async def repeated(self, fingerprint: str) -> TaskId | None:
        """The answer that the same request had. Raises KeyReused if it was another one."""
        reply = self._opened.reply
        assert reply is not None
        if reply.fingerprint != fingerprint:
            raise KeyReused
        await self.abort()
        return reply.task_id


def sha256_of(digest: str) -> str | None:
    """The SHA-256 of a Repr-Digest field (RFC 9530) as hex; None if it names none.

    Raises FieldInvalid where the value is no digest.
    """
    for entry in digest.split(","):
        name, _, value = entry.strip().partition("=")
        if name.lower() != "sha-256":
            continue
        try:
            raw = b64decode(value.strip(":"), validate=True)
        except Base64Error:
            raw = b""
        if not (value.startswith(":") and value.endswith(":")) or len(raw) != 32:
            raise FieldInvalid(field="Repr-Digest", reason="is sha-256=:<32 bytes in base64>:")
        return raw.hex()
    return None
