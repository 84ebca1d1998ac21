"""`entrepot admin …`: an operator's acts on the database, beside a running server or not."""

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

Shown = dict[str, Any]


def account_create(parts: Parts, name: str, quota: int) -> Shown:
    """Make an account of `quota` bytes."""
    return _account(parts.database.write(create_account, name, quota, parts.clock()))


def account_set(parts: Parts, name: str, quota: int) -> Shown:
    """Change an account's quota (bytes)."""
    return _account(parts.database.write(set_quota, name, quota))


def account_list(parts: Parts) -> list[Shown]:
    """Every account with its figures in bytes."""
    return [_account(account) for account in parts.database.read(list_accounts)]


def user_create(parts: Parts, user_name: str, role: str) -> Shown:
    """Make a user of an account."""
    user = parts.database.write(create_user, user_name, role, parts.clock())
    return {"user_name": user.user_name, "role": user.role}


def user_password(parts: Parts, user_name: str, password: str) -> Shown:
    """Give a user a password to sign in with."""
    hashed = hash_password(password)

    def change(conn: WriteConnection) -> None:
        set_password(conn, find_user(conn, user_name), hashed, parts.clock())

    parts.database.write(change)
    return {"user_name": user_name}


def key_create(
    parts: Parts, user_name: str, scopes: str, expires: timedelta | None, name: str
) -> Shown:
    """Make an API key; the only time that it can be seen."""
    try:
        wanted = parse_scopes(scopes)
    except ValueError as wrong:
        raise FieldInvalid(field="--scopes", reason=f"{wrong}.") from None
    now = parts.clock()

    def make(conn: WriteConnection) -> Shown:
        user = find_user(conn, user_name)
        until = now + expires if expires is not None else None
        made = create_key(conn, parts.secret, user, name, wanted, now, until)
        return {
            "api_key": made.api_key,
            "key_id": str(made.key.id),
            "user_name": user_name,
            "scopes": list(wanted),
            "expires_at": until.isoformat() if until else None,
        }

    return parts.database.write(make)


def _account(account: Account) -> Shown:
    return {
        "account": account.name,
        "quota": account.quota,
        "used": account.used,
        "reserved": account.reserved,
    }
