"""Browser sessions. One ends after 30 minutes without use, and after 12 hours in any case.

It also ends when its user signs out, sets a password, is disabled or deleted, and when an admin
ends the user's sessions.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from entrepot.accounts.accounts import is_suspended
from entrepot.accounts.actor import SCOPES, AccountId, Actor, UserId
from entrepot.accounts.secrets import keyed_digest, new_token
from entrepot.accounts.users import User, get_user, lock_user
from entrepot.activity.record import RecordedUser, RequestOrigin, record
from entrepot.db.inserts import insert_row
from entrepot.db.tables import accounts, sessions, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import AccountSuspended, NotAuthenticated

SESSION_IDLE_TIMEOUT = timedelta(minutes=30)
"""A session that is not used ends: OWASP advises 15 to 30 minutes for common applications."""
SESSION_MAX_AGE = timedelta(hours=12)
"""A session ends in any case: a working day with a margin."""
SEEN_INTERVAL = timedelta(minutes=1)
"""`seen_at` is exact to this interval, so that a page view does not always write."""
MAX_SESSIONS_PER_USER = 50
"""Sessions of one user; the oldest ends when one more begins."""


def open_session(
    conn: WriteConnection,
    secret: bytes,
    user: User,
    origin: RequestOrigin | None,
    now: datetime,
    how: str,
    failed_before: int = 0,
) -> str:
    """Start a session of a user and return its token. `how` is `password` or `link`.

    `failed_before` are the failed sign-ins since the last one that succeeded. Raises
    AccountSuspended.
    """
    if is_suspended(conn, user.account_id):
        raise AccountSuspended
    token = new_token()
    lock_user(conn, user.id)
    _end_oldest(conn, user.id, now)
    digest = keyed_digest(secret, "session", token)
    insert_row(conn, sessions, digest=digest, user_id=user.id, created_at=now, seen_at=now)
    detail: dict[str, object] = {"with": how}
    if failed_before:
        detail["failed_before"] = failed_before
    record(conn, user.account_id, _recorded(user, origin), "session.create", now, detail=detail)
    return token


def authenticate_session(conn: ReadConnection, secret: bytes, token: str, now: datetime) -> Actor:
    """The actor who holds this session. Raises NotAuthenticated once it has ended, and
    AccountSuspended while their account is."""
    digest = keyed_digest(secret, "session", token)
    row = conn.execute(
        select(
            sessions.c.created_at,
            sessions.c.seen_at,
            users.c.id,
            users.c.name,
            users.c.role,
            users.c.account_id,
            accounts.c.name.label("account"),
            accounts.c.suspended_at,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(sessions.c.digest == digest, users.c.disabled_at.is_(None))
    ).one_or_none()
    # `seen_at` may be late by SEEN_INTERVAL, so the timeout is longer by the same amount.
    if (
        row is None
        or row.created_at < now - SESSION_MAX_AGE
        or row.seen_at < now - SESSION_IDLE_TIMEOUT - SEEN_INTERVAL
    ):
        raise NotAuthenticated(reason="You are signed out.")
    if row.suspended_at is not None:
        raise AccountSuspended
    scopes = SCOPES if row.role == "admin" else SCOPES[:2]
    return Actor(
        user_id=UserId(row.id),
        user_name=f"{row.account}:{row.name}",
        account_id=AccountId(row.account_id),
        account=row.account,
        role=row.role,
        scopes=scopes,
        key_id=None,
        expires_at=None,
        at=now,
    )


def touch_session(conn: WriteConnection, secret: bytes, token: str, now: datetime) -> None:
    """Record that a session is in use. Writes at most once a minute."""
    digest = keyed_digest(secret, "session", token)
    stale = sessions.c.seen_at < now - SEEN_INTERVAL
    conn.execute(update(sessions).where(sessions.c.digest == digest, stale).values(seen_at=now))


def close_session(
    conn: WriteConnection, secret: bytes, token: str, origin: RequestOrigin, now: datetime
) -> None:
    """Sign out. Idempotent."""
    digest = keyed_digest(secret, "session", token)
    statement = delete(sessions).where(sessions.c.digest == digest)
    user_id = conn.scalar(statement.returning(sessions.c.user_id))
    if user_id is None:
        return
    query = select(users.c.account_id, users.c.name, accounts.c.name.label("account"))
    row = conn.execute(query.join(accounts).where(users.c.id == user_id)).one()
    user = RecordedUser(user_id, f"{row.account}:{row.name}", None, origin)
    record(conn, row.account_id, user, "session.end", now)


def end_sessions(conn: WriteConnection, user_id: UUID) -> int:
    """End all sessions of a user; how many there were."""
    return conn.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount


def sign_out_user(conn: WriteConnection, actor: Actor, user_name: str, now: datetime) -> int:
    """End all sessions of a user of the actor's account; how many. Raises NotFound."""
    user = get_user(conn, actor, user_name)
    lock_user(conn, user.id)
    count = end_sessions(conn, user.id)
    detail = {"user_name": user_name, "sessions": count}
    record(conn, user.account_id, actor, "user.sign-out", now, detail=detail)
    return count


def _end_oldest(conn: WriteConnection, user_id: UUID, now: datetime) -> None:
    """Make room for one more session of a user, who is locked, and remove what has expired."""
    own = sessions.c.user_id == user_id
    conn.execute(delete(sessions).where(own, sessions.c.created_at < now - SESSION_MAX_AGE))
    newest = select(sessions.c.digest).where(own).order_by(sessions.c.created_at.desc())
    kept = newest.limit(MAX_SESSIONS_PER_USER - 1)
    conn.execute(delete(sessions).where(own, sessions.c.digest.not_in(kept)))


def _recorded(user: User, origin: RequestOrigin | None) -> RecordedUser:
    return RecordedUser(user.id, user.user_name, None, origin)
