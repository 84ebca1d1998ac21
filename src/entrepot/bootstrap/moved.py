"""The note in a data folder that its SQLite database was moved to PostgreSQL, or its store too.

Both databases name the same bytes: two servers on them would take each other's for orphans. And of
two stores with the same bytes only one gets the new ones.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from entrepot.blobs.disk_sync import write_durably
from entrepot.bootstrap.stores import store_location
from entrepot.errors import StartRefused
from entrepot.settings import Settings


def write_moved(settings: Settings, database: str, store: str | None) -> None:
    """Note durably where the database is now, and the store if it was moved too; whole, or not at
    all."""
    note = json.dumps({"database": database, "store": store})
    write_durably(_path(settings), note.encode() + b"\n")


@dataclass(frozen=True)
class Moved:
    """Where an installation is now; no `store` if its bytes stayed."""

    database: str
    store: str | None


def read_moved(settings: Settings) -> Moved | None:
    """The note in the data folder; None if there is none."""
    path = _path(settings)
    return Moved(**json.loads(path.read_text())) if path.exists() else None


def refuse_other_move(settings: Settings, database: str) -> None:
    """Refuse to move a second time, to another database than that of the note: servers on both
    would remove each other's bytes. Raises StartRefused."""
    moved = read_moved(settings)
    if moved is not None and moved.database != database:
        raise StartRefused(
            reason=f"This installation was moved to {moved.database}. A second copy would name the "
            "same bytes. If that one is not used any more, drop its database, delete "
            f"{_path(settings)}, and run this again. Nothing was changed."
        )


def refuse_moved(settings: Settings) -> None:
    """Refuse the database and the store that a folder's installation had before it was moved.

    Raises StartRefused.
    """
    moved, path = read_moved(settings), _path(settings)
    if moved is None:
        return
    if settings.embedded:
        raise StartRefused(
            reason=f"This installation was moved to {moved.database}. Set ENTREPOT_DATABASE to "
            "that address. The SQLite database here is as it was at the move; to use it instead, "
            f"which loses everything since, delete {path}. Nothing was changed."
        )
    store, current = moved.store, str(store_location(settings))
    if store is not None and current != store:
        raise StartRefused(
            reason=f"The bytes of this installation were moved to {store}, but the store is "
            f"{current}, which lacks everything since. Set ENTREPOT_STORE to {store}. If they "
            f"were moved again without this command, delete {path}. Nothing was changed."
        )


def _path(settings: Settings) -> Path:
    return settings.data / "moved"
