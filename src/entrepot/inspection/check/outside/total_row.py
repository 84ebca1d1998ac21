"""A total in the last row, which may not be meant as a row.

A word such as `Total` alone proves nothing: it may name a category. It is a total if its cells
also say so: one is the sum of those above it, or the only number of a column that has a text in
every other row, or it leaves a column empty, or without a number or a date, that has a value, a
number or a date in every other row.
"""

import re
from typing import Any

import duckdb

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.report.footer_pattern import footer_line, footer_pattern
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.row_looks import TOTAL
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.report.take_out import advise_taking_out
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.schemas.model import TableSchema

MAX_SUMMED_COLUMNS = 100
"""Columns that are compared with the last row; the first ones."""
MAX_ROWS = 100_000
"""Of a table whose last row takes a scan to find; tables with a total are sheets for people."""
MAX_LABEL_COLUMNS = 3
"""Columns of which the first one that is not empty has the word."""
DATED = r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
"""How dates begin, in their usual forms of digits."""
MIN_ROWS_ABOVE = 2
"""Fewer rows are all alike by chance."""


def find_total_row(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, rows: int
) -> list[dict[str, Any]]:
    """The error of a last row, of `rows`, that is a total; none if it is a row. `schema` says how
    the table's numbers are written. Raises duckdb.Error."""
    if table.typed or table.by_name or not rows:
        return []
    # The first cell alone is enough to tell that nearly every last row is not a total.
    known = (table.last_first_cell() or "").strip()
    if (known and not TOTAL.match(known)) or (not known and rows > MAX_ROWS):
        return []
    texts = [f"trim(coalesce({column.text}, ''))" for column in table.columns[:MAX_SUMMED_COLUMNS]]
    first_texts = ", ".join(f"nullif({text}, '')" for text in texts[:MAX_LABEL_COLUMNS])
    label = f"coalesce({first_texts})"
    query = f"SELECT max(_row), arg_max_null({label}, _row) FROM {table.numbered}"
    last = engine.execute(query).fetchone()
    if last is None or last[0] is None or not TOTAL.match(last[1] or ""):
        return []
    row = last[0]
    values = [_number(cell) for _, cell in checked_columns(table, schema)[: len(texts)]]
    listed = ", ".join(
        f"{{'t': {each[0]}, 'n': {each[1]}}}" for each in zip(texts, values, strict=True)
    )
    query = f"SELECT [{listed}] FROM {table.numbered} WHERE _row = ?"
    cells = (engine.execute(query, [row]).fetchone() or ([],))[0]
    label_column = next(n for n, cell in enumerate(cells) if cell["t"])
    is_listed = schema.fields[label_column].lists_values  # and the total is one of the values
    measures = ", ".join(_measures(sql(f"c[{n}]")) for n in range(1, len(texts) + 1))
    above = engine.execute(
        f"SELECT count(*), {measures} FROM (SELECT [{listed}] AS c FROM {table.numbered}"
        " WHERE _row < ?)",
        [row],
    ).fetchone()
    if is_listed or above is None or above[0] < MIN_ROWS_ABOVE:
        return []
    measured = zip(cells, above[1:], strict=True)
    if not any(_says_total(cell["t"], cell["n"], above[0], *each) for cell, each in measured):
        return []
    row_texts = [cell["t"] for cell in cells]
    text = " | ".join(each for each in row_texts if each)
    # A footer is known by its first cell, which may be empty here.
    line = footer_line(footer_pattern(row_texts[:1])) if row_texts[0] else ""
    advice = advise_taking_out(1, line)
    statement = Statement(f"the last row looks like a total: {quoted(text)}", advice=advice)
    return [problem("outside-table", "", statement, rowNumber=row)]


def _number(cell: CellSql) -> Sql:
    """The number in a cell as a double, NULL where there is none."""
    is_number = cell.field.type in ("integer", "number")
    return f"TRY_CAST({cell.value if is_number else cell.text} AS DOUBLE)"


def _measures(cell: Sql) -> Sql:
    dated = f"regexp_matches({cell}.t, {literal(DATED)})"
    return sql(
        f"[count(*) FILTER ({cell}.t != ''), count({cell}.n), sum({cell}.n), count_if({dated})]"
    )


def _says_total(
    cell: str,
    number: float | None,
    rows: int,
    filled: float,
    numbers: float,
    total: float | None,
    dated: float,
) -> bool:
    """Whether a cell below a column of `rows` cells shows that its row is a total."""
    if not cell:
        return filled == rows
    if number is not None and not numbers:  # below a column of texts
        return filled == rows
    if number is None:
        return numbers == rows or (dated == rows and not re.match(DATED, cell))
    return numbers == filled and total is not None and abs(number - total) < 1e-9 * abs(total)
