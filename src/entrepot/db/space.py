"""The space that the database has: refuse what adds data in time, and tell a full disk as one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from entrepot.errors import DatabaseFull, StorageFull

SQLITE_FULL, SQLITE_CANTOPEN = 13, 14
SQLITE_SHARED_MEMORY_ERRORS = frozenset({4874, 5130, 5386})
"""SQLITE_IOERR_SHMSIZE, _SHMLOCK and _SHMMAP (sqlite.org/rescode.html): the index of the log could
not grow. Nothing of the transaction is written by then, unlike with other errors of the disk."""
POSTGRESQL_DISK_FULL = "53100"
"""SQLSTATE disk_full (PostgreSQL, appendix A)."""
NO_SPACE_BYTES = 1 << 20
"""With less than this free, an error of SQLite that names no cause is for want of space."""


@dataclass(frozen=True)
class DatabaseSpace:
    """The file system of an embedded database, of which `reserve` bytes stay free for reads, which
    need some of it, and deletions."""

    folder: Path
    reserve: int

    def free(self) -> int:
        """Bytes that this process may still write, the reserve included."""
        stat = os.statvfs(self.folder)
        return stat.f_bavail * stat.f_frsize

    def require(self) -> None:
        """Raise StorageFull if the free space has reached the reserve."""
        free = self.free()
        if free < self.reserve:
            raise StorageFull(free=free, reserve=self.reserve)


@contextmanager
def full_as_error(engine: Engine) -> Iterator[None]:
    """Raise DatabaseFull for an error of the driver, at any statement or commit, that says so."""
    try:
        yield
    except Exception as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        if not _says_full(original, engine):
            raise
        raise DatabaseFull from error


def _says_full(error: Any, engine: Engine) -> bool:
    if getattr(error, "sqlstate", None) == POSTGRESQL_DISK_FULL:
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code == SQLITE_FULL:
        return True
    if code not in SQLITE_SHARED_MEMORY_ERRORS and (code or 0) & 0xFF != SQLITE_CANTOPEN:
        return False
    folder = Path(engine.url.database or ".").parent
    try:
        return DatabaseSpace(folder, NO_SPACE_BYTES).free() < NO_SPACE_BYTES
    except OSError:  # the folder has gone: the driver's error says more
        return False
