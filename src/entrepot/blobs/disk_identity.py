"""Which installation a folder of blobs belongs to: the file `installation` in it."""

from pathlib import Path
from uuid import UUID

from entrepot.blobs.disk_sync import DurableFolders, create_durably, sync_folder
from entrepot.errors import StoreUnavailable

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
    """Make the store below `root` that installation's, durably.

    Raises `StoreUnavailable` if another installation took it meanwhile, and `OSError`.
    """
    DurableFolders(root)
    try:
        create_durably(root / ID_FILE, f"{installation_id}\n".encode("ascii"))
    except FileExistsError:
        if read_store_id(root) != installation_id:
            raise StoreUnavailable(reason="It got another installation's id just now") from None
        sync_folder(root)  # whoever wrote it may have been killed before its name was durable
