"""How many files an account may share with a receiver who has not accepted it, or offer them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from entrepot.accounts.actor import Actor
from entrepot.db.inserts import upsert_into
from entrepot.db.tables import entitlements, files, offers, senders, users
from entrepot.db.types import WriteConnection
from entrepot.errors import SharesNotAccepted

MAX_UNACCEPTED_FILES = 100
"""Files that one account shares with a user, and with the user's account as a whole, before either
has accepted it; and files that it offers to a user until then."""


def require_room(
    conn: WriteConnection, receiver_id: UUID, receiver_account: UUID, sender_id: UUID, file_id: UUID
) -> bool:
    """Whether an account may share a file with a receiver; False if it is blocked.

    A share with a whole account counts for each of its users, beside those with them alone. Raises
    SharesNotAccepted. The count is exact: the sender's row is locked.
    """
    if receiver_account == sender_id:
        return True
    both = {receiver_id, receiver_account}
    decisions = _locked_decisions(conn, receiver_id, receiver_account, sender_id)
    if "blocked" in decisions:
        return False
    if "accepted" not in decisions:
        shares = _shares(sender_id).where(entitlements.c.file_id != file_id)
        if receiver_id == receiver_account:
            count = _most_of_one_user(conn, shares, receiver_account, sender_id)
        else:
            count = _count(conn, shares.where(entitlements.c.grantee_id.in_(both)))
        if count >= MAX_UNACCEPTED_FILES:
            raise SharesNotAccepted(limit=MAX_UNACCEPTED_FILES)
    return True


def require_offer_room(
    conn: WriteConnection, user_id: UUID, receiver_account: UUID, sender_id: UUID, file_id: UUID
) -> bool:
    """Whether an account may offer a file to a user of another one; False if it is blocked.

    Raises SharesNotAccepted. The count is exact, as that of shares.
    """
    decisions = _locked_decisions(conn, user_id, receiver_account, sender_id)
    if "blocked" in decisions:
        return False
    if "accepted" not in decisions:
        offered = select(func.count()).select_from(
            offers.join(files, files.c.id == offers.c.file_id)
        )
        mine = files.c.account_id == sender_id, offers.c.user_id == user_id
        count = int(conn.scalar(offered.where(*mine, offers.c.file_id != file_id)) or 0)
        if count >= MAX_UNACCEPTED_FILES:
            raise SharesNotAccepted(limit=MAX_UNACCEPTED_FILES)
    return True


def _locked_decisions(
    conn: WriteConnection, receiver_id: UUID, receiver_account: UUID, sender_id: UUID
) -> set[str | None]:
    """What a receiver and their account have decided of a sender; it cannot change meanwhile."""
    lock_sender(conn, receiver_account, sender_id)
    decided = _decisions(sender_id).where(
        senders.c.receiver_id.in_([receiver_id, receiver_account])
    )
    return set(conn.scalars(decided))


def lock_sender(conn: WriteConnection, receiver_id: UUID, account_id: UUID) -> None:
    """Lock the row of a receiver and a sender, which is made if it is not there."""
    row = upsert_into(conn.dialect.name, senders)
    row = row.values(receiver_id=receiver_id, account_id=account_id)
    conn.execute(row.on_conflict_do_nothing())
    key = senders.c.receiver_id == receiver_id, senders.c.account_id == account_id
    conn.execute(select(senders.c.receiver_id).where(*key).with_for_update())


def remember_sender(conn: WriteConnection, actor: Actor, account_id: UUID) -> None:
    """Remember that an account has shared or offered something to the actor, who declines it: they
    can then still block it. The rows are locked in the order of `senders.decide_on_sender`."""
    lock_sender(conn, actor.account_id, account_id)
    lock_sender(conn, actor.user_id, account_id)


def _decisions(sender_id: UUID) -> Select[Any]:
    return select(senders.c.decision).where(senders.c.account_id == sender_id)


def _shares(sender_id: UUID) -> Select[Any]:
    return (
        select(entitlements.c.file_id)
        .join(files, files.c.id == entitlements.c.file_id)
        .where(files.c.account_id == sender_id)
    )


def _count(conn: WriteConnection, shares: Select[Any]) -> int:
    count = select(func.count(shares.subquery().c.file_id.distinct()))
    return int(conn.scalar(count) or 0)


def _most_of_one_user(
    conn: WriteConnection, shares: Select[Any], account_id: UUID, sender_id: UUID
) -> int:
    """How many files of these shares that user of an account sees who sees most, of those who have
    not accepted the sender: what is shared with the account, and with them alone."""
    with_all = shares.where(entitlements.c.grantee_id == account_id)
    accepted = _decisions(sender_id).where(
        senders.c.receiver_id == users.c.id, senders.c.decision == "accepted"
    )
    members = select(users.c.id).where(users.c.account_id == account_id, ~accepted.exists())
    by_user = shares.with_only_columns(func.count().label("file_count"), maintain_column_froms=True)
    by_user = by_user.where(
        entitlements.c.grantee_id.in_(members), entitlements.c.file_id.not_in(with_all)
    )
    most = select(func.max(by_user.group_by(entitlements.c.grantee_id).subquery().c.file_count))
    return _count(conn, with_all) + int(conn.scalar(most) or 0)
