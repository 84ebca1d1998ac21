"""A table as lines of text for a terminal of a certain width.

No id, hash, address, name of a user, number or time is ever cut: people copy them. What does not
fit is shortened elsewhere, at the end of texts; then whole columns are left out, from the right. A
last column of sentences can be wrapped instead; no other is folded.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAP = "  "
_LEAST_CELLS = 16
"""A text is not made shorter than this: before that, a column is left out."""
_LEAST_WRAPPED_CELLS = 24
"""The same, of a column that is wrapped."""
_WHOLE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{20,}"  # ids
    r"|[0-9a-f]{32,}"  # hashes
    r"|https?://\S*|/\S+"  # addresses
    r"|[0-9a-f]*[.:][0-9a-f.:]+"  # addresses of machines
    r"|[\w.-]+:[\w.*-]+"  # users
    r"|-?[\d,.]+( ?[a-zA-Z]{1,5})?"  # numbers and sizes
    r"|\d{4}-\d\d-\d\d.*",  # times
    re.IGNORECASE,
)


class TableLines(NamedTuple):
    """The lines, the first is the header; and the names of the columns that were left out."""

    lines: list[str]
    left_out: list[str]


@dataclass
class _TableColumn:
    name: str
    cells: list[str]
    wraps: bool = False

    def __post_init__(self) -> None:
        self.natural = max(cell_width(text) for text in (self.name, *self.cells))
        self.is_whole = not self.wraps and any(_WHOLE.fullmatch(text) for text in self.cells)
        least = _LEAST_WRAPPED_CELLS if self.wraps else _LEAST_CELLS
        self.least = self.natural if self.is_whole else min(self.natural, least)
        self.width = self.natural


def table_lines(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    wraps_last: bool = False,
) -> TableLines:
    """Lay a table out in `width` cells (None: as many as it needs), without spaces at line ends.

    The first column always stays, whatever the width. A column without any text is not shown. With
    `wraps_last` the last column stays as well, and its texts are wrapped.
    """
    last = len(columns) - 1
    every_column = [
        _TableColumn(name, [_one_line(row[at]) for row in rows], wraps_last and at == last)
        for at, name in enumerate(columns)
    ]
    laid_out = [column for at, column in enumerate(every_column) if at == 0 or any(column.cells)]
    left_out: list[str] = []
    if width is not None:
        while _total([column.least for column in laid_out]) > width:
            droppable = [column for column in laid_out[1:] if not column.wraps]
            if not droppable:
                break
            laid_out.remove(droppable[-1])
            left_out.insert(0, droppable[-1].name)
        _shorten(laid_out, width)
    lines = [
        line
        for texts in [
            [column.name for column in laid_out],
            *zip(*(column.cells for column in laid_out), strict=True),
        ]
        for line in _row_lines(texts, laid_out)
    ]
    return TableLines(lines, left_out)


def _row_lines(texts: Sequence[str], columns: Sequence[_TableColumn]) -> list[str]:
    """The line of a row, and those below it that continue a wrapped text."""
    *texts_before, last = texts
    lines = _wrap(last, columns[-1].width) if columns[-1].wraps else [last]
    indent = " " * _total([*(column.width for column in columns[:-1]), 0])
    before = [_fit(text, column.width) for text, column in zip(texts_before, columns, strict=False)]
    first = lines[0] if columns[-1].wraps else _fit(lines[0], columns[-1].width)
    return [GAP.join([*before, first]).rstrip(), *(indent + line for line in lines[1:])]


def _wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_width(lines[-1]) + 1 + cell_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def cell_width(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def shorten(text: str, width: int) -> str:
    """The text in at most `width` cells, with `…` where it was cut."""
    if cell_width(text) <= width:
        return text
    used, kept = 1, []
    for char in text:
        used += cell_width(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _shorten(columns: list[_TableColumn], width: int) -> None:
    """Take cells from a column that is wrapped, which loses nothing; then from the widest column
    that may be shortened, until all fit."""
    excess = _total([column.width for column in columns]) - width
    for column in columns:
        if column.wraps:
            step = max(0, min(excess, column.width - column.least))
            column.width -= step
            excess -= step
    while excess > 0:
        flexible = [column for column in columns if column.width > column.least]
        if not flexible:
            return
        widest = max(flexible, key=lambda column: column.width)
        # Down to the next widest, so that the widths of texts become equal.
        next_width = max([widest.least, *(c.width for c in flexible if c is not widest)])
        step = min(excess, max(1, widest.width - next_width))
        widest.width -= step
        excess -= step


def _fit(text: str, width: int) -> str:
    text = shorten(text, width)
    return text + " " * (width - cell_width(text))


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\t", " ")
