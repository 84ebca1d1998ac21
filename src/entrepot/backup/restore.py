"""Restore a snapshot into an empty data folder. What a snapshot lacks is found before any write.

The database comes last: until then the folder holds no installation, and the same command continues
with it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

from entrepot.backup.folder import (
    DATABASE_FILE,
    BackupFolder,
    Manifest,
    StoredCopy,
    copy_blocks,
    file_digest,
    read_blob_list,
    read_blocks,
    read_manifest,
)
from entrepot.backup.use_folder import VERIFICATION
from entrepot.blobs.checked_copy import write_checked
from entrepot.blobs.disk_sync import draft_of, sync_folder, write_durably
from entrepot.blobs.location import DiskLocation
from entrepot.blobs.store import BlobStore, StoredBlob
from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.restoring import MARK
from entrepot.bootstrap.stores import store_location
from entrepot.db.engine import database_url, open_database
from entrepot.errors import BlobDamaged, StartRefused, StoreUnavailable
from entrepot.files.named_blobs import list_named_blobs
from entrepot.settings import Settings
from entrepot_client.counts import counted

MAX_NAMED = 5
"""Missing pieces that a message names; it counts all of them."""
OWN_NAMES = {
    MARK,
    draft_of(Path(MARK)).name,
    "lock",
    "run",
    "scratch",
    "entrepot.toml",
    "lost+found",
}
"""What an empty data folder may have: what a command makes before it looks, and its settings."""

WriteCopy = Callable[[BlobStore, Path, StoredCopy], None]


@dataclass(frozen=True)
class RestoreResult:
    """What was restored: the snapshot, its installation, and its blobs."""

    snapshot: str
    installation: str
    blobs: int
    blob_bytes: int


def restore(backup: BackupFolder, snapshot_name: str | None, settings: Settings) -> RestoreResult:
    """Restore a snapshot, the newest by default, into the data folder of the settings.

    The caller holds the folder of back-ups and has locked the data folder. Raises StartRefused,
    before anything is written, if a piece is missing, if the data folder is not empty, and if its
    disk has too little space.
    """
    snapshot = backup.choose_snapshot(snapshot_name)
    manifest = read_manifest(snapshot)
    _refuse_other_data(settings, snapshot, manifest)
    _check_pieces(backup, snapshot, manifest)
    _check_database(settings, snapshot, manifest)
    _check_space(settings, snapshot, manifest)
    _claim_store(settings, snapshot, manifest)
    _write(backup, snapshot, manifest, settings, _copy)
    (settings.data / MARK).unlink()
    sync_folder(settings.data)  # else the mark may come back, and with it the right to write here
    return RestoreResult(snapshot.name, manifest.installation, manifest.blobs, manifest.blob_bytes)


@contextmanager
def temporary_restoration(backup: BackupFolder, snapshot_name: str | None) -> Iterator[Path]:
    """A data folder with the snapshot, for checks, removed at the end. Raises StartRefused.

    Its blobs are hard links, so that it takes no space. The caller holds the folder.
    """
    snapshot = backup.choose_snapshot(snapshot_name)
    manifest = read_manifest(snapshot)
    _check_pieces(backup, snapshot, manifest)
    data = Path(mkdtemp(prefix=VERIFICATION, dir=backup.root))
    try:
        settings = Settings(data=data, database=None, store=None)
        store_location(settings).write_id(UUID(manifest.installation))
        _write(backup, snapshot, manifest, settings, _link)
        yield data
    finally:
        shutil.rmtree(data)


def _refuse_other_data(settings: Settings, snapshot: Path, manifest: Manifest) -> None:
    mark = settings.data / MARK
    if mark.is_file() and mark.read_text() == snapshot.name:
        return
    others = sorted({each.name for each in settings.data.iterdir()} - OWN_NAMES)
    location = store_location(settings)
    if others or location.count_files():
        what = f" It has {others[0]}." if others else ""
        with suppress(ValueError, OSError, StoreUnavailable):
            is_its_own = location.read_id() == UUID(manifest.installation)
            if others and is_its_own and not mark.exists():
                what = (
                    f" It has installation {manifest.installation}, which the snapshot is of: a "
                    "restoration into it that was cut off is complete."
                )
        raise StartRefused(
            reason=f"The data folder {settings.data} or the store {location} is not empty.{what} "
            "Restore into an empty folder with --data DIR, check it, then let the server use that "
            "one. Nothing was written."
        )


def _check_pieces(backup: BackupFolder, snapshot: Path, manifest: Manifest) -> None:
    """Every file of the manifest is there and undamaged, every blob there with its size."""
    missing = [
        name for name, digest in manifest.files.items() if _digest_of(snapshot / name) != digest
    ]
    if manifest.database and _digest_of(snapshot / DATABASE_FILE) != manifest.database:
        missing.append(DATABASE_FILE)
    count = 0
    for copy in read_blob_list(snapshot):
        path = backup.blob_path(copy.blob_id)
        count += 1
        if not path.is_file() or path.stat().st_size != copy.size:
            missing.append(str(path.relative_to(backup.root)))
    if count != manifest.blobs:
        missing.append(f"{counted(manifest.blobs - count, 'line')} of its list of blobs")
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        raise StartRefused(
            reason=f"The snapshot {snapshot.name} lacks pieces, or they are damaged: "
            f"{', '.join(missing[:MAX_NAMED])}{more}. Nothing was written. Choose another with "
            "--snapshot NAME."
        )


def _check_database(settings: Settings, snapshot: Path, manifest: Manifest) -> None:
    """On PostgreSQL: the restored dump is of the same installation, and names no other blobs."""
    if settings.embedded != (manifest.database is not None):
        kind = "SQLite" if manifest.database else "PostgreSQL"
        raise StartRefused(
            reason=f"The snapshot {snapshot.name} is of an installation on {kind}; the settings "
            "name another database. Set or unset ENTREPOT_DATABASE. Nothing was written."
        )
    if settings.embedded:
        return
    with closing(open_database(settings)) as database, database.reading() as conn:
        identity = read_identity(conn)
        if identity is None or str(identity.id) != manifest.installation:
            raise StartRefused(
                reason=f"The database {database_url(settings)} is not the one of installation "
                f"{manifest.installation}. Restore its dump with pg_restore first. Nothing was "
                "written."
            )
        copied = {copy.blob_id for copy in read_blob_list(snapshot)}
        lacking = sum(
            blob.blob_id not in copied and blob.keep_until is None
            for blob in list_named_blobs(conn)
        )
    if lacking:
        raise StartRefused(
            reason=f"The database {database_url(settings)} names {counted(lacking, 'blob')} that "
            "the "
            f"snapshot {snapshot.name} lacks: the dump is newer than the snapshot. Take the dump "
            "before the snapshot, or choose a newer snapshot. Nothing was written."
        )


def _check_space(settings: Settings, snapshot: Path, manifest: Manifest) -> None:
    """The disk has room for what is to be restored, unless some of it is there already."""
    location = store_location(settings)
    if (settings.data / MARK).exists() or not isinstance(location, DiskLocation):
        return
    disk = next(place for place in (location.root, *location.root.parents) if place.exists())
    database = snapshot / DATABASE_FILE
    needed = manifest.blob_bytes + (database.stat().st_size if manifest.database else 0)
    free = shutil.disk_usage(disk).free - settings.disk_reserve
    if free < needed:
        raise StartRefused(
            reason=f"The snapshot {snapshot.name} takes {counted(needed, 'byte')}, and the disk of "
            f"{disk} has {max(free, 0):,} that may be used. Make room, or name a folder on "
            "another disk with --data DIR. Nothing was written."
        )


def _claim_store(settings: Settings, snapshot: Path, manifest: Manifest) -> None:
    """Mark the data folder, and make the store the installation's: one that cannot be used, as it
    has no conditional writes, or that is another's, is found before anything is copied."""
    mark, location = settings.data / MARK, store_location(settings)
    was_begun = mark.exists()
    write_durably(mark, snapshot.name.encode())
    try:
        location.write_id(UUID(manifest.installation))
    except BaseException as error:
        if not was_begun:
            mark.unlink()
        if not isinstance(error, StoreUnavailable):
            raise
        raise StartRefused(
            reason=f"The store {location} cannot be used. {error.reason}. Set ENTREPOT_STORE to "
            "another, or run this again when it answers. Nothing was copied."
        ) from error


def _write(
    backup: BackupFolder,
    snapshot: Path,
    manifest: Manifest,
    settings: Settings,
    write_copy: WriteCopy,
) -> None:
    store = store_location(settings).open()
    # What a restoration that was killed had begun to write would be in the way of this one.
    store.sweep_incoming(datetime.now(UTC) + timedelta(days=1))
    for copy in read_blob_list(snapshot):
        if store.stat(copy.blob_id) is None:
            write_copy(store, backup.blob_path(copy.blob_id), copy)
    names = [*manifest.files, *([DATABASE_FILE] if manifest.database else [])]
    for name in names:  # the database last
        if name == DATABASE_FILE and (settings.data / name).exists():
            continue  # all was restored before the mark could go, and a server may have used it
        copy_blocks(read_blocks(snapshot / name), settings.data / name)
    sync_folder(settings.data)


def _link(store: BlobStore, source: Path, copy: StoredCopy) -> None:
    """Link a blob into a store on a disk; the check of the invariants reads every byte."""
    target = store.path(copy.blob_id)
    assert target is not None  # a temporary restoration is in a folder
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.link(source, target)


def _copy(store: BlobStore, source: Path, copy: StoredCopy) -> None:
    """Copy a blob into the store, durably, unless its copy is damaged."""
    try:
        write_checked(store, copy.blob_id, read_blocks(source), StoredBlob(copy.size, copy.sha256))
    except BlobDamaged:
        raise StartRefused(
            reason=f"The copy {source} is damaged: its SHA-256 is {file_digest(source)}, "
            f"expected {copy.sha256}. The restoration stopped. Choose another snapshot, into "
            "an empty folder."
        ) from None


def _digest_of(path: Path) -> str | None:
    try:
        return file_digest(path)
    except FileNotFoundError:
        return None
