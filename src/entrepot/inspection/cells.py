"""One cell against one field, as SQL expressions over a column of texts.

What is judged as text follows frictionless-py; each deliberate difference is pinned by a
test. All patterns are RE2's, whose time is linear.
"""

import json
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.engine import literal
from entrepot.inspection.lexical import DURATION, EMAIL, GEOPOINT, NUMBER, TIME, URI, UUID
from entrepot.inspection.table import Column
from entrepot.schemas.model import Field

NATIVE: dict[str, tuple[str, ...]] = {
    "string": (),
    "integer": ("integer",),
    "number": ("integer", "number"),
    "boolean": ("boolean",),
    "date": ("date",),
    "time": ("time",),
    "datetime": ("datetime",),
    "year": ("integer",),
    "yearmonth": (),
    "duration": ("duration",),
    "object": ("object",),
    "array": ("array",),
    "list": ("array",),
    "geopoint": (),
    "geojson": ("object",),
    "any": (
        *("integer", "number", "boolean", "date", "time", "datetime", "duration"),
        *("object", "array", "other"),
    ),
}
"""The kinds of native (not textual) cells that are values of each type."""

DATE = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True)
class CellSql:
    """The expressions of one column under one field; each is NULL or false on missing cells.

    `present`: the cell is no missing value. `valid`: it is a value of the type (given it is
    present). `value`: comparable, of the type's own order. `text`: its text, for the report.
    `quick`, where not empty, is cheaper than both and never true of a cell that is not valid.
    """

    field: Field
    text: str
    present: str
    valid: str
    value: str
    quick: str = ""


def cell_sql(column: Column, field: Field, missing: tuple[str, ...]) -> CellSql:
    """The expressions for `column` under `field`, with `missing` the texts of missing values."""
    text = column.text if "" in missing else _empty_as_text(column)
    others = [each for each in missing if each]
    present = f"{text} IS NOT NULL"
    if others:
        present = f"({present} AND {text} NOT IN ({', '.join(map(literal, others))}))"
    lexical = lexical_check(text, field)
    native = _native_check(text, column, field)
    quick = ""
    if column.kind == "text":
        valid, quick = lexical, quick_check(text, field)
    elif column.kind is None:
        valid = f"CASE WHEN {column.kind_sql} = 'text' THEN {lexical} ELSE {native} END"
    else:
        valid = native
    return CellSql(field, text, present, valid, value_of(text, field), quick)


def _empty_as_text(column: Column) -> str:
    """An empty cell is a value here; in JSON and Parquet an absent one still is not."""
    return f"coalesce({column.text}, '')" if column.kind == "text" else column.text


def _native_check(text: str, column: Column, field: Field) -> str:
    kinds = NATIVE[field.type]
    if field.type == "integer":
        whole = f"({text} IS NOT NULL AND try_cast({text} AS DOUBLE) % 1 = 0)"
        if column.kind is None:
            kind = column.kind_sql
            return f"({kind} = 'integer' OR ({kind} = 'number' AND {whole}))"
        return "true" if column.kind == "integer" else whole if column.kind == "number" else "false"
    if column.kind is None:
        listed = ", ".join(literal(kind) for kind in kinds)
        return f"coalesce({column.kind_sql} IN ({listed}), false)" if kinds else "false"
    return "true" if column.kind in kinds else "false"


def lexical_check(text: str, field: Field) -> str:  # noqa: PLR0911, PLR0912 (a row per type)
    """Whether `text` (not missing) is a lexical form of the field's type."""
    bare = plain_number(text, field)
    match field.type:
        case "any":
            return "true"
        case "string":
            return _string_check(text, field.format)
        case "integer":
            return full_match(bare, r"\s*[-+]?\d+\s*")
        case "number":
            check = full_match(bare, NUMBER)
            if field.decimal_char != ".":
                undotted = replaced(text, field.group_char)
                return f"({check} AND NOT contains({undotted}, '.'))"
            return check
        case "boolean":
            listed = ", ".join(map(literal, field.true_values + field.false_values))
            return f"{text} IN ({listed})"
        case "date" | "time" | "datetime":
            return _temporal_check(text, field)
        case "year":
            return full_match(text, r"\d{4}")
        case "yearmonth":
            return full_match(text, r"\d{4}-(0[1-9]|1[0-2])")
        case "duration":
            cut_off = f"ends_with({text}, 'P') OR ends_with({text}, 'T')"
            return f"({full_match(text, DURATION)} AND NOT ({cut_off}))"
        case "geopoint":
            return _geopoint_check(text, field.format)
        case "object" | "geojson":
            check = f"(json_valid({text}) AND try(json_type({text})) = 'OBJECT')"
            geo = f"({check} AND try(json_exists({text}, '$.type')))"
            return geo if field.type == "geojson" else check
        case "array":
            return f"(json_valid({text}) AND try(json_type({text})) = 'ARRAY')"
        case _:
            return _list_check(text, field)


def quick_check(text: str, field: Field) -> str:
    """A cheap condition that holds for the usual spelling of a value, or nothing.

    Per cell within a scan, 2 cores: a number by its pattern 86 ns, so 33; a date 60 and a cast
    more, so 79; a moment 100 and a cast more, so 106. The engine's cast of a number also takes
    `1_000` and `+-1`.
    """
    match field.type, field.format:
        case "number", "default" if field.bare_number and field.decimal_char == ".":
            if field.group_char:
                return ""
            plain = f"{text} >= '-' AND NOT contains({text}, '_')"
            return f"(try_cast({text} AS DOUBLE) IS NOT NULL AND {plain})"
        case "date", "default":
            return f"(try_cast({text} AS DATE)::VARCHAR = {text})"
        case "datetime", "default":
            return f"(try_cast({text} AS TIMESTAMP)::VARCHAR = replace({text}, 'T', ' '))"
        case _:
            return ""


def value_of(text: str, field: Field) -> str:  # noqa: PLR0911 (a row per type)
    """A comparable value for bounds, enums and uniqueness; NULL where the text is none."""
    bare = plain_number(text, field)
    match field.type:
        case "integer" | "year":
            return f"try_cast({bare} AS HUGEINT)"
        case "number":
            return f"try_cast({bare} AS DOUBLE)"
        case "boolean":
            return f"({text} IN ({', '.join(map(literal, (*field.true_values, 'true')))}))"
        case "date":
            return f"{parsed(text, field)}::DATE"
        case "datetime":
            return parsed(text, field)
        case "time":
            if field.format == "default":
                return f"try_cast(left({text}, 15) AS TIME)"
            return f"{parsed(text, field)}::TIME"
        case _:
            return text


def parsed(text: str, field: Field) -> str:
    """A temporal text as the engine's timestamp, or NULL. Without a zone it is UTC."""
    if field.format != "default":
        return f"try_strptime({text}, {literal(field.format)})"
    if field.type == "date":
        return f"try_cast({text} AS DATE)"
    return f"try_cast({text} AS TIMESTAMPTZ)"


def _temporal_check(text: str, field: Field) -> str:
    value = parsed(text, field)
    if field.format != "default":
        return f"{value} IS NOT NULL"
    if field.type == "time":
        return full_match(text, TIME)
    if field.type == "date":
        return f"({full_match(text, DATE)} AND {value} IS NOT NULL)"
    day = f"try_cast(left({text}, 10) AS DATE) IS NOT NULL"
    return f"({full_match(text, DATE + '[T ]' + TIME)} AND {day})"


def plain_number(text: str, field: Field) -> str:
    """The text of a number without what its field allows around and inside it."""
    if field.type not in ("integer", "number"):
        return text
    if not field.bare_number:
        text = f"regexp_replace(regexp_replace({text}, '^[^-+\\d.]*', ''), '\\D*$', '')"
    text = replaced(text, field.group_char)
    if field.decimal_char != ".":
        text = f"replace({text}, {literal(field.decimal_char)}, '.')"
    return text


def replaced(text: str, gone: str) -> str:
    """`text` without the characters `gone`."""
    return f"replace({text}, {literal(gone)}, '')" if gone else text


def full_match(text: str, pattern: str) -> str:
    """Whether the whole of `text` matches the RE2 `pattern`."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def _string_check(text: str, form: str) -> str:
    match form:
        case "email":
            return full_match(text, EMAIL)
        case "uri":
            return full_match(text, URI)
        case "uuid":
            return full_match(text, UUID)
        case "binary":
            return full_match(
                text, r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
            )
        case _:
            return "true"


def _geopoint_check(text: str, form: str) -> str:
    if form == "default":
        return full_match(text, GEOPOINT)
    pair = r"\s*-?\d+(\.\d+)?\s*"
    if form == "array":
        return full_match(text, rf"\s*\[{pair},{pair}\]\s*")
    lon, lat = rf'"lon"\s*:{pair}', rf'"lat"\s*:{pair}'
    return full_match(text, rf"\s*\{{\s*({lon},\s*{lat}|{lat},\s*{lon})\}}\s*")


def _list_check(text: str, field: Field) -> str:
    if field.item_type in (None, "string"):
        return "true"
    item = Field(name=field.name, type=str(field.item_type))
    inner = lexical_check("item", item)
    parts = f"string_split({text}, {literal(field.delimiter)})"
    return f"len(list_filter({parts}, lambda item: NOT coalesce({inner}, false))) = 0"


def constant(value: Any, field: Field) -> str:
    """A bound or enum value of the schema as SQL, comparable with `value_of`."""
    if field.type == "boolean":
        if isinstance(value, bool):
            return "true" if value else "false"
        return "true" if value in field.true_values else "false"
    if isinstance(value, dict | list):
        return literal(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    written = str(value)
    if field.type in ("integer", "year") and not isinstance(value, str):
        written = str(int(value))
    return value_of(literal(written), _plain(field))


def _plain(field: Field) -> Field:
    """Bounds given as plain text or numbers, in the standard's own form; with an explicit
    format of dates and times, in that format."""
    form = field.format if field.type in ("date", "time", "datetime") else "default"
    return Field(name=field.name, type=field.type, format=form)
