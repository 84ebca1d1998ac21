"""Read Parquet: the file itself says the columns, their types and the count of rows."""

from pathlib import Path

import duckdb

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.engine import first_line
from entrepot.inspection.sql import Sql, identifier, literal, sql
from entrepot.inspection.table import Column, NotTabular, SourceBroken, Table, TooLarge
from entrepot.inspection.values.native_text import native_kind, text_sql

ROW_NUMBER = sql("file_row_number")


def open_parquet(
    detected: Detected, request: TableRequest, context: InspectionContext
) -> OpenedTable:
    """A Parquet file, ready to be read."""
    return OpenedTable(lambda: read_parquet(request.path, detected, context))


def read_parquet(path: Path, detected: Detected, context: InspectionContext) -> Table:
    """The Parquet file at `path`. Raises SourceBroken, NotTabular, TooLarge."""
    engine, limits = context.engine, context.limits
    source = f"read_parquet({literal(str(path))})"
    try:
        described = engine.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        labels = _labels(engine, path)
    except duckdb.Error as error:
        raise SourceBroken(first_line(error)) from None
    if not described:
        raise NotTabular("Parquet without columns")
    if len(described) > limits.columns:
        raise TooLarge(f"{len(described):,} columns; {limits.columns:,} are read")
    names = [str(name) for name, *_ in described]
    if len(labels) != len(names):
        labels = names
    columns, cells = [], []
    for n, (label, (name, kind, *_)) in enumerate(zip(labels, described, strict=True), start=1):
        columns.append(Column(label, f"c{n}", native_kind(str(kind))))
        cells.append(f"{text_sql(identifier(str(name)), str(kind))} AS c{n}")
    listed = ", ".join(cells)
    return Table(
        columns=tuple(columns),
        relation=f"(SELECT {listed} FROM {source})",
        numbered=_numbered(path, names, listed),
        media_type=detected.media_type,
        typed=True,
        description={"format": detected.kind},
    )


def _numbered(path: Path, names: list[str], listed: Sql) -> Sql:
    """The cells with the number of their row, by the reader's own count if its name is free."""
    if ROW_NUMBER in (name.lower() for name in names):
        counted = f"row_number() OVER () + 1 AS _row, NULL::BIGINT AS _line, {listed}"
        return f"(SELECT {counted} FROM read_parquet({literal(str(path))}))"
    counted = f"{ROW_NUMBER} + 2 AS _row, NULL::BIGINT AS _line, {listed}"
    return f"(SELECT {counted} FROM read_parquet({literal(str(path))}, {ROW_NUMBER} = true))"


def _labels(engine: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The names of the columns as they are in the file: the engine renames doubled and blank
    ones. The schema is a tree, written from its root down."""
    rows = engine.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({literal(str(path))})"
    ).fetchall()
    labels: list[str] = []
    inside: list[int] = []
    for name, children in rows[1:]:
        while inside and inside[-1] == 0:
            inside.pop()
        if inside:
            inside[-1] -= 1
        else:
            labels.append(str(name))
        if children:
            inside.append(int(children))
    return labels
