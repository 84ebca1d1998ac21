"""Literals of a filter as values of the column that they are compared to; nothing is rounded."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from entrepot.inspection.preview.filter_ast import FilterColumn, Value
from entrepot.inspection.sql import type_name

MAX_DIGITS = 38
"""Digits of the engine's widest decimal."""
WIDTHS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
NANOSECONDS = re.compile(r"(.*[.]\d{6})(\d{1,3})")


class Misfit(Exception):
    """The value does not fit the column; the text says what would."""


def typed_value(column: FilterColumn, literal: str | bool | Decimal) -> Value:
    """A text, a truth value or a number as `column` has it. Raises Misfit."""
    kind = column.kind
    if kind == "other":
        raise Misfit("only `IS NULL` and `IS NOT NULL` can be asked of it")
    expected, value_type = {
        "text": ("a text in single quotes", str),
        "boolean": ("TRUE or FALSE", bool),
        "temporal": (f"a text in single quotes like {EXAMPLES.get(column.stored_as, '')}", str),
    }.get(kind, ("a number without quotes", Decimal))
    if not isinstance(literal, value_type):
        raise Misfit(f"it is compared to {expected}")
    if isinstance(literal, bool):
        return Value(literal, str(literal).lower(), "BOOLEAN")
    if isinstance(literal, Decimal):
        return _number(column, literal)
    if kind == "text":
        return Value(literal, literal, "VARCHAR")
    return _temporal(column, literal)


def read_number(text: str) -> Decimal:
    """A number as it is written in a filter. Raises Misfit."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Misfit("it is not a number") from None
    # The largest double has an exponent of 308.
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise Misfit("it is beyond all numbers that a column can hold")
    return number


def _number(column: FilterColumn, number: Decimal) -> Value:
    if column.kind == "double":
        return Value(float(number), repr(float(number)), "DOUBLE")
    # As the column's own type wherever it fits: then no cell needs a cast to be compared.
    whole, places = _digits(number)
    if column.kind == "integer":
        bits = WIDTHS[column.stored_as]
        if places == 0 and -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            return Value(int(number), str(int(number)), type_name(column.stored_as))
        mine = (19, 0)  # the digits of a BIGINT
    else:
        precision, scale = _decimal_type(column.stored_as)
        if places <= scale and whole <= precision - scale:
            return Value(number, f"{number:f}", type_name(column.stored_as))
        mine = (precision - scale, scale)
    if max(whole, mine[0]) + max(places, mine[1]) > MAX_DIGITS:
        raise Misfit(f"a number may have no more than {MAX_DIGITS} digits together with it")
    return Value(number, f"{number:f}", f"DECIMAL({max(1, whole + places)}, {places})")


def _digits(number: Decimal) -> tuple[int, int]:
    """Digits before and after the point, without zeros at either end."""
    whole, _, fraction = f"{abs(number):f}".partition(".")
    return len(whole.lstrip("0")), len(fraction.rstrip("0"))


def _decimal_type(stored_as: str) -> tuple[int, int]:
    precision, _, scale = stored_as.removeprefix("DECIMAL(").rstrip(")").partition(",")
    return int(precision), int(scale)


def _temporal(column: FilterColumn, text: str) -> Value:
    read = READERS[column.stored_as]
    try:
        value, written = read(text.strip())
    except ValueError:
        raise Misfit(f"it is compared to a text like {EXAMPLES[column.stored_as]}") from None
    return Value(value, written, type_name(column.stored_as))


def _date(text: str) -> tuple[Any, str]:
    day = date.fromisoformat(text)
    return day, day.isoformat()


def _time(text: str) -> tuple[Any, str]:
    moment = time.fromisoformat(text)
    if moment.tzinfo is not None or NANOSECONDS.match(text):
        raise ValueError(text)
    return moment, moment.isoformat()


def _timestamp(text: str) -> tuple[Any, str]:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None or NANOSECONDS.match(text):
        raise ValueError(text)
    return moment, moment.isoformat(" ")


def _nanoseconds(text: str) -> tuple[Any, str]:
    match = NANOSECONDS.fullmatch(text)
    moment, written = _timestamp(match[1] if match else text)
    if match:
        return (moment, int(match[2].ljust(3, "0"))), f"{moment:%Y-%m-%d %H:%M:%S.%f}{match[2]}"
    return (moment, 0), written


def _zoned(text: str) -> tuple[Any, str]:
    if NANOSECONDS.match(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    # A time without a zone is UTC, as the schema has it.
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment, moment.isoformat(" ")


READERS: dict[str, Callable[[str], tuple[Any, str]]] = {
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP_NS": _nanoseconds,
    "TIMESTAMP WITH TIME ZONE": _zoned,
}
EXAMPLES = {
    "DATE": "'2026-03-01'",
    "TIME": "'13:30:00'",
    "TIMESTAMP WITH TIME ZONE": "'2026-03-01T13:30:00Z'",
    "TIMESTAMP": "'2026-03-01T13:30:00'",
    "TIMESTAMP_NS": "'2026-03-01T13:30:00'",
}
