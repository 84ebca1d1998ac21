"""A column that is being measured: what it is, how it is scaled, and its values as shown."""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from entrepot.inspection.convert.histogram import Bins
from entrepot.inspection.report.report import shortened
from entrepot.inspection.sql import Sql, sql

Sort = Literal["number", "date", "time", "datetime", "boolean", "text", "other"]

MAX_DOUBLE_DIGITS = 15
"""Digits of a decimal that every double keeps (IEEE 754)."""
MAX_EXACT_INTEGER = 1 << 53
EPOCH = date(1970, 1, 1)
MAX_SQUARED = 1e150
"""Up to here squares are finite, so that there is a standard deviation."""
QUANTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
MAX_CATEGORIES = 50
"""Different texts up to which a profile has them all: a later version may have a new one."""
MAX_SUM_DIGITS = 38
"""Of a sum that is added up exactly (the engine's 128 bits)."""
MAX_VALUE_CHARS = 200
"""Characters of a value that are shown."""


@dataclass
class ColumnStats:
    """One column of the Parquet: its name and type in the schema, what it is stored as, the
    SQL that names it; `figures` grow from pass to pass."""

    name: str
    type: str
    stored: str
    sql: Sql
    sort: Sort
    kept_as_text: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    bins: Bins | None = None

    @property
    def value(self) -> Sql:
        """The value that has an order: of doubles the finite ones."""
        if self.stored == "DOUBLE":
            return f"CASE WHEN isfinite({self.sql}) THEN {self.sql} END"
        return self.sql

    @property
    def text(self) -> Sql:
        """The value as a text, by which values are distinguished."""
        return self.sql if self.sort == "text" else f"{self.sql}::VARCHAR"

    @property
    def scaled(self) -> Sql:
        """The value on a scale of doubles: numbers as they are, dates in days, times in seconds
        (since 1970, or midnight); empty for what has none."""
        match self.sort:
            case "number":
                return f"({self.value})::DOUBLE"
            case "date":
                return f"(epoch({self.sql}) / 86400)::DOUBLE"
            case "time" | "datetime":
                return f"epoch({self.sql})::DOUBLE"
            case _:
                return sql("")

    @property
    def is_wide(self) -> bool:
        """Whether its numbers are so large that doubles lie more than 1 apart, given the least and
        the largest of them. Else a double comes near enough to what is measured."""
        if self.sort != "number" or self.stored == "DOUBLE" or self.figures["low"] is None:
            return False
        ends = (Decimal(self.figures[end]) for end in ("low", "high"))
        return max(abs(end) for end in ends) >= MAX_EXACT_INTEGER

    @property
    def has_exact_sum(self) -> bool:
        """Whether the sum of its numbers, given their count, is added up exactly."""
        figures = self.figures
        # Not by abs(), which rounds to 28 digits.
        largest = max(Decimal(figures[end]).copy_abs() for end in ("low", "high"))
        return len(largest.as_tuple().digits) + len(str(figures["filled"])) <= MAX_SUM_DIGITS

    @property
    def whole(self) -> bool:
        """Whether values lie on whole numbers of the scale."""
        whole = self.stored in ("BIGINT", "INTEGER") or self.stored.endswith(",0)")
        return self.sort == "date" or whole


def sort_of(stored: str) -> Sort:
    """How a column that is stored as `stored` is measured."""
    if stored.endswith("]"):
        return "other"
    if stored in ("BIGINT", "INTEGER", "DOUBLE") or stored.startswith("DECIMAL"):
        return "number"
    if stored.startswith("TIMESTAMP"):
        return "datetime"
    plain: dict[str, Sort] = {
        "DATE": "date",
        "TIME": "time",
        "BOOLEAN": "boolean",
        "VARCHAR": "text",
    }
    return plain.get(stored, "other")


def json_value(text: str | None, sort: Sort, most: int) -> Any:
    """A value, given as the engine's text, as JSON shows it."""
    if text is None:
        return None
    match sort:
        case "number":
            return exact_number(text)
        case "boolean":
            return text == "true"
        case "datetime":
            return text.replace(" ", "T").replace("+00", "Z")
        case _:
            return shortened(text, most)


def exact_number(text: str) -> int | float | str:
    """A number as JSON shows it, or as a text where readers of JSON would round it (RFC 8259,
    section 6), and where JSON has it not."""
    number = Decimal(text)
    if not number.is_finite():
        return text
    if "e" not in text.lower() and len(number.as_tuple().digits) > MAX_DOUBLE_DIGITS:
        as_double = float(text)
        if abs(as_double) >= MAX_EXACT_INTEGER or Decimal(repr(as_double)) != number:
            return f"{number:f}"  # The engine writes no zero before a point.
    return int(number) if number == number.to_integral_value() and "." not in text else float(text)


def json_value_at(place: float, column: ColumnStats) -> Any:
    """A place on the column's scale as JSON shows it; None where it has no calendar date, or
    lies between two numbers whose difference no double holds."""
    if not math.isfinite(place):
        return None
    try:
        match column.sort:
            case "date":
                return (EPOCH + timedelta(days=math.floor(place))).isoformat()
            case "datetime":
                moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=place)
                zone = "Z" if column.stored == "TIMESTAMP WITH TIME ZONE" else ""
                return moment.replace(tzinfo=None).isoformat() + zone
            case "time":
                moment = datetime.fromtimestamp(0, UTC) + timedelta(
                    seconds=min(place, 86399.999999)  # 24:00 is not a time of day
                )
                return moment.time().isoformat()
    except OverflowError:
        return None
    return int(place) if column.whole and place.is_integer() else place
