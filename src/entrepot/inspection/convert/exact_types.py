"""The exact type that holds every value of a column, and the SQL expression that makes it.

A schema says what a text means; how wide an integer is, how many digits a decimal has and
whether times carry a zone only the values tell. So one pass measures them (`probes`), and
then each column's type is the narrowest of Parquet's that keeps every value as it was written.
A value that no type holds keeps the column a text: nothing is rounded in silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind
from entrepot.inspection.values.cell_sql import CellSql, plain_number, value_of

Figures = Sequence[Any]

MAX_DECIMAL_DIGITS = 38
"""Digits of the widest decimal that Parquet's readers agree on (128 bits)."""
ZONE = r":\d\d([.,]\d+)?(Z|[-+]\d\d(:?\d\d)?)$"
FINE = r"[.,]\d{7}"
LIST_ITEMS = {
    "integer": sql("BIGINT"),
    "number": sql("DOUBLE"),
    "boolean": sql("BOOLEAN"),
    "date": sql("DATE"),
    "time": sql("TIME"),
    "datetime": sql("TIMESTAMP"),
}


@dataclass(frozen=True)
class ExactType:
    """How one column gets its type: aggregates to measure, and what their figures decide.

    `decide(figures)` returns the SQL expression of the typed value, NULL on missing cells.
    """

    probes: tuple[Sql, ...]
    decide: Callable[[Figures], Sql]


def exact_type_of(cell: CellSql, kind: CellKind | None) -> ExactType:  # noqa: PLR0911 (a row per type)
    """The typing of a column judged as `cell`, whose format knows its cells as `kind`."""
    match cell.field.type:
        case "integer":
            return _integer(cell)
        case "number":
            return _number(cell, kind)
        case "boolean":
            return _fixed(when(cell, cell.value))
        case "year":
            return _checked(cell, "INTEGER", f"try_cast({cell.text} AS INTEGER)")
        case "date":
            return _checked(cell, "DATE", cell.value)
        case "time":
            return _time(cell)
        case "datetime":
            return _datetime(cell)
        case "object" | "array" | "geojson":
            return _checked(cell, "JSON", f"try_cast({cell.text} AS JSON)")
        case "list" if kind == "text":
            return _list(cell)
        case _:
            return _fixed(as_text(cell))


def when(cell: CellSql, value: Sql) -> Sql:
    """`value` where the cell is present, else NULL."""
    return f"CASE WHEN {cell.present} THEN {value} END"


def as_text(cell: CellSql) -> Sql:
    """The cell as it was written."""
    return when(cell, cell.text)


def _fixed(sql: Sql) -> ExactType:
    return ExactType((), lambda _: sql)


def _count(cell: CellSql, condition: Sql) -> Sql:
    return f"count_if({cell.present} AND {condition})"


def _checked(cell: CellSql, target: Sql, value: Sql) -> ExactType:
    """The type if every present cell has a value of it, else a text."""
    lost = _count(cell, f"({value}) IS NULL")
    typed = when(cell, f"({value})::{target}")
    return ExactType((lost,), lambda figures: as_text(cell) if figures[0] else typed)


def _integer(cell: CellSql) -> ExactType:
    """64 bits, else a decimal of up to 38 digits, else a text: no integer is rounded."""
    huge = value_of(cell.text, cell.field)
    probes = (_count(cell, f"{huge} IS NULL"), *_extremes(cell, huge))
    bare = plain_number(cell.text, cell.field)

    def decide(figures: Figures) -> Sql:
        lost, low, high = figures
        if lost:
            return as_text(cell)
        if low is None or (low >= -(2**63) and high < 2**63):
            return when(cell, f"{bare}::BIGINT")
        limit = 10**MAX_DECIMAL_DIGITS
        if -limit < low and high < limit:
            return when(cell, f"{bare}::DECIMAL({MAX_DECIMAL_DIGITS}, 0)")
        return as_text(cell)

    return ExactType(probes, decide)


def _extremes(cell: CellSql, value: Sql) -> tuple[Sql, Sql]:
    return f"min({when(cell, value)})", f"max({when(cell, value)})"


def _number(cell: CellSql, kind: CellKind | None) -> ExactType:
    """An exact decimal where the cells are written as such, else a double.

    What a format itself knows as a number (Parquet's doubles) stays a double as long as that
    holds its digits. Exponents, NaN and infinity have no decimal.
    """
    bare = f"trim({plain_number(cell.text, cell.field)})"
    whole = f"ltrim(split_part({bare}, '.', 1), '+-0')"
    scale = f"length(split_part({bare}, '.', 2))"
    odd = f"NOT regexp_full_match({bare}, '[-+]?\\d*\\.?\\d*')"
    probes = (
        _count(cell, f"try_cast({bare} AS DOUBLE) IS NULL"),
        _count(cell, odd),
        f"max({when(cell, f'length({whole})')})",
        f"max({when(cell, scale)})",
    )

    def decide(figures: Figures) -> Sql:
        lost, unusual, digits, places = figures
        if lost:
            return as_text(cell)
        precision = (digits or 0) + (places or 0)
        # 17 digits at most are written of a double, and give the same one again (IEEE 754).
        binary = kind == "number" and precision <= 17
        if unusual or digits is None or binary or precision > MAX_DECIMAL_DIGITS:
            return when(cell, f"{bare}::DOUBLE")
        return when(cell, f"{bare}::DECIMAL({max(int(precision), 1)}, {int(places or 0)})")

    return ExactType(probes, decide)


def _datetime(cell: CellSql) -> ExactType:
    """With a zone, if a cell has one (those without are UTC, as the schema has it); to the
    microsecond, or to the nanosecond without a zone."""
    if cell.field.format != "default":
        zoned = "%z" in cell.field.format
        return _checked(cell, "TIMESTAMPTZ" if zoned else "TIMESTAMP", cell.value)
    plain = f"replace({cell.text}, ',', '.')"
    probes = (
        _count(cell, f"try_cast({plain} AS TIMESTAMPTZ) IS NULL"),
        _count(cell, f"regexp_matches({cell.text}, {literal(ZONE)})"),
        _count(cell, f"regexp_matches({cell.text}, {literal(FINE)})"),
        _count(cell, f"try_cast({plain} AS TIMESTAMP_NS) IS NULL"),
    )

    def decide(figures: Figures) -> Sql:
        lost, zoned, fine, beyond = figures
        if lost or (fine and (zoned or beyond)):
            return as_text(cell)
        if fine:
            return when(cell, f"{plain}::TIMESTAMP_NS")
        return when(cell, f"{plain}::{'TIMESTAMPTZ' if zoned else 'TIMESTAMP'}")

    return ExactType(probes, decide)


def _time(cell: CellSql) -> ExactType:
    """A time of day; with a zone or below the microsecond a text."""
    if cell.field.format != "default":
        return _checked(cell, "TIME", cell.value)
    plain = f"try_cast(replace({cell.text}, ',', '.') AS TIME)"
    untold = (
        f"({plain} IS NULL OR regexp_matches({cell.text}, {literal(ZONE)}) "
        f"OR regexp_matches({cell.text}, {literal(FINE)}))"
    )
    typed = when(cell, plain)
    return ExactType(
        (_count(cell, untold),), lambda figures: as_text(cell) if figures[0] else typed
    )


def _list(cell: CellSql) -> ExactType:
    items = f"string_split({cell.text}, {literal(cell.field.delimiter)})"
    target = LIST_ITEMS.get(cell.field.item_type or "string")
    if target is None:
        return _fixed(when(cell, items))
    whole = f"try_cast({items} AS {target}[])"
    plain, typed = when(cell, items), when(cell, whole)
    lost = _count(cell, f"{whole} IS NULL")
    return ExactType((lost,), lambda figures: plain if figures[0] else typed)
