"""Read an Excel workbook: one sheet, the table in it, and what stands around the table.

The table's cells are written row by row into the scratch folder, numbered like the rows of the
sheet, so that whoever reads the report finds them in Excel.
"""

import csv
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median_low
from typing import Any

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.csv.layout import has_header
from entrepot.inspection.engine import line_bounds
from entrepot.inspection.formats.xlsx_cells import KIND_MARKS, SheetRow, sheet_rows
from entrepot.inspection.formats.xlsx_package import Sheet, Workbook, opened, read_workbook
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import SURVEYED, Progress
from entrepot.inspection.sql import literal, named_arguments
from entrepot.inspection.table import CellKind, Column, NotTabular, Table, TooLarge

MIN_EXPECTED_ROWS = 100_000
"""Rows that a sheet may have, for the progress: how many it has is known at its end."""
SAMPLE_ROWS = 200
"""First rows with cells, by which the table's place in its sheet is decided."""
MAX_LISTED_ROWS = 20
"""Rows outside of the table, and names of sheets, that a text lists."""
MAX_TEXT_CHARS = 200
"""Of such a row that the profile shows."""
CONTROL = {"_row": "BIGINT", "_cells": "BIGINT", "_extra": "VARCHAR", "_kinds": "VARCHAR"}


@dataclass(frozen=True)
class Region:
    """Where the table lies in its sheet: columns `left` to `right` (from 1), `header` its row,
    or None; `first` the first row of the table, `above` the rows before it."""

    left: int
    right: int
    header: SheetRow | None
    first: int
    above: tuple[SheetRow, ...]

    @property
    def width(self) -> int:
        """The count of columns."""
        return self.right - self.left + 1


@dataclass
class _Written:
    """What was found while the rows were written. `kinds` are the marks seen in each column;
    `longest` is what no row's bytes pass."""

    last: int = 0
    longest: int = 0
    cells: int = 0
    uneven: bool = False
    kinds: list[set[str]] = field(default_factory=list)
    below: list[SheetRow] = field(default_factory=list)


def open_xlsx(detected: Detected, request: TableRequest, context: InspectionContext) -> OpenedTable:
    """A workbook, ready to be read."""
    context.progress.next_pass(SURVEYED)
    return OpenedTable(lambda: read_xlsx(request, detected, context))


def read_xlsx(
    request: TableRequest,
    detected: Detected,
    context: InspectionContext,
    sheet: str | int | None = None,
) -> Table:
    """The table in a workbook.

    `sheet` is a sheet's name, or its place from 1; without it the first visible sheet that has
    cells is read. With a contract's names the table has a header. Raises SourceBroken,
    NotTabular, TooLarge; OSError when the scratch folder is full.
    """
    limits, target = context.limits, context.scratch / "sheet.csv"
    with opened(request.path, limits) as package:
        workbook = read_workbook(package, context.scratch, limits)
        chosen, rows = _first_filled(package, workbook, _candidates(workbook, sheet), limits)
        head = list(islice(rows, SAMPLE_ROWS))
        region = find_region(head, request.names)
        if region.width > limits.columns:
            raise TooLarge(f"{region.width:,} columns; {limits.columns:,} are read")
        start = region.header.number if region.header else region.first - 1
        body = (row for part in (head, rows) for row in part if row.number > start)
        written = _write(target, region, body, limits, context.progress)
    description = {"format": detected.kind} | _described(workbook, chosen, region, written)
    return _table(target, region, written, detected.media_type, description)


def _candidates(workbook: Workbook, chosen: str | int | None) -> list[Sheet]:
    """The sheets that may be read, in order."""
    if chosen is None:
        visible = [sheet for sheet in workbook.sheets if not sheet.hidden]
        if not visible:
            raise NotTabular("a workbook without a visible worksheet")
        return visible
    matching = [sheet for sheet in workbook.sheets if chosen in (sheet.name, sheet.number)]
    if not matching:
        listed = ", ".join(repr(sheet.name) for sheet in workbook.sheets[:MAX_LISTED_ROWS])
        raise NotTabular(f"a workbook that has no sheet {chosen!r}, but {listed}")
    return matching[:1]


def _first_filled(
    package: zipfile.ZipFile, workbook: Workbook, sheets: list[Sheet], limits: Limits
) -> tuple[Sheet, Iterator[SheetRow]]:
    for sheet in sheets:
        rows = sheet_rows(package, workbook, sheet, limits)
        first = next(rows, None)
        if first is not None:
            return sheet, _with_first(first, rows)
    raise NotTabular("a workbook whose visible sheets are empty")


def _with_first(first: SheetRow, rows: Iterator[SheetRow]) -> Iterator[SheetRow]:
    yield first
    yield from rows


def find_region(head: list[SheetRow], names: list[str] | None) -> Region:
    """Where the table begins, by the first rows of the sheet that have cells.

    A title, merged or not, fills one cell of its row, where the rows of a table fill most of
    theirs: the table begins at the first row that has more than half as many cells as is usual.
    A contract's names, found as a row, say it for certain.
    """
    at = _row_of_names(head, names)
    if at is None:
        at = _first_of_table(head)
    table = head[at:]
    first = table[0]
    left = min(row.cells[0][0] for row in table)
    right = max(row.cells[-1][0] for row in table)
    if names is not None or _has_header(table, left, right):
        # What stands to the right of the header's last label is in no column of the table.
        return Region(left, max(first.cells[-1][0], left), first, first.number, tuple(head[:at]))
    return Region(left, right, None, first.number, tuple(head[:at]))


def _first_of_table(head: list[SheetRow]) -> int:
    usual = median_low(len(row.cells) for row in head)
    left = min(row.cells[0][0] for row in head if 2 * len(row.cells) > usual)
    for n, row in enumerate(head):
        few = 2 * len(row.cells) <= usual
        # Where the first column alone has no label (an index), few cells are a header too.
        if not few or (usual < 3 and row.cells[0][0] > left):
            return n
    return 0


def _row_of_names(head: list[SheetRow], names: list[str] | None) -> int | None:
    if not names:
        return None
    for n, row in enumerate(head):
        if [text for _, text, _ in row.cells] == [name for name in names if name]:
            return n
    return None


def _has_header(table: list[SheetRow], left: int, right: int) -> bool:
    """Whether the first row names columns: texts alone, over other cells or as in a CSV."""
    first, body = table[0], table[1:]
    if any(mark != "t" for _, _, mark in first.cells):
        return False
    named = {column for column, _, _ in first.cells}
    if any(mark != "t" and column in named for row in body for column, _, mark in row.cells):
        return True
    width = right - left + 1
    rows = []
    for row in table:
        texts = [""] * width
        for column, text, _ in row.cells:
            texts[column - left] = text
        rows.append(texts)
    return has_header(rows)


def _write(
    target: Path, region: Region, rows: Iterable[SheetRow], limits: Limits, progress: Progress
) -> _Written:
    """Write the table's rows: number, count of cells, surplus, kinds, cells.

    Blank rows between others are kept. What follows a blank row with one text alone, to the
    end of the sheet, is a footnote and no row.
    """
    written = _Written(kinds=[set() for _ in range(region.width)])
    written.last = region.header.number if region.header else region.first - 1
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for row in rows:
            note = region.width > 2 and len(row.cells) == 1 and row.cells[0][2] == "t"
            gap = row.number > (written.below[-1].number if written.below else written.last) + 1
            if note and (written.below or gap) and len(written.below) < MAX_LISTED_ROWS:
                written.below.append(row)
                continue
            for pending in (*written.below, row):
                _write_row(writer, region, pending, written, limits)
            written.below.clear()
            progress.at(row.number / max(written.last, MIN_EXPECTED_ROWS))
    return written


def _write_row(
    writer: Any, region: Region, row: SheetRow, written: _Written, limits: Limits
) -> None:
    width = region.width
    written.cells += (row.number - written.last) * width
    if written.cells > limits.cells:
        raise TooLarge(f"a table of more than {limits.cells:,} cells")
    for blank in range(written.last + 1, row.number):
        writer.writerow([blank, width, "", "", *[""] * width])
    written.last = row.number
    texts, marks = [""] * width, [" "] * width
    extra: list[str] = []
    for column, text, mark in row.cells:
        place = column - region.left
        if 0 <= place < width:
            texts[place], marks[place] = text, mark
            written.kinds[place].add(mark)
        else:
            extra.append(text)
    written.uneven = written.uneven or bool(extra)
    surplus = json.dumps(extra) if extra else ""
    # A character takes at most four bytes (a quote two), a cell three beside its own.
    row_bytes = 4 * (sum(map(len, texts)) + len(surplus)) + 4 * width + 64
    written.longest = max(written.longest, row_bytes)
    writer.writerow([row.number, width + len(extra), surplus, "".join(marks), *texts])


def _table(
    target: Path, region: Region, written: _Written, media_type: str, description: dict[str, Any]
) -> Table:
    width = region.width
    names = CONTROL | {f"c{n}": "VARCHAR" for n in range(1, width + 1)}
    typed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in names.items())
    # An empty row has three characters for each cell, and its number, counts and kinds.
    bounds = line_bounds(max(written.longest, 4 * width + 64))
    source = (
        f"read_csv({literal(str(target))}, delim = ',', quote = '\"', escape = '\"', "
        f"new_line = '\\n', header = false, auto_detect = false, columns = {{{typed}}}, "
        f"{named_arguments(bounds)})"
    )
    if region.header:
        labels = [""] * width
        for column, text, _ in region.header.cells:
            if 0 <= column - region.left < width:
                labels[column - region.left] = text
    else:
        labels = [f"column_{n}" for n in range(1, width + 1)]
    columns = tuple(
        _column(n, label, marks)
        for n, (label, marks) in enumerate(zip(labels, written.kinds, strict=True), start=1)
    )
    return Table(
        columns=columns,
        relation=source,
        numbered=f"(SELECT *, NULL::BIGINT AS _line FROM {source})",
        media_type=media_type,
        header=region.header is not None,
        first_row=region.header.number + 1 if region.header else region.first,
        uneven=written.uneven,
        description=description,
    )


def _column(number: int, label: str, marks: set[str]) -> Column:
    """A column of one kind says so; one of several tells it cell by cell."""
    kinds: dict[str, CellKind] = {mark: kind for kind, mark in KIND_MARKS.items()}
    text = f"c{number}"
    if len(marks) < 2:
        return Column(label, text, kinds[next(iter(marks), "t")])
    if marks == {"i", "n"}:
        return Column(label, text, "number")
    mark = f"substr(_kinds, {number}, 1)"
    if marks == {"d", "m"}:
        moment = f"CASE WHEN {mark} = 'd' THEN {text} || 'T00:00:00' ELSE {text} END"
        return Column(label, f"({moment})", "datetime")
    cases = " ".join(f"WHEN {literal(each)} THEN {literal(kinds[each])}" for each in sorted(marks))
    return Column(label, text, None, f"(CASE {mark} {cases} END)")


def _described(
    workbook: Workbook, chosen: Sheet, region: Region, written: _Written
) -> dict[str, Any]:
    last = max(written.last, region.first)
    described: dict[str, Any] = {
        "sheet": chosen.name,
        "sheetNumber": chosen.number,
        "range": f"{_letters(region.left)}{region.first}:{_letters(region.right)}{last}",
        "headerRows": [region.header.number] if region.header else [],
        "dateSystem": 1904 if workbook.from_1904 else 1900,
        "otherSheets": [
            {"name": sheet.name, "number": sheet.number, "hidden": sheet.hidden}
            for sheet in workbook.sheets[:100]
            if sheet is not chosen
        ],
    }
    for name, rows in (("preamble", region.above), ("footnotes", written.below)):
        if rows:
            described[name] = [
                {
                    "row": row.number,
                    "text": " ".join(cell[1] for cell in row.cells)[:MAX_TEXT_CHARS],
                }
                for row in rows[:MAX_LISTED_ROWS]
            ]
    return described


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
