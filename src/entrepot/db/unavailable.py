"""Which errors say that the database does not answer now, rather than that a statement is wrong."""

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

SQLITE_UNAVAILABLE = frozenset({5, 8, 10, 14})
"""SQLITE_BUSY (for longer than the timeout), _READONLY, _IOERR, _CANTOPEN: the disk or its folder
(sqlite.org/rescode.html, the primary codes)."""
POSTGRESQL_UNAVAILABLE = frozenset({"08", "25006", "53", "57P01", "57P02", "57P03", "57P05", "58"})
"""Classes and codes: no connection, read-only after a failover, no resources, shut down, starting
up, an idle session that was ended, an error of its system (PostgreSQL, appendix A)."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the same work may succeed once the database answers again.

    Its outcome is unknown where it broke off in a commit, so this decides about answers, never
    about what may be cleaned up.
    """
    if isinstance(error, PoolTimeout):  # all connections wait for the database
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in SQLITE_UNAVAILABLE
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(original, "sqlstate", None)
    if state is None:  # psycopg could not connect, or the connection broke
        return type(original).__name__ == "OperationalError"
    return state in POSTGRESQL_UNAVAILABLE or state[:2] in POSTGRESQL_UNAVAILABLE
