"""Which installation a folder of blobs belongs to: the file `installation` in it."""

import os
from pathlib import Path
from uuid import UUID

from entrepot.blobs.disk_sync import DurableFolders, sync_file, sync_folder

ID_FILE = "installation"


def read_store_id(root: Path) -> UUID | None:
    """The id of the installation that the store below `root` belongs to; None if it has none.

    Creates nothing. Raises `ValueError` if the file holds no id, and `OSError`.
    """
    try:
        return UUID((root / ID_FILE).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def write_store_id(root: Path, installation_id: UUID) -> None:
    """Make the store below `root` that installation's, durably. Raises `OSError`."""
    DurableFolders(root)
    draft = root / f"{ID_FILE}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{installation_id}\n")
        file.flush()
        sync_file(file.fileno())
    draft.replace(root / ID_FILE)
    sync_folder(root)
