"""A wide text is copied once into a table of the engine, before it is asked part by part.

Each query of a text costs by all columns that the text has, however few of them it asks for: the
engine plans them, and parses whole lines. As many queries as a wide table takes would cost the
square of its columns (2,000 columns: 0.1 s of planning, ten times for each question).
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import duckdb

from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import Table

MAX_NARROW_COLUMNS = 200
"""A table of no more columns is asked for all of them at a time."""
MAX_COPIED_BYTES = 16 << 20
"""Of the text, which may take ten times as much as a table: beyond it, planning costs little beside
the scan."""
NUMBERS: Iterator[int] = count(1)
"""Of the copies: an earlier one may still be asked when a file is read again."""


def copy_if_wide(engine: duckdb.DuckDBPyConnection, table: Table, size: int) -> Table:
    """The table, or a copy of it if it is a wide text of at most `MAX_COPIED_BYTES`. `size` is that
    of the text. Raises duckdb.Error where the scan fails."""
    plain = all(column.text == f"c{number}" for number, column in enumerate(table.columns, start=1))
    if len(table.columns) <= MAX_NARROW_COLUMNS or size > MAX_COPIED_BYTES or not plain:
        return table
    columns = [sql("_row"), sql("_line"), *([sql("_cells"), sql("_extra")] * table.uneven)]
    columns += [column.text for column in table.columns]
    name: Sql = f"wide_{next(NUMBERS)}"
    engine.execute(f"CREATE TEMP TABLE {name} AS SELECT {', '.join(columns)} FROM {table.numbered}")
    return replace(table, relation=name, numbered=name, original=table.relation)
