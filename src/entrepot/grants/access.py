"""Who may do what with which file, and the checked handles that the file room demands.

What an entitlement allows is decided here and nowhere else:

| | `r` | `w` | `rw` | owner, admins |
|---|---|---|---|---|
| know the file: its name, limits, schema; validate against it | yes | yes | yes | yes |
| read content: download, forms, profile, current version's figures | yes | no | yes | yes |
| deliver a version | no | yes | yes | yes |
| restore a version | no | no | yes | yes |
| know versions, read their reports | published, own | own | published, own | all |
| rejected rows (`report.csv`), tasks | own | own | own | all |
| rejected bytes, as long as they are kept | own | own | own | own |
| change, accept a rejected version, delete, share, hand over | no | no | no | yes |

Own is what one delivered oneself; admins are those of the account that owns the file. Who is only
entitled knows of a file once a version of it has been published, and is refused with NotAllowed
what they may not do with it. For everybody else it is NotFound, the same as what never was.

Only this room makes the handles (a house test guards that): whoever holds one has passed the check.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Exists,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
)

from entrepot.accounts.actor import AccountId, Actor, UserId
from entrepot.db.tables import entitlements, files, offers, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotAllowed, NotFound

Entitlement = Literal["r", "w", "rw"]

MANAGERS_ONLY = "Only the file's owner and the account's admins may do this."
NO_READING = "Your entitlement to this file is w: you may deliver to it, not read it."
NO_DELIVERY = "Your entitlement to this file is r: you may read it, not deliver to it."


@dataclass(frozen=True)
class Rights:
    """What an actor may do with a file that they know of. Who manages it may do all of it."""

    reads: bool
    writes: bool
    manages: bool

    @property
    def entitlement(self) -> Entitlement:
        """As the API says it."""
        return "rw" if self.reads and self.writes else "r" if self.reads else "w"


@dataclass(frozen=True)
class Visible:
    """A file that the actor may know of."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor
    rights: Rights


@dataclass(frozen=True)
class Readable(Visible):
    """A file whose content the actor may read."""


@dataclass(frozen=True)
class Deliverable(Visible):
    """A file to which the actor may deliver; it stays as it is until the transaction's end."""


@dataclass(frozen=True)
class Manageable(Visible):
    """A file whose contract the actor may change: its owner's, or an admin's of the account."""


@dataclass(frozen=True)
class Offered:
    """A file of another account that its owner would hand over to the actor, locked."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor


def visible_files(is_admin: bool) -> ColumnElement[bool]:
    """The condition on `files` that leaves what an actor may know of; `sight` fills it in.

    It names the actor by parameters, so that a statement is built once for each role and run for
    everybody: building one takes several times as long as running it.
    """
    return and_(known_files(is_admin), files.c.deleted_at.is_(None))


def known_files(is_admin: bool) -> ColumnElement[bool]:
    """As `visible_files`, with those that were deleted."""
    shared = and_(files.c.current_version.is_not(None), _granted())
    return or_(managed_files(is_admin), shared)


def managed_files(is_admin: bool, of: Any = files.c) -> ColumnElement[bool]:
    """The condition on `files`, or the columns `of` some of them, deleted ones too, of what members
    own; of an account's admins, all of the account's."""
    if is_admin:
        return cast("ColumnElement[bool]", of.account_id == _named("actor_account"))
    return cast("ColumnElement[bool]", of.owner_id == _named("actor_user"))


def shared_pages() -> tuple[Select[Any], ...]:
    """The files, not deleted, that are shared with an actor, as a list of them takes its pages: one
    statement of `file_id` and `file_created_at` for the actor's own entitlements and one for those
    of the account, so that each follows one index."""
    seen = files.c.current_version.is_not(None), files.c.deleted_at.is_(None)
    found = select(entitlements.c.file_id, entitlements.c.file_created_at).join(files)
    each = (entitlements.c.grantee_id == _named(name) for name in ("actor_user", "actor_account"))
    return tuple(found.where(mine, _live(), *seen) for mine in each)


def granted_rights() -> tuple[ColumnElement[Any], ...]:
    """The columns beside those of `files` that `rights_of` reads."""
    reads, writes = _granted(entitlements.c.reads), _granted(entitlements.c.writes)
    return reads.label("granted_read"), writes.label("granted_write")


def granted_until() -> ColumnElement[datetime | None]:
    """The column that says when the first of the actor's entitlements to the file ends."""
    soonest = select(func.min(entitlements.c.expires_at)).where(*_to_file())
    return soonest.scalar_subquery().label("granted_until")


def shared_files() -> ColumnElement[bool]:
    """The condition on `files` of those, deleted ones too, that are shared with an actor."""
    mine = select(entitlements.c.file_id).where(*_of_actor())
    return and_(files.c.current_version.is_not(None), files.c.id.in_(mine))


def readable_files(is_admin: bool) -> ColumnElement[bool]:
    """The condition on `files` that an actor knows of, of those whose content they may read."""
    return or_(managed_files(is_admin), _granted(entitlements.c.reads))


def sight(actor: Actor) -> dict[str, Any]:
    """The parameters of all these conditions for an actor."""
    return {
        "actor_account": actor.account_id,
        "actor_user": actor.user_id,
        "actor_at": actor.at,
    }


def rights_of(actor: Actor, row: Row[Any]) -> Rights:
    """What the actor may do with the file of a row with its owner, account and `granted_rights`."""
    own = manages(actor, row.account_id, row.owner_id)
    return Rights(own or bool(row.granted_read), own or bool(row.granted_write), own)


def has_entitlements(conn: ReadConnection, actor: Actor) -> bool:
    """Whether any file is shared with the actor."""
    return conn.execute(_any_granted(), sight(actor)).first() is not None


def visible_versions(seen: Visible) -> ColumnElement[bool]:
    """The condition on `versions` of those of the file that the actor may know of."""
    if seen.rights.manages:
        return true()
    own = versions.c.created_by == seen.actor.user_id
    if seen.rights.reads:
        return or_(own, versions.c.status == "published")
    # Who restored or accepted one while they could read the file brought nothing of their own.
    return and_(own, versions.c.restored_from.is_(None), versions.c.accepted_from.is_(None))


def access_visible(conn: ReadConnection, actor: Actor, file_id: UUID) -> Visible:
    """Check that the actor may know of a file. Raises NotFound."""
    return Visible(*_checked(conn, actor, file_id))


def access_readable(conn: ReadConnection, actor: Actor, file_id: UUID) -> Readable:
    """Check that the actor may read a file. Raises NotFound, NotAllowed."""
    seen = Readable(*_checked(conn, actor, file_id))
    require_reading(seen.rights)
    return seen


def access_deliverable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Deliverable:
    """Check that the actor may deliver to a file, and lock it. Raises NotFound, NotAllowed."""
    seen = Deliverable(*_locked(conn, actor, file_id))
    require_delivering(seen.rights)
    return seen


def access_restorable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Deliverable:
    """As `access_deliverable`, for what is in the file already. Raises NotFound, NotAllowed."""
    seen = access_deliverable(conn, actor, file_id)
    require_reading(seen.rights)
    return seen


def access_manageable(conn: ReadConnection, actor: Actor, file_id: UUID) -> Manageable:
    """Check that the actor may change a file's contract. Raises NotFound, NotAllowed."""
    return _managed(Manageable(*_checked(conn, actor, file_id)))


def manages(actor: Actor, account_id: UUID, owner_id: UUID) -> bool:
    """Whether a file is the actor's to manage: its owner's, and the account's admins'."""
    return actor.user_id == owner_id or (actor.is_admin and actor.account_id == account_id)


def lock_manageable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Manageable:
    """As `access_manageable`, of a file that stays as it is until the transaction's end."""
    return _managed(Manageable(*_locked(conn, actor, file_id)))


def access_deleted(
    conn: ReadConnection, actor: Actor, file_id: UUID, since: datetime
) -> Manageable | None:
    """A file deleted after `since` that the actor may have back; None if there is none."""
    row = conn.execute(_deleted(actor, file_id, since), sight(actor)).one_or_none()
    return Manageable(*_handle(actor, row)) if row is not None else None


def lock_deleted(
    conn: WriteConnection, actor: Actor, file_id: UUID, since: datetime
) -> Manageable | None:
    """As `access_deleted`, of a file that stays as it is until the transaction's end."""
    row = conn.execute(_locking(_deleted(actor, file_id, since)), sight(actor)).one_or_none()
    return Manageable(*_handle(actor, row)) if row is not None else None


def lock_offered(conn: WriteConnection, actor: Actor, file_id: UUID) -> Offered:
    """A file that was offered to the actor, locked. Raises NotFound."""
    offered = offers.c.file_id == files.c.id, offers.c.user_id == actor.user_id
    found = select(files.c.id, files.c.account_id, files.c.owner_id).where(
        files.c.id == file_id, files.c.deleted_at.is_(None), select(offers).where(*offered).exists()
    )
    # As in `_locked`: looked at again once it is locked.
    row = conn.execute(_locking(found)).one_or_none() and conn.execute(found).one_or_none()
    if row is None:
        raise NotFound
    return Offered(row.id, AccountId(row.account_id), UserId(row.owner_id), actor)


def require_reading(rights: Rights) -> None:
    """Raise NotAllowed for who may know of a file but not read it."""
    if not rights.reads:
        raise NotAllowed(reason=NO_READING)


def require_delivering(rights: Rights) -> None:
    """Raise NotAllowed for who may know of a file but not deliver to it."""
    if not rights.writes:
        raise NotAllowed(reason=NO_DELIVERY)


def _managed(seen: Manageable) -> Manageable:
    if not seen.rights.manages:
        raise NotAllowed(reason=MANAGERS_ONLY)
    return seen


def _named(name: str) -> BindParameter[UUID]:
    return bindparam(name, type_=Uuid())


def _of_actor() -> tuple[ColumnElement[bool], ...]:
    """The conditions on `entitlements` of those that an actor has now."""
    grantee = entitlements.c.grantee_id.in_([_named("actor_user"), _named("actor_account")])
    return grantee, _live()


def _live() -> ColumnElement[bool]:
    ends = entitlements.c.expires_at
    return or_(ends.is_(None), ends > bindparam("actor_at", type_=ends.type))


def _granted(*right: ColumnElement[bool]) -> Exists:
    """That the actor has an entitlement, one of these rights, to the file of the row around it."""
    found = select(entitlements.c.file_id).where(*_to_file(), *right)
    return found.correlate(files).exists()  # not with entitlements that are around it too


def _to_file() -> tuple[ColumnElement[bool], ...]:
    return entitlements.c.file_id == files.c.id, *_of_actor()


@cache
def _any_granted() -> Select[Any]:
    return select(entitlements.c.file_id).where(*_of_actor()).limit(1)


@cache
def _sought(is_admin: bool, locked: bool) -> Select[Any]:
    found = _handles().where(files.c.id == _named("file_id"), visible_files(is_admin))
    return _locking(found) if locked else found


def _handles() -> Select[Any]:
    return select(files.c.id, files.c.account_id, files.c.owner_id, *granted_rights())


def _deleted(actor: Actor, file_id: UUID, since: datetime) -> Select[Any]:
    wanted = files.c.id == file_id, managed_files(actor.is_admin), files.c.deleted_at > since
    return _handles().where(*wanted)


def _locking(found: Select[Any]) -> Select[Any]:
    # Without the key: rows that refer to the file need not wait, so that no two transactions
    # which take the file and its account in another order ever wait for each other.
    return found.with_for_update(key_share=True, of=files)


def _checked(conn: ReadConnection, actor: Actor, file_id: UUID, locked: bool = False) -> Any:
    """What a handle is made of. Raises NotFound for a file that the actor may not know of."""
    statement = _sought(actor.is_admin, locked)
    row = conn.execute(statement, {**sight(actor), "file_id": file_id}).one_or_none()
    if row is None:
        raise NotFound
    return _handle(actor, row)


def _locked(conn: WriteConnection, actor: Actor, file_id: UUID) -> Any:
    """As `_checked`, of a file that stays as it is until the transaction's end."""
    _checked(conn, actor, file_id, locked=True)
    # PostgreSQL found it before it waited for the lock, and an entitlement may have ended since.
    return _checked(conn, actor, file_id)


def _handle(actor: Actor, row: Row[Any]) -> Any:
    rights = rights_of(actor, row)
    return row.id, AccountId(row.account_id), UserId(row.owner_id), actor, rights
