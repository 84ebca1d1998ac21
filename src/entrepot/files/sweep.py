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
from entrepot.files.cleanup.retention import files_over_retention, keep_retention
from entrepot.files.delivery.resumable import drop_expired_uploads, find_needed_drafts
from entrepot.files.derivative_space import expire_unused
from entrepot.files.derivatives import fail_derivation, pending_runs
from entrepot.files.orphans import (
    TRASH_PERIOD,
    discard_orphans,
    find_orphans,
    recover_discarded,
)
from entrepot.files.processing.validation import give_up
from entrepot.files.remove import (
    BATCH,
    find_expired_blobs,
    remove_expired_bytes,
    remove_released_blobs,
)
from entrepot.quotas.reserve import release_expired
from entrepot.tasks.queue import find_unqueued, find_unqueued_tasks
from entrepot.tasks.replies import delete_stale_replies

GRACE_PERIOD = timedelta(hours=1)
"""Bytes that no row names are left alone for so long: their transaction may still come."""


@dataclass(frozen=True)
class SweepResult:
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
    recovered: int = 0
    emptied: int = 0


def sweep(
    database: Database,
    store: BlobStore,
    clock: Callable[[], datetime],
    grace: timedelta = GRACE_PERIOD,
    max_orphans: int | None = None,
) -> SweepResult:
    """Release what died, remove what expired, and bytes without a row older than `grace`.

    Bytes without a row move to the store's trash, from which they are removed after 7 days or come
    back when a row names them again; and only if they are few (`files.orphans`), or at most
    `max_orphans`. Else none of them goes, nor what is on its way in: all the rest is done, and
    SweepStopped raised.

    What a running upload needs stays: its reservation is renewed, its file in the store is
    locked, and the grace covers the moment between its last byte and its transaction. A resumable
    one has all it needs until its time is over, whether or not anything runs.
    """
    uploads = _delete_expired_uploads(database, store, clock)
    reservations = database.write(release_expired, clock())
    retained_versions = _apply_retentions(database, clock)
    purged = _purge_files(database, clock)
    expired = 0
    while expired_ids := database.read(find_expired_blobs, clock()):
        removed = [remove_expired_bytes(database, store, blob, clock) for blob in expired_ids]
        expired += sum(removed)
        if not any(removed):
            break
    unused_forms = database.write(expire_unused, clock())
    released = remove_released_blobs(database, store)
    store.remove_held()
    replies = database.write(delete_stale_replies, clock())
    lost_tasks = database.write(end_lost_tasks, clock())
    recovered = recover_discarded(database, store)
    candidates = find_orphans(database, store, clock() - grace, max_orphans)
    if not candidates.within_limit:
        raise SweepStopped(orphans=candidates.count, blobs=candidates.blobs, limit=candidates.limit)
    orphans = discard_orphans(database, store, candidates)
    emptied = store.empty_trash(clock() - TRASH_PERIOD)
    unfinished = store.sweep_incoming(clock() - grace)
    drafts = _remove_drafts(database, store, clock() - grace)
    return SweepResult(
        reservations=reservations,
        unfinished=unfinished,
        expired=expired,
        orphans=orphans,
        stranded=lost_tasks,
        unused=unused_forms,
        replies=replies,
        retained=retained_versions,
        purged=purged,
        uploads=uploads,
        drafts=drafts,
        released=released,
        recovered=recovered,
        emptied=emptied,
    )


def _delete_expired_uploads(
    database: Database, store: BlobStore, clock: Callable[[], datetime]
) -> int:
    """End the resumable uploads whose time is over: first the rows, so that nobody continues."""
    count = 0
    while expired := database.write(drop_expired_uploads, clock()):
        for upload_id in expired:
            store.drafts.drop(upload_id)
        count += len(expired)
    return count


def _apply_retentions(database: Database, clock: Callable[[], datetime]) -> int:
    file_ids = database.read(files_over_retention, clock())
    return sum(database.write(keep_retention, file_id, clock()) for file_id in file_ids)


def _purge_files(database: Database, clock: Callable[[], datetime]) -> int:
    purged = 0
    while count := database.write(purge_files, clock()):
        purged += count
    return purged


def end_lost_tasks(conn: WriteConnection, now: datetime) -> int:
    """End as failed what no worker will ever take again, tasks and derivations; how many."""
    task_ids = find_unqueued_tasks(conn)
    for task_id in task_ids:
        give_up(conn, task_id, now)
    run_ids = find_unqueued(conn, pending_runs(conn))
    for run_id in run_ids:
        fail_derivation(conn, run_id, "derivation-failed", "Its run was lost.", now)
    return len(task_ids) + len(run_ids)


def _remove_drafts(database: Database, store: BlobStore, before: datetime) -> int:
    """Remove drafts that no unfinished upload needs."""
    removed = 0
    old_ids = (draft.blob_id for draft in store.drafts.list() if draft.modified < before)
    while batch := list(islice(old_ids, BATCH)):
        needed = database.read(find_needed_drafts, batch)
        for draft_id in batch:
            if draft_id not in needed:
                store.drafts.drop(draft_id)
                removed += 1
    return removed
