"""Where the elements of a JSON text begin, and where it stops being JSON.

The engine says which record is broken but not on which line, and takes a comma too many for
valid; the standard library's decoder is strict and says the place. It reads one element after
the other, in memory that is bounded by the longest.
"""

import codecs
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from entrepot.inspection.report.quoting import quoted

SPACE = re.compile(r"[ \t\r\n]*")
PIECE_CHARS = 1 << 20
"""Read at a time, and twice as many each time that an element does not end within them."""
STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
"""One that does not end reaches to the end, so that no part of it is looked at again."""
BRACKETS = re.compile(rf"{STRING}|[\[\]{{}}]", re.DOTALL)
CONSTANT = re.compile(rf"{STRING}|(NaN|-?Infinity)", re.DOTALL)


ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|"
    r"(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of a string: a surrogate pair, half of one, or another."""


UNCLOSED = frozenset({"Unterminated string starting at"})
"""What the standard library's decoder says of a text without an end."""
COMMA_BETWEEN = (
    "a comma stands between objects; write them as an array, or one on each line without commas"
)


class _NoNumber(Exception):
    """A word that is a number to the decoder, and to JSON none."""


def _refuse(word: str) -> None:
    raise _NoNumber(word)


DECODER = json.JSONDecoder(parse_constant=_refuse)


def find_half_pair(text: str, at: int, end: int) -> tuple[str, int] | None:
    """What is wrong with the first escape in a sound JSON text that is half of a surrogate pair,
    which no UTF-8 has (RFC 8259, section 8.2), and its position. The standard library's decoder
    takes it."""
    if text.find("\\u", at, end) < 0:
        return None
    halves = (match for match in ESCAPE.finditer(text, at, end) if match["half"])
    half = next(halves, None)
    return None if half is None else (f"`{half[0]}` is half of a character", half.start())


class JsonSyntaxError(Exception):
    """The text stops being JSON at some place: its line, and what is wrong there. `character` is
    the place in that line, from 1, where it is more than the end of the text; `outside`: it is in
    no element."""

    def __init__(
        self, line: int, reason: str, character: int | None = None, outside: bool = False
    ) -> None:
        super().__init__(f"{reason}, in line {line:,}")
        self.reason = reason
        self.line = line
        self.character = character
        self.outside = outside

    def in_element(self, number: int) -> "JsonSyntaxError":
        """The same, whose reason names the element (from 1; 0 above the first) and the character:
        a whole file may be one line."""
        parts = [f"element {number:,}"] if number and not self.outside else []
        parts += [f"character {self.character:,}"] if self.character is not None else []
        where = f" ({', '.join(parts)})" if parts else ""
        return JsonSyntaxError(self.line, f"{self.reason}{where}")


class JsonWindow:
    """The part of the text that is looked at, and the line on which the place `at` lies."""

    def __init__(self, text: io.TextIOBase, longest: int) -> None:
        self._text = text
        self._longest = longest
        self._over = False
        self.buffer = ""
        self.at = 0
        self.line = 1
        self._column = 0

    def character(self, position: int) -> int:
        """The place of `position` of the buffer in its line, from 1."""
        newline = self.buffer.rfind("\n", self.at, position)
        return position - newline if newline >= 0 else self._column + position - self.at + 1

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
        """Continue to the place `to` of the buffer."""
        self.line += self.buffer.count("\n", self.at, to)
        self._column = self.character(to) - 1
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
        """Step over one value; its text. Raises JsonSyntaxError."""
        while True:
            try:
                _, end = DECODER.raw_decode(self.buffer, self.at)
            except _NoNumber as word:
                constants = (m.start() for m in CONSTANT.finditer(self.buffer, self.at) if m[1])
                reason = f"{word}, which JSON has not"
                raise self._fault(next(constants, self.at), reason) from None
            except RecursionError:
                raise JsonSyntaxError(self.line, "nested too deeply to be read") from None
            except json.JSONDecodeError as error:
                if self.more():
                    continue
                message, position = _describe_error(error)
                if error.msg in UNCLOSED or position >= len(self.buffer.rstrip()):
                    line = self.line + self.buffer.count("\n", self.at)
                    raise JsonSyntaxError(
                        line, "it is cut off within an object or a list"
                    ) from None
                raise self._fault(position, message) from None
            if end < len(self.buffer) or not self.more():
                if half := find_half_pair(self.buffer, self.at, end):
                    raise self._fault(half[1], half[0])
                text = self.buffer[self.at : end]
                self.advance(end)
                return text

    def _fault(self, position: int, reason: str) -> JsonSyntaxError:
        line = self.line + self.buffer.count("\n", self.at, position)
        return JsonSyntaxError(line, reason, self.character(position))


def _describe_error(error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong and where, the same on every version of Python: only from 3.13 on does the
    decoder name a trailing comma, and its place."""
    if error.doc.startswith("\ufeff"):
        return "a byte order mark stands before the object", 0
    container = {"}": "object", "]": "array"}.get(error.doc[error.pos : error.pos + 1])
    before = error.doc[: error.pos].rstrip(" \t\n\r")
    if container and before.endswith(","):
        return f"illegal trailing comma before end of {container}", len(before) - 1
    if error.msg in UNCLOSED:
        return "a text that begins here is not closed", error.pos
    return error.msg[0].lower() + error.msg[1:].removesuffix(" at"), error.pos


def object_error(text: str) -> str:
    """Why a text is not one JSON object, or which key it has twice; empty if it is sound."""
    doubled: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(whole := dict(pairs)) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            doubled.extend(key for key, count in counts.items() if count > 1)
        return whole

    decoder = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=collect)
    stripped = text.strip(" \t\r\n")
    try:
        value = decoder.decode(stripped)
    except _NoNumber as word:
        return f"{word} is not a JSON value"
    except RecursionError:
        return "it is nested too deeply to be read"
    except json.JSONDecodeError as error:
        if error.pos >= len(stripped) and "Extra data" not in error.msg:
            return "the JSON object is cut off at the end of the line"
        message, position = _describe_error(error)
        return f"not JSON, {message} (character {position + 1:,})"
    if not isinstance(value, dict):
        nouns = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
        return f"{nouns.get(type(value), 'a number')} is not a JSON object"
    half = find_half_pair(stripped, 0, len(stripped))
    reason = f"{half[0]} (character {half[1] + 1:,})" if half else ""
    return f"the key {quoted(doubled[0])} occurs twice in the object" if doubled else reason


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
    """The line on which the element that is `row` (from 2) begins, if that is known."""
    try:
        for number, line in enumerate(element_lines(path, array, longest), start=2):
            if number == row:
                return line
    except (JsonSyntaxError, UnicodeDecodeError):
        pass
    return None


def element_lines(path: Path, array: bool, longest: int) -> Iterator[int]:
    """The line on which each element begins, of one array or of values that follow each other.

    `longest` bounds an element, in characters. Raises JsonSyntaxError where it is not JSON, and
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
                if window.peek() == ",":
                    raise JsonSyntaxError(window.line, COMMA_BETWEEN, window.character(window.at))
            return
        yield from step_over_array(window)
        if window.peek():
            raise JsonSyntaxError(window.line, "something follows the array's end", outside=True)


def step_over_array(window: JsonWindow) -> Iterator[int]:
    """The line on which each element of the array begins that comes next.

    Raises JsonSyntaxError.
    """
    _expect(window, "[")
    if window.peek() != "]":
        while True:
            if window.peek() == "]":
                raise JsonSyntaxError(window.line, "a comma before the array's end")
            yield window.line
            window.value()
            if window.peek() != ",":
                break
            window.advance(window.at + 1)
    _expect(window, "]")


def _expect(window: JsonWindow, expected: str) -> None:
    character = window.peek()
    if character != expected:
        reason = (
            f"{character!r} where {expected!r} or ',' is due"
            if character
            else "the array does not end"
        )
        place = window.character(window.at) if character else None
        raise JsonSyntaxError(window.line, reason, place)
    window.advance(window.at + 1)


def first_syntax_error(path: Path, array: bool, longest: int) -> JsonSyntaxError | None:
    """The first place where the text is not JSON, if that is known."""
    element = 0
    try:
        for _ in element_lines(path, array, longest):
            element += 1
    except JsonSyntaxError as fault:
        return fault.in_element(element)
    except (RecursionError, UnicodeDecodeError):
        pass
    return None


def locate_elements(
    errors: Iterable[dict[str, Any]], path: Path, array: bool, longest: int, first: int = 2
) -> None:
    """Give each error with a row the line on which its element begins, in place. `first` is the
    row number of the first element. The place of a row that it repeats is its element, so that no
    line is needed."""
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
    except (JsonSyntaxError, RecursionError, UnicodeDecodeError):
        pass
    for error in unplaced:
        if error["rowNumber"] in lines:
            error["lineNumber"] = lines[error["rowNumber"]]
