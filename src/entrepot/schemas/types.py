"""The types of the standard: which formats, constraints and properties each one takes.

Source: Data Package v2, Table Schema. What the standard knows and inspection cannot judge yet
stands in `NOT_JUDGED_YET` and is refused by name, never accepted in silence.
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
    "duration": EVERY,
    "object": EVERY | LENGTHS,
    "array": EVERY | LENGTHS,
    "list": EVERY | LENGTHS,
    "geopoint": EVERY,
    "geojson": EVERY,
    "any": EVERY,
}

ALL_CONSTRAINTS = EVERY | BOUNDS | LENGTHS | {"pattern", "jsonSchema"}

FORMATS: dict[str, frozenset[str]] = {
    "string": frozenset({"default", "email", "uri", "uuid", "binary"}),
    "geopoint": frozenset({"default", "array", "object"}),
}

TEMPORAL = frozenset({"date", "time", "datetime"})

DIRECTIVES: dict[str, str] = {
    "date": "YymdbBjaA",
    "time": "HIMSfpz",
    "datetime": "YymdbBjaAHIMSfpz",
}
"""The strptime directives (after `%`) that a format of each temporal type may use."""

ITEM_TYPES = frozenset({"string", "integer", "boolean", "number", "datetime", "date", "time"})

NOT_JUDGED_YET: dict[tuple[str, str], str] = {
    ("string", "wkt"): "the string format wkt",
    ("geojson", "topojson"): "the geojson format topojson",
    ("date", "any"): "the date format any",
    ("time", "any"): "the time format any",
    ("datetime", "any"): "the datetime format any",
}
