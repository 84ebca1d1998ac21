"""The types of the standard, and the formats, constraints and properties of each.

Source: Data Package v2, Table Schema.
"""

BOUND_CONSTRAINTS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
LENGTH_CONSTRAINTS = frozenset({"minLength", "maxLength"})
COMMON_CONSTRAINTS = frozenset({"required", "unique", "enum"})

CONSTRAINTS: dict[str, frozenset[str]] = {
    "string": COMMON_CONSTRAINTS | LENGTH_CONSTRAINTS | {"pattern"},
    "integer": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "number": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "boolean": COMMON_CONSTRAINTS,
    "date": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "time": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "datetime": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "year": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "yearmonth": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "duration": COMMON_CONSTRAINTS | BOUND_CONSTRAINTS,
    "object": COMMON_CONSTRAINTS | LENGTH_CONSTRAINTS | {"jsonSchema"},
    "array": COMMON_CONSTRAINTS | LENGTH_CONSTRAINTS | {"jsonSchema"},
    "list": COMMON_CONSTRAINTS | LENGTH_CONSTRAINTS,
    "geopoint": COMMON_CONSTRAINTS,
    "geojson": COMMON_CONSTRAINTS | LENGTH_CONSTRAINTS,
    "any": COMMON_CONSTRAINTS,
}

ALL_CONSTRAINTS = (
    COMMON_CONSTRAINTS | BOUND_CONSTRAINTS | LENGTH_CONSTRAINTS | {"pattern", "jsonSchema"}
)

FORMATS: dict[str, frozenset[str]] = {
    "string": frozenset({"default", "email", "uri", "uuid", "binary", "wkt"}),
    "geopoint": frozenset({"default", "array", "object"}),
    "geojson": frozenset({"default", "topojson"}),
    "date": frozenset({"default", "any"}),
    "time": frozenset({"default", "any"}),
    "datetime": frozenset({"default", "any"}),
}


DATE_DIRECTIVES = "YymdbBjaAwUWGVux"
TIME_DIRECTIVES = "HIMSfpzZX"
DIRECTIVES: dict[str, str] = {
    "date": DATE_DIRECTIVES,
    "time": TIME_DIRECTIVES,
    "datetime": DATE_DIRECTIVES + TIME_DIRECTIVES + "c",
}
"""The strptime directives (after `%`) that a format of each temporal type may use."""

ITEM_TYPES = frozenset({"string", "integer", "boolean", "number", "datetime", "date", "time"})
CATEGORICAL_TYPES = frozenset({"string", "integer"})
TEXT_TYPES = frozenset({"string", "any"})
"""The types of which any text may be a value."""

DEFAULT_TYPE = "any"
STRING_CONSTRAINTS = LENGTH_CONSTRAINTS | {"pattern"}
"""Constraints that make a field without a type a string, as in the standard's profile."""
