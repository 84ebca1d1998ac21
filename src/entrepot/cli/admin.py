"""`entrepot admin …`: an operator's changes to the database, whether a server runs or not."""

from datetime import timedelta
from typing import Any

from entrepot.accounts.accounts import Account, create_account, list_accounts, set_quota
from entrepot.accounts.actor import parse_scopes
from entrepot.accounts.keys import create_key
from entrepot.accounts.sign_in import hash_password, set_password
from entrepot.accounts.users import create_user, find_user
from entrepot.bootstrap.parts import Parts
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.http.timestamps import format_timestamp

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


def user_create(parts: Parts, user_name: str, role: str) -> Record:
    """Make a user of an account."""
    user = parts.database.write(create_user, user_name, role, parts.clock())
    return {"user_name": user.user_name, "role": user.role}


def user_password(parts: Parts, user_name: str, password: str) -> Record:
    """Set a user's password."""
    hashed = hash_password(password)

    def change(conn: WriteConnection) -> None:
        set_password(conn, find_user(conn, user_name), hashed, parts.clock())

    parts.database.write(change)
    return {"user_name": user_name}


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


def _account_record(account: Account) -> Record:
    return {
        "account": account.name,
        "quota": account.quota,
        "used": account.used,
        "reserved": account.reserved,
    }
