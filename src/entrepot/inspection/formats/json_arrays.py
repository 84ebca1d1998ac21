"""The arrays of a JSON array as rows, where the dialect says that its items are arrays.

Source: Data Package v2, Table Dialect, `itemType`; the first array is the header, unless `header`
is false.
"""

import json
from collections.abc import Sequence
from typing import Any

import duckdb

from entrepot.inspection.limits import Limits
from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import Column, NotTabular, Table, TooLarge


def kind_sql(kind: Sql, text: Sql) -> Sql:
    """A value's kind by its type in JSON. Whole numbers beyond 64 bits are DOUBLE to the engine,
    which keeps their digits."""
    return f"""CASE {kind} WHEN 'VARCHAR' THEN 'text' WHEN 'BIGINT' THEN 'integer'
 WHEN 'UBIGINT' THEN 'integer' WHEN 'HUGEINT' THEN 'integer' WHEN 'BOOLEAN' THEN 'boolean'
 WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'DOUBLE' THEN
 CASE WHEN regexp_full_match({text}, '-?\\d+') THEN 'integer' ELSE 'number' END END"""


def read_arrays(
    engine: duckdb.DuckDBPyConnection,
    docs: Sql,
    names: Sequence[str] | None,
    limits: Limits,
    media_type: str,
    description: dict[str, Any],
) -> Table:
    """The arrays of `docs` (a relation of `_row` from 2, `_line` and `doc`) as a table.

    `names` are the columns of a table without a header (`column_1`, … if none are known), None of
    one that has a header. Rows are the array's elements, counted from 1, a header included.
    Raises NotTabular, TooLarge.
    """
    widest = engine.execute(f"SELECT max(json_array_length(doc)) FROM {docs}").fetchone()
    width = int(widest[0] or 0) if widest else 0
    if not width:
        raise NotTabular("a JSON array of arrays without a value")
    labels = _labels(engine, docs) if names is None else _numbered(names, width)
    if len(labels) > limits.columns or width > limits.columns:
        raise TooLarge(f"{max(len(labels), width):,} columns; {limits.columns:,} are read")
    header = names is None
    count = len(labels)
    pointers = ", ".join(literal(f"/{n}") for n in range(count))
    extra = (
        f"CASE WHEN json_array_length(doc) > {count} THEN "
        f"to_json(json_extract_string(doc, '$[*]')[{count + 1}:])::VARCHAR ELSE '' END"
    )
    relation = (
        f"(SELECT _row - 1 AS _row, _line, json_array_length(doc)::BIGINT AS _cells, "
        f"{extra} AS _extra, json_extract_string(doc, [{pointers}]) AS v, "
        f"json_type(doc, [{pointers}]) AS k FROM {docs} WHERE _row > {2 if header else 1})"
    )
    columns = tuple(
        Column(label, f"v[{n}]", None, f"({kind_sql(f'k[{n}]', f'v[{n}]')})")
        for n, label in enumerate(labels, start=1)
    )
    return Table(
        columns=columns,
        relation=relation,
        numbered=relation,
        media_type=media_type,
        header=header,
        first_row=2 if header else 1,
        uneven=True,
        storage="objects",
        place_unit="item",
        description=description,
    )


def _labels(engine: duckdb.DuckDBPyConnection, docs: Sql) -> list[str]:
    """The first array's values; a number is a label as it is written, as a year may be."""
    row = engine.execute(f"SELECT doc FROM {docs} WHERE _row = 2").fetchone()
    cells = json.loads(row[0], parse_float=str, parse_int=str) if row else []
    return [
        cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell)
        for cell in cells
    ]


def _numbered(names: Sequence[str], width: int) -> list[str]:
    return list(names) or [f"column_{n}" for n in range(1, width + 1)]
