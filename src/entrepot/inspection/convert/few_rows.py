"""The figures of columns that have few rows, counted here. To plan the aggregates takes the engine
longer than to read the rows: of 200 rows in 4 columns 17 ms of CPU, and 2 this way.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, TypeVar

import duckdb

from entrepot.inspection.convert.column_stats import (
    MAX_CATEGORIES,
    MAX_SQUARED,
    MAX_SUM_DIGITS,
    MAX_VALUE_CHARS,
    QUANTILES,
    ColumnStats,
)
from entrepot.inspection.convert.histogram import bins_of
from entrepot.inspection.sql import Sql

T = TypeVar("T")

FEW_ROWS = 2_000
"""Rows up to which figures are counted here."""


@dataclass(frozen=True)
class CountedValue:
    """A value of a column and how often it occurs: its text, cut to what is shown, how many
    characters it has if it is a text, and its place on the column's scale if that has one."""

    text: str
    count: int
    chars: int = 0
    place: float | None = None


def measure_few(
    engine: duckdb.DuckDBPyConnection, source: Sql, columns: Sequence[ColumnStats]
) -> None:
    """Measure columns of a relation that has at most `FEW_ROWS` rows, by one query. Raises
    duckdb.Error."""
    parts = [_parts(column) for column in columns]
    selected = ", ".join(part for of_column in parts for part in of_column)
    rows = engine.execute(f"SELECT {selected} FROM {source}").fetchall()
    start = 0
    for column, of_column in zip(columns, parts, strict=True):
        end = start + len(of_column)
        counts = Counter(row[start:end] for row in rows if row[start] is not None)
        _measure(column, [_value(column, cell, count) for cell, count in counts.items()])
        start = end


def _parts(column: ColumnStats) -> list[Sql]:
    """What is read of each cell: its text and place; of one that has no place no more of the text
    than is shown, with its length, and the digest by which it differs from others."""
    text = column.text
    if column.scaled:
        # Of doubles 0.0 and -0.0 are one value.
        text = f"({column.sql} + 0)::VARCHAR" if column.stored == "DOUBLE" else text
        return [text, column.scaled]
    most = MAX_VALUE_CHARS + 1
    digest = f"CASE WHEN length({text}) > {most} THEN sha256({text}) END"
    return [f"left({text}, {most})", f"length({text})", digest]


def _value(column: ColumnStats, cell: Sequence[Any], count: int) -> CountedValue:
    if column.scaled:
        return CountedValue(cell[0], count, place=cell[1])
    return CountedValue(cell[0], count, chars=cell[1])


def _measure(column: ColumnStats, values: list[CountedValue]) -> None:
    """Take the figures of a column whose different values these are."""
    ordered = sorted(values, key=lambda value: _order(column, value))
    most = sorted(ordered, key=lambda value: -value.count)[:MAX_CATEGORIES]
    figures = column.figures
    figures |= {
        "filled": sum(value.count for value in values),
        "distinct": len(values),
        "is_estimate": False,
        "top": [(value.text, value.count) for value in most],
    }
    if column.sort == "other":
        return
    # Of doubles the finite ones have an order.
    bounded = [value for value in ordered if value.place is not None or column.stored != "DOUBLE"]
    figures["low"] = bounded[0].text if bounded else None
    figures["high"] = bounded[-1].text if bounded else None
    match column.sort:
        case "boolean":
            counts = {value.text: value.count for value in values}
            figures |= {word: counts.get(word, 0) for word in ("true", "false")}
        case "text" if ordered:
            _measure_lengths(figures, ordered)
        case "number" | "date" | "time" | "datetime":
            _measure_numbers(column, bounded)


def _measure_lengths(figures: dict[str, Any], ordered: list[CountedValue]) -> None:
    """The shortest and the longest text, of several the first in their order."""
    short = min(ordered, key=lambda value: value.chars)
    long = max(ordered, key=lambda value: value.chars)
    for word, value in (("short", short), ("long", long)):
        figures |= {word: value.text, f"{word}_length": value.chars}


def _measure_numbers(column: ColumnStats, ordered: list[CountedValue]) -> None:
    if column.is_wide:
        _measure_exactly(column, ordered)
        return
    places = [
        value.place for value in ordered for _ in range(value.count) if value.place is not None
    ]
    if not places:
        return
    figures, number = column.figures, column.sort == "number"
    figures["quantiles"] = [
        _between(places, share) if number else _at(places, share) for share in QUANTILES.values()
    ]
    if number and max(abs(places[0]), abs(places[-1])) < MAX_SQUARED:
        mean = math.fsum(places) / len(places)
        squares = math.fsum((place - mean) ** 2 for place in places)
        figures["mean"] = mean
        figures["stddev"] = math.sqrt(squares / (len(places) - 1)) if len(places) > 1 else None
    column.bins = bins_of(places[0], places[-1], whole=column.whole)
    if column.bins is not None:
        figures["bins"] = Counter(map(column.bins.number, places))


def _measure_exactly(column: ColumnStats, ordered: list[CountedValue]) -> None:
    """The figures of numbers that a double would round, as texts."""
    figures = column.figures
    if column.has_exact_sum:
        with localcontext(prec=MAX_SUM_DIGITS):
            figures["sum"] = str(sum(Decimal(value.text) * value.count for value in ordered))
    texts = [value.text for value in ordered for _ in range(value.count)]
    figures["quantiles"] = [_at(texts, share) for share in QUANTILES.values()]


def _order(column: ColumnStats, value: CountedValue) -> tuple[int, float | Decimal, str]:
    """Where the engine has it among the values of its column: infinities and NaN, which have no
    place, are outside of all others."""
    if column.sort == "number" and column.stored != "DOUBLE":
        return 0, Decimal(value.text), ""
    if value.place is not None:
        return 0, value.place, value.text
    return -1 if column.scaled and value.text.startswith("-") else 1, 0.0, value.text


def _at(ordered: Sequence[T], share: float) -> T:
    """The value at a share of the sorted ones, as the engine's `quantile_disc` has it."""
    return ordered[max(0, len(ordered) - math.floor(len(ordered) - share * len(ordered)) - 1)]


def _between(ordered: Sequence[float], share: float) -> float:
    """The same between two values, as the engine's `quantile_cont` has it."""
    place = (len(ordered) - 1) * share
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))
