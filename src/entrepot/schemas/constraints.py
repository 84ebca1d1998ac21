"""Parse a field's `constraints` and make sure that each one fits the field."""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.json_schema import check_json_schema
from entrepot.schemas.model import Constraints, Field
from entrepot.schemas.patterns import PatternRefused, check_pattern
from entrepot.schemas.pointers import below
from entrepot.schemas.types import ALL_CONSTRAINTS, CONSTRAINTS
from entrepot.schemas.values import read_value

MAX_ENUM = 10_000
BOUND_NAMES = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def parse_constraints(document: object, field: Field, at: str) -> Constraints:
    """Parse the object at JSON pointer `at` for `field`, whose other properties are known.

    Raises SchemaInvalid for an unknown constraint, one that the type does not take, or a
    value of the wrong shape.
    """
    if not isinstance(document, dict):
        raise SchemaInvalid(at, "constraints must be an object")
    for name in document:
        if name not in ALL_CONSTRAINTS:
            raise SchemaInvalid(below(at, name), "there is no such constraint")
        if name not in CONSTRAINTS[field.type]:
            raise SchemaInvalid(below(at, name), f"the type {field.type} does not take it")
    bounds = {name: _bound(document, name, field, at) for name in BOUND_NAMES}
    _check_order(bounds, field, at)
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
        enum=_enum(document, field, at),
        json_schema=check_json_schema(document, below(at, "jsonSchema")),
    )
    lengths = (constraints.min_length, constraints.max_length)
    if lengths[0] is not None and lengths[1] is not None and lengths[0] > lengths[1]:
        raise SchemaInvalid(f"{at}/minLength", "minLength is greater than maxLength")
    return constraints


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


def _bound(document: dict[str, Any], name: str, field: Field, at: str) -> int | float | str | None:
    if name not in document:
        return None
    value = document[name]
    read = checked_value(value, field, f"{at}/{name}")
    if field.type == "number" and read.is_nan():
        raise SchemaInvalid(f"{at}/{name}", "nothing is more or less than NaN")
    bound: int | float | str = value
    return bound


def _check_order(bounds: dict[str, Any], field: Field, at: str) -> None:
    """Refuse bounds that leave no value. Durations have no order of their own."""
    if field.type == "duration":
        return
    for low in ("minimum", "exclusiveMinimum"):
        for high in ("maximum", "exclusiveMaximum"):
            if bounds[low] is None or bounds[high] is None:
                continue
            least, most = (read_value(bounds[name], field) for name in (low, high))
            if least > most or (least == most and (low, high) != ("minimum", "maximum")):
                raise SchemaInvalid(f"{at}/{low}", f"no value keeps both {low} and {high}")


def _enum(document: dict[str, Any], field: Field, at: str) -> tuple[Any, ...] | None:
    if "enum" not in document:
        return None
    values = document["enum"]
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM:
        raise SchemaInvalid(f"{at}/enum", f"it must be a list of 1 to {MAX_ENUM:,} values")
    known = None
    if field.categories is not None:
        known = {category.value for category in field.categories}
    for position, value in enumerate(values):
        read = checked_value(value, field, f"{at}/enum/{position}")
        if known is not None and read not in known:
            raise SchemaInvalid(f"{at}/enum/{position}", "it is none of the field's categories")
    return tuple(values)


def checked_value(value: object, field: Field, at: str) -> Any:
    """`value` of the document, read by the field's rules. Raises SchemaInvalid at `at`."""
    try:
        return read_value(value, field)
    except (ValueError, ArithmeticError, RecursionError) as error:
        form = "" if field.format == "default" else f" in the format {field.format}"
        reason = f"it must be a value of type {field.type}{form} ({error})"
        raise SchemaInvalid(at, reason[:300]) from None
