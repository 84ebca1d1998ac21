"""Where the table ends: footnotes, totals and further tables below it.

Fed with the records of the whole text in order, it keeps only what is odd: the blank rows, the
first rows after them, and the rows of another width. Bounded whatever the text's size.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from entrepot.inspection.csv.cell_types import NOT_TEXT, TYPED, cell_type
from entrepot.inspection.csv.header_detection import NEUTRAL
from entrepot.inspection.csv.layout import Layout, is_rule
from entrepot.inspection.report.report import shortened
from entrepot.inspection.report.row_looks import NOTE, TOTAL

# How much is kept, whatever the text's size.
MAX_SEGMENTS = 10_000
"""Parts of the text between blank rows; more blank rows part nothing any more."""
MAX_TRAILING_ROWS = 500
"""Rows of another width at the end of a part; more are not notes."""
HEAD_ROWS = 4
"""First rows of each part: a title, a header and two rows tell whether it is a table."""

# Thresholds, set by hand on the folders `footnotes`, `tables`, `blanks` and `late` of
# tests/inspection/corpus.
MIN_EVEN_SHARE = 0.5
"""Share of rows of the table's width, for a part below a blank row that is the table's."""
MIN_FILLED_SHARE = 0.5
"""Share of cells with a text, for a part that is a table of its own."""
MIN_STACKED_ROWS = 3
"""Rows of another table that follows without a blank row: a header and two rows."""
MIN_NOTE_CHARS = 12
"""A remark is longer; a shorter text of several words may be a cell of a row cut short."""


@dataclass(frozen=True)
class BlockBelow:
    """Rows of the text outside the table: `first` and `last` row, on line `line` and further.
    `first_cells` are those of its first rows, of all if there are few."""

    first: int
    last: int
    line: int
    text: str = ""
    columns: int = 0
    first_cells: tuple[str, ...] = ()

    def describe(self) -> dict[str, object]:
        """As the profile shows it; `columns` only of a table."""
        described: dict[str, object] = {
            "firstRow": self.first,
            "lastRow": self.last,
            "lineNumber": self.line,
        }
        if self.columns:
            described["columns"] = self.columns
        return described | {"text": self.text}


@dataclass(frozen=True)
class TableEnd:
    """The table's last row, and what lies below it."""

    last: int
    notes: tuple[BlockBelow, ...] = ()
    tables: tuple[BlockBelow, ...] = ()


@dataclass
class _Segment:
    """Rows without a blank one between them. `odd` are those of another width, the last ones
    since a row of the table's width in `trailing`."""

    first: int
    line: int
    heads: list[list[str]] = field(default_factory=list)
    last: int = 0
    odd: int = 0
    trailing: list[tuple[int, int, list[str]]] = field(default_factory=list)
    before_trailing: int = 0

    @property
    def rows(self) -> int:
        return self.last - self.first + 1

    @property
    def even(self) -> int:
        return self.rows - self.odd


class TableEndFinder:
    """Takes note of rows. `starting` is true while rows must be given to `add` in any case;
    otherwise only those of another width than the table's, and those with no text but in their
    first cell, need to be. Under a contract `ContractEndFinder` takes its place."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._segments: list[_Segment] = []
        self._open = False
        self.starting = True

    def add(self, number: int, line: int, cells: list[str]) -> None:
        """One record of the text that is blank, odd or among the first of its segment. Rows
        of the table's width between two calls are implied."""
        if not any(cells) or (len(cells) != self._layout.width and is_rule(cells)):
            if self._open:
                self._settle(number - 1)
                self._open, self.starting = False, True
            return
        if not self._open:
            self._open = True
            if len(self._segments) >= MAX_SEGMENTS:
                # This many blank rows separate nothing more: all that follows is of one segment.
                self.starting = False
            else:
                self._segments.append(_Segment(number, line))
        segment = self._segments[-1]
        if len(segment.heads) < HEAD_ROWS:
            segment.heads.append(cells)
            self.starting = len(segment.heads) < HEAD_ROWS
        odd = len(cells) != self._layout.width
        segment.odd += odd
        if odd or (len(cells) > 2 and not any(cells[1:])):
            trailing = segment.trailing
            if not trailing or trailing[-1][0] != number - 1:
                trailing.clear()
                segment.before_trailing = number - 1
            if len(trailing) <= MAX_TRAILING_ROWS:
                trailing.append((number, line, cells))
            else:
                trailing[-1] = (number, line, cells)

    def add_blanks(self, first: int, last: int) -> None:
        """The blank records from `first` to `last`."""
        self.add(first, first, [])

    def _settle(self, last: int) -> None:
        segment = self._segments[-1]
        segment.last = last
        if segment.trailing and segment.trailing[-1][0] != last:
            segment.trailing.clear()

    def decide(self, last_number: int) -> TableEnd:
        """The end of the table, once all records (the last is `last_number`) were added."""
        if self._open:
            self._settle(last_number)
            self._open = False
        segments = self._segments
        if not segments:
            return TableEnd(last_number)
        end = 0
        for place, segment in enumerate(segments[1:], start=1):
            if self._goes_on(segment):
                end = place
            elif self._is_table(segment):
                break
        notes: list[BlockBelow] = []
        tables: list[BlockBelow] = []
        for segment in segments[end + 1 :]:
            (tables if self._is_table(segment) else notes).append(_part(segment))
        table = segments[end]
        last, below, stacked = self._cut(table, alone=end == 0)
        return TableEnd(last, tuple(below + notes), tuple(stacked + tables))

    def _goes_on(self, segment: _Segment) -> bool:
        """Whether the rows after a blank one are the same table's."""
        layout = self._layout
        if layout.width == 1:
            return True
        if segment.even < MIN_EVEN_SHARE * segment.rows or segment.even == 0:
            return False
        head = segment.heads[0]
        filled = [cell for cell in head if cell.strip()]
        alone = len(filled) == 1 and bool(head[0].strip()) and self._is_note(head)
        if segment.rows == 1 and (alone or TOTAL.match(filled[0].strip())):
            return False
        below = segment.heads[1:]
        if below and _is_word(head[0]) and not any(cell.strip() for cell in head[1:]):
            head, below = below[0], below[1:]
        if layout.header and [c.strip() for c in head] == [c.strip() for c in layout.labels]:
            return False
        return not self._heads_another(head, below)

    def _heads_another(self, head: list[str], below: Sequence[list[str]]) -> bool:
        """Whether the segment begins with words over columns of values, where the table's
        columns hold values."""
        typed = [n for n, kind in enumerate(self._layout.kinds) if kind in TYPED]
        words = [n for n in typed if n < len(head) and _is_word(head[n])]
        if not below:
            return False
        if typed:
            return len(words) == len(typed)
        values = any(cell_type(cell) in TYPED for cell in below[-1])
        return values and not any(cell_type(cell) in TYPED for cell in head)

    def _is_table(self, segment: _Segment) -> bool:
        """Whether the segment, which is not this table's, is a table of its own."""
        widths = Counter(len(row) for row in segment.heads)
        usual, times = widths.most_common(1)[0]
        if segment.rows < 2 or usual < 2 or times * 2 <= len(segment.heads):
            return False
        filled = sum(1 for row in segment.heads for cell in row if cell.strip())
        return filled > MIN_FILLED_SHARE * sum(len(row) for row in segment.heads)

    def _cut(
        self, segment: _Segment, alone: bool
    ) -> tuple[int, list[BlockBelow], list[BlockBelow]]:
        """The last row of the table within its last segment, notes below it, and tables that
        follow without a blank row."""
        last = segment.last
        if segment.trailing and segment.trailing[-1][0] == last and segment.even:
            rows = segment.trailing
            if len(rows) <= MAX_TRAILING_ROWS and self._stacked([cells for _, _, cells in rows]):
                columns = max(len(cells) for _, _, cells in rows)
                part = BlockBelow(rows[0][0], last, rows[0][1], row_text(rows[0][2]), columns)
                return segment.before_trailing, [], [part]
            kept = len(rows)
            while kept and self._is_note(rows[kept - 1][2]):
                kept -= 1
            if kept < len(rows):
                number, line, cells = rows[kept]
                firsts = tuple(cells[0] for _, _, cells in rows[kept:])
                note = BlockBelow(number, last, line, row_text(cells), first_cells=firsts)
                return number - 1, [note], []
        return last, [], []

    def _stacked(self, rows: Sequence[list[str]]) -> bool:
        """Whether rows of another width, with no blank row before them, are another table, one
        with a title above it perhaps."""
        rows = rows[1:] if len(rows) > 3 and len(rows[0]) == 1 else rows
        width = len(rows[0])
        if width == self._layout.width:
            return False
        if len(rows) < MIN_STACKED_ROWS or width < 2 or any(len(row) != width for row in rows):
            return False
        if any(cell_type(cell) in TYPED for cell in rows[0]) or not all(rows[0]):
            return False
        return any(cell_type(cell) in TYPED for cell in rows[1])

    def _is_note(self, cells: Sequence[str]) -> bool:
        kinds = self._layout.kinds
        return is_note(cells, self._layout.width, bool(kinds) and kinds[0] in TYPED)


def is_note(cells: Sequence[str], width: int, first_is_typed: bool) -> bool:
    """Whether a record at the end is a remark below a table of `width` columns rather than a row
    cut short. `first_is_typed`: its first column holds values, not texts."""
    if is_rule(cells) or NOT_TEXT.search("".join(cells)):
        return True
    text = cells[0].strip()
    if not text or width < 2 or any(cell.strip() for cell in cells[1:]):
        prose = " ".join(cells)
        return len(cells) < width and bool(NOTE.match(text)) and len(prose) > MIN_NOTE_CHARS
    if cell_type(text) in TYPED:
        return False
    if NOTE.match(text) or first_is_typed:
        return True
    return len(cells) < width and " " in text and len(text) > MIN_NOTE_CHARS


def _is_word(cell: str) -> bool:
    kind = cell_type(cell)
    return bool(cell.strip()) and kind not in TYPED and kind not in NEUTRAL


def row_text(cells: Sequence[str]) -> str:
    """The cells in a line, shortened."""
    text = shortened(" | ".join(cell.strip() for cell in cells if cell.strip()), 200)
    return NOT_TEXT.sub("\ufffd", text)


def _part(segment: _Segment) -> BlockBelow:
    columns = max(len(row) for row in segment.heads)
    text, firsts = row_text(segment.heads[0]), tuple(cells[0] for cells in segment.heads)
    return BlockBelow(segment.first, segment.last, segment.line, text, columns, firsts)
