"""Cells of the engine's types as texts: in the forms of Table Schema, exact, one per value."""

from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import CellKind

KINDS: dict[str, CellKind] = {
    "VARCHAR": "text", "UUID": "text", "BLOB": "text", "BIT": "text", '"NULL"': "text",
    "GEOMETRY": "text", "BOOLEAN": "boolean", "DATE": "date", "TIME": "time", "TIME_NS": "time",
    "TIME WITH TIME ZONE": "time",
    "TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer",
    "HUGEINT": "integer", "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "integer",
    "UBIGINT": "integer", "UHUGEINT": "integer", "BIGNUM": "integer",
    "FLOAT": "number", "DOUBLE": "number", "INTERVAL": "duration",
    "TIMESTAMP": "datetime", "TIMESTAMP_S": "datetime", "TIMESTAMP_MS": "datetime",
    "TIMESTAMP_NS": "datetime", "TIMESTAMP WITH TIME ZONE": "datetime",
}  # fmt: skip


def native_kind(engine_type: str) -> CellKind:
    """What a column of the engine's type holds."""
    if engine_type.endswith("]"):
        return "array"
    if engine_type.startswith(("STRUCT", "MAP", "JSON")):
        return "object"
    if engine_type.startswith("DECIMAL"):
        return "integer" if engine_type.endswith(",0)") else "number"
    if engine_type.startswith(("ENUM", "GEOMETRY")):
        return "text"
    return KINDS.get(engine_type, "other")


def text_sql(column: Sql, engine_type: str) -> Sql:
    """The SQL expression for the text of `column`, which has the engine's type.

    Moments with a zone are written in UTC, bytes in base64, durations in ISO 8601, lists and
    objects as JSON.
    """
    kind = native_kind(engine_type)
    if kind in ("object", "array"):
        return f"to_json({column})::VARCHAR"
    if kind == "duration":
        return _duration(column)
    if engine_type == "BLOB":
        return f"base64({column})"
    if engine_type == "TIMESTAMP WITH TIME ZONE":
        return f"replace({column}::TIMESTAMP::VARCHAR, ' ', 'T') || 'Z'"
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
