"""Make, list and change accounts: an operator's acts, none of them an API user's."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Row, func, insert, select, update

from entrepot.accounts.actor import AccountId
from entrepot.db.tables import accounts
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NameTaken, NotFound, QuotaTooSmall

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Account:
    """One tenant; `quota`, `used` and `reserved` are bytes."""

    id: AccountId
    name: str
    quota: int
    used: int
    reserved: int
    created_at: datetime


def check_name(field: str, name: str) -> str:
    """Return a sound account or user name; raises FieldInvalid."""
    if not NAME.fullmatch(name):
        raise FieldInvalid(
            field=field,
            reason="1 to 63 of a-z, 0-9, dot, dash and underscore, the first a letter or digit.",
            example="acme",
        )
    return name


def create_account(
    conn: WriteConnection, name: str, quota: int, now: datetime, account_id: UUID | None = None
) -> Account:
    """Make an account with `quota` bytes. Raises NameTaken, FieldInvalid."""
    check_name("account", name)
    if quota <= 0:
        raise FieldInvalid(field="quota", reason="must be a positive number of bytes.")
    if conn.scalar(select(accounts.c.id).where(accounts.c.name == name)):
        raise NameTaken(name=name)
    made = Account(AccountId(account_id or uuid4()), name, quota, 0, 0, now)
    conn.execute(insert(accounts).values(id=made.id, name=name, quota=quota, created_at=now))
    return made


def get_account(conn: ReadConnection, name: str) -> Account:
    """The account of that name. Raises NotFound."""
    row = conn.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
    if row is None:
        raise NotFound
    return _account(row)


def list_accounts(conn: ReadConnection) -> list[Account]:
    """Every account, by name."""
    return [_account(row) for row in conn.execute(select(accounts).order_by(accounts.c.name))]


def any_account(conn: ReadConnection) -> bool:
    """Whether there is an account at all."""
    return bool(conn.scalar(select(func.count()).select_from(accounts)))


def set_quota(conn: WriteConnection, name: str, quota: int) -> Account:
    """Change an account's quota (bytes). Raises NotFound, QuotaTooSmall."""
    fits = accounts.c.used + accounts.c.reserved <= quota
    changed = conn.execute(
        update(accounts).where(accounts.c.name == name, fits).values(quota=quota)
    )
    account = get_account(conn, name)
    if not changed.rowcount:
        raise QuotaTooSmall(requested=quota, used=account.used, reserved=account.reserved)
    return account


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(AccountId(row.id), row.name, row.quota, row.used, row.reserved, row.created_at)
