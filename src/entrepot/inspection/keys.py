"""Unique fields and the primary key: which rows repeat an earlier one."""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

from dataclasses import dataclass
from typing import Any

import duckdb

from entrepot.inspection.cells import CellSql, plain_number
from entrepot.inspection.report import problem, shortened, shown_cells
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema

ALL_MISSING = 'cells composing the primary keys are all "None"'
EXACT_DIGITS = 15


@dataclass(frozen=True)
class Key:
    """What must differ from row to row: one unique field, or the primary key (number 0)."""

    type: str
    field_number: int
    field_name: str | None
    parts: tuple[str, ...]


@dataclass(frozen=True)
class KeyFaults:
    """The rows that break one key: those listed, their total, and a relation with `_row`."""

    type: str
    field_name: str | None
    field_number: int
    total: int
    errors: list[dict[str, Any]]
    rows: str


def keys_of(
    schema: TableSchema, cells: list[tuple[int, CellSql]], skipped: frozenset[int]
) -> list[Key]:
    """The keys whose columns are all there."""
    judged = {cell.field.name: (n, cell) for n, cell in cells if n not in skipped}
    keys = [
        Key("unique-error", number, name, (comparable(cell),))
        for name, (number, cell) in judged.items()
        if cell.field.constraints.unique
    ]
    if schema.primary_key and all(name in judged for name in schema.primary_key):
        parts = tuple(comparable(judged[name][1]) for name in schema.primary_key)
        keys.append(Key("primary-key", 0, None, parts))
    return keys


def comparable(cell: CellSql) -> str:
    """A value that is equal for equal values of the type, NULL where there is none.

    Numbers of more digits than a double holds are compared as text, so that they never
    collapse into one.
    """
    value = cell.value
    if cell.field.type in ("integer", "year"):
        value = f"coalesce({value}::VARCHAR, trim({cell.text}))"
    elif cell.field.type == "number":
        plain = f"trim({plain_number(cell.text, cell.field)})"
        value = (
            f"CASE WHEN length({plain}) <= {EXACT_DIGITS} THEN {value}::VARCHAR ELSE {plain} END"
        )
    return f"CASE WHEN {cell.present} AND {cell.valid} THEN {value} END"


def check_keys(
    engine: duckdb.DuckDBPyConnection, table: Table, keys: list[Key], listed: int
) -> list[KeyFaults]:
    """The keys that do not hold. A key that holds costs one pass of counting."""
    found = []
    for key in keys:
        value = key.parts[0] if len(key.parts) == 1 else f"row({', '.join(key.parts)})"
        missing = " AND ".join(f"({part}) IS NULL" for part in key.parts)
        primary = key.type == "primary-key"
        row = engine.execute(
            f"SELECT count(*) FILTER (WHERE NOT none), count(DISTINCT k) FILTER (WHERE NOT none), "
            f"count(*) FILTER (WHERE none) "
            f"FROM (SELECT {value} AS k, ({missing}) AS none FROM {table.relation})"
        ).fetchone() or (0, 0, 0)
        repeated = int(row[0]) - int(row[1])
        total = repeated + (int(row[2]) if primary else 0)
        if total:
            found.append(_faults(engine, table, key, value, missing, total, listed))
    return found


def _faults(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    key: Key,
    value: str,
    missing: str,
    total: int,
    listed: int,
) -> KeyFaults:
    primary = key.type == "primary-key"
    shown = ", ".join(column.text for column in table.columns)
    earlier = "lag(_row) OVER (PARTITION BY k ORDER BY _row)"
    rows = (
        f"(SELECT _row, CASE WHEN none THEN NULL ELSE {earlier} END AS earlier, none FROM "
        f"(SELECT _row, {value} AS k, ({missing}) AS none FROM {table.numbered}) "
        f"{'' if primary else 'WHERE NOT none'} "
        f"QUALIFY earlier IS NOT NULL{' OR none' if primary else ''})"
    )
    first = f"(SELECT * FROM {rows} ORDER BY _row LIMIT {listed})"
    query = (
        f"SELECT t._row, t._line, f.earlier, [{_prefixed(shown)}] FROM {table.numbered} AS t "
        f"JOIN {first} AS f ON t._row = f._row ORDER BY t._row"
    )
    errors = []
    for number, line, before, cells in engine.execute(query).fetchall():
        note = f"the same as in the row at position {before}" if before else ALL_MISSING
        places: dict[str, Any] = {
            "rowNumber": number,
            "lineNumber": line,
            "cells": shown_cells(cells),
        }
        if key.field_number:
            cell = cells[key.field_number - 1] if not table.by_name else _named(table, key, cells)
            places |= {
                "cell": shortened(cell or ""),
                "fieldName": key.field_name,
                "fieldNumber": key.field_number,
            }
        errors.append(problem(key.type, note, **places))
    return KeyFaults(key.type, key.field_name, key.field_number, total, errors, rows)


def _prefixed(shown: str) -> str:
    return shown


def _named(table: Table, key: Key, cells: list[str | None]) -> str | None:
    return cells[table.labels.index(str(key.field_name))]
