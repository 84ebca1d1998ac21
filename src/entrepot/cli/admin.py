"""`entrepot admin …`: an operator's changes to the database, whether a server runs or not."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from entrepot.accounts.accounts import (
    Account,
    create_account,
    list_accounts,
    set_quota,
    set_suspended,
)
from entrepot.accounts.actor import parse_scopes
from entrepot.accounts.keys import ApiKey, create_key, list_keys_of_all, revoke_key_as_operator
from entrepot.accounts.links import create_link
from entrepot.accounts.passwords import check_password, hash_password
from entrepot.accounts.sign_in import set_password
from entrepot.accounts.users import User, create_user, find_user, list_users_of_all, set_disabled
from entrepot.bootstrap.parts import Parts
from entrepot.cli.data_folder import is_locked, read_holder
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.http.timestamps import format_timestamp
from entrepot.settings import Settings

Record = dict[str, Any]


def account_create(parts: Parts, name: str, quota: int) -> Record:
    """Make an account of `quota` bytes."""
    return _account_record(parts.database.write(create_account, name, quota, parts.clock()))


def account_set(parts: Parts, name: str, quota: int) -> Record:
    """Change an account's quota (bytes)."""
    return _account_record(parts.database.write(set_quota, name, quota))


def account_list(parts: Parts) -> list[Record]:
    """Every account with its figures in bytes."""
    return [_account_record(account) for account in parts.database.read(list_accounts)]


def account_suspend(parts: Parts, name: str, suspended: bool) -> Record:
    """Suspend an account, or resume it."""
    return _account_record(parts.database.write(set_suspended, name, suspended, parts.clock()))


def user_create(parts: Parts, user_name: str, role: str) -> Record:
    """Make a user of an account."""
    user = parts.database.write(create_user, user_name, role, parts.clock())
    return {"user_name": user.user_name, "role": user.role}


def user_list(parts: Parts, account: str | None) -> list[Record]:
    """The users of all accounts, or of one."""
    return [_user_record(user) for user in parts.database.read(list_users_of_all, account)]


def user_disable(parts: Parts, user_name: str, disabled: bool) -> Record:
    """Disable a user, or enable them again."""
    return _user_record(parts.database.write(set_disabled, user_name, disabled, parts.clock()))


def user_link(parts: Parts, user_name: str) -> Record:
    """A one-time link with which a user sets a password and signs in."""

    def make(conn: WriteConnection) -> Record:
        user = find_user(conn, user_name)
        token, expires_at = create_link(conn, parts.secret, user, parts.clock())
        link = f"{_endpoint(parts.settings)}/sign-in?link={token}"
        return {"user_name": user_name, "link": link, "expires_at": format_timestamp(expires_at)}

    return parts.database.write(make)


def user_password(parts: Parts, user_name: str, password: str) -> Record:
    """Set a user's password."""
    check_password(password, user_name)
    hashed = hash_password(password)

    def change(conn: WriteConnection) -> None:
        set_password(conn, find_user(conn, user_name), hashed, parts.clock())

    parts.database.write(change)
    return {"user_name": user_name}


def key_list(parts: Parts, name: str | None) -> list[Record]:
    """The keys of all accounts that are not revoked, or of one account or user."""
    return [_key_record(key) for key in parts.database.read(list_keys_of_all, name)]


def key_revoke(parts: Parts, key_id: UUID) -> Record:
    """Revoke a key of any account."""
    return _key_record(parts.database.write(revoke_key_as_operator, key_id, parts.clock()))


def key_create(
    parts: Parts, user_name: str, scopes: str, expires: timedelta | None, name: str
) -> Record:
    """Create an API key and return it with its secret, which nobody can read again."""
    try:
        scope_list = parse_scopes(scopes)
    except ValueError as error:
        raise FieldInvalid(field="--scopes", reason=f"{error}.") from None
    now = parts.clock()

    def make(conn: WriteConnection) -> Record:
        user = find_user(conn, user_name)
        expires_at = now + expires if expires is not None else None
        key = create_key(conn, parts.secret, user, name, scope_list, now, expires_at)
        return {
            "api_key": key.api_key,
            "key_id": str(key.key.id),
            "user_name": user_name,
            "scopes": list(scope_list),
            "expires_at": format_timestamp(expires_at),
        }

    return parts.database.write(make)


def _endpoint(settings: Settings) -> str:
    """Where people reach the server: its public address, or where the running one listens."""
    listens = read_holder(settings.data).get("address", "") if is_locked(settings.data) else ""
    if settings.public_url is None and listens.startswith("http"):
        return listens
    return settings.endpoint


def _account_record(account: Account) -> Record:
    return {
        "account": account.name,
        "quota": account.quota,
        "used": account.used,
        "reserved": account.reserved,
        "suspended_at": format_timestamp(account.suspended_at),
    }


def _user_record(user: User) -> Record:
    return {
        "user_name": user.user_name,
        "role": user.role,
        "created_at": format_timestamp(user.created_at),
        "disabled": user.disabled,
    }


def _key_record(key: ApiKey) -> Record:
    return {
        "key_id": str(key.id),
        "user_name": key.user_name,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": format_timestamp(key.created_at),
        "expires_at": format_timestamp(key.expires_at),
        "last_used_at": format_timestamp(key.last_used_at),
    }
