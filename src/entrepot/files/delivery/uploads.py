"""What an upload is to the transactions that begin and end it: its account, bytes and target."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.quotas.reserve import ReservationId, Sender, settle_reservation
from entrepot.quotas.unreserved import ReservationNeeded, use_unreserved
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Claim, claim_key, find_reply, save_reply


@dataclass(frozen=True)
class Admission:
    """Whose quota an upload takes, the most bytes that it may have (None: no limit yet), and the
    file that it is delivered to (None: a new one)."""

    account_id: AccountId
    size_limit: int | None = None
    file_id: UUID | None = None

    def sender(self, actor: Actor) -> Sender:
        """The actor as the sender of this upload; one with a link sends it with the key that made
        the link, and ends with that."""
        key_id = actor.link.key_id if actor.link is not None else actor.key_id
        return Sender(actor.user_id, actor.account_id, key_id, self.file_id)

    def limit(self, max_bytes: int) -> int:
        """The bytes that bind where no upload may have more than `max_bytes`."""
        return min(max_bytes, self.size_limit or max_bytes)


@dataclass(frozen=True)
class StoredUpload:
    """The bytes of one upload: durable under `blob_id`, named by no row yet, and counted by the
    `reservation` until one names them."""

    blob_id: BlobId
    stored: StoredBlob
    reservation: ReservationId

    def settle(self, conn: WriteConnection, actor: Actor, account_id: UUID, now: datetime) -> None:
        """Count the bytes for the account whose row names them. Raises UploadInterrupted if the
        reservation is gone."""
        del actor, now
        settle_reservation(conn, account_id, self.reservation, self.stored.size)


@dataclass(frozen=True)
class UnreservedUpload:
    """The bytes of a small upload, as those of a `StoredUpload`, which nothing counts until a row
    names them. The account's own people may have `max_uploads` uploads under way."""

    blob_id: BlobId
    stored: StoredBlob
    max_uploads: int

    def settle(self, conn: WriteConnection, actor: Actor, account_id: UUID, now: datetime) -> None:
        """As of a `StoredUpload`. Raises ReservationNeeded, as for what a guest sends."""
        if account_id != actor.account_id:
            raise ReservationNeeded
        use_unreserved(conn, account_id, self.stored.size, self.max_uploads, now)


AnyUpload = StoredUpload | UnreservedUpload


@dataclass(frozen=True)
class CommitContext:
    """What a transaction that accepts an upload needs beside its connection.

    It looks at the clock itself, once it holds its locks: so versions of one file have times in the
    order of their numbers.
    """

    queue: TaskQueue
    clock: Callable[[], datetime]


class UploadTarget(Protocol):
    """What an upload becomes. Its methods run in a transaction each, in a database thread."""

    def admit(self, conn: WriteConnection, actor: Actor) -> Admission:
        """Check before the bytes come that they may; raises why not."""
        ...

    def require_access(self, conn: ReadConnection, actor: Actor) -> None:
        """Check that the actor may still upload to it. Raises NotFound, NotAllowed."""
        ...

    def commit(
        self, conn: WriteConnection, actor: Actor, upload: AnyUpload, context: CommitContext
    ) -> TaskId:
        """Write the row that names the bytes, if the actor may have it now; the task that decides.

        The upload's reservation is of the account that `admit` returned. Raises what `admit` does,
        and FileTooLarge.
        """
        ...


@dataclass(frozen=True)
class KeyedReply:
    """The Idempotency-Key that an upload holds, and the fingerprint of its request."""

    claim: Claim
    fingerprint: str


@dataclass(frozen=True)
class UnclaimedReply:
    """The Idempotency-Key of an upload that did not claim it, and the fingerprint of its
    request."""

    key: str
    fingerprint: str

    def claim(self, conn: WriteConnection, actor: Actor, now: datetime) -> KeyedReply:
        """Claim the key in the transaction that answers it. Raises RequestUnderWay, KeyReused, and
        ReservationNeeded for a key that was answered."""
        if find_reply(conn, actor.user_id, self.key, now) is not None:
            raise ReservationNeeded
        claim = Claim(actor.user_id, self.key, uuid4())  # of no reservation
        claim_key(conn, claim, now)
        return KeyedReply(claim, self.fingerprint)


def commit_upload(
    conn: WriteConnection,
    actor: Actor,
    target: UploadTarget,
    upload: AnyUpload,
    reply: KeyedReply | UnclaimedReply | None,
    context: CommitContext,
) -> TaskId:
    """The commit point of an upload in one request; its key, if it has one, is answered too.

    Raises what `UploadTarget.commit` raises, UploadInterrupted if another upload has the key, and
    ReservationNeeded for an `UnreservedUpload`.
    """
    if isinstance(reply, UnclaimedReply):
        reply = reply.claim(conn, actor, context.clock())
    task_id = target.commit(conn, actor, upload, context)
    if reply is not None:
        save_reply(conn, reply.claim, reply.fingerprint, task_id, context.clock())
    return task_id
