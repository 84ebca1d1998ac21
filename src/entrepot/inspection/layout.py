"""Where in a text the table begins: titles above it, the rows that name its columns, its width.

Decided on the records of the text's first part. A row is a header where its cells do not have
the kinds that the columns below it have.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.inspection.kinds import TYPED, is_drawn, kind_of
from entrepot.inspection.lexer import Record

BODY, SOUGHT = 100, 40
MOST_HEADERS = 5
NEUTRAL = frozenset({"empty", "flag"})
TYPED_HEADER = "its cells are words over columns of values"
COMMENTED = ("#", "//", "%", "--")
YEAR = re.compile(r"(1[89]|20|21)\d\d")
ANONYMOUS = re.compile(r"column_\d+")
UNIT = re.compile(r"[\[(].*[\])]|[^\d\s\"']{1,4}")


@dataclass(frozen=True)
class Layout:
    """Positions are those of the records that were looked at, row numbers count from 1.

    `header` are the positions of the header's rows, `start` that of the first data row;
    `labels` has one text for each column. `kinds` says what each column holds, where it is of
    one kind. `sure` is how clear the header is, from 0 to 1.
    """

    header: tuple[int, ...]
    start: int
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    sure: float
    reasons: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The table's columns."""
        return len(self.labels)


def find_layout(
    records: Sequence[Record],
    width: int,
    names: Sequence[str] | None,
    header: bool | None = None,
    header_rows: Sequence[int] | None = None,
) -> Layout:
    """The layout of the first table in `records` (blank ones included).

    `width` is what the dialect's judgement took for the table's width. `header` and
    `header_rows` (row numbers) are given where they need no decision.
    """
    cells = [[] if is_rule(record[1]) else record[1] for record in records]
    _pass_over_comments(cells, width)
    if names is not None and all(ANONYMOUS.fullmatch(name) for name in names):
        names = None
    if header_rows:
        rows = tuple(number - 1 for number in header_rows if number <= len(cells))
        if rows:
            return _settled(cells, rows, width, 1.0, "its header rows are given")
    if names and header is not False:
        named = _named(cells, names)
        if named is not None:
            reason = "its header is the row that has the names of the contract"
            return _settled(cells, named, width, 1.0, reason)
    width = _first_table_width(cells, width)
    start = _first_row(cells, width)
    found = _typed_header(cells, width) if header is not False and width > 1 else None
    if found:
        return _settled(cells, found, width, 1.0, TYPED_HEADER)
    if header is False:
        return _settled(cells, (), width, 1.0, "that it has no header is given", start)
    count, sure, reason = _header_rows(cells, start, width)
    if (header or names) and count == 0:
        count, sure = 1, 1.0
        reason = "a file under a contract has a header" if names else "that it has one is given"
    filled = [n for n in range(start, len(cells)) if any(cells[n])]
    return _settled(cells, tuple(filled[:count]), width, sure, reason, start)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of `rows` names columns rather than holding values."""
    filled = [list(row) for row in rows if any(row)]
    return bool(filled) and _header_rows(filled, 0, len(filled[0]))[0] > 0


def _pass_over_comments(cells: list[list[str]], width: int) -> None:
    """Take the comments above the table for blank rows. The last one before rows of values is
    the header, if it has the table's width."""
    filled = [n for n, row in enumerate(cells) if any(row)]
    last = -1
    for place, n in enumerate(filled):
        if not cells[n][0].startswith(COMMENTED):
            break
        last = place
    if last < 0 or last + 1 >= len(filled):
        return
    following = cells[filled[last + 1]]
    values = any(kind_of(cell) in TYPED for cell in following)
    if values and len(cells[filled[last]]) == width > 1:
        last -= 1
    for n in filled[: last + 1]:
        cells[n] = []


def is_rule(row: Sequence[str]) -> bool:
    """Whether the row is a line drawn with dashes, as below a header."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return bool(cells) and all(is_drawn(cell) for cell in cells)


def _settled(
    cells: Sequence[list[str]],
    header: tuple[int, ...],
    width: int,
    sure: float,
    reason: str,
    start: int = 0,
) -> Layout:
    after = header[-1] + 1 if header else start
    filled = (n for n in range(after, len(cells)) if any(cell.strip() for cell in cells[n]))
    start = next(filled, len(cells))
    body = [row for row in cells[start : start + BODY] if any(row)]
    widths = Counter(len(row) for row in body)
    if header:
        labels = _joined([cells[n] for n in header])
        usual = widths.most_common(1)[0] if widths else (0, 0)
        if usual[0] > len(labels) and usual[1] * 10 >= len(body) * 9 and len(body) > 1:
            labels += [""] * (usual[0] - len(labels))
    else:
        labels = [f"column_{n + 1}" for n in range(max(1, width))]
    kinds = _column_kinds(body, len(labels))
    return Layout(header, start, tuple(labels), kinds, sure, (reason,))


def _joined(rows: Sequence[list[str]]) -> list[str]:
    """The labels: of several rows the parts that are not blank, joined by a space. A blank cell
    beside another one in a row above the last stands under a label of several columns."""
    if len(rows) == 1:
        return list(rows[0]) or [""]
    width = max(len(row) for row in rows)
    parts: list[list[str]] = [[] for _ in range(width)]
    for place, row in enumerate(rows):
        last = place == len(rows) - 1
        before = ""
        for column in range(width):
            text = row[column].strip() if column < len(row) else ""
            before = text or before
            spread = "" if last or not _spreads(row, rows[place + 1]) else before
            if text or spread:
                parts[column].append(text or spread)
    return [" ".join(part) for part in parts]


def _spreads(row: Sequence[str], below: Sequence[str]) -> bool:
    """Whether the labels of `row` stand for several columns: some cells are blank over others
    that are not."""
    return any(not cell.strip() and under.strip() for cell, under in zip(row, below, strict=False))


def _named(cells: Sequence[list[str]], names: Sequence[str]) -> tuple[int, ...] | None:
    """The rows that together have the contract's names: exactly, or most of them."""
    filled = [n for n, row in enumerate(cells[:200]) if any(row)]
    for place, first in enumerate(filled[:50]):
        for count in range(1, MOST_HEADERS):
            rows = filled[place : place + count]
            if _joined([cells[n] for n in rows]) == list(names):
                return tuple(rows)
        if not cells[first]:
            break
    wanted = set(names)
    shares = [(len(wanted & {cell.strip() for cell in cells[n]}), -n) for n in filled[:50]]
    if not shares:
        return None
    shared, place = max(shares)
    return (-place,) if shared * 2 >= len(names) else None


def _blocks(cells: Sequence[list[str]]) -> list[list[int]]:
    """The positions of rows, in blocks that blank rows separate."""
    blocks: list[list[int]] = [[]]
    for place, row in enumerate(cells):
        if any(cell.strip() for cell in row):
            blocks[-1].append(place)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _first_table_width(cells: Sequence[list[str]], width: int) -> int:
    """The width of the first block that is a table of its own, before the widest stretch."""
    for block in _blocks(cells):
        widths = Counter(len(cells[n]) for n in block)
        if widths[width] * 2 >= len(block):
            return width
        usual = len(cells[block[0]])
        if any(cells[n][0].strip().endswith(":") for n in block):
            continue
        rows = [cells[n] for n in block if len(cells[n]) == usual]
        if usual < 2 or len(rows) < 2 or len(rows) * 2 < len(block):
            continue
        if usual == 2 and all(_shape(row[0]) == _shape(rows[0][0]) for row in rows[1:]):
            continue  # pairs of a name and a value
        kinds = _column_kinds(rows[1:], usual)
        typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
        words, values = _against(rows[0], kinds, typed)
        if words and not values and not any(kind_of(cell) in TYPED for cell in rows[0]):
            return usual
    return width


def _first_row(cells: Sequence[list[str]], width: int) -> int:
    """The position of the table's first row: titles and notes above it are passed over."""
    filled = [n for n, row in enumerate(cells) if any(cell.strip() for cell in row)]
    if not filled:
        return 0
    if width == 1:
        return _first_of_one_column(cells, filled)
    fitting = [n for n in filled if len(cells[n]) == width]
    if not fitting:
        return filled[0]
    for block in _blocks(cells):
        rows = [n for n in block if len(cells[n]) == width]
        if len(rows) * 2 > len(block) or len(rows) > 2:
            fitting = [n for n in fitting if n >= rows[0]]
            break
    at = 0
    while at + 1 < len(fitting) and _is_title(cells[fitting[at]], cells[fitting[at + 1]]):
        at += 1
    start = fitting[at]
    place = filled.index(start)
    # A header with fewer or more labels than the rows below have cells.
    if place and start - filled[place - 1] == 1 and len(fitting) > at + 1:
        above = cells[filled[place - 1]]
        body = [cells[n] for n in fitting[at : at + BODY]]
        if len(above) > 1 and _speaks(above, _column_kinds(body, width)) > 0:
            top = _speaks(cells[start], _column_kinds(body[1:], width))
            if top <= 0 and len(above) * 2 >= width:
                return filled[place - 1]
    return start


def _typed_header(cells: Sequence[list[str]], width: int) -> tuple[int, ...] | None:
    """The rows that hold words over columns of values, looked for among the first rows of the
    table's width; None where a row of values comes first, or there are no columns of values."""
    fitting = [
        n for n, row in enumerate(cells) if len(row) == width and any(c.strip() for c in row)
    ]
    for place, at in enumerate(fitting[:SOUGHT]):
        below = [cells[n] for n in _below(cells, fitting, place) if cells[n] != cells[at]]
        kinds = _column_kinds(below, width)
        typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
        if not typed:
            continue
        words, values = _against(cells[at], kinds, typed)
        if values and not words:
            return None
        if values or (_is_prefix(cells[at]) and len(words) < len(typed)):
            continue
        rows: list[int] = []
        named: set[int] = set()
        for turn, nth in enumerate(fitting[place : place + MOST_HEADERS], start=place):
            words, values = _against(cells[nth], kinds, typed)
            covered = len(named) * 5 >= len(typed) * 3
            apart = bool(rows) and nth != rows[-1] + 1
            if values and rows and len(typed) > 1 and turn + 1 < len(fitting):
                # Figures above a row of words belong to the header: heights, years, classes.
                following = _against(cells[fitting[turn + 1]], kinds, typed)
                if not following[1] and len(following[0]) == len(typed):
                    rows.append(nth)
                    continue
            if values or (apart and not (covered and _drawn(cells, nth))):
                break
            titled = len(rows) == 1 and not _years(cells[rows[0]])
            titled = titled and any(kind_of(cell) in TYPED for cell in cells[rows[0]])
            if (apart or titled) and words and _names_all(cells[nth]):
                rows, named = [], set()
            elif covered and not _is_further(cells[nth], words, typed, cells[rows[-1]]):
                break
            rows.append(nth)
            named.update(words)
        if len(named) * 5 >= len(typed) * 3:
            return tuple(rows)
    return None


def _names_all(row: Sequence[str]) -> bool:
    """Whether the row alone is a whole header: words in all cells."""
    return all(cell.strip() and kind_of(cell) not in TYPED for cell in row)


def _against(
    row: Sequence[str], kinds: Sequence[str], typed: Sequence[int]
) -> tuple[list[int], list[int]]:
    """The columns of values over which the row has words, and those over which it has values
    of their kind. A row of years alone has no values, but labels."""
    words = [n for n in typed if _is_word(row[n], kinds[n])]
    values = [n for n in typed if _broad(kind_of(row[n])) == kinds[n]]
    if _years(row) and all(YEAR.fullmatch(row[n].strip()) for n in values):
        return words + values, []
    if words and not values and _names_all(row):
        return list(typed), []  # "no" beside other words is a number's label, not a flag
    return words, values


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


def _drawn(cells: Sequence[list[str]], at: int) -> bool:
    return at > 0 and not cells[at - 1]


def _below(cells: Sequence[list[str]], fitting: Sequence[int], place: int) -> Sequence[int]:
    """The rows by which a header at `place` is judged: the further ones of those below it, as
    far as no blank row parts them, if they are enough."""
    rest = fitting[place + 1 : place + 1 + BODY]
    near: list[int] = []
    for n in rest:
        if len(near) > 1 and n != near[-1] + 1:
            break
        near.append(n)
    rest = near if len(near) > 2 else rest
    return rest[min(4, len(rest) // 2) :]


def _is_word(cell: str, kind: str) -> bool:
    own = _broad(kind_of(cell))
    return own not in NEUTRAL and own != kind


def _first_of_one_column(cells: Sequence[list[str]], filled: Sequence[int]) -> int:
    """Past a title that a blank row sets apart from one column of single words."""
    if len(filled) > 2 and filled[1] - filled[0] > 1 and " " in cells[filled[0]][0].strip():
        below = [cells[n][0].strip() for n in filled[1:BODY]]
        if not any(" " in text for text in below):
            return filled[1]
    return filled[0]


def _is_title(row: Sequence[str], following: Sequence[str]) -> bool:
    """Whether only the first of the cells has text, and the next row has more."""
    filled = [n for n, cell in enumerate(row) if cell.strip()]
    more = sum(1 for cell in following if cell.strip())
    return len(row) > 2 and filled == [0] and (more > 1 or _only_first(following))


def _only_first(row: Sequence[str]) -> bool:
    return [n for n, cell in enumerate(row) if cell.strip()] == [0]


def _column_kinds(body: Sequence[Sequence[str]], width: int) -> tuple[str, ...]:
    """The kind that at least four of five filled cells of each column have, "" if none."""
    kinds = []
    for column in range(width):
        found = Counter(
            _broad(kind_of(row[column])) for row in body if column < len(row) and row[column]
        )
        found.pop("empty", None)
        if len(found) > 1:
            found.pop("flag", None)
        total = found.total()
        top, times = found.most_common(1)[0] if found else ("", 0)
        kinds.append(top if times * 5 >= total * 4 else "")
    return tuple(kinds)


def _broad(kind: str) -> str:
    return "number" if kind in ("number", "grouped", "money", "percent") else kind


def _speaks(row: Sequence[str], kinds: Sequence[str]) -> int:
    """How much more often the cells of `row` contradict the kinds of typed columns than not."""
    total = 0
    for cell, kind in zip(row, kinds, strict=False):
        own = _broad(kind_of(cell))
        if kind in TYPED and own not in NEUTRAL:
            total += -1 if own == kind else 1
        elif kind == "flag" and own not in NEUTRAL:
            total += 1
    return total


def _header_rows(  # noqa: PLR0911 (a row per case)
    cells: Sequence[list[str]], start: int, width: int
) -> tuple[int, float, str]:
    """How many rows from `start` on name the columns, how sure that is from 0 to 1, and why."""
    rows = [row for row in cells[start : start + BODY] if any(row)]
    if not rows:
        return 0, 1.0, "it has no row"
    first = rows[0]
    typed = [kind_of(cell) in TYPED for cell in first if cell.strip()]
    if len(rows) == 1:
        if any(typed):
            return 0, 0.7, "its only row holds values"
        return 1, 0.7, "its only row holds words"
    body = [row for row in rows[1:] if len(row) == width] or rows[1:]
    lower = body[min(4, len(body) // 2) :]
    kinds = _column_kinds(lower, width)
    contrast = _speaks(first, kinds)
    if contrast > 0 and (not any(typed) or contrast > 1 or _years(first)):
        count = 1 + _more_headers(rows[1:MOST_HEADERS], kinds, first)
        return count, 1.0, TYPED_HEADER
    if _years(first) and not _years(body[0]):
        return 1, 0.8, "its cells are years over columns of other values"
    if any(kind in TYPED for kind in kinds):
        if contrast < 0 or any(typed):
            return 0, 0.9, "its first row holds values like the rows below"
    elif any(typed):
        return 0, 0.8, "its first row holds values"
    group = _group_rows(rows, kinds)
    if group:
        return group, 0.9, TYPED_HEADER
    return _of_words(first, body)


def _years(row: Sequence[str]) -> bool:
    """Whether all numbers of the row are years, each later (or each earlier) than the last."""
    numbers = [cell.strip() for cell in row if kind_of(cell) in TYPED]
    if len(numbers) < 2 or not all(YEAR.fullmatch(number) for number in numbers):
        return False
    years = [int(number) for number in numbers]
    return years in (sorted(set(years)), sorted(set(years), reverse=True))


def _group_rows(rows: Sequence[Sequence[str]], kinds: Sequence[str]) -> int:
    """Header rows, the first of which has no text over the columns of values."""
    for count, row in enumerate(rows[:MOST_HEADERS], start=1):
        contrast = _speaks(row, kinds)
        if contrast < 0:
            return 0
        if contrast > 0:
            return count + _more_headers(rows[count:MOST_HEADERS], kinds, row)
    return 0


def _more_headers(rows: Sequence[Sequence[str]], kinds: Sequence[str], above: Sequence[str]) -> int:
    """How many of `rows`, below a header's first row, belong to the header too."""
    typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
    count = 0
    for row in rows:
        texts = [row[n].strip() for n in typed if n < len(row)]
        fits = sum(1 for text in texts if kind_of(text) in TYPED and not YEAR.fullmatch(text))
        words = [text for text in texts if text and kind_of(text) not in TYPED | NEUTRAL]
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
    below, and their shape may tell them from the others."""
    for column, cell in enumerate(first):
        if cell.strip() and cell in {row[column] for row in body if column < len(row)}:
            return 0, 0.6, "words of its first row occur again below"
    if len({cell.strip() for cell in first}) < len(first):
        return 1, 0.6, "the words of its first row do not occur again below"
    differs = alike = 0
    for column, cell in enumerate(first):
        shapes = Counter(_shape(row[column]) for row in body if column < len(row) and row[column])
        if not shapes:
            continue
        top, times = shapes.most_common(1)[0]
        if times * 5 >= shapes.total() * 4:
            differs += _shape(cell) != top
            alike += _shape(cell) == top
    sure = 0.9 if differs > alike else 0.75 if differs else 0.6
    return 1, sure, "the words of its first row do not occur again below"


def _shape(cell: str) -> str:
    cell = cell.strip()
    case = "A" if cell.isupper() else "a" if cell.islower() else "Aa" if cell.istitle() else "x"
    return f"{kind_of(cell)} {case} {any(letter.isdigit() for letter in cell)} {' ' in cell}"
