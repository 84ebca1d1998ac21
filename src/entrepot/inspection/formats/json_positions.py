"""Where the elements of a JSON text begin, and where it stops being JSON.

The engine says which record is broken but not on which line, and takes a comma too many for
good; the standard library's decoder is strict and says the place. It reads one element after
the other, in memory that is bounded by the longest.
"""

import codecs
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SPACE = re.compile(r"[ \t\r\n]*")
PIECE_CHARS = 1 << 20
"""Read at a time, and twice as many each time that an element does not end within them."""
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*+"|(NaN|-?Infinity)', re.DOTALL)


class _NoNumber(Exception):
    """A word that is a number to the decoder, and to JSON none."""


def _refuse(word: str) -> None:
    raise _NoNumber(word)


DECODER = json.JSONDecoder(parse_constant=_refuse)


class JsonFault(Exception):
    """The text stops being JSON at some place: its line, and what is wrong there."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"{fault}, in line {line:,}")
        self.line = line


class JsonWindow:
    """The part of the text that is looked at, and the line on which the place `at` lies."""

    def __init__(self, text: io.TextIOBase, longest: int) -> None:
        self._text = text
        self._longest = longest
        self._over = False
        self.buffer = ""
        self.at = 0
        self.line = 1

    def more(self) -> bool:
        """Read on, twice as much each time; False at the end, or where the window is full."""
        rest = len(self.buffer) - self.at
        if self._over or rest > self._longest:
            return False
        piece = self._text.read(max(PIECE_CHARS, rest))
        if not piece:
            self._over = True
            return False
        self.buffer, self.at = self.buffer[self.at :] + piece, 0
        return True

    def advance(self, to: int) -> None:
        """Go on to the place `to` of the buffer."""
        self.line += self.buffer.count("\n", self.at, to)
        self.at = to

    def peek(self) -> str:
        """The next character that is not a space; empty at the end."""
        while True:
            match = SPACE.match(self.buffer, self.at)
            assert match is not None
            self.advance(match.end())
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def value(self) -> str:
        """Step over one value; its text. Raises JsonFault."""
        while True:
            try:
                _, end = DECODER.raw_decode(self.buffer, self.at)
            except _NoNumber as word:
                constants = (m.start() for m in CONSTANT.finditer(self.buffer, self.at) if m[1])
                line = self.line + self.buffer.count("\n", self.at, next(constants, self.at))
                raise JsonFault(line, f"{word}, which JSON has not") from None
            except RecursionError:
                raise JsonFault(self.line, "nested too deeply to be read") from None
            except json.JSONDecodeError as error:
                if self.more():
                    continue
                message, position = _describe_error(error)
                line = self.line + self.buffer.count("\n", self.at, position)
                raise JsonFault(line, message) from None
            if end < len(self.buffer) or not self.more():
                text = self.buffer[self.at : end]
                self.advance(end)
                return text


def _describe_error(error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong and where, the same on every version of Python: only from 3.13 on does the
    decoder name a trailing comma, and its place."""
    container = {"}": "object", "]": "array"}.get(error.doc[error.pos : error.pos + 1])
    before = error.doc[: error.pos].rstrip(" \t\n\r")
    if container and before.endswith(","):
        return f"illegal trailing comma before end of {container}", len(before) - 1
    return error.msg[0].lower() + error.msg[1:].removesuffix(" at"), error.pos


def depth_of(text: str) -> int:
    """How many levels of lists and objects a sound JSON text has."""
    depth = deepest = 0
    for match in BRACKETS.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def line_of_element(path: Path, array: bool, longest: int, row: int) -> int | None:
    """The line on which the element that is `row` (from 2) begins, if that can be found out."""
    try:
        for number, line in enumerate(element_lines(path, array, longest), start=2):
            if number == row:
                return line
    except (JsonFault, UnicodeDecodeError):
        pass
    return None


def element_lines(path: Path, array: bool, longest: int) -> Iterator[int]:
    """The line on which each element begins, of one array or of values that follow each other.

    `longest` bounds an element, in characters. Raises JsonFault where it is not JSON, and
    RecursionError where that is nested too deeply to be read.
    """
    with path.open("rb") as raw:
        if raw.read(3) != codecs.BOM_UTF8:
            raw.seek(0)
        window = JsonWindow(io.TextIOWrapper(raw, "utf-8", newline=""), longest)
        if not array:
            while window.peek():
                yield window.line
                window.value()
            return
        yield from step_over_array(window)
        if window.peek():
            raise JsonFault(window.line, "something follows the array's end")


def step_over_array(window: JsonWindow) -> Iterator[int]:
    """The line on which each element of the array begins that comes next. Raises JsonFault."""
    _expect(window, "[")
    if window.peek() != "]":
        while True:
            if window.peek() == "]":
                raise JsonFault(window.line, "a comma before the array's end")
            yield window.line
            window.value()
            if window.peek() != ",":
                break
            window.advance(window.at + 1)
    _expect(window, "]")


def _expect(window: JsonWindow, expected: str) -> None:
    character = window.peek()
    if character != expected:
        fault = (
            f"{character!r} where {expected!r} or ',' is due"
            if character
            else "the array does not end"
        )
        raise JsonFault(window.line, fault)
    window.advance(window.at + 1)


def first_fault(path: Path, array: bool, longest: int) -> JsonFault | None:
    """The first place where the text is not JSON, if that can be found out."""
    try:
        for _ in element_lines(path, array, longest):
            pass
    except JsonFault as fault:
        return fault
    except (RecursionError, UnicodeDecodeError):
        pass
    return None


def locate_elements(
    errors: Iterable[dict[str, Any]], path: Path, array: bool, longest: int, first: int = 2
) -> None:
    """Give each error with a row the line on which its element begins, in place. `first` is the
    row number of the first element."""
    unplaced = [e for e in errors if "rowNumber" in e and "lineNumber" not in e]
    if not unplaced:
        return
    last = max(error["rowNumber"] for error in unplaced)
    lines: dict[int, int] = {}
    numbers = {error["rowNumber"] for error in unplaced}
    try:
        for number, line in enumerate(element_lines(path, array, longest), start=first):
            if number in numbers:
                lines[number] = line
            if number >= last:
                break
    except (JsonFault, RecursionError, UnicodeDecodeError):
        pass
    for error in unplaced:
        if error["rowNumber"] in lines:
            error["lineNumber"] = lines[error["rowNumber"]]
