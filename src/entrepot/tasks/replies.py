"""Idempotent requests: the stored reply to an `Idempotency-Key`, so that nothing is done twice.

Follows draft-ietf-httpapi-idempotency-key-header. The key is claimed in the transaction that opens
the upload's reservation, and the reply is stored in the transaction that creates the task. A client
that got no answer repeats its request and gets the task of the first one, if there is one. A claim
lasts as long as its reservation, so a crash does not block the key. An operation of one transaction
(`run_once`) needs no claim: another request with the key waits for its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, update

from entrepot.db.inserts import insert_row
from entrepot.db.tables import replies, reservations, uploads, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import KeyReused, RequestUnderWay, UploadInterrupted
from entrepot.tasks.records import TaskId

REPLY_RETENTION = timedelta(hours=24)
"""How long a reply is kept."""


@dataclass(frozen=True)
class Reply:
    """The reply to a key: the task, and the fingerprint of the request."""

    fingerprint: str
    task_id: TaskId


@dataclass(frozen=True)
class Claim:
    """A user's key that a running upload has claimed, identified by its reservation."""

    user_id: UUID
    key: str
    reservation_id: UUID


def find_reply(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> Reply | None:
    """The reply to the user's key in the last 24 hours, if there is one.

    Until the end of the transaction no other request finds or claims a key of the user. Raises
    RequestUnderWay while the first request with the key is running, and KeyReused if it began a
    resumable upload, which stores its key itself.
    """
    lock_keys(conn, user_id)
    is_resumable = (
        uploads.c.user_id == user_id,
        uploads.c.request_key == key,
        uploads.c.expires_at > now,
    )
    if conn.execute(select(uploads.c.id).where(*is_resumable)).first() is not None:
        raise KeyReused
    return _find_reply(conn, user_id, key, now)


def check_key_unused(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> None:
    """Check that no other kind of request has used the key of a resumable upload.

    Until the end of the transaction no other request finds or claims a key of the user. Raises
    KeyReused, RequestUnderWay.
    """
    lock_keys(conn, user_id)
    if _find_reply(conn, user_id, key, now) is not None:
        raise KeyReused


def lock_keys(conn: WriteConnection, user_id: UUID) -> None:
    """Let no other request use a key of the user until the transaction's end."""
    # SQLite's writer holds the whole database already and ignores FOR UPDATE.
    query = select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    conn.execute(query)


def _find_reply(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> Reply | None:
    # One statement, which sees one state: the last transaction of the first request stores the
    # reply and ends the reservation. Two statements, one before and one after, would see neither.
    same_key = replies.c.user_id == user_id, replies.c.key == key, replies.c.expires_at > now
    running = reservations.c.id == replies.c.reservation_id, reservations.c.expires_at > now
    is_running = select(reservations.c.id).where(*running).exists()
    row = conn.execute(select(replies, is_running.label("held")).where(*same_key)).one_or_none()
    if row is None:
        return None
    if row.task_id is not None:
        return Reply(row.fingerprint, TaskId(row.task_id))
    if row.held:
        raise RequestUnderWay
    return None


def claim_key(conn: WriteConnection, claim: Claim, now: datetime) -> None:
    """Claim a key without a reply (see `find_reply`) for an upload that begins."""
    values = {
        "reservation_id": claim.reservation_id,
        "fingerprint": None,
        "task_id": None,
        "created_at": now,
        "expires_at": now + REPLY_RETENTION,
    }
    if _find_row(conn, claim.user_id, claim.key) is None:
        keys = {"user_id": claim.user_id, "key": claim.key}
        insert_row(conn, replies, **keys, **values)
    else:
        same_key = replies.c.user_id == claim.user_id, replies.c.key == claim.key
        conn.execute(update(replies).where(*same_key).values(**values))


def save_reply(
    conn: WriteConnection, claim: Claim, fingerprint: str, task_id: TaskId, now: datetime
) -> None:
    """Store a task as the reply to the key for 24 hours. Raises UploadInterrupted if another upload
    has claimed the key meanwhile."""
    statement = update(replies).where(_claim_condition(claim))
    values = {"fingerprint": fingerprint, "task_id": task_id, "expires_at": now + REPLY_RETENTION}
    if not conn.execute(statement.values(**values)).rowcount:
        raise UploadInterrupted


def find_replied_task(
    conn: WriteConnection, user_id: UUID, key: str | None, fingerprint: str, now: datetime
) -> TaskId | None:
    """The task in the reply to the key, if there is one.

    Raises KeyReused if the reply belongs to another request, RequestUnderWay while the first one
    runs.
    """
    reply = find_reply(conn, user_id, key, now) if key is not None else None
    if reply is not None and reply.fingerprint != fingerprint:
        raise KeyReused
    return reply.task_id if reply is not None else None


def run_once(
    conn: WriteConnection,
    user_id: UUID,
    key: str | None,
    fingerprint: str,
    now: datetime,
    create_task: Callable[[], TaskId],
) -> TaskId:
    """The task that `create_task` creates in this transaction, or that the same request created
    before.

    Raises as `find_replied_task` and `create_task` do.
    """
    earlier = find_replied_task(conn, user_id, key, fingerprint, now)
    if earlier is not None:
        return earlier
    task_id = create_task()
    if key is not None:
        claim = Claim(user_id, key, uuid4())  # no upload: claimed and replied in one transaction
        claim_key(conn, claim, now)
        save_reply(conn, claim, fingerprint, task_id, now)
    return task_id


def release_claim(conn: WriteConnection, claim: Claim) -> None:
    """Release the key of a failed upload, so that the request can be repeated. A reply stays."""
    conn.execute(delete(replies).where(_claim_condition(claim)))


def delete_stale_replies(conn: WriteConnection, now: datetime) -> int:
    """Delete expired replies, and claims of uploads that died; returns their number."""
    no_reservation = (
        ~select(reservations.c.id).where(reservations.c.id == replies.c.reservation_id).exists()
    )
    condition = or_(replies.c.expires_at <= now, and_(replies.c.task_id.is_(None), no_reservation))
    return conn.execute(delete(replies).where(condition)).rowcount


def _find_row(conn: ReadConnection, user_id: UUID, key: str) -> Row[tuple[object, ...]] | None:
    same_key = replies.c.user_id == user_id, replies.c.key == key
    return conn.execute(select(replies).where(*same_key)).one_or_none()


def _claim_condition(claim: Claim) -> ColumnElement[bool]:
    return and_(
        replies.c.user_id == claim.user_id,
        replies.c.key == claim.key,
        replies.c.reservation_id == claim.reservation_id,
        replies.c.task_id.is_(None),
    )
