"""The array of rows within one JSON object, where the dialect names its property.

A copy of the text is made in which all but the array is blank: lines and byte offsets stay those of
the file. The standard library's decoder steps over the other values one by one, in memory that is
bounded by the longest; the engine reads whole documents only.
"""

import codecs
import io
import json
from pathlib import Path

from entrepot.inspection.formats.json_positions import JsonSyntaxError, JsonWindow, step_over_array
from entrepot.inspection.limits import MIB
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.table import SourceBroken

BLOCK_BYTES = 4 * MIB
BLANK = bytes(byte if byte in b"\r\n" else 32 for byte in range(256))
"""The replacement of each byte outside of the array."""
MAX_NAMED = 5
"""Properties that a message names."""


class _ByteWindow(JsonWindow):
    """A window that also counts the bytes before its place, from the beginning of the text."""

    offset = 0

    def advance(self, to: int) -> None:
        self.offset += len(self.buffer[self.at : to].encode())
        super().advance(to)


def isolate_property(path: Path, name: str, target: Path, longest: int) -> None:
    """Write the UTF-8 text at `path` to `target`, blank but for the array that its property `name`
    has. `longest` bounds a value, in characters. Raises SourceBroken, OSError."""
    with path.open("rb") as raw:
        bom = len(codecs.BOM_UTF8) if raw.read(3) == codecs.BOM_UTF8 else 0
        raw.seek(bom)
        window = _ByteWindow(io.TextIOWrapper(raw, "utf-8", newline=""), longest)
        try:
            begin, end = _find_array(window, name)
        except JsonSyntaxError as fault:
            raise SourceBroken(str(fault)) from None
    _copy_part(path, bom + begin, bom + end, target)


def _find_array(window: _ByteWindow, name: str) -> tuple[int, int]:
    """Where the array begins and ends, in bytes. Raises JsonSyntaxError, SourceBroken."""
    if window.peek() != "{":
        reason = f"the dialect has the rows in the property {quoted(name)} of one object"
        raise SourceBroken(f"{reason}, and it is not an object")
    window.advance(window.at + 1)
    place: tuple[int, int] | None = None
    others: list[str] = []
    while window.peek() != "}" or others or place:
        key = _read_key(window)
        _expect(window, ":")
        if key != name:
            others.append(key) if len(others) < MAX_NAMED else None
            window.peek()
            window.value()
        elif place is not None:
            raise JsonSyntaxError(window.line, f"the property {quoted(name)} occurs twice")
        elif window.peek() != "[":
            raise SourceBroken(f"its property {quoted(name)} is not an array")
        else:
            begin = window.offset
            for _ in step_over_array(window):
                pass
            place = begin, window.offset
        if window.peek() != ",":
            break
        window.advance(window.at + 1)
    _expect(window, "}")
    if window.peek():
        raise JsonSyntaxError(window.line, "something follows the object's end")
    if place is None:
        listed = ", ".join(quoted(other) for other in others) or "none"
        reason = f"it has no property {quoted(name)}, where the dialect has the rows; it has"
        raise SourceBroken(f"{reason} {listed}{', …' if len(others) == MAX_NAMED else ''}")
    return place


def _read_key(window: _ByteWindow) -> str:
    if window.peek() != '"':
        raise JsonSyntaxError(window.line, "a name in quotes is due")
    return str(json.loads(window.value()))


def _expect(window: _ByteWindow, expected: str) -> None:
    character = window.peek()
    if character != expected:
        what = (
            f"{character!r} where {expected!r} is due" if character else "the object does not end"
        )
        raise JsonSyntaxError(window.line, what)
    window.advance(window.at + 1)


def _copy_part(path: Path, begin: int, end: int, target: Path) -> None:
    with path.open("rb") as file, target.open("wb") as out:
        at = 0
        for stop, kept in ((begin, False), (end, True), (path.stat().st_size, False)):
            while at < stop:
                block = file.read(min(BLOCK_BYTES, stop - at))
                at += len(block)
                out.write(block if kept else block.translate(BLANK))
