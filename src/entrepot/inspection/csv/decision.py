"""Decide how the first part of a delimited text is to be read: dialect, layout, comments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from entrepot.inspection.csv.cell_types import TYPED, cell_type
from entrepot.inspection.csv.confidence import (
    MARKED_HEADER,
    NO_MARGIN,
    confidence_of,
    header_mark,
    header_mark_reason,
    line_quotes_reason,
)
from entrepot.inspection.csv.contract.layout import contract_layout
from entrepot.inspection.csv.contract.rows import ContractEndFinder, RowRules, row_rules
from entrepot.inspection.csv.detected import is_blank
from entrepot.inspection.csv.dialect import Dialect, DialectHints
from entrepot.inspection.csv.dialects.detection import detect_dialect
from entrepot.inspection.csv.dialects.sample import LineSamples
from entrepot.inspection.csv.dialects.scoring import ScoredDialect
from entrepot.inspection.csv.dialects.titles import below_titles
from entrepot.inspection.csv.layout import Layout, find_layout, join_labels, with_unlike_header
from entrepot.inspection.csv.lexer import MAX_RECORD_CHARS, Lexer, Record
from entrepot.inspection.csv.table_end import BlockBelow, TableEndFinder, row_text
from entrepot.inspection.report.record_faults import COMMENT
from entrepot.inspection.sql import sql
from entrepot.inspection.table import TooLarge
from entrepot.inspection.values.delimiters import USUAL
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)
"""A first line that tells Excel the delimiter."""
TIGHT_COMMA = re.compile(r"\S,\S")
COMMENTS = ("#", "//", "%", "--", "!", ";")
"""Marks of comments, the most usual first."""

HEADING = re.compile(r"[^\W\d_][\w-]*(?: [\w-]+)?")
"""One or two words: the label of one column."""
MAX_WIDTH_ROWS = 100
"""Rows by which too many columns are noticed before the layout, whose work grows by columns, is
looked for."""
MAX_ROWS = 200
"""Rows in which quotes are looked for."""

# Set by hand on tests/inspection/corpus.
MIN_EVEN_AGREEMENT = 0.5
"""Share of rows of one width, for that to be the table's, whatever its header has."""
MIN_BEGUN_SHARE = 0.5
"""Share of lines that begin with a quote, for quotes that a program wrote around all cells."""
MIN_KEPT_SHARE = 0.1
"""Share of rows with a delimiter within a cell, for quotes that are there to keep delimiters."""
MAX_COMMENT_SHARE = 0.5
"""Share of lines that begin with a mark: with more they are the rows."""
MAX_ALIKE_SHARE = 0.5
"""Share of the lines after # that have the table's width. # marks comments in most files, so that
rows may have been commented out with it; after other marks no line may look like a row."""


@dataclass(frozen=True)
class Decision:
    """How the first part of a text is to be read, and its records by that. Under a `contract` the
    `rules` alone decide which records are rows. `first_line` is the physical line of the first
    record: the second one below Excel's line `sep=`, which is not a record. `line_quotes`: quotes
    enclose lines as a whole. `rival` is the delimiter of another reading that is nearly as good."""

    dialect: Dialect
    layout: Layout
    records: tuple[Record, ...]
    confidence: float
    reasons: tuple[str, ...]
    further: tuple[str, ...]
    rank: float
    agreement: float
    quoted: bool
    contract: bool
    rules: RowRules
    first_line: int = 1
    line_quotes: bool = False
    rival: str = ""

    def lexer(self, longest: int = MAX_RECORD_CHARS) -> Lexer:
        """A new lexer for the text, which knows its table; `longest` is that of a record."""
        return Lexer(self.dialect, self.layout.width, longest, self.layout.kinds)

    @property
    def end_stated(self) -> bool:
        """Whether the dialect alone decides where the table ends: under a contract, and where a
        dialect states the footer."""
        return self.contract or self.rules.footer is not None


def detect_csv(
    lines: Sequence[str],
    names: Sequence[str] | None,
    requested: TableDialect | None,
    most: int,
    freeze: bool,
    samples: LineSamples,
    titles: int = 0,
) -> Decision:
    """Decide on dialect and layout by `lines`, the first ones of a text, with their ends.

    `freeze`: the reading is to become a contract. `samples` are those of the text, the first
    `titles` lines are titles if nothing is `requested`. Raises TooLarge for more than `most` cells.
    """
    hints = _hints(requested)
    if names is not None and hints.comment is None:
        hints = replace(hints, comment="")
    rules = row_rules(requested)
    separator = SEPARATOR_LINE.fullmatch(lines[0].lstrip("\ufeff")) if len(lines) > 1 else None
    body, first_line = list(lines), 1
    if separator:
        body, first_line = body[1:], 2
        if hints.delimiter is None:
            mark = separator.group(1)
            hints = replace(hints, delimiter="\t" if mark == "\\t" else mark)
    bound = names is not None or freeze
    if requested is not None:
        titles = min(requested.header_rows or (1,)) - 1
    table = below_titles(body, hints.quote, titles)
    scored = detect_dialect(table, names, hints, bound, samples)
    if bound:
        scored = _with_binding(scored, table, names, hints)
    best = scored[0]
    dialect = _with_comment(best, body, hints)
    records = _records(dialect, best.width, body, first_line, requested)
    widest = max((len(cells) for _, cells, _ in records[:MAX_WIDTH_ROWS]), default=0)
    if widest > most:
        raise TooLarge(f"{counted(widest, 'column')}; {most:,} are read")

    def lay_out(records: Sequence[Record], width: int) -> Layout:
        if names is not None:
            return contract_layout(records, names, requested, rules)
        layout = find_requested_layout(records, width, requested)
        if freeze and (requested is None or requested.header is None):
            layout = with_unlike_header(layout, records)
        return layout

    layout = lay_out(records, best.width)
    damaged = any(error and error is not COMMENT for _, _, error in records)
    if damaged or layout.width != best.width:
        before = len(records)
        records = _records(dialect, layout.width, body, first_line, requested, layout.kinds)
        if damaged and len(records) < before:  # what seemed to be rows is the cell of one
            layout = lay_out(records, layout.width)
    stated = hints.delimiter is not None
    confidence, further, rival = confidence_of(scored, records, layout, best.width, stated)
    line_quotes = line_quotes_reason(dialect, body, records, first_line, layout)
    if line_quotes and names is None and not stated:
        confidence, further = min(confidence, NO_MARGIN), (line_quotes, *further)
    mark = "" if names is not None or stated else header_mark(body, records, first_line, layout)
    if mark:
        confidence, further = min(confidence, NO_MARGIN), (header_mark_reason(mark),)
        rival = mark
    reasons = (f"with this dialect its rows have {counted(layout.width, 'cell')}", *layout.reasons)
    return Decision(
        dialect,
        layout,
        records,
        confidence,
        reasons,
        further,
        best.rank,
        best.agreement,
        _is_quoted(dialect, body, records),
        names is not None,
        rules,
        first_line,
        bool(line_quotes),
        rival,
    )


def _with_binding(
    scored: list[ScoredDialect],
    lines: Sequence[str],
    names: Sequence[str] | None,
    hints: DialectHints,
) -> list[ScoredDialect]:
    """The readings where a contract depends on the first, or is made from it (`names` is None)."""
    best, others = scored[0], scored[1:]
    if best.width == 1 and _has_tight_commas(best.dialect, lines):
        return [_by_mark(best, ",", lines, named=names is not None), *others]
    if names is not None or hints.delimiter is not None:
        return scored
    if mark := _mark_of_header(best, lines):
        return [_by_mark(best, mark, lines, named=False), *others]
    if is_list_of_sentences(best.dialect, lines):
        dialect = replace(best.dialect, delimiter="")
        return [replace(best, dialect=dialect, width=1, agreement=1.0)]
    return scored


def _has_tight_commas(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether lines of one column have commas as they delimit cells: not within numbers, and
    without a blank behind as in sentences. The comma is the delimiter unless a dialect says
    otherwise (Table Dialect), so that such a line has a cell too many."""
    if dialect.delimiter:
        return False
    return any(
        TIGHT_COMMA.search(line) and cell_type(line.strip()) not in TYPED
        for line in lines[:MAX_ROWS]
    )


def _mark_of_header(best: ScoredDialect, lines: Sequence[str]) -> str:
    """The usual delimiter by which the header alone tells how many columns there are, since most
    rows have lost cells; "" if there is none. It stands between words of the header. Where it was
    not read, a row has it as often; where it was, no cell has several words, as prose has."""
    filled = [line.strip("\ufeff \r\n") for line in lines[:MAX_ROWS] if line.strip()]
    header, *rows = filled or [""]
    marks = [mark for mark in USUAL if MARKED_HEADER[mark].fullmatch(header)]
    if header.startswith('"'):
        return ""
    if best.dialect.delimiter:
        words = best.agreement < MIN_EVEN_AGREEMENT and not any(" " in line for line in filled)
        return best.dialect.delimiter if words and best.dialect.delimiter in marks else ""
    return next((m for m in marks if any(row.count(m) == header.count(m) for row in rows)), "")


def is_list_of_sentences(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether the delimiter is the punctuation of sentences below a label: a blank follows each,
    and the lines have different numbers of them. Where all lines have as many, cells may have been
    written without quotes, which is not sure."""
    mark = dialect.delimiter
    filled = [line.rstrip() for line in lines[:MAX_ROWS] if line.strip()]
    if mark not in (",", ";", ":") or len(filled) < 3 or not HEADING.fullmatch(filled[0]):
        return False
    spaced = all(line.count(mark) == line.count(f"{mark} ") for line in filled)
    return spaced and len({line.count(mark) for line in filled[1:]}) > 1


def _by_mark(best: ScoredDialect, mark: str, lines: Sequence[str], named: bool) -> ScoredDialect:
    """The reading by that delimiter, as wide as the first line, which is the header."""
    dialect = replace(best.dialect, delimiter=mark)
    first = next((line for line in lines if line.strip()), "")
    width = 1 if named else max(1, len(Lexer(dialect).cells_of(first)))
    return replace(best, dialect=dialect, width=width, agreement=1.0)


def find_requested_layout(
    records: Sequence[Record], width: int, requested: TableDialect | None
) -> Layout:
    """The layout of the table in `records`, with what a dialect says of its header."""
    header = requested.header if requested else None
    rows = requested.header_rows if requested and requested.header_rows else None
    layout = find_layout(records, width, header, rows)
    if requested and requested.header_join is not None and len(layout.header) > 1:
        joined = join_labels([records[n][1] for n in layout.header], requested.header_join)
        labels = (*joined, *layout.labels[len(joined) :])[: len(layout.labels)]
        layout = replace(layout, labels=labels)
    return layout


def _is_quoted(dialect: Dialect, lines: Sequence[str], records: Sequence[Record]) -> bool:
    """Whether quotes enclose cells as a program writes them: at the start of most lines, or
    around delimiters in some."""
    some = [line for line in lines[:MAX_ROWS] if line.strip()]
    begun = sum(line.startswith(dialect.quote) for line in some) if dialect.quote else 0
    mark = dialect.delimiter
    kept = sum(any(mark in cell for cell in row) for _, row, _ in records[:MAX_ROWS]) if mark else 0
    return begun > MIN_BEGUN_SHARE * len(some) or kept >= MIN_KEPT_SHARE * len(some)


def above(decision: Decision) -> BlockBelow | None:
    """The rows above the table that have text."""
    start = min(decision.layout.header, default=decision.layout.start)
    rows = [n for n in range(start) if any(cell.strip() for cell in decision.records[n][1])]
    if not rows:
        return None
    line, cells, _ = decision.records[rows[0]]
    return BlockBelow(rows[0] + 1, rows[-1] + 1, line, row_text(cells))


def _records(
    dialect: Dialect,
    width: int,
    lines: Sequence[str],
    first_line: int,
    requested: TableDialect | None,
    kinds: Sequence[str] | None = None,
) -> tuple[Record, ...]:
    records: list[Record] = []
    skipped = set(requested.comment_rows or ()) if requested else set()
    lexer = Lexer(dialect, width, kinds=kinds)
    for number, record in enumerate(lexer.records(lines, first_line), start=1):
        line, cells, error = record
        if is_blank(cells) or number in skipped:
            records.append((line, [], error if error is COMMENT else None))
        else:
            records.append(record)
    return tuple(records)


def _hints(requested: TableDialect | None) -> DialectHints:
    if requested is None:
        return DialectHints()
    return DialectHints(
        delimiter=requested.delimiter,
        quote=requested.quote_char,
        escape=requested.escape_char,
        doubled=requested.double_quote,
        trim=requested.skip_initial_space,
        comment=requested.comment_char,
    )


def _with_comment(best: ScoredDialect, lines: Sequence[str], hints: DialectHints) -> Dialect:
    """The dialect with the mark of comments: lines that begin with it are not rows."""
    dialect = best.dialect
    if hints.comment is not None or best.width == 1:
        return dialect
    lexer = Lexer(dialect)
    for mark in COMMENTS:
        if mark[0] in dialect.delimiter or mark[0] == dialect.quote:
            continue
        begun = [line for line in lines if line.startswith(mark)]
        if not begun or len(begun) > MAX_COMMENT_SHARE * len(lines):
            continue
        alike = sum(len(lexer.cells_of(line)) == best.width for line in begun)
        if alike == 0 or (mark == "#" and alike <= MAX_ALIKE_SHARE * len(begun)):
            return replace(dialect, comment=mark)
    return dialect


def end_finder(
    decision: Decision, engine: duckdb.DuckDBPyConnection
) -> TableEndFinder | ContractEndFinder:
    """A new finder for the text that was decided on; `engine` matches RE2 patterns."""
    if not decision.end_stated:
        return TableEndFinder(decision.layout)

    def match(pattern: str, cells: Sequence[str]) -> Sequence[bool]:
        query = sql("SELECT list_transform(?::VARCHAR[], lambda c: regexp_full_match(c, ?))")
        row = engine.execute(query, [list(cells), pattern]).fetchone()
        return list(row[0]) if row else []

    return ContractEndFinder(decision.rules, match)
