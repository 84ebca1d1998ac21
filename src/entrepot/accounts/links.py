"""One-time links: an invitation or a reset, with which a person sets a password and signs in.

A user has one link at most: a new one ends the earlier. The demo's link only signs in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from entrepot.accounts.actor import Actor
from entrepot.accounts.secrets import keyed_digest, new_token
from entrepot.accounts.sessions import open_session
from entrepot.accounts.sign_in import set_password
from entrepot.accounts.users import User, get_user, lock_user, user_by_id
from entrepot.activity.record import RequestOrigin, record
from entrepot.db.inserts import insert_row
from entrepot.db.tables import sign_in_links
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotFound, SignInFailed

LINK_LIFETIME = timedelta(hours=24)
"""A day: an invitation may wait for its person until the next morning."""


@dataclass(frozen=True)
class SignInLink:
    """A link that is valid: whose it is, and whether a password is to be set with it."""

    user: User
    sets_password: bool
    expires_at: datetime


def make_link(
    conn: WriteConnection, actor: Actor, secret: bytes, user_name: str, now: datetime
) -> tuple[str, datetime]:
    """A link's token for a user of the actor's account, and when it expires.

    Raises NotFound, and FieldInvalid for a user who is disabled.
    """
    return create_link(conn, secret, get_user(conn, actor, user_name), now, actor)


def create_link(
    conn: WriteConnection,
    secret: bytes,
    user: User,
    now: datetime,
    actor: Actor | None = None,
    sets_password: bool = True,
) -> tuple[str, datetime]:
    """A link's token, which works once, and when it expires. `actor` is None for an operator.

    Raises NotFound if the user is deleted meanwhile, and FieldInvalid if they are disabled.
    """
    if not lock_user(conn, user.id):
        raise NotFound
    if user_by_id(conn, user.id).disabled:
        raise FieldInvalid("user_name", "is disabled; enable the user first.")
    token, expires_at = new_token(), now + LINK_LIFETIME
    digest = keyed_digest(secret, "link", token)
    conn.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user.id))
    insert_row(
        conn,
        sign_in_links,
        digest=digest,
        user_id=user.id,
        expires_at=expires_at,
        sets_password=sets_password,
    )
    detail = {"user_name": user.user_name, "expires_at": expires_at.isoformat()}
    record(conn, user.account_id, actor, "user.link", now, detail=detail)
    return token, expires_at


def find_link(conn: ReadConnection, secret: bytes, token: str, now: datetime) -> SignInLink | None:
    """The link with this token; None if it was used, has expired or never existed."""
    digest = keyed_digest(secret, "link", token)
    row = conn.execute(
        select(sign_in_links).where(
            sign_in_links.c.digest == digest, sign_in_links.c.expires_at > now
        )
    ).one_or_none()
    if row is None:
        return None
    user = user_by_id(conn, row.user_id)
    return None if user.disabled else SignInLink(user, row.sets_password, row.expires_at)


def use_link(
    conn: WriteConnection,
    secret: bytes,
    token: str,
    password_hash: str | None,
    origin: RequestOrigin | None,
    now: datetime,
) -> tuple[User, str]:
    """Use a link up: set its user's password, end their other sessions, and start one.

    Returns the user and the session's token. A link that only signs in takes None for the hash.
    Raises SignInFailed if the link was used or has expired.
    """
    with_token = sign_in_links.c.digest == keyed_digest(secret, "link", token)
    user_id = conn.scalar(select(sign_in_links.c.user_id).where(with_token))
    if user_id is None or not lock_user(conn, user_id):
        raise SignInFailed
    # The user is locked first: of two who use the link at the same time, one finds it now.
    used_up = delete(sign_in_links).where(
        with_token,
        sign_in_links.c.expires_at > now,
        sign_in_links.c.sets_password == (password_hash is not None),
    )
    if not conn.execute(used_up).rowcount:
        raise SignInFailed
    user = user_by_id(conn, user_id)
    if user.disabled:
        raise SignInFailed
    if password_hash is not None:
        set_password(conn, user, password_hash, now, origin, by_user=True)
    return user, open_session(conn, secret, user, origin, now, how="link")
