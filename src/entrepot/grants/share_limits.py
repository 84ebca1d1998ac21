"""How many files one account may share with a receiver who has not accepted it."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.db.tables import entitlements, files, senders
from entrepot.db.types import WriteConnection
from entrepot.errors import SharesNotAccepted

MAX_UNACCEPTED_FILES = 100
"""Files that one account shares with a receiver, and the receiver's account, before either has
accepted it."""


def require_room(
    conn: WriteConnection, receiver_id: UUID, receiver_account: UUID, sender_id: UUID
) -> bool:
    """Whether an account may share one more file with a receiver; False if it is blocked.

    Raises SharesNotAccepted. The count is exact: the sender's row is locked.
    """
    if receiver_account == sender_id:
        return True
    both = {receiver_id, receiver_account}
    lock_sender(conn, receiver_account, sender_id)
    decisions = set(
        conn.scalars(
            select(senders.c.decision).where(
                senders.c.receiver_id.in_(both), senders.c.account_id == sender_id
            )
        )
    )
    if "blocked" in decisions:
        return False
    if "accepted" not in decisions:
        count = conn.scalar(
            select(func.count())
            .select_from(entitlements)
            .join(files, files.c.id == entitlements.c.file_id)
            .where(entitlements.c.grantee_id.in_(both), files.c.account_id == sender_id)
        )
        if (count or 0) >= MAX_UNACCEPTED_FILES:
            raise SharesNotAccepted(limit=MAX_UNACCEPTED_FILES)
    return True


def lock_sender(conn: WriteConnection, receiver_id: UUID, account_id: UUID) -> None:
    """Lock the row of a receiver and a sender, which is made if it is not there."""
    insert_into = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    row = insert_into(senders).values(receiver_id=receiver_id, account_id=account_id)
    conn.execute(row.on_conflict_do_nothing())
    key = senders.c.receiver_id == receiver_id, senders.c.account_id == account_id
    conn.execute(select(senders.c.receiver_id).where(*key).with_for_update())
