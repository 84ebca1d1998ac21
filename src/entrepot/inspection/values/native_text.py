"""Cells of the engine's types as texts: in the forms of Table Schema, exact, one per value."""

import json

import duckdb
from duckdb.sqltypes import DuckDBPyType

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind, Column
from entrepot.inspection.values.json_text import finite_json, is_json, with_escaped_controls

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
JSON_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""RFC 8259, section 6."""
NESTED = frozenset({"list", "array", "struct", "map"})
WRITTEN_ALIKE = frozenset({"integer", "decimal", "boolean", "text", "date", "time", "other"})
"""What `to_json` writes within a list, a struct or a map as a cell of its own is written; so does
it write a DOUBLE."""
MAX_NESTED_TYPES = 200
"""Types within a column's type up to which its JSON is written out in SQL, whose length grows with
them and with their depth. `to_json` writes the values of longer types."""
MICROSECONDS = 1_000_000
"""In a second."""
LAST_MICROSECOND, LAST_NANOSECOND = 9_223_372_022_400_000_000, 2**63 - 10**9
"""The last that the engine has on both sides of 1970."""
UNITS = {1: "s", 1_000: "ms", MICROSECONDS: "µs", 1_000_000_000: "ns"}
"""By how many of them a second has."""
ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIME WITH TIME ZONE"})


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
        # The writer of the file says that it is JSON; the engine does not check that.
        kind = (
            f"(CASE WHEN {is_json(text, sql('OBJECT'))} THEN 'object' "
            f"WHEN {is_json(text, sql('ARRAY'))} THEN 'array' "
            f"WHEN {text} IN ('true', 'false') THEN 'boolean' "
            f"WHEN regexp_full_match({text}, {literal(JSON_NUMBER)}) THEN 'number' "
            "ELSE 'other' END)"
        )
        return Column(label, text, None, kind)
    return Column(label, text, native_kind(engine_type), zoned=engine_type in ZONED)


def delivered_text(column: Column) -> Sql:
    """The text of the column's cells as other forms have it: JSON has no NaN and no infinity, and a
    text has no control characters, which JSON has as escapes."""
    if column.kind in ("object", "array"):
        return with_escaped_controls(finite_json(column.text))
    if column.kind is None:
        is_json = f"{column.kind_sql} IN ('object', 'array')"
        escaped = with_escaped_controls(column.text)
        return f"CASE WHEN {is_json} THEN {escaped} ELSE {column.text} END"
    return column.text


def text_of(engine: duckdb.DuckDBPyConnection, column: Sql, engine_type: str) -> Sql:
    """The SQL expression for the text of `column`, which has the engine's type.

    Moments with a zone are written in UTC, bytes in base64, durations in ISO 8601, lists and
    objects as JSON, with what is in them written as cells are.
    """
    if native_kind(engine_type) not in ("object", "array"):
        return _cell_text(column, engine_type)
    try:
        kind = engine.sqltype(engine_type)
    except duckdb.Error:  # of an empty name, or names that differ in case alone, it takes no text
        return f"to_json({column})::VARCHAR"
    return _nested_json(column, kind)


def _nested_json(value: Sql, kind: DuckDBPyType) -> Sql:
    """The JSON of a list, a struct or a map; NULL where it is NULL."""
    types = _types_within(kind)
    alike = all(_is_written_alike(each) for each in types if each.id not in NESTED)
    # The engine finds the fields of a struct without regard to their case.
    names = [list(_children(each)) for each in types]
    clash = any(len({name.lower() for name in each}) < len(each) for each in names)
    if alike or clash or len(types) > MAX_NESTED_TYPES:
        return f"to_json({value})::VARCHAR"
    return _json_part(value, kind, 0)


def _types_within(kind: DuckDBPyType) -> list[DuckDBPyType]:
    """It and the types of the values within it; of too many only the first."""
    types: list[DuckDBPyType] = []
    waiting = [kind]
    while waiting and len(types) <= MAX_NESTED_TYPES:
        types.append(waiting.pop())
        waiting += _children(types[-1]).values()
    return types


def _children(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types of its items (`child`), of its fields, or of its `key` and `value`."""
    pairs = kind.children if kind.id in NESTED else []
    # An array also has its size there.
    return {name: child for name, child in pairs if isinstance(child, DuckDBPyType)}


def _is_written_alike(kind: DuckDBPyType) -> bool:
    """Whether `to_json` writes a value of this type as a cell of it is written."""
    written = native_kind(str(kind))
    return kind.id == "double" or (written in WRITTEN_ALIKE and not _is_whole_decimal(kind))


def _is_whole_decimal(kind: DuckDBPyType) -> bool:
    """Whether it is a decimal without decimals, of which `to_json` writes `5.0`."""
    return kind.id == "decimal" and native_kind(str(kind)) == "integer"


def _json_part(  # noqa: PLR0911 (a row per type)
    value: Sql, kind: DuckDBPyType, depth: int
) -> Sql:
    """The JSON of a value that stands in so many others; NULL where it is NULL."""
    item, children = sql(f"v{depth}"), _children(kind)

    def part(of: Sql, child: str) -> Sql:
        return f"coalesce({_json_part(of, children[child], depth + 1)}, 'null')"

    match kind.id:
        case "list" | "array":
            items = f"list_transform({value}, lambda {item}: {part(item, 'child')})"
            return f"'[' || array_to_string({items}, ',') || ']'"
        case "struct":
            fields = ", ',', ".join(
                f"{literal(json.dumps(name, ensure_ascii=False) + ':')}, "
                f"{part(f'struct_extract({value}, {literal(name)})', name)}"
                for name in children
            )
            return f"CASE WHEN {value} IS NOT NULL THEN concat('{{', {fields}, '}}') END"
        case "map":
            key = f"to_json({_cell_text(f'{item}.key', str(children['key']))})::VARCHAR"
            pair = f"{key} || ':' || {part(f'{item}.value', 'value')}"
            pairs = f"list_transform(map_entries({value}), lambda {item}: {pair})"
            return f"'{{' || array_to_string({pairs}, ',') || '}}'"
        case "float":
            digits = f"CASE WHEN isfinite({value}) THEN {value}::VARCHAR END"
            return f"coalesce({digits}, to_json({value})::VARCHAR)"
        case "decimal" if _is_whole_decimal(kind):
            return f"{value}::VARCHAR"
        case _ if _is_written_alike(kind):
            return f"to_json({value})::VARCHAR"
        case _:
            return f"to_json({_cell_text(value, str(kind))})::VARCHAR"


def _cell_text(column: Sql, engine_type: str) -> Sql:
    kind = native_kind(engine_type)
    if engine_type == "JSON":
        return f"nullif(trim({column}::VARCHAR, ' \t\r\n'), 'null')"
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


def duration_sql(count: Sql, parts: int) -> Sql:
    """A whole number of parts of a second, of which a second has `parts`, as an ISO 8601 duration
    in hours, minutes and seconds."""
    whole = f"(abs({count}::HUGEINT) // {parts})"
    fraction = f"lpad((abs({count}::HUGEINT) % {parts})::VARCHAR, {len(str(parts)) - 1}, '0')"
    fraction_text = f"rtrim('.' || {fraction}, '0.')" if parts > 1 else sql("''")
    seconds = f"({whole} % 60) || {fraction_text}"
    hours = f"CASE WHEN {whole} >= 3600 THEN ({whole} // 3600) || 'H' ELSE '' END"
    minutes = f"CASE WHEN {whole} // 60 % 60 > 0 THEN ({whole} // 60 % 60) || 'M' ELSE '' END"
    last = f"CASE WHEN {seconds} <> '0' THEN ({seconds}) || 'S' ELSE '' END"
    sign = f"CASE WHEN {count} < 0 THEN '-' ELSE '' END"
    return (
        f"CASE WHEN {count} = 0 THEN 'PT0S' WHEN {count} IS NOT NULL "
        f"THEN {sign} || 'PT' || {hours} || {minutes} || {last} END"
    )


def moment_sql(count: Sql, parts: int, zoned: bool) -> Sql:
    """A whole number of parts of a second since 1970, of which a second has `parts`, as a moment in
    ISO 8601. One that the engine has no moment for stays a number with its unit."""
    if parts > MICROSECONDS:
        made, most = f"make_timestamp_ns({count})", LAST_NANOSECOND
    else:
        scale = MICROSECONDS // parts
        made, most = f"make_timestamp({count} * {scale})", LAST_MICROSECOND // scale
    text = f"replace(({made})::VARCHAR, ' ', 'T')"
    text = f"{text} || 'Z'" if zoned else text
    unit = literal(f" {UNITS[parts]} since 1970-01-01")
    return (
        f"CASE WHEN {count} BETWEEN {-most} AND {most} THEN {text} "
        f"WHEN {count} IS NOT NULL THEN {count}::VARCHAR || {unit} END"
    )


def interval_sql(words: Sql) -> Sql:
    """An interval in the words of arro3, such as `14 mons 2 days 3.000000005 secs`, as an ISO 8601
    duration. One with parts of both signs, for which ISO 8601 has no form, stays in these words."""

    def part(unit: Sql) -> Sql:
        return f"regexp_extract({words}, '([0-9.]+) {unit}', 1)"

    def written(value: Sql, mark: Sql) -> Sql:
        return f"CASE WHEN {value} NOT IN ('', '0') THEN {value} || '{mark}' ELSE '' END"

    months = f"coalesce(try_cast({part(sql('mons'))} AS BIGINT), 0)"
    months = f"({months} + 12 * coalesce(try_cast({part(sql('years'))} AS BIGINT), 0))"
    seconds = part(sql("secs"))
    trimmed = f"regexp_replace({seconds}, '\\.?0+$', '')"
    seconds = f"CASE WHEN contains({seconds}, '.') THEN {trimmed} ELSE {seconds} END"
    day = " || ".join(
        (
            written(f"({months} // 12)::VARCHAR", sql("Y")),
            written(f"({months} % 12)::VARCHAR", sql("M")),
            written(part(sql("days")), sql("D")),
        )
    )
    clock = " || ".join(
        (
            written(part(sql("hours")), sql("H")),
            written(part(sql("mins")), sql("M")),
            written(f"({seconds})", sql("S")),
        )
    )
    negative = f"contains({words}, '-')"
    positive = f"regexp_matches({words}, '(^| )[0-9.]*[1-9]')"
    sign = f"CASE WHEN {negative} THEN '-' ELSE '' END"
    return (
        f"CASE WHEN {negative} AND {positive} THEN {words} "
        f"WHEN NOT regexp_matches({words}, '[1-9]') THEN 'PT0S' "
        f"WHEN {words} IS NOT NULL THEN {sign} || 'P' || {day} || "
        f"CASE WHEN {clock} <> '' THEN 'T' || {clock} ELSE '' END END"
    )
