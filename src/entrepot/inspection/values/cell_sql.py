"""One cell against one field, as SQL expressions over a column of texts.

What is checked as text follows frictionless-py; each deliberate difference is pinned by a
test. All patterns are RE2's, whose time is linear.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column
from entrepot.inspection.values.geo import geojson_check, geopoint_check, topojson_check, wkt_check
from entrepot.inspection.values.json_text import is_json
from entrepot.inspection.values.temporal import formatted, formatted_check
from entrepot.schemas.lexical import (
    BASE64,
    DATE,
    DURATION,
    EMAIL,
    INTEGER,
    NUMBER,
    TIME,
    URI,
    UUID,
    YEAR,
    YEARMONTH,
)
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


@dataclass(frozen=True)
class CellSql:
    """The expressions of one column under one field; each is NULL or false on missing cells.

    `present`: the cell is not a missing value. `valid`: it is a value of the type (given it is
    present). `value`: comparable, of the type's own order. `text`: its text, for the report.
    `quick`, where not empty, is cheaper than both and never true of a cell that is not valid.
    `native`: it is not a text but a value of the format's own (`true`, `false`, or an expression).
    """

    field: Field
    text: Sql
    present: Sql
    valid: Sql
    value: Sql
    quick: Sql = sql("")
    native: Sql = sql("false")

    @property
    def checked(self) -> Sql:
        """Whether the cell is present and valid; what may fail on others stands below it."""
        if self.valid == "true":
            return self.present
        valid = f"coalesce({self.valid}, false)"
        if self.quick:
            valid = f"CASE WHEN {self.quick} THEN true ELSE {valid} END"
        return f"({self.present} AND {valid})"

    def for_field(self, make: Callable[[Field], Sql]) -> Sql:
        """What `make` says of the cell's field; for a native cell, which has the plain form
        whatever the field's format is, of the field in that form."""
        sql = make(self.field)
        if self.native == "false":
            return sql
        form = self.field.format if self.field.type in ("geopoint", "geojson") else "default"
        plain = Field(self.field.name, self.field.type, form, item_type=self.field.item_type)
        plain_sql = make(plain)
        if self.native == "true" or sql == plain_sql:
            return plain_sql
        return f"CASE WHEN {self.native} THEN {plain_sql} ELSE {sql} END"


def cell_sql(column: Column, field: Field, missing: tuple[str, ...]) -> CellSql:
    """The expressions for `column` under `field`, with `missing` the texts of missing values."""
    text = column.text if "" in missing else _empty_as_text(column)
    others = [each for each in missing if each]
    present = f"{text} IS NOT NULL"
    if others:
        present = f"({present} AND {text} NOT IN ({', '.join(map(literal, others))}))"
    lexical = lexical_check(text, field)
    native = _native_check(text, column, field)
    if column.kind == "text":
        value, quick = value_of(text, field), quick_check(text, field)
        return CellSql(field, text, present, lexical, value, quick)
    if column.kind is None:
        valid = f"CASE WHEN {column.kind_sql} = 'text' THEN {lexical} ELSE {native} END"
        is_native = f"({column.kind_sql} <> 'text')"
    else:
        valid, is_native = native, sql("true")
    cell = CellSql(field, text, present, valid, "", native=is_native)
    return replace(cell, value=cell.for_field(lambda form: value_of(text, form)))


def _empty_as_text(column: Column) -> Sql:
    """An empty cell is a value here; in JSON and Parquet an absent one still is not."""
    return f"coalesce({column.text}, '')" if column.kind == "text" else column.text


def _native_check(text: Sql, column: Column, field: Field) -> Sql:
    kinds = NATIVE[field.type]
    if field.type == "geopoint" and field.format != "default":
        shape: tuple[str, ...] = ("array",) if field.format == "array" else ("object",)
        return f"({_is_kind(column, shape)} AND {geopoint_check(text, field.format)})"
    if field.type == "list" and field.item_type not in (None, "string"):
        return f"({_is_kind(column, kinds)} AND {_native_items(text, str(field.item_type))})"
    if field.type == "integer":
        whole = f"({text} IS NOT NULL AND try_cast({text} AS DOUBLE) % 1 = 0)"
        if column.kind is None:
            kind = column.kind_sql
            return f"({kind} = 'integer' OR ({kind} = 'number' AND {whole}))"
        whole = whole if column.kind == "number" else sql("false")
        return sql("true") if column.kind == "integer" else whole
    return _is_kind(column, kinds)


def _is_kind(column: Column, kinds: tuple[str, ...]) -> Sql:
    if column.kind is None:
        listed = ", ".join(literal(kind) for kind in kinds)
        return f"coalesce({column.kind_sql} IN ({listed}), false)" if kinds else sql("false")
    return sql("true" if column.kind in kinds else "false")


JSON_ITEMS = {
    "integer": ("BIGINT", "UBIGINT", "HUGEINT"),
    "number": ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"),
    "boolean": ("BOOLEAN",),
}


def _native_items(text: Sql, item_type: str) -> Sql:
    """Whether each item of the JSON array `text` is of the type, natively or as text."""
    native = ", ".join(map(literal, JSON_ITEMS.get(item_type, ())))
    inner = lexical_check("(item ->> '$')", Field("", item_type))
    kind = f"json_type(item) = 'VARCHAR' AND {inner}"
    if native:
        kind = f"json_type(item) IN ({native}) OR ({kind})"
    items = f"json_extract(CASE WHEN json_valid({text}) THEN {text} END, '$[*]')"
    return f"coalesce(len(list_filter({items}, lambda item: NOT coalesce({kind}, false))), 0) = 0"


def lexical_check(text: Sql, field: Field) -> Sql:  # noqa: PLR0911, PLR0912 (a row per type)
    """Whether `text` (not missing) is a lexical form of the field's type."""
    bare = plain_number(text, field)
    match field.type:
        case "any":
            return sql("true")
        case "string":
            return _string_check(text, field.format)
        case "integer":
            return full_match(bare, INTEGER)
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
            return full_match(text, YEAR)
        case "yearmonth":
            return full_match(text, YEARMONTH)
        case "duration":
            cut_off = f"ends_with({text}, 'P') OR ends_with({text}, 'T')"
            return f"({full_match(text, DURATION)} AND NOT ({cut_off}))"
        case "geopoint":
            return geopoint_check(text, field.format)
        case "geojson":
            return topojson_check(text) if field.format == "topojson" else geojson_check(text)
        case "object":
            return f"({is_json(text, 'OBJECT')})"
        case "array":
            return f"({is_json(text, 'ARRAY')})"
        case _:
            return _list_check(text, field)


def quick_check(text: Sql, field: Field) -> Sql:
    """A cheap condition that holds for the usual spelling of a value, or nothing.

    Per cell within a scan, 2 cores: a number by its pattern 86 ns, so 33; a date 60 and a cast
    more, so 79; a moment 100 and a cast more, so 106. The engine's cast of a number also takes
    `1_000`, `+-1` and `nan(1)`, and that of a date years of five digits and `infinity`.
    """
    match field.type, field.format:
        case "number", "default" if field.bare_number and field.decimal_char == ".":
            if field.group_char:
                return sql("")
            plain = f"{text} >= '-' AND NOT contains({text}, '_')"
            return f"(isfinite(try_cast({text} AS DOUBLE)) AND {plain})"
        case "date", "default":
            return f"(try_cast({text} AS DATE)::VARCHAR = {text} AND length({text}) = 10)"
        case "datetime", "default":
            moment = f"try_cast({text} AS TIMESTAMP)::VARCHAR"
            return f"({moment} = replace({text}, 'T', ' ') AND {text}[5] = '-')"
        case _:
            return sql("")


def value_of(text: Sql, field: Field) -> Sql:  # noqa: PLR0911 (a row per type)
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


def parsed(text: Sql, field: Field) -> Sql:
    """A temporal text as the engine's timestamp, or NULL. Without a zone it is UTC."""
    if field.format != "default":
        return formatted(text, field)
    if field.type == "date":
        return f"try_cast({text} AS DATE)"
    return f"try_cast({text} AS TIMESTAMPTZ)"


def _temporal_check(text: Sql, field: Field) -> Sql:
    if field.format != "default":
        return formatted_check(text, field)
    if field.type == "time":
        return full_match(text, TIME)
    if field.type == "date":
        value = parsed(text, field)
        return f"({full_match(text, DATE)} AND {text} >= '0001' AND {value} IS NOT NULL)"
    day = f"try_cast(left({text}, 10) AS DATE) IS NOT NULL"
    return f"({full_match(text, DATE + '[T ]' + TIME)} AND {text} >= '0001' AND {day})"


def plain_number(text: Sql, field: Field) -> Sql:
    """The text of a number without what its field allows around and inside it."""
    if field.type not in ("integer", "number"):
        return text
    if not field.bare_number:
        text = f"regexp_replace(regexp_replace({text}, '^[^-+\\d.]*', ''), '\\D*$', '')"
    text = replaced(text, field.group_char)
    if field.decimal_char != ".":
        text = f"replace({text}, {literal(field.decimal_char)}, '.')"
    return text


def replaced(text: Sql, gone: str) -> Sql:
    """`text` without the characters `gone`."""
    return f"replace({text}, {literal(gone)}, '')" if gone else text


def full_match(text: Sql, pattern: str) -> Sql:
    """Whether the whole of `text` matches the RE2 `pattern`."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def _string_check(text: Sql, form: str) -> Sql:
    match form:
        case "email":
            return full_match(text, EMAIL)
        case "uri":
            return full_match(text, URI)
        case "uuid":
            return full_match(text, UUID)
        case "binary":
            return full_match(text, BASE64)
        case "wkt":
            return wkt_check(text)
        case _:
            return sql("true")


def _list_check(text: Sql, field: Field) -> Sql:
    if field.item_type in (None, "string"):
        return sql("true")
    item = Field(name=field.name, type=str(field.item_type))
    inner = lexical_check("item", item)
    parts = f"string_split({text}, {literal(field.delimiter)})"
    return f"len(list_filter({parts}, lambda item: NOT coalesce({inner}, false))) = 0"
