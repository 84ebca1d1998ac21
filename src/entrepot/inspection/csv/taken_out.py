"""Take out of the records below a header those that are no rows, and account for all of them."""

from bisect import bisect_right

from entrepot.inspection.csv.decision import Decision
from entrepot.inspection.csv.detected import is_blank
from entrepot.inspection.csv.lexer import COMMENT
from entrepot.inspection.csv.table_end import TableEnd
from entrepot.inspection.record_counts import RecordCounts


class TakenOut:
    """Comments and skipped blank records, as one pass over a text meets them in order.
    `guessed_comments` are those that no dialect states."""

    def __init__(self, decision: Decision) -> None:
        self._layout = decision.layout
        # Row numbers of a dialect do not count Excel's line `sep=`, which is no record.
        self._shift = int(decision.separator)
        self._comment_rows = {number + self._shift for number in decision.rules.comment_rows}
        self._skip_blank = decision.rules.skip_blank
        self._mark_stated = decision.dialect.comment_stated
        self.comments: list[int] = []
        self.guessed_comments: list[int] = []
        self.blanks: list[int] = []
        self._trailing = 0

    def is_taken_out(self, number: int, cells: list[str], fault: str) -> bool:
        """Whether a record below the header is a comment, or blank where blank ones are skipped."""
        if fault == COMMENT or number in self._comment_rows:
            self._trailing = 0
            self.comments.append(number)
            if number not in self._comment_rows and not self._mark_stated:
                self.guessed_comments.append(number)
            return True
        if any(cells) and not is_blank(cells):
            self._trailing = 0
            return False
        self._trailing += 1
        if self._skip_blank:
            self.blanks.append(number)
        return self._skip_blank

    def without_spare(self, cells: list[str]) -> list[str]:
        """The cells of a row without an empty one in a column that is none."""
        spare = self._layout.spare_column and len(cells) == self._layout.width + 1
        return cells[:-1] if spare and not cells[-1] else cells

    def count(self, total: int, extent: TableEnd) -> RecordCounts:
        """What the records are: `total` in all, those up to the end of the table judged."""
        layout, shift = self._layout, self._shift
        after_header = layout.header[-1] + 1 if layout.header else layout.start
        text_end = total - self._trailing
        last = min(max(extent.last, layout.start), text_end)
        comments_below = len(self.comments) - bisect_right(self.comments, last)
        blanks = bisect_right(self.blanks, text_end)
        blanks_below = blanks - bisect_right(self.blanks, last)
        return RecordCounts(
            total=max(0, total - shift),
            judged=0,
            above_header=after_header - len(layout.header) - shift,
            header=len(layout.header),
            comment=len(self.comments),
            skipped_blank=blanks + self._trailing + layout.start - after_header,
            footer=text_end - last - comments_below - blanks_below,
        )
