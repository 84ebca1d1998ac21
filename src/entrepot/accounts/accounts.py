"""Create, list and change accounts. Only an operator does this, never an API user."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Row, func, select, update

from entrepot.accounts.actor import AccountId
from entrepot.activity.record import record
from entrepot.db.inserts import insert_if_absent
from entrepot.db.tables import accounts
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NameTaken, NotFound, QuotaTooSmall

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Account:
    """One tenant; `quota`, `used` and `reserved` are bytes."""

    id: AccountId
    name: str
    quota: int
    used: int
    reserved: int
    created_at: datetime
    suspended_at: datetime | None = None


def check_name(field: str, name: str) -> str:
    """Return `name` if it is a valid account or user name. Raises FieldInvalid."""
    if not NAME_PATTERN.fullmatch(name):
        raise FieldInvalid(
            field=field,
            reason="must have 1 to 63 of the characters a-z, 0-9, dot, dash and underscore, and "
            "begin with a letter or a digit.",
            example="acme",
        )
    return name


def create_account(
    conn: WriteConnection, name: str, quota: int, now: datetime, account_id: UUID | None = None
) -> Account:
    """Create an account with `quota` bytes. Raises NameTaken, FieldInvalid."""
    check_name("account", name)
    if quota <= 0:
        raise FieldInvalid(field="quota", reason="must be a positive number of bytes.")
    account = Account(AccountId(account_id or uuid4()), name, quota, 0, 0, now)
    values = {"id": account.id, "name": name, "quota": quota, "created_at": now}
    if not insert_if_absent(conn, accounts, **values):
        raise NameTaken(name=name)
    return account


def get_account(conn: ReadConnection, name: str) -> Account:
    """The account with this name. Raises NotFound."""
    row = conn.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
    if row is None:
        raise NotFound
    return _account_from_row(row)


def list_accounts(conn: ReadConnection) -> list[Account]:
    """All accounts, sorted by name."""
    return [
        _account_from_row(row) for row in conn.execute(select(accounts).order_by(accounts.c.name))
    ]


def has_accounts(conn: ReadConnection) -> bool:
    """Whether any account exists."""
    return bool(conn.scalar(select(func.count()).select_from(accounts)))


def set_quota(conn: WriteConnection, name: str, quota: int) -> Account:
    """Change an account's quota (bytes). Raises NotFound, QuotaTooSmall."""
    within_quota = accounts.c.used + accounts.c.reserved <= quota
    result = conn.execute(
        update(accounts).where(accounts.c.name == name, within_quota).values(quota=quota)
    )
    account = get_account(conn, name)
    if not result.rowcount:
        raise QuotaTooSmall(requested=quota, used=account.used, reserved=account.reserved)
    return account


def set_suspended(conn: WriteConnection, name: str, suspended: bool, now: datetime) -> Account:
    """Suspend an account, or resume it: while it is suspended nobody reads or delivers its files,
    its people cannot sign in, and its background work stands still. Nothing is deleted.

    Raises NotFound.
    """
    changes = accounts.c.name == name, accounts.c.suspended_at.is_(None) == suspended
    values = {"suspended_at": now if suspended else None}
    changed = conn.execute(update(accounts).where(*changes).values(**values)).rowcount
    account = get_account(conn, name)
    if changed:
        action = "account.suspend" if suspended else "account.resume"
        record(conn, account.id, None, action, now)
    return account


def is_suspended(conn: ReadConnection, account_id: UUID) -> bool:
    """Whether an account is suspended."""
    query = select(accounts.c.suspended_at).where(accounts.c.id == account_id)
    return conn.scalar(query) is not None


def _account_from_row(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        id=AccountId(row.id),
        name=row.name,
        quota=row.quota,
        used=row.used,
        reserved=row.reserved,
        created_at=row.created_at,
        suspended_at=row.suspended_at,
    )
