"""From which networks a key was used: its first use from another one is recorded.

A network is an IPv4 address, or the 64 bits of an IPv6 address that one host is given.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, select

from entrepot.activity.record import RecordedUser, RequestOrigin, record
from entrepot.db.inserts import insert_if_absent
from entrepot.db.tables import accounts, key_networks, keys, users
from entrepot.db.types import WriteConnection

RETENTION = timedelta(days=90)
"""A network from which a key was first used so long ago is new again."""
MAX_NEW_NETWORKS = 50
"""New networks of one key in a day that are kept and recorded: a key that is used from everywhere
must not fill the disk."""
DAY = timedelta(days=1)


def note_network(
    conn: WriteConnection, key_id: UUID, network: str, origin: RequestOrigin, now: datetime
) -> None:
    """Record that a key is used from this network, if it is the first time."""
    key = _keep_key(conn, key_id)
    if key is None:
        return
    of_key = key_networks.c.key_id == key_id
    conn.execute(delete(key_networks).where(of_key, key_networks.c.first_used_at < now - RETENTION))
    new = of_key, key_networks.c.first_used_at > now - DAY
    if (conn.scalar(select(func.count()).where(*new)) or 0) >= MAX_NEW_NETWORKS:
        return
    if not insert_if_absent(conn, key_networks, key_id=key_id, network=network, first_used_at=now):
        return
    user = RecordedUser(key.user_id, f"{key.account}:{key.user}", key_id, origin)
    detail = {"name": key.name, "prefix": key.prefix}
    record(conn, key.account_id, user, "key.first-use", now, detail=detail)


def _keep_key(conn: WriteConnection, key_id: UUID) -> Row[Any] | None:
    """The key, whose user is not deleted until the end of the transaction; None if they were."""
    query: Select[Any] = (
        select(
            keys.c.name,
            keys.c.prefix,
            keys.c.user_id,
            keys.c.account_id,
            users.c.name.label("user"),
            accounts.c.name.label("account"),
        )
        .join(users, users.c.id == keys.c.user_id)
        .join(accounts, accounts.c.id == keys.c.account_id)
        .where(keys.c.id == key_id)
    )
    kept = query.with_for_update(read=True, key_share=True, of=users)
    return conn.execute(kept).one_or_none()
