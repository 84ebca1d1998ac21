"""Rows that break a rule which needs other rows, or cannot be checked in SQL: found apart from the
counting pass, kept as a table of row numbers, and listed with their place and their cells."""

from dataclasses import dataclass
from typing import Any

import duckdb

from entrepot.inspection.report.report import problem, shortened, shown_cells
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import Table


@dataclass(frozen=True)
class TableRule:
    """What the rows break: the report's error type and, if it is a field's, the field."""

    type: str
    field_number: int = 0
    field_name: str | None = None
    note: str = ""


@dataclass(frozen=True)
class RowErrors:
    """The rows that break one rule: those listed, their total, and a relation with `_row`."""

    rule: TableRule
    total: int
    errors: list[dict[str, Any]]
    rows: Sql


def find_row_errors(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    rule: TableRule,
    rows: Sql,
    listed: int,
    note: Sql = sql("NULL"),
) -> RowErrors | None:
    """The faults whose rows are those of the table `rows`, with `_row`; None if there are none.

    `note` is an SQL expression over `rows` that says the fault of one row.
    """
    row = engine.execute(f"SELECT count(*) FROM {rows}").fetchone()
    total = int(row[0]) if row else 0
    if not total:
        return None
    texts = ", ".join(column.text for column in table.columns)
    first = f"(SELECT _row, {note} AS note FROM {rows} ORDER BY _row LIMIT {listed})"
    query = (
        f"SELECT t._row, t._line, f.note, [{texts}] FROM {table.numbered} AS t "
        f"JOIN {first} AS f ON t._row = f._row ORDER BY t._row"
    )
    errors = []
    for number, line, row_note, cells in engine.execute(query).fetchall():
        location: dict[str, Any] = {
            "rowNumber": number,
            "lineNumber": line,
            "cells": shown_cells(cells),
        }
        if rule.field_number:
            location |= {
                "cell": shortened(cells[rule.field_number - 1] or ""),
                "fieldName": rule.field_name,
                "fieldNumber": rule.field_number,
            }
        errors.append(problem(rule.type, row_note or rule.note, **location))
    return RowErrors(rule, total, errors, rows)
