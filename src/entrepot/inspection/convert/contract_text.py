"""Values of formats that store types, as texts in the form that a contract gives to its fields.

The canonical CSV of a version keeps the version's contract, whatever format was delivered: `12.5`
is `12,5` where the field's `decimalChar` is a comma, and would else be read as 125 where its
`groupChar` is a point.
"""

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql, value_of
from entrepot.inspection.values.native_text import delivered_text
from entrepot.schemas.model import Field, TableSchema

MOMENTS = {
    "date": sql("try_cast({text} AS DATE)"),
    "datetime": sql("try_cast({text} AS TIMESTAMP)"),
    "time": sql("DATE '2000-01-01' + try_cast({text} AS TIME)"),
}
"""What the engine writes in a format, by the type of the field."""


def contract_texts(table: Table, schema: TableSchema) -> list[Sql]:
    """The text of each column's cells, those of native values in the form of their fields."""
    return [
        _contract_text(delivered_text(table.columns[number - 1]), cell)
        for number, cell in checked_columns(table, schema)
    ]


def _contract_text(text: Sql, cell: CellSql) -> Sql:
    spelled = _spelled(text, cell.field)
    if spelled == text or cell.native == "false":
        return text
    return f"CASE WHEN {cell.native} AND {cell.checked} THEN {spelled} ELSE {text} END"


def _spelled(text: Sql, field: Field) -> Sql:
    match field.type:
        case "integer" | "number":
            return _spelled_number(text, field)
        case "boolean" if "true" not in field.true_values or "false" not in field.false_values:
            words = literal(field.true_values[0]), literal(field.false_values[0])
            return f"CASE WHEN {text} = 'true' THEN {words[0]} ELSE {words[1]} END"
        case "date" | "time" | "datetime" if field.format not in ("default", "any"):
            moment = MOMENTS[field.type].replace("{text}", text)
            written = f"strftime({moment}, {literal(field.format)})"
            plain = value_of(text, Field("", field.type))
            # A format may have no place for a part of the value, such as seconds or the zone.
            same = f"coalesce({value_of(written, field)} = {plain}, false)"
            return f"CASE WHEN {same} THEN {written} ELSE {text} END"
        case _:
            return text


def _spelled_number(text: Sql, field: Field) -> Sql:
    if field.type == "integer" and "." in field.group_char:
        # There the point stands between groups, and `5.0` is not an integer.
        text = f"regexp_replace({text}, '[.]0+$', '')"
    if field.type == "number" and field.decimal_char != ".":
        text = f"replace({text}, '.', {literal(field.decimal_char)})"
    if field.affix is not None:
        text = f"{literal(field.affix.prefix)} || {text} || {literal(field.affix.suffix)}"
    return text
