"""Copy every table, row by row and value by value, in batches that can be resumed."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import JSON, Select, Table, Text, bindparam, cast, func, insert, select, text

from entrepot.db.engine import Database
from entrepot.db.metadata import metadata
from entrepot.db.types import ReadConnection, WriteConnection

BATCH_ROWS = 1_000
"""Rows of one transaction."""


@dataclass(frozen=True)
class TableDigest:
    """What a table holds: its rows, and the sum of their SHA-256 modulo 2^256.

    A sum has no order: databases sort texts in different ways.
    """

    rows: int
    digest: str


def tables() -> list[Table]:
    """Every table of ours, those that others refer to first."""
    return list(metadata.sorted_tables)


def copy_table(
    table: Table, source: ReadConnection, target: Database, batch_rows: int = BATCH_ROWS
) -> None:
    """Copy the rows that the target does not have yet.

    It has the first ones in the order of the primary key, since each batch is one transaction.
    """
    copied = target.read(count_rows, table)
    query = _exact(table).order_by(*table.primary_key.columns).offset(copied)
    rows = source.execution_options(yield_per=batch_rows).execute(query).mappings()
    for batch in _batches(rows, batch_rows):
        target.write(_insert_rows, table, batch)


def count_rows(conn: ReadConnection, table: Table) -> int:
    """How many rows a table has."""
    return conn.scalar(select(func.count()).select_from(table)) or 0


def digest_table(conn: ReadConnection, table: Table) -> TableDigest:
    """The digest of a table, the same on both databases if the values are the same."""
    total, rows = 0, 0
    for row in conn.execution_options(yield_per=BATCH_ROWS).execute(_exact(table)):
        digest = hashlib.sha256(repr(tuple(map(_plain, row))).encode()).digest()
        total += int.from_bytes(digest)
        rows += 1
    return TableDigest(rows, f"{total % 2**256:064x}")


def continue_sequences(conn: WriteConnection) -> None:
    """Let PostgreSQL number new rows after the copied ones."""
    for table in tables():
        column = table.autoincrement_column
        if column is None or column.autoincrement is not True:
            continue
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        last = conn.scalar(select(func.max(column)))
        conn.execute(select(func.setval(sequence, last or 1, last is not None)))


def _exact(table: Table) -> Select[Any]:
    """Every column as it is stored: of JSON the text, in which `null` is not the same as NULL."""
    columns = [
        cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column
        for column in table.columns
    ]
    return select(*columns)


def _insert_rows(conn: WriteConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    texts = {
        column.name: cast(bindparam(column.name, type_=Text), column.type)
        for column in table.columns
        if isinstance(column.type, JSON)
    }
    # What triggers count of new rows (migration 0020) is copied as well, in rows of its own.
    conn.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
    conn.execute(insert(table).values(texts) if texts else insert(table), rows)
    conn.execute(text(f"ALTER TABLE {table.name} ENABLE TRIGGER USER"))


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while batch := [dict(row) for row in islice(iterator, size)]:
        yield batch


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
