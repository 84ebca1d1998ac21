"""What an upload is to the transactions that begin and end it: its account, bytes and target."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.quotas.reserve import ReservationId, Sender
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Claim, save_reply


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
        self, conn: WriteConnection, actor: Actor, upload: StoredUpload, context: CommitContext
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


def commit_upload(
    conn: WriteConnection,
    actor: Actor,
    target: UploadTarget,
    upload: StoredUpload,
    reply: KeyedReply | None,
    context: CommitContext,
) -> TaskId:
    """The commit point of an upload in one request; its key, if it has one, is answered too.

    Raises what `UploadTarget.commit` raises, and UploadInterrupted if another upload has the key.
    """
    task_id = target.commit(conn, actor, upload, context)
    if reply is not None:
        save_reply(conn, reply.claim, reply.fingerprint, task_id, context.clock())
    return task_id
