"""Compare two tables: columns added, removed, retyped; rows added, removed, changed.

Runs in the sandbox process. Cells are compared by their texts, as they stand in the files: `1.0`
and `1` differ. With a key, a row is the same row as long as its key is; without one, or where a key
repeats, the tables are compared as multisets of rows. Set-based throughout, so that the engine
spills to the scratch folder what does not fit into memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.check.infer import infer_schema, unique_names
from entrepot.inspection.context import InspectionContext
from entrepot.inspection.engine_errors import engine_error_text, is_of_file
from entrepot.inspection.open_table import open_content
from entrepot.inspection.report.report import shortened
from entrepot.inspection.results import Comparison, ComparisonRequest
from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.table import NotTabular, SourceBroken, TooLarge
from entrepot_client.counts import counted

MAX_CELL_CHARS = 200
"""Of a cell of an example."""
MAX_COLUMNS = 2_000
"""All columns stand in one query, whose plan grows faster than they do."""


@dataclass(frozen=True)
class _Side:
    """One of the two tables, kept by the engine under `name` with the columns `_row`, c1, …"""

    name: Sql
    labels: list[str]
    types: dict[str, str]
    rows: int

    def column(self, label: str) -> Sql:
        return f"c{self.labels.index(label) + 1}"


def diff_tables(request: ComparisonRequest, context: InspectionContext) -> Comparison:
    """What differs. Raises what `out_of_resources` knows, OSError, and duckdb.Error for a query
    that is wrong."""
    try:
        earlier = request.path, request.file_name, request.dialect, request.encoding
        later = request.other, request.other_name, request.other_dialect, request.other_encoding
        before = _load(sql("before"), *earlier, context)
        after = _load(sql("after"), *later, context)
        return _compare(context.engine, before, after, request)
    except (NotTabular, SourceBroken, TooLarge) as reason:
        return Comparison(verdict="not-compared", detail=f"They cannot be compared: {reason}.")
    except duckdb.Error as error:
        if not is_of_file(error):
            raise
        detail = f"They cannot be compared: {engine_error_text(error)}."
        return Comparison(verdict="not-compared", detail=detail)


def _load(
    side: Sql,
    path: Path,
    file_name: str,
    dialect: dict[str, Any] | None,
    encoding: str | None,
    context: InspectionContext,
) -> _Side:
    engine, folder = context.engine, context.scratch / side
    folder.mkdir(exist_ok=True)
    inside = replace(context, scratch=folder)
    table = open_content(path, file_name, inside, dialect, encoding).read()
    if len(table.columns) > MAX_COLUMNS:
        raise TooLarge(f"{counted(len(table.columns), 'column')}; {MAX_COLUMNS:,} are compared")
    cells = [f"{column.text} AS c{n}" for n, column in enumerate(table.columns, start=1)]
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {side} AS "
        f"SELECT {', '.join(['_row', *cells])} FROM {table.numbered}"
    )
    inferred = infer_schema(engine, table)
    labels = list(unique_names(table.labels))
    types = {name: f.type for name, f in zip(labels, inferred.schema.fields, strict=False)}
    return _Side(side, labels, types, inferred.rows)


def _compare(
    engine: duckdb.DuckDBPyConnection, before: _Side, after: _Side, request: ComparisonRequest
) -> Comparison:
    common = [label for label in before.labels if label in after.labels]
    missing = [name for name in request.key if name not in common]
    if missing:
        raise SourceBroken(f"the key's column `{missing[0]}` is not in both")
    if not common:
        raise SourceBroken("they have no column in common")
    repeated = [_repeated(engine, side, request.key) for side in (before, after)]
    by_key = bool(request.key) and not any(repeated)
    rows = (
        _by_key(engine, before, after, common, request)
        if by_key
        else _as_multisets(engine, before, after, common, request.examples)
    )
    return Comparison(
        verdict="compared",
        detail="",
        columns_added=[label for label in after.labels if label not in before.labels],
        columns_removed=[label for label in before.labels if label not in after.labels],
        columns_retyped=[
            {"name": label, "before": before.types[label], "after": after.types[label]}
            for label in common
            if before.types[label] != after.types[label]
        ],
        rows_before=before.rows,
        rows_after=after.rows,
        key=list(request.key) if by_key else [],
        key_repeated=sum(repeated),
        **rows,
    )


def _repeated(engine: duckdb.DuckDBPyConnection, side: _Side, key: Sequence[str]) -> int:
    """How many rows repeat the key of an earlier one."""
    if not key:
        return 0
    parts = ", ".join(side.column(name) for name in key)
    distinct = f"SELECT count(*) FROM (SELECT DISTINCT {parts} FROM {side.name})"
    return side.rows - _number(engine, distinct)


def _by_key(
    engine: duckdb.DuckDBPyConnection,
    before: _Side,
    after: _Side,
    common: Sequence[str],
    request: ComparisonRequest,
) -> dict[str, Any]:
    pairs = [(before.column(name), after.column(name)) for name in common]
    same_key = " AND ".join(
        f"b.{before.column(name)} IS NOT DISTINCT FROM a.{after.column(name)}"
        for name in request.key
    )
    differs = " OR ".join(f"b.{b} IS DISTINCT FROM a.{a}" for b, a in pairs)
    joined = f"FROM before AS b JOIN after AS a ON {same_key}"
    only: dict[str, Sql] = {
        side.name: f"FROM {side.name} AS {letter} ANTI JOIN {other} AS {twin} ON {same_key}"
        for side, letter, other, twin in (
            (before, sql("b"), sql("after"), sql("a")),
            (after, sql("a"), sql("before"), sql("b")),
        )
    }
    columns = ", ".join(f"b.{b}, a.{a}" for b, a in pairs)
    changed = engine.execute(
        f"SELECT b._row, a._row, {columns} {joined} WHERE {differs} "
        f"ORDER BY b._row LIMIT {request.examples}"
    ).fetchall()
    return {
        "added": _number(engine, f"SELECT count(*) {only['after']}"),
        "removed": _number(engine, f"SELECT count(*) {only['before']}"),
        "changed": _number(engine, f"SELECT count(*) {joined} WHERE {differs}"),
        "examples_added": _examples(engine, after, "a", only["after"], request.examples),
        "examples_removed": _examples(engine, before, "b", only["before"], request.examples),
        "examples_changed": [_change(row, common, request.key) for row in changed],
    }


def _change(row: tuple[Any, ...], common: Sequence[str], key: Sequence[str]) -> dict[str, Any]:
    cells = {name: (row[2 + 2 * n], row[3 + 2 * n]) for n, name in enumerate(common)}
    return {
        "rowBefore": row[0],
        "rowAfter": row[1],
        "key": {name: _shortened_cell(cells[name][0]) for name in key},
        "cells": {
            name: [_shortened_cell(old), _shortened_cell(new)]
            for name, (old, new) in cells.items()
            if old != new
        },
    }


def _as_multisets(
    engine: duckdb.DuckDBPyConnection,
    before: _Side,
    after: _Side,
    common: Sequence[str],
    examples: int,
) -> dict[str, Any]:
    """Rows that one table has more often than the other, whatever their order."""
    counted = []
    for side, sign in ((before, -1), (after, 1)):
        cells = ", ".join(f"{side.column(name)} AS k{n}" for n, name in enumerate(common))
        counted.append(f"SELECT {cells}, {sign} AS sign, _row FROM {side.name}")
    keys = ", ".join(f"k{n}" for n in range(len(common)))
    groups = (
        f"(SELECT {keys}, sum(sign) AS surplus, min(_row) FILTER (WHERE sign = 1) AS first_after, "
        f"min(_row) FILTER (WHERE sign = -1) AS first_before "
        f"FROM ({' UNION ALL '.join(counted)}) GROUP BY {keys})"
    )
    surplus = f"SELECT * FROM {groups} WHERE surplus != 0"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE surplus AS {surplus}")
    differences: dict[str, Any] = {"changed": None, "examples_changed": []}
    for name, condition, row in (
        ("added", sql("surplus > 0"), sql("first_after")),
        ("removed", sql("surplus < 0"), sql("first_before")),
    ):
        differences[name] = _number(
            engine, f"SELECT coalesce(sum(abs(surplus)), 0) FROM surplus WHERE {condition}"
        )
        rows = engine.execute(
            f"SELECT {row}, {keys} FROM surplus WHERE {condition} ORDER BY {row} LIMIT {examples}"
        ).fetchall()
        differences[f"examples_{name}"] = [_example(each, common) for each in rows]
    return differences


def _examples(
    engine: duckdb.DuckDBPyConnection, side: _Side, letter: Sql, rows: Sql, examples: int
) -> list[dict[str, Any]]:
    cells = ", ".join(f"{letter}.c{n}" for n in range(1, len(side.labels) + 1))
    order = f"ORDER BY {letter}._row LIMIT {examples}"
    selected = engine.execute(f"SELECT {letter}._row, {cells} {rows} {order}").fetchall()
    return [_example(row, side.labels) for row in selected]


def _example(row: tuple[Any, ...], labels: Sequence[str]) -> dict[str, Any]:
    cells = {label: _shortened_cell(cell) for label, cell in zip(labels, row[1:], strict=False)}
    return {"row": row[0], "cells": cells}


def _shortened_cell(cell: str | None) -> str | None:
    return None if cell is None else shortened(cell, MAX_CELL_CHARS)


def _number(engine: duckdb.DuckDBPyConnection, query: Sql) -> int:
    row = engine.execute(query).fetchone()
    return int(row[0]) if row else 0
