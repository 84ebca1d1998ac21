"""Which installation a folder of blobs belongs to: the file `installation` in it."""

from pathlib import Path
from uuid import UUID

from entrepot.blobs.disk_sync import DurableFolders, write_durably

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
    write_durably(root / ID_FILE, f"{installation_id}\n".encode("ascii"))
