"""Sign-in for people: passwords, one-time links and browser sessions.

A session ends after 30 minutes without use, and after 12 hours in any case. Passwords are hashed
with Argon2id (RFC 9106) with 64 MiB and three passes.
"""

from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, insert, select, update

from entrepot.accounts.actor import SCOPES, AccountId, Actor, UserId
from entrepot.accounts.secrets import keyed_digest, new_token
from entrepot.accounts.users import User
from entrepot.activity.record import record
from entrepot.db.inserts import upsert_into
from entrepot.db.tables import accounts, failed_sign_ins, sessions, sign_in_links, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotAuthenticated, SignInFailed, TooManyAttempts

SESSION_IDLE_TIMEOUT = timedelta(minutes=30)
"""A session that is not used ends: OWASP advises 15 to 30 minutes for common applications."""
SESSION_MAX_AGE = timedelta(hours=12)
"""A session ends in any case: a working day with a margin."""
LINK_LIFETIME = timedelta(hours=1)
"""A sign-in link is opened soon after it is printed, or not by its owner."""
SEEN_INTERVAL = timedelta(minutes=1)
"""`seen_at` is exact to this interval, so that a page view does not always write."""
MAX_FAILED_ATTEMPTS = 50
"""Failed attempts for one name within `LOCKOUT_WINDOW`. Addresses from which this name has signed
in before do not count."""
LOCKOUT_WINDOW = timedelta(minutes=5)
MIN_PASSWORD_CHARS = 12
"""Above the 8 that NIST SP 800-63B requires; nothing else is asked of a password."""

_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
_DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=1$7g8m2OM0JV+0g/g1T6vQ9g$"
    "kWj0ShkHjQy7PIIAWJ54vr98LEGOUZ9E3pYhweRmVko"
)
"""The hash of an unknown password. Checking it makes unknown names take as long as known ones."""


def hash_password(password: str) -> str:
    """The Argon2id hash of a password of at least 12 characters. Raises FieldInvalid."""
    if len(password) < MIN_PASSWORD_CHARS:
        raise FieldInvalid(
            field="password", reason=f"needs at least {MIN_PASSWORD_CHARS} characters."
        )
    return _hasher.hash(password)


def set_password(conn: WriteConnection, user: User, password_hash: str, now: datetime) -> None:
    """Set a user's password hash (from `hash_password`) and end their sessions."""
    conn.execute(update(users).where(users.c.id == user.id).values(password_hash=password_hash))
    conn.execute(delete(sessions).where(sessions.c.user_id == user.id))
    detail = {"user_name": user.user_name}
    record(conn, user.account_id, None, "user.password", now, detail=detail)


def get_password_hash(
    conn: WriteConnection, user_name: str, now: datetime, known_address: bool = False
) -> tuple[UUID | None, str]:
    """The user's id and stored hash, which the caller verifies outside the transaction.

    Unknown and disabled names get a hash that no password matches. Counts the attempt first and
    raises TooManyAttempts after 50 failures within five minutes. An attempt from a `known_address`,
    where this name has signed in before, does not count: nobody elsewhere can lock the owner out.
    """
    if not known_address:
        _count_attempt(conn, user_name, now)
    account, _, name = user_name.partition(":")
    row = conn.execute(
        select(users.c.id, users.c.password_hash)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(accounts.c.name == account, users.c.name == name, users.c.disabled_at.is_(None))
    ).one_or_none()
    if row is None or row.password_hash is None:
        return None, _DUMMY_HASH
    return row.id, row.password_hash


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password matches the hash. Takes some 100 ms on purpose."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def open_session(
    conn: WriteConnection, secret: bytes, user_id: UUID, user_name: str, now: datetime
) -> str:
    """Start a session and return its token. Resets the count of failed attempts."""
    token = new_token()
    digest = keyed_digest(secret, "session", token)
    conn.execute(delete(failed_sign_ins).where(failed_sign_ins.c.name == user_name[:140]))
    conn.execute(delete(sessions).where(sessions.c.created_at < now - SESSION_MAX_AGE))
    conn.execute(
        insert(sessions).values(digest=digest, user_id=user_id, created_at=now, seen_at=now)
    )
    return token


def authenticate_session(conn: ReadConnection, secret: bytes, token: str, now: datetime) -> Actor:
    """The actor who holds this session. Raises NotAuthenticated once it has ended."""
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


def close_session(conn: WriteConnection, secret: bytes, token: str) -> None:
    """Sign out."""
    digest = keyed_digest(secret, "session", token)
    conn.execute(delete(sessions).where(sessions.c.digest == digest))


def create_link(conn: WriteConnection, secret: bytes, user: User, now: datetime) -> str:
    """A token that signs its user in once, within an hour."""
    token = new_token()
    digest = keyed_digest(secret, "link", token)
    conn.execute(
        insert(sign_in_links).values(digest=digest, user_id=user.id, expires_at=now + LINK_LIFETIME)
    )
    return token


def use_link(conn: WriteConnection, secret: bytes, token: str, now: datetime) -> str:
    """Exchange a link's token for a session's. Raises SignInFailed if it was used or has
    expired."""
    digest = keyed_digest(secret, "link", token)
    # One statement: of two who use the link at the same time, one finds it.
    statement = delete(sign_in_links).where(
        sign_in_links.c.digest == digest, sign_in_links.c.expires_at > now
    )
    user_id = conn.scalar(statement.returning(sign_in_links.c.user_id))
    enabled = select(users.c.id).where(users.c.id == user_id, users.c.disabled_at.is_(None))
    if user_id is None or conn.scalar(enabled) is None:
        raise SignInFailed
    return open_session(conn, secret, user_id, "", now)


def _count_attempt(conn: WriteConnection, user_name: str, now: datetime) -> None:
    name = user_name[:140]  # longer than any user name, so that an invented one takes little room
    _delete_old_attempts(conn, now)
    counted = upsert_into(conn.dialect.name, failed_sign_ins).values(
        name=name, failures=1, since=now
    )
    add_one = {"failures": failed_sign_ins.c.failures + 1}
    row = conn.execute(
        counted.on_conflict_do_update(
            index_elements=[failed_sign_ins.c.name], set_=add_one
        ).returning(failed_sign_ins.c.failures, failed_sign_ins.c.since)
    ).one()
    if row.failures > MAX_FAILED_ATTEMPTS:
        remaining = row.since + LOCKOUT_WINDOW - now
        raise TooManyAttempts(retry_after=max(1, int(remaining.total_seconds())))


def _delete_old_attempts(conn: WriteConnection, now: datetime) -> None:
    """Delete the old rows of all names, so that rows of invented names do not accumulate."""
    # What another transaction holds is skipped: two that delete each other's rows would wait for
    # each other.
    old = select(failed_sign_ins.c.name).where(failed_sign_ins.c.since < now - LOCKOUT_WINDOW)
    unlocked = old.with_for_update(skip_locked=True)
    conn.execute(delete(failed_sign_ins).where(failed_sign_ins.c.name.in_(unlocked)))
