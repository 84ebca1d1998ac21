"""Take a snapshot of an installation while it serves.

First deletions are held, then the database is copied, then every blob that the copy names. So the
snapshot is consistent: what it names was there at that moment, and bytes that are deleted later are
kept until they are copied.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from entrepot import __version__
from entrepot.backup.folder import (
    BLOB_FOLDER,
    BLOB_LIST,
    DATABASE_FILE,
    FORMAT_VERSION,
    OTHER_FILES,
    BackupFolder,
    Manifest,
    StoredCopy,
    copy_blocks,
    file_digest,
    read_blob_list,
    read_blocks,
    snapshot_name,
    snapshot_time,
    write_manifest,
)
from entrepot.blobs.disk_sync import DurableFolders, sync_folder, write_durably
from entrepot.blobs.store import HeldBlobs
from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.parts import Parts
from entrepot.db.engine import Database, copy_sqlite, sqlite_engine
from entrepot.errors import BackupFailed, BlobMissing
from entrepot.files.named_blobs import NamedBlob, list_named_blobs
from entrepot.migrations.revisions import current_revision
from entrepot_client.counts import counted


@dataclass(frozen=True)
class BackupResult:
    """A snapshot: its name, how many blobs and bytes it names, and how many were copied now."""

    snapshot: str
    blobs: int
    blob_bytes: int
    copied: int
    copied_bytes: int
    removed_snapshots: int


def back_up(parts: Parts, backup: BackupFolder, keep: int) -> BackupResult:
    """Take a snapshot into a folder, and remove all but the newest `keep` snapshots.

    The caller holds the folder. Raises BackupFailed if bytes that the database names are missing or
    damaged, and `OSError`.
    """
    folders = DurableFolders(backup.root)
    folders.make(backup.snapshots)
    now = parts.clock()
    draft = backup.snapshots / f"{_new_name(backup, now)}.part"
    folders.make(draft)
    with parts.store.hold_deletions() as held, _database_copy(parts, draft) as database:
        with database.reading() as conn:
            identity = read_identity(conn)
            assert identity is not None  # it was compared when the installation was opened
            saver = BlobSaver(backup, folders, held)
            lines = saver.save_all(list_named_blobs(conn), draft / BLOB_LIST)
        revision = current_revision(database) or ""
    names = [name for name in OTHER_FILES if (parts.settings.data / name).is_file()]
    for name in names:
        copy_blocks(read_blocks(parts.settings.data / name), draft / name)
    embedded = parts.settings.embedded
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        installation=str(identity.id),
        created_at=now.isoformat(timespec="seconds"),
        release=__version__,
        revision=revision,
        database=file_digest(draft / DATABASE_FILE) if embedded else None,
        files={name: file_digest(draft / name) for name in names},
        blobs=lines,
        blob_bytes=saver.named_bytes,
    )
    write_manifest(draft, manifest)
    final = draft.with_suffix("")
    draft.rename(final)
    sync_folder(backup.snapshots)
    removed = remove_old_snapshots(backup, keep)
    return BackupResult(
        final.name, lines, saver.named_bytes, saver.copied, saver.copied_bytes, removed
    )


class BlobSaver:
    """Copies those blobs that the folder does not have yet."""

    def __init__(self, backup: BackupFolder, folders: DurableFolders, held: HeldBlobs) -> None:
        self._backup, self._folders, self._held = backup, folders, held
        self.named_bytes = self.copied = self.copied_bytes = 0

    def save_all(self, blobs: Iterator[NamedBlob], list_file: Path) -> int:
        """Copy the blobs and write their list, durably; how many are in it."""
        count = 0
        touched: set[Path] = set()
        with list_file.open("w", encoding="ascii") as lines:
            for blob in blobs:
                copy = self._save(blob, touched)
                if copy is not None:
                    lines.write(f"{copy.blob_id}\t{copy.size}\t{copy.sha256}\n")
                    self.named_bytes += copy.size
                    count += 1
        write_durably(list_file, list_file.read_bytes())
        for path in touched:
            sync_folder(path)
        return count

    def _save(self, blob: NamedBlob, touched: set[Path]) -> StoredCopy | None:
        path = self._backup.blob_path(blob.blob_id)
        if path.is_file() and path.stat().st_size == blob.size and blob.sha256:
            touched.add(path.parent)  # a back-up that was cut off may not have synced its name
            return StoredCopy(blob.blob_id, blob.size, blob.sha256)
        try:
            blocks = self._held.read(blob.blob_id)
        except BlobMissing:
            if blob.may_be_gone(datetime.now(UTC)):
                return None
            raise BackupFailed(blob_id=blob.blob_id, reason="is missing in the store") from None
        self._folders.make(path.parent)
        size, digest = copy_blocks(blocks, path)
        if (size, digest) != (blob.size, blob.sha256 or digest):
            path.unlink()
            raise BackupFailed(
                blob_id=blob.blob_id,
                reason=f"has {counted(size, 'byte')} with SHA-256 {digest} in the store",
            )
        touched.add(path.parent)
        self.copied += 1
        self.copied_bytes += size
        return StoredCopy(blob.blob_id, size, digest)


def remove_old_snapshots(backup: BackupFolder, keep: int) -> int:
    """Remove all but the newest `keep` snapshots, and the blobs that only they name; how many.

    One that a person renamed stays, and does not count.
    """
    snapshots = backup.complete_snapshots()
    old = [path for path in snapshots if snapshot_time(path) is not None][:-keep]
    if not old:
        return 0
    kept = [path for path in snapshots if path not in old]
    needed = {str(copy.blob_id) for snapshot in kept for copy in read_blob_list(snapshot)}
    for snapshot in old:
        shutil.rmtree(snapshot)
    for path in (backup.root / BLOB_FOLDER).glob("??/??/*"):
        if path.name not in needed:
            path.unlink(missing_ok=True)
    return len(old)


def _new_name(backup: BackupFolder, now: datetime) -> str:
    """A name after those of all snapshots, also where an earlier one has a time in the future: the
    last one that was made has to be the last by name, which stays and is restored."""
    times = filter(None, map(snapshot_time, backup.complete_snapshots()))
    latest = max(times, default=None)
    return snapshot_name(now if latest is None else max(now, latest + timedelta(milliseconds=1)))


@contextmanager
def _database_copy(parts: Parts, draft: Path) -> Iterator[Database]:
    """A copy of the SQLite database, in the snapshot; PostgreSQL itself, whose dump is apart."""
    if not parts.settings.embedded:
        yield parts.database
        return
    copy = draft / DATABASE_FILE
    copy_sqlite(parts.settings.sqlite_file, copy)
    with closing(Database(sqlite_engine(copy))) as database:
        yield database
