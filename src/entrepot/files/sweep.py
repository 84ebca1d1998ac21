"""Clean up after what was cut off or has expired: reservations, bytes, forms, answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from entrepot.blobs.store import BlobStore
from entrepot.db.engine import Database
from entrepot.db.types import WriteConnection
from entrepot.errors import SweepStopped
from entrepot.files.cleanup.delete import purge_files
from entrepot.files.cleanup.retention import apply_retention, files_over_retention
from entrepot.files.delivery.resumable import drop_expired_uploads, needed_drafts
from entrepot.files.derivatives import expire_unused, fail_derivation, pending_runs
from entrepot.files.orphans import find_orphans, remove_orphans
from entrepot.files.processing.validation import give_up
from entrepot.files.remove import BATCH, expired_blobs, remove_expired_bytes, remove_released_blobs
from entrepot.quotas.reserve import RESERVATION_LIFETIME, release_expired
from entrepot.tasks.queue import find_dead_runs, find_lost_tasks
from entrepot.tasks.replies import delete_stale_replies

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
    unused: int = 0
    replies: int = 0
    retained: int = 0
    purged: int = 0
    uploads: int = 0
    drafts: int = 0
    released: int = 0


def sweep(
    database: Database,
    store: BlobStore,
    clock: Callable[[], datetime],
    grace: timedelta = GRACE,
    max_orphans: int | None = None,
) -> Swept:
    """Release what died, remove what expired, and bytes without a row older than `grace`.

    Bytes without a row are only removed if they are few (`files.orphans`), or at most
    `max_orphans`. Else none of them goes, nor what is on its way in: all the rest is done, and
    SweepStopped raised.

    What a running upload needs stays: its reservation is renewed, its file in the store is
    locked, and the grace covers the moment between its last byte and its transaction. A resumable
    one has all it needs until its time is over, whether or not anything runs.
    """
    uploads = _drop_uploads(database, store, clock)
    reservations = database.write(release_expired, clock())
    retained = _apply_retentions(database, clock)
    purged = _purge_files(database, clock)
    expired = 0
    while due := database.read(expired_blobs, clock()):
        done = [remove_expired_bytes(database, store, blob, clock) for blob in due]
        expired += sum(done)
        if not any(done):
            break
    unused = database.write(expire_unused, clock())
    released = remove_released_blobs(database, store)
    replies = database.write(delete_stale_replies, clock())
    stranded = database.write(end_stranded_tasks, clock())
    found = find_orphans(database, store, clock() - grace, max_orphans)
    if not found.within_limit:
        raise SweepStopped(orphans=found.count, blobs=found.blobs, limit=found.limit)
    orphans = remove_orphans(database, store, found)
    unfinished = store.sweep_incoming(clock() - grace)
    drafts = _remove_drafts(database, store, clock() - grace)
    return Swept(
        reservations=reservations,
        unfinished=unfinished,
        expired=expired,
        orphans=orphans,
        stranded=stranded,
        unused=unused,
        replies=replies,
        retained=retained,
        purged=purged,
        uploads=uploads,
        drafts=drafts,
        released=released,
    )


def _drop_uploads(database: Database, store: BlobStore, clock: Callable[[], datetime]) -> int:
    """End the resumable uploads whose time is over: first the rows, so that nobody goes on."""
    dropped = 0
    while gone := database.write(drop_expired_uploads, clock()):
        for upload_id in gone:
            store.drafts.drop(upload_id)
        dropped += len(gone)
    return dropped


def _apply_retentions(database: Database, clock: Callable[[], datetime]) -> int:
    over = database.read(files_over_retention, clock())
    return sum(database.write(apply_retention, file_id, clock()) for file_id in over)


def _purge_files(database: Database, clock: Callable[[], datetime]) -> int:
    purged = 0
    while done := database.write(purge_files, clock()):
        purged += done
    return purged


def release_all_reservations(database: Database, now: datetime) -> int:
    """At the start of the only server there is, every reservation's upload is dead."""
    return database.write(release_expired, now + 2 * RESERVATION_LIFETIME)


def end_stranded_tasks(conn: WriteConnection, now: datetime) -> int:
    """End as failed what no worker will ever take again, tasks and derivations; how many."""
    stranded = find_lost_tasks(conn)
    for task_id in stranded:
        give_up(conn, task_id, now)
    dead = find_dead_runs(conn, pending_runs(conn))
    for run_id in dead:
        fail_derivation(conn, run_id, "derivation-failed", "Its run was lost.", now)
    return len(stranded) + len(dead)


def _remove_drafts(database: Database, store: BlobStore, before: datetime) -> int:
    """Remove drafts that no unfinished upload needs."""
    removed = 0
    old = (draft.blob_id for draft in store.drafts.list() if draft.modified < before)
    while batch := list(islice(old, BATCH)):
        needed = database.read(needed_drafts, batch)
        for draft_id in batch:
            if draft_id not in needed:
                store.drafts.drop(draft_id)
                removed += 1
    return removed
