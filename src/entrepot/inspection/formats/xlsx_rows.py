"""Write the rows of a sheet's table so that the engine reads them without any guess.

Every row starts with its number in the sheet, its count of cells, its surplus cells and the kinds
of its cells. What is a row is decided by the same code as in a delimited text.
"""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.csv.decision import end_finder
from entrepot.inspection.csv.detected import Occurrences
from entrepot.inspection.csv.table_end import TableEnd
from entrepot.inspection.csv.taken_out import RowNumbers, TakenOut
from entrepot.inspection.formats.xlsx_cells import SheetCells, SheetRow
from entrepot.inspection.formats.xlsx_layout import SheetLayout, begins_with
from entrepot.inspection.limits import Limits
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.report.record_faults import COMMENT
from entrepot.inspection.table import TooLarge
from entrepot_client.counts import counted

MIN_EXPECTED_ROWS = 100_000
"""Rows that a sheet may have, for the progress: how many it has is known at its end."""
BLANK_ROWS = 10_000
"""Blank rows that are written at a time."""


@dataclass(frozen=True)
class WrittenRows:
    """How far the table goes, what the rows of the sheet are (the judged ones not counted yet), the
    marks of kinds seen in each column, and what no row's bytes pass."""

    table_end: TableEnd
    records: RecordCounts
    kinds: tuple[frozenset[str], ...]
    longest: int
    uneven: bool
    repeats: Occurrences | None
    comments: Occurrences | None


def write_rows(
    cells: SheetCells, layout: SheetLayout, target: Path, context: InspectionContext
) -> WrittenRows:
    """Write the rows below the header to `target`. Raises SourceBroken, TooLarge; OSError when the
    scratch folder is full."""
    with target.open("w", encoding="utf-8", newline="") as file:
        rows = _RowWriter(file, layout, context)
        for row in cells.rows():
            rows.add(row)
            context.progress.at(row.number / max(row.number, MIN_EXPECTED_ROWS))
        return rows.finish(cells.last_row)


@dataclass
class _Seen:
    """What the written rows have: marks of kinds by column, surplus cells, bytes."""

    kinds: list[set[str]]
    longest: int = 0
    cells: int = 0
    uneven: bool = False
    repeated: RowNumbers = field(default_factory=RowNumbers)


class _RowWriter:
    def __init__(self, file: TextIO, layout: SheetLayout, context: InspectionContext) -> None:
        decision = layout.decision
        self._file = file
        self._writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        self._limits: Limits = context.limits
        self._end_stated = decision.end_stated
        self._comment = decision.dialect.comment
        self._left, self._width = layout.left, decision.layout.width
        self._start = self._last = decision.layout.start
        self._labels = list(decision.layout.labels) if len(decision.layout.header) == 1 else []
        self._taken = TakenOut(decision)
        self._finder = end_finder(decision, context.engine)
        self._seen = _Seen([set() for _ in range(self._width)])

    def add(self, row: SheetRow) -> None:
        """A row with a value, below all that were added."""
        if row.number <= self._start:
            return
        if row.number > self._last + 1:
            self._add_blanks(self._last + 1, row.number - 1)
        self._last = row.number
        error = COMMENT if begins_with(row, self._comment, self._left) else None
        texts, marks, extra = self._split(row)
        texts_of_row = texts + [text for _, text in extra]
        if self._taken.is_taken_out(row.number, texts_of_row, error):
            if not self._end_stated:
                self._finder.add(row.number, row.number, [])
            return
        if texts == self._labels and not extra:
            self._seen.repeated.add(row.number)
        odd = bool(extra) or not texts[0] or not any(texts[1:])
        if odd or self._finder.starting:
            self._finder.add(row.number, row.number, texts_of_row)
        self._write(row.number, texts, marks, extra)

    def _split(self, row: SheetRow) -> tuple[list[str], list[str], list[tuple[int, str]]]:
        """The texts and marks of the table's cells, and the cells beside the table with their
        column, counted from the table's first."""
        width, left = self._width, self._left
        texts, marks = [""] * width, [" "] * width
        extra: list[tuple[int, str]] = []
        kinds = self._seen.kinds
        for column, text, mark in row.cells:
            place = column - left
            if 0 <= place < width:
                texts[place], marks[place] = text, mark
                kinds[place].add(mark)
            else:
                extra.append((place + 1, text))
        return texts, marks, extra

    def _write(
        self, number: int, texts: list[str], marks: list[str], extra: list[tuple[int, str]]
    ) -> None:
        seen, width = self._seen, self._width
        seen.cells += width
        if seen.cells > self._limits.cells:
            raise TooLarge(f"a table of more than {counted(self._limits.cells, 'cell')}")
        seen.uneven = seen.uneven or bool(extra)
        # What stands to the left of the table is in none of its columns, which count from 1.
        surplus = json.dumps([(max(n, 0), text) for n, text in extra]) if extra else ""
        # A character takes at most four bytes (a quote two), a cell three beside its own.
        row_bytes = 4 * (sum(map(len, texts)) + len(surplus)) + 4 * width + 64
        seen.longest = max(seen.longest, row_bytes)
        self._writer.writerow([number, width + len(extra), surplus, "".join(marks), *texts])

    def _add_blanks(self, first: int, last: int) -> None:
        """Rows without a value, `first` to `last`."""
        judged = self._taken.judged_blanks(first, last)
        if not self._end_stated:
            self._finder.add_blanks(first, last)
        tail = f",{self._width},,{',' * self._width}\n"
        for start, end in judged:
            if self._end_stated:
                self._finder.add_blanks(start, end)
            self._seen.cells += (end - start + 1) * self._width
            if self._seen.cells > self._limits.cells:
                raise TooLarge(f"a table of more than {counted(self._limits.cells, 'cell')}")
            for part in range(start, end + 1, BLANK_ROWS):
                numbers = range(part, min(part + BLANK_ROWS, end + 1))
                self._file.write("".join(f"{number}{tail}" for number in numbers))

    def finish(self, last_row: int) -> WrittenRows:
        """The end of the sheet, whose last row, with a value or not, is `last_row`."""
        total = max(last_row, self._last)
        if total > self._last:
            judged = self._taken.judged_blanks(self._last + 1, total)
            for start, end in judged if self._end_stated else [(self._last + 1, total)]:
                self._finder.add_blanks(start, end)
        table_end = self._finder.decide(total)
        return WrittenRows(
            table_end=table_end,
            records=self._taken.count(last_row, table_end),
            kinds=tuple(map(frozenset, self._seen.kinds)),
            longest=max(self._seen.longest, 4 * self._width + 64),
            uneven=self._seen.uneven,
            repeats=self._seen.repeated.occurrences(table_end.last),
            comments=self._taken.guessed_comments.occurrences(),
        )
