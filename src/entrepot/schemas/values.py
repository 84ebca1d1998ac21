"""Parse the values in a schema (bounds, enums, categories) by the rules of their field.

Each value becomes something that compares exactly: int, Decimal, text, or microseconds. The same
functions check a value when a schema is parsed, and produce the constants that cells are compared
with.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from entrepot.schemas import lexical
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import GROUPINGS, number_regex, without_affixes
from entrepot.schemas.strptime import ANY_FORMATS, MIDNIGHT, parse_moment

NUMBER_PATTERN = re.compile(r"[-+]?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d{1,9})?", re.ASCII)
INFINITY_PATTERN = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
DAY_MICROSECONDS = 86_400_000_000
"""24 hours, in which leap seconds are not counted (ISO 8601, POSIX time)."""


class InvalidValue(ValueError):
    """The value does not have the field's type; the text says why."""


class ImpreciseNumber(float):
    """A number in a JSON document with more digits than a double can store."""


def read_value(value: object, field: Field) -> Any:
    """Parse `value`, a JSON value or its text, into a form that compares exactly.

    Integers and years become int, numbers Decimal, dates days, times and datetimes microseconds,
    months their number, durations (months, seconds), geopoints (lon, lat), lists tuples; texts,
    objects and arrays stay. Raises ValueError if the value does not have the type (InvalidValue if
    the reason is its text).
    """
    if isinstance(value, ImpreciseNumber):
        raise InvalidValue("more digits than a JSON number keeps; write it as a string")
    if isinstance(value, str) and "\0" in value:
        raise InvalidValue("a NUL")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue("not finite")
    readers: Mapping[str, Callable[[Any, Field], Any]] = (
        TEXT_READERS if isinstance(value, str) else NATIVE_READERS
    )
    read = readers.get(field.type)
    if read is None:
        raise InvalidValue(f"no value of type {field.type}")
    return read(value, field)


def _native_integer(value: Any, field: Field) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise InvalidValue("not whole")
    return int(value)


def _native_number(value: Any, field: Field) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue("no number")
    return Decimal(repr(value))


def _native_boolean(value: Any, field: Field) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("neither true nor false")
    return value


def _native_any(value: Any, field: Field) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        raise InvalidValue("no plain value")
    return repr(value)


def _native_reader(kind: type) -> Callable[[Any, Field], Any]:
    def read(value: Any, field: Field) -> Any:
        if not isinstance(value, kind):
            raise InvalidValue(f"no {kind.__name__}")
        return value

    return read


def _native_list(value: Any, field: Field) -> tuple[Any, ...]:
    item = item_field(field)
    return tuple(read_value(each, item) for each in _native_reader(list)(value, field))


def _native_geopoint(value: Any, field: Field) -> tuple[Decimal, Decimal]:
    if isinstance(value, dict) and set(value) == {"lon", "lat"}:
        value = [value["lon"], value["lat"]]
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidValue("no pair of numbers")
    return _check_coordinates(_native_number(value[0], field), _native_number(value[1], field))


def _check_coordinates(lon: Decimal, lat: Decimal) -> tuple[Decimal, Decimal]:
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InvalidValue("beyond 180 degrees of longitude or 90 of latitude")
    return lon, lat


def strip_number_text(text: str, field: Field) -> str:
    """The text of a number without what its field allows around and inside it. Raises
    InvalidValue."""
    text = without_affixes(text, field)
    forms = GROUPINGS if field.group_char and field.grouping is None else (field.grouping,)
    if not any(re.fullmatch(number_regex(field, form), text, re.ASCII) for form in forms):
        raise InvalidValue(f"no {field.type}")
    if field.group_char:
        text = text.replace(field.group_char, "")
    if field.type == "number":
        text = text.replace(field.decimal_char, ".")
    return text.strip()


def _read_integer(text: str, field: Field) -> int:
    return int(strip_number_text(text, field).partition(".")[0])


def _read_number(text: str, field: Field) -> Decimal:
    bare = strip_number_text(text, field)
    if NUMBER_PATTERN.fullmatch(bare) is None and INFINITY_PATTERN.fullmatch(bare) is None:
        raise InvalidValue("no number")
    try:
        return Decimal(bare)
    except InvalidOperation:
        raise InvalidValue("no number") from None


def _read_boolean(text: str, field: Field) -> bool:
    if text in field.true_values:
        return True
    if text in field.false_values:
        return False
    raise InvalidValue("neither true nor false")


def _parse_moment(text: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        if moment := parse_moment(text, form):
            return moment
    raise InvalidValue("not in the format")


def _read_moment(text: str, field: Field, default: str) -> datetime | None:
    """Parse a time in the field's format; None if `text` has the default form."""
    is_default = re.fullmatch(default, text, re.ASCII) is not None
    if field.format in ("default", "any") and is_default:
        return None
    if field.format == "default":
        raise InvalidValue("not in the default form")
    return _parse_moment(
        text, ANY_FORMATS[field.type] if field.format == "any" else (field.format,)
    )


def _read_date(text: str, field: Field) -> int:
    if field.format == "any":
        text = re.sub(f"{MIDNIGHT}$", "", text, flags=re.ASCII)
    moment = _read_moment(text, field, lexical.DATE)
    day = date.fromisoformat(text) if moment is None else moment.date()
    return day.toordinal() - EPOCH.toordinal()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(moment: datetime) -> int:
    """Since 1970, in UTC; a moment without a zone is in UTC."""
    offset = moment.utcoffset()
    since = moment.replace(tzinfo=UTC) - EPOCH
    if offset is not None:
        since -= offset
    return since.days * DAY_MICROSECONDS + since.seconds * 1_000_000 + since.microseconds


def _read_datetime(text: str, field: Field) -> int:
    moment = _read_moment(text, field, f"{lexical.DATE}[T ]{lexical.TIME}")
    return _microseconds(datetime.fromisoformat(text) if moment is None else moment)


def _read_time(text: str, field: Field) -> int:
    moment = _read_moment(text, field, lexical.TIME)
    clock = time.fromisoformat(text) if moment is None else moment.timetz()
    return _microseconds(datetime.combine(EPOCH.date(), clock))


def _read_year(text: str, field: Field) -> int:
    if re.fullmatch(lexical.YEAR, text, re.ASCII) is None:
        raise InvalidValue("no year")
    return int(text)


def _read_yearmonth(text: str, field: Field) -> int:
    if re.fullmatch(lexical.YEARMONTH, text, re.ASCII) is None:
        raise InvalidValue("not in the form yyyy-mm")
    year, _, month = text.rpartition("-")
    return int(year) * 12 + int(month) - 1


MAX_DURATION_CHARS = 60
"""Longer ones have numbers with more digits than a duration in use has."""
DURATION_PATTERN = re.compile(
    r"(-?)P(?:(\d+)W)?(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def _read_duration(text: str, field: Field) -> tuple[int, Decimal]:
    match = DURATION_PATTERN.fullmatch(text)
    matches = re.fullmatch(lexical.DURATION, text, re.ASCII)
    if match is None or matches is None or text.endswith(("P", "T")):
        raise InvalidValue("no duration")
    if len(text) > MAX_DURATION_CHARS:
        raise InvalidValue("no duration")
    sign = -1 if match[1] else 1
    weeks, years, months, days, hours, minutes, seconds = (
        Decimal(part or 0) for part in match.groups()[1:]
    )
    length = (weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds
    return sign * int(years * 12 + months), sign * length


def _read_geopoint(text: str, field: Field) -> tuple[Decimal, Decimal]:
    lon, comma, lat = text.partition(",")
    if field.format != "default" or not comma:
        raise InvalidValue("no pair of numbers")
    plain = replace(field, type="number")
    return _check_coordinates(_read_number(lon.strip(), plain), _read_number(lat.strip(), plain))


def item_field(field: Field) -> Field:
    """The field for the items of a list, with the defaults of the item type."""
    return Field(field.name, field.item_type or "string")


def _json_reader(kind: type) -> Callable[[str, Field], Any]:
    def read(text: str, field: Field) -> Any:
        return _native_reader(kind)(json.loads(text), field)

    return read


def _read_list(text: str, field: Field) -> tuple[Any, ...]:
    item = item_field(field)
    return tuple(read_value(each, item) for each in text.split(field.delimiter))


NATIVE_READERS: Mapping[str, Callable[[Any, Field], Any]] = {
    "integer": _native_integer,
    "year": _native_integer,
    "number": _native_number,
    "boolean": _native_boolean,
    "any": _native_any,
    "object": _native_reader(dict),
    "geojson": _native_reader(dict),
    "array": _native_reader(list),
    "list": _native_list,
    "geopoint": _native_geopoint,
}
TEXT_READERS: Mapping[str, Callable[[str, Field], Any]] = {
    "integer": _read_integer,
    "year": _read_year,
    "number": _read_number,
    "boolean": _read_boolean,
    "date": _read_date,
    "datetime": _read_datetime,
    "time": _read_time,
    "yearmonth": _read_yearmonth,
    "duration": _read_duration,
    "geopoint": _read_geopoint,
    "list": _read_list,
    "object": _json_reader(dict),
    "geojson": _json_reader(dict),
    "array": _json_reader(list),
    "any": lambda text, field: text,
    "string": lambda text, field: text,
}
