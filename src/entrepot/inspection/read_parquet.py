"""Read Parquet: the file itself says the columns, their types and the count of rows."""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

from pathlib import Path

import duckdb

from entrepot.inspection.engine import identifier, literal
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import CellKind, Column, NotTabular, SourceBroken, Table, TooLarge

KINDS: dict[str, CellKind] = {
    "VARCHAR": "text", "UUID": "text", "BOOLEAN": "boolean", "DATE": "date", "TIME": "time",
    "TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer",
    "HUGEINT": "integer", "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "integer",
    "UBIGINT": "integer", "UHUGEINT": "integer", "FLOAT": "number", "DOUBLE": "number",
    "TIMESTAMP": "datetime", "TIMESTAMP_S": "datetime", "TIMESTAMP_MS": "datetime",
    "TIMESTAMP_NS": "datetime", "TIMESTAMP WITH TIME ZONE": "datetime",
    "TIME WITH TIME ZONE": "time",
}  # fmt: skip


def read_parquet(engine: duckdb.DuckDBPyConnection, path: Path, limits: Limits) -> Table:
    """The Parquet file at `path`. Raises SourceBroken, NotTabular, TooLarge."""
    source = f"read_parquet({literal(str(path))})"
    try:
        described = engine.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise SourceBroken(str(error).splitlines()[0][:300]) from None
    if not described:
        raise NotTabular("Parquet without columns")
    if len(described) > limits.columns:
        raise TooLarge(f"{len(described):,} columns; {limits.columns:,} are read")
    columns, cells = [], []
    for n, (name, kind, *_) in enumerate(described, start=1):
        columns.append(Column(str(name), f"c{n}", kind_of(str(kind))))
        cells.append(f"{_text(identifier(str(name)), str(kind))} AS c{n}")
    listed = ", ".join(cells)
    numbered = f"read_parquet({literal(str(path))}, file_row_number = true)"
    return Table(
        columns=tuple(columns),
        relation=f"(SELECT {listed} FROM {source})",
        numbered=(
            f"(SELECT file_row_number + 2 AS _row, NULL::BIGINT AS _line, {listed} FROM {numbered})"
        ),
        media_type="application/vnd.apache.parquet",
        description={"format": "parquet"},
    )


def kind_of(engine_type: str) -> CellKind:
    """What a column of the engine's type holds."""
    if engine_type.endswith("]"):
        return "array"
    if engine_type.startswith(("STRUCT", "MAP", "JSON")):
        return "object"
    if engine_type.startswith("DECIMAL"):
        return "integer" if engine_type.endswith(",0)") else "number"
    if engine_type.startswith("ENUM"):
        return "text"
    return KINDS.get(engine_type, "other")


def _text(column: str, engine_type: str) -> str:
    kind = kind_of(engine_type)
    if kind in ("object", "array"):
        return f"to_json({column})::VARCHAR"
    if engine_type == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind == "datetime":
        return f"replace({column}::VARCHAR, ' ', 'T')"
    return f"{column}::VARCHAR"
