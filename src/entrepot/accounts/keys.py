"""API keys: create, list and revoke them, and authenticate their holders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, bindparam, func, or_, select, update

from entrepot.accounts.accounts import get_account
from entrepot.accounts.actor import (
    SCOPES,
    AccountId,
    Actor,
    KeyId,
    Scope,
    UserId,
    parse_scopes,
)
from entrepot.accounts.secrets import KEY_PREFIX, choose_key, is_well_formed, keyed_digest
from entrepot.accounts.users import User, find_user, get_user, lock_user
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, keys, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    AccountSuspended,
    EntrepotError,
    FieldInvalid,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TooManyKeys,
)
from entrepot.quotas.upload_reservations import end_uploads_of_key
from entrepot.texts import check_text

TOUCH_INTERVAL = timedelta(minutes=1)
"""`last_used_at` is exact to this interval, so that a read does not write on every request."""

MAX_NAME_CHARS = 100
MAX_KEYS_PER_USER = 100
"""Keys of one user that are valid at the same time."""
MAX_DIGESTS = 1_000
"""Keys whose digests are kept in memory: each takes 6 of the 65 us of a small download."""


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret, as lists show it."""

    id: KeyId
    user_name: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class NewKey:
    """A key that was just created, and its secret, which nobody can read again."""

    key: ApiKey
    api_key: str


def create_key(
    conn: WriteConnection,
    secret: bytes,
    user: User,
    name: str,
    scopes: tuple[Scope, ...],
    now: datetime,
    expires_at: datetime | None = None,
    actor: Actor | None = None,
    random: bytes | None = None,
) -> NewKey:
    """Create a key for a user. `actor` is None for an operator. The key that was made of the same
    `random` bytes before is returned again, unless it was revoked.

    Raises FieldInvalid, NotFound if the user is deleted meanwhile, and TooManyKeys.
    """
    check_text(name, "name", MAX_NAME_CHARS, one_line=True)
    if "admin" in scopes and user.role != "admin":
        raise FieldInvalid(field="scopes", reason="admin is for admins of the account only.")
    if expires_at is not None and expires_at <= now:
        raise FieldInvalid(field="expires_at", reason="is in the past.")
    if not lock_user(conn, user.id):  # keys that are made at the same time are counted too
        raise NotFound

    def find(chosen: str) -> Row[Any] | None:
        digest = key_digest(secret, chosen)
        return conn.execute(_key_holder_query(), {"digest": digest}).one_or_none()

    api_key, made = choose_key(random, KEY_PREFIX, find)
    if made is not None:
        return NewKey(_key_from_row(made), api_key)
    _require_room_for_a_key(conn, user, now)
    key = ApiKey(KeyId(uuid4()), user.user_name, name, api_key[:8], scopes, now, expires_at, None)
    insert_row(
        conn,
        keys,
        id=key.id,
        user_id=user.id,
        account_id=user.account_id,
        name=name,
        prefix=key.prefix,
        digest=keyed_digest(secret, "key", api_key),
        scopes=",".join(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    detail = {"key_id": str(key.id), "user_name": user.user_name, "scopes": list(scopes)}
    record(conn, user.account_id, actor, "key.create", now, detail=detail)
    return NewKey(key, api_key)


def issue_key(
    conn: WriteConnection,
    actor: Actor,
    secret: bytes,
    name: str,
    scopes: tuple[Scope, ...],
    now: datetime,
    expires_at: datetime | None = None,
    user_name: str | None = None,
    random: bytes | None = None,
) -> NewKey:
    """Create a key for the actor or, for an admin, for another user of the account; `random` as for
    `create_key`.

    A new key never has more scopes than the key that created it, and never outlives it, whoever it
    is for. Raises NotAllowed, NotFound, FieldInvalid, TooManyKeys.
    """
    for scope in scopes:
        if scope not in actor.scopes:
            raise NotAllowed(reason=f"Your own key lacks the scope {scope}.")
    if user_name is not None and user_name != actor.user_name:
        actor.require("admin")
    if actor.expires_at is not None and (expires_at is None or expires_at > actor.expires_at):
        expires_at = actor.expires_at
    user = get_user(conn, actor, user_name or actor.user_name)
    return create_key(conn, secret, user, name, scopes, now, expires_at, actor, random)


def list_keys(
    conn: ReadConnection,
    actor: Actor,
    limit: int,
    after: Position | None = None,
    newest_first: bool = False,
) -> list[ApiKey]:
    """The active keys that the actor may see: their own or, for an admin, all keys of the account.

    `after` is the position of the last key on the previous page: `created_at` and `id`.
    """
    query = _active_keys_query(actor)
    page = page_after(query, keys.c.created_at, keys.c.id, limit, after, newest_first)
    return [_key_from_row(row) for row in conn.execute(page)]


def get_key(conn: ReadConnection, actor: Actor, key_id: UUID) -> ApiKey:
    """An active key that the actor may see. Raises NotFound."""
    row = conn.execute(_active_keys_query(actor).where(keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound
    return _key_from_row(row)


def revoke_key(conn: WriteConnection, actor: Actor, key_id: UUID, now: datetime) -> None:
    """Revoke a key immediately, and end the uploads that are sent with it.

    Raises NotFound if it does not exist, is not visible or was revoked.
    """
    key = get_key(conn, actor, key_id)
    _end_key(conn, key_id, now)
    detail = {"key_id": str(key_id), "user_name": key.user_name}
    record(conn, actor.account_id, actor, "key.revoke", now, detail=detail)


def list_keys_of_all(conn: ReadConnection, name: str | None = None) -> list[ApiKey]:
    """The keys that are not revoked, of all accounts, of one account or of one user
    (`account:user`), for an operator. Raises NotFound for an unknown name."""
    query = _keys_query().where(keys.c.revoked_at.is_(None))
    if name is not None and ":" in name:
        query = query.where(keys.c.user_id == find_user(conn, name).id)
    elif name is not None:
        query = query.where(keys.c.account_id == get_account(conn, name).id)
    ordered = query.order_by(accounts.c.name, users.c.name, keys.c.created_at)
    return [_key_from_row(row) for row in conn.execute(ordered)]


def revoke_key_as_operator(conn: WriteConnection, key_id: UUID, now: datetime) -> ApiKey:
    """Revoke a key of any account. Raises NotFound if it does not exist or was revoked."""
    active = keys.c.id == key_id, keys.c.revoked_at.is_(None)
    row = conn.execute(_keys_query().where(*active)).one_or_none()
    if row is None:
        raise NotFound
    _end_key(conn, key_id, now)
    key = _key_from_row(row)
    detail = {"key_id": str(key_id), "user_name": key.user_name}
    record(conn, row.account_id, None, "key.revoke", now, detail=detail)
    return key


def authenticate(conn: ReadConnection, secret: bytes, api_key: str, now: datetime) -> Actor:
    """The actor who holds this key. Raises NotAuthenticated."""
    return find_key_holder(conn, key_digest(secret, api_key), now)


@lru_cache(MAX_DIGESTS)
def key_digest(secret: bytes, api_key: str) -> bytes:
    """The keyed hash of a key, as the database stores it. Raises NotAuthenticated for a malformed
    key."""
    if not is_well_formed(api_key):
        raise NotAuthenticated(reason="This is not an API key of Entrepot.")
    return keyed_digest(secret, "key", api_key)


def find_key_holder(conn: ReadConnection, digest: bytes, now: datetime) -> Actor:
    """The actor who holds the key with this keyed hash. Raises NotAuthenticated, and
    AccountSuspended while their account is.

    The reason never says which part of a wrong key is wrong. Who holds the secret of a key that
    was one learns why it is not valid any more.
    """
    row = conn.execute(_key_holder_query(), {"digest": digest}).one_or_none()
    return _holder_from_row(row, now)


def find_key_holders(
    conn: ReadConnection, digests: list[bytes], now: datetime
) -> dict[bytes, Actor | EntrepotError]:
    """As `find_key_holder` for many keys, in one query: the holders, or what it would raise."""
    query = _keys_query().where(keys.c.digest.in_(digests))
    rows = {row.digest: row for row in conn.execute(query)}
    holders: dict[bytes, Actor | EntrepotError] = {}
    for digest in digests:
        try:
            holders[digest] = _holder_from_row(rows.get(digest), now)
        except EntrepotError as error:
            holders[digest] = error
    return holders


def _holder_from_row(row: Row[Any] | None, now: datetime) -> Actor:
    if row is None:
        raise NotAuthenticated(reason="This API key is unknown.")
    if row.disabled_at is not None:
        reason = "The user of this API key was disabled or deleted. Ask an admin of the account."
        raise NotAuthenticated(reason=reason)
    if row.revoked_at is not None:
        raise NotAuthenticated(reason="This API key was revoked. Use another one.")
    if row.expires_at is not None and row.expires_at <= now:
        raise NotAuthenticated(reason="This API key has expired.")
    if row.suspended_at is not None:
        raise AccountSuspended
    return Actor(
        user_id=UserId(row.user_id),
        user_name=f"{row.account}:{row.user}",
        account_id=AccountId(row.account_id),
        account=row.account,
        role=row.role,
        scopes=_limit_to_role(parse_scopes(row.scopes), row.role),
        key_id=KeyId(row.id),
        expires_at=row.expires_at,
        at=now,
    )


@dataclass(frozen=True)
class KeyCredential:
    """A key by its keyed hash, as what authenticates its holder."""

    digest: bytes

    def __call__(self, conn: ReadConnection, now: datetime) -> Actor:
        """As `find_key_holder`."""
        return find_key_holder(conn, self.digest, now)


def touch_key(conn: WriteConnection, key_id: UUID, now: datetime) -> None:
    """Record that a key was used. Callers do this at most once per `TOUCH_INTERVAL`."""
    conn.execute(update(keys).where(keys.c.id == key_id).values(last_used_at=now))


def _end_key(conn: WriteConnection, key_id: UUID, now: datetime) -> None:
    """Revoke a key and end the uploads that are sent with it. Raises NotFound if it was revoked."""
    end_uploads_of_key(conn, key_id)  # uploads are locked before keys
    active = keys.c.id == key_id, keys.c.revoked_at.is_(None)
    if not conn.execute(update(keys).where(*active).values(revoked_at=now)).rowcount:
        raise NotFound


def _require_room_for_a_key(conn: WriteConnection, user: User, now: datetime) -> None:
    """Raise TooManyKeys if the user, who is locked, has the most that one may have."""
    unexpired = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    valid = keys.c.user_id == user.id, keys.c.revoked_at.is_(None), unexpired
    if (conn.scalar(select(func.count()).where(*valid)) or 0) >= MAX_KEYS_PER_USER:
        raise TooManyKeys(limit=MAX_KEYS_PER_USER)


def _limit_to_role(scopes: tuple[Scope, ...], role: str) -> tuple[Scope, ...]:
    return tuple(s for s in SCOPES if s in scopes and (s != "admin" or role == "admin"))


def _active_keys_query(actor: Actor) -> Select[Any]:
    if actor.is_admin and "admin" in actor.scopes:
        visible = keys.c.account_id == actor.account_id
    else:
        visible = keys.c.user_id == actor.user_id
    return _keys_query().where(keys.c.revoked_at.is_(None), visible)


def _keys_query() -> Select[Any]:
    return (
        select(
            keys,
            users.c.name.label("user"),
            users.c.role,
            users.c.disabled_at,
            accounts.c.name.label("account"),
            accounts.c.suspended_at,
        )
        .join(users, users.c.id == keys.c.user_id)
        .join(accounts, accounts.c.id == users.c.account_id)
    )


@cache
def _key_holder_query() -> Select[Any]:
    # Cached: every request runs this query, and building it takes four times as long as running it.
    return _keys_query().where(keys.c.digest == bindparam("digest"))


def _key_from_row(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        id=KeyId(row.id),
        user_name=f"{row.account}:{row.user}",
        name=row.name,
        prefix=row.prefix,
        scopes=parse_scopes(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
