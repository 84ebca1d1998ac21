"""Users of an account: create, list, change and delete them."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Column, Row, Select, delete, func, select, update

from entrepot.accounts.accounts import check_name, get_account
from entrepot.accounts.actor import AccountId, Actor, Role, UserId
from entrepot.activity.metadata import require_metadata_room
from entrepot.activity.record import record
from entrepot.db.inserts import insert_if_absent
from entrepot.db.metadata import metadata
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import (
    accounts,
    entitlements,
    files,
    keys,
    offers,
    reservations,
    sessions,
    sign_in_links,
    users,
)
from entrepot.db.tables import activity as activity_table
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, LastAdmin, NameTaken, NotFound, UserOwnsFiles
from entrepot.quotas.reserve import lock_accounts
from entrepot.quotas.upload_reservations import end_locked_uploads, lock_uploads

ROLES = ("member", "admin")


@dataclass(frozen=True)
class User:
    """One user; `user_name` is `<account>:<user>`."""

    id: UserId
    account_id: AccountId
    user_name: str
    role: Role
    created_at: datetime
    disabled: bool


def split_user_name(user_name: str) -> tuple[str, str]:
    """The two parts of `account:user`. Raises FieldInvalid."""
    account, colon, user = user_name.partition(":")
    if not colon:
        raise FieldInvalid(
            field="user_name", reason="must be <account>:<user>.", example="demo:account"
        )
    return check_name("account", account), check_name("user_name", user)


def create_user(
    conn: WriteConnection, user_name: str, role: str, now: datetime, actor: Actor | None = None
) -> User:
    """Create a user of an existing account. Raises NotFound, NameTaken, FieldInvalid.

    `actor` is an admin, who creates users of their own account only. It is None for an operator.
    """
    account_name, name = split_user_name(user_name)
    if role not in ROLES:
        raise FieldInvalid(field="role", reason="must be member or admin.", example="member")
    if actor is not None and account_name != actor.account:
        raise FieldInvalid(
            field="user_name",
            reason="must be of your own account.",
            example=f"{actor.account}:maria",
        )
    account = get_account(conn, account_name)
    user_id = UserId(uuid4())
    values = {"id": user_id, "name": name, "role": role, "created_at": now}
    if not insert_if_absent(conn, users, account_id=account.id, **values):
        raise NameTaken(name=user_name)
    record(
        conn, account.id, actor, "user.create", now, detail={"user_name": user_name, "role": role}
    )
    return User(user_id, account.id, user_name, cast(Role, role), now, disabled=False)


def list_users(
    conn: ReadConnection, actor: Actor, limit: int, after: Position | None = None
) -> list[User]:
    """The users of the actor's own account, oldest first.

    `after` is the position of the last user on the previous page: `created_at` and `id`.
    """
    query = _users_query().where(users.c.account_id == actor.account_id)
    page = page_after(query, users.c.created_at, users.c.id, limit, after)
    return [_user_from_row(row) for row in conn.execute(page)]


def get_user(conn: ReadConnection, actor: Actor, user_name: str) -> User:
    """One user of the actor's own account. Raises NotFound."""
    return _find_user(conn, user_name, actor.account_id)


def find_user(conn: ReadConnection, user_name: str) -> User:
    """One user of any account, for an operator's commands. Raises NotFound."""
    return _find_user(conn, user_name, None)


def user_by_id(conn: ReadConnection, user_id: UUID) -> User:
    """The user with this id, who exists."""
    return _user_from_row(conn.execute(_users_query().where(users.c.id == user_id)).one())


def list_users_of_all(conn: ReadConnection, account: str | None = None) -> list[User]:
    """The users of all accounts by name, or those of one, for an operator. Raises NotFound."""
    query = _users_query().order_by(accounts.c.name, users.c.name)
    if account is not None:
        query = query.where(users.c.account_id == get_account(conn, account).id)
    return [_user_from_row(row) for row in conn.execute(query)]


def set_disabled(conn: WriteConnection, user_name: str, disabled: bool, now: datetime) -> User:
    """Disable a user, or enable them again, as an operator. A disabled user's keys are refused, and
    their sessions end. An operator may disable the last admin. Raises NotFound.
    """
    user = find_user(conn, user_name)
    if disabled:
        _end_uploads(conn, user)
    values = {"disabled_at": now if disabled else None}
    changes = users.c.id == user.id, users.c.disabled_at.is_(None) == disabled
    if conn.execute(update(users).where(*changes).values(**values)).rowcount:
        if disabled:
            _end_sign_ins(conn, user.id)
        detail = {"user_name": user_name, "disabled": disabled}
        record(conn, user.account_id, None, "user.change", now, detail=detail)
    return user_by_id(conn, user.id)


def lock_user(conn: WriteConnection, user_id: UUID) -> bool:
    """Lock a user until the end of the transaction: who counts, changes or ends what is theirs
    does so alone. False if there is no such user any more.
    """
    # SQLite's writer holds the whole database already and ignores FOR UPDATE. Without the key:
    # rows that refer to the user need not wait.
    query = select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    return conn.scalar(query) is not None


def keep_user(conn: WriteConnection, user_id: UUID) -> bool:
    """Keep a user from being deleted until the end of the transaction, so that a row can refer to
    them. False if there is no such user any more."""
    query = select(users.c.id).where(users.c.id == user_id)
    return conn.scalar(query.with_for_update(read=True, key_share=True)) is not None


def change_user(
    conn: WriteConnection,
    actor: Actor,
    user_name: str,
    now: datetime,
    role: str | None = None,
    disabled: bool | None = None,
) -> User:
    """Change the role or the disabled state; what is so already is not recorded.

    Raises NotFound, FieldInvalid, LastAdmin, and QuotaExceeded for more rights in an account that
    has no room for metadata.
    """
    user = get_user(conn, actor, user_name)
    if role is not None and role not in ROLES:
        raise FieldInvalid(field="role", reason="must be member or admin.", example="member")
    if role in (None, user.role) and disabled in (None, user.disabled):
        return user
    if disabled is False or role == "admin":
        require_metadata_room(conn, actor.account_id)
    values: dict[str, object] = {}
    if role is not None:
        values["role"] = role
    if disabled is not None:
        values["disabled_at"] = now if disabled else None
    if disabled:
        _end_uploads(conn, user)
    if values:
        conn.execute(update(users).where(users.c.id == user.id).values(**values))
        if disabled:
            _end_sign_ins(conn, user.id)
        _require_an_admin(conn, user.account_id)
        detail = {"user_name": user_name, "role": role, "disabled": disabled}
        record(conn, actor.account_id, actor, "user.change", now, detail=detail)
    return get_user(conn, actor, user_name)


def delete_user(conn: WriteConnection, actor: Actor, user_name: str, now: datetime) -> None:
    """Delete a user who owns no files, with their keys and sessions.

    A user of whom anything is recorded is disabled instead, so that their name stays in
    the history. Raises NotFound, UserOwnsFiles, LastAdmin.
    """
    user = get_user(conn, actor, user_name)
    _end_sharing(conn, user, now)
    _end_uploads(conn, user)
    not_deleted = files.c.deleted_at.is_(None)
    file_count = (
        conn.scalar(select(func.count()).where(files.c.owner_id == user.id, not_deleted)) or 0
    )
    if file_count:
        raise UserOwnsFiles(files=file_count)
    _end_sign_ins(conn, user.id)
    conn.execute(update(users).where(users.c.id == user.id).values(disabled_at=now))
    _require_an_admin(conn, user.account_id)
    if _is_unused(conn, user.id):
        conn.execute(delete(keys).where(keys.c.user_id == user.id))
        conn.execute(delete(users).where(users.c.id == user.id))
    else:
        active_keys = keys.c.user_id == user.id, keys.c.revoked_at.is_(None)
        conn.execute(update(keys).where(*active_keys).values(revoked_at=now))
    record(conn, actor.account_id, actor, "user.delete", now, detail={"user_name": user_name})


def _end_uploads(conn: WriteConnection, user: User) -> None:
    """End the uploads of one who may send nothing any more, and lock the user and their account.

    Raises NotFound if the user was deleted meanwhile.
    """
    locked = lock_uploads(conn, reservations.c.user_id == user.id)
    if not lock_user(conn, user.id):
        raise NotFound
    lock_accounts(conn, user.account_id, *locked.account_ids.values())
    end_locked_uploads(conn, locked)


def _end_sign_ins(conn: WriteConnection, user_id: UUID) -> None:
    """End a user's sessions and their link, so that enabling the user again brings none back."""
    conn.execute(delete(sessions).where(sessions.c.user_id == user_id))
    conn.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user_id))


def _end_sharing(conn: WriteConnection, user: User, now: datetime) -> None:
    """Remove the user's entitlements and the offers to them. Offered files stay with their
    owners."""
    query = select(files.c.id, files.c.account_id).join(entitlements)
    detail = {"user_name": user.user_name}
    for row in conn.execute(query.where(entitlements.c.user_id == user.id)).all():
        record(conn, row.account_id, None, "entitlement.revoke", now, row.id, None, detail)
    conn.execute(delete(entitlements).where(entitlements.c.user_id == user.id))
    conn.execute(delete(offers).where(offers.c.user_id == user.id))


def _is_unused(conn: WriteConnection, user_id: UUID) -> bool:
    """Whether nothing refers to the user, nor will, until the end of the transaction."""
    # A transaction in which the user acts, or a file is shared with them, holds their key. It is
    # not waited for: it may wait for the account, which we hold.
    query = select(users.c.id).where(users.c.id == user_id).with_for_update(skip_locked=True)
    return conn.scalar(query) is not None and not _has_history(conn, user_id)


def _has_history(conn: ReadConnection, user_id: UUID) -> bool:
    columns = *_references_to_users(), activity_table.c.user_id
    return any(
        conn.scalar(select(column).where(column == user_id).limit(1)) is not None
        for column in columns
    )


@cache
def _references_to_users() -> tuple[Column[Any], ...]:
    """The columns of all tables that refer to a user, but for a user's own keys, which go too."""
    return tuple(
        foreign_key.parent
        for table in metadata.sorted_tables
        for foreign_key in table.foreign_keys
        if foreign_key.column is users.c.id and table is not keys
    )


def _require_an_admin(conn: WriteConnection, account_id: AccountId) -> None:
    """Raise LastAdmin if the account has no admin now. Until the end of the transaction nobody else
    takes an admin from the account."""
    lock_accounts(conn, account_id)
    admins = select(func.count()).where(
        users.c.account_id == account_id,
        users.c.role == "admin",
        users.c.disabled_at.is_(None),
    )
    if not conn.scalar(admins):
        raise LastAdmin


def _find_user(conn: ReadConnection, user_name: str, account_id: AccountId | None) -> User:
    account, _, name = user_name.partition(":")
    query = _users_query().where(accounts.c.name == account, users.c.name == name)
    if account_id is not None:
        query = query.where(users.c.account_id == account_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return _user_from_row(row)


def _users_query() -> Select[tuple[object, ...]]:
    return select(users, accounts.c.name.label("account")).join(
        accounts, accounts.c.id == users.c.account_id
    )


def _user_from_row(row: Row[tuple[object, ...]]) -> User:
    return User(
        id=UserId(row.id),
        account_id=AccountId(row.account_id),
        user_name=f"{row.account}:{row.name}",
        role=row.role,
        created_at=row.created_at,
        disabled=row.disabled_at is not None,
    )
