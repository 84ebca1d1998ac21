"""A table as lines of text for a terminal of a certain width.

No id, hash, address, name of a user, number or time is ever cut: people copy them. What does not
fit is left out or shortened elsewhere: first the columns that the rules name as less important,
then the ends of texts, then further columns, from the right. The columns that the rules name are
folded between words instead; no other is.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from entrepot_client.cli.terminal.columns import DATA, ZONE, ColumnRules

GAP = "  "
_LEAST_CELLS = 12
"""A text is not made shorter than this: before that, a column is left out."""
_LEAST_WRAPPED_CELLS = 10
"""The same, of a column that is wrapped, which loses nothing."""
_READABLE_WRAPPED_CELLS = 24
"""A column that is wrapped is not made narrower than this while another text can be shortened."""
_FAIR_CELLS = 16
"""A text has this many cells before a column that yields stays."""
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


@dataclass(eq=False)
class _TableColumn:
    name: str
    cells: list[str]
    wraps: bool = False
    is_whole: bool = False

    def __post_init__(self) -> None:
        self.natural = max(cell_width(text) for text in (self.name, *self.cells))
        self.least = self._least_width()
        fair = _READABLE_WRAPPED_CELLS if self.wraps else _FAIR_CELLS
        self.fair = max(self.least, min(self.natural, fair))
        self.enough = max(self.least, min(self.natural, _ENOUGH_CELLS))
        self.width = self.natural

    def _least_width(self) -> int:
        if self.is_whole:
            return self.natural
        if self.wraps:
            words = (word for text in (self.name, *self.cells) for word in text.split(" "))
            longest = max(map(cell_width, words))
            # A longer word, such as an id in a sentence, has a line of its own.
            return min(self.natural, max(_LEAST_WRAPPED_CELLS, min(longest, _LEAST_CELLS)))
        whole = [cell_width(text) for text in self.cells if _WHOLE.fullmatch(text)]
        return max(min(self.natural, _LEAST_CELLS), *whole, 0)


def table_lines(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    rules: ColumnRules = DATA,
) -> TableLines:
    """Lay a table out in `width` cells (None: as many as it needs), without spaces at line ends.

    The first column always stays, whatever the width, and so do those that are wrapped. A column
    without any text is not shown.
    """
    every_column = [
        _TableColumn(
            name,
            [_one_line(row[at]) for row in rows],
            name in rules.wrapped,
            name.removesuffix(ZONE) in rules.whole,
        )
        for at, name in enumerate(columns)
    ]
    laid_out = [column for at, column in enumerate(every_column) if at == 0 or any(column.cells)]
    left_out: set[str] = set()
    if width is not None:
        left_out = _leave_out(laid_out, width, rules)
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


def _leave_out(laid_out: list[_TableColumn], width: int, rules: ColumnRules) -> set[str]:
    """Remove the columns that there is no room for; their names. A column for which there is room
    once a wider one is gone stays."""
    every_column, left = list(laid_out), list[_TableColumn]()

    def fits(columns: Sequence[_TableColumn], cells_of: Callable[[_TableColumn], int]) -> bool:
        return _total([cells_of(column) for column in columns]) <= width

    def leave(names: Collection[str], cells_of: Callable[[_TableColumn], int]) -> None:
        for name in names:
            if fits(laid_out, cells_of):
                return
            left.extend(each for each in laid_out[1:] if each.name.removesuffix(ZONE) == name)
            laid_out[:] = [each for each in laid_out if each not in left]

    leave(rules.leaving, lambda column: column.enough)
    leave(rules.yielding, lambda column: column.fair)
    while not fits(laid_out, lambda column: column.least):
        droppable = [column for column in laid_out[1:] if not column.wraps]
        if not droppable:
            break
        left.append(droppable[-1])
        laid_out.remove(droppable[-1])
    for column in reversed(left):  # the more important ones first
        if fits([*laid_out, column], lambda each: each.enough):
            laid_out[:] = [each for each in every_column if each in [*laid_out, column]]
    return {column.name for column in every_column if column not in laid_out}


def _row_lines(texts: Sequence[str], columns: Sequence[_TableColumn]) -> list[str]:
    """The line of a row, and those below it that continue wrapped texts."""
    *before, last = columns
    *texts_before, last_text = texts
    cells = [
        [
            _pad(shorten(line, column.width), column.width)
            for line in (_wrap(text, column.width) if column.wraps else [text])
        ]
        for text, column in zip(texts_before, before, strict=True)
    ]
    cells.append(_wrap(last_text, last.width) if last.wraps else [shorten(last_text, last.width)])
    height = max(map(len, cells))
    for lines, column in zip(cells, columns, strict=True):
        lines.extend([" " * column.width] * (height - len(lines)))
    return [GAP.join(parts).rstrip() for parts in zip(*cells, strict=True)]


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


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_width(text))


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\t", " ")
