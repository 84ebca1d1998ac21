"""Which records of a text a contract has judged: all that its dialect does not take out.

Nothing is guessed here. A record below the header is a row, whatever its width and whatever it
looks like, unless the dialect says that it is a comment, a blank record to be skipped, or a footer.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from entrepot.inspection.csv.table_end import TableEnd
from entrepot.schemas.table_dialect import TableDialect

MAX_FOOTER_RECORDS = 20
"""Records at the end of a text that may be a footer."""

CellMatcher = Callable[[str, Sequence[str]], Sequence[bool]]
"""Tells which of some cells an RE2 pattern matches as a whole."""


@dataclass(frozen=True)
class RowRules:
    """What a dialect takes out of the rows below the header. Row numbers count from 1."""

    comment_rows: frozenset[int] = frozenset()
    skip_blank: bool = False
    footer: str | None = None


def row_rules(requested: TableDialect | None) -> RowRules:
    """The rules that a dialect states; none without one."""
    if requested is None:
        return RowRules()
    return RowRules(
        frozenset(requested.comment_rows or ()),
        bool(requested.skip_blank_rows),
        requested.footer or None,
    )


class ContractEndFinder:
    """Finds the last judged row: the last record that has text, or the one before the footer.

    It takes the place of `TableEndFinder` under a contract. Records between two calls of `add` are
    rows with text; with a footer, `starting` asks for every record that is not a comment.
    """

    def __init__(self, rules: RowRules, match: CellMatcher) -> None:
        self._footer = rules.footer
        self._match = match
        self._last: deque[tuple[int, str | None]] = deque(maxlen=MAX_FOOTER_RECORDS)
        self._blank: list[int] = []
        self.starting = rules.footer is not None

    def add(self, number: int, line: int, cells: Sequence[str]) -> None:
        """One record below the header; a blank one has no cells, or only empty ones."""
        if not any(cells):
            if self._blank and self._blank[-1] != number - 1:
                self._blank.clear()
            # The first and the last of a run of blank records are enough, but for a footer.
            if len(self._blank) > MAX_FOOTER_RECORDS:
                self._blank[-1] = number
            else:
                self._blank.append(number)
            return
        if self._footer is not None:
            self._last.extend((blank, None) for blank in self._blank)
            self._last.append((number, cells[0]))
        self._blank.clear()

    def add_blanks(self, first: int, last: int) -> None:
        """The blank records from `first` to `last`."""
        for number in range(first, min(last, first + MAX_FOOTER_RECORDS) + 1):
            self.add(number, number, ())
        self._blank[-1] = last

    def decide(self, last_number: int) -> TableEnd:
        """The table's end, once all records (the last is `last_number`) were added."""
        trailing = bool(self._blank) and self._blank[-1] == last_number
        last = self._blank[0] - 1 if trailing else last_number
        records = list(self._last)
        if self._footer is None or not records:
            return TableEnd(last)
        cells = [cell for _, cell in records if cell is not None]
        matched = iter(self._match(self._footer, cells))
        first = None
        for number, cell in records:
            if cell is not None and not next(matched):
                first = None
            elif cell is not None and first is None:
                first = number
        return TableEnd(last if first is None else first - 1)
