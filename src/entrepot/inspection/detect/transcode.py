"""A text written again in UTF-8, whatever its encoding, with the places of what does not decode."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from entrepot.inspection.limits import MIB
from entrepot.inspection.progress import Progress

BLOCK_BYTES = 4 * MIB
STEP_BYTES = 4_096
"""Decoded at a time after a fault: what precedes the next fault in a step is decoded twice, so that
many faults stay cheap."""
REPLACEMENT = "\ufffd"
WIDE: dict[str, Callable[..., tuple[str, int]]] = {
    "utf-8": codecs.utf_8_decode,
    "utf-16-le": codecs.utf_16_le_decode,
    "utf-16-be": codecs.utf_16_be_decode,
    "utf-32-le": codecs.utf_32_le_decode,
    "utf-32-be": codecs.utf_32_be_decode,
}
HIGH = bytes(range(128, 256))
STATEFUL = ("iso2022", "hz", "utf-7")
"""How the names of encodings begin in which bytes below 128 are more than ASCII; each line ends in
ASCII (RFC 1468, 1843, 2152)."""
MAX_PLACES = 100_000
"""Places of undecodable bytes that are kept; further ones are counted only."""


@dataclass(frozen=True)
class Damage:
    """Undecodable bytes: how many places, and the (line, byte offset) of the first ones."""

    total: int = 0
    places: tuple[tuple[int, int], ...] = ()


def transcode(source: Path, encoding: str, bom: int, target: Path, progress: Progress) -> Damage:
    """Write `source` from the byte `bom` on to `target` in UTF-8, U+FFFD for what does not
    decode. Raises OSError."""
    size = max(1, source.stat().st_size)
    work = _Transcoding(encoding, bom)
    with source.open("rb") as raw, target.open("wb") as out:
        raw.seek(bom)
        rest = b""
        while block := raw.read(BLOCK_BYTES):
            rest = work.take(rest + block, out, final=False)
            progress.at(work.base / size)
        work.take(rest, out, final=True)
    return Damage(work.total, tuple(work.places))


class _Transcoding:
    """Decodes block by block; after a fault in small steps, so that many faults stay cheap."""

    def __init__(self, encoding: str, bom: int) -> None:
        self._decode = _decoder(encoding)
        self._by_lines = encoding not in WIDE and not _is_single(encoding)
        self._lenient: codecs.IncrementalDecoder | None = None
        self._encoding = encoding
        self.base = bom
        self.line = 1
        self.total = 0
        self.places: list[tuple[int, int]] = []

    def take(self, data: bytes, out: BinaryIO, final: bool) -> bytes:
        """Write what `data` says to `out`; returns the bytes that need more after them."""
        at, size, step = 0, len(data), len(data)
        view = memoryview(data)
        while at < size and self._lenient is None:
            end = self._end_of_step(data, at, step)
            wrong = 0
            try:
                text, used = self._decode(bytes(view[at:end]), final and end >= size)
            except UnicodeDecodeError as error:
                step = STEP_BYTES
                wrong = max(1, error.end - error.start)
                text, used = self._decode(bytes(view[at : at + error.start]), True)
            out.write(text.encode("utf-8", "replace"))
            self.line += newlines(text)
            at += used
            if wrong:
                self._note(at)
                out.write(REPLACEMENT.encode())
                at += wrong
            elif not used:
                break
        if self._lenient is not None:
            text = self._lenient.decode(bytes(view[at:]), final)
            self.total += text.count(REPLACEMENT)
            out.write(text.encode("utf-8", "replace"))
            at = size
        self.base += at
        return data[at:]

    def _end_of_step(self, data: bytes, at: int, step: int) -> int:
        if at + step >= len(data):
            return len(data)
        if not self._by_lines:
            return at + step
        return data.find(b"\n", at + step) + 1 or len(data)

    def _note(self, at: int) -> None:
        self.total += 1
        self.places.append((self.line, self.base + at))
        if len(self.places) >= MAX_PLACES:
            self._lenient = codecs.getincrementaldecoder(self._encoding)("replace")


def newlines(text: str) -> int:
    """How many lines end in `text`: by LF, CRLF or CR."""
    count = text.count("\n")
    return count + text.count("\r") - text.count("\r\n") if "\r" in text else count


def _decoder(encoding: str) -> Callable[[bytes, bool], tuple[str, int]]:
    """A function that decodes bytes strictly and tells how many it took; the flag says that no
    more bytes follow."""
    if encoding in WIDE:
        function = WIDE[encoding]
        return lambda data, final: function(data, "strict", final)

    single = _is_single(encoding)

    if encoding.startswith(STATEFUL):
        decoder = codecs.getincrementaldecoder(encoding)()

        def with_state(data: bytes, final: bool) -> tuple[str, int]:
            """Which set of characters follows may be stated once, at the beginning of a text."""
            used = len(data) if final else data.rfind(b"\n") + 1
            state = decoder.getstate()
            try:
                return decoder.decode(data[:used], final), used
            except UnicodeDecodeError:
                decoder.setstate(state)
                raise

        return with_state

    ends = "\x85" if is_ebcdic(encoding) else ""

    def by_lines(data: bytes, final: bool) -> tuple[str, int]:
        """A line end never is a part of another character in these encodings."""
        used = len(data) if final or single else data.rfind(b"\n") + 1
        text = data[:used].decode(encoding)
        return text.replace(ends, "\n") if ends else text, used

    return by_lines


def is_ebcdic(encoding: str) -> bool:
    """Whether a line ends in another byte than in ASCII: in 0x25, or as on z/OS in 0x15 (NEL)."""
    return _is_single(encoding) and "\n".encode(encoding, "replace") != b"\n"


def _is_single(encoding: str) -> bool:
    """Whether each byte is a character by itself."""
    whole = len(HIGH.decode(encoding, "replace")) == len(HIGH)
    return whole and not encoding.startswith(STATEFUL)
