"""Change a file's name, path, description, size limit and retention."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, update

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.tables import files, versions
from entrepot.db.types import WriteConnection
from entrepot.errors import SizeLimitTooSmall
from entrepot.files.cleanup.retention import Retention
from entrepot.files.names import fold_name
from entrepot.files.paths import claim_path
from entrepot.grants.access import lock_manageable

API_NAMES = {
    "name": "file_name",
    "path": "path",
    "description": "file_description",
    "size_limit": "file_size_limit",
    "retention": "retention",
}
"""What can be changed, and what the API calls it."""


@dataclass(frozen=True)
class FileChange:
    """What is to change, None for what is not; `size_limit` is bytes. All of it is sound.

    `retention` counts only if `sets_retention`, and `path` if `sets_path`; None then ends it.
    """

    name: str | None = None
    description: str | None = None
    size_limit: int | None = None
    sets_retention: bool = False
    retention: Retention | None = None
    sets_path: bool = False
    path: str | None = None

    def values(self) -> dict[str, Any]:
        """By column."""
        fields = {"name": self.name, "description": self.description, "size_limit": self.size_limit}
        values: dict[str, Any] = {
            column: value for column, value in fields.items() if value is not None
        }
        if self.sets_retention:
            values["retention"] = self.retention.to_document() if self.retention else None
        if self.sets_path:
            values["path"] = self.path
        return values


def change_file(
    conn: WriteConnection, actor: Actor, file_id: UUID, change: FileChange, now: datetime
) -> None:
    """Change a file; what is as it should be already is not a change.

    Raises NotFound, NotAllowed, PathTaken, and SizeLimitTooSmall for a limit below the current
    version's size.
    """
    target = lock_manageable(conn, actor, file_id)
    current = and_(versions.c.file_id == files.c.id, versions.c.number == files.c.current_version)
    query = select(files, versions.c.size).outerjoin(versions, current)
    row = conn.execute(query.where(files.c.id == file_id)).one()
    new_values = {
        column: value for column, value in change.values().items() if value != getattr(row, column)
    }
    limit = new_values.get("size_limit")
    if limit is not None and row.size is not None and limit < row.size:
        raise SizeLimitTooSmall(requested=limit, file_size=row.size, version=row.current_version)
    if not new_values:
        return
    keys: dict[str, str | None] = {}
    if "name" in new_values:
        keys["name_key"] = fold_name(new_values["name"])
    if "path" in new_values:
        path = new_values["path"]
        keys["path_key"] = path and claim_path(conn, target.account_id, path, file_id)
    statement = update(files).where(files.c.id == file_id)
    conn.execute(statement.values(**new_values, **keys, updated_at=now))
    detail = {
        API_NAMES[column]: {"from": getattr(row, column), "to": value}
        for column, value in new_values.items()
    }
    record(conn, target.account_id, actor, "file.change", now, file_id, None, detail)
