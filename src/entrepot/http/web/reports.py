"""A report as pages show it: in words, the first rejected rows with their wrong cells, the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.report.summary import describe_count

ROWS_SHOWN = 20
"""Rejected rows on a page; the rest is in the report as CSV and JSON."""
ERRORS_SHOWN = 20
"""Errors without a row on a page."""
COLUMNS_SHOWN = 8
"""Columns of the rejected rows: those with a wrong cell go before the others."""
MARKED = ("type-error", "constraint-error", "unique-error", "missing-cell", "extra-cell")
"""Errors whose place is one cell of a row."""


@dataclass(frozen=True)
class Cell:
    """One cell of a rejected row; `absent` if the row is too short to have it."""

    text: str
    has_error: bool
    absent: bool = False


@dataclass(frozen=True)
class RejectedRow:
    """A row with what is wrong with it; `cells` are those of the columns that are shown."""

    number: int
    line: int | None
    cells: tuple[Cell, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """How many errors of one kind one column has."""

    title: str
    column: str
    count: int


@dataclass(frozen=True)
class ReportView:
    """What a report says. `bound` is whether a contract binds, else errors are findings only.

    `rejected` counts all rows with an error, `rows` those of the table (None: it is none), and
    `columns` the labels of the columns shown, out of `wide`; `errors` are those that have no row.
    """

    valid: bool
    bound: bool
    summary: str
    count: int
    rejected: int
    rows: int | None
    columns: tuple[str, ...]
    wide: int
    first_rows: tuple[RejectedRow, ...]
    errors: tuple[dict[str, Any], ...]
    counts: tuple[Count, ...]
    warnings: tuple[str, ...]

    @property
    def faultless(self) -> bool:
        """Whether there is nothing to show but that."""
        return not self.first_rows and not self.errors


def report_view(report: dict[str, Any]) -> ReportView:
    """The report of one file in words and rows."""
    task = report["tasks"][0]
    listed = task["errors"] or task.get("findings", [])
    rows = _by_row([error for error in listed if _has_row(error)])[:ROWS_SHOWN]
    labels, width = task["labels"], _width(task["labels"], rows)
    places = _places(rows, width)
    return ReportView(
        valid=report["valid"],
        bound="findings" not in task,
        summary=task.get("summary", ""),
        count=sum(each["count"] for each in task["errorCounts"]),
        rejected=task["rowsRejected"],
        rows=task["stats"].get("rows"),
        columns=tuple(labels[n - 1] if n <= len(labels) else "" for n in places),
        wide=width,
        first_rows=tuple(_row(errors, places) for errors in rows),
        errors=tuple([error for error in listed if not _has_row(error)][:ERRORS_SHOWN]),
        counts=tuple(_count(each, listed, labels) for each in task["errorCounts"]),
        warnings=tuple(text for text in task["warnings"] if text != task.get("summary")),
    )


def column_of(error: Mapping[str, Any]) -> str:
    """What people call the column of an error: as the contract does, else as the delivery does,
    which may have a column more; by its number if it has no name. Empty for other errors."""
    number = error.get("fieldNumber")
    name = error.get("fieldName") or error.get("label")
    return str(name or (f"column {number}" if number else ""))


def _has_row(error: dict[str, Any]) -> bool:
    return "rowNumber" in error and "cells" in error


def _by_row(errors: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The errors of each row, rows in the order of the file."""
    rows: dict[int, list[dict[str, Any]]] = {}
    for error in errors:
        rows.setdefault(error["rowNumber"], []).append(error)
    return [rows[number] for number in sorted(rows)]


def _cell_errors(errors: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The errors of one row that one cell has, by the number of its column."""
    marked = [error for error in errors if error["type"] in MARKED and error.get("fieldNumber")]
    return {error["fieldNumber"]: error for error in marked}


def _width(labels: Sequence[str], rows: Sequence[Sequence[dict[str, Any]]]) -> int:
    """Columns of the table, or of its longest row shown."""
    longest = [max([len(row[0]["cells"]), *_cell_errors(row)]) for row in rows]
    return max([len(labels), *longest])


def _places(rows: Sequence[Sequence[dict[str, Any]]], width: int) -> list[int]:
    """The numbers of the columns that are shown, in their order."""
    if width <= COLUMNS_SHOWN:
        return list(range(1, width + 1))
    cell_errors = dict.fromkeys(number for row in rows for number in _cell_errors(row))
    numbers = [1, *(number for number in cell_errors if number > 1), *range(2, width + 1)]
    return sorted(list(dict.fromkeys(numbers))[:COLUMNS_SHOWN])


def _row(errors: Sequence[dict[str, Any]], places: Sequence[int]) -> RejectedRow:
    first, cell_errors = errors[0], _cell_errors(errors)
    cells = []
    for place in places:
        error = cell_errors.get(place)
        inside = place <= len(first["cells"])
        text = first["cells"][place - 1] if inside else (error or {}).get("cell", "")
        absent = not inside and (error is None or error["type"] != "extra-cell")
        cells.append(Cell(text, error is not None, absent))
    faults = dict.fromkeys(str(error["message"]) for error in errors)
    return RejectedRow(first["rowNumber"], first.get("lineNumber"), tuple(cells), tuple(faults))


def _count(entry: dict[str, Any], errors: Sequence[dict[str, Any]], labels: Sequence[str]) -> Count:
    number = entry.get("fieldNumber") or 0
    label = labels[number - 1] if 0 < number <= len(labels) else ""
    column = column_of({"label": label} | entry)
    return Count(describe_count(entry, errors), column, entry["count"])
