"""The sentence of an error: place, column, cell, expectation, example.

    Line 4, column `amount`: `17,50` is not a number. Expected a number with a decimal point, such
    as 17.50.

It is made here alone. The API, the pages, the command line and `report.csv` show the `message` of
an error as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.table import PlaceUnit

SHIFTED_UNITS = {"element": "Element", "record": "Row"}
"""Units that count from the first row of data, where `rowNumber` counts a header as row 1."""
HEADED_UNITS = {"row": "Row", "item": "Element"}
"""Units that the header is one of."""
PLAIN_EXAMPLE = re.compile(r"[\w.,:;/@%+#€$*-]+(?: [\w.,:;/@%+#€$*-]+)*")
MAX_EXAMPLE_CHARS = 120
"""A longer example says less than none."""


@dataclass(frozen=True)
class Statement:
    """What is wrong, in parts of a sentence.

    `reason` names the cell and the fault ("`17,50` is not a number"), `expected` is a noun phrase
    ("a number with a decimal point"), `example` a valid value, `advice` a whole sentence.
    """

    reason: str
    expected: str = ""
    example: str = ""
    advice: str = ""

    def written(self) -> str:
        """The statement without its place."""
        parts = [f"{self.reason}."]
        if self.expected:
            # What lists its values needs no example.
            has_example = self.example and quoted(self.example) not in self.expected
            such_as = f", such as {_quoted_example(self.example)}" if has_example else ""
            parts.append(f"Expected {self.expected}{such_as}.")
        if self.advice:
            parts.append(self.advice)
        return " ".join(parts)


def write_sentence(place: str, column: str, statement: Statement) -> str:
    """The whole sentence of an error; `place` and `column` are empty where it has none."""
    where = ", ".join(part for part in (place, column) if part)
    text = statement.written()
    return f"{where[:1].upper()}{where[1:]}: {text}" if where else f"{text[:1].upper()}{text[1:]}"


def sentence_of(error: Mapping[str, Any], unit: PlaceUnit) -> str:
    """The sentence of an error of a report."""
    reason = error.get("reason") or str(error.get("note") or "")
    if other := _place_of_earlier(error, unit):
        reason = f"{reason}, {other} has it too"
    statement = Statement(
        reason,
        error.get("expected") or "",
        error.get("example") or "",
        error.get("advice") or "",
    )
    by_name = unit == "element" or (unit == "line" and not error.get("lineNumber"))
    return write_sentence(place_of(error, unit), column_of(error, by_name), statement)


def place_of(error: Mapping[str, Any], unit: PlaceUnit) -> str:
    """Where in the file an error is, as its reader counts; empty if it has no place."""
    row, line = error.get("rowNumber"), error.get("lineNumber")
    if unit == "line" and line:
        return f"line {line:,}"
    if header := error.get("rowNumbers"):
        return place_of_row(header[0], unit) if unit in HEADED_UNITS else ""
    return "" if row is None else place_of_row(row, unit)


def _place_of_earlier(error: Mapping[str, Any], unit: PlaceUnit) -> str:
    """The place of the row that has the same key; empty if there is none."""
    row, line = error.get("earlierRowNumber"), error.get("earlierLineNumber")
    if unit == "line" and line:
        return f"line {line:,}"
    return "" if row is None else place_of_row(row, unit)


def place_of_row(row: int, unit: PlaceUnit) -> str:
    """The place of the row with this `rowNumber`, without its line."""
    if unit in SHIFTED_UNITS:
        return f"{SHIFTED_UNITS[unit].lower()} {row - 1:,}"
    return f"{HEADED_UNITS.get(unit, 'Row').lower()} {row:,}"


def column_of(error: Mapping[str, Any], by_name: bool = False) -> str:
    """The column of an error, by its name in the contract if it has one; empty if it has none.
    `by_name`: the format gives columns no order (JSON)."""
    number, name = error.get("fieldNumber"), error.get("fieldName")
    if error.get("rowNumbers"):  # the header, whose labels may differ from the contract's names
        counted = error.get("label") is not None and error.get("code") != "missing-label"
        return f"column {number:,}" if number and counted and not by_name else ""
    if name:
        return f"column {quoted(name)}"
    return f"column {number:,}" if number else ""


def _quoted_example(example: str) -> str:
    plain = PLAIN_EXAMPLE.fullmatch(example) is not None
    return example if plain else quoted(example, MAX_EXAMPLE_CHARS)
