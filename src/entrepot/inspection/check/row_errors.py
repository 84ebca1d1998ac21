"""Rows that break a rule which needs other rows, or cannot be checked in SQL: found apart from the
counting pass, kept as a table of row numbers, and listed with their place and their cells."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from entrepot.inspection.report.report import MAX_SHOWN_CELLS, problem, report_cells, shortened
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import Table

WIDE_COLUMNS = 2 * MAX_SHOWN_CELLS
"""From here on a query that needs few columns is given those alone."""


@dataclass(frozen=True)
class BrokenRow:
    """A row of the report: those of its cells that the report shows or speaks of, by their column
    (from 1), and the number of the earlier row that it repeats, if that is its fault."""

    cells: Mapping[int, str | None]
    earlier: int | None


@dataclass(frozen=True)
class TableRule:
    """What the rows break: the report's error code and, if it is a field's, the field.

    `state` says what is wrong with one row; `further` are other keys of its error; `note` tells
    rules of one code apart. `columns` (from 1) are those whose cells these speak of.
    """

    code: str
    state: Callable[[BrokenRow], Statement]
    columns: tuple[int, ...]
    field_number: int = 0
    field_name: str | None = None
    note: str = ""
    further: Callable[[BrokenRow], dict[str, Any]] = lambda row: {}


@dataclass(frozen=True)
class RowErrors:
    """The rows that break one rule: those listed, their total, and a relation with `_row`."""

    rule: TableRule
    total: int
    errors: list[dict[str, Any]]
    rows: Sql


def narrow_if_wide(table: Table, numbers: Sequence[int]) -> Table:
    """The table, with the columns at `numbers` (from 1) alone in its relations if it is wide."""
    if len(table.columns) < WIDE_COLUMNS:
        return table
    return table.narrow([number - 1 for number in numbers])


def report_columns(table: Table) -> range:
    """The columns (from 1) whose cells the report shows of a row."""
    return range(1, min(len(table.columns), MAX_SHOWN_CELLS) + 1)


def find_row_errors(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rule: TableRule,
    rows: Sql,
    listed: int,
    repeats: bool = False,
) -> RowErrors | None:
    """The faults whose rows are those of the table `rows`, with `_row`; None if there are none.

    `repeats` says that `rows` also has `earlier`, the number of the row that a row repeats (NULL:
    none), and `note`, which says the fault of one row.
    """
    row = engine.execute(f"SELECT count(*) FROM {rows}").fetchone()
    total = int(row[0]) if row else 0
    if not total:
        return None
    reported = report_columns(table)
    numbers = sorted({*reported, *rule.columns})
    source = narrow_if_wide(table, numbers)
    texts: list[Sql] = [source.columns[number - 1].text for number in numbers]
    facts = sql("earlier, note" if repeats else "NULL::BIGINT AS earlier, NULL::VARCHAR AS note")
    first = f"(SELECT _row, {facts} FROM {rows} ORDER BY _row LIMIT {listed})"
    query = (
        f"SELECT t._row, t._line, f.earlier, f.note, [{', '.join(texts)}] "
        f"FROM {source.numbered} AS t "
        f"JOIN {first} AS f ON t._row = f._row ORDER BY t._row"
    )
    broken = engine.execute(query).fetchall()
    lines = _lines_of(engine, source, first) if repeats else {}
    errors = []
    for number, line, earlier, note, listed_cells in broken:
        cells = dict(zip(numbers, listed_cells, strict=True))
        broken_row = BrokenRow(cells, earlier)
        location: dict[str, Any] = {
            "rowNumber": number,
            "lineNumber": line,
            "earlierRowNumber": earlier,
            "earlierLineNumber": lines.get(earlier),
            "cells": report_cells([cells[each] for each in reported]),
            **rule.further(broken_row),
        }
        if rule.field_number:
            location |= {
                "cell": shortened(cells[rule.field_number] or ""),
                "fieldName": rule.field_name,
                "fieldNumber": rule.field_number,
            }
        errors.append(problem(rule.code, note or rule.note, rule.state(broken_row), **location))
    return RowErrors(rule, total, errors, rows)


def _lines_of(engine: duckdb.DuckDBPyConnection, table: Table, first: Sql) -> dict[int, int]:
    """The physical lines of the earlier rows, as far as the reader knows them."""
    earlier_rows = f"SELECT earlier FROM {first} WHERE earlier IS NOT NULL"
    query = f"SELECT _row, _line FROM {table.numbered} WHERE _row IN ({earlier_rows})"
    return {row: line for row, line in engine.execute(query).fetchall() if line is not None}


def surplus_cells(extra: str | None, first: int = 1) -> list[tuple[int, str]]:
    """The cells of a row beyond the header with their columns, as the reader wrote them (a JSON
    list): one after another from `first` on, or each with its column, which is 0 to the left of the
    table."""
    cells = json.loads(extra) if extra else []
    return [
        (int(cell[0]), str(cell[1])) if isinstance(cell, list) else (n, str(cell))
        for n, cell in enumerate(cells, start=first)
    ]
