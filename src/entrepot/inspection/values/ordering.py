"""Values of one field compared exactly: with a bound, with a list of values, with each other.

Cells are compared as SQL over their text; the schema's own values were read by
`schemas.values.read_value` and stand in the SQL as constants. Nothing is rounded: a double
decides only where it can.
"""

from collections.abc import Sequence
from typing import Any

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.values.cell_sql import value_of
from entrepot.inspection.values.decimals import (
    compare_integer,
    compare_number,
    is_one_of,
    key_of_number,
)
from entrepot.inspection.values.geo import geopoint_key
from entrepot.inspection.values.plain_number import plain_number
from entrepot.inspection.values.temporal import (
    compare_duration,
    duration_constant,
    key_of_duration,
    month_number,
    ordered,
)
from entrepot.schemas.model import Field
from entrepot.schemas.values import item_field

PARSED_JSON = frozenset({"object", "array", "geojson"})
"""Types whose values are compared outside of SQL, as parsed JSON."""


def keeps_bound(text: Sql, field: Field, operator: Sql, limit: Any) -> Sql:
    """Whether the valid cell `text` is `operator` than `limit`, a bound of the schema as
    `read_value` read it; NULL if unknown."""
    bare = plain_number(text, field)
    match field.type:
        case "number":
            return compare_number(bare, value_of(text, field), operator, limit)
        case "integer" | "year":
            return compare_integer(bare, value_of(text, field), operator, limit)
        case "duration":
            return compare_duration(text, operator, *limit)
        case "yearmonth":
            return f"{month_number(text)} {operator} {int(limit)}"
        case _:
            return f"{ordered(text, field)} {operator} {int(limit)}"


def is_among(text: Sql, field: Field, read: Sequence[Any]) -> Sql:
    """Whether the valid cell `text` equals one of the schema's values, as `read_value` read
    them."""
    value = value_of(text, field)
    if field.type == "number":
        return is_one_of(plain_number(text, field), value, read)
    # Well within the engine's 128 bits, so that no cast overflows.
    if field.type in ("integer", "year") and all(abs(number) < 2**126 for number in read):
        listed = ", ".join(f"{int(number)}::HUGEINT" for number in read)
        return f"coalesce({value} IN ({listed}), false)"
    keys = ", ".join(constant(each, field) for each in read)
    return f"coalesce({key(text, field)} IN ({keys}), false)"


def key(text: Sql, field: Field, as_number: bool = False) -> Sql:  # noqa: PLR0911 (a row per type)
    """What is equal for equal values of the type; NULL where `text` is none. `as_number`: of a
    whole number, what is equal to the key of an equal number."""
    bare = plain_number(text, field)
    match field.type:
        case "integer" | "year" if as_number:
            return key_of_number(bare, f"try_cast({bare} AS DOUBLE)")
        case "integer" | "year":
            exactly = key_of_number(bare, f"try_cast({bare} AS DOUBLE)")
            return f"coalesce({value_of(text, field)}::VARCHAR, {exactly})"
        case "number":
            return key_of_number(bare, value_of(text, field))
        case "date" | "time" | "datetime":
            return ordered(text, field)
        case "yearmonth":
            return month_number(text)
        case "duration":
            return key_of_duration(text)
        case "geopoint":
            return geopoint_key(text, field.format)
        case "list":
            parts = f"json_extract_string({text}, '$[*]')"
            if field.delimiter:
                parts = f"string_split({text}, {literal(field.delimiter)})"
            return f"list_transform({parts}, lambda item: {key('item', item_field(field))})"
        case "object" | "array" | "geojson":
            return f"try(json({text})::VARCHAR)"
        case _:
            return value_of(text, field)


def constant(value: Any, field: Field) -> Sql:  # noqa: PLR0911 (a row per type)
    """The key of a value that `read_value` has read."""
    match field.type:
        case "integer" | "year":
            if abs(value) < 2**127:
                return literal(str(value))
            text = literal(str(value))
            return key_of_number(text, f"{text}::DOUBLE")
        case "number":
            text = literal("nan" if value.is_nan() else str(value))
            return key_of_number(text, f"try_cast({text} AS DOUBLE)")
        case "boolean":
            return sql("true" if value else "false")
        case "date" | "time" | "datetime" | "yearmonth":
            return f"{int(value)}"
        case "duration":
            return duration_constant(*value)
        case "geopoint":
            text = literal(f"{value[0]},{value[1]}")
            return geopoint_key(text, "default")
        case "list":
            inner = item_field(field)
            items = ", ".join(constant(item, inner) for item in value)
            return f"[{items}]"
        case _:
            return literal(value)
