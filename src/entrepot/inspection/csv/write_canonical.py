"""Write what the reader understood of a table so that no reader can misunderstand it.

Canonical CSV: UTF-8 without a mark, comma, CRLF, double quotes where needed and doubled inside;
a header if the file has one, then the rows of the table and nothing else. Cells keep their text.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.csv.decision import end_finder
from entrepot.inspection.csv.detected import DetectedCsv, is_blank_record
from entrepot.inspection.csv.direct_scan import can_scan_directly, detected_csv
from entrepot.inspection.csv.source import CsvSource, open_lines
from entrepot.inspection.csv.taken_out import TakenOut
from entrepot.inspection.limits import Limits

BATCH_ROWS, CHUNK_CHARS = 2_000, 1 << 20
"""Rows, or characters of plain lines, that are written at a time."""


class _Irregular(Exception):
    """A text that seemed regular is not."""


def write_canonical(
    source: CsvSource, target: Path, context: InspectionContext, columns: int | None = None
) -> DetectedCsv:
    """Write the table in a text to `target` as canonical CSV; returns how it was read. Columns
    beyond the first `columns` have neither a label nor a value: they are left out.

    Memory is bounded whatever the size. Raises TooLarge where a limit is passed, OSError when a
    folder is full.
    """
    if columns is not None:
        layout = source.decision.layout.up_to(columns)
        source = replace(source, decision=replace(source.decision, layout=layout))
    detected, limits = detected_csv(source), context.limits
    if can_scan_directly(source, context.engine):
        try:
            if _is_plain(source):
                _write_plain(source, detected, target)
            else:
                _write_regular(source, detected, target, limits)
        except _Irregular:
            pass
        else:
            return detected
    return _write_irregular(source, detected, target, context)


def _is_plain(source: CsvSource) -> bool:
    """Whether a cell is what stands between two delimiters, in all of the text."""
    dialect = source.decision.dialect
    # A quote that is text here must be quoted in the canonical form.
    quotes = source.byte_scan.quotes or dialect.quote not in ("", '"')
    special = quotes or dialect.escape or dialect.comment or len(dialect.delimiter) != 1
    return not special and source.decision.layout.width > 1


def _write_plain(source: CsvSource, detected: DetectedCsv, target: Path) -> None:
    """Copy lines, many at once, where no cell needs quotes. Raises _Irregular at the first
    line with another count of delimiters."""
    delimiter, others = detected.dialect.delimiter, len(detected.labels) - 1
    left = source.byte_scan.blank_at_end
    with open_lines(source) as (text, _), _create(target) as out:
        writer = csv.writer(out, lineterminator="\r\n")
        if detected.header_rows:
            writer.writerow(detected.labels)
        for _ in range(detected.first_line - source.decision.first_line):
            next(text)
        while lines := text.readlines(CHUNK_CHARS):
            while left and lines and not lines[-1].strip():
                lines.pop()
                left -= 1
            if not all(line.count(delimiter) == others for line in lines):
                raise _Irregular
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            joined = "".join(lines).replace("\r\n", "\n")
            if delimiter == "," and "\r" not in joined:
                out.write(joined.replace("\n", "\r\n"))
            elif delimiter != "," and "," not in joined and "\r" not in joined:
                out.write(joined.replace(delimiter, ",").replace("\n", "\r\n"))
            else:
                writer.writerows(
                    line[:-1].split(delimiter) for line in io.StringIO(joined, newline="\n")
                )


def _write_regular(source: CsvSource, detected: DetectedCsv, target: Path, limits: Limits) -> None:
    """One pass at the speed of the csv module. Raises _Irregular at the first row that is
    not of the table's width, is blank, or has a quote where it must not be."""
    width = len(detected.labels)
    start, position = source.decision.layout.start, 0
    with open_lines(source) as (text, _), _create(target) as out:
        writer = csv.writer(out, lineterminator="\r\n")
        if detected.header_rows:
            writer.writerow(detected.labels)
        batch: list[list[str]] = []
        pending = 0
        for _, cells, error in source.decision.lexer(limits.line).records(text):
            position += 1
            if position <= start:
                continue
            if is_blank_record(cells, width):
                pending += 1
                continue
            if len(cells) != width or error or pending:
                raise _Irregular
            batch.append(cells)
            if len(batch) >= BATCH_ROWS:
                writer.writerows(batch)
                batch.clear()
        writer.writerows(batch)


def _write_irregular(
    source: CsvSource, detected: DetectedCsv, target: Path, context: InspectionContext
) -> DetectedCsv:
    """Two passes: the first finds where the table ends, the second writes."""
    layout, limits = source.decision.layout, context.limits
    finder = end_finder(source.decision, context.engine)
    width, number = layout.width, 0
    for number, line, cells in _rows(source, limits):
        if cells is None:
            if not source.decision.end_stated:
                finder.add(number, line, [])
        elif (
            len(cells) != width
            or finder.starting
            or not cells[0]
            or not any(cells[1:2] + cells[-1:])
        ):
            finder.add(number, line, cells)
    table_end = finder.decide(number)
    with _create(target) as out:
        writer = csv.writer(out, lineterminator="\r\n")
        if detected.header_rows:
            writer.writerow(detected.labels)
        batch: list[list[str]] = []
        dialect = source.decision.dialect
        mark = dialect.comment if dialect.comment_stated else ""
        for number, _, cells in _rows(source, limits):
            if number > table_end.last:
                break
            if cells is None:
                continue
            row = cells + [""] * (width - len(cells))
            if mark and row[0].startswith(mark):
                # In quotes it is not a comment for who reads the form by the same dialect.
                writer.writerows(batch)
                batch.clear()
                out.write('"' + row[0].replace('"', '""') + ('",' if width > 1 else '"'))
                writer.writerow(row[1:])
            else:
                batch.append(row)
            if len(batch) >= BATCH_ROWS:
                writer.writerows(batch)
                batch.clear()
        writer.writerows(batch)
    return detected.within(table_end)


def _rows(source: CsvSource, limits: Limits) -> Iterator[tuple[int, int, list[str] | None]]:
    """Number, line and cells of the records from the first data row on. Blank ones have no cells;
    for one that is taken out they are None."""
    layout = source.decision.layout
    taken = TakenOut(source.decision)
    number = 0
    with open_lines(source) as (text, _):
        lexer = source.decision.lexer(limits.line)
        for line, cells, error in lexer.records(text, source.decision.first_line):
            number += 1
            if number <= layout.start:
                continue
            if taken.is_taken_out(number, cells, error):
                yield number, line, None
            else:
                is_empty = is_blank_record(cells, layout.width)
                yield number, line, [] if is_empty else taken.without_spare(cells)


def _create(target: Path) -> io.TextIOWrapper:
    return target.open("w", encoding="utf-8", newline="")
