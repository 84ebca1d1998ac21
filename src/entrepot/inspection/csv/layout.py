"""Where in a text the table begins: titles above it, the rows that name its columns, its width.

Decided on the first records of the text. `header_detection` decides whether a row names columns.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from entrepot.inspection.csv.cell_types import TYPED, broad_type, cell_type, is_drawn
from entrepot.inspection.csv.header_detection import (
    BODY_ROWS,
    MAX_HEADER_ROWS,
    MAX_SOUGHT_ROWS,
    SURE_WORDS,
    TYPED_HEADER,
    against,
    column_kinds,
    contrast_of,
    count_header_rows,
    shape_of,
    typed_header,
)
from entrepot.inspection.csv.lexer import Record
from entrepot.inspection.report.record_faults import COMMENT

COMMENTED = ("#", "//", "%", "--")
"""Marks of comments that may stand above a table; of `decision.COMMENTS` those that are not also a
delimiter or part of a title."""

# Thresholds, set by hand on the folders `headers`, `preambles` and `tables` of
# tests/inspection/corpus.
UNLIKE_HEADER = "its first row has a cell of another type than its column below"
MAX_SURE_SHORT = 0.2
"""How sure it is at most that several rows are the header of a table with fewer than twice as many
rows below: then the "header" may be the table."""
MIN_SURPLUS_SHARE = 0.9
"""Share of rows that have more cells than the header, for columns without a name at the right."""
MIN_NAMES_SHARE = 0.5
"""Share of a contract's names in a row, for it to be the header: columns may be missing or renamed,
which is then reported."""
MAX_NAMED_ROWS = 200
"""Rows that are looked at for the contract's names, and of those without blank ones:"""
MAX_FILLED_ROWS = 50
MIN_BLOCK_SHARE = 0.5
"""Share of a block's rows that have the table's width, for a block that is the table's."""
MIN_HEADER_SHARE = 0.5
"""Share of the table's columns that a row just above it has labels for, to be its header."""


@dataclass(frozen=True)
class Layout:
    """Positions are those of the records that were looked at, row numbers count from 1.

    `header` are the positions of the header's rows, `start` that of the first data row;
    `labels` has one text for each column. `kinds` says what each column holds, where it is of
    one kind. `sure` is how clear the header is, from 0 to 1. `misplaced` says in words that the
    header is not where the contract expects it. `spare_columns` are this many more at the right,
    without a label and a value, which are not columns of the table. `stated`: a contract or a
    dialect says where the header is.
    """

    header: tuple[int, ...]
    start: int
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    sure: float
    reasons: tuple[str, ...] = ()
    misplaced: str = ""
    spare_columns: int = 0
    stated: bool = False

    @property
    def width(self) -> int:
        """The table's columns."""
        return len(self.labels)

    def up_to(self, width: int) -> "Layout":
        """The layout whose columns beyond the first `width` are spare ones."""
        spare = self.spare_columns + max(0, self.width - width)
        return replace(
            self, labels=self.labels[:width], kinds=self.kinds[:width], spare_columns=spare
        )


def find_layout(
    records: Sequence[Record],
    width: int,
    header: bool | None = None,
    header_rows: Sequence[int] | None = None,
) -> Layout:
    """The layout of the first table in `records` (blank ones included).

    `width` is what the dialect's judgement took for the table's width. `header` and
    `header_rows` (row numbers) are given where they need no decision.
    """
    cells = [[] if is_rule(record[1]) else record[1] for record in records]
    commented = any(error is COMMENT for _, _, error in records[:MAX_SOUGHT_ROWS])
    first = _pass_over_comments(cells, width, alone=not commented)
    # The last of several comments above the rows is the header: its mark is not a part of a label.
    if any(error is COMMENT or record for _, record, error in records[:first]):
        cells[first] = [without_mark(cells[first][0]), *cells[first][1:]]
    if header_rows:
        rows = tuple(number - 1 for number in header_rows if number <= len(cells))
        if rows:
            layout = _make_layout(cells, rows, width, 1.0, "its header rows are given")
            return replace(layout, stated=True)
    width = _first_table_width(cells, width)
    start = _first_row(cells, width)
    over_values = typed_header(cells, width) if header is not False and width > 1 else None
    if over_values:
        return _make_layout(cells, over_values, width, 1.0, TYPED_HEADER)
    if header is False:
        return _make_layout(cells, (), width, 1.0, "that it has no header is given", start)
    count, sure, reason = count_header_rows(cells, start, width)
    if header and count == 0:
        count, sure, reason = 1, 1.0, "that it has one is given"
    filled = [n for n in range(start, len(cells)) if any(cells[n])]
    return _make_layout(cells, tuple(filled[:count]), width, sure, reason, start)


def with_unlike_header(layout: Layout, records: Sequence[Record]) -> Layout:
    """A layout without a header, or with its first row as one: it holds values only if each of its
    cells has the type that its column has below. A blank corner above a column without a blank cell
    is that of a cross table, whose labels may be numbers."""
    cells = [record[1] for record in records]
    place = layout.start
    if layout.header or place >= len(cells):
        return layout
    body = [row for row in cells[place + 1 : place + 1 + BODY_ROWS] if any(row)]
    kinds = column_kinds(body, layout.width)
    first = cells[place]
    corner = not first[0].strip() and layout.width > 1 and all(first[1:])
    corner = corner and all(row[0].strip() for row in body)
    if not body or (all(map(_has_type, first, kinds)) and not corner):
        return layout
    return _make_layout(cells, (place,), layout.width, SURE_WORDS, UNLIKE_HEADER)


def _has_type(cell: str, kind: str) -> bool:
    """Whether a cell may be one of a column of that kind; any may be where it is of several."""
    own = cell_type(cell)
    if not cell.strip() or not kind or own == "empty":
        return True
    typed = kind in TYPED or own in TYPED
    return not typed or broad_type(own) == kind


def without_mark(label: str) -> str:
    """A label without the mark of comments and the blank before it, as where the last comment is
    the header. Without a blank the mark is a part of the label, as in VCF and BED (`#CHROM`)."""
    mark, _, name = label.partition(" ")
    return name.strip() or label if mark in COMMENTED else label


def _pass_over_comments(cells: list[list[str]], width: int, alone: bool) -> int:
    """Take the comments above the table for blank rows. The last one before rows of values, and
    one that is `alone`, is the header, if it has the table's width; returns its position, 0 if
    there is none."""
    filled = [n for n, row in enumerate(cells) if any(row)]
    last = -1
    for place, n in enumerate(filled):
        if not cells[n][0].startswith(COMMENTED):
            break
        last = place
    if last < 0 or last + 1 >= len(filled):
        return 0
    values = any(cell_type(cell) in TYPED for cell in cells[filled[last + 1]])
    header = (values or (alone and last == 0)) and len(cells[filled[last]]) == width > 1
    last -= header
    for n in filled[: last + 1]:
        cells[n] = []
    return filled[last + 1] if header else 0


def is_rule(row: Sequence[str]) -> bool:
    """Whether the row is a line drawn with dashes, as below a header."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return bool(cells) and all(is_drawn(cell) for cell in cells)


def _make_layout(
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
    body = [row for row in cells[start : start + BODY_ROWS] if any(row)]
    widths = Counter(len(row) for row in body)
    if header:
        labels = join_labels([cells[n] for n in header])
        usual = widths.most_common(1)[0] if widths else (0, 0)
        if usual[0] > len(labels) and usual[1] >= MIN_SURPLUS_SHARE * len(body) and len(body) > 1:
            labels += [""] * (usual[0] - len(labels))
    else:
        labels = [f"column_{n + 1}" for n in range(max(1, width))]
    if reason == TYPED_HEADER and len(header) > 1 and len(body) < 2 * len(header):
        sure = min(sure, MAX_SURE_SHORT)
    labels = [label if label.strip() else "" for label in labels]
    kinds = column_kinds(body, len(labels))
    return Layout(header, start, tuple(labels), kinds, sure, (reason,))


def join_labels(rows: Sequence[list[str]], joint: str = " ") -> list[str]:
    """The labels: of several rows the parts that are not blank, joined by `joint`. A blank cell
    beside another one in a row above the last stands under a label of several columns."""
    if len(rows) == 1:
        return list(rows[0]) or [""]
    width = max(len(row) for row in rows)
    parts: list[list[str]] = [[] for _ in range(width)]
    for place, row in enumerate(rows):
        spreads = place + 1 < len(rows) and _spreads(row, rows[place + 1])
        before = ""
        for column in range(width):
            text = row[column].strip() if column < len(row) else ""
            before = text or before
            if text or (spreads and before):
                parts[column].append(before)
    return [joint.join(part) for part in parts]


def _spreads(row: Sequence[str], below: Sequence[str]) -> bool:
    """Whether the labels of `row` stand for several columns: some cells are blank over others
    that are not."""
    return any(not cell.strip() and under.strip() for cell, under in zip(row, below, strict=False))


def rows_with_names(cells: Sequence[list[str]], names: Sequence[str]) -> tuple[int, ...] | None:
    """The rows that together have the contract's names: exactly, or most of them."""
    filled = [n for n, row in enumerate(cells[:MAX_NAMED_ROWS]) if any(row)]
    for place, first in enumerate(filled[:MAX_FILLED_ROWS]):
        for count in range(1, MAX_HEADER_ROWS):
            rows = filled[place : place + count]
            if join_labels([cells[n] for n in rows]) == list(names):
                return tuple(rows)
        if not cells[first]:
            break
    known = set(names)
    shares = [
        (len(known & {cell.strip() for cell in cells[n]}), -n) for n in filled[:MAX_FILLED_ROWS]
    ]
    if not shares:
        return None
    shared, place = max(shares)
    return (-place,) if shared >= MIN_NAMES_SHARE * len(names) else None


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
        if widths[width] >= MIN_BLOCK_SHARE * len(block):
            return width
        usual = len(cells[block[0]])
        if any(cells[n][0].strip().endswith(":") for n in block):
            continue
        rows = [cells[n] for n in block if len(cells[n]) == usual]
        if usual < 2 or len(rows) < 2 or len(rows) < MIN_BLOCK_SHARE * len(block):
            continue
        if usual == 2 and all(shape_of(row[0]) == shape_of(rows[0][0]) for row in rows[1:]):
            continue  # pairs of a name and a value
        kinds = column_kinds(rows[1:], usual)
        typed = [n for n, kind in enumerate(kinds) if kind in TYPED]
        words, values = against(rows[0], kinds, typed, dated=False)
        if words and not values and not any(cell_type(cell) in TYPED for cell in rows[0]):
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
        after = next((n for n in fitting if n > block[-1]), None)
        if len(block) == 1 and after is not None and _is_sentence(cells[block[0]], cells[after]):
            continue
        if len(rows) > MIN_BLOCK_SHARE * len(block) or len(rows) > 2:
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
        body = [cells[n] for n in fitting[at : at + BODY_ROWS]]
        if len(above) > 1 and contrast_of(above, column_kinds(body, width)) > 0:
            top = contrast_of(cells[start], column_kinds(body[1:], width))
            if top <= 0 and len(above) >= MIN_HEADER_SHARE * width:
                return filled[place - 1]
    return start


def _first_of_one_column(cells: Sequence[list[str]], filled: Sequence[int]) -> int:
    """Past a title that a blank row sets apart from one column of single words."""
    if len(filled) > 2 and filled[1] - filled[0] > 1 and " " in cells[filled[0]][0].strip():
        below = [cells[n][0].strip() for n in filled[1:BODY_ROWS]]
        if not any(" " in text for text in below):
            return filled[1]
    return filled[0]


def _is_title(row: Sequence[str], following: Sequence[str]) -> bool:
    """Whether only the first of the cells has text, and the next row has more; or the cells are
    those of a sentence."""
    filled = [n for n, cell in enumerate(row) if cell.strip()]
    more = sum(1 for cell in following if cell.strip())
    if _is_sentence(row, following):
        return True
    return len(row) > 2 and filled == [0] and (more > 1 or _only_first(following))


def _is_sentence(row: Sequence[str], following: Sequence[str]) -> bool:
    """Whether the cells are the parts of a sentence with delimiters in it, above labels."""
    spaced = all(cell[:1] == " " for cell in row[1:]) and len(row[0].split()) > 2
    return len(row) > 1 and spaced and not any(cell[:1] == " " for cell in following)


def _only_first(row: Sequence[str]) -> bool:
    return [n for n, cell in enumerate(row) if cell.strip()] == [0]
