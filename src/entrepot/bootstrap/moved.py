"""The note in a data folder that its SQLite database was moved to PostgreSQL, or its store too.

Both databases name the same bytes: two servers on them would take each other's for orphans. And of
two stores with the same bytes only one gets the new ones.
"""

import json
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


def refuse_moved(settings: Settings) -> None:
    """Refuse the database and the store that a folder's installation had before it was moved.

    Raises StartRefused.
    """
    path = _path(settings)
    if not path.exists():
        return
    moved = json.loads(path.read_text())
    if settings.embedded:
        raise StartRefused(
            reason=f"This installation was moved to {moved['database']}. Set ENTREPOT_DATABASE to "
            "that address. The SQLite database here is as it was at the move; to use it instead, "
            f"which loses everything since, delete {path}. Nothing was changed."
        )
    store, current = moved.get("store"), str(store_location(settings))
    if store is not None and current != store:
        raise StartRefused(
            reason=f"The bytes of this installation were moved to {store}, but the store is "
            f"{current}, which lacks everything since. Set ENTREPOT_STORE to {store}. If they "
            f"were moved again without this command, delete {path}. Nothing was changed."
        )


def _path(settings: Settings) -> Path:
    return settings.data / "moved"
