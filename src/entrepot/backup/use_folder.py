"""Hold a folder of back-ups: it belongs to one installation, and one command at a time changes it.

A store has its blobs in folders of the same names. So a back-up whose folder is a store by mistake
would take the blobs for copies, and remove them with its oldest snapshot.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from entrepot.backup.folder import BLOB_FOLDER, BackupFolder, read_manifest
from entrepot.blobs.disk_sync import ID_FILE, DurableFolders, write_durably
from entrepot.bootstrap.backup_mark import OWNER_FILE
from entrepot.errors import StartRefused
from entrepot.settings import Settings

LOCK_FILE = "lock"
FOREIGN_NAMES = (ID_FILE, "incoming", "trash", "held", "entrepot.db", "secret", "node")
"""What stores and data folders have, and a folder of back-ups never."""
VERIFICATION = "verify-"
"""How the names of the restorations begin that only check a snapshot."""


@contextmanager
def hold_for_backup(folder: Path, settings: Settings, owner: UUID) -> Iterator[BackupFolder]:
    """The folder, made if need be, for a back-up of the installation `owner`.

    What killed back-ups left half done is removed. Raises StartRefused, before anything is written,
    if the folder is of something else, and if another command uses it; `OSError`.
    """
    _refuse_places(folder, settings)
    _refuse_others(folder, owner)
    DurableFolders(folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    with _locked(folder, os.open(folder / LOCK_FILE, flags, 0o600), fcntl.LOCK_EX):
        _refuse_others(folder, owner)
        write_durably(folder / OWNER_FILE, str(owner).encode())
        backup = BackupFolder(folder)
        for left in (*backup.snapshots.glob("*.part"), *folder.glob(f"{VERIFICATION}*")):
            shutil.rmtree(left)
        yield backup


@contextmanager
def hold_for_restoration(folder: Path) -> Iterator[BackupFolder]:
    """The folder, which no back-up changes meanwhile. Raises StartRefused if one does now.

    It may be one that nobody can write to; one of an earlier release has no lock.
    """
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield BackupFolder(folder)
        return
    with _locked(folder, descriptor, fcntl.LOCK_SH):
        yield BackupFolder(folder)


@contextmanager
def _locked(folder: Path, descriptor: int, kind: int) -> Iterator[None]:
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartRefused(
                reason=f"Another command uses the folder of back-ups {folder}. Wait until it has "
                "ended. Nothing was changed."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _refuse_places(folder: Path, settings: Settings) -> None:
    """What is lost with the data folder or the store is not a back-up of them."""
    place = folder.resolve()
    for own in (settings.data, settings.blobs):
        if place.is_relative_to(own.resolve()):
            raise StartRefused(
                reason=f"The folder of back-ups {folder} is within {own}, which it is to protect. "
                "Name a folder on another disk. Nothing was changed."
            )


def _refuse_others(folder: Path, owner: UUID) -> None:
    if folder.exists() and not folder.is_dir():
        raise StartRefused(reason=f"{folder} is not a folder. Name a folder for back-ups.")
    foreign = next((name for name in FOREIGN_NAMES if (folder / name).exists()), None)
    owners = _owners(BackupFolder(folder))
    if foreign is None and not owners and (folder / BLOB_FOLDER).exists():
        foreign = BLOB_FOLDER
    if foreign is not None:
        raise StartRefused(
            reason=f"{folder} is not a folder of back-ups. It has {foreign}, as a data folder or a "
            "store has. Name an empty folder. Nothing was changed."
        )
    if owners - {str(owner)}:
        raise StartRefused(
            reason=f"The folder {folder} has back-ups of installation "
            f"{min(owners - {str(owner)})}. This is installation {owner}, which needs a folder of "
            "its own. Nothing was changed."
        )


def _owners(backup: BackupFolder) -> set[str]:
    """Whose back-ups a folder has; without its file, as in an earlier release, by its snapshots."""
    try:
        return {(backup.root / OWNER_FILE).read_text(encoding="ascii").strip()}
    except (FileNotFoundError, NotADirectoryError):
        owners = set()
        for snapshot in backup.complete_snapshots():
            with suppress(StartRefused):  # it is damaged, and says nothing
                owners.add(read_manifest(snapshot).installation)
        return owners
