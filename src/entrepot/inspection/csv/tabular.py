"""Whether a text is a table at all."""

import re
from collections.abc import Sequence

from entrepot.inspection.csv.cell_types import TYPED, cell_type
from entrepot.inspection.csv.decision import HEADING, Decision
from entrepot.inspection.csv.header_detection import TYPED_HEADER
from entrepot.inspection.csv.lexer import Record

MARKUP = re.compile(r"[{};]\s*$|^\s*[})]|\\\w+\{|^(?:def|class|import|function|return|SELECT)\b")
"""Lines of programs, style sheets and TeX."""
TAG = re.compile(r"\s*<(?:[!?]|[A-Za-z][\w:-]*[\s>/])")
"""How HTML and XML begin."""

# Set by hand on tests/inspection/corpus: its folder `not-tabular` has prose, code, mails and logs,
# the others have tables.
MIN_NAMED_RANK = 1
"""Rank above which columns have names of the contract, which count twice (`ScoredDialect.rank`)."""
CLEAR_AGREEMENT = 0.95
"""Share of rows of one width from which on a text is a table, whatever its cells hold."""
MIN_AGREEMENT, MIN_TYPED_AGREEMENT, MIN_WEAK_AGREEMENT = 0.5, 0.3, 0.9
"""The least share of rows of one width: usually; where columns hold values, which prose does not
have; and where colons or single blanks delimit, which prose has too."""
MAX_PROSE_COLUMNS = 4
"""Columns that the commas of sentences may make."""
MIN_PLAIN_SHARE = 0.5
"""Share of cells that are one word or a value; with fewer the text is prose."""
MAX_LINE_WORDS = 2.2
"""Words of a line on average, for lines that are a list and no prose."""
MAX_SINGLE_LINE_WORDS = 3
"""Words of a text that is one line, for it to be a label without rows."""
MAX_ROWS, MAX_MARKUP_CHARS = 200, 500
"""Rows, and characters of each, that are looked at. Set by time."""


def is_table(decision: Decision, contract: bool) -> bool:
    """Whether the text is a table at all. One column is one of short values, or of lines below
    a label; prose, program text and letters are none. A text under a contract is, if its
    columns have names of the contract."""
    if contract and (decision.rank > MIN_NAMED_RANK or not decision.layout.header):
        return True
    if decision.line_quotes:  # cells, that their quotes keep from being columns
        return True
    rows = [record for record in decision.records if record[1]]
    wide = decision.layout.width > 1
    return _has_columns(decision, rows) if wide else _is_list(decision, rows)


def is_markup(decision: Decision) -> bool:
    """Whether the text is HTML or XML: a tag at its beginning, and one at its end."""
    filled = [cells for _, cells, _ in decision.records if any(cell.strip() for cell in cells)]
    return bool(filled) and (
        TAG.match("".join(filled[0])) is not None and filled[-1][-1].rstrip().endswith(">")
    )


def _has_columns(decision: Decision, rows: Sequence[Record]) -> bool:
    """Whether a text of several columns is a table rather than prose or a log."""
    layout, dialect = decision.layout, decision.dialect
    typed = any(kind in TYPED for kind in layout.kinds)
    few = layout.width <= MAX_PROSE_COLUMNS and dialect.delimiter.strip() == ","
    if few and not typed and not decision.quoted and _is_prose(rows):
        return False
    if TYPED_HEADER in layout.reasons or decision.agreement > CLEAR_AGREEMENT:
        return True
    weak = dialect.delimiter.strip(" ") in (":", "") and dialect.blanks < 2
    usual = MIN_TYPED_AGREEMENT if typed else MIN_AGREEMENT
    return decision.agreement >= (MIN_WEAK_AGREEMENT if weak else usual)


def _is_list(decision: Decision, rows: Sequence[Record]) -> bool:
    """Whether a text of one column is a list: of short values, or of lines below a label."""
    texts = [cells[0] for _, cells, _ in rows if len(cells) == 1]
    words = sum(len(text.split()) for text in texts) / max(1, len(texts))
    markup = any(MARKUP.search(text[:MAX_MARKUP_CHARS]) for text in texts[:MAX_ROWS])
    if len(rows) > 1 and words <= MAX_LINE_WORDS and not markup:
        return True
    if len(rows) == 1 or any(text[:1] in " \t" for text in texts) or not texts:
        return len(rows) == 1 and len(texts) == 1 and words <= MAX_SINGLE_LINE_WORDS
    first = next(n for n, record in enumerate(decision.records) if record[1])
    gaps = any(not record[1] for record in decision.records[first : first + len(rows)])
    return bool(HEADING.fullmatch(texts[0])) and not gaps


def _is_prose(rows: Sequence[Record]) -> bool:
    """Whether most cells are of several words, as between the commas of sentences."""
    cells = [cell.strip() for _, row, _ in rows[:MAX_ROWS] for cell in row if cell.strip()]
    plain = sum(1 for cell in cells if " " not in cell or cell_type(cell) in TYPED)
    return plain < MIN_PLAIN_SHARE * len(cells)
