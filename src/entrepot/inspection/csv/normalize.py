"""Write an irregular text again so that the engine reads it without any guess.

Every cell is quoted, every row starts with its number, its physical line, its count of cells
and its surplus cells.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.csv.cell_parser import BLANK
from entrepot.inspection.csv.cell_types import NOT_TEXT
from entrepot.inspection.csv.decision import end_finder
from entrepot.inspection.csv.detected import Occurrences, is_blank, is_blank_record
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.source import CsvSource, open_lines
from entrepot.inspection.csv.table_end import TableEnd
from entrepot.inspection.csv.taken_out import RowNumbers, TakenOut
from entrepot.inspection.line_prefilter import BYTE_ORDER_MARK
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.report.report import shortened
from entrepot.inspection.table import Finding, SourceBroken
from entrepot_client.counts import counted

BATCH_ROWS = 2_000
"""Rows that are written at a time."""
NO_LINE = 1 << 62
"""Beyond every line of a file."""
NO_TEXT = "control characters stand where a row of the table should be"
UNDECODABLE = "bytes cannot be decoded as {}, the first at byte {:,}; they are read as U+FFFD"
UNDECODABLE_ADVICE = "Correct the bytes, or state the encoding of the file if it is another one."


@dataclass(frozen=True)
class Normalized:
    """How far the table goes, what its records are (the judged ones not counted yet), and the rows
    with faults that only the bytes show: the first ones listed, all counted by type."""

    table_end: TableEnd
    records: RecordCounts
    findings: tuple[Finding, ...]
    counts: tuple[tuple[str, int], ...]
    repeats: Occurrences | None = None
    comments: Occurrences | None = None
    spanning: tuple[int, str] = (0, "")
    spaced: Occurrences | None = None


def normalize(source: CsvSource, target: Path, context: InspectionContext) -> Normalized:
    """Copy the rows of `source` from the first data row on to `target`, those below the table
    included. Raises OSError when the scratch folder is full."""
    decision = source.decision
    width, start = decision.layout.width, decision.layout.start
    finder = end_finder(decision, context.engine)
    taken = TakenOut(decision)
    collector = FindingCollector(source, context.limits.errors)
    size = max(1, source.path.stat().st_size)
    lexer = decision.lexer(context.limits.line)
    number, column = 0, 1 if width > 1 else 0
    # Where a row is one cell, binary data has the width of a row too.
    doubted = width == 1 and source.byte_scan.controls
    labels = list(decision.layout.labels) if len(decision.layout.header) == 1 else []
    repeated, spaced = RowNumbers(), RowNumbers()
    with open_lines(source) as (text, raw), target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        batch: list[list[object]] = []
        lines = _CountedLines(text, decision.dialect)
        for line, record, error in lexer.records(lines, decision.first_line):
            number += 1
            if line > collector.next_line:
                collector.pass_line(line)
            collector.number, collector.line = number, line
            if number <= start:
                continue
            if taken.is_taken_out(number, record, error):
                if not decision.end_stated:
                    finder.add(number, line, [])
                continue
            if error:
                collector.add(error.code, error.reason, number, line, error.advice)
            cells = taken.without_spare(record)
            count = len(cells)
            if cells == labels or _is_marked(cells, labels):
                repeated.add(number)
            if lines.spaced and any(map(lines.quoted.fullmatch, cells)):
                spaced.add(number)
            if (count != width or doubted) and _is_no_text(cells):
                collector.add("source-error", NO_TEXT, number, line)
            if (
                count == width
                and cells[0]
                and (cells[-1] or cells[column])
                and not finder.starting
                and not (width == 1 and is_blank_record(cells, width))
            ):
                batch.append([number, line, count, "", *cells])
            else:
                row = [] if is_blank_record(cells, width) else cells
                finder.add(number, line, row)
                batch.append([number, line, *_of_width(row, width)])
            if len(batch) >= BATCH_ROWS:
                writer.writerows(batch)
                batch.clear()
                context.progress.at(raw.tell() / size)
        writer.writerows(batch)
    _check_lines(source, lines.count + decision.first_line - 1)
    collector.pass_line(NO_LINE)
    table_end = finder.decide(number)
    return Normalized(
        table_end,
        taken.count(number, table_end),
        tuple(collector.listed),
        tuple(collector.counts.items()),
        repeated.occurrences(table_end.last),
        taken.guessed_comments.occurrences(),
        (lexer.spanning, shortened(lexer.first_spanning, 60)),
        spaced.occurrences(table_end.last),
    )


def _is_marked(cells: list[str], labels: list[str]) -> bool:
    """Whether the cells are the labels behind a byte order mark, as where files were joined."""
    if not cells or not labels or not cells[0].startswith(BYTE_ORDER_MARK):
        return False
    # Behind the mark, quotes do not stand at the beginning of a cell.
    first = cells[0].removeprefix(BYTE_ORDER_MARK)
    return cells[1:] == labels[1:] and first in (labels[0], f'"{labels[0]}"')


def _of_width(cells: list[str], width: int) -> list[object]:
    """How many cells there are, those too many as JSON, and as many as the table has columns."""
    extra = json.dumps(cells[width:]) if len(cells) > width else ""
    return [len(cells), extra, *cells[:width], *[""] * (width - len(cells))]


class _CountedLines:
    """The lines of a text, counted as they are taken. `spaced`: one of them had a cell that begins
    with blanks and a quote, as one does that would be in quotes without them (`quoted`)."""

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        self._lines = lines
        quote = "" if dialect.trim else dialect.quote
        blanks = [blank for blank in BLANK if quote and blank != dialect.delimiter]
        # Short texts are looked for faster than a pattern.
        self._marks = [(blank + quote, dialect.delimiter + blank) for blank in blanks]
        opening, end = re.escape(quote), re.escape(dialect.closing)
        self._start = re.compile(f"(?:^|{re.escape(dialect.delimiter)})[{BLANK}]+{opening}")
        inside = f"(?:{end}{end}|(?!{end}).)*"
        self.quoted = re.compile(f"[{BLANK}]+{opening}{inside}{end}[{BLANK}]*", re.DOTALL)
        self.count = 0
        self.spaced = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            for mark, start in self._marks:
                if (
                    mark in line
                    and (start in line or line[0] in BLANK)
                    and self._start.search(line)
                ):
                    self.spaced, self._marks = True, []
            yield line


def _check_lines(source: CsvSource, read: int) -> None:
    """Compare the lines of which records were made with those that the scan of the bytes counted.
    Raises SourceBroken, OSError."""
    # The scan counts a CR alone as a line end, which it may not be here.
    if (source.splits == "" or not source.byte_scan.carriage) and read != source.byte_scan.lines:
        raise SourceBroken(f"{read:,} of its {counted(source.byte_scan.lines, 'line')} were read")


def _is_no_text(cells: list[str]) -> bool:
    """Whether a row has control characters that no text has, other than padding."""
    return NOT_TEXT.search("".join(cells)) is not None and not is_blank(cells)


class FindingCollector:
    """Collects the faults of rows, and tells which rows the undecodable bytes are in. `number`
    and `line` are those of the row at hand; `next_line` is the next line with such bytes."""

    def __init__(self, source: CsvSource, most: int) -> None:
        self._places = source.damage.places
        self._encoding = source.original.encoding.name
        self._at = 0
        self._most = most
        self.number = self.line = 1
        self.next_line = self._places[0][0] if self._places else NO_LINE
        self.listed: list[Finding] = []
        self.counts: dict[str, int] = {}

    def add(self, code: str, note: str, number: int, line: int, advice: str = "") -> None:
        """Count one fault of a row, and list it if there is room."""
        self.counts[code] = self.counts.get(code, 0) + 1
        if len(self.listed) < self._most:
            self.listed.append(Finding(code, note, number, line, advice=advice))

    def pass_line(self, line: int) -> None:
        """A new row begins on `line`: undecodable bytes before it are in the row at hand."""
        first = self._places[self._at][1] if self._at < len(self._places) else 0
        damaged = False
        while self._at < len(self._places) and self._places[self._at][0] < line:
            self._at += 1
            damaged = True
        if damaged:
            reason = UNDECODABLE.format(self._encoding, first)
            self.add("encoding-error", reason, self.number, self.line, UNDECODABLE_ADVICE)
        more = self._at < len(self._places)
        self.next_line = self._places[self._at][0] if more else NO_LINE
