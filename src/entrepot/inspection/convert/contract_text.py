"""Values of formats that store types, as texts in the form that a contract gives to its fields.

The canonical CSV of a version keeps the version's contract, whatever format was delivered: `12.5`
is `12,5` where the field's `decimalChar` is a comma, and would else be read as 125 where its
`groupChar` is a point.
"""

import re

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql, value_of
from entrepot.inspection.values.missing_marks import MARKED_BY_VALUE
from entrepot.inspection.values.native_text import delivered_text
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.strptime import expand_directives

MOMENTS = {
    "date": sql("try_cast({text} AS DATE)"),
    "datetime": sql("try_cast({text} AS TIMESTAMP)"),
    "time": sql("DATE '2000-01-01' + try_cast({text} AS TIME)"),
}
"""What the engine writes in a format, by the type of the field."""
UTC = {"%z": "+0000", "%Z": "UTC"}
"""The zone of moments that are stored: those with one are written in UTC, those without are UTC."""
DELIVERED_ITEMS = sql("json_extract_string({text}, '$[*]')")


def contract_texts(table: Table, schema: TableSchema) -> list[Sql]:
    """The text of each column's cells, those of native values in the form of their fields; where
    there is no value, and an empty cell would be one, a mark of missing values."""
    return [
        _contract_text(
            delivered_text(table.columns[number - 1]),
            cell,
            schema.missing_values_of(cell.field),
        )
        for number, cell in checked_columns(table, schema)
    ]


def _contract_text(text: Sql, cell: CellSql, marks: tuple[str, ...]) -> Sql:
    written = text
    if cell.native != "false":
        spelled, cases = _spelled(text, cell.field, marks), sql("")
        if spelled != text:
            cases += f" WHEN {cell.native} AND {cell.checked} THEN {spelled}"
        if marks and cell.field.type in MARKED_BY_VALUE:
            listed = ", ".join(map(literal, marks))
            unsaid = f"NOT {cell.present} AND {text} NOT IN ({listed})"
            cases += f" WHEN {cell.native} AND {unsaid} THEN {literal(marks[0])}"
        written = f"CASE{cases} ELSE {text} END" if cases else text
    if marks and "" not in marks:
        return f"coalesce({written}, {literal(marks[0])})"
    return written


def _spelled(text: Sql, field: Field, marks: tuple[str, ...]) -> Sql:
    match field.type:
        case "integer" | "number":
            return _spelled_number(text, field)
        case "year":
            sign = f"CASE WHEN starts_with({text}, '-') THEN '-' ELSE '' END"
            digits = f"ltrim({text}, '-')"
            return f"{sign} || lpad({digits}, greatest(4, length({digits}))::INTEGER, '0')"
        case "boolean":
            return _spelled_boolean(text, field, marks)
        case "list":
            return _spelled_list(text, field)
        case "date" | "time" | "datetime" if field.format not in ("default", "any"):
            moment = MOMENTS[field.type].replace("{text}", text)
            form = re.sub(
                "%.", lambda match: UTC.get(match[0], match[0]), expand_directives(field.format)
            )
            written = f"strftime({moment}, {literal(form)})"
            plain = value_of(text, Field("", field.type))
            # A format may have no place for a part of the value, such as seconds.
            same = f"coalesce({value_of(written, field)} = {plain}, false)"
            return f"CASE WHEN {same} THEN {written} ELSE {text} END"
        case _:
            return text


def _spelled_boolean(text: Sql, field: Field, marks: tuple[str, ...]) -> Sql:
    """By the first word of each that does not mean a missing value."""
    words = {}
    for value, listed in (("true", field.true_values), ("false", field.false_values)):
        usable = [word for word in listed if word not in marks] or list(listed)
        words[value] = value if value in usable else usable[0]
    if words == {"true": "true", "false": "false"}:
        return text
    true, false = literal(words["true"]), literal(words["false"])
    return f"CASE WHEN {text} = 'true' THEN {true} ELSE {false} END"


def _spelled_list(text: Sql, field: Field) -> Sql:
    """The items with the field's delimiter between them, where they are found again so."""
    items = DELIVERED_ITEMS.replace("{text}", text)
    delimiter = literal(field.delimiter)
    written = f"array_to_string({items}, {delimiter})"
    same = f"coalesce(string_split({written}, {delimiter}) = {items} AND {written} <> '', false)"
    return f"CASE WHEN {same} THEN {written} ELSE {text} END"


def _spelled_number(text: Sql, field: Field) -> Sql:
    if field.type == "integer":
        # A whole number of JSON or of a double may have an exponent, a text of an integer may not.
        whole = f"coalesce(try_cast({text} AS HUGEINT)::VARCHAR, {text})"
        text = f"CASE WHEN regexp_matches({text}, '[eE]') THEN {whole} ELSE {text} END"
    if field.type == "integer" and "." in field.group_char:
        # There the point stands between groups, and `5.0` is not an integer.
        text = f"regexp_replace({text}, '[.]0+$', '')"
    if field.type == "number" and field.decimal_char != ".":
        text = f"replace({text}, '.', {literal(field.decimal_char)})"
    if field.affix is not None:
        text = f"{literal(field.affix.prefix)} || ({text}) || {literal(field.affix.suffix)}"
    return text
