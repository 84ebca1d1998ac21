"""Whether a text is regular enough to be scanned where it lies, and what proves it."""

from pathlib import Path

import duckdb

from entrepot.inspection.csv.decision import above, end_finder
from entrepot.inspection.csv.detected import MAX_PADDING_BYTES, DetectedCsv
from entrepot.inspection.csv.grammar_proof import prove_grammar
from entrepot.inspection.csv.lexer import Lexer
from entrepot.inspection.csv.source import CsvSource
from entrepot.inspection.detect.byte_scan import BLOCK_BYTES
from entrepot.inspection.detect.byte_search import has_blank_lines
from entrepot.inspection.line_prefilter import BYTE_ORDER_MARK, IrregularText

TAIL_BYTES = 64 * 1024
"""The end of the text, whose rows tell whether footnotes follow the table."""
MAX_HEADER_BYTES = 1 << 20
"""A longer header is not searched for among the rows."""
MAX_DELIMITER_BYTES, MAX_QUOTE_BYTES = 4, 1
"""What the engine takes as a delimiter and as a quote."""


def detected_csv(source: CsvSource) -> DetectedCsv:
    """The reading, as far as the first part of the text tells."""
    decision, byte_scan = source.decision, source.original
    layout, records = decision.layout, decision.records
    line = records[layout.start][0] if layout.start < len(records) else _line_after(source)
    return DetectedCsv(
        encoding=byte_scan.encoding,
        bom=byte_scan.bom,
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
        end_mark=source.end_mark > 0,
        undecodable=source.damage.total,
        padding=source.byte_scan.padding if source.byte_scan.padding <= MAX_PADDING_BYTES else 0,
    )


def _line_after(source: CsvSource) -> int:
    """The line after the header's, where the first part of the text has no row below it."""
    if not source.whole:
        return source.head_lines + source.decision.first_line
    return source.byte_scan.lines - source.byte_scan.blank_at_end + 1


def can_scan_directly(source: CsvSource, engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether the text seems regular, as far as the scan, the first part and the last part of
    it tell; `prove_regular` proves it. Raises OSError."""
    if not _can_scan(source) or not _even(source, engine):
        return False
    return not (source.decision.layout.width == 1 and has_blank_lines(source.path))


def prove_regular(source: CsvSource, path: Path | None = None) -> int:
    """The line ends within the cells of a text, whose bytes prove that the scan engine reads the
    lexer's cells, as long as it finds the table's width in every row. `path`: some of its lines.

    Raises IrregularText where that is not proven, OSError.
    """
    dialect, width = source.decision.dialect, source.decision.layout.width
    bom = source.byte_scan.bom if path is None else 0
    # Of some lines the first is the header's place.
    skipped = detected_csv(source).first_line - 1 if path is None else 1
    embedded = prove_grammar(path or source.path, bom, dialect, width, skipped)
    if embedded is None:
        raise IrregularText
    return embedded


def has_quotes(source: CsvSource) -> bool:
    """Whether the text may have quotes that are not text."""
    quote = source.decision.dialect.quote
    return bool(quote) and (quote != '"' or source.byte_scan.quotes)


def _can_scan(source: CsvSource) -> bool:
    """Whether the engine knows the dialect, and the scan found nothing that it reads otherwise
    than the lexer."""
    dialect, byte_scan = source.decision.dialect, source.byte_scan
    rules = source.decision.rules
    return (
        not source.damage.total
        and not byte_scan.nul
        and not byte_scan.mixed
        and not byte_scan.carriage
        and not dialect.trim
        and not dialect.blanks
        and not dialect.framed
        and not dialect.starts
        and not dialect.escape
        and len(dialect.delimiter.encode()) <= MAX_DELIMITER_BYTES
        and len(dialect.quote.encode()) <= MAX_QUOTE_BYTES
        and (bool(dialect.delimiter) or not byte_scan.quotes)
        # Rows of the table's width that are not rows are only known to whoever reads each.
        and not (dialect.comment_stated or rules.comment_rows or rules.footer)
        and not source.decision.layout.misplaced
        # A line of one cell that begins with the mark is a comment, and a row for the engine.
        and not (dialect.comment and source.decision.layout.width == 1)
    )


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
    marked = BYTE_ORDER_MARK.encode() + header
    needles, times = (b"\n" + header, b"\n" + marked), 0
    longest = len(needles[-1])
    with source.path.open("rb") as file:
        file.seek(source.byte_scan.bom)
        seam = b"\n"
        while block := file.read(BLOCK_BYTES):
            for needle in needles:
                before = seam[-len(needle) + 1 :]
                times += (before + block[: len(needle) - 1]).count(needle) + block.count(needle)
            if times > 1:
                return True
            seam = (seam + block)[-longest + 1 :]
    return times > 0 and any(seam.endswith(needle.rstrip(b"\r\n")) for needle in needles)


def _even(source: CsvSource, engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether all records of the first part, from the first data row on, and those of the last
    part have the table's width, and nothing but the table."""
    layout, dialect = source.decision.layout, source.decision.dialect
    width, records = layout.width, source.decision.records
    rows = records[layout.start :]
    while source.whole and rows and not rows[-1][1]:
        rows = rows[:-1]
    if any(len(cells) != width or error or not any(cells) for _, cells, error in rows):
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
    for number, (line, cells, error) in enumerate(source.decision.lexer().records(tail), start=1):
        # A cell with line ends may be cut in two by the tail's beginning: judged by the scan.
        if error or len(cells) != width:
            return bool(dialect.quote) and source.byte_scan.quotes and number < len(tail) // 2
        finder.add(number, line, cells)
    return finder.decide(number).last == number


def _begins_plainly(source: CsvSource) -> bool:
    """Whether each record above the header is a line without a quote, and so is what stands above
    the first record: the engine skips records where the reader skips lines."""
    layout, records = source.decision.layout, source.decision.records
    above = min(layout.header, default=layout.start)
    lines = above + source.decision.first_line - 1
    if not lines or not source.decision.dialect.quote:
        return True
    if above < len(records) and records[above][0] != lines + 1:
        return False
    with source.path.open("rb") as file:
        file.seek(source.byte_scan.bom)
        quote = source.decision.dialect.quote.encode()
        return not any(quote in file.readline(MAX_HEADER_BYTES) for _ in range(lines))


def last_first_cell(source: CsvSource) -> str | None:
    """The first cell of the last row of a regular text; None where the last line does not tell.
    Raises OSError."""
    lines, dialect = _tail_lines(source), source.decision.dialect
    # The first of them may be cut off. With an odd number of quotes the last is a part of a row; so
    # it may be with others, of which the first cell then is not a total.
    cut = bool(dialect.quote) and bool(lines) and lines[-1].count(dialect.quote) % 2 > 0
    if len(lines) < 2 or cut or source.byte_scan.padding:
        return None
    return Lexer(dialect).cells_of(lines[-1])[0]


def _tail_lines(source: CsvSource) -> list[str]:
    with source.path.open("rb") as raw:
        raw.seek(0, 2)
        raw.seek(max(0, raw.tell() - TAIL_BYTES))
        tail = raw.read()
    lines = tail[tail.find(b"\n") + 1 :].decode("utf-8", "replace").split("\n")
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    return [line + "\n" for line in lines]
