"""The rejected rows as they were uploaded, with what is wrong with each: `report.csv`.

Runs in the sandbox process. The file is inspected once more, with more errors listed than a report
holds, and the rows that have any are written. Cells stay as they are but for those that a
spreadsheet would execute (CWE-1236, OWASP "CSV Injection"): these get an apostrophe before them.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.check.check import surplus_cells
from entrepot.inspection.context import InspectionContext
from entrepot.inspection.convert.csv_injection import escape_formula
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.report.summary import describe_error
from entrepot.inspection.results import InspectionRequest
from entrepot.inspection.sql import sql
from entrepot.inspection.table import SourceBroken, Table

MAX_ERRORS = 100_000
"""Errors that are written; a last row says so if there are more."""
ROWS_PER_QUERY = 5_000
"""Rows that are looked up by their numbers at a time, to bound the query's length."""
BATCH_ROWS = 1_000
"""Rows that are fetched at a time."""
PLACES = ("_row", "_line", "_errors")


def find_errors(
    request: InspectionRequest, context: InspectionContext
) -> tuple[list[dict[str, Any]], bool]:
    """The errors of the file, and whether there are more. Raises SourceBroken without a table."""
    limits = replace(context.limits, errors=MAX_ERRORS)
    inspection = inspect_file(request, replace(context, limits=limits))
    task = inspection.report["tasks"][0]
    if inspection.row_count is None:
        raise SourceBroken(inspection.detail.rstrip("."))
    return task["errors"] or task.get("findings", []), bool(task["truncated"])


def write_rejected(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    errors: Sequence[dict[str, Any]],
    truncated: bool,
    target: Path,
) -> int:
    """Write the rows of `table` that have errors, in the file's order; how many.

    The first three columns are the row's number, its line, and its errors in words; the header's
    own faults are a row 1. Surplus cells of a long row follow its last.
    """
    by_row: dict[int, list[dict[str, Any]]] = {}
    for error in errors:
        by_row.setdefault(error.get("rowNumber") or 1, []).append(error)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([*PLACES, *map(escape_formula, table.labels)])
        if header := [error for error in by_row.get(1, []) if not error.get("rowNumber")]:
            writer.writerow([1, "", errors_text(header), *map(escape_formula, table.labels)])
        written = 0
        for number, line, cells in _rows(engine, table, sorted(by_row)):
            faults = [error for error in by_row[number] if error.get("rowNumber")]
            if faults:
                lines = (error["lineNumber"] for error in faults if error.get("lineNumber"))
                place = line or next(lines, "")
                writer.writerow([number, place, errors_text(faults), *map(escape_formula, cells)])
                written += 1
        if truncated:
            more = f"There are more: the first {MAX_ERRORS:,} errors are written."
            writer.writerow(["", "", more])
    return written


def _rows(
    engine: duckdb.DuckDBPyConnection, table: Table, numbers: Sequence[int]
) -> Iterator[tuple[int, int | None, list[str]]]:
    """The rows of these numbers, in order: number, line and cells as they were given."""
    engine.execute("CREATE OR REPLACE TEMP TABLE listed_rows (number BIGINT)")
    for start in range(0, len(numbers), ROWS_PER_QUERY):
        listed = ", ".join(f"({number})" for number in numbers[start : start + ROWS_PER_QUERY])
        engine.execute(f"INSERT INTO listed_rows VALUES {listed}")
    cells = ", ".join(column.text for column in table.columns)
    uneven = sql("_cells, _extra" if table.uneven else "NULL, NULL")
    rows = engine.execute(
        f"SELECT _row, _line, {uneven}, [{cells}] FROM {table.numbered} "
        f"WHERE _row IN (SELECT number FROM listed_rows) ORDER BY _row"
    )
    while some := rows.fetchmany(BATCH_ROWS):
        for number, line, count, extra, texts in some:
            present = [text or "" for text in (texts if count is None else texts[:count])]
            yield number, line, present + [text for _, text in surplus_cells(extra)]


def errors_text(errors: Sequence[dict[str, Any]]) -> str:
    """Errors in words, joined."""
    return "; ".join(describe_error(error) for error in errors)
