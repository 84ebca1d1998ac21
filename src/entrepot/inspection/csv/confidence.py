"""How sure the reading of a text is, and what speaks against it."""

import re
from collections.abc import Sequence

from entrepot.inspection.csv.cell_types import TYPED, cell_type
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.dialects.scoring import ScoredDialect
from entrepot.inspection.csv.layout import Layout
from entrepot.inspection.csv.lexer import Lexer, Record
from entrepot.inspection.values.delimiters import USUAL, WITH_COLON

# Set by hand on tests/inspection/corpus, whose folder `ambiguous` has texts that must be below
# `reading.MIN_SURE`, and whose folder `clean` has those that must not.
MAX_ROWS = 200
"""Rows in which rivals are looked for."""
MAX_RIVALS = 3
"""The next best dialects that are compared: they differ in quotes and blanks first."""
MIN_RIVAL_RANK = 0.5
"""Of the best rank: a dialect with less is not a rival."""
NO_MARGIN, MARGIN_WEIGHT = 0.4, 1.5
"""The confidence where the next best dialect is as good, and what each part of the rank by which it
is worse adds: a fifth of the rank makes a reading sure enough."""
NO_HEADER = 0.35
"""The most confidence where nothing is known of the header."""
MIN_CLEAR_HEADER = 0.65
"""A header that is less clear is given as a reason."""
RIVALS = USUAL + "^~"
"""Delimiters that may stand beside the chosen one in every row."""
WITHIN_QUOTES = (*(Dialect(mark) for mark in WITH_COLON), Dialect(" ", blanks=2))
"""What may delimit the cells of lines that are in quotes as a whole. A single space stands in the
cells of one column too."""
MARKED_HEADER = {
    mark: re.compile(rf"(?s).*\w{gap}{re.escape(mark)}{gap}\w.*")
    for mark, gap in {",": "", ";": "", "\t": r"\s*", "|": r"\s*"}.items()
}
"""A header with a delimiter between words; a blank beside a comma or a semicolon is that of a
sentence."""
WHOLE_LINE = re.compile(r'"(?:[^"]|"")*"')
MIN_MARKED_SHARE, MIN_ODD_SHARE = 0.5, 0.1
"""Share of the lines of one column that have a usual delimiter, and of those that have it outside
of numbers, for the one column to be in doubt."""


def confidence_of(
    scored: Sequence[ScoredDialect],
    records: Sequence[Record],
    layout: Layout,
    width: int,
    delimiter_stated: bool,
) -> tuple[float, tuple[str, ...], str]:
    """How sure the reading is, what speaks against it, and the delimiter of a rival: by how far the
    next best dialect that gives other cells stays behind, how regular the rows are, and how clear
    the header is. A delimiter that is stated has no rivals: to state it is the way out of the
    doubt."""
    best, filled = scored[0], sum(1 for _, cells, _ in records if cells)
    reasons, rival = [], ""
    margin = 1.0
    for other in scored[1 : 1 + MAX_RIVALS]:
        if other.rank <= MIN_RIVAL_RANK * best.rank:
            break
        odd = other.dialect.quote not in ("", '"', "'", best.dialect.quote)
        if odd or _same_cells(best, other) or (other.width == 1 and best.width > 2):
            continue
        if other.width > 1 and other.agreement * filled <= 1:
            continue  # one line with the delimiter is a header without a row
        margin = 1 - other.rank / best.rank
        rival = other.dialect.delimiter
        description = f"the delimiter {rival!r}" if rival else "one column"
        reasons.append(f"{description} fits nearly as well")
        break
    if not delimiter_stated and _rival(best, records, layout):
        margin = 0.0
        reasons.append(
            "another delimiter stands as often in every row, or the commas are decimal ones"
        )
    uneven = _uneven(records, layout) if best.width == 1 and not delimiter_stated else ""
    if uneven:
        margin = 0.0
        rival = uneven
        reasons.append(f"most lines have the mark {uneven!r}, but not equally often")
    by_margin = min(1.0, NO_MARGIN + MARGIN_WEIGHT * margin)
    by_header, unclear = header_confidence(layout)
    return round(min(by_margin, by_header), 2), (*reasons, *unclear), rival


def header_confidence(layout: Layout) -> tuple[float, tuple[str, ...]]:
    """How sure a reading can be, as far as the header tells, and what speaks against it."""
    clear = layout.sure >= MIN_CLEAR_HEADER
    reasons = () if clear else ("whether its first row is a header is not clear",)
    return round(NO_HEADER + (1 - NO_HEADER) * layout.sure, 2), reasons


def _rival(best: ScoredDialect, records: Sequence[Record], layout: Layout) -> bool:
    """Whether another usual delimiter stands equally often in every row, the first included.
    Within numbers it counts only where there is nothing but numbers."""
    rows = [record[1] for record in records[:MAX_ROWS] if record[1]]
    numbers = not layout.header and all(kind == "number" for kind in layout.kinds)
    if numbers and best.width == 2 and best.dialect.delimiter == ",":
        return all(row[1].isdigit() for row in rows if len(row) == 2)
    if not numbers:
        rows = [[cell for cell in row if cell_type(cell) not in TYPED] for row in rows]
    for mark in RIVALS:
        if mark in best.dialect.delimiter or len(rows) < 2:
            continue
        counts = {sum(cell.count(mark) for cell in row) for row in rows}
        if len(counts) == 1 and counts != {0}:
            return True
    return False


def _uneven(records: Sequence[Record], layout: Layout) -> str:
    """The usual delimiter that stands in at least half of the lines of one column, with no blank
    after it, and not only within numbers; "" if there is none."""
    body = records[layout.start : layout.start + MAX_ROWS]
    cells = [row[0] for _, row, _ in body if len(row) == 1]
    if len(cells) < 3:
        return ""  # too few lines to tell
    for mark in USUAL:
        tight = re.compile(re.escape(mark) + r"(?! )")
        marked = [text for text in cells if tight.search(text)]
        odd = sum(cell_type(text) not in TYPED for text in marked)
        if len(marked) >= MIN_MARKED_SHARE * len(cells) and odd >= MIN_ODD_SHARE * len(cells):
            return mark
    return ""


def header_mark(
    lines: Sequence[str], records: Sequence[Record], first_line: int, layout: Layout
) -> str:
    """The usual delimiter between words of the header of one column, which is not in quotes: the
    rows may have lost their other cells. "" if there is none. `first_line` is that of `lines`."""
    if layout.width != 1 or not layout.header:
        return ""
    line, cells, _ = records[layout.header[0]]
    if not cells or lines[line - first_line].lstrip("\ufeff \t").startswith('"'):
        return ""
    marks = (mark for mark in USUAL if MARKED_HEADER[mark].fullmatch(cells[0]))
    return next(marks, "")


def header_mark_reason(mark: str) -> str:
    """Why a reading as one column is in doubt where its header has this mark."""
    return f"the header has the delimiter {mark!r}, and one column is as likely"


def line_quotes_reason(
    dialect: Dialect,
    lines: Sequence[str],
    records: Sequence[Record],
    first_line: int,
    layout: Layout,
) -> str:
    """Why a reading is in doubt where quotes enclose each line, or the header, as a whole: the
    header and at least half of the rows have the same number of cells, of lines within their
    quotes; "" if they have not. The lines were read as one column then, as titles, or with quotes
    that are text. `first_line` is that of `lines`."""
    filled = [(lines[line - first_line].strip(), row) for line, row, _ in records[:MAX_ROWS] if row]
    if len(filled) < 2 or not _is_doubtful(dialect, *filled[0], layout):
        return ""
    texts = [_within_quotes(dialect, body, row) for body, row in filled]
    each = all(body.startswith(dialect.quote or '"') for body, _ in filled)
    where = "each line is" if each else "the header is"
    for within in WITHIN_QUOTES:
        lexer = Lexer(within)
        # Colons within times delimit nothing.
        times = within.delimiter == ":"
        cut = ["" if times and cell_type(text) in TYPED else text for text in texts]
        header, *widths = [len(lexer.cells_of(text)) for text in cut]
        if header > 1 and widths.count(header) >= MIN_MARKED_SHARE * len(widths):
            text = "several spaces are" if within.blanks else f"{within.delimiter!r} is"
            return (
                f"{where} within quotes as a whole, so {text} text in one column"
                " (to have columns, write quotes around each cell, or none)"
            )
    return ""


def _is_doubtful(dialect: Dialect, body: str, cells: Sequence[str], layout: Layout) -> bool:
    """Whether the first line that is not blank may be a header whose quotes are around all of
    it."""
    if layout.width == 1 and dialect.quote:
        return body.startswith(dialect.quote) and len(cells) == 1
    if not WHOLE_LINE.fullmatch(body):
        return False
    return len(cells) > 1 or not layout.header


def _within_quotes(dialect: Dialect, body: str, cells: Sequence[str]) -> str:
    """The text of a line without the quotes around it. A cell may have several lines."""
    if len(cells) == 1 and body.startswith(dialect.quote or '"'):
        return cells[0]
    return body[1:-1].replace('""', '"') if WHOLE_LINE.fullmatch(body) else body


def _same_cells(best: ScoredDialect, other: ScoredDialect) -> bool:
    """Whether both read the same cells, as far as the delimiter alone tells."""
    if best.width == other.width == 1:
        return True
    return (
        best.dialect.delimiter.strip() == other.dialect.delimiter.strip()
        and best.dialect.blanks == other.dialect.blanks
        and best.width == other.width
    )
