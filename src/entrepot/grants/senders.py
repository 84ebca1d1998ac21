"""Which accounts share files with whom: accepted once, or blocked; and shares that are declined.

A receiver is a user or, for shares with a whole account (`acme:*`), that account, for which its
admins decide. Until a receiver accepts another account, that one shares at most 100 files with it
(`grants.share_limits`), and offers at most 100: so nobody fills anybody's lists. A share that is
declined ends. Of an account that is blocked all shares and offers end, and further ones are refused
in the words for an unknown name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, union, update

from entrepot.accounts.actor import AccountId, Actor
from entrepot.activity.metadata import require_metadata_room
from entrepot.activity.record import record
from entrepot.db.tables import accounts, entitlements, files, offers, senders, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotAllowed, NotFound
from entrepot.grants.entitlements import end_entitlement
from entrepot.grants.share_limits import lock_sender, remember_sender

Decision = Literal["accepted", "blocked"]


@dataclass(frozen=True)
class SendingAccount:
    """An account that shares files with the actor or the actor's account, or offers some to the
    actor: how many, and what was decided of it for either; None: nothing yet."""

    account: str
    files: int
    decision: Decision | None
    account_decision: Decision | None


def list_senders(conn: ReadConnection, actor: Actor) -> list[SendingAccount]:
    """The other accounts that share files with the actor or offer them some, or on which they have
    decided, by name."""
    mine = entitlements.c.grantee_id.in_([actor.user_id, actor.account_id])
    shared = select(entitlements.c.file_id).where(mine)
    offered = select(offers.c.file_id).where(offers.c.user_id == actor.user_id)
    counts = (
        select(files.c.account_id, func.count().label("file_count"))
        .where(files.c.id.in_(union(shared, offered)))
        .where(files.c.account_id != actor.account_id, files.c.deleted_at.is_(None))
        .group_by(files.c.account_id)
    )
    file_counts = {row.account_id: int(row.file_count) for row in conn.execute(counts)}
    receivers = [actor.user_id, actor.account_id]
    rows = conn.execute(select(senders).where(senders.c.receiver_id.in_(receivers))).all()
    decisions = {(row.receiver_id, row.account_id): row.decision for row in rows}
    decided = {row.account_id for row in rows if row.decision is not None}
    query = select(accounts.c.id, accounts.c.name).where(
        accounts.c.id.in_({*file_counts, *decided})
    )
    return [
        SendingAccount(
            row.name,
            file_counts.get(row.id, 0),
            decisions.get((actor.user_id, row.id)),
            decisions.get((actor.account_id, row.id)),
        )
        for row in conn.execute(query.order_by(accounts.c.name))
    ]


def get_sender(conn: ReadConnection, actor: Actor, account_name: str) -> SendingAccount:
    """One of `list_senders`, or an account that shared or offered something which the actor has
    declined. Raises NotFound."""
    if (listed := _find_listed(conn, actor, account_name)) is not None:
        return listed
    is_known = (
        select(senders.c.account_id)
        .join(accounts, accounts.c.id == senders.c.account_id)
        .where(accounts.c.name == account_name, senders.c.receiver_id == actor.user_id)
    )
    if conn.execute(is_known.limit(1)).first() is None:
        raise NotFound
    return SendingAccount(account_name, 0, None, None)


def _find_listed(conn: ReadConnection, actor: Actor, account_name: str) -> SendingAccount | None:
    listed = (each for each in list_senders(conn, actor) if each.account == account_name)
    return next(listed, None)


def decide_on_sender(
    conn: WriteConnection,
    actor: Actor,
    account_name: str,
    decision: Decision | None,
    for_account: bool,
    now: datetime,
) -> SendingAccount:
    """Accept or block an account, or take that back; for the actor's account by its admins.

    What was decided so before is not recorded again. Raises NotFound for an account that
    `get_sender` does not find, NotAllowed, and QuotaExceeded for an acceptance,
    or the end of a block, in an account that has no room for metadata.
    """
    require_deciding(actor, for_account)
    sender = get_sender(conn, actor, account_name)
    before = sender.account_decision if for_account else sender.decision
    if decision == before:
        return sender
    if decision == "accepted" or before == "blocked":
        require_metadata_room(conn, actor.account_id)
    row = conn.execute(select(accounts.c.id).where(accounts.c.name == account_name)).one()
    receiver_id: UUID = actor.account_id if for_account else actor.user_id
    lock_sender(conn, actor.account_id, row.id)  # whoever shares or offers something waits
    lock_sender(conn, receiver_id, row.id)
    key = senders.c.receiver_id == receiver_id, senders.c.account_id == row.id
    conn.execute(update(senders).where(*key).values(decision=decision, decided_at=now))
    if decision == "blocked":
        _end_shares(conn, entitlements.c.grantee_id == receiver_id, files.c.account_id == row.id)
        _end_offers(conn, receiver_id, row.id)
    detail = {"account": account_name, "decision": decision, "for_account": for_account}
    record(conn, actor.account_id, actor, "sender.decide", now, None, None, detail)
    listed = _find_listed(conn, actor, account_name)
    return listed or SendingAccount(account_name, 0, None, None)


def require_deciding(actor: Actor, for_account: bool) -> None:
    """Raise NotAllowed for a decision for the whole account by somebody who is not its admin."""
    if for_account and not actor.is_admin:
        raise NotAllowed(reason="Only admins of the account decide for the whole account.")


def decline_share(conn: WriteConnection, actor: Actor, file_id: UUID, now: datetime) -> None:
    """End what others share with the actor of a file of another account; for their whole account,
    if they are its admin. They can then still block the account of the file. Raises NotFound."""
    conditions = _may_end(actor, file_id)
    shared = conn.execute(_shares(*conditions).limit(1)).first()
    if shared is None:
        raise NotFound
    remember_sender(conn, actor, shared.account_id)  # before the share is locked, as a block does
    ended = _end_shares(conn, *conditions)
    if not ended:
        raise NotFound
    detail = {"user_name": actor.user_name}
    # In the record of the file's account alone, as all that happens to a file.
    owner = AccountId(ended[0].account_id)
    record(conn, owner, actor, "entitlement.decline", now, file_id, None, detail)


def may_decline(conn: ReadConnection, actor: Actor, file_id: UUID) -> bool:
    """Whether there is something that `decline_share` would end."""
    return conn.scalar(_shares(*_may_end(actor, file_id)).limit(1)) is not None


def _may_end(actor: Actor, file_id: UUID) -> tuple[ColumnElement[bool], ...]:
    mine = entitlements.c.grantee_id == actor.user_id
    if actor.is_admin:
        mine = or_(mine, entitlements.c.grantee_id == actor.account_id)
    foreign = files.c.account_id != actor.account_id, files.c.deleted_at.is_(None)
    return mine, files.c.id == file_id, *foreign


def _end_shares(conn: WriteConnection, *conditions: ColumnElement[bool]) -> list[Any]:
    """End the entitlements of these conditions on `entitlements` and `files`."""
    rows = list(conn.execute(_shares(*conditions)))
    for row in rows:
        end_entitlement(conn, row.file_id, row.grantee_id)
    return rows


def _end_offers(conn: WriteConnection, receiver_id: UUID, sender_id: UUID) -> None:
    """End the offers of an account to a user, or to all users of an account."""
    receivers = select(users.c.id).where(
        or_(users.c.id == receiver_id, users.c.account_id == receiver_id)
    )
    of_sender = select(files.c.id).where(files.c.account_id == sender_id)
    conn.execute(
        delete(offers).where(offers.c.user_id.in_(receivers), offers.c.file_id.in_(of_sender))
    )


def _shares(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(entitlements.c.file_id, entitlements.c.grantee_id, files.c.account_id)
        .join(files, files.c.id == entitlements.c.file_id)
        .where(*conditions)
    )
