"""Hand a file over to another owner: immediately within its account, to another by an offer.

Nobody's quota is filled without their doing: the file changes its account only in the transaction
in which the one it was offered to accepts it. There all that belongs to it changes the account with
it: every byte that counts (quarantined and deleted versions included), its derivatives and its
tasks. An upload that is under way keeps its reservation where it was made, and is refused at its
end. What was recorded stays in the record of the account where it happened.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from entrepot.accounts.actor import Actor, UserId
from entrepot.accounts.users import get_user, keep_user
from entrepot.activity.metadata import require_metadata_room
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import (
    accounts,
    checks,
    derivatives,
    entitlements,
    files,
    offers,
    queue_entries,
    tasks,
    users,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, FileBusy, NotFound, SharesNotAccepted
from entrepot.files.remove import bytes_kept
from entrepot.files.versions import FileId
from entrepot.grants.access import Offered, lock_manageable, lock_offered
from entrepot.grants.entitlements import (
    ANY_USER,
    end_entitlement,
    find_grantee,
    keep_grantee,
    unknown_grantee,
)
from entrepot.grants.file_links import revoke_links_of_file
from entrepot.grants.share_limits import remember_sender, require_offer_room, require_room
from entrepot.quotas.reserve import add_used, lock_accounts, refund
from entrepot.tasks.records import END_STATUSES, notify_watchers

VALIDATION_KIND = "file.validate"
"""The kind of task whose bytes are not the file's, but of whoever had them validated."""


@dataclass(frozen=True)
class Offer:
    """A file that its owner would hand over; `size` is the bytes that count of all its versions,
    and `entitlements` how many it is shared with: they stay."""

    file_id: FileId
    file_name: str
    description: str
    owner: str
    size: int
    entitlements: int
    created_at: datetime


def transfer_file(
    conn: WriteConnection, actor: Actor, file_id: UUID, user_name: str, now: datetime
) -> None:
    """Make another user of the file's account its owner. The one before keeps no right to it.

    Raises NotFound, NotAllowed, FieldInvalid, QuotaExceeded.
    """
    target = lock_manageable(conn, actor, file_id)
    try:
        user = get_user(conn, actor, user_name)
        if not keep_user(conn, user.id):
            raise NotFound
    except NotFound:
        reason = (
            "is not a user of the account. Offer the file to a user of another account instead."
        )
        raise FieldInvalid("user_name", reason, f"{actor.account}:maria") from None
    if user.disabled:
        raise FieldInvalid("user_name", "is disabled.")
    if user.id == target.owner_id:
        return
    require_metadata_room(conn, target.account_id)
    names = {"from": _full_user_name(conn, target.owner_id), "to": user.user_name}
    _set_owner(conn, file_id, user.id, now)
    record(conn, target.account_id, actor, "file.transfer", now, file_id, None, names)


def offer_file(
    conn: WriteConnection, actor: Actor, file_id: UUID, user_name: str, now: datetime
) -> datetime:
    """Offer a file to a user of another account, instead of whom it was offered to before; when.

    Raises NotFound, NotAllowed, FieldInvalid, also for a receiver who has blocked the file's
    account, and SharesNotAccepted.
    """
    target = lock_manageable(conn, actor, file_id)
    if ":" not in user_name:
        raise FieldInvalid("user_name", "must be <account>:<user>.", "acme:anna")
    grantee = find_grantee(conn, user_name)
    if grantee.user_id is None:
        raise FieldInvalid("user_name", f"must be one user, not {ANY_USER}.", "acme:anna")
    keep_grantee(conn, grantee)
    if grantee.account_id == target.account_id:
        reason = "is a user of the file's own account. Change the file's owner instead."
        raise FieldInvalid("user_name", reason)
    earlier = conn.execute(select(offers).where(offers.c.file_id == file_id)).one_or_none()
    if earlier is not None and earlier.user_id == grantee.user_id:
        created_at: datetime = earlier.created_at
        return created_at
    if not require_offer_room(
        conn, grantee.user_id, grantee.account_id, target.account_id, file_id
    ):
        raise unknown_grantee(user_name)
    conn.execute(delete(offers).where(offers.c.file_id == file_id))
    values = {"file_id": file_id, "user_id": grantee.user_id}
    insert_row(conn, offers, **values, offered_by=actor.user_id, created_at=now)
    detail = {"to": user_name}
    record(conn, target.account_id, actor, "file.offer", now, file_id, None, detail)
    return now


def withdraw_offer(conn: WriteConnection, actor: Actor, file_id: UUID, now: datetime) -> None:
    """End an offer: the one it was made to declines it, or who manages the file takes it back.

    Raises NotFound, also where there is none, and NotAllowed.
    """
    try:
        account_id, action = lock_offered(conn, actor, file_id).account_id, "file.decline"
        remember_sender(conn, actor, account_id)
    except NotFound:
        account_id, action = lock_manageable(conn, actor, file_id).account_id, "file.withdraw"
    if not conn.execute(delete(offers).where(offers.c.file_id == file_id)).rowcount:
        raise NotFound
    record(conn, account_id, actor, action, now, file_id)


def get_offer_recipient(conn: ReadConnection, file_id: UUID) -> str | None:
    """The name of whom a file is offered to, for those who manage it."""
    user_id = conn.scalar(select(offers.c.user_id).where(offers.c.file_id == file_id))
    return _full_user_name(conn, user_id) if user_id is not None else None


def list_offers(
    conn: ReadConnection, actor: Actor, limit: int, after: Position | None = None
) -> list[Offer]:
    """The files that are offered to the actor, oldest offer first.

    `after` is the place of the last one of the page before: `created_at` and `file_id`.
    """
    size = select(func.coalesce(func.sum(versions.c.size), 0)).where(
        versions.c.file_id == files.c.id, *bytes_kept(versions)
    )
    entitlement_count = select(func.count()).where(entitlements.c.file_id == files.c.id)
    query = (
        select(
            offers.c.created_at,
            files.c.id,
            files.c.name,
            files.c.description,
            users.c.name.label("user"),
            accounts.c.name.label("account"),
            size.scalar_subquery().label("size"),
            entitlement_count.scalar_subquery().label("shared"),
        )
        .join(files, files.c.id == offers.c.file_id)
        .join(users, users.c.id == files.c.owner_id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(offers.c.user_id == actor.user_id, files.c.deleted_at.is_(None))
    )
    page = page_after(query, offers.c.created_at, offers.c.file_id, limit, after)
    return [
        Offer(
            file_id=FileId(row.id),
            file_name=row.name,
            description=row.description,
            owner=f"{row.account}:{row.user}",
            size=int(row.size),
            entitlements=row.shared,
            created_at=row.created_at,
        )
        for row in conn.execute(page)
    ]


def count_offers(conn: ReadConnection, actor: Actor) -> int:
    """How many files are offered to the actor."""
    offered = offers.c.user_id == actor.user_id, files.c.deleted_at.is_(None)
    query = select(func.count()).select_from(offers.join(files, files.c.id == offers.c.file_id))
    return conn.scalar(query.where(*offered)) or 0


def accept_offer(conn: WriteConnection, actor: Actor, file_id: UUID, now: datetime) -> None:
    """Make a file that was offered to the actor theirs, and its bytes their account's.

    Raises NotFound, FileBusy, and QuotaExceeded where the account has no room for all of it.
    """
    offered = lock_offered(conn, actor, file_id)
    busy = (
        tasks.c.file_id == file_id,
        tasks.c.kind != VALIDATION_KIND,
        tasks.c.status.not_in(END_STATUSES),
    )
    if task_count := conn.scalar(select(func.count()).select_from(tasks).where(*busy)):
        raise FileBusy(tasks=task_count)
    _end_shares_without_room(conn, actor, file_id)
    # Before the accounts are locked: it ends uploads, whose reservations are locked before those.
    _set_owner(conn, file_id, actor.user_id, now)
    size = _move_to_account(conn, offered)
    names = {"from": _full_user_name(conn, offered.owner_id), "to": actor.user_name, "bytes": size}
    for account_id in (offered.account_id, actor.account_id):
        record(conn, account_id, actor, "file.transfer", now, file_id, None, names)


def _end_shares_without_room(conn: WriteConnection, actor: Actor, file_id: UUID) -> None:
    """End the shares that the new account may not have: its receivers have not accepted it, or
    have blocked it."""
    receivers = (
        select(entitlements.c.grantee_id, entitlements.c.account_id)
        .where(entitlements.c.file_id == file_id)
        .order_by(entitlements.c.account_id)  # in which their rows are locked
    )
    for row in conn.execute(receivers).all():
        try:
            allowed = require_room(conn, row.grantee_id, row.account_id, actor.account_id, file_id)
        except SharesNotAccepted:
            allowed = False
        if not allowed:
            end_entitlement(conn, file_id, row.grantee_id)


def _move_to_account(conn: WriteConnection, offered: Offered) -> int:
    """Have the file and all its bytes belong to the actor's account; how many those are."""
    file_id, old, new = offered.file_id, offered.account_id, offered.actor.account_id
    of_file = versions.c.file_id == file_id
    # Those whose bytes go at this moment are not counted, or wait and are then the new account's.
    conn.execute(select(versions.c.id).where(of_file).with_for_update(key_share=True))
    query = select(func.sum(versions.c.size)).where(of_file, *bytes_kept(versions))
    size = int(conn.scalar(query) or 0)
    lock_accounts(conn, old, new)
    add_used(conn, new, size)
    refund(conn, old, size)
    version_ids = select(versions.c.id).where(of_file)
    runs = select(derivatives.c.run_id).where(derivatives.c.version_id.in_(version_ids))
    for statement in (
        update(versions).where(of_file),
        # Before the forms: runs that end lock both in this order.
        update(queue_entries).where(queue_entries.c.id.in_(runs)),
        update(derivatives).where(derivatives.c.version_id.in_(version_ids)),
        update(checks).where(checks.c.file_id == file_id, checks.c.revision.is_not(None)),
        update(tasks).where(tasks.c.file_id == file_id, tasks.c.kind != VALIDATION_KIND),
    ):
        conn.execute(statement.values(account_id=new))
    # A path is one of its account; the new one may have another file there.
    values = {"account_id": new, "path": None, "path_key": None}
    conn.execute(update(files).where(files.c.id == file_id).values(**values))
    return size


def _set_owner(conn: WriteConnection, file_id: UUID, user_id: UserId, now: datetime) -> None:
    """Change the owner, who needs no entitlement of their own; an offer and all links are over."""
    values = {"owner_id": user_id, "updated_at": now}
    conn.execute(update(files).where(files.c.id == file_id).values(**values))
    conn.execute(delete(offers).where(offers.c.file_id == file_id))
    revoke_links_of_file(conn, file_id, now)
    end_entitlement(conn, file_id, user_id)
    notify_watchers(conn, file_id)


def _full_user_name(conn: ReadConnection, user_id: UUID) -> str:
    query = select(users.c.name, accounts.c.name.label("account")).join(accounts)
    row = conn.execute(query.where(users.c.id == user_id)).one()
    return f"{row.account}:{row.name}"
