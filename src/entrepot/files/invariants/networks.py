"""Check that it is known from where each key was used."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from entrepot.accounts.key_networks import RETENTION
from entrepot.blobs.store import BlobStore
from entrepot.db.tables import activity, key_networks, keys
from entrepot.db.types import ReadConnection


def networks_are_known(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A key whose first use from a network was recorded has a network: else its next use from there
    would be recorded as another first one."""
    del store
    recorded = (
        activity.c.key_id == keys.c.id,
        activity.c.action == "key.first-use",
        activity.c.at > now - RETENTION,
    )
    is_used = select(activity.c.id).where(*recorded).exists()
    has_network = select(key_networks.c.network).where(key_networks.c.key_id == keys.c.id).exists()
    for key_id in conn.scalars(select(keys.c.id).where(is_used, ~has_network)):
        yield f"key {key_id} was used from a network, and none is known"
