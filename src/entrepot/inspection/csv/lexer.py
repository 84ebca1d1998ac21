"""Split lines into records so that a damaged row damages no other.

A quoted cell may span lines only if it is closed as it must be, and if the lines that it would
take in are not rows of the table themselves. Of a record that is well formed (RFC 4180) that takes
evidence: as rows its lines give the better table. Any other quote is text of its cell, and the row
is reported as damaged. Well-formed records are split by Python's csv module; what it refuses,
and dialects that it lacks, by `cell_parser`. Work is linear in the text: what is looked at
beyond a row without success, in search of a closing quote, is paid from a budget.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from entrepot.inspection.csv.cell_parser import BLANK, ENDS, CellParser
from entrepot.inspection.csv.cell_types import TYPED, broad_type, cell_type
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.limits import MIB
from entrepot.inspection.report.record_faults import (
    ACROSS,
    COMMENT,
    RecordFault,
    like_rows,
    not_closed,
)

SEPARATOR = "\ufdd0"
"""Stands for a delimiter of several characters; no character by definition of Unicode."""
MAX_REREAD_CHARS = 64 * MIB
"""Characters beyond a row that may be read in search of a closing quote that is not there, for the
whole text. It keeps the work linear: a text of stray quotes would be read once for each quote."""
MAX_CSV_CELL_CHARS = MIB
"""The longest cell that the csv module may try. It reads until a quote closes, so that a stray one
takes in all that follows; longer cells are left to `_strict`, which looks for faults earlier."""
MAX_FRUGAL_CHARS = 1 << 14
"""The longest record once those are spent: some pages of text, more than real cells have."""
MAX_RECORD_CHARS = 16 * MIB
"""The longest record unless a limit says so."""
MAX_RECORD_LINES = 100_000
"""Lines of one record; more than any cell of a real table has."""

Record = tuple[int, list[str], RecordFault | None]
"""The physical line on which a record begins (from 1), its cells ([] of a blank line), and what
is wrong with it, if anything; COMMENT of a line that is not a row."""


class Lexer:
    """Splits lines by one dialect. `width` is the table's count of cells, 0 if not known yet;
    `longest` the most characters of one record; `kinds` are those of the table's columns, None if
    not known yet. `spanning` counts the records that were kept
    although lines within them look like rows of the table; `first_spanning` is the first line
    of the first one."""

    def __init__(
        self,
        dialect: Dialect,
        width: int = 0,
        longest: int = MAX_RECORD_CHARS,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self.dialect = dialect
        self.width = width
        self._kinds = kinds
        self._longest = longest
        self._budget = MAX_REREAD_CHARS
        self.spanning = 0
        self.first_spanning = ""
        self._pending: list[str] = []
        self._taken: list[str] = []
        self._lines: Iterator[str] = iter(())
        self._first_line = 1
        quote, delimiter = dialect.quote, dialect.delimiter
        # Without doubled quotes `csv` takes text after a closing quote for a part of the cell, also
        # in its strict mode.
        self._by_csv = (
            len(quote) <= 1
            and dialect.closing == quote
            and (dialect.doubled or not quote)
            and not (dialect.trim or dialect.blanks or dialect.framed)
        )
        self._escape = dialect.escape
        self._parser = CellParser(dialect)
        self._options: dict[str, Any] = {
            "delimiter": delimiter if len(delimiter) == 1 else SEPARATOR,
            "quotechar": quote or None,
            "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            "doublequote": dialect.doubled,
            "strict": True,
        }

    def records(self, lines: Iterable[str], first_line: int = 1) -> Iterator[Record]:
        """The records of `lines`, which keep their line ends; `first_line` is the first one."""
        self._lines = iter(lines)
        self._first_line = first_line
        self._pending, self._taken = [], []
        if self.dialect.starts:
            return self._fixed_records()
        return self._csv_records() if self._by_csv else self._own_records()

    def cells_of(self, line: str) -> list[str]:
        """The cells of one line by itself, quoted ones too; no line of it is a comment."""
        if not self.dialect.quote or self.dialect.quote not in line:
            return self._parser.split(line)
        alone = Lexer(replace(self.dialect, comment=""), self.width)
        return next((cells for _, cells, _ in alone.records([line])), [])

    def _feed(self) -> Iterator[str]:
        """The next lines, those put back first; what was handed out is in `_taken`."""
        single, delimiter = self._options["delimiter"], self.dialect.delimiter
        many = len(delimiter) > 1
        while True:
            if self._pending:
                line = self._pending.pop()
            else:
                line = next(self._lines, "")
                if not line:
                    return
            self._taken.append(line)
            yield line.replace(delimiter, single) if many else line

    def _csv_records(self) -> Iterator[Record]:
        taken, comment, escape = self._taken, self.dialect.comment, self._escape
        many = len(self.dialect.delimiter) > 1
        number = self._first_line
        while True:
            csv.field_size_limit(
                min(MAX_CSV_CELL_CHARS, self._longest) if self._budget > 0 else MAX_FRUGAL_CHARS
            )
            reader = csv.reader(self._feed(), **self._options)
            try:
                for cells in reader:
                    count = len(taken)
                    if comment and taken[0].startswith(comment):
                        break
                    if count > 1 and self._doubtful(cells, taken, number == self._first_line):
                        break
                    if escape and any(escape in line for line in taken):
                        break
                    whole = self._with_delimiters(cells, taken) if many else cells
                    taken.clear()
                    yield number, whole, None
                    number += count
                else:
                    return
            except csv.Error:
                pass
            if not taken:
                return
            self._put_back()
            count, cells, error = self._record(number == self._first_line)
            yield number, cells, error
            number += count

    def _put_back(self) -> None:
        taken = self._taken
        self._budget -= sum(map(len, taken[1:]))
        self._pending += reversed(taken)
        taken.clear()

    def _with_delimiters(self, cells: list[str], taken: list[str]) -> list[str]:
        if self.dialect.quote and any(self.dialect.quote in line for line in taken):
            return [cell.replace(SEPARATOR, self.dialect.delimiter) for cell in cells]
        return cells

    def _doubtful(self, cells: list[str], taken: list[str], is_first: bool) -> bool:
        """Whether a record of several lines is more likely one row with a stray quote, and
        whole rows after it. It is where its last line, at which a cell should end, is a sound
        row by itself (one stray quote above leaves it an even number of quotes); where its first
        line has the table's width and it has not. It may be where half a pair of quotes is left in
        a cell, and its first line has that width and its last one no fewer cells; or where all of
        its lines but the last have that width by themselves, and the last has no fewer cells."""
        width, mark = self.width, self.dialect.closing
        # The first record of a text may be a title of several lines, above the table.
        if not width or (is_first and len(cells) == 1 < width):
            return False
        paired = mark == self.dialect.quote and self.dialect.doubled and not self._escape
        even = width > 1 and paired and taken[-1].count(mark) % 2 == 0
        if even and len(self._parser.lenient(self._parser.body(taken[-1]), width)) == width:
            return True
        first, last = len(self._parser.split(taken[0])), len(self._parser.split(taken[-1]))
        halves = any(cell.endswith(mark) and cell.count(mark) % 2 for cell in cells if mark)
        if len(cells) != width:
            return first == width
        whole = [first == width]
        if not halves:
            if width == 1 or len(taken) < 3 + (width == 2):
                return False
            whole = [len(self._parser.split(line)) == width for line in taken[:-1]]
        suspect = all(whole) and last >= width
        if suspect and self._are_better_as_rows(cells, taken):
            return True
        if suspect or any(whole[1:]):
            self.spanning += 1
            self.first_spanning = self.first_spanning or taken[0].rstrip(ENDS)
        return False

    def _are_better_as_rows(self, cells: list[str], taken: list[str]) -> bool:
        """Whether the lines of a record give a better table as rows than as one. Of a well-formed
        one that is sure only by columns of numbers or moments: its own cells are not such, or
        those of each of its lines are."""
        if self._kinds is None or not self._well_formed.fullmatch("".join(taken)):
            return True
        typed = [(n, kind) for n, kind in enumerate(self._kinds[: self.width]) if kind in TYPED]
        if not typed or not _has_kinds(cells, typed):
            return bool(typed)
        rows = (self._parser.lenient(self._parser.body(line), self.width) for line in taken)
        return all(
            len(row) == self.width
            and any(row[n].strip() for n, _ in typed)
            and _has_kinds(row, typed)
            for row in rows
        )

    @cached_property
    def _well_formed(self) -> re.Pattern[str]:
        """One record by the grammar of RFC 4180: a quote encloses a cell or is doubled within."""
        mark, quote = re.escape(self.dialect.delimiter), re.escape(self.dialect.quote)
        if not self._by_csv or not quote or not self.dialect.doubled or self._escape:
            return re.compile("(?!)")
        bare = rf"[^{quote}\r\n]" if not mark else rf"(?:(?!{mark})[^{quote}\r\n])"
        cell = rf"(?:{quote}(?:[^{quote}]|{quote}{quote})*+{quote}|{bare}*+)"
        further = f"(?:{mark}{cell})*+" if mark else ""
        return re.compile(rf"{cell}{further}[\r\n]*")

    def _fixed_records(self) -> Iterator[Record]:
        starts = self.dialect.starts[1:]
        for number, line in enumerate(self._lines, start=self._first_line):
            body = line.rstrip(ENDS)
            if not body.strip(BLANK):
                yield number, [], None
            elif self._is_comment(line):
                yield number, [], COMMENT
            else:
                # Text that reaches over the place where a column begins was cut in two there.
                across = any(body[at - 1 : at].strip() for at in starts)
                yield number, self._parser.at_places(body), ACROSS if across else None

    def _own_records(self) -> Iterator[Record]:
        quote, comment = self.dialect.quote, self.dialect.comment
        number = self._first_line
        for line in self._lines_in_turn():
            if (
                (quote and quote in line)
                or (self._escape and self._escape in line)
                or (comment and line.startswith(comment))
            ):
                self._pending.append(line)
                count, cells, error = self._record(number == self._first_line)
                yield number, cells, error
                number += count
            else:
                yield (
                    number,
                    ([] if not line.strip(ENDS + BLANK) else self._parser.split(line)),
                    None,
                )
                number += 1

    def _lines_in_turn(self) -> Iterator[str]:
        while True:
            if self._pending:
                yield self._pending.pop()
            else:
                line = next(self._lines, "")
                if not line:
                    return
                yield line

    def _next_line(self) -> str:
        return self._pending.pop() if self._pending else next(self._lines, "")

    def _record(self, is_first: bool) -> Record:
        """One record from the next line on: how many lines it takes, its cells, its fault."""
        line = self._next_line()
        body = self._parser.body(line)
        if not body:
            return 1, [], None
        taken = [line]
        if self._is_comment(line):
            return 1, [], COMMENT
        cells = self._strict(taken)
        if cells is not None and not (len(taken) > 1 and self._doubtful(cells, taken, is_first)):
            return len(taken), cells, None
        fault = self._parser.quoting_fault(body, not_closed if cells is None else like_rows)
        self._budget -= sum(map(len, taken[1:]))
        self._pending += reversed(taken[1:])
        return 1, self._parser.lenient(body, self.width), fault

    def _is_comment(self, line: str) -> bool:
        """Whether the line begins with the mark, and does not have the table's width where the mark
        is a guess: so it is not a row."""
        comment = self.dialect.comment
        return (
            bool(comment)
            and line.startswith(comment)
            and (
                self.dialect.comment_stated
                or self.width < 2
                or len(self.cells_of(line)) != self.width
            )
        )

    def _strict(self, taken: list[str]) -> list[str] | None:
        """The cells of a well-formed record, further lines appended to `taken`; None if it is
        not well-formed."""
        cells: list[str] = []
        text, at = self._parser.body(taken[0]), 0
        size = len(text)
        while True:
            start = self._parser.opening(text, at)
            if start < 0:
                # A line end that an escape stands before is a part of the cell.
                while self._parser.ends_escaped(text, at) and (line := self._next_line()):
                    whole = taken[-1]
                    taken.append(line)
                    size += len(line)
                    if size > self._longest or len(taken) > MAX_RECORD_LINES:
                        return None
                    text += whole[len(whole.rstrip(ENDS)) :] + line.rstrip(ENDS)
                cell, at = self._parser.bare(text, at)
                cells.append(cell)
            else:
                parts: list[str] = []
                end = self._parser.close(text, start)
                while end == len(text) + 1:  # still open at the end of the line
                    whole = taken[-1]
                    parts.append(text[start:] + whole[len(whole.rstrip(ENDS)) :])
                    line = self._next_line()
                    if not line:
                        return None
                    taken.append(line)
                    size += len(line)
                    most = self._longest if self._budget > 0 else MAX_FRUGAL_CHARS
                    if size > most or len(taken) > MAX_RECORD_LINES:
                        return None
                    text, start = line.rstrip(ENDS), 0
                    end = self._parser.close(text, 0)
                if end < 0:
                    return None
                parts.append(text[start:end])
                cells.append(self._parser.unescaped("".join(parts)))
                at = self._parser.after(text, end + 1)
            if at < 0:
                return cells


def _has_kinds(row: Sequence[str], typed: Sequence[tuple[int, str]]) -> bool:
    """Whether the cells of columns of one kind are of that kind, or empty."""
    return all(not row[n].strip() or broad_type(cell_type(row[n])) == kind for n, kind in typed)
