"""One look at every byte of a text: encoding, line ends, blank and overlong lines.

Works on large blocks with the interpreter's own searches (gigabytes a second), never by row.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from entrepot.inspection.detect import byte_order
from entrepot.inspection.limits import MIB
from entrepot.inspection.progress import Progress

BLOCK = 4 * MIB
ASCII, HIGH = bytes(range(128)), bytes(range(128, 256))
C1_CONTROLS = frozenset(range(0x80, 0xA0))
UNDEFINED_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
NEVER_TEXT = frozenset(b"\xfe\xff")


@dataclass(frozen=True)
class Survey:
    """What the bytes are. `bom` and `longest_line` are bytes; `longest_line` is exact above
    the size of a block. `controls`: there are NUL, SOH or STX. `damaged` says that
    bytes of the text do not decode."""

    encoding: str
    bom: int
    damaged: bool
    newlines: int
    ends_with_newline: bool
    blank_lines: bool
    plain_newlines: bool
    newline: str
    quotes: int
    nul: bool
    controls: bool
    longest_line: int

    @property
    def lines(self) -> int:
        """Physical lines, the last one counted if it has no line end."""
        return self.newlines + (0 if self.ends_with_newline else 1)


class _Tally:
    """The running counts over the blocks of a file."""

    def __init__(self) -> None:
        self.lf = self.cr = self.crlf = self.quotes = 0
        self.blank = self.nul = self.controls = False
        self.longest = self.open_line = 0
        self.seam = b"\n"
        self.seen: set[int] = set()
        self.decodable = self.undecodable = 0
        self.utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()

    def add(self, block: bytes) -> None:
        joined = self.seam + block
        self.lf += block.count(b"\n")
        if b"\r" in joined:
            self.cr += block.count(b"\r")
            self.crlf += joined.count(b"\r\n")
            if self.seam.endswith(b"\r\n"):
                self.crlf -= 1
            self.blank = self.blank or b"\n\r" in joined or b"\r\r" in joined
        self.blank = self.blank or b"\n\n" in joined
        self.quotes += block.count(b'"')
        self.nul = self.nul or b"\0" in block
        self.controls = self.controls or b"\1" in block or b"\2" in block
        self._measure(block)
        self._decode(block)
        self.seam = joined[-1:] if joined[-2:] != b"\r\n" else joined[-2:]

    def _measure(self, block: bytes) -> None:
        first = block.find(b"\n")
        if first < 0:
            self.open_line += len(block)
            return
        self.longest = max(self.longest, self.open_line + first)
        self.open_line = len(block) - 1 - block.rfind(b"\n")

    def _decode(self, block: bytes, final: bool = False) -> None:
        if self.utf8 is not None:
            pending = self.utf8.getstate()[0]
            if block.isascii() and not pending and not final:
                return
            try:
                self.utf8.decode(block, final)
            except UnicodeDecodeError:
                self.utf8 = None
        if not block.isascii():
            bare = block.translate(None, HIGH)
            kept = len(block.decode("utf-8", "ignore").encode()) - len(bare)
            self.decodable += kept
            self.undecodable += len(block) - len(bare) - kept
            self.seen.update(block.translate(None, ASCII))

    def finish(self) -> None:
        self._decode(b"", final=True)
        self.longest = max(self.longest, self.open_line)


def survey_text(path: Path, progress: Progress) -> Survey:
    """Read all of `path`. Raises OSError."""
    size = path.stat().st_size
    tally = _Tally()
    with path.open("rb") as file:
        head = file.read(BLOCK)
        bom, marked = byte_order(head)
        wide = marked is not None and marked != "utf-8"
        block = head[bom:]
        while block:
            tally.add(block)
            progress.at(file.tell() / max(1, size))
            block = file.read(BLOCK)
    tally.finish()
    encoding, damaged = _encoding(tally, marked)
    bare_cr = tally.cr - tally.crlf
    return Survey(
        encoding=encoding,
        bom=bom,
        damaged=damaged,
        newlines=tally.lf + bare_cr,
        ends_with_newline=tally.seam.endswith((b"\n", b"\r")),
        blank_lines=tally.blank,
        plain_newlines=not wide and not bare_cr and tally.crlf in (0, tally.lf),
        newline="\r\n" if tally.crlf else "\r" if bare_cr and not tally.lf else "\n",
        quotes=tally.quotes,
        nul=tally.nul,
        controls=tally.controls or tally.nul,
        longest_line=tally.longest,
    )


def _encoding(tally: _Tally, marked: str | None) -> tuple[str, bool]:
    """The encoding, and whether bytes do not decode by it.

    What is not UTF-8 is damaged UTF-8 when most of its high bytes do form UTF-8 sequences,
    which other encodings do not form by chance; else it is Windows-1252 or Latin-1, unless it
    uses bytes that mean nothing there.
    """
    if marked is not None and marked != "utf-8":
        return marked, False
    if tally.utf8 is not None:
        return "utf-8", False
    meaningless = tally.seen & UNDEFINED_1252 or tally.seen <= NEVER_TEXT
    if marked is not None or meaningless or tally.decodable > tally.undecodable:
        return "utf-8", True
    return ("cp1252" if tally.seen & C1_CONTROLS else "latin-1"), False
