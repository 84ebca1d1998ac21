"""Prove from the bytes of a text that the scan engine and the lexer read the same cells.

The engine is laxer than `lexer`: it takes a quote within an unquoted cell for text, drops spaces
before and after quotes, and takes in whole rows behind a stray quote. So it may scan a text only
where each quote stands at the beginning or at the end of its cell, or doubled within a quoted one
(RFC 4180, section 2). Between the first and the second quote, the third and the fourth, and so on,
is quoted text. The text has that form if and only if each part outside begins and ends at a border
(a delimiter, a line end, an end of the text) or is empty: a doubled quote has an empty part inside.

The engine also passes over a delimiter at the end of a row, where the lexer finds an empty cell
more than the table has columns. So the delimiters of rows that end in one are counted, in what is
left of the text without its quoted parts.

Every part is looked at, by the interpreter's own split and search, never byte by byte.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.lexer import MAX_CSV_CELL_CHARS, MAX_RECORD_LINES
from entrepot.inspection.limits import MIB

BLOCK_BYTES = MIB
"""Read at a time, so that the parts of a block stay in the processor's caches."""
MAX_RECORD_BYTES = MAX_CSV_CELL_CHARS
"""Of a record of several lines: the lexer reads a longer one by another way."""
LINE_END_WITHIN = b"\0"
"""What a line end within a quoted cell is written as while records are separated; the text has
no NUL."""


def prove_grammar(
    path: Path, bom: int, dialect: Dialect, width: int, skipped: int = 0
) -> int | None:
    """The line ends within quoted cells of the text at `path`, if both readers read it alike; None
    where that is not proven. `bom` are the bytes before the text, `width` is the table's count of
    columns; the first `skipped` lines are not rows.

    The text is UTF-8 without NUL, and its lines end in LF or in CRLF. Raises OSError.
    """
    proof = _Proof(dialect, width, skipped)
    with path.open("rb") as file:
        file.seek(bom)
        for block in _whole_records(file, dialect.quote.encode()):
            if block is None or not proof.add(block):
                return None
    return proof.embedded


def _whole_records(file: BinaryIO, quote: bytes) -> Iterator[bytes | None]:
    """The text in blocks of whole records, each of which has an even number of quotes; None
    where a record is too long, or a quote is never closed."""
    while block := file.read(BLOCK_BYTES):
        lines = [block if block.endswith(b"\n") else block + file.readline()]
        is_open = bool(quote) and lines[0].count(quote) % 2 == 1
        left = MAX_RECORD_BYTES
        while is_open:
            line = file.readline(left + 1)
            left -= len(line)
            if not line or left < 0:
                yield None
                return
            lines.append(line)
            is_open = line.count(quote) % 2 == 0
        yield b"".join(lines)


class _Proof:
    """The proof for one block of records after another. `embedded` counts the line ends within
    quoted cells so far."""

    def __init__(self, dialect: Dialect, width: int, skipped: int) -> None:
        self.embedded = 0
        self._dialect, self._width, self._skipped = dialect, width, skipped
        self._mark, self._quote = dialect.delimiter.encode(), dialect.quote.encode()

    def add(self, block: bytes) -> bool:
        """Whether the text is regular up to the end of `block`."""
        if len(self._mark) > 1 and not self._is_split_one_way(block):
            return False
        if not self._quote or self._quote not in block:
            return self._ends_at_last_cell(block)
        if b" " in self._mark:  # the engine takes one after a quote for nothing
            return False
        # A line end before the block and one behind it are the borders of its ends.
        parts = (b"\n" + block + b"\n").split(self._quote)
        # A record of one empty cell is blank for the lexer, and a row for the engine.
        if self._width == 1 and not all(parts[1::2]):
            return False
        bare = b"".join(parts[::2])[1:-1]
        return (
            self._are_quotes_at_borders(parts[::2])
            and self._ends_at_last_cell(bare)
            and self._are_records_certain(parts)
        )

    def _ends_at_last_cell(self, bare: bytes) -> bool:
        """Whether no row ends in a delimiter after its last cell. `bare` is text without its quoted
        parts; the engine fails at a row with fewer delimiters than the table has."""
        mark = self._mark
        if self._skipped:
            lines = bare.splitlines(keepends=True)
            bare = b"".join(lines[self._skipped :])
            self._skipped = max(0, self._skipped - len(lines))
        ends = mark, mark + b"\r"
        if not mark or not (mark + b"\n" in bare or mark + b"\r\n" in bare or bare.endswith(ends)):
            return True
        ended = [line for line in bare.split(b"\n") if line.endswith(ends)]
        return b"".join(ended).count(mark) == len(ended) * (self._width - 1)

    def _is_split_one_way(self, block: bytes) -> bool:
        """Whether the first byte of a delimiter of several stands within delimiters alone: so
        they are the same wherever a search begins."""
        first = self._mark[:1]
        return block.count(first) == block.count(self._mark) * self._mark.count(first)

    def _are_quotes_at_borders(self, outside: list[bytes]) -> bool:
        """Whether each part that is not quoted begins and ends at a border, or is empty."""
        different = set(outside)
        if b"" in different and not self._dialect.doubled:
            return False
        different.discard(b"")
        if len(self._mark) > 1:
            borders = (b"\r", b"\n", self._mark)
            return all(part.startswith(borders) and part.endswith(borders) for part in different)
        ends = {part[:1] for part in different} | {part[-1:] for part in different}
        return ends <= {b"\r", b"\n", self._mark}

    def _are_records_certain(self, parts: list[bytes]) -> bool:
        """Whether the lexer takes each record of several lines for one: not where its first and
        its last line, or one between them, could be rows of the table by themselves."""
        within = b"".join(parts[1::2])
        count = within.count(b"\n")
        if b"\r" in within and not within.count(b"\r") == within.count(b"\r\n") == count:
            return False
        if not count:
            return True
        if self._dialect.comment:  # of which only a first line would be asked
            return False
        self.embedded += count
        parts[1::2] = [
            part.replace(b"\n", LINE_END_WITHIN) if b"\n" in part else part for part in parts[1::2]
        ]
        return all(map(self._is_certain, _records_of_several_lines(self._quote.join(parts))))

    def _is_certain(self, record: bytes) -> bool:
        lines = record.split(LINE_END_WITHIN)
        if len(record) > MAX_RECORD_BYTES or len(lines) > MAX_RECORD_LINES:
            return False
        mark = self._mark
        first, *middle, last = [line.count(mark) + 1 if mark else 1 for line in lines]
        return self._width not in middle and (first != self._width or last < self._width)


def _records_of_several_lines(text: bytes) -> Iterator[bytes]:
    """The records with a line end within, of a text that begins and ends with one of its own."""
    at = text.find(LINE_END_WITHIN)
    while at >= 0:
        end = text.find(b"\n", at)
        yield text[text.rfind(b"\n", 0, at) + 1 : end]
        at = text.find(LINE_END_WITHIN, end)
