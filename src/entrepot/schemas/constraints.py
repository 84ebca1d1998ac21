"""Parse a field's `constraints` and make sure that each one fits the field's type."""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.model import Constraints
from entrepot.schemas.patterns import PatternRefused, check_pattern
from entrepot.schemas.types import ALL_CONSTRAINTS, CONSTRAINTS

MAX_ENUM = 10_000

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
YEARMONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def parse_constraints(document: object, field_type: str, form: str, at: str) -> Constraints:
    """Parse the object at JSON pointer `at` for a field of `field_type` and format `form`.

    Raises SchemaInvalid for an unknown constraint, one that the type does not take, or a
    value of the wrong shape.
    """
    if not isinstance(document, dict):
        raise SchemaInvalid(at, "constraints must be an object")
    for name in document:
        if name not in ALL_CONSTRAINTS:
            raise SchemaInvalid(f"{at}/{name}", "there is no such constraint")
        if name == "jsonSchema":
            raise SchemaInvalid(f"{at}/{name}", "the constraint jsonSchema is not supported yet")
        if name not in CONSTRAINTS[field_type]:
            raise SchemaInvalid(f"{at}/{name}", f"the type {field_type} does not take it")
    bounds = {name: _bound(document, name, field_type, form, at) for name in BOUND_NAMES}
    constraints = Constraints(
        required=_flag(document, "required", at),
        unique=_flag(document, "unique", at),
        minimum=bounds["minimum"],
        maximum=bounds["maximum"],
        exclusive_minimum=bounds["exclusiveMinimum"],
        exclusive_maximum=bounds["exclusiveMaximum"],
        min_length=_length(document, "minLength", at),
        max_length=_length(document, "maxLength", at),
        pattern=_pattern(document, at),
        enum=_enum(document, field_type, form, at),
    )
    lengths = (constraints.min_length, constraints.max_length)
    if lengths[0] is not None and lengths[1] is not None and lengths[0] > lengths[1]:
        raise SchemaInvalid(f"{at}/minLength", "minLength is greater than maxLength")
    return constraints


BOUND_NAMES = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _flag(document: dict[str, Any], name: str, at: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise SchemaInvalid(f"{at}/{name}", "it must be true or false")
    return value


def _length(document: dict[str, Any], name: str, at: str) -> int | None:
    value = document.get(name)
    if name not in document:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise SchemaInvalid(f"{at}/{name}", "it must be a whole number, zero or more")
    return value


def _pattern(document: dict[str, Any], at: str) -> str | None:
    if "pattern" not in document:
        return None
    value = document["pattern"]
    if not isinstance(value, str):
        raise SchemaInvalid(f"{at}/pattern", "a pattern must be a string")
    try:
        check_pattern(value)
    except PatternRefused as refusal:
        raise SchemaInvalid(f"{at}/pattern", str(refusal)) from None
    return value


def _bound(
    document: dict[str, Any], name: str, field_type: str, form: str, at: str
) -> int | float | str | None:
    if name not in document:
        return None
    value = document[name]
    if not is_value_of(value, field_type, form):
        raise SchemaInvalid(f"{at}/{name}", f"it must be a value of type {field_type}")
    bound: int | float | str = value
    return bound


def _enum(document: dict[str, Any], field_type: str, form: str, at: str) -> tuple[Any, ...] | None:
    if "enum" not in document:
        return None
    values = document["enum"]
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM:
        raise SchemaInvalid(f"{at}/enum", f"it must be a list of 1 to {MAX_ENUM:,} values")
    for position, value in enumerate(values):
        if not is_value_of(value, field_type, form):
            where = f"{at}/enum/{position}"
            raise SchemaInvalid(where, f"it must be a value of type {field_type}")
    return tuple(values)


def is_value_of(value: object, field_type: str, form: str) -> bool:
    """Whether `value` of the schema document is a value of `field_type`, natively or as text."""
    if isinstance(value, bool):
        return field_type in ("boolean", "any")
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, int | float):
        if field_type in ("integer", "year"):
            return isinstance(value, int) or value.is_integer()
        return field_type in ("number", "any")
    if isinstance(value, str):
        return _is_text_of(value, field_type, form)
    return isinstance(value, dict | list) and field_type in ("object", "array", "list", "geojson")


def _is_text_of(value: str, field_type: str, form: str) -> bool:
    check = LEXICAL.get(field_type)
    return "\0" not in value and (form != "default" or check is None or check(value))


def _reads(reader: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            reader(text)
        except ValueError:
            return False
        return True

    return check


LEXICAL: dict[str, Callable[[str], bool]] = {
    "integer": lambda text: INTEGER.fullmatch(text) is not None,
    "year": lambda text: INTEGER.fullmatch(text) is not None,
    "number": lambda text: NUMBER.fullmatch(text) is not None,
    "date": _reads(date.fromisoformat),
    "time": _reads(time.fromisoformat),
    "datetime": _reads(datetime.fromisoformat),
    "yearmonth": lambda text: YEARMONTH.fullmatch(text) is not None,
}
