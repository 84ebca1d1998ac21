"""Orphans: blobs that no row names. A crash leaves some; the wrong database leaves nothing else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from entrepot.accounts.accounts import has_accounts
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.files.remove import BATCH, batches_of, find_named_blobs

MAX_ORPHANS = 1_000
MAX_ORPHANS_PERCENT = 1
"""Orphans that one sweep may remove, of which the smaller holds: far more than a crash leaves, and
little if the database is the wrong one."""
TRASH_PERIOD = timedelta(days=7)
"""Orphans stay so long in the store's trash before they are removed permanently."""
FEW_ORPHANS = 10
"""Orphans that a small store may have, in which 1 % is less than one blob.

A crash leaves the blobs of those uploads and derivations that were between their last byte and
their row: a handful.
"""


@dataclass(frozen=True)
class Orphans:
    """The orphans in a store of `blobs` blobs. Above `limit` they are evidence of a wrong or an
    incomplete database, not of a crash; `blob_ids` is then not complete."""

    blob_ids: list[BlobId]
    count: int
    blobs: int
    limit: int

    @property
    def within_limit(self) -> bool:
        """Whether so few may be removed."""
        return self.count <= self.limit


def find_orphans(
    database: Database, store: BlobStore, before: datetime, limit: int | None = None
) -> Orphans:
    """The blobs that no row names and that were modified before `before`.

    An operator's `limit` replaces ours, but not the one of a database without accounts, which is 0.
    """
    blob_ids: list[BlobId] = []
    max_ids = MAX_ORPHANS if limit is None else limit
    blobs = count = named_count = 0
    listing = store.list()
    while batch := list(islice(listing, BATCH)):
        old_ids = [blob.blob_id for blob in batch if blob.modified < before]
        named_ids = database.read(find_named_blobs, old_ids)
        unnamed = [blob_id for blob_id in old_ids if blob_id not in named_ids]
        blob_ids += unnamed[: max_ids - len(blob_ids)]
        blobs += len(batch)
        count += len(unnamed)
        named_count += len(named_ids)
    if not database.read(has_accounts):
        limit = 0
    elif limit is None:
        limit = orphan_limit(blobs, named_count)
    return Orphans(blob_ids, count, blobs, limit)


def orphan_limit(blobs: int, named: int) -> int:
    """How many orphans may go from a store of `blobs` blobs, of which rows name `named`."""
    # Where fewer are named than not, even few are suspect: all but the one of a first upload.
    small_limit = min(FEW_ORPHANS, named + 1)
    return min(MAX_ORPHANS, max(small_limit, blobs * MAX_ORPHANS_PERCENT // 100))


def discard_orphans(database: Database, store: BlobStore, orphans: Orphans) -> int:
    """Move those that no row names now either to the store's trash; how many."""
    discarded = 0
    for batch in batches_of(orphans.blob_ids):
        named_ids = database.read(find_named_blobs, batch)
        for blob_id in batch:
            if blob_id not in named_ids:
                store.discard(blob_id)
                discarded += 1
    return discarded


def recover_discarded(database: Database, store: BlobStore) -> int:
    """Bring back from the trash what a row names, as after a database was restored; how many."""
    recovered = 0
    for batch in batches_of([stat.blob_id for stat in store.list_trash()]):
        for blob_id in database.read(find_named_blobs, batch):
            store.recover(blob_id)
            recovered += 1
    return recovered
