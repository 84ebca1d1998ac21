"""The cells of one worksheet, row by row, as texts with the kind that the format knows."""

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from entrepot.inspection.formats.xlsx_dates import moment
from entrepot.inspection.formats.xlsx_package import (
    PlainNames,
    Sheet,
    Workbook,
    new_parser,
    parse_in_pieces,
    unescaped,
)
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import CellKind, SourceBroken, TooLarge

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
DIGITS = "0123456789"

KIND_MARKS: dict[CellKind, str] = {
    "text": "t", "integer": "i", "number": "n", "boolean": "b", "date": "d", "time": "c",
    "datetime": "m", "duration": "u",
}  # fmt: skip
"""One letter per kind, for a row's kinds in one text."""


@dataclass(frozen=True)
class SheetRow:
    """One row that has cells with a value: its number in the sheet, and column (from 1), text
    and mark of the kind (`KIND_MARKS`) of each, from left to right."""

    number: int
    cells: list[tuple[int, str, str]]


class _Columns(dict[str, int]):
    """The number of each column by its letters, worked out once."""

    def __missing__(self, letters: str) -> int:
        column = 0
        for letter in letters.upper()[:4]:  # the last column is XFD
            column = column * 26 + ord(letter) - 64
        if not letters.isascii() or not letters.isalpha() or not 0 < column <= LAST_COLUMN:
            raise SourceBroken(f"a cell has the column {letters[:20]!r}")
        self[letters] = column
        return column


class _Rows:
    """Takes the events of the XML and makes rows of them.

    Everything here runs several times for each cell: texts are asked for only within values,
    ends only of these, and what varies little is kept.
    """

    def __init__(self, parser: expat.XMLParserType, workbook: Workbook, limits: Limits) -> None:
        self.done: list[SheetRow] = []
        self.pieces: list[str] = []
        self._parser = parser
        self._workbook = workbook
        self._limits = limits
        self._names = PlainNames()
        self._columns = _Columns()
        self._row = self._column = self._total = 0
        self._cells: list[tuple[int, str, str]] = []
        self._kind, self._style = "n", ""
        self._inline: list[str] = []
        self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        tag = self._names[name]
        if tag == "v":
            self._listen()
        elif tag == "c":
            if self._inline:
                self._end_inline()
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            reference = attributes.get("r")
            if reference:
                self._column = self._columns[reference.rstrip(DIGITS)]
            else:
                self._column += 1
        elif tag == "row":
            self.end_row()
            number = attributes.get("r")
            row = int(number) if number and number.isdecimal() else self._row + 1
            if not self._row < row <= LAST_ROW:
                raise SourceBroken(f"row {row:,} of the sheet follows row {self._row:,}")
            self._row, self._column = row, 0
        elif tag == "is":
            self._phonetic = False
        elif tag == "t" and self._kind == "inlineStr" and not self._phonetic:
            self._listen()
        elif tag in ("rPh", "r"):
            self._phonetic = tag == "rPh"

    def _listen(self) -> None:
        self.pieces.clear()
        self._parser.CharacterDataHandler = self.pieces.append
        self._parser.EndElementHandler = self._end

    def _end(self, _: str) -> None:
        """A value ends."""
        self._parser.CharacterDataHandler = self._parser.EndElementHandler = None
        pieces = self.pieces
        if not pieces:
            return
        value = pieces[0] if len(pieces) == 1 else "".join(pieces)
        kind = self._kind
        if kind == "inlineStr":
            self._inline.append(value)
            return
        if kind == "s":
            text, mark = self._shared(value), "t"
        elif kind == "n":
            text, mark = self._number(value)
        elif kind == "b":
            text, mark = ("true" if value.strip() in ("1", "true") else "false"), "b"
        elif kind == "d":
            text, mark = _iso(value.strip())
        else:  # a formula's text, or an error
            text, mark = unescaped(value), "t"
        if text:
            self._cells.append((self._column, text, mark))

    def _end_inline(self) -> None:
        text = unescaped("".join(self._inline))
        self._inline.clear()
        if text:
            self._cells.append((self._column, text, "t"))

    def end_row(self) -> None:
        """A row ends, or the sheet does."""
        if self._inline:
            self._end_inline()
        if self._cells:
            self._total += len(self._cells)
            if self._total > self._limits.cells:
                raise TooLarge(f"a sheet of more than {self._limits.cells:,} cells")
            self._cells.sort()
            self.done.append(SheetRow(self._row, self._cells))
            self._cells = []

    def _shared(self, value: str) -> str:
        try:
            return self._workbook.strings.get(int(value))
        except ValueError:
            raise SourceBroken(f"a cell has the shared text {value[:20]!r}") from None

    def _number(self, value: str) -> tuple[str, str]:
        """A number as its format shows it: a moment, or the number itself."""
        style, formats = self._style, self._workbook.formats
        place = int(style) if style.isdecimal() and len(style) < 8 else 0
        kind = formats[place] if place < len(formats) else None
        if kind is None:
            return plain_number(value)
        try:
            shown = moment(float(value), kind, self._workbook.from_1904)
        except (ValueError, OverflowError):
            shown = None
        return (shown[0], KIND_MARKS[shown[1]]) if shown else plain_number(value)


def plain_number(value: str) -> tuple[str, str]:
    """The shortest text of the same number, a whole one without a decimal point, and its mark.

    A text that is not a number stays as it is.
    """
    digits = value[1:] if value.startswith("-") else value
    if digits.isdecimal() and digits.isascii() and (digits[0] != "0" or len(digits) == 1):
        return value, "i"
    try:
        number = float(value)
    except ValueError:
        return unescaped(value), "t"
    if not math.isfinite(number):
        return value, "t"
    # Excel keeps 15 digits; a larger double is not known to be whole.
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number)), "i"
    return repr(number), "n"


def _iso(value: str) -> tuple[str, str]:
    """A moment that the file writes as ISO 8601."""
    if "T" in value:
        return value, "m"
    return (value, "d") if "-" in value else (value, "c")


def sheet_rows(
    package: zipfile.ZipFile, workbook: Workbook, sheet: Sheet, limits: Limits
) -> Iterator[SheetRow]:
    """The rows with a value, from the top. Raises SourceBroken, TooLarge."""
    parser = new_parser(sheet.part)
    rows = _Rows(parser, workbook, limits)
    parser.StartElementHandler = rows.start
    for _ in parse_in_pieces(package, sheet.part, parser):
        if sum(map(len, rows.pieces)) > limits.line:
            raise TooLarge(f"a cell of more than {limits.line:,} characters")
        yield from rows.done
        rows.done.clear()
    rows.end_row()
    yield from rows.done
