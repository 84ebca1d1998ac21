"""Repeatable requests: what an `Idempotency-Key` has been answered, so that it is not done twice.

After draft-ietf-httpapi-idempotency-key-header: the key is claimed in the transaction that opens
the upload's reservation, and answered in the one that creates what it asked for. So a client that
got no answer repeats its request and has the first one's task, if there was a first one. A claim
lives as long as its reservation: whoever died with its process blocks nobody. What is done in one
transaction (`answer_once`) needs no claim: another request with the key waits for its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update

from entrepot.db.tables import replies, reservations, uploads, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import KeyReused, RequestUnderWay, UploadInterrupted
from entrepot.tasks.records import TaskId

KEPT = timedelta(hours=24)
"""How long an answer is kept."""


@dataclass(frozen=True)
class Reply:
    """What a key was answered: the task, and the fingerprint of the request that asked."""

    fingerprint: str
    task_id: TaskId


@dataclass(frozen=True)
class Claim:
    """A key of one user that an upload under way holds, by its reservation."""

    user_id: UUID
    key: str
    reservation_id: UUID


def find_reply(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> Reply | None:
    """The answer that the user's key had in the last 24 hours, if it had one.

    Until the transaction's end no other request finds or claims a key of the user. Raises
    RequestUnderWay while the first request with the key has neither been answered nor failed, and
    KeyReused if it began a resumable upload, which keeps its key itself.
    """
    lock_keys(conn, user_id)
    begun = uploads.c.user_id == user_id, uploads.c.request_key == key, uploads.c.expires_at > now
    if conn.execute(select(uploads.c.id).where(*begun)).first() is not None:
        raise KeyReused
    return _reply(conn, user_id, key, now)


def check_unreplied(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> None:
    """See that a key, for a resumable upload, is that of no other kind of request; until the
    transaction's end none finds or claims one. Raises KeyReused, RequestUnderWay.
    """
    lock_keys(conn, user_id)
    if _reply(conn, user_id, key, now) is not None:
        raise KeyReused


def lock_keys(conn: WriteConnection, user_id: UUID) -> None:
    """Let no other request use a key of the user until the transaction's end."""
    # SQLite's writer holds the whole database already and ignores FOR UPDATE.
    locked = select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    conn.execute(locked)


def _reply(conn: WriteConnection, user_id: UUID, key: str, now: datetime) -> Reply | None:
    # One statement, which sees one moment: the first request's last transaction answers the key
    # and ends the reservation, and who looked once before and once after it would find neither.
    mine = replies.c.user_id == user_id, replies.c.key == key, replies.c.expires_at > now
    live = reservations.c.id == replies.c.reservation_id, reservations.c.expires_at > now
    held = select(reservations.c.id).where(*live).exists()
    row = conn.execute(select(replies, held.label("held")).where(*mine)).one_or_none()
    if row is None:
        return None
    if row.task_id is not None:
        return Reply(row.fingerprint, TaskId(row.task_id))
    if row.held:
        raise RequestUnderWay
    return None


def claim_key(conn: WriteConnection, claim: Claim, now: datetime) -> None:
    """Hold a key, for which `find_reply` found none, for an upload that begins."""
    fresh = {
        "reservation_id": claim.reservation_id,
        "fingerprint": None,
        "task_id": None,
        "created_at": now,
        "expires_at": now + KEPT,
    }
    if _row(conn, claim.user_id, claim.key) is None:
        named = {"user_id": claim.user_id, "key": claim.key}
        conn.execute(insert(replies).values(**named, **fresh))
    else:
        own = replies.c.user_id == claim.user_id, replies.c.key == claim.key
        conn.execute(update(replies).where(*own).values(**fresh))


def keep_reply(
    conn: WriteConnection, claim: Claim, fingerprint: str, task_id: TaskId, now: datetime
) -> None:
    """Answer the key with a task, from now on for 24 hours. Raises UploadInterrupted if the key
    is another upload's by now."""
    answered = update(replies).where(_held_by(claim))
    values = {"fingerprint": fingerprint, "task_id": task_id, "expires_at": now + KEPT}
    if not conn.execute(answered.values(**values)).rowcount:
        raise UploadInterrupted


def replied(
    conn: WriteConnection, user_id: UUID, key: str | None, fingerprint: str, now: datetime
) -> TaskId | None:
    """The task that the key was answered with, if it was. Raises KeyReused if that was another
    request, RequestUnderWay while the first one is not answered.
    """
    reply = find_reply(conn, user_id, key, now) if key is not None else None
    if reply is not None and reply.fingerprint != fingerprint:
        raise KeyReused
    return reply.task_id if reply is not None else None


def answer_once(
    conn: WriteConnection,
    user_id: UUID,
    key: str | None,
    fingerprint: str,
    now: datetime,
    make: Callable[[], TaskId],
) -> TaskId:
    """What `make` makes in this transaction; or what the same request made before. Raises as
    `replied` and `make` do.
    """
    done = replied(conn, user_id, key, fingerprint, now)
    if done is not None:
        return done
    task_id = make()
    if key is not None:
        claim = Claim(user_id, key, uuid4())  # no upload's: held and answered in one transaction
        claim_key(conn, claim, now)
        keep_reply(conn, claim, fingerprint, task_id, now)
    return task_id


def drop_claim(conn: WriteConnection, claim: Claim) -> None:
    """Let a key go whose upload failed: the same request may come again. An answer stays."""
    conn.execute(delete(replies).where(_held_by(claim)))


def drop_stale_replies(conn: WriteConnection, now: datetime) -> int:
    """Forget answers that are old enough, and claims of uploads that died; how many."""
    dead = ~select(reservations.c.id).where(reservations.c.id == replies.c.reservation_id).exists()
    stale = or_(replies.c.expires_at <= now, and_(replies.c.task_id.is_(None), dead))
    return conn.execute(delete(replies).where(stale)).rowcount


def _row(conn: ReadConnection, user_id: UUID, key: str) -> Row[tuple[object, ...]] | None:
    mine = replies.c.user_id == user_id, replies.c.key == key
    return conn.execute(select(replies).where(*mine)).one_or_none()


def _held_by(claim: Claim) -> ColumnElement[bool]:
    return and_(
        replies.c.user_id == claim.user_id,
        replies.c.key == claim.key,
        replies.c.reservation_id == claim.reservation_id,
        replies.c.task_id.is_(None),
    )
