"""Take out of the records below a header those that are not rows, and account for all of them."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from entrepot.inspection.csv.decision import Decision
from entrepot.inspection.csv.detected import MAX_LISTED_ROWS, Occurrences, is_blank_record
from entrepot.inspection.csv.table_end import TableEnd
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.report.record_faults import COMMENT, RecordFault


class RowNumbers:
    """Numbers of rows, added in rising order and kept as runs: a text may have any number of
    blank records, one after another."""

    def __init__(self) -> None:
        self._firsts, self._lasts = array("q"), array("q")
        self._before = array("q")
        self.total = 0

    def add(self, first: int, last: int | None = None) -> None:
        """The number `first`, or all from `first` to `last`."""
        last = first if last is None else last
        if self._lasts and self._lasts[-1] == first - 1:
            self._lasts[-1] = last
        else:
            self._firsts.append(first)
            self._lasts.append(last)
            self._before.append(self.total)
        self.total += last - first + 1

    def up_to(self, number: int) -> int:
        """How many of them are at most `number`."""
        place = bisect_right(self._firsts, number) - 1
        if place < 0:
            return 0
        return self._before[place] + min(number, self._lasts[place]) - self._firsts[place] + 1

    def occurrences(self, last: int | None = None) -> Occurrences | None:
        """How many there are, up to `last`, and the first ones; None if there are none."""
        total = self.total if last is None else self.up_to(last)
        if not total:
            return None
        first: list[int] = []
        for start, end in zip(self._firsts, self._lasts, strict=True):
            first += range(start, min(end, start + MAX_LISTED_ROWS) + 1)
            if len(first) >= MAX_LISTED_ROWS:
                break
        return Occurrences(total, tuple(first[: min(total, MAX_LISTED_ROWS)]))


class TakenOut:
    """Comments and skipped blank records, as one pass over the records meets them in order.
    `guessed_comments` are those that no dialect states."""

    def __init__(self, decision: Decision) -> None:
        self._layout = decision.layout
        self._comment_rows = decision.rules.comment_rows
        self._skip_blank = decision.rules.skip_blank
        self._mark_stated = decision.dialect.comment_stated
        self._comments = RowNumbers()
        self.guessed_comments = RowNumbers()
        self._blanks = RowNumbers()
        self._trailing = 0

    def is_taken_out(self, number: int, cells: Sequence[str], fault: RecordFault | None) -> bool:
        """Whether a record below the header is a comment, or blank where blank ones are skipped."""
        if fault is COMMENT or number in self._comment_rows:
            self._trailing = 0
            self._comments.add(number)
            if number not in self._comment_rows and not self._mark_stated:
                self.guessed_comments.add(number)
            return True
        if any(cells) and not is_blank_record(cells, self._layout.width):
            self._trailing = 0
            return False
        self._trailing += 1
        if self._skip_blank:
            self._blanks.add(number)
        return self._skip_blank

    def judged_blanks(self, first: int, last: int) -> list[tuple[int, int]]:
        """Of the blank records `first` to `last` the runs that are judged as rows."""
        stated = sorted(number for number in self._comment_rows if first <= number <= last)
        judged = []
        for end in (*stated, last + 1):
            if first < end:
                self._trailing += end - first
                if self._skip_blank:
                    self._blanks.add(first, end - 1)
                else:
                    judged.append((first, end - 1))
            if end <= last:
                self._comments.add(end)
                self._trailing = 0
            first = end + 1
        return judged

    def without_spare(self, cells: list[str]) -> list[str]:
        """The cells of a row without the empty ones in columns that are none."""
        width, spare = self._layout.width, self._layout.spare_columns
        is_spare = spare and len(cells) == width + spare and not any(cells[width:])
        return cells[:width] if is_spare else cells

    def count(self, total: int, table_end: TableEnd) -> RecordCounts:
        """What the records are: `total` in all, those up to the end of the table judged."""
        layout = self._layout
        after_header = layout.header[-1] + 1 if layout.header else layout.start
        text_end = total - self._trailing
        last = min(max(table_end.last, layout.start), text_end)
        blanks = self._blanks.up_to(text_end)
        return RecordCounts(
            total=total,
            judged=0,
            above_header=after_header - len(layout.header),
            header=len(layout.header),
            comment=self._comments.total,
            skipped_blank=blanks + self._trailing + layout.start - after_header,
            footer=text_end
            - last
            - (self._comments.total - self._comments.up_to(last))
            - (blanks - self._blanks.up_to(last)),
        )
