"""What a field expects of a cell, in words: its type, format and constraints.

The words name what the sender has to change: the decimal mark, the form of a date, the bound.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from entrepot.inspection.report.impossible_moments import explain_impossible
from entrepot.inspection.report.quoting import look_alikes, quoted
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.report.time_of_day import explain_time_of_day
from entrepot.inspection.report.unwritable import NOT_FINITE, state_unwritable
from entrepot.inspection.table import CellKind, Storage
from entrepot.schemas.lexical import ENDS_IN_ZONE
from entrepot.schemas.model import Affix, Field
from entrepot.schemas.values import read_value
from entrepot_client.counts import counted

MAX_CHOICES = 5
"""Values of an enum that a sentence names."""
MAX_PATTERN_CHARS = 100
NOUNS = {
    "any": "a value",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean value",
    "date": "a date",
    "time": "a time",
    "datetime": "a date with a time",
    "year": "a year",
    "yearmonth": "a year with a month",
    "duration": "a duration",
    "object": "a JSON object",
    "array": "a JSON array",
    "list": "a list",
    "geopoint": "a pair of coordinates",
    "geojson": "a GeoJSON object",
}
STRING_NOUNS = {
    "email": "an email address",
    "uri": "a URI",
    "uuid": "a UUID",
    "binary": "Base64",
    "wkt": "well-known text (WKT)",
}
FORMS = {
    "date": "a date in the form YYYY-MM-DD",
    "time": "a time in the form hh:mm:ss",
    "datetime": "a date with a time in the form YYYY-MM-DDThh:mm:ss",
    "year": "a year of four digits",
    "yearmonth": "a year with a month in the form YYYY-MM",
    "duration": "an ISO 8601 duration",
}
STORED_AS = {
    "integer": "a number",
    "number": "a number",
    "string": "text",
    "boolean": "a boolean value",
    "date": "a date",
    "time": "a time",
    "datetime": "a date",
    "duration": "a duration",
}
ZONE_WORDS = {None: "", True: ", with a time zone", False: ", without a time zone"}
ITEM_NOUNS = {
    "string": "texts",
    "integer": "integers",
    "number": "numbers",
    "boolean": "boolean values",
    "date": "dates",
    "time": "times",
    "datetime": "dates with times",
}
GEOPOINTS = {
    "default": "longitude and latitude with a comma between them",
    "array": "a JSON array of longitude and latitude",
    "object": "a JSON object with `lon` and `lat`",
}
STORED_IN = {
    "integer": "numbers",
    "number": "numbers",
    "string": "texts",
    "boolean": "boolean values",
}
"""What a column of Parquet or Arrow holds, by the types that every format with types has."""
STORED_NOUNS: dict[CellKind, str] = {
    "text": "text",
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "binary": "binary value",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "duration": "duration",
    "object": "object",
    "array": "array",
    "formula": "formula",
    "other": "value",
}
"""What the format itself says of a cell, as in "the text `5`"."""
WORK_OUT = "Save the workbook with a program that works formulas out."
NUMERIC = ("integer", "number")
SHOWN_WITH_LOOK_ALIKES = (*NUMERIC, "date", "time", "datetime", "year", "yearmonth", "duration")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
COUNTED = {"list": "items", "array": "items", "object": "keys", "geojson": "keys"}
"""What `minLength` and `maxLength` count, where it is not characters."""
BOUNDS = {
    "minimum": ("is less than", "{} or more"),
    "maximum": ("is more than", "{} or less"),
    "exclusiveMinimum": ("is not more than", "more than {}"),
    "exclusiveMaximum": ("is not less than", "less than {}"),
}
TEMPORAL_BOUNDS = {
    "minimum": ("is before", "{} or later"),
    "maximum": ("is after", "{} or earlier"),
    "exclusiveMinimum": ("is not after", "later than {}"),
    "exclusiveMaximum": ("is not before", "earlier than {}"),
}
TEMPORAL = ("date", "time", "datetime", "year", "yearmonth")


def noun_of(field: Field) -> str:
    """The type of a field as a noun with its article."""
    if field.type == "string":
        return STRING_NOUNS.get(field.format, NOUNS["string"])
    return NOUNS[field.type]


def expected_type(field: Field) -> str:  # noqa: PLR0911 (a row per type)
    """What a cell of the field's type looks like as a text."""
    match field.type:
        case "integer" | "number":
            return _expected_number(field)
        case "boolean":
            return (
                f"{_choices(field.true_values)} for true, {_choices(field.false_values)} for false"
            )
        case "date" | "time" | "datetime":
            if field.format == "any":
                return f"{noun_of(field)} in a usual form{ZONE_WORDS[field.time_zone]}"
            if field.format != "default":
                return f"{noun_of(field)} in the format {quoted(field.format)}"
            return FORMS[field.type] + ZONE_WORDS[field.time_zone]
        case "list":
            items = ITEM_NOUNS[field.item_type or "string"]
            return f"a list of {items} with {quoted(field.delimiter)} between them"
        case "geopoint":
            return GEOPOINTS[field.format]
        case "geojson":
            return "TopoJSON" if field.format == "topojson" else "GeoJSON"
        case kind:
            return FORMS.get(kind) or noun_of(field)


def _expected_native(field: Field, storage: Storage) -> str:
    """What a cell of the field's type is where the format itself has values of the type."""
    noun = "true or false" if field.type == "boolean" else noun_of(field)
    match storage:
        case "objects":
            return f"{noun} {'in' if field.type == 'string' else 'without'} quotes"
        case "columns":
            return f"{noun} in a column of {STORED_IN[field.type]}"
        case _:
            other = "a number" if field.type == "string" else "text"
            return f"{noun}, entered as {STORED_AS[field.type]} and not as {other}"


def _expected_number(field: Field) -> str:
    if field.type == "integer":
        text = "an integer"
    else:
        mark = {".": "a decimal point", ",": "a decimal comma"}.get(field.decimal_char)
        text = f"a number with {mark or f'{quoted(field.decimal_char)} as its decimal mark'}"
    if field.group_char:
        joined = "with" if field.type == "integer" else "and"
        indian = field.grouping == "indian"
        groups = "Indian groups of digits" if indian else "groups of three digits"
        text += f" {joined} {_mark(field.group_char)} between {groups}"
    if field.affix is not None:
        text += f", with {_affix(field.affix)}"
    elif not field.bare_number:
        text += ", which may have a unit before or after it"
    return text


def _affix(affix: Affix) -> str:
    before = f"{quoted(affix.prefix)} before it" if affix.prefix else ""
    after = f"{quoted(affix.suffix)} after it" if affix.suffix else ""
    return " and ".join(filter(None, (before, after)))


def _mark(char: str) -> str:
    return {",": "a comma", ".": "a point", " ": "a space", "'": "an apostrophe"}.get(
        char, quoted(char)
    )


def state_type_error(
    field: Field, cell: str, stored: CellKind | None = None, storage: Storage = "text"
) -> Statement:
    """The statement on a cell that does not have the field's type. `stored` is what the format
    itself says of the cell, None where cells are texts (a delimited text)."""
    words = quoted(cell) if cell else "an empty cell"
    named = words if stored is None else f"the {STORED_NOUNS[stored]} {quoted(cell)}"
    native = stored is not None and field.type in STORED_IN
    native = native or (storage == "workbook" and field.stored_type)
    expected = _expected_native(field, storage) if native else expected_type(field)
    if stored == "formula":
        return Statement(f"{named} has no saved value", expected, "", WORK_OUT)
    if stored is not None and (statement := state_unwritable(field, cell, named)):
        return statement
    if statement := _state_zone(field, cell, named) or _state_infinite(field, cell, named):
        return statement
    if field.type == "string" and (controls := CONTROL_CHARACTER.findall(cell)):
        has = "a control character" if len(controls) == 1 else "control characters"
        return Statement(f"{named} has {has}", f"{noun_of(field)} without control characters")
    reason = f"{named} is not {_not_noun(field)}"
    why, advice = explain_impossible(field, cell), ""
    if not why:
        why, advice = explain_time_of_day(field, cell)
    if why:
        return Statement(f"{reason}: {why}", expected, "", advice)
    hint = look_alikes(cell) if field.type in SHOWN_WITH_LOOK_ALIKES else ""
    if not field.leading_zeros and LEADING_ZERO.match(cell.strip()):
        expected += " without leading zeros"
    return Statement(f"{reason} ({hint})" if hint else reason, expected)


def _state_zone(field: Field, cell: str, named: str) -> Statement | None:
    """The statement on a moment that is wrong for its time zone alone; None on any other cell."""
    zoned = re.search(ENDS_IN_ZONE, cell, re.ASCII) is not None
    if field.time_zone is None or zoned == field.time_zone:
        return None
    for form in (field.format, "default"):  # a stored moment has the default form
        with suppress(ValueError):
            read_value(cell, Field("", field.type, form))
            expected = f"{noun_of(field)}{ZONE_WORDS[field.time_zone]}"
            return Statement(f"{named} has {'a' if zoned else 'no'} time zone", expected)
    return None


def _state_infinite(field: Field, cell: str, named: str) -> Statement | None:
    """The statement on NaN or an infinity in a field of finite numbers; None on other cells."""
    if not field.finite or not NOT_FINITE.fullmatch(cell.strip()):
        return None
    return Statement(f"{named} is not a finite number", expected_type(field))


def _not_noun(field: Field) -> str:
    if field.type == "list" and field.item_type:
        return f"a list of {ITEM_NOUNS[field.item_type]}"
    return noun_of(field)


def state_constraint_error(  # noqa: PLR0911 (a row per constraint)
    field: Field, rule: str, cell: str
) -> Statement:
    """The statement on a cell that breaks the constraint `rule` of its field."""
    constraints = field.constraints
    match rule:
        case "required":
            reason = f"{quoted(cell)} stands for a missing value" if cell else "the cell is empty"
            return Statement(reason, "a value")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            bound = {
                "minimum": constraints.minimum,
                "maximum": constraints.maximum,
                "exclusiveMinimum": constraints.exclusive_minimum,
                "exclusiveMaximum": constraints.exclusive_maximum,
            }[rule]
            wording = TEMPORAL_BOUNDS if field.type in TEMPORAL else BOUNDS
            verb, expected = wording[rule]
            return Statement(f"{quoted(cell)} {verb} {bound}", expected.format(bound))
        case "minLength" | "maxLength":
            short = rule == "minLength"
            length = constraints.min_length if short else constraints.max_length
            side = "at least" if short else "at most"
            noun = COUNTED.get(field.type, "characters")
            unit = noun.removesuffix("s") if length == 1 else noun
            reason = (
                f"{quoted(cell)} is too {'short' if short else 'long'}{_length_of(field, cell)}"
            )
            return Statement(reason, f"{side} {length:,} {unit}")
        case "pattern":
            pattern = quoted(constraints.pattern or "", MAX_PATTERN_CHARS)
            return Statement(
                f"{quoted(cell)} does not match the pattern", f"text that matches {pattern}"
            )
        case "enum":
            return _not_among(cell, [_lexical(value) for value in constraints.enum or ()])
        case "categories":
            return _not_among(cell, [_lexical(each.value) for each in field.categories or ()])
        case "jsonSchema":
            return Statement(
                f"{quoted(cell)} does not satisfy the JSON Schema of the field",
                "a value that its `jsonSchema` allows",
            )
        case other:
            return Statement(f"{quoted(cell)} breaks the constraint `{other}`")


def _length_of(field: Field, cell: str) -> str:
    if field.type in COUNTED:
        return ""
    return f" ({counted(len(cell), 'character')})"


def _not_among(cell: str, values: Sequence[str]) -> Statement:
    some = _choices(values[:MAX_CHOICES], "or" if len(values) <= MAX_CHOICES else ",")
    more = len(values) - MAX_CHOICES
    listed = f"{some} or {counted(more, 'other value')}" if more > 0 else some
    alike = next((v for v in values if v != cell and v.casefold() == cell.strip().casefold()), "")
    advice = (
        f"{quoted(alike)} is one of them." if alike and alike not in values[:MAX_CHOICES] else ""
    )
    return Statement(f"{quoted(cell)} is not one of the allowed values", listed, "", advice)


def _choices(values: Sequence[str], last: str = "or") -> str:
    named = [quoted(value) for value in values]
    if len(named) < 2 or last == ",":
        return ", ".join(named)
    return f"{', '.join(named[:-1])} {last} {named[-1]}"


def _lexical(value: Any) -> str:
    """A value of the contract as a cell has it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
