"""The folder of back-ups: its snapshots, their manifests, and the blobs that they share."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from entrepot.blobs.disk_sync import draft_of, sync_file, write_durably
from entrepot.blobs.store import BlobId
from entrepot.errors import StartRefused

FORMAT_VERSION = 1
SNAPSHOT_FOLDER, BLOB_FOLDER = "snapshots", "blobs"
MANIFEST = "manifest.json"
BLOB_LIST = "blobs.tsv"
"""Lines of a blob's id, its size in bytes and its SHA-256, separated by tabs."""
DATABASE_FILE = "entrepot.db"
OTHER_FILES = ("secret", "entrepot.toml")
"""Files of the data folder that a snapshot has if the folder has them."""
COPY_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What a snapshot holds. `database` is the SHA-256 of the SQLite file; None on PostgreSQL,
    whose dump is not part of it. `created_at` is UTC, sizes are bytes."""

    format_version: int
    installation: str
    created_at: str
    release: str
    revision: str
    database: str | None
    files: dict[str, str]
    blobs: int
    blob_bytes: int


@dataclass(frozen=True)
class StoredCopy:
    """One line of a snapshot's list of blobs."""

    blob_id: BlobId
    size: int
    sha256: str


class BackupFolder:
    """A folder of back-ups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshots = root / SNAPSHOT_FOLDER

    def blob_path(self, blob_id: BlobId) -> Path:
        """Where the copy of a blob is."""
        name = str(blob_id)
        return self.root / BLOB_FOLDER / name[:2] / name[2:4] / name

    def complete_snapshots(self) -> list[Path]:
        """The snapshots that were completed: those that a person renamed, then by age, oldest
        first."""
        if not self.snapshots.is_dir():
            return []
        paths = [path for path in self.snapshots.iterdir() if path.suffix != ".part"]
        complete = [path for path in paths if (path / MANIFEST).is_file()]
        return sorted(complete, key=lambda path: (snapshot_time(path) is not None, path.name))

    def choose_snapshot(self, name: str | None) -> Path:
        """The snapshot with that name, or the newest one. Raises StartRefused."""
        snapshots = self.complete_snapshots()
        chosen = [path for path in snapshots if name in (None, path.name)]
        if not chosen:
            names = ", ".join(path.name for path in snapshots) or "none"
            raise StartRefused(
                reason=f"The folder {self.root} has no snapshot{f' {name}' if name else ''}. "
                f"It has: {names}. `entrepot admin backup DIR` makes one."
            )
        return chosen[-1]


def snapshot_name(time: datetime) -> str:
    """The name of a snapshot that was begun then, in UTC."""
    return f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03}Z"


def snapshot_time(snapshot: Path) -> datetime | None:
    """When a snapshot was begun, by its name; None if a person gave it another one."""
    try:
        return datetime.strptime(snapshot.name, "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None


def read_manifest(snapshot: Path) -> Manifest:
    """The manifest of a snapshot. Raises StartRefused if it is of a newer release or damaged."""
    try:
        fields = json.loads((snapshot / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(**fields)
    except (OSError, ValueError, TypeError) as error:
        raise StartRefused(
            reason=f"The manifest of the snapshot {snapshot} cannot be read ({error}). "
            "Choose another with --snapshot NAME."
        ) from None
    if manifest.format_version > FORMAT_VERSION:
        raise StartRefused(
            reason=f"The snapshot {snapshot} was made by release {manifest.release}, whose "
            "back-ups this release cannot read. Install that release."
        )
    return manifest


def write_manifest(snapshot: Path, manifest: Manifest) -> None:
    """Write it durably."""
    write_durably(snapshot / MANIFEST, json.dumps(asdict(manifest), indent=2).encode() + b"\n")


def read_blob_list(snapshot: Path) -> Iterator[StoredCopy]:
    """The blobs of a snapshot."""
    with (snapshot / BLOB_LIST).open(encoding="ascii") as lines:
        for line in lines:
            blob_id, size, digest = line.rstrip("\n").split("\t")
            yield StoredCopy(BlobId(UUID(blob_id)), int(size), digest)


def copy_blocks(blocks: Iterator[bytes], target: Path) -> tuple[int, str]:
    """Write the blocks to `target`, which gets its name once they are durable; size and SHA-256."""
    draft = draft_of(target)
    digest, size = hashlib.sha256(), 0
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for block in blocks:
            file.write(block)
            digest.update(block)
            size += len(block)
        file.flush()
        sync_file(file.fileno())
    draft.replace(target)
    return size, digest.hexdigest()


def read_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks of 1 MiB."""
    with path.open("rb", buffering=0) as file:
        while block := file.read(COPY_BYTES):
            yield block


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
