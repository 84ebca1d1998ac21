"""Who may do what with which file, and the checked handles that the package `files` requires.

Only this module decides what an entitlement allows:

| | `r` | `w` | `rw` | owner, admins |
|---|---|---|---|---|
| see the file: its name, limits, schema; validate against it | yes | yes | yes | yes |
| read content: download, forms, profile, current version's figures | yes | no | yes | yes |
| deliver a version | no | yes | yes | yes |
| restore a version | no | no | yes | yes |
| see versions, read their reports | published, own | own | published, own | all |
| see that a version was withdrawn, when and why | yes | that of own | yes | yes |
| rejected rows (`report.csv`), tasks | own | own | own | all |
| rejected bytes, as long as they are kept | own | own | own | own |
| change, accept a rejected version, withdraw, delete, share, hand over | no | no | no | yes |

"Own" means delivered by the same user; "admins" are those of the account that owns the file. An
entitled user sees a file once a version of it was published, and gets NotAllowed for what they may
not do with it. Everybody else gets NotFound, the same as for a file that never existed. Whoever has
a link (`grants.file_links`) may do what `r` or what `w` allows with the link's one file.

Only this package creates the handles (`tests/test_codebase.py` checks it): whoever has a handle has
passed the check.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Exists,
    Row,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
)

from entrepot.accounts.accounts import is_suspended
from entrepot.accounts.actor import AccountId, Actor, UserId
from entrepot.db.tables import accounts, entitlements, file_links, files, offers, versions
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.errors import AccountSuspended, NotAllowed, NotFound

Entitlement = Literal["r", "w", "rw"]

MANAGERS_ONLY = "Only the file's owner and the account's admins may do this."
READABLE_STATUSES = ("published", "withdrawn")
"""Versions that readers know of. Of a withdrawn one they know that it was, and why."""
NO_READING = "You may deliver to this file, but not read it."
NO_DELIVERY = "You may read this file, but not deliver to it."


@dataclass(frozen=True)
class Rights:
    """What an actor may do with a file that they may see. Who manages it has all rights."""

    reads: bool
    writes: bool
    manages: bool

    @property
    def entitlement(self) -> Entitlement:
        """The rights as the API writes them."""
        return "rw" if self.reads and self.writes else "r" if self.reads else "w"


@dataclass(frozen=True)
class Visible:
    """A file that the actor may see."""

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
    """A file to which the actor may deliver. It does not change until the end of the
    transaction."""


@dataclass(frozen=True)
class Manageable(Visible):
    """A file whose contract the actor may change, as its owner or as an admin of the account."""


@dataclass(frozen=True)
class Offered:
    """A file of another account that its owner offers to the actor, locked."""

    file_id: UUID
    account_id: AccountId
    owner_id: UserId
    actor: Actor


def visible_files(is_admin: bool) -> ColumnElement[bool]:
    """The condition on `files` for what an actor may see; `actor_parameters` has its parameters.

    It names the actor by parameters, so that a statement is built once for each role and run for
    everybody: building one takes several times as long as running it.
    """
    return and_(known_files(is_admin), files.c.deleted_at.is_(None))


def linked_file() -> ColumnElement[bool]:
    """The condition on `files` for the file to which an actor has a link, in place of
    `visible_files`; `actor_parameters` has its parameters."""
    live = file_links.c.id == uuid_parameter("actor_link"), file_links.c.revoked_at.is_(None)
    linked = select(file_links.c.id).where(file_links.c.file_id == files.c.id, *live)
    return and_(linked.correlate(files).exists(), files.c.deleted_at.is_(None))


def known_files(is_admin: bool) -> ColumnElement[bool]:
    """Like `visible_files`, with deleted files."""
    shared = and_(has_been_published(), _has_entitlement())
    return or_(managed_files(is_admin), shared)


def has_been_published() -> ColumnElement[bool]:
    """The condition on `files` for those that entitled users see: a version is published, or all
    that were are withdrawn."""
    return or_(files.c.current_version.is_not(None), files.c.withdrawn_at.is_not(None))


def managed_files(is_admin: bool, columns: Any = files.c) -> ColumnElement[bool]:
    """The condition on `files`, or on `columns` of files, for the files that a member owns or, for
    an admin, all files of the account. Includes deleted files."""
    if is_admin:
        return cast("ColumnElement[bool]", columns.account_id == uuid_parameter("actor_account"))
    return cast("ColumnElement[bool]", columns.owner_id == uuid_parameter("actor_user"))


def shared_file_queries() -> tuple[Select[Any], ...]:
    """The queries for files, not deleted, that are shared with an actor.

    One query selects `file_id` and `file_created_at` for the actor's own entitlements, the other
    for those of the account, so that each uses one index.
    """
    visible = has_been_published(), files.c.deleted_at.is_(None)
    query = select(entitlements.c.file_id, entitlements.c.file_created_at).join(files)
    grantees = (
        entitlements.c.grantee_id == uuid_parameter(name)
        for name in ("actor_user", "actor_account")
    )
    return tuple(query.where(same_grantee, _is_unexpired(), *visible) for same_grantee in grantees)


def rights_columns() -> tuple[ColumnElement[Any], ...]:
    """The columns that `rights_from_row` reads, in addition to those of `files`."""
    reads, writes = _has_entitlement(entitlements.c.reads), _has_entitlement(entitlements.c.writes)
    suspended_at = select(accounts.c.suspended_at).where(accounts.c.id == files.c.account_id)
    return (
        reads.label("granted_read"),
        writes.label("granted_write"),
        suspended_at.correlate(files).scalar_subquery().label("owner_suspended_at"),
    )


def expiry_column() -> ColumnElement[datetime | None]:
    """The column with the time when the first of the actor's entitlements to the file ends."""
    query = select(func.min(entitlements.c.expires_at)).where(*_file_entitlements())
    return query.scalar_subquery().label("granted_until")


def shared_files() -> ColumnElement[bool]:
    """The condition on `files` for those, also deleted ones, that are shared with an actor."""
    query = select(entitlements.c.file_id).where(*_actor_entitlements())
    return and_(has_been_published(), files.c.id.in_(query))


def readable_files(is_admin: bool) -> ColumnElement[bool]:
    """The condition on `files` that an actor may see, for those whose content they may read."""
    return or_(managed_files(is_admin), _has_entitlement(entitlements.c.reads))


def actor_parameters(actor: Actor) -> dict[str, Any]:
    """The parameters of all these conditions for an actor."""
    return {
        "actor_account": actor.account_id,
        "actor_user": actor.user_id,
        "actor_at": actor.at,
        "actor_link": actor.link.link_id if actor.link is not None else None,
    }


def rights_from_row(actor: Actor, row: Row[Any]) -> Rights:
    """The actor's rights on the file of a row with its owner, account and `rights_columns`."""
    if actor.link is not None:  # `linked_file` has found no other file
        return Rights(not actor.link.delivers, actor.link.delivers, manages=False)
    is_manager = can_manage(actor, row.account_id, row.owner_id)
    return Rights(
        is_manager or bool(row.granted_read), is_manager or bool(row.granted_write), is_manager
    )


def current_rights(actor: Actor, row: Row[Any]) -> Rights:
    """As `rights_from_row`. Raises AccountSuspended if the account that owns the file is suspended,
    so that nobody can use the file now."""
    if row.owner_suspended_at is not None:
        raise AccountSuspended
    return rights_from_row(actor, row)


def has_entitlements(conn: ReadConnection, actor: Actor) -> bool:
    """Whether any file is shared with the actor."""
    return conn.execute(_any_entitlement_query(), actor_parameters(actor)).first() is not None


def visible_versions(handle: Visible) -> ColumnElement[bool]:
    """The condition on `versions` for the versions of the file that the actor may see."""
    if handle.rights.manages:
        return true()
    own = versions.c.created_by == handle.actor.user_id
    if handle.rights.reads:
        return or_(own, versions.c.status.in_(READABLE_STATUSES))
    # A version that a reader restored or accepted does not contain bytes that they delivered.
    return and_(own, versions.c.restored_from.is_(None), versions.c.accepted_from.is_(None))


def access_visible(conn: ReadConnection, actor: Actor, file_id: UUID) -> Visible:
    """Check that the actor may see a file. Raises NotFound."""
    return Visible(*_load_handle(conn, actor, file_id))


def access_readable(conn: ReadConnection, actor: Actor, file_id: UUID) -> Readable:
    """Check that the actor may read a file. Raises NotFound, NotAllowed."""
    handle = Readable(*_load_handle(conn, actor, file_id))
    require_reading(handle.rights)
    return handle


def access_deliverable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Deliverable:
    """Check that the actor may deliver to a file, and lock it. Raises NotFound, NotAllowed."""
    handle = Deliverable(*_lock_handle(conn, actor, file_id))
    require_delivering(handle.rights)
    return handle


def access_restorable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Deliverable:
    """Like `access_deliverable`, for content that is already in the file. Raises NotFound,
    NotAllowed."""
    handle = access_deliverable(conn, actor, file_id)
    require_reading(handle.rights)
    return handle


def access_manageable(conn: ReadConnection, actor: Actor, file_id: UUID) -> Manageable:
    """Check that the actor may change a file's contract. Raises NotFound, NotAllowed."""
    return _require_managing(Manageable(*_load_handle(conn, actor, file_id)))


def can_manage(actor: Actor, account_id: UUID, owner_id: UUID) -> bool:
    """Whether the actor may manage a file: its owner and the account's admins may."""
    return actor.user_id == owner_id or (actor.is_admin and actor.account_id == account_id)


def lock_manageable(conn: WriteConnection, actor: Actor, file_id: UUID) -> Manageable:
    """Like `access_manageable`; the file does not change until the end of the transaction."""
    return _require_managing(Manageable(*_lock_handle(conn, actor, file_id)))


def access_deleted(
    conn: ReadConnection, actor: Actor, file_id: UUID, since: datetime
) -> Manageable | None:
    """A file deleted after `since` that the actor may restore; None if there is none."""
    row = conn.execute(_deleted_query(actor, file_id, since), actor_parameters(actor)).one_or_none()
    return Manageable(*_handle_fields(actor, row)) if row is not None else None


def lock_deleted(
    conn: WriteConnection, actor: Actor, file_id: UUID, since: datetime
) -> Manageable | None:
    """Like `access_deleted`; the file does not change until the end of the transaction."""
    row = conn.execute(
        _with_row_lock(_deleted_query(actor, file_id, since)), actor_parameters(actor)
    ).one_or_none()
    return Manageable(*_handle_fields(actor, row)) if row is not None else None


def lock_offered(conn: WriteConnection, actor: Actor, file_id: UUID) -> Offered:
    """A file that was offered to the actor, locked. Raises NotFound."""
    is_offered = offers.c.file_id == files.c.id, offers.c.user_id == actor.user_id
    query = select(files.c.id, files.c.account_id, files.c.owner_id).where(
        files.c.id == file_id,
        files.c.deleted_at.is_(None),
        select(offers).where(*is_offered).exists(),
    )
    # As in `_lock_handle`: read again once it is locked.
    row = conn.execute(_with_row_lock(query)).one_or_none() and conn.execute(query).one_or_none()
    if row is None:
        raise NotFound
    if is_suspended(conn, row.account_id):
        raise AccountSuspended
    return Offered(row.id, AccountId(row.account_id), UserId(row.owner_id), actor)


def require_reading(rights: Rights) -> None:
    """Raise NotAllowed for an actor who may see a file but not read it."""
    if not rights.reads:
        raise NotAllowed(reason=NO_READING)


def require_delivering(rights: Rights) -> None:
    """Raise NotAllowed for an actor who may see a file but not deliver to it."""
    if not rights.writes:
        raise NotAllowed(reason=NO_DELIVERY)


def _require_managing(handle: Manageable) -> Manageable:
    if not handle.rights.manages:
        raise NotAllowed(reason=MANAGERS_ONLY)
    return handle


def _actor_entitlements() -> tuple[ColumnElement[bool], ...]:
    """The conditions on `entitlements` for those that an actor has now."""
    grantee = entitlements.c.grantee_id.in_(
        [uuid_parameter("actor_user"), uuid_parameter("actor_account")]
    )
    return grantee, _is_unexpired()


def _is_unexpired() -> ColumnElement[bool]:
    expires_at = entitlements.c.expires_at
    return or_(expires_at.is_(None), expires_at > bindparam("actor_at", type_=expires_at.type))


def _has_entitlement(*rights: ColumnElement[bool]) -> Exists:
    """That the actor has an entitlement to the file of the outer query, with one of these
    rights."""
    query = select(entitlements.c.file_id).where(*_file_entitlements(), *rights)
    return query.correlate(files).exists()  # only with `files`, not with outer `entitlements`


def _file_entitlements() -> tuple[ColumnElement[bool], ...]:
    return entitlements.c.file_id == files.c.id, *_actor_entitlements()


@cache
def _any_entitlement_query() -> Select[Any]:
    return select(entitlements.c.file_id).where(*_actor_entitlements()).limit(1)


@cache
def _handle_query(is_admin: bool, has_link: bool, locked: bool) -> Select[Any]:
    visible = linked_file() if has_link else visible_files(is_admin)
    query = _handle_columns().where(files.c.id == uuid_parameter("file_id"), visible)
    return _with_row_lock(query) if locked else query


def _handle_columns() -> Select[Any]:
    return select(files.c.id, files.c.account_id, files.c.owner_id, *rights_columns())


def _deleted_query(actor: Actor, file_id: UUID, since: datetime) -> Select[Any]:
    conditions = files.c.id == file_id, managed_files(actor.is_admin), files.c.deleted_at > since
    return _handle_columns().where(*conditions)


def _with_row_lock(query: Select[Any]) -> Select[Any]:
    # FOR NO KEY UPDATE: rows that refer to the file need not wait, so that two transactions which
    # lock the file and its account in different orders never wait for each other.
    return query.with_for_update(key_share=True, of=files)


def _load_handle(conn: ReadConnection, actor: Actor, file_id: UUID, locked: bool = False) -> Any:
    """The fields of a handle. Raises NotFound for a file that the actor may not see."""
    statement = _handle_query(actor.is_admin, actor.link is not None, locked)
    row = conn.execute(statement, {**actor_parameters(actor), "file_id": file_id}).one_or_none()
    if row is None:
        raise NotFound
    return _handle_fields(actor, row)


def _lock_handle(conn: WriteConnection, actor: Actor, file_id: UUID) -> Any:
    """Like `_load_handle`; the file does not change until the end of the transaction."""
    _load_handle(conn, actor, file_id, locked=True)
    # PostgreSQL reads before it waits for the lock, and an entitlement may have ended meanwhile.
    return _load_handle(conn, actor, file_id)


def _handle_fields(actor: Actor, row: Row[Any]) -> Any:
    rights = current_rights(actor, row)
    return row.id, AccountId(row.account_id), UserId(row.owner_id), actor, rights
