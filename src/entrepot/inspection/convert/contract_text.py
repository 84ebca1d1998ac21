"""The cells of canonical CSV in the form that a contract gives to their fields (`field_text`)."""

from collections.abc import Iterable

import duckdb

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, SourceBroken, Table
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


def require_texts(engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema) -> None:
    """Check that each cell without a value has a text: where `missingValues` is empty, an empty
    cell is an empty text. Raises SourceBroken, and duckdb.Error where the scan fails."""
    if table.storage == "text":  # which has an empty text there too
        return
    unmarked = [
        number
        for number, cell in checked_columns(table.with_short_names(), schema)
        if not schema.missing_values_of(cell.field)
    ]
    for start in range(0, len(unmarked), COLUMNS_PER_QUERY):
        for number in _with_nulls(engine, table, unmarked[start : start + COLUMNS_PER_QUERY]):
            raise SourceBroken(
                f"column {quoted(table.labels[number - 1])} has a cell without a value, for which"
                ' a CSV has no text: its "missingValues" is []'
            )


def _with_nulls(
    engine: duckdb.DuckDBPyConnection, table: Table, numbers: list[int]
) -> Iterable[int]:
    """The columns, of those with these numbers, that have a cell without a value."""
    relation = table.narrow(number - 1 for number in numbers).relation
    flags = ", ".join(f"bool_or(c{number} IS NULL)" for number in numbers)
    row = engine.execute(f"SELECT {flags} FROM {relation}").fetchone() or ()
    return [number for number, flag in zip(numbers, row, strict=True) if flag]
