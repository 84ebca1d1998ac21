"""Which installation a folder of blobs belongs to: the file `installation` in it.

While a move copies into a store, the file says so: half of the bytes must never be served, and the
store that the bytes come from, which has the id alone, is never taken for their target.
"""

from pathlib import Path
from uuid import UUID

from entrepot.blobs.disk_sync import (
    ID_FILE,
    DurableFolders,
    create_durably,
    sync_folder,
    write_durably,
)
from entrepot.errors import StoreUnavailable

UNFINISHED = "unfinished copy of "


class UnfinishedCopy(ValueError):
    """A move has not finished the copy in this store."""

    def __init__(self, installation_id: UUID) -> None:
        super().__init__(f"{UNFINISHED}{installation_id}")
        self.installation_id = installation_id


def format_id(installation_id: UUID, unfinished: bool = False) -> bytes:
    """What a store says about whose it is."""
    return f"{UNFINISHED if unfinished else ''}{installation_id}\n".encode("ascii")


def parse_id(text: str) -> UUID:
    """The id in what a store says. Raises `UnfinishedCopy`, and `ValueError` if it has no id."""
    owner = text.strip()
    if owner.startswith(UNFINISHED):
        raise UnfinishedCopy(UUID(owner.removeprefix(UNFINISHED)))
    return UUID(owner)


def read_store_id(root: Path) -> UUID | None:
    """The id of the installation that the store below `root` belongs to; None if it has none.

    Creates nothing. Raises `UnfinishedCopy`, `ValueError` if the file holds no id, and `OSError`.
    """
    try:
        return parse_id((root / ID_FILE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def write_store_id(root: Path, installation_id: UUID, unfinished: bool = False) -> None:
    """Make the store below `root` that installation's, durably.

    Raises `StoreUnavailable` if another installation took it meanwhile, and `OSError`.
    """
    DurableFolders(root)
    text = format_id(installation_id, unfinished)
    try:
        create_durably(root / ID_FILE, text)
    except FileExistsError:
        if (root / ID_FILE).read_bytes().strip() != text.strip():
            raise StoreUnavailable(reason="It got another installation's id just now") from None
        sync_folder(root)  # whoever wrote it may have been killed before its name was durable


def finish_store_copy(root: Path, installation_id: UUID) -> None:
    """Let the copy in the store below `root` be used, durably. Raises `OSError`."""
    write_durably(root / ID_FILE, format_id(installation_id))
