"""Clean up after what was cut off: dead reservations, expired bytes, bytes that no row names."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import select

from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.db.tables import versions
from entrepot.db.types import Reading, Writing
from entrepot.files.inspect import give_up
from entrepot.files.remove import BATCH, expired_blobs, remove_expired_bytes
from entrepot.quotas.reserve import LIFE, release_dead
from entrepot.tasks.queue import stranded_tasks

GRACE = timedelta(hours=1)
"""Bytes that no row names are left alone for so long: their transaction may still come."""


@dataclass(frozen=True)
class Swept:
    """What a sweep did, in counts."""

    reservations: int
    unfinished: int
    expired: int
    orphans: int
    stranded: int


def sweep(
    database: Database,
    store: BlobStore,
    clock: Callable[[], datetime],
    grace: timedelta = GRACE,
) -> Swept:
    """Release what died, remove what expired, and bytes without a row older than `grace`.

    What a running upload needs stays: its reservation is renewed, its file in the store is
    locked, and the grace covers the moment between its last byte and its transaction.
    """
    reservations = database.write(release_dead, clock())
    unfinished = store.sweep_incoming(clock() - grace)
    expired = 0
    while due := database.read(expired_blobs, clock()):
        done = [remove_expired_bytes(database, store, blob, clock) for blob in due]
        expired += sum(done)
        if not any(done):
            break
    orphans = _remove_orphans(database, store, clock() - grace)
    stranded = database.write(end_stranded_tasks, clock())
    return Swept(reservations, unfinished, expired, orphans, stranded)


def release_all_reservations(database: Database, now: datetime) -> int:
    """At the start of the only server there is, every reservation's upload is dead."""
    return database.write(release_dead, now + 2 * LIFE)


def end_stranded_tasks(conn: Writing, now: datetime) -> int:
    """End as failed the tasks that no worker will ever take again; how many there were."""
    stranded = stranded_tasks(conn)
    for task_id in stranded:
        give_up(conn, task_id, now)
    return len(stranded)


def _remove_orphans(database: Database, store: BlobStore, before: datetime) -> int:
    removed = 0
    old = (blob.blob_id for blob in store.list() if blob.modified < before)
    while batch := list(islice(old, BATCH)):
        named = database.read(_named, batch)
        for blob_id in batch:
            if blob_id not in named:
                store.delete(blob_id)
                removed += 1
    return removed


def _named(conn: Reading, blob_ids: Iterable[BlobId]) -> set[BlobId]:
    # A name that a crash of the machine brought back after its removal was noted is nobody's.
    kept = versions.c.bytes_removed_at.is_(None)
    found = select(versions.c.id).where(versions.c.id.in_(list(blob_ids)), kept)
    return {BlobId(row) for row in conn.scalars(found)}
