"""Column types and connection types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import BindParameter, Connection, DateTime, Dialect, TypeDecorator, Uuid, bindparam

ReadConnection = NewType("ReadConnection", Connection)
"""A connection inside a transaction that may only read."""

WriteConnection = NewType("WriteConnection", ReadConnection)
"""A connection inside a transaction that may write; usable wherever a ReadConnection is."""


def uuid_parameter(name: str) -> BindParameter[UUID]:
    """A parameter of a query that is built once: to build one takes longer than to run it."""
    return bindparam(name, type_=Uuid())


class UtcTime(TypeDecorator[datetime]):
    """A point in time in UTC. Binding a naive value raises ValueError.

    PostgreSQL stores the zone; SQLite stores text that sorts like the time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value for the database, in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value for the program, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
