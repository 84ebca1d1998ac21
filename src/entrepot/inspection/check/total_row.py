"""A total in the last row of a first version, which would be frozen as a row.

A word such as `Total` alone proves nothing: it may name a category. It is a total if its cells
also say so: one is the sum of those above it, or it leaves a column empty, or without a number,
that has a value, or a number, in every other row.
"""

import json

import duckdb

from entrepot.inspection.report.footer_pattern import footer_pattern
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.row_looks import TOTAL
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import Table

MAX_SUMMED_COLUMNS = 100
"""Columns that are compared with the last row; the first ones."""
MAX_ROWS = 100_000
"""Of a table whose last row is looked at, which takes a scan of its own; tables with a total are
sheets for people."""
MIN_ROWS_ABOVE = 2
"""Fewer rows are all alike by chance."""


def find_total_row(
    engine: duckdb.DuckDBPyConnection, table: Table, rows: int
) -> list[dict[str, object]]:
    """The error of a last row, of `rows`, that is a total; none if it is a row. Raises
    duckdb.Error."""
    if table.typed or table.by_name or not table.header or rows > MAX_ROWS:
        return []
    known = table.last_first_cell()
    if not rows or (known is not None and not TOTAL.match(known.strip(" "))):
        return []
    texts = [f"trim(coalesce({column.text}, ''))" for column in table.columns[:MAX_SUMMED_COLUMNS]]
    # The first cell alone is enough to tell that nearly every last row is not a total.
    query = f"SELECT max(_row), arg_max({texts[0]}, _row) FROM {table.numbered}"
    last = engine.execute(query).fetchone()
    if last is None or last[0] is None or not TOTAL.match(last[1]):
        return []
    row, listed = last[0], f"[{', '.join(texts)}]"
    query = f"SELECT {listed} FROM {table.numbered} WHERE _row = ?"
    cells = (engine.execute(query, [row]).fetchone() or ([],))[0]
    measures = ", ".join(_measures(sql(f"c[{n}]")) for n in range(1, len(texts) + 1))
    above = engine.execute(
        f"SELECT count(*), {measures} FROM (SELECT {listed} AS c FROM {table.numbered}"
        " WHERE _row < ?)",
        [row],
    ).fetchone()
    if above is None or above[0] < MIN_ROWS_ABOVE:
        return []
    measured = zip(cells, above[1:], strict=True)
    if not any(_says_total(cell, above[0], *each) for cell, each in measured):
        return []
    text = " | ".join(cell for cell in cells if cell)
    stated = json.dumps(footer_pattern(cells[:1]), ensure_ascii=False)
    advice = f'Take it out, or add "entrepot:footer": {stated} to the dialect.'
    statement = Statement(f"the last row is a total: {quoted(text)}", advice=advice)
    return [problem("outside-table", "", statement, rowNumber=row)]


def _measures(cell: Sql) -> Sql:
    number = sql(f"TRY_CAST({cell} AS DOUBLE)")
    return sql(f"[count(*) FILTER ({cell} != ''), count({number}), sum({number})]")


def _says_total(cell: str, rows: int, filled: float, numbers: float, total: float | None) -> bool:
    """Whether a cell below a column of `rows` cells shows that its row is a total."""
    if not cell:
        return filled == rows
    try:
        number = float(cell)
    except ValueError:
        return numbers == rows
    return numbers == rows and total is not None and abs(number - total) < 1e-9 * abs(total)
