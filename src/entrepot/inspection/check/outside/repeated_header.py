"""The header of a first version again among its rows, in other quotes, another case or with
blanks around the names: tables were joined, and a row of names would be frozen as a row."""

from typing import Any

import duckdb

from entrepot.inspection.report.report import problem
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.report.take_out import advise_taking_out, comment_rows_line
from entrepot.inspection.sql import literal, sql
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema

MAX_COMPARED_COLUMNS = 50
"""Columns that are compared; the first ones."""
MAX_LISTED_ROWS = 5
"""Rows that the line of dialect names."""


def find_repeated_header(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema
) -> list[dict[str, Any]]:
    """The error of rows that repeat the header; none if there are none, or if the reader has named
    them. Raises duckdb.Error.

    A column of any other type than text has no name of a column among its cells, so that most
    tables are not looked at.
    """
    if table.typed or table.by_name or not table.header or len(table.columns) < 2:
        return []
    if any(field.type not in ("string", "any") for field in schema.fields):
        return []
    compared = table.columns[:MAX_COMPARED_COLUMNS]
    alike = [
        f"lower(trim({column.text})) = {literal(column.label.strip().lower())}"
        for column in compared
        if column.label.strip()
    ]
    if len(alike) < 2:
        return []
    # What is equal to the letter was seen by the reader that split the records.
    same = [f"{column.text} = {literal(column.label)}" for column in compared]
    seen = table.uneven or table.storage == "workbook"
    other = f" AND NOT ({' AND '.join(same)})" if seen else sql("")
    rows = engine.execute(
        f"SELECT _row, count(*) OVER () FROM {table.numbered} WHERE {' AND '.join(alike)}{other}"
        f" ORDER BY _row LIMIT {MAX_LISTED_ROWS}"
    ).fetchall()
    if not rows:
        return []
    total = int(rows[0][1])
    times = "once" if total == 1 else f"{total:,} times"
    numbers = [int(row) for row, _ in rows]
    advice = advise_taking_out(total, comment_rows_line(numbers, total))
    statement = Statement(f"the header is repeated ({times})", advice=advice)
    return [problem("outside-table", "", statement, rowNumber=numbers[0])]
