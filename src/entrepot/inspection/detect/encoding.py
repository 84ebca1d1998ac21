"""Which encoding the bytes of a text have, and the text written anew in UTF-8.

What is UTF-8 is read as such. Other encodings are found by `chardet`, whose judgement of
short texts is weighed by how plausible the letters stand beside each other.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import chardet

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

# The confidence of chardet is multiplied by these. They were set by hand on the folder `encodings`
# of tests/inspection/corpus, where short texts of each encoding stand: the more usual an encoding
# is for files of tables, and the rarer its letters come up in the bytes of another, the higher.
WEIGHTS = {
    "windows-1252": 1.3,  # the usual one of Excel in the West; most bytes are letters in it
    "iso8859-1": 1.3,  # the same but for bytes 0x80 to 0x9F
    "windows-1250": 1.0,
    "windows-1251": 1.1,
    "koi8-r": 1.05,
    "iso8859-2": 0.98,
    # Below 1 also where the same letters are in a more usual one: ISO 8859 beside Windows.
    "iso8859-15": 0.95,
    "macroman": 0.95,
    # Those of DOS, and the Baltic and Cyrillic ones of other systems, are rare today.
    "cp850": 0.9,
    "cp437": 0.88,
    "ibm866": 0.95,
    "cp932": 1.0,
    "shift_jis": 1.0,
    "euc-jp": 1.0,
    "euc-kr": 1.0,
    "cp949": 1.0,
    "gb18030": 1.0,
    "big5": 1.0,
    "windows-1253": 1.0,
    "iso8859-7": 0.95,
    "windows-1254": 0.95,
    "windows-1255": 1.0,
    "windows-1256": 0.9,
    "windows-1257": 0.8,
    "iso8859-5": 0.95,
    "tis-620": 0.9,
    "cp852": 0.8,
    "maccyrillic": 0.6,
}
RARE_WEIGHT = 0.5
"""Of an encoding that is not in the table."""
USUAL_BYTES = 6
"""The Western encodings gain as much as this over the count of bytes above 127: with 6 such bytes
their weight is doubled, with 60 it grows by a tenth. Of a few letters the statistics say nothing,
so that the most usual encoding is the best guess."""
PLAUSIBLE_POWER = 3
"""Of the share of letters that stand where letters do: chardet does not look at case and words."""
DEFAULT_SURE = 0.5
"""How sure the guess is where chardet has none, or where the next best encoding reads another text
as well; by how much it is worse is added."""
ODD = re.compile(
    r"[a-zß-öø-ÿ][A-ZÀ-ÖØ-Þ](?![A-Z])"
    r"|(?<=[^\W\d_])[^\w\s'’.,;:/&@\-\x00-\x7f](?=[^\W\d_])"
    r"|(?<![^\W\d_])[^\w\s'’‘\"“”„«»(€£–—\x00-\x7f](?=[^\W\d_]{2})"
    r"|[\x80-\x9f]"
)
"""A capital after a small letter, a sign within or before a word, a control character."""
C1_CONTROLS = frozenset(range(0x80, 0xA0))
"""Bytes that are control characters in ISO 8859-1, which no text has, and letters in cp1252."""
UNDEFINED_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
"""Bytes without a character in cp1252."""


@dataclass(frozen=True)
class Encoding:
    """The encoding as Python names it, and how sure that is, from 0 to 1. `damaged`: bytes of
    the text do not decode by it."""

    name: str
    sure: float = 1.0
    damaged: bool = False


@dataclass(frozen=True)
class Damage:
    """Undecodable bytes: how many places, and the (line, byte offset) of the first ones."""

    total: int = 0
    places: tuple[tuple[int, int], ...] = ()


def guess_encoding(sample: bytes, seen: set[int]) -> Encoding:
    """The encoding of a text that is not UTF-8. `sample` are parts of it with bytes above
    127, `seen` all such bytes of the text."""
    western = "cp1252" if seen & C1_CONTROLS else "latin-1"
    scores: dict[str, float] = {}
    for guess in chardet.detect_all(sample, ignore_threshold=True):
        named, confidence = guess["encoding"], guess["confidence"]
        if not named or confidence <= 0:
            continue
        name = codecs.lookup(named).name
        if name in ("utf-8", "ascii") or name.startswith(("utf-16", "utf-32", "cp500", "cp037")):
            continue
        weight = WEIGHTS.get(named.lower().replace("iso-", "iso"), RARE_WEIGHT)
        try:
            text = sample.decode(named)
        except (UnicodeDecodeError, LookupError):
            continue
        if name in ("cp1252", "iso8859-1"):
            weight *= 1 + USUAL_BYTES / max(1, sum(byte > 127 for byte in sample))
        scores[name] = confidence * weight * _plausible(text) ** PLAUSIBLE_POWER
    if seen & UNDEFINED_1252:
        scores.pop("cp1252", None)
    if not scores:
        damaged = western == "cp1252" and bool(seen & UNDEFINED_1252)
        return Encoding(western, DEFAULT_SURE, damaged)
    ranked = sorted(scores, key=lambda name: -scores[name])
    best = ranked[0]
    others = [name for name in ranked if _decoded(sample, name) != _decoded(sample, best)]
    second = scores[others[0]] if others else 0.0
    sure = min(1.0, DEFAULT_SURE + (scores[best] - second) / max(scores[best], 1e-9))
    return Encoding(western if best in ("cp1252", "iso8859-1") else best, round(sure, 2))


def _decoded(sample: bytes, name: str) -> str:
    return sample.decode(name, "replace")


def _plausible(text: str) -> float:
    """The share of letters beyond ASCII that stand where such letters do."""
    beyond = sum(1 for letter in text if letter > "\x7f")
    return max(0.0, 1 - len(ODD.findall(text)) / max(1, beyond))


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

    def by_lines(data: bytes, final: bool) -> tuple[str, int]:
        """A line end never is a part of another character in these encodings."""
        used = len(data) if final or single else data.rfind(b"\n") + 1
        return data[:used].decode(encoding), used

    return by_lines


def _is_single(encoding: str) -> bool:
    """Whether each byte is a character by itself."""
    whole = len(HIGH.decode(encoding, "replace")) == len(HIGH)
    return whole and not encoding.startswith(STATEFUL)
