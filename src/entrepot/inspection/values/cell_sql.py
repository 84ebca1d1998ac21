"""One cell against one field, as SQL expressions over a column of texts.

What is checked as text follows frictionless-py; each deliberate difference is pinned by a
test. All patterns are RE2's, whose time is linear.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, Storage
from entrepot.inspection.values.decimals import is_whole
from entrepot.inspection.values.field_text import has_text, spelled
from entrepot.inspection.values.geo import geojson_check, geopoint_check, topojson_check, wkt_check
from entrepot.inspection.values.json_forms import with_json_forms
from entrepot.inspection.values.json_text import is_json
from entrepot.inspection.values.missing_marks import is_no_mark_of
from entrepot.inspection.values.native_text import delivered_text
from entrepot.inspection.values.plain_number import begins_plainly, plain_number, without_affixes
from entrepot.inspection.values.stored_moments import with_stored_moments
from entrepot.inspection.values.temporal import formatted_check, moment
from entrepot.schemas.lexical import (
    BASE64,
    CONTROL,
    DATE,
    DURATION,
    EMAIL,
    ENDS_IN_ZONE,
    TIME_BY_ZONE,
    URI,
    UUID,
    YEAR,
    YEARMONTH,
)
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import number_regex

NATIVE: dict[str, tuple[str, ...]] = {
    "string": ("formula",),
    "integer": ("integer",),
    "number": ("integer", "decimal", "number"),
    "boolean": ("boolean",),
    "date": ("date",),
    "time": ("time",),
    "datetime": ("datetime",),
    "year": ("integer", "decimal", "number"),
    "yearmonth": (),
    "duration": ("duration",),
    "object": ("object",),
    "array": ("array",),
    "list": ("array",),
    "geopoint": (),
    "geojson": ("object",),
    "any": (
        *("integer", "decimal", "number", "boolean", "date", "time", "datetime", "duration"),
        *("object", "array", "binary", "formula", "other"),
    ),
}
"""The kinds of native (not textual) cells that are values of each type."""
NO_TEXT: dict[Storage, frozenset[str]] = {
    "text": frozenset(),
    "objects": frozenset({"integer", "number", "boolean"}),
    "workbook": frozenset({"integer", "number"}),
    "columns": frozenset({"integer", "number", "boolean", "date", "time", "datetime", "year"}),
}
"""Per storage the types that have kinds of their own there, so that no text is a value of them.
Parquet and Arrow have none for months, and for durations none that writers of Parquet use."""

PATTERNED = frozenset(
    {"integer", "number", "date", "time", "datetime", "year", "yearmonth", "duration"}
)
"""Types whose values have a pattern of their own, in which no control character is."""
IN_OUR_FORM = frozenset({"date", "time", "datetime", "duration"})
"""Types of which typed formats have values that the types have not, such as days of the year 10000
and before our era, `infinity`, 24:00, and intervals of a month less a day."""

NATIVE_YEAR = r"-?\d{1,9}(?:\.0*)?"
"""A year that is stored as a number, of as many digits as the text of one has at most."""

MAY_BE_JSON = frozenset({"object", "array", "geojson", "any"})
"""Types whose stored values may be JSON and stay texts."""


def text_fits(field_type: str, storage: Storage) -> bool:
    """Whether a cell that is stored as a text may be a value of the type."""
    return field_type not in NO_TEXT[storage]


@dataclass(frozen=True)
class CellSql:
    """The expressions of one column under one field; each is NULL or false on missing cells.

    `present`: the cell is not a missing value. `valid`: it is a value of the type (given it is
    present). `value`: comparable, of the type's own order. `text`: its text, for the report.
    `quick`, where not empty, is cheaper than both and never true of a cell that is not valid.
    `native`: it is not a text but a value of the format's own (`true`, `false`, or an expression).
    `delivered`: its text where it stays one in other forms of the table. A missing value of a
    delimited text is NULL there; typed formats tell an empty text from none, so it stays as it is.
    `missing` are the texts that mean no value, where they are known for cells of texts.
    """

    field: Field
    text: Sql
    present: Sql
    valid: Sql
    value: Sql
    quick: Sql = sql("")
    native: Sql = sql("false")
    delivered: Sql = sql("")
    missing: tuple[str, ...] = ()

    def has_value(self, text: str | None) -> bool:
        """Whether the text of a cell of a delimited text, None if it is empty, is a value."""
        return (text or "") not in self.missing

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
        # Without a delimiter, the items of a list are those of a JSON array.
        plain = Field(
            self.field.name, self.field.type, form, delimiter="", item_type=self.field.item_type
        )
        plain_sql = make(plain)
        if self.native == "true" or sql == plain_sql:
            return plain_sql
        return f"CASE WHEN {self.native} THEN {plain_sql} ELSE {sql} END"


def cell_sql(
    column: Column,
    field: Field,
    missing: tuple[str, ...],
    storage: Storage = "text",
    controls: bool = True,
) -> CellSql:
    """The expressions for `column` under `field`, with `missing` the texts of missing values.
    `controls`: a text may have control characters, and is no value then."""
    # Readers of texts and workbooks give NULL for an empty cell, the others an empty text. An empty
    # cell of a workbook has no value; only in a column of texts it may be an empty text.
    tells_empty = storage in ("objects", "columns")
    if storage == "objects":
        column = with_json_forms(column, field)
    column = with_stored_moments(column, field, storage)
    text = column.text
    has_empty_texts = storage == "text" or (storage == "workbook" and field.type == "string")
    if "" not in missing and column.kind == "text" and has_empty_texts:
        text = f"coalesce({text}, '')"
    others = [each for each in missing if each or tells_empty]
    present = f"{text} IS NOT NULL"
    if others:
        present = f"({present} AND {is_no_mark_of(column, field, text, others)})"
    delivered = f"CASE WHEN {present} THEN {text} END"
    if tells_empty:
        may_be_json = column.kind is not None or field.type in MAY_BE_JSON
        delivered = delivered_text(column) if may_be_json else column.text
    lexical = sql("false")
    if text_fits(field.type, storage) and not (field.stored_type and storage == "workbook"):
        lexical = lexical_check(text, field)
        if controls and _may_match_controls(field):
            clean = f"NOT regexp_matches({text}, {literal(CONTROL)})"
            lexical = clean if lexical == "true" else f"({clean} AND {lexical})"
    if column.kind == "text" and not _is_json_list(field, storage):
        value, quick = (
            value_of(text, field),
            sql("") if lexical == "false" else quick_check(text, field),
        )
        return CellSql(
            field, text, present, lexical, value, quick, delivered=delivered, missing=missing
        )
    native = _stored_check(text, column, field, missing)
    if column.kind == "text":
        valid, is_native = native, sql("true")
    elif column.kind is None:
        valid = f"CASE WHEN {column.kind_sql} = 'text' THEN {lexical} ELSE {native} END"
        is_native = f"({column.kind_sql} <> 'text')"
    else:
        valid, is_native = native, sql("true")
    if field.type == "integer" and column.kind in (None, "number"):
        # Without an exponent, as canonical CSV has it.
        digits = spelled(text, Field("", "integer"), ())
        delivered = f"CASE WHEN {is_native} AND {present} THEN {digits} ELSE {delivered} END"
    cell = CellSql(field, text, present, valid, sql(""), native=is_native, delivered=delivered)
    return replace(cell, value=cell.for_field(lambda form: value_of(text, form)))


def _may_match_controls(field: Field) -> bool:
    """Whether the lexical form of the field's type does not exclude control characters itself."""
    return not field.bare_number or field.type not in PATTERNED or field.format != "default"


def _is_json_list(field: Field, storage: Storage) -> bool:
    """Whether a text is a list as JSON, and not as items with delimiters between them."""
    return storage == "columns" and field.type == "list"


def _stored_check(text: Sql, column: Column, field: Field, missing: tuple[str, ...]) -> Sql:
    """Whether a value of the format's own has the field's type, and a text in the field's form."""
    native = _native_check(text, column, field)
    if column.kind == "text":
        native = f"({is_json(text, 'ARRAY')} AND {_native_items(text, field)})"
    stated = has_text(text, field, missing, column.kind)
    return native if stated == "true" else f"CASE WHEN {native} THEN {stated} ELSE false END"


def _native_check(text: Sql, column: Column, field: Field) -> Sql:  # noqa: PLR0911 (a row per type)
    kinds = NATIVE[field.type]
    if field.type == "geopoint" and field.format != "default":
        shape: tuple[str, ...] = ("array",) if field.format == "array" else ("object",)
        return f"({_is_kind(column, shape)} AND {geopoint_check(text, field.format)})"
    if field.type == "list":
        return f"({_is_kind(column, kinds)} AND {_native_items(text, field)})"
    if field.type == "geojson":
        return f"({_is_kind(column, kinds)} AND {lexical_check(text, field)})"
    if field.type == "string":
        return f"({_is_kind(column, kinds)} AND {_string_check(text, field.format)})"
    if field.type == "integer":
        whole = f"coalesce({is_whole(text)}, false)"
        if column.kind is None:
            kind = column.kind_sql
            return f"({kind} = 'integer' OR ({kind} = 'number' AND {whole}))"
        fractions = column.kind in ("decimal", "number")
        whole = whole if fractions else sql("false")
        return sql("true") if column.kind == "integer" else whole
    if field.type in IN_OUR_FORM:
        plain = Field("", field.type, time_zone=field.time_zone)
        return f"({_is_kind(column, kinds)} AND {lexical_check(text, plain)})"
    if field.type == "year":
        return f"({_is_kind(column, kinds)} AND {full_match(text, NATIVE_YEAR)})"
    if field.finite and column.kind in (None, "number"):
        return f"({_is_kind(column, kinds)} AND {is_finite(text)})"
    return _is_kind(column, kinds)


def is_finite(text: Sql) -> Sql:
    """Whether a number that a format stores, as a text, is neither NaN nor infinite."""
    # Comparisons of first characters: others begin with a digit, a point or a sign.
    return f"({text} < ':' AND {text} NOT IN ('-inf', '-INF'))"


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


def _native_items(text: Sql, field: Field) -> Sql:
    """Whether each item of the JSON array `text` is of the list's item type, natively or as
    text."""
    item_type = field.item_type or "string"
    if item_type == "string":
        return sql("true")
    native = ", ".join(map(literal, JSON_ITEMS.get(item_type, ())))
    inner = lexical_check("(item ->> '$')", Field("", item_type))
    kind = f"json_type(item) = 'VARCHAR' AND {inner}"
    if native:
        kind = f"json_type(item) IN ({native}) OR ({kind})"
    items = f"json_extract(CASE WHEN json_valid({text}) THEN {text} END, '$[*]')"
    return f"coalesce(len(list_filter({items}, lambda item: NOT coalesce({kind}, false))), 0) = 0"


def lexical_check(text: Sql, field: Field) -> Sql:  # noqa: PLR0911, PLR0912 (a row per type)
    """Whether `text` (not missing) is a lexical form of the field's type."""
    match field.type:
        case "any":
            return sql("true")
        case "string":
            return _string_check(text, field.format)
        case "integer" | "number":
            return full_match(without_affixes(text, field), number_regex(field))
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
            plain = sql("") if field.group_char else begins_plainly(text, field)
            return f"(isfinite(try_cast({text} AS DOUBLE)) AND {plain})" if plain else sql("")
        case "date", "default":
            return f"(try_cast({text} AS DATE)::VARCHAR = {text} AND length({text}) = 10)"
        case "datetime", "default" if not field.time_zone:
            moment = f"try_cast({text} AS TIMESTAMP)::VARCHAR"
            return f"({moment} = replace({text}, 'T', ' ') AND {text}[5] = '-')"
        case _:
            return sql("")


def value_of(text: Sql, field: Field) -> Sql:
    """A comparable value for bounds, enums and uniqueness; NULL where the text is none."""
    bare = plain_number(text, field)
    match field.type:
        case "integer" | "year":
            return f"try_cast({bare} AS HUGEINT)"
        case "number":
            return f"try_cast({bare} AS DOUBLE)"
        case "boolean":
            return f"({text} IN ({', '.join(map(literal, field.true_values))}))"
        case "date" | "datetime" | "time":
            return moment(text, field)
        case _:
            return text


def _temporal_check(text: Sql, field: Field) -> Sql:
    if field.format != "default":
        return _formatted_check(text, field)
    if field.type == "time":
        return full_match(text, TIME_BY_ZONE[field.time_zone])
    if field.type == "date":
        value = f"try_cast({text} AS DATE)"
        return f"({full_match(text, DATE)} AND {text} >= '0001' AND {value} IS NOT NULL)"
    day = f"try_cast(left({text}, 10) AS DATE) IS NOT NULL"
    form = f"{DATE}[T ]{TIME_BY_ZONE[field.time_zone]}"
    return f"({full_match(text, form)} AND {text} >= '0001' AND {day})"


def _formatted_check(text: Sql, field: Field) -> Sql:
    check = formatted_check(text, field)
    if field.format != "any" or field.time_zone is None:  # else the format says it
        return check
    zoned = f"regexp_matches({text}, {literal(ENDS_IN_ZONE)})"
    return f"({check} AND {zoned})" if field.time_zone else f"({check} AND NOT {zoned})"


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
