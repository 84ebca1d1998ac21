"""Prefilter a text by lines: one pattern for whole lines proves most rows valid.

The lines that do not match are written to a separate file, and only those are checked cell by
cell. A scan of whole lines by one pattern costs what the engine's own typed scan does; splitting
every row into cells and asking each of them costs half as much again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from entrepot.inspection.engine import line_bounds
from entrepot.inspection.line_regex import CellRegex, can_anchor, line_regexes
from entrepot.inspection.sql import Sql, literal, named_arguments, sql

MAX_UNMATCHED_SHARE = 0.25
"""Share of the lines, of the sample's and of all, beyond which the prefilter costs more than it
saves: unmatched lines are read a second time (ADR 0014)."""
MIN_SAMPLE_LINES = 100
"""By which the share is guessed before all lines are read."""
MAX_ANCHORS = 8
"""Columns that are tried, one after another, as the one that has a value in nearly every row."""
MIN_BYTES = 400_000
"""Below, checking all rows is as fast: about 5,000 lines, measured with 20 columns
(ADR 0014)."""
DELIMITER, QUOTE = "\x02", "\x01"
"""A delimiter and a quote that no plain text holds: each line is one cell."""


@dataclass(frozen=True)
class Lines:
    """A plain text (UTF-8, one kind of line end, no NUL, SOH or STX) by its lines.

    `skip` lines stand before those of the rows, which take `size` bytes with their ends, as if the
    last one had one too, and are counted by `count`; `unmatched` is the file for unmatched lines;
    `longest` is bytes; `sample` lines are asked before all are. `rows_of` makes the relation of the
    rows, cell by cell, of another file that is written alike, but with LF at the ends of its lines.
    `header` is the line that names the columns, None where that is not known; `repeats_header`
    looks for it among the rows.
    `prove_rest` looks at those bytes that nobody looked at yet, and raises IrregularText where the
    text is not plain; to find that all lines match is as good.
    `prove_regular` raises IrregularText where the lines of a file may be read otherwise than by
    the lexer. `has_controls` tells whether a file has control characters but for tab, LF and CR.
    """

    path: Path
    skip: int
    size: int
    count: Callable[[], int]
    delimiter: str
    newline: str
    unmatched: Path
    longest: int
    sample: int
    header: str | None
    repeats_header: Callable[[], bool]
    prove_rest: Callable[[], object]
    prove_regular: Callable[[Path], object]
    has_controls: Callable[[Path], bool]
    rows_of: Callable[[Path], Sql]

    def relation(self, path: Path, skip: int = 0) -> Sql:
        """What a FROM clause takes: one column, `line`, NULL where it is empty."""
        settings = {
            "delim": literal(DELIMITER),
            "quote": literal(QUOTE),
            "escape": literal(QUOTE),
            "skip": sql(f"{skip}"),
            "new_line": sql("'\\r\\n'" if self.newline == "\r\n" else "'\\n'"),
            "header": sql("false"),
            "auto_detect": sql("false"),
            "columns": sql("{'line': 'VARCHAR'}"),
            "compression": literal("none"),
        } | line_bounds(self.longest)
        return f"read_csv({literal(str(path))}, {named_arguments(settings)})"

    def places(self, numbers: Collection[int]) -> dict[int, tuple[int, int]]:
        """Of unmatched lines, counted from 1: the line of the text (from 1) and its byte offset.

        Equal lines match alike, so that the first equal line is the right one.
        """
        places: dict[int, tuple[int, int]] = {}
        last = max(numbers, default=0)
        with self.path.open("rb") as text, self.unmatched.open("rb") as unmatched:
            number, offset = 0, 0
            unmatched.readline()  # their header
            for count, unmatched_line in enumerate(islice(unmatched, last), start=1):
                for line in text:
                    number += 1
                    at, offset = offset, offset + len(line)
                    if number > self.skip and line.rstrip(b"\r\n") == unmatched_line.rstrip(
                        b"\r\n"
                    ):
                        break
                if count in numbers:
                    places[count] = (number, at)
        return places


BYTE_ORDER_MARK = "\ufeff"
"""Before a header that is repeated, where files that begin with it were joined."""


class IrregularText(Exception):
    """A text cannot be scanned in place: the engine would read other cells than the lexer, or rows
    that are none."""


class HeaderRepeated(IrregularText):
    """A row is the header over again: tables were joined, and rows are not alone any more."""


@dataclass(frozen=True)
class Prefiltered:
    """`rows` lines in all, `unmatched` of them written to a separate file, in their order.
    `controls`: there are control characters, which no matched line has."""

    rows: int
    unmatched: int
    controls: bool = False


def prefilter(
    engine: duckdb.DuckDBPyConnection, lines: Lines, cells: Sequence[CellRegex | None]
) -> Prefiltered | None:
    """Separate the lines that are not proven to be valid rows. All lines are counted: the
    engine has been seen to lose some in silence.

    None where that costs more than it saves, or would be wrong: lines are missing, or a quoted
    cell may run over several. Raises duckdb.Error where the scan fails, IrregularText.
    """
    prefiltered = _prefilter(engine, lines, cells)
    if prefiltered is None and lines.repeats_header():
        raise HeaderRepeated
    return prefiltered


def _prefilter(
    engine: duckdb.DuckDBPyConnection, lines: Lines, cells: Sequence[CellRegex | None]
) -> Prefiltered | None:
    known = [cell for cell in cells if cell is not None]
    if lines.size < MIN_BYTES or len(known) < len(cells):
        return None
    source = lines.relation(lines.path, lines.skip)
    unmatched, in_sample = _unmatched_line(engine, lines, known, source)
    if unmatched is None:
        return None
    query_of_unmatched = f"SELECT line FROM {source} WHERE {unmatched}"
    if in_sample:
        lines.prove_rest()
        # Counting the lines alone costs a sixth of asking them all a second time.
        total = _write_unmatched(engine, lines, query_of_unmatched)
        row = engine.execute(f"SELECT count(*) FROM {source}").fetchone() or (0,)
        complete = row[0] == lines.count()
    else:
        query = (
            f"SELECT count(*), count_if({unmatched}), coalesce(sum(strlen(line)), 0) FROM {source}"
        )
        row = engine.execute(query).fetchone() or (0, 0, 0)
        total = int(row[1])
        if total:
            lines.prove_rest()
        if total and _write_unmatched(engine, lines, query_of_unmatched) != total:
            return None
        ends = len(lines.newline) * int(row[0])
        complete = int(row[2]) + ends == lines.size
    usable = complete and total <= MAX_UNMATCHED_SHARE * row[0]
    if not usable or not _are_whole_rows(lines, total):
        return None
    controls = total > 0 and lines.has_controls(lines.unmatched)
    return Prefiltered(int(row[0]), total, controls)


def _unmatched_line(
    engine: duckdb.DuckDBPyConnection, lines: Lines, cells: Sequence[CellRegex], source: Sql
) -> tuple[Sql | None, int]:
    """The condition on `line`, by the first anchor with which most of the sample matches, and
    how many lines of the sample meet it."""
    anchors = [n for n, cell in enumerate(cells) if can_anchor(cell)][:MAX_ANCHORS]
    for anchor in anchors:
        patterns = line_regexes(cells, anchor, lines.delimiter)
        if not patterns:
            break
        unmatched = f"NOT coalesce({_matched(patterns)}, false)"
        if lines.header is not None:
            headers = ", ".join(literal(mark + lines.header) for mark in ("", BYTE_ORDER_MARK))
            unmatched = f"({unmatched} OR line IN ({headers}))"
        sample = f"(SELECT line FROM {source} LIMIT {lines.sample})"
        row = engine.execute(f"SELECT count(*), count_if({unmatched}) FROM {sample}").fetchone()
        # The engine finds no line where the first one is longer than it may be.
        if row is not None and row[0] and row[1] <= MAX_UNMATCHED_SHARE * row[0]:
            return unmatched, int(row[1])
    return None, 0


def _matched(patterns: Sequence[str]) -> Sql:
    """The condition that `line` matches the patterns one after another. What is matched is cut
    off, and a mark that no line has takes its place, so that no pattern is passed over."""
    rest, mark = sql("line"), ""
    for pattern in patterns[:-1]:
        rest = f"regexp_replace({rest}, {literal(f'^{mark}(?:{pattern})')}, {literal(QUOTE)})"
        mark = QUOTE
    return f"regexp_full_match({rest}, {literal(f'{mark}(?:{patterns[-1]})')})"


def _write_unmatched(engine: duckdb.DuckDBPyConnection, lines: Lines, query: Sql) -> int:
    """Write the unmatched lines below a header, each with an LF at its end; return their count."""
    # Without a header, the engine would read a first line without its mark of byte order. With a
    # quote, it would enclose lines that are empty or have a "#".
    options = f"FORMAT csv, HEADER true, DELIMITER {literal(DELIMITER)}, QUOTE '', ESCAPE ''"
    source, target = (
        f"SELECT coalesce(line, '') AS line FROM ({query})",
        literal(str(lines.unmatched)),
    )
    row = engine.execute(f"COPY ({source}) TO {target} ({options})").fetchone()
    return int(row[0]) if row else 0


def _are_whole_rows(lines: Lines, total: int) -> bool:
    """Whether each unmatched line is a whole row: one with an odd number of quotes is a part of
    a row, or spoilt. The patterns prove that of the others. Raises IrregularText."""
    if not total:
        return True
    header = lines.header.encode() if lines.header is not None else None
    with lines.unmatched.open("rb") as file:
        for line in file:
            if line.count(b'"') % 2:
                return False
            if line.rstrip(b"\r\n").removeprefix(BYTE_ORDER_MARK.encode()) == header:
                raise HeaderRepeated
    lines.prove_regular(lines.unmatched)
    return True
