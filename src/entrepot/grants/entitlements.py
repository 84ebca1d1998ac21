"""Grant and revoke entitlements, and say who has which: acts of a file's owner and of admins.

Whom a file can be shared with is a name, `acme:anna` or `partner:*`. One that names nobody is
refused in the same words whether the account or the user in it is unknown: of other accounts'
users no more is told than that one with exactly this name can be shared with.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, insert, select, update

from entrepot.accounts.accounts import check_name
from entrepot.accounts.actor import AccountId, Actor, UserId
from entrepot.activity.record import record
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, entitlements, files, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotFound
from entrepot.grants.access import (
    Entitlement,
    Rights,
    access_manageable,
    lock_manageable,
)
from entrepot.tasks.records import stir_tasks

EVERYBODY = "*"
"""In place of a user: every user of the account, those to come too."""
EXAMPLE = "acme:anna, or partner:* for a whole account"


@dataclass(frozen=True)
class Grantee:
    """A user of any account, or, without a user, a whole account."""

    account_id: AccountId
    user_id: UserId | None
    user_name: str

    @property
    def id(self) -> UUID:
        """The user's id, or the account's."""
        return self.user_id or self.account_id


@dataclass(frozen=True)
class Granted:
    """One entitlement: who has it, what it allows, until when (None: until it is revoked)."""

    grantee_id: UUID
    user_name: str
    entitlement: Entitlement
    expires_at: datetime | None
    granted_by: str
    created_at: datetime


def list_entitlements(
    conn: ReadConnection, actor: Actor, file_id: UUID, limit: int, after: Position | None = None
) -> list[Granted]:
    """Entitlements to a file, oldest first, also those that have ended by themselves.

    `after` is the place of the last one of the page before: `created_at` and `grantee_id`. Raises
    NotFound, NotAllowed.
    """
    access_manageable(conn, actor, file_id)
    found, order = _granted_to(entitlements.c.file_id == file_id), entitlements.c
    page = page_after(found, order.created_at, order.grantee_id, limit, after)
    return [_granted(row) for row in conn.execute(page)]


def grant(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    user_name: str,
    entitlement: Entitlement,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[Granted, bool]:
    """Entitle somebody, or change what they are entitled to; and whether it is new.

    Raises NotFound, NotAllowed, FieldInvalid.
    """
    target = lock_manageable(conn, actor, file_id)
    grantee = find_grantee(conn, user_name)
    if grantee.user_id == target.owner_id:
        raise FieldInvalid("user_name", "is the file's owner, who may do everything with it.")
    if expires_at is not None and expires_at <= now:
        raise FieldInvalid("expires_at", "lies in the past.", example="2030-01-31T00:00:00+0000")
    mine = entitlements.c.file_id == file_id, entitlements.c.grantee_id == grantee.id
    row = conn.execute(select(entitlements).where(*mine)).one_or_none()
    asked = {"reads": "r" in entitlement, "writes": "w" in entitlement, "expires_at": expires_at}
    if row is None:
        named = {"file_id": file_id, "grantee_id": grantee.id, "account_id": grantee.account_id}
        made = {"user_id": grantee.user_id, "granted_by": actor.user_id, "created_at": now}
        since = select(files.c.created_at).where(files.c.id == file_id).scalar_subquery()
        conn.execute(insert(entitlements).values(**named, **made, **asked, file_created_at=since))
    elif any(getattr(row, name) != value for name, value in asked.items()):
        changed = {**asked, "granted_by": actor.user_id}
        conn.execute(update(entitlements).where(*mine).values(**changed))
        stir_tasks(conn, file_id)
    else:
        return _granted(conn.execute(_granted_to(*mine)).one()), False
    detail = {
        "user_name": user_name,
        "entitlement": entitlement,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    record(conn, target.account_id, actor, "entitlement.grant", now, file_id, None, detail)
    return _granted(conn.execute(_granted_to(*mine)).one()), row is None


def revoke(
    conn: WriteConnection, actor: Actor, file_id: UUID, user_name: str, now: datetime
) -> None:
    """End an entitlement at once. Raises NotFound, also where there is none, and NotAllowed."""
    target = lock_manageable(conn, actor, file_id)
    for row in conn.execute(_rows(entitlements.c.file_id == file_id)):
        if _name(row) == user_name:
            end_entitlement(conn, file_id, row.grantee_id)
            detail = {"user_name": user_name}
            record(conn, target.account_id, actor, "entitlement.revoke", now, file_id, None, detail)
            return
    raise NotFound


def end_entitlement(conn: WriteConnection, file_id: UUID, grantee_id: UUID) -> None:
    """Remove an entitlement, if it is there; event streams look at once whether they may go on."""
    mine = entitlements.c.file_id == file_id, entitlements.c.grantee_id == grantee_id
    conn.execute(delete(entitlements).where(*mine))
    stir_tasks(conn, file_id)


def find_grantee(conn: ReadConnection, user_name: str) -> Grantee:
    """Whom a name stands for, in whatever account. Raises FieldInvalid."""
    account_name, colon, name = user_name.partition(":")
    if not colon:
        raise FieldInvalid("user_name", "is <account>:<user>, or <account>:*.", EXAMPLE)
    check_name("user_name", account_name)
    if name != EVERYBODY:
        check_name("user_name", name)
    found = select(accounts.c.id, users.c.id.label("user_id")).outerjoin(
        users, (users.c.account_id == accounts.c.id) & (users.c.name == name)
    )
    row = conn.execute(found.where(accounts.c.name == account_name)).one_or_none()
    if row is None or (row.user_id is None and name != EVERYBODY):
        reason = "names nobody whom this file can be shared with. Check the account and the user."
        raise FieldInvalid("user_name", reason, EXAMPLE)
    user_id = UserId(row.user_id) if row.user_id is not None else None
    return Grantee(AccountId(row.id), user_id, user_name)


def _granted_to(*which: Any) -> Select[Any]:
    by = users.alias("by")
    home = accounts.alias("home")
    return (
        _rows(*which)
        .add_columns(by.c.name.label("by_name"), home.c.name.label("by_account"))
        .join(by, by.c.id == entitlements.c.granted_by)
        .join(home, home.c.id == by.c.account_id)
    )


def _granted(row: Row[Any]) -> Granted:
    return Granted(
        grantee_id=row.grantee_id,
        user_name=_name(row),
        entitlement=Rights(row.reads, row.writes, manages=False).entitlement,
        expires_at=row.expires_at,
        granted_by=f"{row.by_account}:{row.by_name}",
        created_at=row.created_at,
    )


def _rows(*which: Any) -> Select[Any]:
    return (
        select(entitlements, accounts.c.name.label("account"), users.c.name.label("user"))
        .join(accounts, accounts.c.id == entitlements.c.account_id)
        .outerjoin(users, users.c.id == entitlements.c.user_id)
        .where(*which)
    )


def _name(row: Row[Any]) -> str:
    return f"{row.account}:{row.user or EVERYBODY}"
