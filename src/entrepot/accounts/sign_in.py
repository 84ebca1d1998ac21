"""Sign in with a password, set one, and record what failed.

A password is verified outside of a transaction, since that takes 100 ms. The transaction that opens
the session checks that the verified hash is still the user's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update

from entrepot.accounts.sessions import end_sessions, open_session
from entrepot.accounts.users import User, find_user, lock_user
from entrepot.activity.record import RecordedUser, RequestOrigin, record
from entrepot.db.inserts import upsert_into
from entrepot.db.tables import failed_sign_ins, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotFound, SignInFailed

FAILURES_WINDOW = timedelta(hours=1)
"""The time in which failed sign-ins of one user are counted together for the record."""
RECORDED_COUNTS = frozenset(10**power for power in range(7))
"""Which failed sign-ins of a window are recorded: the first, the 10th, the 100th and so on, so that
a flood of them takes a few rows an hour."""


@dataclass(frozen=True)
class PasswordHolder:
    """A user who has a password, and its hash as it was read."""

    user: User
    password_hash: str


def find_password(conn: ReadConnection, user_name: str) -> PasswordHolder | None:
    """The user of this name and the hash of their password; None if there is no such user, who is
    not disabled and has a password."""
    try:
        user = find_user(conn, user_name)
    except NotFound:
        return None
    password_hash = conn.scalar(select(users.c.password_hash).where(users.c.id == user.id))
    if user.disabled or password_hash is None:
        return None
    return PasswordHolder(user, password_hash)


def sign_in(
    conn: WriteConnection,
    secret: bytes,
    holder: PasswordHolder,
    origin: RequestOrigin,
    now: datetime,
) -> str:
    """Start a session of a user whose password was verified, and return its token.

    Raises SignInFailed if the user was disabled or has another password since.
    """
    _require_same_password(conn, holder)
    counted = delete(failed_sign_ins).where(failed_sign_ins.c.name == holder.user.user_name)
    failed_before = conn.scalar(counted.returning(failed_sign_ins.c.failures)) or 0
    return open_session(conn, secret, holder.user, origin, now, "password", failed_before)


def record_failure(conn: WriteConnection, user: User, origin: RequestOrigin, now: datetime) -> None:
    """Count a failed sign-in of a user who exists, and record it if it is one of
    `RECORDED_COUNTS` within `FAILURES_WINDOW`."""
    statement = upsert_into(conn.dialect.name, failed_sign_ins).values(
        name=user.user_name, failures=1, since=now
    )
    is_old = failed_sign_ins.c.since < now - FAILURES_WINDOW
    changes = {
        "failures": case((is_old, 1), else_=failed_sign_ins.c.failures + 1),
        "since": case((is_old, now), else_=failed_sign_ins.c.since),
    }
    counted = statement.on_conflict_do_update(
        index_elements=[failed_sign_ins.c.name], set_=changes
    ).returning(failed_sign_ins.c.failures)
    failures = conn.scalar(counted)
    if failures in RECORDED_COUNTS:
        recorded = RecordedUser(user.id, user.user_name, None, origin)
        detail = {"failures": failures}
        record(conn, user.account_id, recorded, "session.fail", now, detail=detail, result="failed")


def set_password(
    conn: WriteConnection,
    user: User,
    password_hash: str,
    now: datetime,
    origin: RequestOrigin | None = None,
    by_user: bool = False,
) -> None:
    """Set a user's password hash (from `hash_password`) and end their sessions.

    `by_user`: the user sets it, else an operator.
    """
    conn.execute(update(users).where(users.c.id == user.id).values(password_hash=password_hash))
    end_sessions(conn, user.id)
    detail = {"user_name": user.user_name}
    recorded = RecordedUser(user.id, user.user_name, None, origin) if by_user else None
    record(conn, user.account_id, recorded, "user.password", now, detail=detail)


def change_password(
    conn: WriteConnection,
    holder: PasswordHolder,
    password_hash: str,
    origin: RequestOrigin,
    now: datetime,
) -> None:
    """Replace a password that was verified, and end all sessions of its user.

    Raises SignInFailed if the user was disabled or has another password since.
    """
    _require_same_password(conn, holder)
    set_password(conn, holder.user, password_hash, now, origin, by_user=True)


def _require_same_password(conn: WriteConnection, holder: PasswordHolder) -> None:
    """Lock the user of a password that was verified. Raises SignInFailed if they were disabled or
    have another one since."""
    lock_user(conn, holder.user.id)
    if find_password(conn, holder.user.user_name) != holder:
        raise SignInFailed
