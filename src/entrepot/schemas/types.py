"""The types of the standard: which formats, constraints and properties each one takes.

Source: Data Package v2, Table Schema.
"""

BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
LENGTHS = frozenset({"minLength", "maxLength"})
EVERY = frozenset({"required", "unique", "enum"})

CONSTRAINTS: dict[str, frozenset[str]] = {
    "string": EVERY | LENGTHS | {"pattern"},
    "integer": EVERY | BOUNDS,
    "number": EVERY | BOUNDS,
    "boolean": EVERY,
    "date": EVERY | BOUNDS,
    "time": EVERY | BOUNDS,
    "datetime": EVERY | BOUNDS,
    "year": EVERY | BOUNDS,
    "yearmonth": EVERY | BOUNDS,
    "duration": EVERY | BOUNDS,
    "object": EVERY | LENGTHS | {"jsonSchema"},
    "array": EVERY | LENGTHS | {"jsonSchema"},
    "list": EVERY | LENGTHS,
    "geopoint": EVERY,
    "geojson": EVERY | LENGTHS,
    "any": EVERY,
}

ALL_CONSTRAINTS = EVERY | BOUNDS | LENGTHS | {"pattern", "jsonSchema"}

FORMATS: dict[str, frozenset[str]] = {
    "string": frozenset({"default", "email", "uri", "uuid", "binary", "wkt"}),
    "geopoint": frozenset({"default", "array", "object"}),
    "geojson": frozenset({"default", "topojson"}),
    "date": frozenset({"default", "any"}),
    "time": frozenset({"default", "any"}),
    "datetime": frozenset({"default", "any"}),
}

TEMPORAL = frozenset({"date", "time", "datetime"})

DAYS = "YymdbBjaAwUWGVux"
CLOCK = "HIMSfpzZX"
DIRECTIVES: dict[str, str] = {"date": DAYS, "time": CLOCK, "datetime": DAYS + CLOCK + "c"}
"""The strptime directives (after `%`) that a format of each temporal type may use."""

ITEM_TYPES = frozenset({"string", "integer", "boolean", "number", "datetime", "date", "time"})
CATEGORICAL = frozenset({"string", "integer"})

DEFAULT_TYPE = "any"
ONLY_STRINGS = LENGTHS | {"pattern"}
"""Constraints that make a field without a type a string, as the standard's profile has it."""
