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
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, Update, and_, bindparam, delete, or_, select, update

from entrepot.db.inserts import upsert_into
from entrepot.db.locks import lock_rows
from entrepot.db.tables import replies, reservations, uploads, users
from entrepot.db.types import UtcTime, WriteConnection, uuid_parameter
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
    parameters = {"of_user": user_id, "request_key": key, "now": now}
    if conn.execute(_resumable_query(), parameters).first() is not None:
        raise KeyReused
    return _find_reply(conn, user_id, key, now)


@cache
def _resumable_query() -> Select[UUID]:
    """Finds a resumable upload that began with a key."""
    return select(uploads.c.id).where(
        uploads.c.user_id == uuid_parameter("of_user"),
        uploads.c.request_key == bindparam("request_key"),
        uploads.c.expires_at > bindparam("now", type_=UtcTime()),
    )


def check_key_unused(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> None:
    """Check that no other kind of request has used the key of a resumable upload.

    Until the end of the transaction no other request finds or claims a key of the user. Raises
    KeyReused, RequestUnderWay.
    """
    lock_keys(conn, user_id)
    if _find_reply(conn, user_id, key, now) is not None:
        raise KeyReused


def lock_keys(conn: WriteConnection, user_id: UUID) -> None:
    """Let no other request use a key of the user until the transaction's end. Lock no file before,
    since most requests with a key lock one after this."""
    lock_rows(conn, lambda: select(users.c.id).where(users.c.id == user_id), key_share=True)


def _find_reply(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> Reply | None:
    parameters = {"of_user": user_id, "request_key": key, "now": now}
    row = conn.execute(_reply_query(), parameters).one_or_none()
    if row is None:
        return None
    if row.task_id is not None:
        return Reply(row.fingerprint, TaskId(row.task_id))
    if row.held:
        raise RequestUnderWay
    return None


@cache
def _reply_query() -> Select[Any]:
    """Finds the reply of a key, and whether an upload holds it."""
    # One statement, which sees one state: the last transaction of the first request stores the
    # reply and ends the reservation. Two statements, one before and one after, would see neither.
    now = bindparam("now", type_=UtcTime())
    running = reservations.c.id == replies.c.reservation_id, reservations.c.expires_at > now
    is_running = select(reservations.c.id).where(*running).exists()
    return select(replies.c.fingerprint, replies.c.task_id, is_running.label("held")).where(
        replies.c.user_id == uuid_parameter("of_user"),
        replies.c.key == bindparam("request_key"),
        replies.c.expires_at > now,
    )


def claim_key(conn: WriteConnection, claim: Claim, now: datetime) -> None:
    """Claim a key without a reply (see `find_reply`) for an upload that begins."""
    values = {
        "user_id": claim.user_id,
        "key": claim.key,
        "reservation_id": claim.reservation_id,
        "fingerprint": None,
        "task_id": None,
        "created_at": now,
        "expires_at": now + REPLY_RETENTION,
    }
    conn.execute(_claim_statement(conn.dialect.name), values)


@cache
def _claim_statement(dialect: str) -> Any:
    statement = upsert_into(dialect, replies)
    claimed = {c.name: statement.excluded[c.name] for c in replies.columns if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=["user_id", "key"], set_=claimed)


def save_reply(
    conn: WriteConnection, claim: Claim, fingerprint: str, task_id: TaskId, now: datetime
) -> None:
    """Store a task as the reply to the key for 24 hours. Raises UploadInterrupted if another upload
    has claimed the key meanwhile."""
    values = {"fingerprint": fingerprint, "task_id": task_id, "expires_at": now + REPLY_RETENTION}
    if not conn.execute(_save_statement(), _claim_parameters(claim) | values).rowcount:
        raise UploadInterrupted


@cache
def _save_statement() -> Update:
    return update(replies).where(_is_claimed())


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
    conn.execute(delete(replies).where(_is_claimed()), _claim_parameters(claim))


def delete_stale_replies(conn: WriteConnection, now: datetime) -> int:
    """Delete expired replies, and claims of uploads that died; returns their number."""
    no_reservation = (
        ~select(reservations.c.id).where(reservations.c.id == replies.c.reservation_id).exists()
    )
    condition = or_(replies.c.expires_at <= now, and_(replies.c.task_id.is_(None), no_reservation))
    return conn.execute(delete(replies).where(condition)).rowcount


@cache
def _is_claimed() -> ColumnElement[bool]:
    """The upload has claimed the key still; its parameters are `_claim_parameters`."""
    return and_(
        replies.c.user_id == uuid_parameter("claimed_by"),
        replies.c.key == bindparam("claimed_key"),
        replies.c.reservation_id == uuid_parameter("claimed_for"),
        replies.c.task_id.is_(None),
    )


def _claim_parameters(claim: Claim) -> dict[str, Any]:
    return {
        "claimed_by": claim.user_id,
        "claimed_key": claim.key,
        "claimed_for": claim.reservation_id,
    }
