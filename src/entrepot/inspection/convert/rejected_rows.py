"""The rejected rows as they were uploaded, with what is wrong with each: `report.csv`.

Runs in the sandbox process. The file is inspected again, with more errors listed than a report
holds, and the rows that have any are written. Cells stay as they are but for those that a
spreadsheet would execute (CWE-1236, OWASP "CSV Injection"): these get an apostrophe before them.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.check.row_errors import surplus_cells
from entrepot.inspection.context import InspectionContext
from entrepot.inspection.convert.csv_injection import escape_formula
from entrepot.inspection.inspect import judge_file
from entrepot.inspection.results import Inspection, InspectionRequest
from entrepot.inspection.sql import sql
from entrepot.inspection.table import Table

MAX_ERRORS = 100_000
"""Errors that are written; a last row says so if there are more."""
ROWS_PER_QUERY = 5_000
"""Rows that are looked up by their numbers at a time, to bound the query's length."""
BATCH_ROWS = 1_000
"""Rows that are fetched at a time."""
PLACES = ("_row", "_line", "_errors")


@dataclass(frozen=True)
class FoundErrors:
    """The errors of a file, whether there are more, and whether the file is a table at all."""

    errors: list[dict[str, Any]]
    truncated: bool
    tabular: bool


def find_errors(request: InspectionRequest, context: InspectionContext) -> FoundErrors:
    """The errors of the file, more of them than a report lists."""
    limits = replace(context.limits, errors=MAX_ERRORS)
    return errors_of(judge_file(request, replace(context, limits=limits)).inspection)


def errors_of(inspection: Inspection) -> FoundErrors:
    """The errors that a report lists; without a contract they are its findings."""
    task = inspection.report["tasks"][0]
    errors = task["errors"] or task.get("findings", [])
    return FoundErrors(errors, bool(task["truncated"]), inspection.row_count is not None)


def write_errors_alone(errors: Sequence[dict[str, Any]], target: Path) -> None:
    """Write the errors of a file that holds no table: each with the line that it names."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(PLACES)
        for error in errors:
            place = [error.get("rowNumber", ""), error.get("lineNumber", "")]
            writer.writerow([*place, errors_text([error])])


def write_rejected(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    errors: Sequence[dict[str, Any]],
    truncated: bool,
    target: Path,
) -> int:
    """Write the rows of `table` that have errors, in the file's order; how many.

    The first three columns are the row's number, its line, and the messages of its errors; the
    faults of the header and of the file come first. Surplus cells of a long row follow its last. A
    record that is not a row of the table, such as a line that is not JSON, has no cells.
    """
    by_row: dict[int, list[dict[str, Any]]] = {}
    others = []
    for error in errors:
        if error.get("rowNumber"):
            by_row.setdefault(error["rowNumber"], []).append(error)
        else:
            others.append(error)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([*PLACES, *map(escape_formula, table.labels)])
        if others:
            first, header_line = table.header_rows[0], table.header_line or ""
            labels = map(escape_formula, table.labels)
            writer.writerow([first, header_line, errors_text(others), *labels])
        for number, line, cells in _rows_and_records(engine, table, sorted(by_row)):
            row_errors = by_row[number]
            lines = (error["lineNumber"] for error in row_errors if error.get("lineNumber"))
            place = line or next(lines, "")
            writer.writerow([number, place, errors_text(row_errors), *map(escape_formula, cells)])
        if truncated:
            more = f"There are more: the first {MAX_ERRORS:,} errors are written."
            writer.writerow(["", "", more])
    return len(by_row)


def _rows_and_records(
    engine: duckdb.DuckDBPyConnection, table: Table, numbers: Sequence[int]
) -> Iterator[tuple[int, int | None, list[str]]]:
    """The rows of these numbers, in order; without line and cells where there is no such row."""
    rows = _rows(engine, table, numbers)
    row = next(rows, None)
    for number in numbers:
        if row is not None and row[0] == number:
            yield row
            row = next(rows, None)
        else:
            yield number, None, []


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
    """The messages of errors, joined."""
    return " ".join(str(error["message"]) for error in errors)
