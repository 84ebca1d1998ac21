"""Receive one upload: bytes stream into a reserved place while limit and quota bind.

The event loop parses; a thread hashes and writes the block before it while the next one
arrives. Bytes are written only once they are reserved. Whatever goes wrong, nothing stays behind:
`abort` drops the blob and gives the reservation back (and if the process dies before it can, the
sweep does).
"""

import asyncio
import random
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, BlobWriter, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    DigestMismatch,
    EntrepotError,
    FieldInvalid,
    FileTooLarge,
    QuotaExceeded,
)
from entrepot.http.deps import UnitOfWork
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
from entrepot.tasks.replies import Claim, Reply, claim_key, find_reply, release_claim, save_reply

P = ParamSpec("P")
R = TypeVar("R")

BLOCK = 1024 * 1024
"""Bytes that are collected before they are reserved and written."""
RENEW_EVERY = 600.0
"""Seconds after which a long upload says that it still runs."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2
"""Seconds between two tries for room that others hold reserved."""


@dataclass(frozen=True)
class Admission:
    """Whose quota an upload takes, and the most bytes that it may have (None: no limit yet)."""

    account_id: AccountId
    size_limit: int | None = None


Admit = Callable[[WriteConnection, Actor], Admission]


def own_account(conn: WriteConnection, actor: Actor) -> Admission:
    """What is uploaded to something new counts for the account of who sends it."""
    del conn
    return Admission(actor.account_id)


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
    conn: WriteConnection, actor: Actor, admit: Admit, key: str | None, most: int, work: UnitOfWork
) -> Opened:
    """Open the reservation, if `admit` raises nothing against the upload.

    It is not asked about one that is repeated, which changes nothing: what the first one was
    admitted by, it may have changed itself.
    """
    reply = find_reply(conn, actor.user_id, key, work.now) if key is not None else None
    admission = (admit if reply is None else own_account)(conn, actor)
    reservation = open_reservation(conn, admission.account_id, most, work.now)
    claim = None
    if key is not None and reply is None:
        claim = Claim(actor.user_id, key, reservation)
        claim_key(conn, claim, work.now)
    usage = get_usage(conn, admission.account_id)
    return Opened(admission, actor.account_id, reservation, usage, claim, reply)


def end_upload_session(conn: WriteConnection, opened: Opened) -> None:
    """Give the reservation and the key back, as far as no row stands for them."""
    release_reservation(conn, opened.admission.account_id, opened.reservation)
    if opened.claim is not None:
        release_claim(conn, opened.claim)


class UploadSession:
    """One upload under way. Use: `open`, `take` bytes, `finish`; or `abort` at any point."""

    def __init__(self, work: UnitOfWork, opened: Opened, largest: int) -> None:
        self.account_id = opened.admission.account_id
        self.reservation = opened.reservation
        self.blob_id = BlobId(uuid4())
        self.limit = min(largest, opened.admission.size_limit or largest)
        self.received = 0
        self.fingerprint: str | None = None
        self.reply = opened.reply
        self._work = work
        self._opened = opened
        self._usage = opened.usage
        self._writer: BlobWriter | None = None
        self._block: list[memoryview | bytes] = []
        self._collected = 0
        self._written: asyncio.Future[None] | None = None
        self._reserved = 0
        self._bound: int | None = None
        self._renewed = asyncio.get_running_loop().time()
        self._named = False

    @classmethod
    async def open(cls, work: UnitOfWork, admit: Admit, key: str | None = None) -> "UploadSession":
        """Begin an upload, by its Idempotency-Key if it has one.

        Raises TooManyUploads, RequestUnderWay, what `admit` and what authentication raise.
        """
        settings = work.parts.settings
        most = settings.uploads_per_account
        opened = await work.write(begin_upload_session, admit, key, most, work)
        kind = cls if opened.reply is None else ReplayedUpload
        return kind(work, opened, settings.max_file_size)

    def refuse_doomed(self, at_least: int) -> None:
        """Refuse before the body what cannot fit. Raises FileTooLarge, QuotaExceeded."""
        if at_least > self.limit:
            raise FileTooLarge(limit=self.limit, requested=at_least)
        if self._usage.used + at_least > self._usage.quota:
            raise QuotaExceeded(
                limit=self._usage.quota,
                used=self._usage.used,
                reserved=self._usage.reserved,
                requested=at_least,
            )

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
        self._block.append(data)
        self._collected += len(data)
        if self._collected >= BLOCK:
            await self._flush()

    async def finish(self, digest: str | None = None) -> StoredBlob:
        """Make the bytes durable. `digest` is a Repr-Digest (RFC 9530) to hold them against.

        Raises DigestMismatch, FieldInvalid, and what `take` raises.
        """
        if self._collected:
            await self._flush()
        await self._wait_written()
        assert self._writer is not None
        stored = await self._work.runtime.in_thread(self._writer.commit)
        if digest is not None:
            expected = sha256_of(digest)
            if expected is not None and expected != stored.sha256:
                raise DigestMismatch(expected=expected, received=stored.sha256)
        return stored

    async def keep_alive(self) -> None:
        """Say now and then that this upload runs; called with every piece that arrives.

        A slow client may need longer for a block than a reservation lives.
        """
        if asyncio.get_running_loop().time() - self._renewed >= RENEW_EVERY:
            await self._renew()

    def answer(self, conn: WriteConnection, task_id: TaskId) -> None:
        """In the transaction of `hand_over`: answer the upload's key, if it has one."""
        if self._opened.claim is not None:
            assert self.fingerprint is not None
            now = self._work.parts.clock()
            save_reply(conn, self._opened.claim, self.fingerprint, task_id, now)

    async def hand_over(
        self,
        commit: Callable[Concatenate[WriteConnection, Actor, P], R],
        *args: P.args,
        **named: P.kwargs,
    ) -> R:
        """Run `commit(conn, actor, …)`, the transaction by which a row names these bytes.

        Where its outcome is not known (cut off, or the connection lost at the commit), a row may
        name them: then `abort` leaves them to the sweep, which looks.
        """
        self._named = True
        try:
            # As of now: what was allowed when the upload began may have ended since.
            return await self._work.again().write(commit, *args, **named)
        except EntrepotError:
            self._named = False  # refused by ourselves, so rolled back
            raise

    def told(self, refused: QuotaExceeded) -> EntrepotError:
        """A refusal for want of quota as who uploads may be told it."""
        return quota_error_for(self._opened.sender, self.account_id, refused)

    async def abort(self) -> None:
        """Drop everything: bytes, committed or not, and the reservation."""
        if self._written is not None:
            await asyncio.wait([self._written])
        if self._writer is not None:
            await self._work.runtime.in_thread(self._writer.abort)
            if not self._named:
                await self._work.runtime.in_thread(self._work.parts.store.delete, self.blob_id)
        database = self._work.parts.database
        await self._work.runtime.run_in_database_thread(
            database.write, end_upload_session, self._opened
        )

    async def _flush(self) -> None:
        await self._reserve()
        if self._writer is None:
            create = self._work.parts.store.create
            self._writer = await self._work.runtime.in_thread(create, self.blob_id)
        # As bytes, which nobody can change: so the store hashes them beside its writing.
        block = b"".join(self._block)
        self._block, self._collected = [], 0
        await self._wait_written()
        loop = asyncio.get_running_loop()
        threads = self._work.runtime.byte_threads
        self._written = loop.run_in_executor(threads, self._writer.write, block)

    async def _wait_written(self) -> None:
        if self._written is not None:
            written, self._written = self._written, None
            await written

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
            self.reservation,
            self.received,
            wished,
            parts.clock(),
        )

    async def _renew(self) -> None:
        parts = self._work.parts
        await self._work.runtime.run_in_database_thread(
            parts.database.write, renew_reservation, self.reservation, parts.clock()
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

    async def finish(self, digest: str | None = None) -> StoredBlob:
        """What would have been stored. A `digest` was held against the first one's bytes."""
        del digest
        return StoredBlob(self.received, self._hash.hexdigest())


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
