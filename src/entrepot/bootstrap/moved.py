"""The note in a data folder that its SQLite database was moved to PostgreSQL.

Both databases name the same bytes: two servers on them would take each other's for orphans.
"""

import json
from pathlib import Path

from entrepot.blobs.disk_sync import write_durably
from entrepot.errors import StartRefused
from entrepot.settings import Settings


def write_moved(settings: Settings, database: str) -> None:
    """Note durably where the database is now; whole, or not at all."""
    write_durably(_path(settings), json.dumps({"database": database}).encode() + b"\n")


def refuse_moved(settings: Settings) -> None:
    """Refuse the SQLite database of a folder whose installation was moved. Raises StartRefused."""
    path = _path(settings)
    if not settings.embedded or not path.exists():
        return
    raise StartRefused(
        reason=f"This installation was moved to {json.loads(path.read_text())['database']}. Set "
        f"ENTREPOT_DATABASE to that address. The SQLite database here is as it was at the move; "
        f"to use it instead, which loses everything since, delete {path}. Nothing was changed."
    )


def _path(settings: Settings) -> Path:
    return settings.data / "moved"
