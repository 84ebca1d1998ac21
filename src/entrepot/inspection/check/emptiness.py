"""Check that a table has enough rows, and values in the columns that must not be empty.

Both are properties of our own (`entrepot:minRows`, `entrepot:notEmpty`): the standard has no
constraint on a whole table.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import Sql
from entrepot.inspection.table import MAX_FIRST_ROWS, Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.schemas.model import TableSchema
from entrepot_client.counts import counted

MAX_NAMED_GAPS = 10
"""Columns that are named for cells without a value."""


def check_emptiness(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    cells: Sequence[tuple[int, CellSql]],
    rows: int,
) -> list[dict[str, Any]]:
    """The errors of a table with `rows` data rows: too few of them, or columns without any value.

    `cells` are the columns that are checked, by position from 1. A table without rows has no empty
    columns: its one error is that. Raises duckdb.Error where the scan fails.
    """
    if rows < schema.min_rows:
        least = counted(schema.min_rows, "row")
        has = counted(rows, "row") if rows else "no rows"
        stated = Statement(f"the table has {has}", f"at least {least}")
        return [problem("too-few-rows" if rows else "no-rows", "", stated)]
    filled_only = [(number, cell) for number, cell in cells if cell.field.not_empty]
    if not rows or not filled_only:
        return []
    filled = columns_with_values(engine, table, filled_only)
    return [
        problem(
            "empty-column",
            'the column is "entrepot:notEmpty"',
            Statement("the column has no value in any row", "a value in at least one row"),
            fieldName=cell.field.name,
            fieldNumber=number,
        )
        for number, cell in filled_only
        if number not in filled
    ]


def columns_with_values(
    engine: duckdb.DuckDBPyConnection, table: Table, cells: Sequence[tuple[int, CellSql]]
) -> frozenset[int]:
    """The positions of the columns that have a value in some row. Raises duckdb.Error."""
    if table.first_rows:
        filled = {
            number
            for number, cell in cells
            if any(cell.has_value(row[number - 1]) for row in table.first_rows)
        }
    else:
        first_rows = f"(SELECT * FROM {table.relation} LIMIT {MAX_FIRST_ROWS})"
        filled = _filled(engine, first_rows, cells)
    sparse = [(number, cell) for number, cell in cells if number not in filled]
    return frozenset(filled | _filled(engine, table.relation, sparse))


def _filled(
    engine: duckdb.DuckDBPyConnection, relation: Sql, cells: Sequence[tuple[int, CellSql]]
) -> set[int]:
    filled: set[int] = set()
    for start in range(0, len(cells), COLUMNS_PER_QUERY):
        part = cells[start : start + COLUMNS_PER_QUERY]
        flags = ", ".join(f"bool_or({cell.present})" for _, cell in part)
        row = engine.execute(f"SELECT {flags} FROM {relation}").fetchone() or ()
        filled |= {number for (number, _), flag in zip(part, row, strict=True) if flag}
    return filled


def describe_unmarked_gaps(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema | None
) -> tuple[str, ...]:
    """A sentence for each column whose contract has no text for a missing value and that has such
    cells: formats with types have them whatever `missingValues` says. Raises
    duckdb.Error where the scan fails."""
    if schema is None or not table.stores_types:
        return ()
    cells = [
        cell
        for _, cell in checked_columns(table.known_to_have_controls(False), schema)
        if not schema.missing_values_of(cell.field)
    ][:MAX_NAMED_GAPS]
    if not cells:
        return ()
    counts = ", ".join(f"count_if({cell.text} IS NULL)" for cell in cells)
    row = engine.execute(f"SELECT {counts} FROM {table.relation}").fetchone() or ()
    return tuple(
        f"{quoted(cell.field.name)}: {count:,} {'cell has' if count == 1 else 'cells have'} no "
        "value. `missingValues` has no text for that, so a CSV has an empty text there."
        for cell, count in zip(cells, row, strict=True)
        if count
    )
