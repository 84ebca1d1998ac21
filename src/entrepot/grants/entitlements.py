"""Grant, revoke and list entitlements. A file's owner and the account's admins do this.

A grantee is given by name, `acme:anna` or `partner:*`. An unknown name is answered with the same
words whether its account or its user is unknown: about users of other accounts it reveals only that
a file can be shared with exactly this name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, delete, insert, or_, select, update

from entrepot.accounts.accounts import check_name
from entrepot.accounts.actor import AccountId, Actor, UserId
from entrepot.accounts.users import keep_user
from entrepot.activity.record import record
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, entitlements, file_links, files, reservations, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotFound
from entrepot.grants.access import (
    Entitlement,
    Rights,
    access_manageable,
    lock_manageable,
)
from entrepot.grants.share_limits import require_room
from entrepot.quotas.upload_reservations import end_uploads
from entrepot.tasks.records import notify_watchers

ANY_USER = "*"
"""In place of a user name: all users of the account, future ones too."""
EXAMPLE = "acme:anna, or partner:* for a whole account"


@dataclass(frozen=True)
class Grantee:
    """A user of any account or, without a user, a whole account."""

    account_id: AccountId
    user_id: UserId | None
    user_name: str

    @property
    def id(self) -> UUID:
        """The user's id, or the account's."""
        return self.user_id or self.account_id


@dataclass(frozen=True)
class GrantedEntitlement:
    """One entitlement: who has it, what it allows, until when (None: until it is revoked)."""

    grantee_id: UUID
    user_name: str
    entitlement: Entitlement
    expires_at: datetime | None
    granted_by: str
    created_at: datetime


def list_entitlements(
    conn: ReadConnection, actor: Actor, file_id: UUID, limit: int, after: Position | None = None
) -> list[GrantedEntitlement]:
    """Entitlements to a file, oldest first, expired ones too. Raises NotFound, NotAllowed.

    `after` is the position of the last one on the previous page: `created_at` and `grantee_id`.
    """
    access_manageable(conn, actor, file_id)
    query, columns = _granted_query(entitlements.c.file_id == file_id), entitlements.c
    page = page_after(query, columns.created_at, columns.grantee_id, limit, after)
    return [_granted_from_row(row) for row in conn.execute(page)]


def grant_entitlement(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    user_name: str,
    entitlement: Entitlement,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[GrantedEntitlement, bool]:
    """Grant an entitlement or change it. Returns it, and whether it is new.

    Raises NotFound, NotAllowed, FieldInvalid, also for a receiver who has blocked the file's
    account, and SharesNotAccepted.
    """
    target = lock_manageable(conn, actor, file_id)
    grantee = find_grantee(conn, user_name)
    keep_grantee(conn, grantee)
    if grantee.user_id == target.owner_id:
        raise FieldInvalid("user_name", "is the file's owner, who may do everything with it.")
    if expires_at is not None and expires_at <= now:
        raise FieldInvalid("expires_at", "is in the past.", example="2030-01-31T00:00:00+0000")
    same_grant = entitlements.c.file_id == file_id, entitlements.c.grantee_id == grantee.id
    row = conn.execute(select(entitlements).where(*same_grant)).one_or_none()
    values = {"reads": "r" in entitlement, "writes": "w" in entitlement, "expires_at": expires_at}
    if row is None:
        if not require_room(conn, grantee.id, grantee.account_id, target.account_id, file_id):
            raise unknown_grantee(user_name)
        keys = {"file_id": file_id, "grantee_id": grantee.id, "account_id": grantee.account_id}
        creation = {"user_id": grantee.user_id, "granted_by": actor.user_id, "created_at": now}
        file_created_at = select(files.c.created_at).where(files.c.id == file_id).scalar_subquery()
        conn.execute(
            insert(entitlements).values(
                **keys, **creation, **values, file_created_at=file_created_at
            )
        )
    elif any(getattr(row, name) != value for name, value in values.items()):
        new_values = {**values, "granted_by": actor.user_id}
        conn.execute(update(entitlements).where(*same_grant).values(**new_values))
        end_unentitled_uploads(conn, file_id)
        notify_watchers(conn, file_id)
    else:
        return _granted_from_row(conn.execute(_granted_query(*same_grant)).one()), False
    detail = {
        "user_name": user_name,
        "entitlement": entitlement,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    record(conn, target.account_id, actor, "entitlement.grant", now, file_id, None, detail)
    return _granted_from_row(conn.execute(_granted_query(*same_grant)).one()), row is None


def revoke_entitlement(
    conn: WriteConnection, actor: Actor, file_id: UUID, user_name: str, now: datetime
) -> None:
    """End an entitlement immediately. Raises NotFound, also if there is none, and NotAllowed."""
    target = lock_manageable(conn, actor, file_id)
    for row in conn.execute(_entitlements_query(entitlements.c.file_id == file_id)):
        if _grantee_name(row) == user_name:
            end_entitlement(conn, file_id, row.grantee_id)
            detail = {"user_name": user_name}
            record(conn, target.account_id, actor, "entitlement.revoke", now, file_id, None, detail)
            return
    raise NotFound


def end_entitlement(conn: WriteConnection, file_id: UUID, grantee_id: UUID) -> None:
    """Delete an entitlement, if it exists. Uploads that it allowed end, and open event streams
    check immediately whether they may continue."""
    same_grant = entitlements.c.file_id == file_id, entitlements.c.grantee_id == grantee_id
    conn.execute(delete(entitlements).where(*same_grant))
    end_unentitled_uploads(conn, file_id)
    notify_watchers(conn, file_id)


def end_unentitled_uploads(conn: WriteConnection, file_id: UUID) -> None:
    """End the uploads to a file whose senders may not deliver to it (any more)."""
    granted = entitlements.c.file_id == files.c.id, entitlements.c.writes
    to_sender = entitlements.c.grantee_id.in_([users.c.id, users.c.account_id])
    delivers = or_(
        users.c.id == files.c.owner_id,
        and_(users.c.role == "admin", users.c.account_id == files.c.account_id),
        select(entitlements.c.file_id).where(*granted, to_sender).exists(),
    )
    query = select(files.c.id).where(
        files.c.id == reservations.c.file_id,
        users.c.id == reservations.c.user_id,
        users.c.disabled_at.is_(None),
        delivers,
    )
    by_link = file_links.c.id == reservations.c.user_id, file_links.c.revoked_at.is_(None)
    has_link = select(file_links.c.id).where(*by_link).correlate(reservations).exists()
    may_deliver = or_(query.correlate(reservations).exists(), has_link)
    end_uploads(conn, reservations.c.file_id == file_id, ~may_deliver)


def find_grantee(conn: ReadConnection, user_name: str) -> Grantee:
    """The user or account with this name, in any account. Raises FieldInvalid."""
    account_name, colon, name = user_name.partition(":")
    if not colon:
        raise FieldInvalid("user_name", "must be <account>:<user>, or <account>:*.", EXAMPLE)
    check_name("user_name", account_name)
    if name != ANY_USER:
        check_name("user_name", name)
    query = select(accounts.c.id, users.c.id.label("user_id")).outerjoin(
        users, (users.c.account_id == accounts.c.id) & (users.c.name == name)
    )
    row = conn.execute(query.where(accounts.c.name == account_name)).one_or_none()
    if row is None or (row.user_id is None and name != ANY_USER):
        raise unknown_grantee(user_name)
    user_id = UserId(row.user_id) if row.user_id is not None else None
    return Grantee(AccountId(row.id), user_id, user_name)


def keep_grantee(conn: WriteConnection, grantee: Grantee) -> None:
    """Keep a user from being deleted until the end of the transaction. Raises FieldInvalid if they
    are deleted meanwhile, the same as for a name that never existed."""
    if grantee.user_id is not None and not keep_user(conn, grantee.user_id):
        raise unknown_grantee(grantee.user_name)


def unknown_grantee(user_name: str) -> FieldInvalid:
    """The error for a name that nobody has, and for a receiver who has blocked the sender."""
    what = "account" if user_name.endswith(f":{ANY_USER}") else "user"
    reason = (
        f"There is no {what} `{user_name}`, or files cannot be shared with them."
        " Check the account and the user."
    )
    return FieldInvalid("user_name", reason, EXAMPLE)


def _granted_query(*conditions: Any) -> Select[Any]:
    granters = users.alias("by")
    granter_accounts = accounts.alias("home")
    return (
        _entitlements_query(*conditions)
        .add_columns(granters.c.name.label("by_name"), granter_accounts.c.name.label("by_account"))
        .join(granters, granters.c.id == entitlements.c.granted_by)
        .join(granter_accounts, granter_accounts.c.id == granters.c.account_id)
    )


def _granted_from_row(row: Row[Any]) -> GrantedEntitlement:
    return GrantedEntitlement(
        grantee_id=row.grantee_id,
        user_name=_grantee_name(row),
        entitlement=Rights(row.reads, row.writes, manages=False).entitlement,
        expires_at=row.expires_at,
        granted_by=f"{row.by_account}:{row.by_name}",
        created_at=row.created_at,
    )


def _entitlements_query(*conditions: Any) -> Select[Any]:
    return (
        select(entitlements, accounts.c.name.label("account"), users.c.name.label("user"))
        .join(accounts, accounts.c.id == entitlements.c.account_id)
        .outerjoin(users, users.c.id == entitlements.c.user_id)
        .where(*conditions)
    )


def _grantee_name(row: Row[Any]) -> str:
    return f"{row.account}:{row.user or ANY_USER}"
