"""What was decided on a delimited text, how sure that is, and why: one frozen object.

The readers act by it, the profile shows it, and the report warns by it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.inspection.csv.cell_types import TYPED, cell_type
from entrepot.inspection.csv.dialect import Dialect, DialectHints
from entrepot.inspection.csv.dialect_detection import detect_dialect
from entrepot.inspection.csv.dialect_scoring import ScoredDialect
from entrepot.inspection.csv.header_detection import TYPED_HEADER
from entrepot.inspection.csv.layout import Layout, find_layout
from entrepot.inspection.csv.lexer import COMMENT, Lexer, Record
from entrepot.inspection.csv.table_end import BlockBelow, TableEnd, said
from entrepot.inspection.detect.encoding import Encoding
from entrepot.inspection.table import TooLarge
from entrepot.schemas.table_dialect import TableDialect

SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)
COMMENTS = ("#", "//", "%", "--", "!", ";")
JUNK = "\0\x1a\x0c \t\r\n\ufeff"
PADDING = 4096
"""As many NULs as fill the last cluster of a disc up to its end; more of them are no padding."""
HEADING = re.compile(r"[^\W\d_][\w-]*(?: [\w-]+)?")
MARKUP = re.compile(r"[{};]\s*$|^\s*[})]|\\\w+\{|^(?:def|class|import|function|return|SELECT)\b")
SURE = 0.6
"""A reading that is less sure than this is warned of."""


@dataclass(frozen=True)
class Occurrences:
    """Rows that are alike in something: how many there are, and the first ones' numbers."""

    total: int
    first: tuple[int, ...]


@dataclass(frozen=True)
class DetectedCsv:
    """The decision. Rows are the text's records, counted from 1, with those that are not the
    table's; `first_row` and `last_row` (None: to the end) are the first and last data row.
    `repeats` are rows that repeat the header, `comments` lines that were passed over."""

    encoding: Encoding
    bom: bool
    line_end: str
    lines: int | None
    dialect: Dialect
    layout: Layout
    first_row: int
    first_line: int
    last_row: int | None = None
    above: BlockBelow | None = None
    below: tuple[BlockBelow, ...] = ()
    tables: tuple[BlockBelow, ...] = ()
    confidence: float = 1.0
    reasons: tuple[str, ...] = ()
    undecodable: int = 0
    padding: int = 0
    repeats: Occurrences | None = None
    comments: Occurrences | None = None
    spanning: tuple[int, str] = (0, "")
    further: tuple[str, ...] = field(default=())

    @property
    def header_rows(self) -> tuple[int, ...]:
        """The row numbers of the header; none if the table has no header."""
        return tuple(place + 1 for place in self.layout.header)

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns' labels, `column_1`, … without a header."""
        return self.layout.labels

    @property
    def unsure(self) -> bool:
        """Whether another reading is nearly as likely."""
        return self.confidence < SURE

    def within(self, extent: TableEnd) -> "DetectedCsv":
        """The reading with what the whole text says of the table's end."""
        return replace(self, last_row=extent.last, below=extent.notes, tables=extent.tables)

    @property
    def warnings(self) -> list[str]:
        """What a person should know, in sentences."""
        said = []
        if self.unsure:
            reason = "; ".join(self.further) or "the text may be read in other ways too"
            said.append(f"How the file is to be read is not sure: {reason}.")
        if self.encoding.sure < SURE:
            said.append(f"The encoding {self.encoding.name} is a guess.")
        said += [
            f"Another table, in rows {table.first:,} to {table.last:,}, was not read: "
            f"{table.text!r}."
            for table in self.tables
        ]
        said += [
            f"Rows {part.first:,} to {part.last:,} do not belong to the table: {part.text!r}."
            for part in (self.above, *self.below)
            if part is not None
        ]
        if self.padding:
            said.append(
                f"{self.padding:,} bytes of padding (NUL, Ctrl-Z) at the end were left out."
            )
        if self.repeats is not None:
            said.append(
                f"The header is repeated as a row {self.repeats.total:,} times"
                f" (row {_numbers(self.repeats)}): tables may have been joined."
            )
        if self.comments is not None:
            said.append(
                f"Read as comments, not as rows of the table, since they begin with"
                f" {self.dialect.comment!r} and have not its number of cells:"
                f" {self.comments.total:,} (row {_numbers(self.comments)})."
            )
        if self.spanning[0]:
            said.append(
                f"{self.spanning[0]:,} rows have a cell of several lines that look like rows of the"
                f" table; it was kept as one cell, first in the row that begins"
                f" {self.spanning[1]!r}."
            )
        return said

    def describe(self) -> dict[str, Any]:
        """The reading as JSON, for the profile."""
        parts = [part.describe() for part in (self.above, *self.below) if part is not None]
        return {
            "format": "csv",
            "encoding": self.encoding.name,
            "encodingConfidence": self.encoding.sure,
            "bom": self.bom,
            "newline": self.line_end,
            "lines": self.lines,
            "dialect": self.dialect.describe() | {"header": bool(self.layout.header)},
            "headerRows": list(self.header_rows),
            "firstRow": self.first_row,
            "lastRow": self.last_row,
            "confidence": self.confidence,
            "unsure": self.unsure,
            "reasons": list(self.reasons),
            "outside": parts,
            "tables": [table.describe() for table in self.tables],
            "undecodable": self.undecodable,
            "warnings": self.warnings,
        }


def _numbers(rows: Occurrences) -> str:
    """The first rows' numbers, in words."""
    first = ", ".join(f"{number:,}" for number in rows.first)
    return f"{first}, …" if rows.total > len(rows.first) else first


@dataclass(frozen=True)
class Decision:
    """How the first part of a text is to be read, and its records by that."""

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


def detect_csv(
    lines: Sequence[str],
    names: Sequence[str] | None,
    given: TableDialect | None,
    most: int = 10_000,
) -> Decision:
    """Decide on dialect and layout by `lines`, the first ones of a text, with their ends.

    Raises TooLarge for rows of more than `most` cells.
    """
    parts = _given(given)
    separator = SEPARATOR_LINE.fullmatch(lines[0].lstrip("\ufeff")) if lines else None
    body = list(lines)
    if separator:
        body = body[1:]
        if parts.delimiter is None:
            mark = separator.group(1)
            parts = replace(parts, delimiter="\t" if mark == "\\t" else mark)
    scored = detect_dialect(body, names, parts)
    best = scored[0]
    dialect = _with_comment(best, body, parts)
    records = _records(dialect, best.width, lines, bool(separator), given)
    widest = max((len(cells) for _, cells, _ in records[:100]), default=0)
    if widest > most:
        raise TooLarge(f"{widest:,} columns; {most:,} are read")
    header = given.header if given else None
    rows = given.header_rows if given and given.header_rows else None
    layout = find_layout(records, best.width, names, header, rows)
    if given and given.header_join is not None and len(layout.header) > 1:
        layout = replace(layout, labels=tuple(
            given.header_join.join(label.split(" ")) for label in layout.labels
        ))  # fmt: skip
    if layout.width != best.width:
        records = _records(dialect, layout.width, lines, bool(separator), given)
    confidence, further = _confidence(scored, records, layout, best.width)
    reasons = (f"its rows have {layout.width:,} cells by this dialect", *layout.reasons)
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
    )


def is_table(decision: Decision, contract: bool) -> bool:
    """Whether the text is a table at all. One column is one of short values, or of lines below
    a label; prose, program text and letters are none. A text under a contract is, if its
    columns have names of the contract."""
    if contract and decision.rank > 1:
        return True
    rows = [record for record in decision.records if record[1]]
    if decision.layout.width > 1:
        clear = TYPED_HEADER in decision.layout.reasons or decision.agreement > 0.95
        weak = decision.dialect.delimiter.strip(" ") in (":", "") and decision.dialect.blanks < 2
        typed = any(kind in TYPED for kind in decision.layout.kinds)
        few = decision.layout.width < 5 and decision.dialect.delimiter.strip() == ","
        if few and not typed and not decision.quoted and _is_prose(rows):
            return False
        return clear or decision.agreement > (0.9 if weak else 0.3 if typed else 0.5)
    texts = [cells[0] for _, cells, _ in rows if len(cells) == 1]
    words = sum(len(text.split()) for text in texts) / max(1, len(texts))
    if (
        len(rows) > 1
        and words <= 2.2
        and not any(MARKUP.search(text[:500]) for text in texts[:200])
    ):
        return True
    if len(rows) == 1 or any(text[:1] in " \t" for text in texts) or not texts:
        return len(rows) == 1 and len(texts) == 1 and words <= 3
    first = next(n for n, record in enumerate(decision.records) if record[1])
    gaps = any(not record[1] for record in decision.records[first : first + len(rows)])
    return bool(HEADING.fullmatch(texts[0])) and not gaps


def _is_quoted(dialect: Dialect, lines: Sequence[str], records: Sequence[Record]) -> bool:
    """Whether quotes enclose cells as a program writes them: at the begin of most lines, or
    around delimiters in some."""
    some = [line for line in lines[:200] if line.strip()]
    begun = sum(line.startswith(dialect.quote) for line in some) if dialect.quote else 0
    mark = dialect.delimiter
    kept = sum(any(mark in cell for cell in row) for _, row, _ in records[:200]) if mark else 0
    return begun * 2 > len(some) or kept * 10 >= len(some)


def _is_prose(rows: Sequence[Record]) -> bool:
    """Whether most cells are of several words, as between the commas of sentences."""
    cells = [cell.strip() for _, row, _ in rows[:200] for cell in row if cell.strip()]
    plain = sum(1 for cell in cells if " " not in cell or cell_type(cell) in TYPED)
    return plain * 2 < len(cells)


def above(decision: Decision) -> BlockBelow | None:
    """The rows above the table that have text."""
    start = min(decision.layout.header, default=decision.layout.start)
    rows = [n for n in range(start) if any(cell.strip() for cell in decision.records[n][1])]
    if not rows:
        return None
    line, cells, _ = decision.records[rows[0]]
    return BlockBelow(rows[0] + 1, rows[-1] + 1, line, said(cells))


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a record has no text: a blank line, or what ends some files (NULs, Ctrl-Z)."""
    if len(cells) != 1:
        return not cells
    return len(cells[0]) <= PADDING and not cells[0].strip(JUNK)


def _records(
    dialect: Dialect,
    width: int,
    lines: Sequence[str],
    separator: bool,
    given: TableDialect | None,
) -> tuple[Record, ...]:
    records: list[Record] = []
    skipped = set(given.comment_rows or ()) if given else set()
    for number, record in enumerate(Lexer(dialect, width).records(lines), start=1):
        line, cells, fault = record
        if is_blank(cells) or (separator and number == 1) or number in skipped:
            records.append((line, [], fault if fault == COMMENT else ""))
        else:
            records.append(record)
    return tuple(records)


def _given(given: TableDialect | None) -> DialectHints:
    if given is None:
        return DialectHints()
    return DialectHints(
        delimiter=given.delimiter,
        quote=given.quote_char,
        escape=given.escape_char,
        doubled=given.double_quote,
        trim=given.skip_initial_space,
        comment=given.comment_char,
    )


def _with_comment(best: ScoredDialect, lines: Sequence[str], given: DialectHints) -> Dialect:
    """The dialect with the mark by which lines begin that are no rows, if there are any."""
    dialect = best.dialect
    if given.comment is not None or best.width == 1:
        return dialect
    lexer = Lexer(dialect)
    for mark in COMMENTS:
        if mark[0] in dialect.delimiter or mark[0] == dialect.quote:
            continue
        begun = [line for line in lines if line.startswith(mark)]
        if not begun or len(begun) * 2 > len(lines):
            continue
        alike = sum(len(lexer.cells_of(line)) == best.width for line in begun)
        if alike == 0 or (mark == "#" and alike * 2 <= len(begun)):
            return replace(dialect, comment=mark)
    return dialect


def _confidence(
    scored: Sequence[ScoredDialect], records: Sequence[Record], layout: Layout, width: int
) -> tuple[float, tuple[str, ...]]:
    """How sure the reading is: by how far the next best dialect that gives other cells stays
    behind, how regular the rows are, and how clear the header is."""
    best = scored[0]
    reasons = []
    margin = 1.0
    for other in scored[1:4]:
        if other.rank <= 0.5 * best.rank:
            break
        odd = other.dialect.quote not in ("", '"', "'", best.dialect.quote)
        if odd or _same_cells(best, other) or (other.width == 1 and best.width > 2):
            continue
        margin = 1 - other.rank / best.rank
        mark = other.dialect.delimiter
        shown = f"the delimiter {mark!r}" if mark else "one column"
        reasons.append(f"{shown} fits nearly as well")
        break
    if _rival(best, records, layout):
        margin = 0.0
        reasons.append(
            "another delimiter stands as often in every row, or the commas are decimal ones"
        )
    uneven = _uneven(records, layout) if best.width == 1 else ""
    if uneven:
        margin = 0.0
        reasons.append(f"most lines have the mark {uneven!r}, but not equally often")
    by_margin = min(1.0, 0.4 + margin * 1.5)
    if layout.sure < 0.65:
        reasons.append("whether its first row is a header is not clear")
    return round(min(by_margin, 0.35 + 0.65 * layout.sure), 2), tuple(reasons)


def _rival(best: ScoredDialect, records: Sequence[Record], layout: Layout) -> bool:
    """Whether another usual delimiter stands equally often in every row, the first included.
    Within numbers it counts only where there is nothing but numbers."""
    rows = [record[1] for record in records[:200] if record[1]]
    numbers = not layout.header and all(kind == "number" for kind in layout.kinds)
    if numbers and best.width == 2 and best.dialect.delimiter == ",":
        return all(row[1].isdigit() for row in rows if len(row) == 2)
    if not numbers:
        rows = [[cell for cell in row if cell_type(cell) not in TYPED] for row in rows]
    for mark in ",;\t|^~":
        if mark in best.dialect.delimiter or len(rows) < 2:
            continue
        counts = {sum(cell.count(mark) for cell in row) for row in rows}
        if len(counts) == 1 and counts != {0}:
            return True
    return False


def _uneven(records: Sequence[Record], layout: Layout) -> str:
    """The usual delimiter that stands in at least half of the lines of one column, with no blank
    after it, and not only within numbers; "" if there is none."""
    cells = [row[0] for _, row, _ in records[layout.start : layout.start + 200] if len(row) == 1]
    for mark in ",;\t|":
        tight = re.compile(re.escape(mark) + r"(?! )")
        marked = [text for text in cells if tight.search(text)]
        odd = sum(cell_type(text) not in TYPED for text in marked)
        if len(marked) * 2 >= len(cells) > 2 and odd * 10 >= len(cells):
            return mark
    return ""


def _same_cells(best: ScoredDialect, other: ScoredDialect) -> bool:
    """Whether both read the same cells, as far as the delimiter alone tells."""
    if best.width == other.width == 1:
        return True
    return (
        best.dialect.delimiter.strip() == other.dialect.delimiter.strip()
        and best.dialect.blanks == other.dialect.blanks
        and best.width == other.width
    )
