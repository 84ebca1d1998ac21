"""Copies of blobs on this host: those of what any host has purged or removed go soon.

A store elsewhere lends copies from a cache (`blobs.cache`). Nobody borrows the copy of a blob that
is gone, but its bytes are on this host's disk until somebody looks.
"""

import threading
import time

import structlog

from entrepot.blobs.store import BlobStore
from entrepot.db.engine import Database
from entrepot.files.remove import batches_of, find_named_blobs

log = structlog.get_logger(__name__)

LONGEST_SHARE = 20
"""A pause is at least so many times as long as the look before it: a large cache costs little."""


def drop_unnamed_copies(database: Database, store: BlobStore) -> int:
    """Remove this host's copies of blobs that no row names; how many."""
    dropped = 0
    for batch in batches_of(store.list_copies()):
        for blob_id in {*batch} - database.read(find_named_blobs, batch):
            store.drop_copy(blob_id)
            dropped += 1
    return dropped


def keep_dropping_copies(
    database: Database, store: BlobStore, pause_seconds: float, stop: threading.Event
) -> None:
    """Look again and again, until `stop`. A failure is logged and ends nothing."""
    pause = 0.0
    while not stop.wait(pause):
        began = time.monotonic()
        try:
            drop_unnamed_copies(database, store)
        except Exception:
            log.exception("copies of removed blobs were not looked for; trying again")
        pause = max(pause_seconds, LONGEST_SHARE * (time.monotonic() - began))
