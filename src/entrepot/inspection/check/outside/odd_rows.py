"""Comments, notes and subtotals among the rows of a first version, which have its number of cells.

They would be frozen as rows, and the first column as text. That column shows them: all its other
cells are numbers or dates, and theirs begin as comments, notes or totals do.
"""

import re

import duckdb

from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.row_looks import TOTAL
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import literal
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema
from entrepot_client.counts import counted

MAX_ODD_ROWS = 5
"""Rows that may be odd; with more of them the column is one of texts."""
MIN_ROWS_PER_ODD = 5
"""Rows with a number or a date for each of them, at least."""
MAX_ROWS = 100_000
"""Of a table that is looked at, which takes a scan of its own."""
NUMBER_OR_DATE = r"\s*[-+]?\d[\d.,:/ T-]*\s*"
COMMENT = re.compile(r"(?:#|//|%|--|!|;|\*|†)(?:\s+\w|[^\W\d_]{2})")
"""A mark of a comment or a note before a word."""
NOTE = re.compile(r"(?:sources?|notes?|footnotes?|quelle|hinweis|legende?|end of)\b", re.IGNORECASE)


def find_odd_rows(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, rows: int
) -> list[dict[str, object]]:
    """The error of rows, of `rows`, that are not meant as rows; none if each is one. Raises
    duckdb.Error."""
    if table.typed or table.by_name or not table.header or rows > MAX_ROWS:
        return []
    if schema.fields[0].type not in ("string", "any") or rows <= MIN_ROWS_PER_ODD:
        return []
    text = table.columns[0].text
    odd = engine.execute(
        f"SELECT _row, {text} FROM {table.numbered} WHERE coalesce(trim({text}), '') != ''"
        f" AND NOT regexp_full_match({text}, {literal(NUMBER_OR_DATE)})"
        f" ORDER BY _row LIMIT {MAX_ODD_ROWS + 1}"
    ).fetchall()
    if not odd or len(odd) > MAX_ODD_ROWS or len(odd) * MIN_ROWS_PER_ODD > rows:
        return []
    cells = [str(cell).strip() for _, cell in odd]
    if not all(TOTAL.match(cell) or COMMENT.match(cell) or NOTE.match(cell) for cell in cells):
        return []
    numbers = [int(row) for row, _ in odd]
    them = "it" if len(odd) == 1 else "them"
    looks = "the row looks" if len(odd) == 1 else f"{counted(len(odd), 'row')} look"
    advice = f'Take {them} out, or add "commentRows": {numbers} to the dialect.'
    reason = f"{looks} like a comment, a note or a total: {quoted(cells[0])}"
    statement = Statement(reason, advice=advice)
    return [problem("outside-table", "", statement, rowNumber=numbers[0])]
