"""A table as lines of text for a terminal of a certain width.

No id, hash, address, name of a user, number or time is ever cut: people copy them. What does not
fit is left out or shortened elsewhere: first the columns that the caller names as less important,
then the ends of texts, then further columns, from the right. A last column of sentences can be
wrapped instead; no other is folded.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAP = "  "
_LEAST_CELLS = 12
"""A text is not made shorter than this: before that, a column is left out."""
_LEAST_WRAPPED_CELLS = 10
"""The same, of a column that is wrapped, which loses nothing."""
_READABLE_WRAPPED_CELLS = 24
"""A column that is wrapped is not made narrower than this while another text can be shortened."""
_ENOUGH_CELLS = 40
"""A text that has this many cells can be read: it may be made as short before a less important
column is left out."""
_WHOLE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{20,28}"  # ids
    r"|[0-9a-f]{32,64}"  # hashes
    r"|https?://\S*|/\S+"  # addresses
    r"|(?=.{2,45}$)[0-9a-f]*[.:][0-9a-f.:]+"  # addresses of machines
    r"|[\w.-]{1,128}:[\w.*-]{1,128}"  # users
    r"|-?[\d,.]{1,32}( ?[a-zA-Z]{1,5})?"  # numbers and sizes
    r"|\d{4}-\d\d-\d\d.{0,30}",  # times
    re.IGNORECASE,
)
"""Each has the length of what it stands for: a file's name may look like one, and with 255
characters it would take the room of every other column."""


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
        least = _LEAST_WRAPPED_CELLS if self.wraps else _LEAST_CELLS
        whole = [text for text in self.cells if not self.wraps and _WHOLE.fullmatch(text)]
        self.least = max(min(self.natural, least), *map(cell_width, whole), 0)
        self.enough = max(self.least, min(self.natural, _ENOUGH_CELLS))
        self.width = self.natural


def table_lines(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    wraps_last: bool = False,
    gives_way: Sequence[str] = (),
) -> TableLines:
    """Lay a table out in `width` cells (None: as many as it needs), without spaces at line ends.

    The first column always stays, whatever the width. A column without any text is not shown. With
    `wraps_last` the last column stays as well, and its texts are wrapped. The columns that
    `gives_way` names are left out first, in this order, before a text has too few cells.
    """
    last = len(columns) - 1
    every_column = [
        _TableColumn(name, [_one_line(row[at]) for row in rows], wraps_last and at == last)
        for at, name in enumerate(columns)
    ]
    laid_out = [column for at, column in enumerate(every_column) if at == 0 or any(column.cells)]
    left_out: set[str] = set()
    if width is not None:
        left_out = _leave_out(laid_out, width, gives_way)
        _shorten(laid_out, width)
    lines = [
        line
        for texts in [
            [column.name for column in laid_out],
            *zip(*(column.cells for column in laid_out), strict=True),
        ]
        for line in _row_lines(texts, laid_out)
    ]
    return TableLines(lines, [name for name in columns if name in left_out])


def _leave_out(laid_out: list[_TableColumn], width: int, gives_way: Sequence[str]) -> set[str]:
    """Remove the columns that there is no room for; their names."""
    left_out = set()
    for name in gives_way:
        if _total([column.enough for column in laid_out]) <= width:
            break
        for column in [column for column in laid_out[1:] if column.name == name]:
            laid_out.remove(column)
            left_out.add(name)
    while _total([column.least for column in laid_out]) > width:
        droppable = [column for column in laid_out[1:] if not column.wraps]
        if not droppable:
            break
        laid_out.remove(droppable[-1])
        left_out.add(droppable[-1].name)
    return left_out


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
    that may be shortened, until all fit; then from one that is wrapped again."""
    excess = _total([column.width for column in columns]) - width
    wrapped = [column for column in columns if column.wraps]
    excess -= _narrow(wrapped, excess, _READABLE_WRAPPED_CELLS)
    while excess > 0:
        flexible = [
            column for column in columns if column.width > column.least and not column.wraps
        ]
        if not flexible:
            _narrow(wrapped, excess, _LEAST_WRAPPED_CELLS)
            return
        widest = max(flexible, key=lambda column: column.width)
        # Down to the next widest, so that the widths of texts become equal.
        next_width = max([widest.least, *(c.width for c in flexible if c is not widest)])
        step = min(excess, max(1, widest.width - next_width))
        widest.width -= step
        excess -= step


def _narrow(columns: list[_TableColumn], excess: int, least: int) -> int:
    """Take up to `excess` cells from the columns, down to `least` each; how many were taken."""
    taken = 0
    for column in columns:
        step = max(0, min(excess - taken, column.width - max(column.least, least)))
        column.width -= step
        taken += step
    return taken


def _fit(text: str, width: int) -> str:
    text = shorten(text, width)
    return text + " " * (width - cell_width(text))


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\t", " ")
