"""Split one line into cells, or one damaged line as well as can be.

A parser for what Python's csv module lacks: delimiters and quotes of several characters or in
pairs, blanks beside delimiters, fixed columns, escapes outside quotes, and quotes where they must
not be. `lexer` puts lines together to records.
"""

import re
from collections.abc import Callable
from itertools import pairwise

from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.report.record_faults import MISPLACED, RecordFault, text_follows

BLANK = " \t"
ENDS = "\r\n"


class CellParser:
    """The cells of lines that are written in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._escape = dialect.escape
        self._special = re.compile(f"[{re.escape(dialect.closing + dialect.escape) or chr(0)}]")
        self._run = re.compile(f"[ \t]{{{dialect.blanks},}}" if dialect.blanks else "(?!)")

    def split(self, line: str) -> list[str]:
        """The cells of one line whose quotes are all text."""
        body = self.body(line)
        if self.dialect.starts:
            return self.at_places(line)
        if self.dialect.blanks:
            return self._run.split(body)
        if not self.dialect.delimiter:
            return [body]
        cells = body.split(self.dialect.delimiter)
        return [cell.strip(BLANK) for cell in cells] if self.dialect.trim else cells

    def body(self, line: str) -> str:
        """The line without its end, its frame, and the blanks around its cells."""
        body = line.rstrip(ENDS)
        dialect = self.dialect
        if dialect.blanks or dialect.framed:
            body = body.strip(BLANK)
        if dialect.framed and dialect.delimiter:
            body = body.removeprefix(dialect.delimiter).removesuffix(dialect.delimiter)
        return body

    def at_places(self, body: str) -> list[str]:
        """The cells of a line whose columns have fixed places."""
        starts = self.dialect.starts
        return [body[at:end].strip(BLANK + ENDS) for at, end in pairwise((*starts, len(body) + 2))]

    def opening(self, text: str, at: int) -> int:
        """Where the content of a quoted cell that begins at `at` starts, or -1."""
        quote = self.dialect.quote
        if not quote:
            return -1
        if self.dialect.trim or self.dialect.blanks:
            while at < len(text) and text[at] in BLANK:
                at += 1
        return at + 1 if text.startswith(quote, at) else -1

    def close(self, text: str, at: int) -> int:
        """The position of the quote that ends the cell whose content continues at `at`; the
        length of `text` plus 1 if there is none; -1 if one stands where it must not."""
        closing, doubled = self.dialect.closing, self.dialect.doubled
        while match := self._special.search(text, at):
            place = match.start()
            if (text[place] == self._escape and text[place] != closing) or (
                doubled and text.startswith(closing, place + 1)
            ):
                at = place + 2
            else:
                return place if self._ends(text, place + 1) else -1
        return len(text) + 1

    def _ends(self, text: str, at: int) -> bool:
        """Whether a cell ends at `at`, blanks left aside."""
        while at < len(text) and text[at] in BLANK and text[at] != self.dialect.delimiter:
            if self.dialect.blanks or text.startswith(self.dialect.delimiter or "\n", at):
                return True
            at += 1
        return at >= len(text) or text.startswith(self.dialect.delimiter or "\n", at)

    def quoting_fault(self, text: str, unclosed: Callable[[int], RecordFault]) -> RecordFault:
        """What is wrong with the quotes of one damaged line, and in which cell (from 1);
        `unclosed` is what is wrong with a quote that is still open at its end."""
        number, at = 1, 0
        while at >= 0:
            start = self.opening(text, at)
            if start < 0:
                _, at = self.bare(text, at)
            else:
                end = self.close(text, start)
                if end > len(text):
                    return unclosed(number)
                if end < 0:
                    return text_follows(number)
                at = self.after(text, end + 1)
            number += 1
        return MISPLACED

    def after(self, text: str, at: int) -> int:
        """The start of the next cell after one that ended before `at`, or -1 at the end."""
        if self.dialect.blanks:
            match = self._run.match(text, at)
            return match.end() if match and match.end() < len(text) else -1
        delimiter = self.dialect.delimiter
        place = text.find(delimiter, at) if delimiter else -1
        return place + len(delimiter) if place >= 0 else -1

    def bare(self, text: str, at: int) -> tuple[str, int]:
        """The cell without quotes at `at`, and the start of the next one or -1."""
        if self.dialect.blanks:
            match = self._run.search(text, at)
            end, after = (match.start(), match.end()) if match else (len(text), -1)
            return self._trimmed(text[at:end]), after if after < len(text) else -1
        delimiter = self.dialect.delimiter
        end = text.find(delimiter, at) if delimiter else -1
        if self._escape and text.find(self._escape, at, end if end >= 0 else len(text)) >= 0:
            end = self._unescaped_end(text, at)
        if end < 0:
            return self._trimmed(self.unescaped(text[at:], quoted=False)), -1
        cell = self.unescaped(text[at:end], quoted=False)
        return self._trimmed(cell), end + len(delimiter)

    def ends_escaped(self, text: str, at: int) -> bool:
        """Whether the cell without quotes at `at` is the last one of the line and ends with an
        escape that takes the meaning of the line's end away."""
        if not self.dialect.escape_stated or not text.endswith(self._escape):
            return False
        if self._unescaped_end(text, at) >= 0:
            return False
        rest = text[at:]
        return (len(rest) - len(rest.rstrip(self._escape))) % 2 == 1

    def _unescaped_end(self, text: str, at: int) -> int:
        """The next delimiter from `at` on that no escape stands before, or -1."""
        delimiter = self.dialect.delimiter
        while at < len(text):
            if text[at] == self._escape:
                at += 2
            elif delimiter and text.startswith(delimiter, at):
                return at
            else:
                at += 1
        return -1

    def _trimmed(self, cell: str) -> str:
        return cell.strip(BLANK) if self.dialect.trim else cell

    def unescaped(self, content: str, quoted: bool = True) -> str:
        """The text that `content` stands for. An escape before any other character than those
        that need one is text."""
        dialect = self.dialect
        closing, escape = dialect.closing, self._escape
        if escape and escape in content:
            needing = {closing, dialect.quote, escape, dialect.delimiter[:1], "\n", "\r"}
            parts, at = [], 0
            while (place := content.find(escape, at)) >= 0:
                following = content[place + 1 : place + 2]
                known = following in needing
                parts.append(content[at:place] + ("" if known else escape) + following)
                at = place + 2
            content = "".join([*parts, content[at:]])
        elif quoted and dialect.doubled and closing:
            content = content.replace(closing * 2, closing)
        return content

    def lenient(self, text: str, width: int) -> list[str]:
        """The cells of a damaged line: by the reading that has the table's `width`, else by the
        one that keeps quoted cells together."""
        whole = self._guess(text, together=True)
        if len(whole) == width:
            return whole
        literal = self._guess(text, together=False)
        return literal if len(literal) == width else whole

    def _guess(self, text: str, together: bool) -> list[str]:
        """The cells of a damaged line. A damaged quoted cell continues to the first quote before
        a delimiter (`together`) or is text up to the next delimiter."""
        closing = self.dialect.closing
        cells: list[str] = []
        at, hopeless = 0, False
        unclosed = False
        while at >= 0:
            start = self.opening(text, at)
            end = self.close(text, start) if start >= 0 and not unclosed else -1
            unclosed = unclosed or (end > len(text) and closing != self.dialect.quote)
            if 0 <= end <= len(text):
                cells.append(self.unescaped(text[start:end]))
                at = self.after(text, end + 1)
                continue
            end = text.find(closing, start) if start >= 0 and together and not hopeless else -1
            within = 0
            while end >= 0 and not self._ends(text, end + 1):
                end = text.find(closing, end + 1)
                within += 1
            if end >= 0 and within % 2 == 0:
                cells.append(text[start:end])
                at = self.after(text, end + 1)
                continue
            hopeless = hopeless or (start >= 0 and together)
            cell, at = self.bare(text, at)
            cells.append(cell)
        return cells
