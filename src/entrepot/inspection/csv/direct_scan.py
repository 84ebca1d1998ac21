"""Whether a text is regular enough to be scanned where it lies, and what proves it."""

import re
from typing import BinaryIO

import duckdb

from entrepot.inspection.csv.decision import above
from entrepot.inspection.csv.detected import MAX_PADDING_BYTES, DetectedCsv
from entrepot.inspection.csv.end_finder import end_finder
from entrepot.inspection.csv.lexer import Lexer
from entrepot.inspection.csv.source import CsvSource
from entrepot.inspection.detect.byte_scan import BLOCK_BYTES, has_blank_lines

TAIL_BYTES = 64 * 1024
"""The end of the text, whose rows tell whether footnotes follow the table."""
MAX_QUOTES = 200_000
"""Quotes that are looked at one by one, in Python; with more the engine counts them."""
MIN_FREQUENT_QUOTES = 200
"""With more in the first part of the text (a 16th of a block) there will be too many in all."""
CONTEXT_BYTES = 64
"""Before a quote, in which the delimiter and blanks stand that make it an opening one."""
MAX_HEADER_BYTES = 1 << 20
"""A longer header is not searched for among the rows."""
MAX_DELIMITER_BYTES, MAX_QUOTE_BYTES = 4, 1
"""What the engine takes as a delimiter and as a quote."""


def reading_of(source: CsvSource) -> DetectedCsv:
    """The reading, as far as the first part of the text tells."""
    decision, byte_scan = source.decision, source.original
    layout, records = decision.layout, decision.records
    line = records[layout.start][0] if layout.start < len(records) else _line_after(source)
    return DetectedCsv(
        encoding=byte_scan.encoding,
        bom=byte_scan.bom > 0,
        line_end=source.byte_scan.line_end,
        lines=source.byte_scan.lines if source.byte_scan.counted is not None else None,
        dialect=decision.dialect,
        comment=decision.dialect.comment,
        layout=layout,
        first_row=layout.start + 1,
        first_line=line,
        above=above(decision),
        confidence=decision.confidence,
        reasons=decision.reasons,
        further=decision.further,
        undecodable=source.damage.total,
        padding=source.byte_scan.padding if source.byte_scan.padding <= MAX_PADDING_BYTES else 0,
    )


def _line_after(source: CsvSource) -> int:
    """The line after the header's, where no row follows it."""
    return source.byte_scan.lines - source.byte_scan.blank_at_end + 1


def can_scan_directly(source: CsvSource, engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether the scan engine can take the text as it lies, as far as the survey, the first
    part and the last part of it tell. Raises OSError."""
    dialect, byte_scan = source.decision.dialect, source.byte_scan
    rules = source.decision.rules
    able = (
        not source.damage.total
        and not byte_scan.nul
        and not byte_scan.mixed
        and not byte_scan.carriage
        and not dialect.trim
        and not dialect.blanks
        and not dialect.framed
        and len(dialect.delimiter.encode()) <= MAX_DELIMITER_BYTES
        and len(dialect.quote.encode()) <= MAX_QUOTE_BYTES
        and (not dialect.escape or (not dialect.doubled and dialect.quote))
        and (bool(dialect.delimiter) or not byte_scan.quotes)
        # Rows of the table's width that are no rows are only known to whoever reads each.
        and not (dialect.comment_stated or rules.comment_rows or rules.footer)
        and not source.decision.layout.misplaced
    )
    if not able or not _even(source, engine):
        return False
    return not (source.decision.layout.width == 1 and has_blank_lines(source.path))


def header_line(source: CsvSource) -> bytes | None:
    """The line that names the columns, with its end; None where that is not one whole line."""
    layout = source.decision.layout
    if len(layout.header) != 1 or source.splits == "":
        return None
    with source.path.open("rb") as file:
        file.seek(source.byte_scan.bom)
        for _ in range(source.decision.records[layout.header[0]][0] - 1):
            file.readline(MAX_HEADER_BYTES)
        header = file.readline(MAX_HEADER_BYTES)
    return header if header.endswith(b"\n") else None


def repeats_header(source: CsvSource) -> bool:
    """Whether a later line of the text is the header's over again, as where tables were joined.
    Raises OSError."""
    header = header_line(source)
    if header is None:
        return False
    needle, times = b"\n" + header, 0
    with source.path.open("rb") as file:
        file.seek(source.byte_scan.bom)
        seam = b"\n"
        while block := file.read(BLOCK_BYTES):
            times += (seam + block[: len(needle) - 1]).count(needle) + block.count(needle)
            if times > 1:
                return True
            seam = (seam + block)[-len(needle) + 1 :]
    return times > 0 and seam.endswith(b"\n" + header.rstrip(b"\r\n"))


def _even(source: CsvSource, engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether all records of the first part, from the first data row on, and those of the last
    part have the table's width, and nothing but the table."""
    layout, dialect = source.decision.layout, source.decision.dialect
    width, records = layout.width, source.decision.records
    rows = records[layout.start :]
    while source.whole and rows and not rows[-1][1]:
        rows = rows[:-1]
    if any(len(cells) != width or fault or not any(cells) for _, cells, fault in rows):
        return False
    if not _begins_plainly(source):
        return False
    if layout.header and any("\n" in label or "\r" in label for label in layout.labels):
        return False
    finder = end_finder(source.decision, engine)
    number = layout.start
    for number, (line, cells, _) in enumerate(rows, start=layout.start + 1):
        finder.add(number, line, list(cells))
    if source.whole:
        return finder.decide(number).last == number
    tail = _tail_lines(source)
    finder = end_finder(source.decision, engine)
    number = 0
    for number, (line, cells, fault) in enumerate(Lexer(dialect, width).records(tail), start=1):
        # A cell with line ends may be cut in two by the tail's beginning: judged by the scan.
        if fault or len(cells) != width:
            return bool(dialect.quote) and source.byte_scan.quotes and number < len(tail) // 2
        finder.add(number, line, cells)
    return finder.decide(number).last == number


def _begins_plainly(source: CsvSource) -> bool:
    """Whether each record above the header is a line without a quote: the engine skips records
    where the reader skips lines."""
    layout, records = source.decision.layout, source.decision.records
    above = min(layout.header, default=layout.start)
    if not above or not source.decision.dialect.quote:
        return True
    if above < len(records) and records[above][0] != above + 1:
        return False
    with source.path.open("rb") as file:
        file.seek(source.byte_scan.bom)
        quote = source.decision.dialect.quote.encode()
        return not any(quote in file.readline(MAX_HEADER_BYTES) for _ in range(above))


def _tail_lines(source: CsvSource) -> list[str]:
    with source.path.open("rb") as raw:
        raw.seek(0, 2)
        raw.seek(max(0, raw.tell() - TAIL_BYTES))
        tail = raw.read()
    lines = tail[tail.find(b"\n") + 1 :].decode("utf-8", "replace").split("\n")
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    return [line + "\n" for line in lines]


def quoted_newlines(source: CsvSource) -> int | None:
    """The line ends within quoted cells, if quotes are rare enough to be looked at one by one;
    None if they are not, or if one seems to be stray. Raises OSError."""
    dialect = source.decision.dialect
    quote, mark = dialect.quote.encode(), dialect.delimiter.encode()
    if dialect.escape or not mark:
        return None
    with source.path.open("rb") as file:
        if file.read(BLOCK_BYTES // 16).count(quote) > MIN_FREQUENT_QUOTES:
            return None
        file.seek(0)
        return _count_within(file, quote, mark, source.decision.layout.width)


def _count_within(file: BinaryIO, quote: bytes, mark: bytes, width: int) -> int | None:
    """Line ends between a quote that opens a cell and the one that closes it; None also where
    a line between two such quotes would be a row of the table."""
    opening = re.compile(b"(?:[\r\n]|" + re.escape(mark) + b")[ ]*" + re.escape(quote) + rb"\Z")
    data, at, begin = b"\n", 1, -1
    total = seen = 0
    while True:
        place = data.find(quote, at)
        if place < 0 or place + 1 == len(data):
            end = place if place >= 0 else len(data)
            block = file.read(BLOCK_BYTES)
            if not block:
                return None if begin >= 0 and place < 0 else total
            keep = begin if begin >= 0 else max(0, end - CONTEXT_BYTES)
            if end - keep > BLOCK_BYTES:
                return None
            data, at, begin = data[keep:] + block, end - keep, begin - keep if begin >= 0 else -1
            continue
        seen += 1
        if seen > MAX_QUOTES:
            return None
        if begin < 0:
            opens = opening.search(data, max(0, place - CONTEXT_BYTES), place + 1) is not None
            begin = place + 1 if opens else -1
            at = place + 1
        elif data[place + 1] == quote[0]:
            at = place + 2
        else:
            lines = data[begin:place].split(b"\n")
            total += len(lines) - 1
            if any(line.count(mark) == width - 1 for line in lines[1:-1]) and width > 1:
                return None
            begin, at = -1, place + 1
