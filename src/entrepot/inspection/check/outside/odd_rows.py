"""Comments, notes and subtotals among the rows, which have the table's number of cells.

In a first version they would be frozen as rows, and the first column as text. Their first cell
begins as comments, notes or totals do. That alone proves nothing: all other cells of its column are
numbers or dates, or it is the only cell of its row, where a column has a value in every other row.
"""

import json
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import duckdb

from entrepot.inspection.report.footer_pattern import footer_line, footer_pattern
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.row_looks import TOTAL
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.report.take_out import advise_taking_out, comment_rows_line
from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema
from entrepot_client.counts import counted

MAX_ODD_ROWS = 5
"""Rows that may be odd; with more of them the column is one of texts."""
MIN_ROWS_PER_ODD = 5
"""Rows with a number or a date for each of them, at least."""
MAX_ROWS = 100_000
"""Of a table that is looked at, which takes a scan of its own."""
MIN_COLUMNS, MAX_COLUMNS = 3, 100
"""Of a table of texts: one empty cell tells little, and each cell is looked at."""
NUMBER_OR_DATE = r"\s*[-+]?\d[\d.,:/ T-]*\s*"
VALUE = re.compile(NUMBER_OR_DATE, re.ASCII)
COMMENT = re.compile(r"(?:#|//|%|--|!|;|\*|†)(?:\s+\w|[^\W\d_]{2})")
"""A mark of a comment or a note before a word."""
COMMENT_CHARS = "#%!;"
"""Marks of one character that nothing but a comment begins with."""
NOTE = re.compile(r"(?:sources?|notes?|footnotes?|quelle|hinweis|legende?|end of)\b", re.IGNORECASE)


def find_odd_rows(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, rows: int
) -> list[dict[str, Any]]:
    """The error of rows, of `rows`, that are not meant as rows; none if each is one. Raises
    duckdb.Error."""
    if table.typed or table.by_name or not table.header or rows > MAX_ROWS:
        return []
    first = schema.fields[0]
    if first.type not in ("string", "any") or first.lists_values or rows <= MIN_ROWS_PER_ODD:
        return []
    odd = _beside_values(engine, table, rows) or _alone(engine, table, rows)
    if not odd:
        return []
    numbers = [row for row, _ in odd]
    noun = "the row looks" if len(odd) == 1 else f"{counted(len(odd), 'row')} look"
    advice = advise_taking_out(len(odd), _line_for(engine, table, odd))
    reason = f"{noun} like a comment, a note or a total: {quoted(odd[0][1].strip())}"
    statement = Statement(reason, advice=advice)
    return [problem("outside-table", "", statement, rowNumber=numbers[0])]


def _line_for(
    engine: duckdb.DuckDBPyConnection, table: Table, odd: Sequence[tuple[int, str]]
) -> str:
    """The line of dialect by which the rows, with their first cells, are not rows: one that fits
    the next delivery too, if there is one; empty if there is none."""
    numbers, cells = [row for row, _ in odd], [cell for _, cell in odd]
    if len({cell[0] for cell in cells}) == 1 and cells[0][0] in COMMENT_CHARS:
        return f'"commentChar": {json.dumps(cells[0][0])}'
    last = (engine.execute(f"SELECT max(_row) FROM {table.numbered}").fetchone() or (0,))[0]
    if numbers == list(range(last - len(numbers) + 1, last + 1)):
        return footer_line(footer_pattern(cells))
    return comment_rows_line(numbers, len(numbers))


def _beside_values(
    engine: duckdb.DuckDBPyConnection, table: Table, rows: int
) -> list[tuple[int, str]]:
    """The odd rows of a table whose first column has numbers or dates in all others."""
    first_texts = (row[0] or "" for row in table.first_rows)
    known = (text for text in first_texts if text.strip() and not VALUE.fullmatch(text))
    if next(islice(known, MAX_ODD_ROWS, None), None) is not None:
        return []
    text = table.columns[0].text
    condition = (
        f"coalesce(trim({text}), '') != ''"
        f" AND NOT regexp_full_match({text}, {literal(NUMBER_OR_DATE)})"
    )
    return _odd(engine, table, condition, rows)


def _alone(engine: duckdb.DuckDBPyConnection, table: Table, rows: int) -> list[tuple[int, str]]:
    """The odd rows of a table of texts: they have nothing but their first cell, and a column has a
    value in every other row."""
    if not MIN_COLUMNS <= len(table.columns) <= MAX_COLUMNS:
        return []
    filled = [f"coalesce(trim({column.text}), '') != ''" for column in table.columns]
    condition = f"{filled[0]} AND NOT ({' OR '.join(filled[1:])})"
    odd = _odd(engine, table, condition, rows)
    if not odd:
        return []
    counts = ", ".join(f"count_if({each})" for each in filled[1:])
    known = engine.execute(f"SELECT {counts} FROM {table.relation}").fetchone() or ()
    return odd if rows - len(odd) in known else []


def _odd(
    engine: duckdb.DuckDBPyConnection, table: Table, condition: Sql, rows: int
) -> list[tuple[int, str]]:
    """The numbers and first cells of the rows of which the condition is true, if they are few and
    all begin as comments, notes or totals do."""
    text = table.columns[0].text
    odd = engine.execute(
        f"SELECT _row, {text} FROM {table.numbered} WHERE {condition}"
        f" ORDER BY _row LIMIT {MAX_ODD_ROWS + 1}"
    ).fetchall()
    if len(odd) > MAX_ODD_ROWS or len(odd) * MIN_ROWS_PER_ODD > rows:
        return []
    cells = [(int(row), str(cell)) for row, cell in odd]
    begun = (COMMENT, NOTE, TOTAL)
    likely = all(any(each.match(cell.strip()) for each in begun) for _, cell in cells)
    return cells if likely else []
