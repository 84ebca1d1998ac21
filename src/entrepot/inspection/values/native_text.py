"""Cells of the engine's types as texts: in the forms of Table Schema, exact, one per value."""

from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import CellKind, Column

KINDS: dict[str, CellKind] = {
    "VARCHAR": "text", "UUID": "text", "BIT": "text", '"NULL"': "text", "GEOMETRY": "text",
    "BLOB": "binary", "BOOLEAN": "boolean", "DATE": "date",
    "TIME": "time", "TIME_NS": "time", "TIME WITH TIME ZONE": "time",
    "TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer",
    "HUGEINT": "integer", "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "integer",
    "UBIGINT": "integer", "UHUGEINT": "integer", "BIGNUM": "integer",
    "FLOAT": "number", "DOUBLE": "number", "INTERVAL": "duration",
    "TIMESTAMP": "datetime", "TIMESTAMP_S": "datetime", "TIMESTAMP_MS": "datetime",
    "TIMESTAMP_NS": "datetime", "TIMESTAMP WITH TIME ZONE": "datetime",
    "TIMESTAMPTZ_NS": "datetime",
    "VARIANT": "other", "TYPE": "other", "JSON": "other",
}  # fmt: skip
"""The engine's types without parameters, by the names that DESCRIBE gives them. A test walks
`duckdb_types()`. A JSON cell says itself what it is (`native_column`)."""
PARAMETERIZED: dict[str, CellKind] = {
    "DECIMAL": "decimal", "ENUM": "text", "STRUCT": "object", "MAP": "object", "UNION": "other",
    "GEOMETRY": "text",
}  # fmt: skip
"""Those with parameters, by the word before these."""
ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"})


def native_kind(engine_type: str) -> CellKind:
    """What a column of the engine's type holds. Raises KeyError for a type that is not known."""
    if engine_type.endswith("]"):
        return "array"
    if engine_type.startswith("DECIMAL") and engine_type.endswith(",0)"):
        return "integer"
    word = engine_type.partition("(")[0]
    return PARAMETERIZED[word] if word != engine_type else KINDS[engine_type]


def native_column(label: str, text: Sql, engine_type: str) -> Column:
    """The column of the engine's type whose cells stand as texts (`text_sql`) in `text`."""
    if engine_type == "JSON":
        kind = (
            f"(CASE left({text}, 1) WHEN '{{' THEN 'object' WHEN '[' THEN 'array' "
            "WHEN '\"' THEN 'other' WHEN 't' THEN 'boolean' WHEN 'f' THEN 'boolean' "
            "ELSE 'number' END)"
        )
        return Column(label, text, None, kind)
    return Column(label, text, native_kind(engine_type))


def text_sql(column: Sql, engine_type: str) -> Sql:  # noqa: PLR0911 (a row per type)
    """The SQL expression for the text of `column`, which has the engine's type.

    Moments with a zone are written in UTC, bytes in base64, durations in ISO 8601, lists and
    objects as JSON.
    """
    kind = native_kind(engine_type)
    if engine_type == "JSON":
        return f"nullif(trim({column}::VARCHAR, ' \t\r\n'), 'null')"
    if kind in ("object", "array"):
        return f"to_json({column})::VARCHAR"
    if kind == "duration":
        return _duration(column)
    if kind == "binary":
        return f"base64({column})"
    if engine_type in ZONED:
        return f"regexp_replace(replace({column}::VARCHAR, ' ', 'T'), '[+]00$', 'Z')"
    if kind == "datetime":
        return f"replace({column}::VARCHAR, ' ', 'T')"
    return f"{column}::VARCHAR"


def _duration(column: Sql) -> Sql:
    """ISO 8601 knows one sign for the whole: mixed ones stay in the engine's own words."""

    def part(name: Sql, mark: Sql) -> Sql:
        value = f"datepart('{name}', {column})"
        return f"CASE WHEN {value} <> 0 THEN abs({value}) || '{mark}' ELSE '' END"

    parts = ("year", "month", "day", "hour", "minute", "microsecond")
    signs = [f"sign(datepart({literal(name)}, {column}))" for name in parts]
    micros = f"abs(datepart('microsecond', {column}))"
    seconds = (
        f"CASE WHEN {micros} <> 0 THEN regexp_replace((({micros})::DECIMAL(18, 0) / 1000000)"
        f"::DECIMAL(18, 6)::VARCHAR, '\\.?0+$', '') || 'S' ELSE '' END"
    )
    day = " || ".join((part("year", "Y"), part("month", "M"), part("day", "D")))
    time = " || ".join((part("hour", "H"), part("minute", "M"), seconds))
    clock = f"CASE WHEN {time} <> '' THEN 'T' || {time} ELSE '' END"
    negative = f"CASE WHEN least({', '.join(signs)}) < 0 THEN '-' ELSE '' END"
    mixed = f"least({', '.join(signs)}) < 0 AND greatest({', '.join(signs)}) > 0"
    nothing = f"{column} = INTERVAL '0' SECOND"
    return (
        f"CASE WHEN {mixed} THEN {column}::VARCHAR WHEN {nothing} THEN 'PT0S' "
        f"WHEN {column} IS NULL THEN NULL ELSE {negative} || 'P' || {day} || {clock} END"
    )
