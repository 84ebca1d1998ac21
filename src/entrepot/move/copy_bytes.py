"""Copy the bytes of an installation into another store: blobs that rows name, and drafts.

A blob is committed only once its SHA-256 is the recorded one, so one that is there with its size
was copied whole, by this run or by one that was cut off.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import islice
from uuid import UUID

from entrepot.blobs.checked_copy import write_checked
from entrepot.blobs.disk_identity import UnfinishedCopy
from entrepot.blobs.location import StoreLocation
from entrepot.blobs.store import BlobStore, StoredBlob
from entrepot.db.types import ReadConnection
from entrepot.errors import BlobDamaged, BlobMissing, StartRefused
from entrepot.files.delivery.resumable import find_needed_drafts
from entrepot.files.named_blobs import NamedBlob, list_named_blobs
from entrepot_client.counts import counted

THREADS = 8
"""Blobs that are copied at once: most of the time of a small one is a wait for the store."""
BATCH = 200
"""Blobs that wait for a thread at most."""


@dataclass(frozen=True)
class CopiedBytes:
    """What the new store has: blobs, and their size in bytes."""

    blobs: int
    blob_bytes: int


def refuse_used_store(location: StoreLocation, installation: UUID) -> None:
    """Refuse a store that neither is empty nor holds an unfinished copy of that installation.

    Changes nothing. Raises StartRefused, `StoreUnavailable`.
    """
    try:
        owner = location.read_id()
    except UnfinishedCopy as copy:
        if copy.installation_id == installation:
            return
        owner = copy.installation_id
    except ValueError:
        raise StartRefused(
            reason=f"{location.id_name} does not hold the id of an installation. Name another "
            "store with --store. Nothing was changed."
        ) from None
    if owner == installation:
        raise StartRefused(
            reason=f"The store {location} has the bytes of this installation already. It is the "
            "one that is used now, under another name, or the copy of an earlier move. Name an "
            "empty folder, bucket or prefix with --store, or leave --store out. Nothing was "
            "changed."
        )
    files = location.count_files()
    if owner is not None or files:
        whose = f"belongs to installation {owner}" if owner else f"has {counted(files, 'file')}"
        raise StartRefused(
            reason=f"The store {location} is not empty: it {whose}. Name an empty folder, bucket "
            "or prefix with --store, such as s3://BUCKET/PREFIX. Nothing was changed."
        )


def copy_bytes(reading: ReadConnection, source: BlobStore, target: BlobStore) -> CopiedBytes:
    """Copy what the target does not have yet. Raises StartRefused, `StoreUnavailable`,
    `StorageFull`."""
    named = list_named_blobs(reading)
    blobs = blob_bytes = 0
    with ThreadPoolExecutor(THREADS) as pool:
        while batch := list(islice(named, BATCH)):
            sizes = [*pool.map(partial(_copy_blob, source, target), batch)]
            blobs += sum(size is not None for size in sizes)
            blob_bytes += sum(size or 0 for size in sizes)
    for draft_id in _needed_drafts(reading, source):
        _copy_draft(source, target, draft_id)
    return CopiedBytes(blobs, blob_bytes)


def _copy_blob(source: BlobStore, target: BlobStore, blob: NamedBlob) -> int | None:
    """Copy one blob; its size, None if its bytes may be gone and are."""
    stored = target.stat(blob.blob_id)
    if stored is not None and stored.size == blob.size:
        return blob.size
    if stored is not None:
        raise _wrong(blob, f"has {counted(stored.size, 'byte')} in the new store")
    recorded = StoredBlob(blob.size, blob.sha256 or "")
    try:
        write_checked(target, blob.blob_id, source.read(blob.blob_id), recorded)
    except BlobMissing:
        if blob.may_be_gone(datetime.now(UTC)):
            return None
        raise _wrong(blob, "is missing") from None
    except BlobDamaged:
        raise _wrong(blob, "is damaged") from None
    return blob.size


def _wrong(blob: NamedBlob, what: str) -> StartRefused:
    return StartRefused(
        reason=f"The blob {blob.blob_id} {what}; the database records {counted(blob.size, 'byte')} "
        "with "
        f"the SHA-256 {blob.sha256}. `entrepot doctor --deep` lists all that is wrong with the "
        "original, which was not changed."
    )


def _needed_drafts(reading: ReadConnection, source: BlobStore) -> Iterator[UUID]:
    draft_ids = [draft.blob_id for draft in source.drafts.list()]
    for start in range(0, len(draft_ids), BATCH):
        yield from find_needed_drafts(reading, draft_ids[start : start + BATCH])


def _copy_draft(source: BlobStore, target: BlobStore, draft_id: UUID) -> None:
    """Copy the bytes of a resumable upload, in place of what a run before this one left."""
    target.drafts.drop(draft_id)
    content, copied = sha256(), sha256()
    writer = target.drafts.append(draft_id)
    try:
        for block in source.drafts.read(draft_id):
            content.update(block)
            writer.write(block)
        size = writer.sync()
    finally:
        writer.close()
    if size:
        for block in target.drafts.read(draft_id):
            copied.update(block)
    if copied.digest() != content.digest():
        raise StartRefused(
            reason=f"The draft {draft_id} arrived with other bytes in the new store. Run this "
            "again. The original was not changed."
        )
