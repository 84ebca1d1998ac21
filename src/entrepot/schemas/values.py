"""Values that a schema itself holds (bounds, enums, categories), read by the rules of a field.

Each is read into something that compares exactly: int, Decimal, text, or microseconds. The same
reading makes sure of a value when a schema is parsed, and makes the constants that cells are
compared with.
"""

import _strptime  # type: ignore[import-not-found] # noqa: F401 (datetime would load it when the sandbox has shut)
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
from entrepot.schemas.strptime import ANY

NUMBERS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,9})?", re.ASCII)
INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
DAY_US = 86_400_000_000


class NoValue(ValueError):
    """The value is none of the field's type; the text says why."""


class Imprecise(float):
    """A number of a JSON document that has more digits than a double keeps."""


def read_value(value: object, field: Field) -> Any:
    """`value` as JSON gave it, natively or as text, in a form that compares exactly.

    Integers and years become int, numbers Decimal, dates days, times and datetimes microseconds,
    months their number, durations (months, seconds), geopoints (lon, lat), lists tuples; texts,
    objects and arrays stay. Raises ValueError where it is no value of the type (NoValue if the
    reason is its text).
    """
    if isinstance(value, Imprecise):
        raise NoValue("more digits than a JSON number keeps; write it as a string")
    if isinstance(value, str) and "\0" in value:
        raise NoValue("a NUL")
    if isinstance(value, float) and not math.isfinite(value):
        raise NoValue("not finite")
    readers: Mapping[str, Callable[[Any, Field], Any]] = TEXTS if isinstance(value, str) else NATIVE
    read = readers.get(field.type)
    if read is None:
        raise NoValue(f"no value of type {field.type}")
    return read(value, field)


def _native_integer(value: Any, field: Field) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise NoValue("not whole")
    return int(value)


def _native_number(value: Any, field: Field) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoValue("no number")
    return Decimal(repr(value))


def _native_boolean(value: Any, field: Field) -> bool:
    if not isinstance(value, bool):
        raise NoValue("neither true nor false")
    return value


def _native_any(value: Any, field: Field) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        raise NoValue("no plain value")
    return repr(value)


def _native(kind: type) -> Callable[[Any, Field], Any]:
    def read(value: Any, field: Field) -> Any:
        if not isinstance(value, kind):
            raise NoValue(f"no {kind.__name__}")
        return value

    return read


def _native_list(value: Any, field: Field) -> tuple[Any, ...]:
    item = item_field(field)
    return tuple(read_value(each, item) for each in _native(list)(value, field))


def _native_geopoint(value: Any, field: Field) -> tuple[Decimal, Decimal]:
    if isinstance(value, dict) and set(value) == {"lon", "lat"}:
        value = [value["lon"], value["lat"]]
    if not isinstance(value, list) or len(value) != 2:
        raise NoValue("no pair of numbers")
    return _on_earth(_native_number(value[0], field), _native_number(value[1], field))


def _on_earth(lon: Decimal, lat: Decimal) -> tuple[Decimal, Decimal]:
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise NoValue("beyond 180 degrees of longitude or 90 of latitude")
    return lon, lat


def bare_text(text: str, field: Field) -> str:
    """The text of a number without what its field allows around and inside it."""
    if not field.bare_number:
        text = re.sub(r"\D*$", "", re.sub(r"^[^-+\d.]*", "", text, flags=re.ASCII), flags=re.ASCII)
    if field.group_char:
        text = text.replace(field.group_char, "")
    if field.decimal_char != ".":
        if "." in text:
            raise NoValue("a point")
        text = text.replace(field.decimal_char, ".")
    return text.strip()


def _integer(text: str, field: Field) -> int:
    bare = bare_text(text, field)
    if re.fullmatch(lexical.INTEGER, bare, re.ASCII) is None:
        raise NoValue("no integer")
    return int(bare)


def _number(text: str, field: Field) -> Decimal:
    bare = bare_text(text, field)
    if NUMBERS.fullmatch(bare) is None and INFINITE.fullmatch(bare) is None:
        raise NoValue("no number")
    try:
        return Decimal(bare)
    except InvalidOperation:
        raise NoValue("no number") from None


def _boolean(text: str, field: Field) -> bool:
    if text in field.true_values:
        return True
    if text in field.false_values:
        return False
    raise NoValue("neither true nor false")


def _moment(text: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 (a zone is in the text, or UTC)
        except ValueError:
            continue
    raise NoValue("not in the format")


def _read_moment(text: str, field: Field, default: str) -> datetime | None:
    """The moment by the field's format; None where `text` has the form of the default."""
    plain = re.fullmatch(default, text, re.ASCII) is not None
    if field.format in ("default", "any") and plain:
        return None
    if field.format == "default":
        raise NoValue("not in the default form")
    return _moment(text, ANY[field.type] if field.format == "any" else (field.format,))


def _date(text: str, field: Field) -> int:
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
    return since.days * DAY_US + since.seconds * 1_000_000 + since.microseconds


def _datetime(text: str, field: Field) -> int:
    moment = _read_moment(text, field, f"{lexical.DATE}[T ]{lexical.TIME}")
    return _microseconds(datetime.fromisoformat(text) if moment is None else moment)


def _time(text: str, field: Field) -> int:
    moment = _read_moment(text, field, lexical.TIME)
    clock = time.fromisoformat(text) if moment is None else moment.timetz()
    return _microseconds(datetime.combine(EPOCH.date(), clock))


def _year(text: str, field: Field) -> int:
    if re.fullmatch(lexical.YEAR, text, re.ASCII) is None:
        raise NoValue("no year")
    return int(text)


def _yearmonth(text: str, field: Field) -> int:
    if re.fullmatch(lexical.YEARMONTH, text, re.ASCII) is None:
        raise NoValue("not in the form yyyy-mm")
    year, _, month = text.rpartition("-")
    return int(year) * 12 + int(month) - 1


PARTS = re.compile(
    r"(-?)P(?:(\d+)W)?(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def _duration(text: str, field: Field) -> tuple[int, Decimal]:
    found = PARTS.fullmatch(text)
    matches = re.fullmatch(lexical.DURATION, text, re.ASCII)
    if found is None or matches is None or text.endswith(("P", "T")) or len(text) > 60:
        raise NoValue("no duration")
    sign = -1 if found[1] else 1
    weeks, years, months, days, hours, minutes, seconds = (
        Decimal(part or 0) for part in found.groups()[1:]
    )
    length = (weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds
    return sign * int(years * 12 + months), sign * length


def _geopoint(text: str, field: Field) -> tuple[Decimal, Decimal]:
    lon, comma, lat = text.partition(",")
    if field.format != "default" or not comma:
        raise NoValue("no pair of numbers")
    plain = replace(field, type="number")
    return _on_earth(_number(lon.strip(), plain), _number(lat.strip(), plain))


def item_field(field: Field) -> Field:
    """The field that each item of a list is judged by: the item type's default."""
    return Field(field.name, field.item_type or "string")


def _json(kind: type) -> Callable[[str, Field], Any]:
    def read(text: str, field: Field) -> Any:
        return _native(kind)(json.loads(text), field)

    return read


def _list(text: str, field: Field) -> tuple[Any, ...]:
    item = item_field(field)
    return tuple(read_value(each, item) for each in text.split(field.delimiter))


NATIVE: Mapping[str, Callable[[Any, Field], Any]] = {
    "integer": _native_integer,
    "year": _native_integer,
    "number": _native_number,
    "boolean": _native_boolean,
    "any": _native_any,
    "object": _native(dict),
    "geojson": _native(dict),
    "array": _native(list),
    "list": _native_list,
    "geopoint": _native_geopoint,
}
TEXTS: Mapping[str, Callable[[str, Field], Any]] = {
    "integer": _integer,
    "year": _year,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "yearmonth": _yearmonth,
    "duration": _duration,
    "geopoint": _geopoint,
    "list": _list,
    "object": _json(dict),
    "geojson": _json(dict),
    "array": _json(list),
    "any": lambda text, field: text,
    "string": lambda text, field: text,
}
