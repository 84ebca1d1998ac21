"""How well a dialect explains the first lines of a text: the score of van den Burg et al. (2019),
by columns.

A dialect scores by how regular its rows are and by how much their cells look like whole values.
Rows above and below the table do not count against it: what counts is the stretch of rows in which
the table lies.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from entrepot.inspection.csv.cell_types import TYPED, cell_type, type_score
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.dialects.sample import LineSample
from entrepot.inspection.csv.lexer import Record

# How much of a record is looked at. Set by time: each candidate is scored by this many rows and
# cells, and there may be dozens of candidates.
MAX_TYPED_ROWS = 60
MAX_SCORED_COLUMNS = 60
MAX_HEADER_ROWS = 50
"""Rows among which one with the contract's names is looked for."""

# Weights. All were set by hand on tests/inspection/corpus, where readings are known; the factor of
# a comment is what the score is multiplied by.
PRIOR = {
    ",": 1.0,
    ";": 1.0,
    "\t": 1.0,
    "|": 0.98,  # also a border of drawn tables, and a quote
    ":": 0.75,  # stands in times, addresses and prose
    " ": 0.62,  # stands in every text
    ": ": 0.75,
    ", ": 0.97,  # a comma with blanks beside it is the same and simpler
    "; ": 0.97,
    "\x01": 1.0,  # Hive's delimiter
    "\x1f": 1.0,  # ASCII's unit separator
}
"""How likely a delimiter is before anything is seen of the text."""
OTHER_PRIOR = 0.8
"""Of a delimiter of one character that is not in the table."""
LONG_PRIOR = 0.95
"""Of one of several characters: it hardly comes up by chance."""
BLANK_RUN_PRIOR = 0.8
"""Of runs of two or more blanks: they also align other tables."""
FIXED_PRIOR = 0.78
"""Of columns at fixed places: less than runs of blanks, which read the same cells more often."""
UNTYPED_BLANKS_FACTOR = 0.7
"""For single blanks as delimiters, unless a third of the columns holds values: sentences are split
by them as well."""
MIN_KEPT_DELIMITERS, KEPT_DELIMITERS_PRIOR = 1 / 3, 0.9
"""From this share of rows on that have the delimiter within a quoted cell, it is at least as likely
as this: quotes are there to keep delimiters within cells."""
WIDE_TITLE_FACTOR = 0.93
"""Where the row just above the table has several cells too: titles rarely have."""
AGREEMENT_POWER = 2
"""Of the share of rows, within the table's stretch, that have its width: most telling of all."""
COVERAGE_POWER = 0.33
"""Of the share of all rows that the table has: long preambles and notes are common."""
NEAR_ROW = 0.4
"""What a row of another width, but of several cells, counts in that share: it may be ragged."""
NARROW_PENALTY = 0.4
"""Divided by the width: two columns come up by chance more easily than ten."""
FEW_ROWS_FACTORS = {1: 0.75, 2: 0.9}
"""By the count of the table's rows, where it is so small that any split agrees with itself."""
FAULT_PENALTY = 0.5
"""For rows with misplaced quotes, by their share."""
EMPTY_COLUMN = 0.25
"""The score of a column without any value: trailing delimiters make one, wrong ones many."""
LEADING_BLANK_PENALTY = 0.15
"""For cells that begin with a blank, by their share: it belongs to the delimiter."""
MIXED_COLUMN_PENALTY = 0.15
"""For the share of a column's cells that are not of its most frequent type."""
MIN_TYPED_SHARE = 0.9
"""Share of a column's cells that are values, for a column of values."""
NAMES_WEIGHT = 2
"""Of the share of a contract's names that a row has: with half of them it outweighs any score,
which is 1 at most."""
EXACT_NAMES, ALL_NAMES, NEAR_NAMES = 1.5, 1.0, 0.9
"""That share for a row that is the contract's names: by more than any score above that of a row
whose names have blanks around them. The last is for a row that has the names, but not exactly those
in their order."""

ALONE = 0.52
"""The score of one column of sound lines: less than any table of two sound columns."""
ALONE_AGREEMENT_POWER = 2
MIN_LINE_SCORE = 0.6
"""Of a line that looks like no value: lines of a list are often of several words."""
LINE_WORDS_FACTORS = (1.0, 0.85, 0.6)
"""For lines of one word, of two or three, and of more: the fewer words the more it is one value."""
TYPED_LINES_FACTOR = 1.5
"""Where all lines are values: numbers are the surest sign of one column."""
LABELLED_LINES_FACTOR = 1.3
"""Where the first of them is not: it may be a label, or the rows are not whole."""


@dataclass(frozen=True)
class ScoredDialect:
    """One dialect, how well it explains the sample (0 to 1), and the table's width by it."""

    dialect: Dialect
    score: float
    width: int
    agreement: float
    named: float = 0.0

    @property
    def rank(self) -> float:
        """The score, with the contract's names as the stronger evidence."""
        return self.score + NAMES_WEIGHT * self.named


def score_dialect(
    dialect: Dialect, sample: LineSample, names: Sequence[str] | None
) -> ScoredDialect:
    """How well `dialect` explains the lines."""
    rows = sample.first_records(dialect)
    if not rows:
        return ScoredDialect(dialect, 0.0, 1, 1.0)
    widths = Counter(len(cells) for _, cells, _ in rows)
    # The three most frequent widths: a preamble and ragged rows may each be more frequent.
    likely = [width for width, _ in widths.most_common(3) if width > 1]
    # Only a lexer that knows the width can tell a stray quote that swallows rows.
    spans = dialect.quote and any(after[0] - each[0] > 1 for each, after in pairwise(rows))
    by_width = {n: sample.first_records(dialect, width=n) for n in likely if spans}
    named = _names_share(rows, names) if names else 0.0
    if names and named >= ALL_NAMES and len(names) in likely:
        likely = [len(names)]
    best = max(
        (_judge_width(dialect, by_width.get(n, rows), n, named) for n in likely),
        key=lambda each: each.score,
        default=None,
    )
    alone = _judge_alone(dialect, rows, widths, named)
    if names and named >= ALL_NAMES:
        return best if best and len(names) > 1 else alone
    return best if best and best.score > alone.score else alone


def _judge_alone(
    dialect: Dialect, rows: Sequence[Record], widths: Counter[int], named: float
) -> ScoredDialect:
    share = widths[1] / len(rows)
    cells = [cells[0] for _, cells, _ in rows[:MAX_TYPED_ROWS] if len(cells) == 1]
    kinds = [cell_type(cell) for cell in cells]
    value = sum(_line_score(*each) for each in zip(cells, kinds, strict=True))
    value /= max(1, len(kinds))
    typed = [kind in TYPED for kind in kinds]
    if len(typed) > 2 and all(typed[1:]) and kinds[0] not in ("split", "tabbed", "other"):
        value *= LABELLED_LINES_FACTOR if typed[0] else TYPED_LINES_FACTOR
    broken = sum(1 for _, _, error in rows if error) / len(rows)
    score = ALONE * share**ALONE_AGREEMENT_POWER * value * (1 - FAULT_PENALTY * broken)
    return ScoredDialect(dialect, score, 1, share, named)


def _line_score(cell: str, kind: str) -> float:
    """How much a whole line looks like one value: the fewer words the more."""
    words = cell.count(" ") + 1
    one, few, many = LINE_WORDS_FACTORS
    return max(MIN_LINE_SCORE, type_score(kind)) * (
        one if words == 1 else few if words < 4 else many
    )


def _judge_width(
    dialect: Dialect, rows: Sequence[Record], width: int, named: float
) -> ScoredDialect:
    at = [n for n, (_, cells, _) in enumerate(rows) if len(cells) == width]
    if not at:
        return ScoredDialect(dialect, 0.0, width, 0.0, named)
    first, last = _densest_stretch(at)
    inside = [n for n in at if first <= n <= last]
    body = [rows[n][1] for n in inside]
    near = sum(1 for n in range(first, last + 1) if 1 < len(rows[n][1]) != width)
    agreement = (len(inside) + NEAR_ROW * near) / (last - first + 1)
    coverage = len(inside) / len(rows)
    broken = sum(1 for n in inside if rows[n][2]) / len(inside)
    prior = _prior(dialect, body, width)
    if first and len(rows[first - 1][1]) > 1 and rows[first][0] == rows[first - 1][0] + 1:
        prior *= WIDE_TITLE_FACTOR
    score = (
        agreement**AGREEMENT_POWER
        * coverage**COVERAGE_POWER
        * _type_score(body, width)
        * prior
        * (1 - NARROW_PENALTY / width)
        * FEW_ROWS_FACTORS.get(len(inside), 1.0)
        * (1 - FAULT_PENALTY * broken)
    )
    return ScoredDialect(dialect, score, width, agreement * coverage, named)


def _prior(dialect: Dialect, body: Sequence[Sequence[str]], width: int) -> float:
    """How likely the delimiter is, by what it is and how the rows use it."""
    mark = dialect.delimiter
    prior = PRIOR.get(mark, LONG_PRIOR if len(mark) > 1 else OTHER_PRIOR)
    if dialect.blanks == 2:
        prior = FIXED_PRIOR if dialect.starts else BLANK_RUN_PRIOR
    if (mark == " " or dialect.blanks == 1) and _typed_columns(body, width) * 3 < width:
        prior *= UNTYPED_BLANKS_FACTOR
    kept = sum(any(mark in cell for cell in row) for row in body) if mark else 0
    if mark and kept >= MIN_KEPT_DELIMITERS * len(body):
        prior = max(prior, KEPT_DELIMITERS_PRIOR)
    return prior


def _densest_stretch(at: Sequence[int]) -> tuple[int, int]:
    """The stretch of rows in which those at the positions `at` prevail the most: a row of the
    width counts 1, another one -1."""
    best = total = 0.0
    start = first = last = at[0]
    previous = at[0] - 1
    for place in at:
        total -= place - previous - 1
        if total <= 0:
            total, start = 0.0, place
        total += 1
        if total > best:
            best, first, last = total, start, place
        previous = place
    return first, last


def _type_score(body: Sequence[Sequence[str]], width: int) -> float:
    """How much the cells look like whole values, the columns of one kind the more."""
    some = body[:MAX_TYPED_ROWS]
    total = 0.0
    columns = range(min(width, MAX_SCORED_COLUMNS))
    for column in columns:
        kinds = Counter(cell_type(row[column]) for row in some)
        if kinds["empty"] == len(some):
            total += EMPTY_COLUMN
            continue
        value = sum(type_score(kind) * count for kind, count in kinds.items()) / len(some)
        blank = sum(row[column][:1] == " " for row in some)
        value *= 1 - LEADING_BLANK_PENALTY * blank / len(some)
        filled = Counter({kind: n for kind, n in kinds.items() if kind != "empty"})
        top = filled.most_common(1)[0][1] / max(1, filled.total())
        total += value * (1 - MIXED_COLUMN_PENALTY * (1 - top))
    return total / len(columns)


def _typed_columns(body: Sequence[Sequence[str]], width: int) -> int:
    some = body[1 : MAX_TYPED_ROWS + 1] or body
    return sum(
        1
        for column in range(min(width, MAX_SCORED_COLUMNS))
        if sum(cell_type(row[column]) in TYPED for row in some) >= MIN_TYPED_SHARE * len(some)
    )


def _names_share(rows: Sequence[Record], names: Sequence[str]) -> float:
    """The share of the contract's names that one of the first rows has, in the best row; one
    name alone, in a row that may be one cell, says nothing."""
    known = set(names)
    best = 0.0
    for _, cells, _ in rows[:MAX_HEADER_ROWS]:
        if cells == list(names):
            return EXACT_NAMES
        labels = [cell.strip() for cell in cells]
        if labels == list(names):
            best = ALL_NAMES
        shared = len(known.intersection(labels))
        if shared:
            best = max(best, NEAR_NAMES * shared / max(len(names), len(labels)))
    return best
