"""Which rows name the columns: judged by how their cells differ from what the columns hold."""

import re
from collections import Counter
from collections.abc import Sequence

from entrepot.inspection.csv.cell_types import TYPED, broad_type, cell_type

BODY_ROWS, MAX_SOUGHT_ROWS = 100, 40
"""The rows that tell what columns hold, and those among which a header is looked for, so that a
preamble may be long."""
MAX_HEADER_ROWS = 5
"""Rows of one header, with one of units."""

# Thresholds, set by hand on the folders `headers`, `preambles` and `shapes` of
# tests/inspection/corpus.
MIN_KIND_SHARE = 0.8
"""Share of a column's filled cells that are of one kind, for a column of that kind: the others may
be faults, which inspection is there to find."""
MIN_LABELLED_SHARE = 0.6
"""Share of the columns of values that have a word above them, for rows that are a header: some
columns have no name."""
SKIPPED_ROWS = 4
"""Rows just below a header that do not tell what columns hold, where there are enough: they may
belong to the header, or be units."""
SURE_UNKNOWN, SURE_VALUES, SURE_YEARS, SURE_ALIKE = 0.7, 0.8, 0.8, 0.9
"""How sure the decision is: of a table of one row; that a row with values is not a header where the
columns below hold none; that years over other values are one; that values over values are none."""
SURE_GROUPED = 0.9
"""That rows without text over the columns of values are the upper rows of a header."""
SURE_REPEATED, SURE_REPEATED_ONCE = 0.6, 0.35
"""That a first row of words is not a header: several of its words, or one, occur again below."""
SURE_SHAPED, SURE_PARTLY_SHAPED, SURE_WORDS = 0.9, 0.75, 0.6
"""That a first row of words is a header: its words differ in their shape from most columns below,
from some, or from none. The last is as sure as a reading must be (`reading.MIN_SURE`)."""
NEUTRAL = frozenset({"empty", "flag"})
TYPED_HEADER = "the header has words, the columns have values"
YEAR = re.compile(r"(1[89]|20|21)\d\d")
USUAL_LABEL = re.compile(
    r"(?i:(?:[^\W_]*[ _.-])*(?:id|name|nom|nombre|date|datum|fecha|time|year|jahr|code|key|types?|"
    r"kind|class|category|status|state|country|land|city|ort|region|address|e-?mail|phone|url|title|"
    r"description|text|comments?|notes?|value|wert|count|anzahl|amount|total|price|preis|unit|"
    r"number|no|nr|qty|label|group|sex|gender|age)(?:[ _.-]?\d+)?)"
)
"""Words by which columns are named in most files: English ones, and some of their relatives. Each
character of a label is matched in one way, so that a long label takes no longer than it has."""
UNIT = re.compile(r"[\[(].*[\])]|[^\d\s\"']{1,4}")


def typed_header(cells: Sequence[list[str]], width: int) -> tuple[int, ...] | None:
    """The rows that hold words over columns of values, looked for among the first rows of the
    table's width; None where a row of values comes first, or there are no columns of values."""
    fitting = [
        n for n, row in enumerate(cells) if len(row) == width and any(c.strip() for c in row)
    ]
    for place, at in enumerate(fitting[:MAX_SOUGHT_ROWS]):
        below = [cells[n] for n in _rows_below(cells, fitting, place) if cells[n] != cells[at]]
        kinds = column_kinds(below, width)
        typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
        if not typed:
            if _names_all(cells[at]):
                return None
            continue
        dated = _of_years(below, typed)
        words, values = against(cells[at], kinds, typed, dated)
        if values and not words:
            return None
        if values or (_is_prefix(cells[at]) and len(words) < len(typed)):
            continue
        rows: list[int] = []
        named: set[int] = set()
        for turn, nth in enumerate(fitting[place : place + MAX_HEADER_ROWS], start=place):
            dated = dated or (bool(rows) and _names_all_apart(cells[rows[-1]]))
            words, values = against(cells[nth], kinds, typed, dated)
            covered = len(named) >= MIN_LABELLED_SHARE * len(typed)
            apart = bool(rows) and nth != rows[-1] + 1
            if values and rows and len(typed) > 1 and turn + 1 < len(fitting):
                # Figures above a row of words belong to the header: heights, years, classes.
                following = against(cells[fitting[turn + 1]], kinds, typed, dated)
                if not following[1] and len(following[0]) == len(typed):
                    rows.append(nth)
                    continue
            coded = bool(rows) and _has_code(cells[nth], kinds)
            if values or coded or (apart and not (covered and _follows_rule(cells, nth))):
                break
            titled = len(rows) == 1 and not _years(cells[rows[0]])
            titled = titled and _is_titled(cells[rows[0]])
            if (apart or titled) and not values and _names_all(cells[nth]):
                rows, named = [], set()
            elif covered and not _is_further(cells[nth], words, typed, cells[rows[-1]]):
                break
            rows.append(nth)
            named.update(words)
        if len(named) >= MIN_LABELLED_SHARE * len(typed):
            return tuple(rows)
    return None


def _is_titled(row: Sequence[str]) -> bool:
    """Whether a row above the labels is a title: with figures or commas in it, or with its first
    cell alone, which would name all columns together."""
    if [n for n, cell in enumerate(row) if cell.strip()] == [0]:
        return True
    return any(cell_type(cell) in TYPED or cell[:1] == " " for cell in row)


def _names_all(row: Sequence[str]) -> bool:
    """Whether the row alone is a whole header: words in all cells."""
    return all(cell.strip() and cell_type(cell) not in TYPED for cell in row)


def _names_all_apart(row: Sequence[str]) -> bool:
    """Whether the row needs no further row of labels: each column has its own."""
    return _names_all(row) and len({cell.strip() for cell in row}) == len(row)


def against(
    row: Sequence[str], kinds: Sequence[str], typed: Sequence[int], dated: bool
) -> tuple[list[int], list[int]]:
    """The columns of values over which the row has words, and those over which it has values
    of their kind. A row of years alone has no values, but labels, unless all rows are `dated`
    so."""
    words = [n for n in typed if _is_word(row[n], kinds[n])]
    values = [n for n in typed if broad_type(cell_type(row[n])) == kinds[n]]
    if not dated and _years(row) and all(YEAR.fullmatch(row[n].strip()) for n in values):
        return words + values, []
    if not values and _names_all(row):
        usual = all(USUAL_LABEL.fullmatch(row[n].strip()) for n in typed)
        if words or usual:
            return list(typed), []  # "no" beside other words is a number's label, not a flag
    return words, values


def _has_code(row: Sequence[str], kinds: Sequence[str]) -> bool:
    """Whether the row has a code, such as an article's number, in a column of codes."""
    return any(kind == "code" == cell_type(cell) for cell, kind in zip(row, kinds, strict=False))


def _is_prefix(row: Sequence[str]) -> bool:
    """Whether only the first cells of a row have text, as in a title or a remark."""
    filled = [n for n, cell in enumerate(row) if cell.strip()]
    return filled == list(range(len(filled))) and len(filled) < len(row)


def _is_further(
    row: Sequence[str], words: Sequence[int], typed: Sequence[int], above: Sequence[str]
) -> bool:
    """Whether a row below a header, with no value in it, belongs to the header too."""
    if len(words) > 1:
        return True
    others = [cell for n, cell in enumerate(row) if n not in typed and cell.strip()]
    units = bool(words) and not others and all(UNIT.fullmatch(row[n].strip()) for n in words)
    gaps = any(not cell.strip() for cell in above)
    return units or (bool(words) and gaps and len(typed) == 1)


def _follows_rule(cells: Sequence[list[str]], at: int) -> bool:
    return at > 0 and not cells[at - 1]


def _rows_below(cells: Sequence[list[str]], fitting: Sequence[int], place: int) -> Sequence[int]:
    """The rows by which a header at `place` is judged: the further ones of those below it, as
    far as no blank row parts them, if they are enough."""
    rest = fitting[place + 1 : place + 1 + BODY_ROWS]
    near: list[int] = []
    for n in rest:
        if len(near) > 1 and n != near[-1] + 1:
            break
        near.append(n)
    rest = near if len(near) > 2 else rest
    return rest[min(SKIPPED_ROWS, len(rest) // 2) :]


def _is_word(cell: str, kind: str) -> bool:
    own = broad_type(cell_type(cell))
    return own not in NEUTRAL and own != kind


def column_kinds(body: Sequence[Sequence[str]], width: int) -> tuple[str, ...]:
    """The kind that at least four of five filled cells of each column have, "" if none."""
    kinds = []
    for column in range(width):
        counts = Counter(
            broad_type(cell_type(row[column])) for row in body if column < len(row) and row[column]
        )
        counts.pop("empty", None)
        if len(counts) > 1:
            counts.pop("flag", None)
        total = counts.total()
        top, times = counts.most_common(1)[0] if counts else ("", 0)
        kinds.append(top if times >= MIN_KIND_SHARE * total else "")
    return tuple(kinds)


def contrast_of(row: Sequence[str], kinds: Sequence[str]) -> int:
    """How much more often the cells of `row` contradict the kinds of typed columns than not."""
    total = 0
    for cell, kind in zip(row, kinds, strict=False):
        own = broad_type(cell_type(cell))
        if kind in TYPED and own not in NEUTRAL:
            total += -1 if own == kind else 1
        elif kind == "flag" and own not in NEUTRAL:
            total += 1
    return total


def count_header_rows(  # noqa: PLR0911 (a row per case)
    cells: Sequence[list[str]], start: int, width: int
) -> tuple[int, float, str]:
    """How many rows from `start` on name the columns, how sure that is from 0 to 1, and why."""
    rows = [row for row in cells[start : start + BODY_ROWS] if any(row)]
    if not rows:
        return 0, 1.0, "it has no row"
    first = rows[0]
    typed = [cell_type(cell) in TYPED for cell in first if cell.strip()]
    if len(rows) == 1:
        if any(typed):
            return 0, SURE_UNKNOWN, "its only row holds values"
        return 1, SURE_UNKNOWN, "its only row holds words"
    body = [row for row in rows[1:] if len(row) == width] or rows[1:]
    lower = body[min(SKIPPED_ROWS, len(body) // 2) :]
    kinds = column_kinds(lower, width)
    contrast = contrast_of(first, kinds)
    if contrast > 0 and (not any(typed) or contrast > 1 or _years(first)):
        count = 1 + _more_headers(rows[1:], kinds, first)
        return count, 1.0, TYPED_HEADER
    if _years(first) and not _years(body[0]):
        return 1, SURE_YEARS, "its cells are years over columns of other values"
    if any(kind in TYPED for kind in kinds):
        if contrast < 0 or any(typed):
            return 0, SURE_ALIKE, "its first row holds values like the rows below"
    elif any(typed):
        return 0, SURE_VALUES, "its first row holds values"
    group = _group_rows(rows, kinds)
    if group:
        return group, SURE_GROUPED, TYPED_HEADER
    return _of_words(first, body)


def _years(row: Sequence[str]) -> bool:
    """Whether all numbers of the row are years, each later (or each earlier) than the last."""
    numbers = [cell.strip() for cell in row if cell_type(cell) in TYPED]
    if len(numbers) < 2 or not all(YEAR.fullmatch(number) for number in numbers):
        return False
    years = [int(number) for number in numbers]
    return years in (sorted(set(years)), sorted(set(years), reverse=True))


def _of_years(rows: Sequence[Sequence[str]], typed: Sequence[int]) -> bool:
    """Whether at least two columns of values hold nothing but years."""
    columns = ([row[n].strip() for row in rows if n < len(row) and row[n].strip()] for n in typed)
    return sum(all(map(YEAR.fullmatch, cells)) for cells in columns) > 1


def _group_rows(rows: Sequence[Sequence[str]], kinds: Sequence[str]) -> int:
    """Header rows, the first of which has no text over the columns of values. One that has a label
    of its own for each column needs no further one."""
    if _names_all_apart(rows[0]):
        return 0
    for count, row in enumerate(rows[:MAX_HEADER_ROWS], start=1):
        contrast = contrast_of(row, kinds)
        if contrast < 0:
            return 0
        if contrast > 0:
            return count + _more_headers(rows[count:], kinds, row, MAX_HEADER_ROWS - count)
    return 0


def _more_headers(
    rows: Sequence[Sequence[str]],
    kinds: Sequence[str],
    above: Sequence[str],
    most: int = MAX_HEADER_ROWS - 1,
) -> int:
    """How many of `rows`, below a header's first row, belong to the header too."""
    typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
    dated = _names_all_apart(above) or _of_years(rows[len(rows) // 2 :], typed)
    count = 0
    for row in rows[:most]:
        texts = [row[n].strip() for n in typed if n < len(row)]
        numbers = [text for text in texts if cell_type(text) in TYPED]
        fits = any(dated or not YEAR.fullmatch(text) for text in numbers)
        words = [text for text in texts if text and cell_type(text) not in TYPED | NEUTRAL]
        others = [cell for n, cell in enumerate(row) if n not in typed and cell.strip()]
        enough = len(words) >= 2
        units = bool(words) and not others and all(UNIT.fullmatch(word) for word in words)
        gaps = sum(1 for cell in above if not cell.strip())
        if fits or not (enough or units or (words and gaps and len(typed) == 1)):
            break
        count += 1
    return count


def _of_words(first: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[int, float, str]:
    """Whether the first row of a table of words is its header: its words do not occur again
    below, and their shape may tell them from the others. A row that has all of them again is the
    header again, where they are usual labels."""
    usual = sum(USUAL_LABEL.fullmatch(cell.strip()) is not None for cell in first)
    if usual * 2 >= len(first):
        body = [row for row in body if list(row) != list(first)]
    again = sum(
        1
        for column, cell in enumerate(first)
        if cell.strip() and cell in {row[column] for row in body if column < len(row)}
    )
    if again and (again * 2 > len(first) or usual * 2 < len(first)):
        sure = SURE_REPEATED if again > 1 else SURE_REPEATED_ONCE
        return 0, sure, "words of its first row occur again below"
    if len({cell.strip() for cell in first}) < len(first):
        return 1, SURE_WORDS, "the words of its first row do not occur again below"
    differs = alike = 0
    for column, cell in enumerate(first):
        shapes = Counter(shape_of(row[column]) for row in body if column < len(row) and row[column])
        if not shapes:
            continue
        top, times = shapes.most_common(1)[0]
        if times >= MIN_KIND_SHARE * shapes.total():
            differs += shape_of(cell) != top
            alike += shape_of(cell) == top
    sure = SURE_SHAPED if differs > alike else SURE_PARTLY_SHAPED if differs else SURE_WORDS
    return 1, sure, "the words of its first row do not occur again below"


def shape_of(cell: str) -> str:
    """The cell's kind, case, and whether it has figures or blanks: alike for cells of a column."""
    cell = cell.strip()
    case = "A" if cell.isupper() else "a" if cell.islower() else "Aa" if cell.istitle() else "x"
    return f"{cell_type(cell)} {case} {any(letter.isdigit() for letter in cell)} {' ' in cell}"
