"""One look at every byte of a text: encoding, line ends, overlong lines.

Works on large blocks with the interpreter's own searches (gigabytes a second), never by row.
Rare bytes are only looked for, which is ten times faster than counting. The line ends of a large
text are counted when somebody asks: a scan that accounts for every byte needs no count.
"""

import codecs
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from entrepot.inspection.detect.byte_order import byte_order
from entrepot.inspection.detect.encoding import Encoding, guess_encoding
from entrepot.inspection.detect.end_mark import ENDING, MARK_BYTE, marked_bytes
from entrepot.inspection.detect.seven_bit import (
    DOUBT,
    ESCAPE,
    SevenBitMarks,
    guess_hz,
    guess_iso_2022,
)
from entrepot.inspection.limits import MIB
from entrepot.inspection.progress import Progress

BLOCK_BYTES = MIB
"""Read at a time: large enough that Python's own work does not count, small enough for the second
cache of a core, so that all searches but the first find the block there."""
TAIL_BYTES = 64 * 1024
"""The end of the file, in which blank lines and padding are counted."""
MAX_SAMPLE_BYTES, BLOCK_SAMPLE_BYTES = 32 * 1024, 8 * 1024
"""What the encoding is guessed from, and how much of it comes from one block: the time grows by the
bytes, and one block may be unlike the others."""
PLAIN_SAMPLE_BYTES = 4 * 1024
"""The first part of the text in that sample, whether it has letters beyond ASCII or not: its words
tell the language."""
MAX_LINE_SAMPLE_BYTES = 1024
"""Of one line, on either side of its first byte beyond ASCII."""
FIRST_BYTES = MIB
"""The part before the rest of a text that is judged by its ends at first."""
MIN_PARTIAL_BYTES = 16 * MIB
"""Of such a text: all bytes of a shorter one are looked at in 4 ms (ADR 0058)."""
CONTROLS = bytes(each for each in (*range(32), 127) if each not in b"\t\n\r")
HIGH_CONTROL = re.compile(rb"\xc2[\x80-\x9f]")
"""Control characters (Unicode's category Cc) in UTF-8, but for tab, LF and CR."""
ASCII, HIGH = bytes(range(128)), bytes(range(128, 256))
HIGH_BYTE = re.compile(rb"[\x80-\xff]")
NEVER_TEXT = frozenset(b"\xfe\xff")
"""Bytes that UTF-8 never has; alone they are damage, since no text is of these letters alone."""
SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
WORD_ENDS = (b"\n", b"\r", b" ", b",", b";", b"\t")


@dataclass(frozen=True)
class ByteScan:
    """What the bytes of `path` are. `size`, `bom` and `longest_line` are bytes; `longest_line`
    is exact above the size of a block. `counted` are the line ends, LF, CRLF and CR alike, None
    where they are not counted yet; `blank_at_end` are lines without text after the last one with
    any, `padding` the NULs there. `end_mark` are the bytes of the end-of-file mark, which `source`
    takes off. `newline` is the prevailing line end, `mixed` says that there are others too,
    `carriage` that a CR without LF is one of them. `controls`: there are NUL, SOH or STX.
    `partial`: only the ends of the file were looked at, and what is between them is supposed to be
    alike; there may be quotes, and `longest_line` is what a line may have."""

    path: Path
    size: int
    encoding: Encoding
    bom: int
    counted: int | None
    ends_with_newline: bool
    blank_at_end: int
    padding: int
    newline: str
    mixed: bool
    carriage: bool
    quotes: bool
    nul: bool
    controls: bool
    longest_line: int
    end_mark: int = 0
    partial: bool = False

    def confirms(self, ends: "ByteScan") -> bool:
        """Whether the whole text is what its `ends` let suppose."""
        supposed = replace(
            self, quotes=ends.quotes, longest_line=ends.longest_line, partial=ends.partial
        )
        return supposed == ends and self.longest_line <= ends.longest_line

    @cached_property
    def newlines(self) -> int:
        """The line ends. Raises OSError."""
        return self.counted if self.counted is not None else _count(self.path, b"\n")

    @cached_property
    def control_characters(self) -> bool:
        """Whether there may be control characters other than tab, LF and CR. Looked for when
        somebody asks: that takes twice as long as all else. Raises OSError."""
        return has_control_characters(self.path)

    @property
    def lines(self) -> int:
        """Physical lines, the last one counted if it has no line end."""
        return self.newlines + (0 if self.ends_with_newline else 1)

    @property
    def line_end(self) -> str:
        """The line ends in a word."""
        if self.counted == 0:
            return "none"
        return "mixed" if self.mixed else {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[self.newline]


class _Tally:
    """The running counts over the blocks of a file. `utf8` is None once bytes are not UTF-8."""

    def __init__(self) -> None:
        self.blocks = self.lf = self.cr = 0
        self.counting = True
        self.quotes = self.nul = self.controls = False
        self.longest = self.open_line = 0
        self.utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self.seven_bit: SevenBitMarks | None = SevenBitMarks()
        """None once there are bytes beyond ASCII."""
        self.beyond_ascii = False
        """Whole characters beyond ASCII were decoded."""
        self.cut = False
        """The text is UTF-8, and ends within a character: two bytes of it at least are there, or
        whole characters before it. Other encodings seldom have such bytes alone."""
        self.may_be_cut = False
        """All is ASCII but for a last byte with which a character of UTF-8 begins."""

    def add(self, block: bytes) -> None:
        self.blocks += 1
        carriage = b"\r" in block
        # LF alone so far: one block is counted, since that costs nothing, and no more.
        self.counting = self.counting and (carriage or self.cr > 0 or self.blocks == 1)
        if self.counting:
            self.lf += block.count(b"\n")
        if carriage:
            self.cr += block.count(b"\r")
        self.quotes = self.quotes or b'"' in block
        self.nul = self.nul or b"\0" in block
        self.controls = self.controls or b"\1" in block or b"\2" in block
        self._measure(block)
        if not block.isascii():
            self.seven_bit = None
        if self.seven_bit is not None:
            self.seven_bit.add(block)
        else:
            self._decode(block)

    def _measure(self, block: bytes) -> None:
        end = b"\n" if b"\n" in block else b"\r"
        first = block.find(end)
        if first < 0:
            self.open_line += len(block)
            return
        self.longest = max(self.longest, self.open_line + first)
        self.open_line = len(block) - 1 - block.rfind(end)

    def _decode(self, block: bytes, final: bool = False) -> None:
        if self.utf8 is None:
            return
        pending = self.utf8.getstate()[0]
        if pending or final or not block.isascii():
            try:
                text = self.utf8.decode(block, final)
            except UnicodeDecodeError:
                self.utf8 = None
            else:
                self.beyond_ascii = self.beyond_ascii or not text.isascii()

    def finish(self) -> None:
        pending = self.utf8.getstate()[0] if self.utf8 is not None else b""
        self.may_be_cut = len(pending) == 1 and not self.beyond_ascii
        self.cut = bool(pending) and not self.may_be_cut
        self._decode(b"", final=True)
        self.longest = max(self.longest, self.open_line)


class _Weights:
    """What the blocks of a text that is not UTF-8 say of its encoding."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.sample = bytearray()
        self.decodable = self.undecodable = 0

    def add(self, block: bytes) -> None:
        """Count the bytes above 127 that form UTF-8, and those that do not."""
        if not self.sample:
            self.sample += _cut(block[:PLAIN_SAMPLE_BYTES], len(block) > PLAIN_SAMPLE_BYTES)
        if block.isascii():
            return
        bare = len(block.translate(None, HIGH))
        kept = len(block.decode("utf-8", "ignore").encode()) - bare
        # Surrogates written as UTF-8 are not valid UTF-8, but their writer meant it.
        kept += sum(3 for _ in SURROGATE.finditer(block))
        self.decodable += kept
        self.undecodable += len(block) - bare - kept
        self.seen.update(block.translate(None, ASCII))
        if len(self.sample) < MAX_SAMPLE_BYTES:
            self.sample += _lines_with(HIGH_BYTE, block)


def has_control_characters(path: Path) -> bool:
    """Whether the text has control characters other than tab, LF and CR. Raises OSError."""
    last = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if len(block.translate(None, CONTROLS)) < len(block):
                return True
            if b"\xc2" in last + block and HIGH_CONTROL.search(last + block):
                return True
            last = block[-1:]
    return False


def _lines_with(pattern: re.Pattern[bytes], block: bytes) -> bytes:
    """The lines of a block with bytes that match, the first ones, each with its end; of a long line
    what stands beside the first such byte."""
    sample = bytearray()
    at = 0
    while len(sample) < BLOCK_SAMPLE_BYTES and (match := pattern.search(block, at)):
        first = match.start()
        least = max(at, first - MAX_LINE_SAMPLE_BYTES)
        begin = max(block.rfind(end, least, first) for end in (b"\n", b"\r")) + 1 or least
        stop = first + MAX_LINE_SAMPLE_BYTES
        end = block.find(b"\n", first, stop)
        at = end + 1 if end >= 0 else min(stop, len(block))
        sample += _cut(block[begin:at], end < 0 and at < len(block)) + b"\n"
    return bytes(sample)


def _cut(part: bytes, is_cut: bool) -> bytes:
    """The part, without its last word where that may not be whole."""
    end = max(part.rfind(mark) for mark in WORD_ENDS) if is_cut else -1
    return part[: end + 1] if end >= 0 else part


def scan_ends(path: Path) -> ByteScan | None:
    """What the first and the last part of a long text let suppose of all of it; None where it is
    too short, or not UTF-8 with LF at the ends of its lines, as most texts are. Raises OSError."""
    size = path.stat().st_size
    if size < MIN_PARTIAL_BYTES:
        return None
    with path.open("rb") as file:
        head = file.read(FIRST_BYTES)
        file.seek(size - TAIL_BYTES)
        tail = file.read()
    bom, marked = byte_order(head)
    tally = _Tally()
    tally.add(head[bom : head.rfind(b"\n") + 1])
    tally.add(tail[tail.find(b"\n") + 1 :])
    tally.finish()
    ending = tail[len(tail.rstrip(ENDING)) :]
    usual = marked in (None, "utf-8") and tally.utf8 is not None and tally.lf > 0
    # Where the first row does not end in the first part, lines are longer than is supposed.
    usual = usual and head.count(b"\n") > 1
    if not usual or tally.cr or tally.nul or tally.controls or ending not in (b"", b"\n"):
        return None
    if tally.seven_bit is not None and tally.seven_bit.any:
        return None
    return ByteScan(
        path=path,
        size=size,
        encoding=Encoding("utf-8"),
        bom=bom,
        counted=None,
        ends_with_newline=ending == b"\n",
        blank_at_end=0,
        padding=0,
        newline="\n",
        mixed=False,
        carriage=False,
        quotes=True,
        nul=False,
        controls=False,
        longest_line=BLOCK_BYTES,
        partial=True,
    )


def scan_bytes(path: Path, progress: Progress) -> ByteScan:
    """Read all of `path`. Raises OSError."""
    size = path.stat().st_size
    tally = _Tally()
    with path.open("rb") as file:
        head = file.read(BLOCK_BYTES)
        bom, marked = byte_order(head)
        block = head[bom:]
        while block:
            tally.add(block)
            progress.at(file.tell() / max(1, size))
            block = file.read(BLOCK_BYTES)
        file.seek(max(bom, size - TAIL_BYTES))
        tail = file.read()
    tally.finish()
    if tally.cr and not tally.counting:
        tally.lf, tally.counting = _count(path, b"\n"), True
    # As many CR as LF are not proof of pairs: one of each may stand alone.
    crlf = _count(path, b"\r\n") if tally.cr else 0
    bare = tally.cr - crlf
    newline = "\r\n" if crlf * 2 > tally.lf else "\r" if bare > tally.lf else "\n"
    after = tail[len(tail.rstrip(ENDING)) :]
    ends = tail.endswith((b"\n", b"\r"))
    blank = after.count(b"\n") + after.count(b"\r") - after.count(b"\r\n")
    return ByteScan(
        path=path,
        size=size,
        encoding=_encoding(path, bom, tally, marked),
        bom=bom,
        counted=tally.lf + bare if tally.counting else None,
        ends_with_newline=ends,
        blank_at_end=max(0, blank - 1) if ends else blank if after else 0,
        padding=after.count(b"\0"),
        newline=newline,
        mixed=len([count for count in (tally.lf - crlf, crlf, bare) if count]) > 1,
        carriage=bare > 0,
        quotes=tally.quotes,
        nul=tally.nul,
        controls=tally.controls or tally.nul,
        longest_line=tally.longest,
        end_mark=marked_bytes(path) if MARK_BYTE in after else 0,
    )


def _count(path: Path, mark: bytes) -> int:
    """How often the one or two bytes `mark` stand in the file."""
    count, seam = 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            count += (seam + block).count(mark)
            seam = mark[:1] if len(mark) > 1 and block.endswith(mark[:1]) else b""
    return count


def _encoding(path: Path, bom: int, tally: _Tally, marked: str | None) -> Encoding:
    """The encoding, and whether bytes do not decode by it.

    What is not UTF-8 may be damaged UTF-8 where most of its high bytes form UTF-8 sequences, which
    other encodings seldom do by chance.
    """
    if marked is not None and marked != "utf-8":
        return Encoding(marked)
    if tally.cut:
        return Encoding("utf-8", damaged=True)
    if tally.utf8 is not None:
        marks = tally.seven_bit if marked is None else None
        return _of_ascii(path, marks) if marks is not None and marks.any else Encoding("utf-8")
    weights = _Weights()
    with path.open("rb") as file:
        file.seek(bom)
        while block := file.read(BLOCK_BYTES):
            weights.add(block)
    only_surrogates = not weights.undecodable
    if marked is not None or only_surrogates or weights.seen <= NEVER_TEXT:
        return Encoding("utf-8", damaged=True)
    may_be_utf8 = tally.may_be_cut or weights.decodable > weights.undecodable
    return guess_encoding(bytes(weights.sample), weights.seen, may_be_utf8)


def _of_ascii(path: Path, marks: SevenBitMarks) -> Encoding:
    """The encoding of a text whose bytes are all ASCII, with marks of encodings that have other
    letters too."""
    if marks.escapes:
        name = guess_iso_2022(_sample_of(path, ESCAPE))
        if name is not None:
            return Encoding(name)
    if marks.tildes:
        guess = guess_hz(_sample_of(path, b"~"))
        if guess is not None:
            name, sure = guess
            return Encoding(name, sure, rivals=("hz",) if name == "utf-8" else ())
    return Encoding("utf-8", DOUBT, rivals=("utf-7",)) if marks.suspects_utf7 else Encoding("utf-8")


def _sample_of(path: Path, mark: bytes) -> bytes:
    """Lines of the text that have the mark, the first ones of each block."""
    pattern = re.compile(re.escape(mark))
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < MAX_SAMPLE_BYTES and (block := file.read(BLOCK_BYTES)):
            sample += _lines_with(pattern, block)
    return bytes(sample)
