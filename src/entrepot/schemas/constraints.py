"""Parse a field's `constraints` and check that each of them fits the field."""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.json_schema import check_json_schema
from entrepot.schemas.model import Constraints, Field
from entrepot.schemas.patterns import InvalidPattern, check_pattern
from entrepot.schemas.types import ALL_CONSTRAINTS, CONSTRAINTS
from entrepot.schemas.values import read_value

MAX_ENUM_VALUES = 10_000
"""They all stand in one SQL expression, which the engine plans for each file."""
BOUND_NAMES = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def parse_constraints(document: object, field: Field, pointer: str) -> Constraints:
    """Parse the object at JSON pointer `pointer` for `field`, whose other properties are parsed.

    Raises SchemaInvalid for an unknown constraint, one that the type does not support, or an
    invalid value.
    """
    if not isinstance(document, dict):
        raise SchemaInvalid(pointer, "constraints must be an object")
    for name in document:
        if name not in ALL_CONSTRAINTS:
            raise SchemaInvalid(join_pointer(pointer, name), "there is no such constraint")
        if name not in CONSTRAINTS[field.type]:
            raise SchemaInvalid(
                join_pointer(pointer, name), f"the type {field.type} does not take it"
            )
    bounds = {name: _parse_bound(document, name, field, pointer) for name in BOUND_NAMES}
    _check_order(bounds, field, pointer)
    constraints = Constraints(
        required=_parse_flag(document, "required", pointer),
        unique=_parse_flag(document, "unique", pointer),
        minimum=bounds["minimum"],
        maximum=bounds["maximum"],
        exclusive_minimum=bounds["exclusiveMinimum"],
        exclusive_maximum=bounds["exclusiveMaximum"],
        min_length=_parse_length(document, "minLength", pointer),
        max_length=_parse_length(document, "maxLength", pointer),
        pattern=_parse_pattern(document, pointer),
        enum=_parse_enum(document, field, pointer),
        json_schema=check_json_schema(document, join_pointer(pointer, "jsonSchema")),
    )
    lengths = (constraints.min_length, constraints.max_length)
    if lengths[0] is not None and lengths[1] is not None and lengths[0] > lengths[1]:
        raise SchemaInvalid(f"{pointer}/minLength", "minLength is greater than maxLength")
    return constraints


def _parse_flag(document: dict[str, Any], name: str, pointer: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise SchemaInvalid(f"{pointer}/{name}", "it must be true or false")
    return value


def _parse_length(document: dict[str, Any], name: str, pointer: str) -> int | None:
    value = document.get(name)
    if name not in document:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise SchemaInvalid(f"{pointer}/{name}", "it must be a whole number, zero or more")
    return value


def _parse_pattern(document: dict[str, Any], pointer: str) -> str | None:
    if "pattern" not in document:
        return None
    value = document["pattern"]
    if not isinstance(value, str):
        raise SchemaInvalid(f"{pointer}/pattern", "a pattern must be a string")
    try:
        check_pattern(value)
    except InvalidPattern as error:
        raise SchemaInvalid(f"{pointer}/pattern", str(error)) from None
    return value


def _parse_bound(
    document: dict[str, Any], name: str, field: Field, pointer: str
) -> int | float | str | None:
    if name not in document:
        return None
    value = document[name]
    parsed_value = check_value(value, field, f"{pointer}/{name}")
    if field.type == "number" and parsed_value.is_nan():
        raise SchemaInvalid(f"{pointer}/{name}", "nothing is more or less than NaN")
    bound: int | float | str = value
    return bound


def _check_order(bounds: dict[str, Any], field: Field, pointer: str) -> None:
    """Reject bounds that no value satisfies. Durations have no order."""
    if field.type == "duration":
        return
    for low in ("minimum", "exclusiveMinimum"):
        for high in ("maximum", "exclusiveMaximum"):
            if bounds[low] is None or bounds[high] is None:
                continue
            lower, upper = (read_value(bounds[name], field) for name in (low, high))
            if lower > upper or (lower == upper and (low, high) != ("minimum", "maximum")):
                raise SchemaInvalid(f"{pointer}/{low}", f"no value keeps both {low} and {high}")


def _parse_enum(document: dict[str, Any], field: Field, pointer: str) -> tuple[Any, ...] | None:
    if "enum" not in document:
        return None
    values = document["enum"]
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM_VALUES:
        raise SchemaInvalid(
            f"{pointer}/enum", f"it must be a list of 1 to {MAX_ENUM_VALUES:,} values"
        )
    category_values = None
    if field.categories is not None:
        category_values = {category.value for category in field.categories}
    for position, value in enumerate(values):
        parsed_value = check_value(value, field, f"{pointer}/enum/{position}")
        if category_values is not None and parsed_value not in category_values:
            raise SchemaInvalid(
                f"{pointer}/enum/{position}", "it is none of the field's categories"
            )
    return tuple(values)


def check_value(value: object, field: Field, pointer: str) -> Any:
    """The document's `value`, parsed for the field. Raises SchemaInvalid at `pointer`."""
    try:
        return read_value(value, field)
    except (ValueError, ArithmeticError, RecursionError) as error:
        form = "" if field.format == "default" else f" in the format {field.format}"
        reason = f"it must be a value of type {field.type}{form} ({error})"
        raise SchemaInvalid(pointer, reason[:300]) from None
