"""The cells of canonical CSV in the form that a contract gives to their fields (`field_text`)."""

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.inspection.values.field_text import spelled
from entrepot.inspection.values.missing_marks import MARKED_BY_VALUE
from entrepot.inspection.values.native_text import delivered_text
from entrepot.schemas.model import TableSchema


def contract_texts(table: Table, schema: TableSchema) -> list[Sql]:
    """The text of each column's cells, those of native values in the form of their fields; where
    there is no value, and an empty cell would be one, a mark of missing values."""
    return [
        _contract_text(table.columns[number - 1], cell, schema.missing_values_of(cell.field))
        for number, cell in checked_columns(table, schema)
    ]


def _contract_text(column: Column, cell: CellSql, marks: tuple[str, ...]) -> Sql:
    written = text = delivered_text(column)
    if cell.native != "false":
        in_form, cases = spelled(cell.text, cell.field, marks), sql("")
        if in_form != cell.text:
            cases += f" WHEN {cell.native} AND {cell.checked} THEN {in_form}"
        if marks and cell.field.type in MARKED_BY_VALUE:
            listed = ", ".join(map(literal, marks))
            unsaid = f"NOT {cell.present} AND {text} NOT IN ({listed})"
            cases += f" WHEN {cell.native} AND {unsaid} THEN {literal(marks[0])}"
        written = f"CASE{cases} ELSE {text} END" if cases else text
    if marks and "" not in marks and cell.text == column.text:  # else an empty cell is a text
        return f"coalesce({written}, {literal(marks[0])})"
    return written
