"""Entitlements, and the checked handles that the file room demands.

Only this room makes `Readable`, `Deliverable` and `Manageable` (a house test guards that):
whoever holds one has passed the check. What an actor may not know of is NotFound, the same as
what never was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, bindparam, select

from entrepot.accounts.actor import AccountId, Actor, UserId
from entrepot.db.tables import files
from entrepot.db.types import Reading, Writing
from entrepot.errors import NotAllowed, NotFound

Entitlement = Literal["r", "w", "rw"]


@dataclass(frozen=True)
class Readable:
    """A file whose content the actor may read."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor


@dataclass(frozen=True)
class Deliverable:
    """A file to which the actor may deliver; it stays as it is until the transaction's end."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor


@dataclass(frozen=True)
class Manageable:
    """A file whose contract the actor may change: its owner's, or an admin's of the account."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor


def visible_files(is_admin: bool) -> ColumnElement[bool]:
    """The condition on `files` that leaves what an actor may know of; `sight` fills it in.

    Members know the files they own; admins all of the account's. It names the actor by
    parameters, so that a statement is built once for each role and run for everybody: building
    one takes several times as long as running it.
    """
    return and_(_related_files(is_admin), files.c.deleted_at.is_(None))


def _related_files(is_admin: bool) -> ColumnElement[bool]:
    """As `visible_files`, with those that were deleted."""
    if is_admin:
        return files.c.account_id == bindparam("actor_account")
    return files.c.owner_id == bindparam("actor_user")


def sight(actor: Actor) -> dict[str, UUID]:
    """The parameters of `visible_files` for an actor."""
    return {"actor_account": actor.account_id, "actor_user": actor.user_id}


def access_readable(conn: Reading, actor: Actor, file_id: UUID) -> Readable:
    """Check that the actor may read a file. Raises NotFound."""
    row = _find(conn, actor, files.c.id == file_id, visible_files(actor.is_admin))
    if row is None:
        raise NotFound
    return Readable(row.id, AccountId(row.account_id), UserId(row.owner_id), actor)


def access_deliverable(conn: Writing, actor: Actor, file_id: UUID) -> Deliverable:
    """Check that the actor may deliver to a file, and lock it. Raises NotFound."""
    seen = visible_files(actor.is_admin)
    row = _find(conn, actor, files.c.id == file_id, seen, locked=True)
    if row is None:
        raise NotFound
    return Deliverable(row.id, AccountId(row.account_id), UserId(row.owner_id), actor)


def lock_manageable(conn: Writing, actor: Actor, file_id: UUID) -> Manageable:
    """As `access_manageable`, of a file that stays as it is until the transaction's end."""
    access_deliverable(conn, actor, file_id)
    return access_manageable(conn, actor, file_id)


def lock_deleted(conn: Writing, actor: Actor, file_id: UUID, since: datetime) -> Manageable | None:
    """A file deleted after `since` that the actor may have back, locked; None if there is none.

    Raises NotAllowed.
    """
    wanted = files.c.id == file_id, _related_files(actor.is_admin), files.c.deleted_at > since
    row = _find(conn, actor, *wanted, locked=True)
    if row is None:
        return None
    if not actor.is_admin and row.owner_id != actor.user_id:
        raise NotAllowed(reason="Only the file's owner and the account's admins may do this.")
    return Manageable(row.id, AccountId(row.account_id), UserId(row.owner_id), actor)


def access_manageable(conn: Reading, actor: Actor, file_id: UUID) -> Manageable:
    """Check that the actor may change a file's contract. Raises NotFound, NotAllowed."""
    seen = access_readable(conn, actor, file_id)
    if not actor.is_admin and seen.owner_id != actor.user_id:
        raise NotAllowed(reason="Only the file's owner and the account's admins may do this.")
    return Manageable(seen.file_id, seen.account_id, seen.owner_id, actor)


def manages(actor: Actor, account_id: UUID, owner_id: UUID) -> bool:
    """Whether a file is the actor's to manage: its owner's, and the account's admins'."""
    return actor.user_id == owner_id or (actor.is_admin and actor.account_id == account_id)


def entitlement_of(actor: Actor, account_id: UUID, owner_id: UUID) -> Entitlement:
    """What the actor may do with a file that is visible to them: owners and admins, both."""
    del actor, account_id, owner_id
    return "rw"


def _find(
    conn: Reading, actor: Actor, *wanted: ColumnElement[bool], locked: bool = False
) -> Row[UUID, UUID, UUID] | None:
    """The file that is wanted, `locked` until the transaction's end; None if there is none."""
    found = select(files.c.id, files.c.account_id, files.c.owner_id).where(*wanted)
    if locked:
        # Without the key: rows that refer to the file need not wait, so that no two transactions
        # which take the file and its account in another order ever wait for each other.
        found = found.with_for_update(key_share=True)
    return conn.execute(found, sight(actor)).one_or_none()
