"""The cells of one worksheet, row by row, as texts with the kind that the format knows."""

import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from xml.parsers import expat

from entrepot.inspection.formats.xlsx_dates import moment
from entrepot.inspection.formats.xlsx_package import (
    LocalNames,
    Sheet,
    Workbook,
    new_parser,
    parse_in_pieces,
    unescaped,
)
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import CellKind, SourceBroken, TooLarge
from entrepot_client.counts import counted

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""A number as XML writes it (W3C XML Schema 1.1, double), without its words INF and NaN. Python's
`float` also takes `1_000` and digits of other scripts."""
INDEX = re.compile(r"\s*-?[0-9]{1,9}\s*")
"""The number of a shared text. Python's `int` also takes `1_0` and digits of other scripts."""
BOOLEANS = {"1": "true", "true": "true", "0": "false", "false": "false"}
"""The values of booleans in XML (W3C XML Schema 1.1, boolean)."""

KIND_MARKS: dict[CellKind, str] = {
    "text": "t", "integer": "i", "number": "n", "decimal": "e", "boolean": "b", "date": "d",
    "time": "c", "datetime": "m", "duration": "u", "formula": "f",
}  # fmt: skip
"""One letter per kind, for a row's kinds in one text."""
LARGE = "I"
"""That of an integer of more digits than Excel has, which may have no double."""
EXCEL_DIGITS, DOUBLE_DIGITS = 15, 17
"""That Excel has of a number, and that tell each double from all others."""
LONG = "s"
"""In place of a kind's mark: the cell's text is a long shared one, whose number stands for it."""


@dataclass(frozen=True)
class SheetRow:
    """One row that has cells with a value: its number in the sheet, and column (from 1), text
    and mark of the kind (`KIND_MARKS`) of each, from left to right."""

    number: int
    cells: list[tuple[int, str, str]]


@dataclass(frozen=True)
class UnsavedFormulas:
    """How many formulas a sheet has without a value, as a program leaves them that does not work
    them out, and the first one's cell."""

    count: int = 0
    first: str = ""

    def warnings(self) -> tuple[str, ...]:
        """What a report says of them."""
        if not self.count:
            return ()
        begin = "A formula has" if self.count == 1 else f"{counted(self.count, 'formula')} have"
        return (
            f"{begin} no saved value, first in the cell {self.first}: the formula itself is read, "
            "as a text. Save the workbook with a program that works formulas out.",
        )


class _Columns(dict[str, int]):
    """The number of each column by its letters, worked out once. KeyError of what is none."""

    def __missing__(self, letters: str) -> int:
        column = 0
        for letter in letters.upper()[:4]:  # the last column is XFD
            column = column * 26 + ord(letter) - 64
        if not letters.isascii() or not letters.isalpha() or not 0 < column <= LAST_COLUMN:
            raise KeyError(letters)
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
        self._names = LocalNames()
        self._columns = _Columns()
        self.last_row = self._column = self._total = 0
        self._row_digits = "0"
        self._ordered = True
        self._cells: list[tuple[int, str, str]] = []
        self._kind, self._style = "n", ""
        self._inline: list[str] = []
        self._phonetic = False
        self._formula: str | None = None
        self._within_formula = False
        self.unsaved = UnsavedFormulas()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        tag = self._names[name]
        if tag == "v":
            self._listen()
        elif tag == "c":
            if self._inline:
                self._end_inline()
            if self._formula is not None:
                self._end_formula()
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            reference = attributes.get("r")
            if reference:
                try:
                    self._column = self._columns[reference.removesuffix(self._row_digits)]
                except KeyError:
                    place = f"row {self.last_row:,} has a cell with the reference"
                    raise SourceBroken(f"{place} {reference[:20]!r}") from None
            else:
                self._column += 1
        elif tag == "row":
            self.end_row()
            number = attributes.get("r")
            row = int(number) if number and number.isdecimal() else self.last_row + 1
            if not self.last_row < row <= LAST_ROW:
                raise SourceBroken(f"row {row:,} of the sheet follows row {self.last_row:,}")
            self.last_row, self._row_digits, self._column = row, str(row), 0
        elif tag == "t":
            self._start_text()
        else:
            self._start_other(tag)

    def _start_other(self, tag: str) -> None:
        if tag == "f":
            self._within_formula = True
            self._listen()
        elif tag in ("rPh", "r", "is"):
            self._phonetic = tag == "rPh"

    def _start_text(self) -> None:
        if self._phonetic:
            self._phonetic = False  # an `rPh` has one text
        elif self._kind == "inlineStr":
            self._listen()

    def _listen(self) -> None:
        self.pieces.clear()
        self._parser.CharacterDataHandler = self.pieces.append
        self._parser.EndElementHandler = self._end

    def _end(self, _: str) -> None:
        """A value ends."""
        self._parser.CharacterDataHandler = self._parser.EndElementHandler = None
        pieces, kind = self.pieces, self._kind
        if self._within_formula:
            self._within_formula, self._formula = False, "".join(pieces)
            return
        if pieces or kind == "str":  # the value of a formula may be the empty text
            self._formula = None
        if not pieces:
            return
        value = pieces[0] if len(pieces) == 1 else "".join(pieces)
        if kind == "inlineStr":
            self._inline.append(unescaped(value))
            return
        if kind == "s":
            text, mark = self._shared(value)
        elif kind == "n":
            text, mark = self._number(value)
        elif kind == "b":
            text, mark = _boolean(value)
        elif kind == "d":
            text, mark = _iso(value.strip())
        else:  # a formula's text, or an error
            text, mark = unescaped(value), "t"
        if text:
            self._add(text, mark)

    def _add(self, text: str, mark: str) -> None:
        if self._cells and self._cells[-1][0] >= self._column:
            self._ordered = False
        self._cells.append((self._column, text, mark))

    def _end_inline(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        if text:
            self._add(text, "t")

    def _end_formula(self) -> None:
        """A cell ends whose formula has no value: what was delivered is the formula."""
        cell = f"{column_letters(self._column)}{self.last_row}"
        self.unsaved = UnsavedFormulas(self.unsaved.count + 1, self.unsaved.first or cell)
        self._add(f"={self._formula}", "f")
        self._formula = None

    def end_row(self) -> None:
        """A row ends, or the sheet does."""
        if self._inline:
            self._end_inline()
        if self._formula is not None:
            self._end_formula()
        if self._cells:
            self._total += len(self._cells)
            if self._total > self._limits.cells:
                raise TooLarge(f"a sheet of more than {counted(self._limits.cells, 'cell')}")
            if not self._ordered:
                self._sort_cells()
            self.done.append(SheetRow(self.last_row, self._cells))
            self._cells = []

    def _sort_cells(self) -> None:
        self._cells.sort()
        for (column, _, _), (following, _, _) in pairwise(self._cells):
            if column == following:
                cell = f"{column_letters(column)}{self.last_row}"
                raise SourceBroken(f"the cell {cell} is in the sheet twice")
        self._ordered = True

    def _shared(self, value: str) -> tuple[str, str]:
        """The text; of a long one its number: thousands may be waiting in rows to be taken."""
        if not INDEX.fullmatch(value):
            raise SourceBroken(f"a cell has the shared text {value[:20]!r}")
        number = int(value)
        text = self._workbook.strings.get_short(number)
        return (value, LONG) if text is None else (text, "t")

    def take(self) -> Iterator[SheetRow]:
        """The rows that are done, once each."""
        for row in self.done:
            if any(mark == LONG for _, _, mark in row.cells):
                yield SheetRow(row.number, self._with_long_texts(row))
            else:
                yield row
        self.done.clear()

    def _with_long_texts(self, row: SheetRow) -> list[tuple[int, str, str]]:
        strings = self._workbook.strings
        size = sum(strings.size(int(text)) for _, text, mark in row.cells if mark == LONG)
        if size > self._limits.line:
            raise TooLarge(f"row {row.number:,} has texts of {counted(size, 'byte')}")
        return [
            (column, strings.get(int(text)), "t") if mark == LONG else (column, text, mark)
            for column, text, mark in row.cells
        ]

    def _number(self, value: str) -> tuple[str, str]:
        """A number as its format shows it: a moment, or the number itself."""
        style, formats = self._style, self._workbook.formats
        place = int(style) if style.isdecimal() and len(style) < 8 else 0
        kind = formats[place] if place < len(formats) else None
        if kind is None:
            return plain_number(value)
        serial = _double(value)
        text = None if serial is None else moment(serial, kind, self._workbook.from_1904)
        return (text[0], KIND_MARKS[text[1]]) if text else plain_number(value)


def plain_number(value: str) -> tuple[str, str]:
    """The shortest text of the same number, a whole one without a decimal point, and its mark.

    A text that is not a number stays as it is.
    """
    digits = value[1:] if value.startswith("-") else value
    if digits.isdecimal() and digits.isascii() and (digits[0] != "0" or len(digits) == 1):
        return value, "i" if len(digits) <= EXCEL_DIGITS else LARGE
    number = _double(value)
    if number is None:
        return unescaped(value), "t"
    if len(value) > DOUBLE_DIGITS and (exact := _exact(value)) is not None:
        return exact
    # Excel keeps 15 digits; a larger double is not known to be whole.
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number)), "i"
    return repr(number), "n"


def _exact(value: str) -> tuple[str, str] | None:
    """The text and mark of a number with more digits than a double has, which a program other than
    Excel wrote; None of another."""
    number = Decimal(value.strip())
    if len(number.as_tuple().digits) <= DOUBLE_DIGITS:
        return None
    whole = number == number.to_integral_value()
    return (f"{number:f}".partition(".")[0], LARGE) if whole else (str(number), "e")


def _double(value: str) -> float | None:
    """The number that the text is; None of a text that is none, or that no double holds."""
    stripped = value.strip()
    number = float(stripped) if NUMBER.fullmatch(stripped) else math.inf
    return number if math.isfinite(number) else None


def _boolean(value: str) -> tuple[str, str]:
    """A boolean; any other text stays as it is."""
    known = BOOLEANS.get(value.strip())
    return (known, "b") if known else (unescaped(value), "t")


def _iso(value: str) -> tuple[str, str]:
    """A moment that the file writes as ISO 8601."""
    if "T" in value:
        return value, "m"
    return (value, "d") if "-" in value else (value, "c")


def column_letters(column: int) -> str:
    """The letters of a column, from 1 (A)."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


class SheetCells:
    """One pass over the cells of a sheet. `last_row` is the number of the last row that the file
    has, with a value or without one, as far as the pass went."""

    def __init__(
        self, package: zipfile.ZipFile, workbook: Workbook, sheet: Sheet, limits: Limits
    ) -> None:
        self._package, self._part, self._limits = package, sheet.part, limits
        self._parser = new_parser(sheet.part)
        self._rows = _Rows(self._parser, workbook, limits)
        self._parser.StartElementHandler = self._rows.start

    @property
    def last_row(self) -> int:
        """The number of the last row of the sheet, once all were read."""
        return self._rows.last_row

    @property
    def unsaved(self) -> UnsavedFormulas:
        """The formulas without a value, as far as the pass went."""
        return self._rows.unsaved

    def rows(self) -> Iterator[SheetRow]:
        """The rows with a value, from the top. Raises SourceBroken, TooLarge."""
        rows = self._rows
        try:
            for _ in parse_in_pieces(self._package, self._part, self._parser):
                if sum(map(len, rows.pieces)) > self._limits.line:
                    raise TooLarge(f"a cell of more than {counted(self._limits.line, 'character')}")
                yield from rows.take()
            rows.end_row()
            yield from rows.take()
        finally:
            # The parser and what it calls refer to each other.
            self._parser.StartElementHandler = None
