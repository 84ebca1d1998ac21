"""Sign-in for people: passwords, one-time links, and browser sessions.

Sessions last 30 minutes without use and 12 hours at most. Passwords are hashed with Argon2id
(RFC 9106) at 64 MiB and three passes.
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
from entrepot.db.tables import accounts, failed_sign_ins, sessions, sign_in_links, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotAuthenticated, SignInFailed, TooManyAttempts

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
LINK_LIFE = timedelta(hours=1)
SEEN_EVERY = timedelta(minutes=1)
ATTEMPTS = 50
"""Failures of one name in `LOCKED_FOR`, from all places that it has not signed in from before."""
LOCKED_FOR = timedelta(minutes=5)
MIN_PASSWORD = 12

_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=1$7g8m2OM0JV+0g/g1T6vQ9g$"
    "kWj0ShkHjQy7PIIAWJ54vr98LEGOUZ9E3pYhweRmVko"
)
"""The hash of a password that nobody knows, so that unknown names take as long as known ones."""


def hash_password(password: str) -> str:
    """The Argon2id hash of a password of at least 12 characters. Raises FieldInvalid."""
    if len(password) < MIN_PASSWORD:
        raise FieldInvalid(field="password", reason=f"needs at least {MIN_PASSWORD} characters.")
    return _hasher.hash(password)


def set_password(conn: WriteConnection, user: User, password_hash: str, now: datetime) -> None:
    """Give a user a password (hashed by `hash_password`) and end their sessions."""
    conn.execute(update(users).where(users.c.id == user.id).values(password_hash=password_hash))
    conn.execute(delete(sessions).where(sessions.c.user_id == user.id))
    detail = {"user_name": user.user_name}
    record(conn, user.account_id, None, "user.password", now, detail=detail)


def password_hash_of(
    conn: WriteConnection, user_name: str, now: datetime, at_home: bool = False
) -> tuple[UUID | None, str]:
    """The user's id and stored hash, to be verified outside a transaction.

    Unknown and disabled names get a hash that nothing matches. Counts the attempt first and
    raises TooManyAttempts after 50 failures within five minutes; but not `at_home`, where the name
    has signed in from before, so that nobody elsewhere can lock its owner out.
    """
    if not at_home:
        _count_attempt(conn, user_name, now)
    account, _, name = user_name.partition(":")
    row = conn.execute(
        select(users.c.id, users.c.password_hash)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(accounts.c.name == account, users.c.name == name, users.c.disabled_at.is_(None))
    ).one_or_none()
    if row is None or row.password_hash is None:
        return None, _NOBODY
    return row.id, row.password_hash


def verify_password(stored: str, password: str) -> bool:
    """Whether the password is the stored one; takes some 100 ms on purpose."""
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def open_session(
    conn: WriteConnection, secret: bytes, user_id: UUID, user_name: str, now: datetime
) -> str:
    """Start a session and return its token; forgets failed attempts."""
    token = new_token()
    digest = keyed_digest(secret, "session", token)
    conn.execute(delete(failed_sign_ins).where(failed_sign_ins.c.name == user_name[:140]))
    conn.execute(delete(sessions).where(sessions.c.created_at < now - LONGEST))
    conn.execute(
        insert(sessions).values(digest=digest, user_id=user_id, created_at=now, seen_at=now)
    )
    return token


def actor_of_session(conn: ReadConnection, secret: bytes, token: str, now: datetime) -> Actor:
    """Who holds this session. Raises NotAuthenticated once it has ended."""
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
    # `seen_at` is written at most every SEEN_EVERY, so that much grace is due.
    if row is None or row.created_at < now - LONGEST or row.seen_at < now - IDLE - SEEN_EVERY:
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
    """Note that a session is in use; writes at most once a minute."""
    digest = keyed_digest(secret, "session", token)
    stale = sessions.c.seen_at < now - SEEN_EVERY
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
        insert(sign_in_links).values(digest=digest, user_id=user.id, expires_at=now + LINK_LIFE)
    )
    return token


def use_link(conn: WriteConnection, secret: bytes, token: str, now: datetime) -> str:
    """Turn a link's token into a session's. Raises SignInFailed for one used or expired."""
    digest = keyed_digest(secret, "link", token)
    row = conn.execute(
        select(sign_in_links.c.user_id)
        .join(users, users.c.id == sign_in_links.c.user_id)
        .where(
            sign_in_links.c.digest == digest,
            sign_in_links.c.expires_at > now,
            users.c.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise SignInFailed
    conn.execute(delete(sign_in_links).where(sign_in_links.c.digest == digest))
    return open_session(conn, secret, row.user_id, "", now)


def _count_attempt(conn: WriteConnection, user_name: str, now: datetime) -> None:
    name = user_name[:140]
    of_name = failed_sign_ins.c.name == name
    row = conn.execute(select(failed_sign_ins).where(of_name)).one_or_none()
    if row is None or row.since < now - LOCKED_FOR:
        # Everybody's old ones, so that made-up names leave nothing for long.
        conn.execute(delete(failed_sign_ins).where(failed_sign_ins.c.since < now - LOCKED_FOR))
        conn.execute(insert(failed_sign_ins).values(name=name, failures=1, since=now))
        return
    if row.failures >= ATTEMPTS:
        wait = row.since + LOCKED_FOR - now
        raise TooManyAttempts(retry_after=max(1, int(wait.total_seconds())))
    conn.execute(update(failed_sign_ins).where(of_name).values(failures=row.failures + 1))
