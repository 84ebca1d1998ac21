"""The first texts of each column, by which candidates for its type are chosen.

What fails on them fails on the whole, so that the engine is asked only for what is likely.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb

from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import MAX_FIRST_ROWS, Column, Table
from entrepot.inspection.values.missing_marks import is_no_mark
from entrepot.schemas.lexical import MISSING_MARKS

MIN_READ_ROWS, MIN_FIRST_ROWS, MAX_FIRST_CELLS = 30, 100, 200_000
"""The rows by which candidates are chosen before all rows are asked; fewer of wide tables, since
Python compares each cell with each candidate. As many as the reader read anyway are enough."""
LATER_TEXTS, MAX_LATER_CHARS = 10, 10_000
"""Texts, from each end of their order, of a column that has none in the first rows, and the
characters of each; a longer one is a text whatever it looks like."""
READ_COLUMNS = 1_000
"""Columns of one query where no expression is needed: a column takes 0.1 MiB, whatever its rows."""
NO_VALUES = (None, *MISSING_MARKS)


def first_texts(engine: duckdb.DuckDBPyConnection, table: Table) -> list[Counter[str]]:
    """For each column its texts in the first rows, with their counts, marks of missing values and
    native cells left out. Of a column without any, some of its later texts, each once. Raises
    duckdb.Error where the scan fails."""
    texts = _in_first_rows(engine, table)
    waiting = [
        n
        for n, column in enumerate(table.columns)
        if column.kind in ("text", None) and not texts[n]
    ]
    for start in range(0, len(waiting), COLUMNS_PER_QUERY):
        part = waiting[start : start + COLUMNS_PER_QUERY]
        later = _later_texts(engine, table, [table.columns[n] for n in part])
        for n, some in zip(part, later, strict=True):
            texts[n] = some
    return texts


def is_text(column: Column) -> Sql:
    """The condition that a cell of the column is a text, not a value of the format's own."""
    return f"{column.kind_sql} = 'text'" if column.kind is None else sql("true")


def is_value(text: Sql) -> Sql:
    """The condition that a text is none of the marks of missing values."""
    return is_no_mark(text, MISSING_MARKS)


def _in_first_rows(engine: duckdb.DuckDBPyConnection, table: Table) -> list[Counter[str]]:
    texts: list[Counter[Any]] = [Counter() for _ in table.columns]
    for counted, column in zip(texts, _first_cells(engine, table), strict=False):
        counted.update(column)
        for mark in NO_VALUES:
            del counted[mark]
    return texts


def seen_texts(engine: duckdb.DuckDBPyConnection, table: Table) -> list[set[str]]:
    """The texts of each column in the first rows. Raises duckdb.Error where the scan fails."""
    texts: list[set[Any]] = [set() for _ in table.columns]
    for seen, column in zip(texts, _first_cells(engine, table), strict=False):
        seen.update(column)
        seen.discard(None)
    return texts


def _first_cells(engine: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[str | None, ...]]:
    """For each column its texts in the first rows, None for native cells; nothing at all of a
    table without rows."""
    rows = min(MAX_FIRST_ROWS, max(MIN_FIRST_ROWS, MAX_FIRST_CELLS // max(1, len(table.columns))))
    if len(table.first_rows) >= MIN_READ_ROWS:
        return list(zip(*table.first_rows[:rows], strict=True))
    cells: list[Sql] = [
        column.text if column.kind else f"CASE WHEN {is_text(column)} THEN {column.text} END"
        for column in table.columns
    ]
    columns: list[tuple[str | None, ...]] = []
    for start in range(0, len(cells), READ_COLUMNS):
        part = ", ".join(cells[start : start + READ_COLUMNS])
        query = f"SELECT {part} FROM {table.relation} LIMIT {rows}"
        columns += zip(*engine.execute(query).fetchall(), strict=True)
    return columns


def _later_texts(
    engine: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[Column]
) -> list[Counter[str]]:
    """Some texts of `columns`. Most columns that have none in the first rows have none at all, and
    to ask whether they have costs a fiftieth."""
    telling = [f"{is_text(column)} AND {is_value(column.text)}" for column in columns]
    flags = ", ".join(f"bool_or({condition})" for condition in telling)
    filled = engine.execute(f"SELECT {flags} FROM {table.relation}").fetchone() or ()
    places = [n for n, flag in enumerate(filled) if flag]
    texts: list[Counter[str]] = [Counter() for _ in columns]
    if not places:
        return texts
    ends = ", ".join(
        f"{end}(left({columns[n].text}, {MAX_LATER_CHARS}), {LATER_TEXTS}) FILTER ({telling[n]})"
        for n in places
        for end in (sql("min"), sql("max"))
    )
    row = iter(engine.execute(f"SELECT {ends} FROM {table.relation}").fetchone() or ())
    for n in places:
        texts[n] = Counter(dict.fromkeys([*next(row), *next(row)], 1))
    return texts
