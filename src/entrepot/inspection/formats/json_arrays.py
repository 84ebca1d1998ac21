"""The arrays of a JSON array as rows, where the dialect says that its items are arrays.

Source: Data Package v2, Table Dialect, `itemType`; the first array is the header, unless `header`
is false.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import duckdb

from entrepot.inspection.limits import Limits
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column, NotTabular, Table, TooLarge
from entrepot_client.counts import counted

VALUES_PER_LIST = 16
"""To take one value out of a list, the engine passes over the whole list. For each further list it
parses the record again."""


def with_values(
    source: Sql, kept: Sql, doc: Sql, pointers: Sequence[str], finish: Callable[[Sql], Sql]
) -> Sql:
    """The relation of what is `kept` of `source`, and the values at `pointers` of `doc` with their
    kinds, in lists of a few each; the engine makes only the lists that a query asks for. `finish`
    makes the text of an extracted one."""
    parsed, lists = [kept], []
    for n, start in enumerate(range(0, len(pointers), VALUES_PER_LIST)):
        some = ", ".join(map(literal, pointers[start : start + VALUES_PER_LIST]))
        parsed.append(f"json_extract_string({doc}, [{some}]) AS _text{n}")
        parsed.append(f"json_type(doc, [{some}]) AS _type{n}")
        texts = f"list_transform(_text{n}, lambda x: {finish(sql('x'))})"
        lists.append(f"{texts if finish(sql('x')) != 'x' else f'_text{n}'} AS v{n}")
        kind = _kind(sql("x[2]"), finish(sql("x[1]")))
        lists.append(f"list_transform(list_zip(_text{n}, _type{n}), lambda x: {kind}) AS k{n}")
    columns = ", ".join(filter(None, parsed))
    return f"(SELECT *, {', '.join(lists)} FROM (SELECT {columns} FROM {source}))"


def column_of(label: str, number: int) -> Column:
    """The column of the pointer `number` (from 0) of `with_values`."""
    n, place = divmod(number, VALUES_PER_LIST)
    return Column(label, f"v{n}[{place + 1}]", None, f"k{n}[{place + 1}]")


def _kind(kind: Sql, text: Sql) -> Sql:
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
        raise NotTabular("it is a JSON array of arrays without a value")
    labels = _labels(engine, docs) if names is None else _numbered(names, width)
    if len(labels) > limits.columns or width > limits.columns:
        raise TooLarge(f"{counted(max(len(labels), width), 'column')}; {limits.columns:,} are read")
    header = names is None
    count = len(labels)
    extra = (
        f"CASE WHEN json_array_length(doc) > {count} THEN "
        f"to_json(json_extract_string(doc, '$[*]')[{count + 1}:])::VARCHAR ELSE '' END"
    )
    kept = f"_row - 1 AS _row, _line, json_array_length(doc)::BIGINT AS _cells, {extra} AS _extra"
    rows = f"(SELECT * FROM {docs} WHERE _row > {2 if header else 1})"
    pointers = [f"/{n}" for n in range(count)]
    relation = with_values(rows, kept, sql("doc"), pointers, lambda text: text)
    columns = tuple(column_of(label, n) for n, label in enumerate(labels))
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
        description=description if header else description | {"firstRow": 1},
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
