"""The Parquet of a version as a relation whose columns have names of ours.

A stranger's column may be called `v`, `file_row_number` or like another one but for its case, which
the engine takes for the same. So every query of a version's Parquet goes through `open_stored`:
its columns are `c1`, `c2`, … and its row numbers `_number`, and no name of a column can be meant by
a query of ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from entrepot.inspection.sql import Sql, identifier, literal, sql

ROW_NUMBER = sql("file_row_number")
"""What the engine calls the number of a row in its file, counted from 0."""
NAMES_KEY = "entrepot_columns"
"""Under this key the file's metadata has the names that the engine takes for others."""


@dataclass(frozen=True)
class StoredColumn:
    """A column by its own name, the engine's type, and the SQL that means it; `delivered` means it
    in the file itself."""

    name: str
    stored_as: str
    sql: Sql
    delivered: Sql


@dataclass(frozen=True)
class StoredParquet:
    """`relation` has `_number` (only if it was asked for) and the columns; `source` is the file.

    The engine plans every column of a relation for each query, so many queries of some columns each
    would take the square of the columns: those select from `source` what they need.
    """

    columns: list[StoredColumn]
    relation: Sql
    source: Sql


def open_stored(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    numbered: bool = False,
    names: Sequence[str] | None = None,
) -> StoredParquet:
    """The Parquet at `path`; its columns' own `names` are looked up if they are not known. Raises
    duckdb.Error where it cannot be read."""
    place = literal(str(path))
    described = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({place})").fetchall()
    written = [str(name) for name, *_ in described]
    names = names or _own_names(engine, path) or written
    selected = [f"{identifier(name)} AS c{n}" for n, name in enumerate(written, start=1)]
    source = f"read_parquet({place})"
    if numbered and str(ROW_NUMBER) in (name.lower() for name in written):
        selected.append(sql("row_number() OVER () - 1 AS _number"))
    elif numbered:
        source = f"read_parquet({place}, {ROW_NUMBER} = true)"
        selected.append(f"{ROW_NUMBER} AS _number")
    columns = [
        StoredColumn(name, str(kind), f"c{n}", identifier(str(delivered)))
        for n, (name, (delivered, kind, *_)) in enumerate(
            zip(names, described, strict=True), start=1
        )
    ]
    return StoredParquet(columns, f"(SELECT {', '.join(selected)} FROM {source})", source)


def names_option(names: list[str]) -> Sql:
    """The option of COPY that keeps names which the engine takes for the same, and renames when it
    reads them; empty if all differ in more than their case."""
    if len({name.lower() for name in names}) == len(names):
        return sql("")
    return f", KV_METADATA {{entrepot_columns: {literal(json.dumps(names))}}}"


def _own_names(engine: duckdb.DuckDBPyConnection, path: Path) -> list[str] | None:
    """The names that the engine could not write, if there are any."""
    row = engine.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({literal(str(path))}) "
        f"WHERE decode(key) = {literal(NAMES_KEY)}"
    ).fetchone()
    return [str(name) for name in json.loads(row[0])] if row else None
