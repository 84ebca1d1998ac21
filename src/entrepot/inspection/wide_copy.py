"""A wide table is copied once into a table of the engine, before it is asked part by part.

Each query of a text costs by all columns that the text has, however few of them it asks for: the
engine plans them, and parses whole lines. As many queries as a wide table takes would cost the
square of its columns (2,000 columns: 0.1 s of planning, ten times for each question).

The engine works on vectors of 2,048 rows: a column of texts takes 32 KiB in each step of a query,
even if the table has one row. So the copy has lists of 200 cells instead of columns, and is made in
parts: 10,000 columns at a time would take a GiB.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import duckdb

from entrepot.inspection.limits import COLUMNS_PER_QUERY
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import Column, Table

MAX_NARROW_COLUMNS = 200
"""A table of no more columns is asked for all of them at a time."""
MAX_COPIED_BYTES = 16 << 20
"""Of the text, which may take ten times as much as a table: beyond it, planning costs little beside
the scan."""
PART_COLUMNS = 1_000
"""Columns that are copied at a time: each takes 0.1 MiB meanwhile."""
NUMBERS: Iterator[int] = count(1)
"""Of the copies: an earlier one may still be asked when a file is read again."""


def copy_if_wide(engine: duckdb.DuckDBPyConnection, table: Table, size: int) -> Table:
    """The table, or a copy of it if it is wide and of a file of at most `MAX_COPIED_BYTES`. `size`
    is that of the file. Raises duckdb.Error where the scan fails."""
    if len(table.columns) <= MAX_NARROW_COLUMNS or size > MAX_COPIED_BYTES:
        return table
    kept = [sql("_row"), sql("_line"), *([sql("_cells"), sql("_extra")] * table.uneven)]
    name: Sql = f"wide_{next(NUMBERS)}"
    parts = [
        _copy_part(engine, table, f"{name}_{start}", range(start, stop), kept if not start else [])
        for start, stop in _steps(len(table.columns), PART_COLUMNS)
    ]
    if len(parts) == 1:
        name = parts[0]
    else:
        engine.execute(f"CREATE TEMP TABLE {name} AS FROM {' POSITIONAL JOIN '.join(parts)}")
        for part in parts:
            engine.execute(f"DROP TABLE {part}")
    columns = tuple(_in_list(column, place) for place, column in enumerate(table.columns))
    return replace(table, columns=columns, relation=name, numbered=name, original=table.relation)


def _copy_part(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    name: Sql,
    places: range,
    kept: Sequence[Sql],
) -> Sql:
    """Copy the columns at `places` (from 0), and what is `kept` besides, into a table `name`."""
    columns = [table.columns[place] for place in places]
    lists: list[Sql] = []
    for start, stop in _steps(len(columns), COLUMNS_PER_QUERY):
        some, number = columns[start:stop], (places.start + start) // COLUMNS_PER_QUERY
        lists.append(f"[{', '.join(column.text for column in some)}] AS l{number}")
        if any(column.kind is None for column in some):
            kinds = (column.kind_sql or sql("NULL") for column in some)
            lists.append(f"[{', '.join(kinds)}] AS k{number}")
    selected = ", ".join([*kept, *lists])
    engine.execute(f"CREATE TEMP TABLE {name} AS SELECT {selected} FROM {table.numbered}")
    return name


def _steps(total: int, step: int) -> Iterator[tuple[int, int]]:
    """The parts of `total` columns: where each begins, and where it ends."""
    return ((start, min(start + step, total)) for start in range(0, total, step))


def _in_list(column: Column, place: int) -> Column:
    """The column at `place` (from 0), as the copy has it."""
    number, within = divmod(place, COLUMNS_PER_QUERY)
    kind_sql = sql(f"k{number}[{within + 1}]") if column.kind is None else column.kind_sql
    return replace(column, text=sql(f"l{number}[{within + 1}]"), kind_sql=kind_sql)
