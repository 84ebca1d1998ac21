"""Values that may be an example for a field, made from its contract alone: never from the data.

They are proposals, the likeliest first. `check.examples` keeps what the field's own checks accept.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from entrepot.inspection.report.pattern_examples import match_pattern
from entrepot.schemas.model import Constraints, Field
from entrepot.schemas.strptime import expand_directives
from entrepot.schemas.values import EPOCH, read_value

MAX_PROPOSALS = 60
MAX_VALUE_CHARS = 200
"""A longer value is not shown."""
MAX_LENGTH = 200
"""Characters or items that a proposal is made long for a `minLength`."""
BREAKS, INDIAN_BREAKS = r"(?<=\d)(?=(?:\d{3})+$)", r"(?<=\d)(?=(?:\d\d)*\d{3}$)"
"""Where a mark stands between groups of digits."""
BOUNDS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
MOMENT = datetime(2024, 3, 31, 14, 30, tzinfo=UTC)
"""The example of a date and a time: the day cannot be a month."""
STRINGS = {
    "email": ("name@example.org",),
    "uri": ("https://example.org/",),
    "uuid": ("123e4567-e89b-42d3-a456-426614174000",),
    "binary": ("SGVsbG8=", "SGVsbG8gd29ybGQ=", "SGk=", "", "AAAA" * 12),
    "wkt": ("POINT (8.54 47.37)",),
}
POINT = {"type": "Point", "coordinates": [8.54, 47.37]}
TOPOLOGY: dict[str, Any] = {"type": "Topology", "objects": {}, "arcs": []}
DURATIONS = ("PT1H30M", "P1D", "P1M", "P1Y", "P10D", "P2Y6M", "PT1M", "PT1S", "P100Y", "-P1D")
WORDS = ("abc", "Example text", "A", "a", "ABC", "1", "12345", "A-1")


def propose_values(field: Field) -> list[str]:
    """Texts that may be valid values of `field`, without repetition; the likeliest first. None for
    a field that takes any text, of which an example says nothing."""
    if _takes_any_text(field):
        return []
    try:
        proposals = list(islice(_proposals(field), MAX_PROPOSALS))
    except (ValueError, OverflowError, ArithmeticError):
        proposals = []  # a bound beyond what Python's types hold
    kept = (text for text in proposals if 0 < len(text) <= MAX_VALUE_CHARS)
    return list(dict.fromkeys(kept))


def _takes_any_text(field: Field) -> bool:
    limits = replace(field.constraints, required=False, unique=False)
    plain = field.format == "default" and field.categories is None and limits == Constraints()
    return plain and field.type in ("string", "any")


def _proposals(field: Field) -> Iterator[str]:
    constraints = field.constraints
    for value in (constraints.enum or ())[: MAX_PROPOSALS // 2]:
        yield from _written(value, field)
    for category in (field.categories or ())[: MAX_PROPOSALS // 2]:
        yield str(category.value)
    makers: dict[str, Callable[[Field], Iterator[str]]] = {
        "string": _strings,
        "any": lambda field: iter(WORDS),
        "integer": lambda field: _numbers(field, (17, 1234, 1, 0, -1), 1),
        "year": lambda field: _numbers(field, (2024, 1990), 1),
        "number": lambda field: _numbers(field, (Decimal("17.50"), Decimal("0.5"), -1), "0.01"),
        "boolean": lambda field: iter((*field.true_values, *field.false_values)),
        "date": _moments,
        "time": _moments,
        "datetime": _moments,
        "yearmonth": _months,
        "duration": lambda field: iter((*DURATIONS, *_bounds_as_written(field))),
        "object": _objects,
        "array": _arrays,
        "list": _lists,
        "geopoint": _geopoints,
        "geojson": lambda field: iter(
            [json.dumps(TOPOLOGY if field.format == "topojson" else POINT)]
        ),
    }
    yield from makers[field.type](field)


def _written(value: Any, field: Field) -> Iterator[str]:
    """A value of the contract as a cell has it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield from field.true_values if value else field.false_values
    elif isinstance(value, int | float):
        yield _number_text(Decimal(repr(value)), field)
    elif field.type == "list" and isinstance(value, list):
        yield field.delimiter.join(
            item if isinstance(item, str) else json.dumps(item) for item in value
        )
    elif field.type == "geopoint" and field.format == "default" and isinstance(value, list):
        yield ",".join(map(str, value))
    else:
        yield json.dumps(value)


def _bounds(field: Field) -> dict[str, Any]:
    """The bounds of a field as `read_value` reads them."""
    bounds = {name: getattr(field.constraints, name) for name in BOUNDS}
    return {name: read_value(value, field) for name, value in bounds.items() if value is not None}


def _bounds_as_written(field: Field) -> Iterator[str]:
    for name in BOUNDS:
        if (value := getattr(field.constraints, name)) is not None:
            yield str(value)


def _within(
    field: Field, usual: tuple[Any, ...], step: Any, halve: Callable[[Any], Any]
) -> list[Any]:
    """Usual values, then what lies between the bounds, one step inside them, and on them."""
    bounds = _bounds(field)
    lower = bounds.get("minimum", bounds.get("exclusive_minimum"))
    upper = bounds.get("maximum", bounds.get("exclusive_maximum"))
    values = list(usual)
    if lower is not None and upper is not None:
        middle = halve(lower + upper)
        values += [middle, lower + halve(upper - lower)]
    values += [lower + step, lower] if lower is not None else []
    values += [upper - step, upper] if upper is not None else []
    return values


def _numbers(field: Field, usual: tuple[Any, ...], step: Any) -> Iterator[str]:
    whole = field.type != "number"
    if field.group_char:  # shows the groups
        grouped = 1234567 if field.grouping == "indian" else 1234
        usual = (grouped if whole else grouped + Decimal("0.50"), *usual)
    step = step if whole else Decimal(step)
    for value in _within(field, usual, step, lambda total: total // 2 if whole else total / 2):
        text = _number_text(value if whole else Decimal(value), field)
        if not field.bare_number:
            yield _with_affix(text, field)
        yield text


def _with_affix(text: str, field: Field) -> str:
    """A number with the unit that the contract states, or with a usual one."""
    if field.affix is None:
        return f"{text} %"
    return f"{field.affix.prefix}{text}{field.affix.suffix}"


def _number_text(value: Any, field: Field) -> str:
    if field.type == "year":
        return f"{value:04d}" if isinstance(value, int) else str(value)
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    whole, point, decimals = text.partition(".")
    if field.group_char and len(whole.lstrip("-")) > 3:
        breaks = INDIAN_BREAKS if field.grouping == "indian" else BREAKS
        whole = re.sub(breaks, lambda _: field.group_char, whole)
    return f"{whole}{field.decimal_char}{decimals}" if point else whole


def _moments(field: Field) -> Iterator[str]:
    usual = (MOMENT, datetime(2024, 1, 1, 12, tzinfo=UTC))
    if field.type == "date":
        days = _within(field, tuple((m - EPOCH).days for m in usual), 1, lambda total: total // 2)
        moments = [EPOCH + timedelta(days=day) for day in days]
    else:
        since = tuple(_microseconds(moment, field) for moment in usual)
        spans = _within(field, since, 60_000_000, lambda total: total // 2)
        moments = [EPOCH + timedelta(microseconds=span) for span in spans]
    for moment in moments:
        yield from _moment_texts(moment, field)


def _microseconds(moment: datetime, field: Field) -> int:
    since = moment - EPOCH
    if field.type == "time":
        since -= timedelta(days=since.days)
    return since // timedelta(microseconds=1)


def _moment_texts(moment: datetime, field: Field) -> Iterator[str]:
    if field.format not in ("default", "any"):
        yield moment.strftime(expand_directives(field.format))
        return
    day, clock = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}", f"{moment:%H:%M:%S}"
    if moment.microsecond:
        clock += f".{moment.microsecond:06d}"
    clock += "Z" if field.time_zone else ""
    match field.type:
        case "date":
            yield day
        case "time":
            yield clock
        case _:
            yield f"{day}T{clock}"


def _months(field: Field) -> Iterator[str]:
    for month in _within(field, (2024 * 12 + 2,), 1, lambda total: total // 2):
        yield f"{month // 12:04d}-{month % 12 + 1:02d}"


def _lengths(field: Field) -> list[int]:
    """The lengths that a proposal may have, within the field's bounds."""
    shortest = min(field.constraints.min_length or 0, MAX_LENGTH)
    longest = field.constraints.max_length
    return [n for n in (max(shortest, 2), shortest, 1, 0) if longest is None or n <= longest]


def _strings(field: Field) -> Iterator[str]:
    constraints = field.constraints
    if field.format in STRINGS:
        yield from STRINGS[field.format]
    if constraints.pattern is not None:
        yield from match_pattern(
            constraints.pattern, constraints.min_length or 0, constraints.max_length
        )
    yield from WORDS
    for length in _lengths(field):
        yield ("Example text " * (length // 13 + 1))[:length].strip().ljust(length, "x")


def _objects(field: Field) -> Iterator[str]:
    for length in (1, *_lengths(field)):
        yield json.dumps({f"key{n}" if n else "key": "value" for n in range(length)})


def _arrays(field: Field) -> Iterator[str]:
    for length in _lengths(field):
        yield json.dumps(list(range(1, length + 1)))
        yield json.dumps(["text"] * length)


def _lists(field: Field) -> Iterator[str]:
    item = Field(field.name, field.item_type or "string")
    values = propose_values(item) if item.type != "string" else ["a", "b", "c"]
    for length in (*_lengths(field), 1):
        if length:
            yield field.delimiter.join((values * length)[:length])


def _geopoints(field: Field) -> Iterator[str]:
    match field.format:
        case "array":
            yield "[8.54, 47.37]"
        case "object":
            yield '{"lon": 8.54, "lat": 47.37}'
        case _:
            yield "8.54,47.37"
