"""Column types and connection types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Text,
    TypeDecorator,
    Uuid,
    bindparam,
    cast,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import UserDefinedType

from entrepot.texts.json_text import JsonText

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


class StoredJson(UserDefinedType[JsonText]):
    """A JSON document as its text: no column of it is parsed or written in a database thread.

    Binding anything but a `JsonText` or None raises TypeError. The JSON value null, which earlier
    releases stored, is None.
    """

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """The name of the type in SQL."""
        return "JSON"

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Read it as a text, since PostgreSQL's driver would parse it."""
        return type_coerce(cast(column, Text), self)

    def bind_processor(self, dialect: Dialect) -> Callable[[JsonText | None], str | None]:
        """Take texts alone."""
        del dialect

        def process(value: JsonText | None) -> str | None:
            if value is None:
                return None
            if not isinstance(value, JsonText):
                raise TypeError(f"a {type(value).__name__} instead of a JsonText")
            return str(value)

        return process

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], JsonText | None]:
        """The text, unless it is null."""
        del dialect, coltype

        def process(value: str | None) -> JsonText | None:
            return None if value is None or value == "null" else JsonText(value)

        return process


class json_member(FunctionElement[JsonText]):  # noqa: N801 - as functions of SQL are named
    """A part of a stored document, by names and positions; NULL where there is none. The database
    finds it, without Python's lock."""

    inherit_cache = False
    name = "json_member"

    def __init__(self, column: ColumnElement[Any], *path: str | int) -> None:
        super().__init__(column)
        self.path = path
        self.type = StoredJson()


@compiles(json_member, "sqlite")
def _member_in_sqlite(element: json_member, compiler: Any, **options: Any) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in element.path)
    return f"({compiler.process(element.clauses, **options)} -> '${''.join(parts)}')"


@compiles(json_member, "postgresql")
def _member_in_postgresql(element: json_member, compiler: Any, **options: Any) -> str:
    path = ",".join(map(str, element.path))
    return f"({compiler.process(element.clauses, **options)} #> '{{{path}}}')"
