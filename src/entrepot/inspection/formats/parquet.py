"""Read Parquet: the file itself says the columns, their types and the count of rows."""

from pathlib import Path

import arro3.io
import duckdb

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.engine_errors import engine_error_text, out_of_resources
from entrepot.inspection.formats.arrow import arro3_error, copied_table, copy_as_texts
from entrepot.inspection.limits import rows_per_group
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.sql import Sql, identifier, literal, sql
from entrepot.inspection.table import NotTabular, SourceBroken, Table, TooLarge
from entrepot.inspection.values.native_text import native_column, text_of
from entrepot_client.counts import counted

MAX_DECIMAL_DIGITS = 38
"""Of the engine's widest decimal."""
MAGIC = b"PAR1"
"""Begins and ends a Parquet file."""
FOOTER_END_BYTES = 8
"""The length of the footer, and the magic."""
BLOCK_BYTES = 1 << 20
"""Read at a time."""
ROW_NUMBER = sql("file_row_number")


def open_parquet(
    detected: Detected, request: TableRequest, context: InspectionContext
) -> OpenedTable:
    """A Parquet file, ready to be read."""
    path, engine = request.path, context.engine
    return OpenedTable(
        read=lambda: read_parquet(path, detected, context),
        count_records=lambda rows: RecordCounts(total=_stated_rows(engine, path), judged=rows),
    )


def _stated_rows(engine: duckdb.DuckDBPyConnection, path: Path) -> int:
    """The rows that the file says that its row groups have. Raises SourceBroken where its total is
    another."""
    query = sql(
        "SELECT (SELECT sum(num_rows) FROM parquet_file_metadata($1)), "
        "(SELECT coalesce(sum(rows), 0) FROM (SELECT any_value(row_group_num_rows) AS rows "
        "FROM parquet_metadata($1) GROUP BY row_group_id))"
    )
    stated, grouped = engine.execute(query, [str(path)]).fetchone() or (0, 0)
    if stated != grouped:
        raise SourceBroken(
            f"it states {counted(stated, 'row')}, and its row groups have {grouped:,}"
        )
    return int(stated)


def read_parquet(path: Path, detected: Detected, context: InspectionContext) -> Table:
    """The Parquet file at `path`. Raises SourceBroken, NotTabular, TooLarge."""
    engine, limits = context.engine, context.limits
    source = f"read_parquet({literal(str(path))})"
    _check_footer(path)
    try:
        described = engine.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        labels = _labels(engine, path)
    except duckdb.Error as error:
        if out_of_resources(error):
            raise
        if "at least one non-root column" in str(error):
            raise NotTabular("it is Parquet without columns") from None
        # These queries are the same for all files: what cannot be bound is the file's own schema.
        raise SourceBroken(engine_error_text(error)) from None
    _check_end(engine, path)
    context.progress.unpacked(_unpacked_bytes(engine, path))
    if len(described) > limits.columns:
        raise TooLarge(f"{counted(len(described), 'column')}; {limits.columns:,} are read")
    if _has_wide_decimals(engine, path) or _has_twin_fields(engine, path):
        return _read_by_arro3(path, detected, context)
    names = [str(name) for name, *_ in described]
    if len(labels) != len(names):
        labels = names
    columns, cells = [], []
    for n, (label, (name, kind, *_)) in enumerate(zip(labels, described, strict=True), start=1):
        columns.append(native_column(label, f"c{n}", str(kind)))
        cells.append(f"{text_of(engine, identifier(str(name)), str(kind))} AS c{n}")
    listed = ", ".join(cells)
    return Table(
        columns=tuple(columns),
        relation=f"(SELECT {listed} FROM {source})",
        numbered=_numbered(path, names, listed),
        media_type=detected.media_type,
        storage="columns",
        description={"format": detected.kind},
        place_unit="record",
    )


def _unpacked_bytes(engine: duckdb.DuckDBPyConnection, path: Path) -> int:
    """The bytes that its pages unpack to by its footer, or one for each cell if those are more: a
    repeated value takes none."""
    ((packed, cells),) = engine.execute(
        "SELECT coalesce(sum(total_uncompressed_size), 0), coalesce(sum(num_values), 0) "
        f"FROM parquet_metadata({literal(str(path))})"
    ).fetchall()
    return max(int(packed), int(cells))


def _has_wide_decimals(engine: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether decimals are declared with more digits than the engine has: it reads doubles."""
    ((widest,),) = engine.execute(
        f"SELECT coalesce(max(precision), 0) FROM parquet_schema({literal(str(path))})"
    ).fetchall()
    return int(widest) > MAX_DECIMAL_DIGITS


def _has_twin_fields(engine: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether fields within a column have names that differ in case alone: the engine renames all
    but one of them."""
    names: list[set[str]] = []
    inside: list[int] = []
    for name, children in _schema_rows(engine, path)[1:]:
        while inside and inside[-1] == 0:
            inside.pop()
            names.pop()
        if inside:
            inside[-1] -= 1
            if name.lower() in names[-1]:
                return True
            names[-1].add(name.lower())
        if children:
            inside.append(children)
            names.append(set())
    return False


def _read_by_arro3(path: Path, detected: Detected, context: InspectionContext) -> Table:
    """The table, its cells copied as texts by a reader that has what the engine lacks. Raises as
    `read_parquet`."""
    target = context.scratch / "wide.parquet"
    try:
        schema = arro3.io.read_parquet(str(path)).schema
        reader = arro3.io.read_parquet(str(path), batch_size=rows_per_group(len(schema)))
        columns = copy_as_texts(context.engine, reader, schema, target)
    except (duckdb.Error, NotTabular, TooLarge, SourceBroken):
        raise
    except BaseException as error:
        raise arro3_error(error, "Parquet") from None
    return copied_table(columns, target, detected)


def _check_footer(path: Path) -> None:
    """Check that the file ends with a footer of a length that it can have. Raises SourceBroken."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - FOOTER_END_BYTES))
        end = file.read()
    length = int.from_bytes(end[:4], "little")
    if size < len(MAGIC) + FOOTER_END_BYTES or end[4:] != MAGIC:
        raise SourceBroken('it is cut off: a Parquet file ends with the bytes "PAR1"')
    if length > size - len(MAGIC) - FOOTER_END_BYTES:
        raise SourceBroken("it is cut off: its Parquet footer is longer than the file")


def _check_end(engine: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Check that the file is one: of two that follow each other readers take the footer of the
    second, and may find pages in the first. Raises SourceBroken."""
    row = engine.execute(
        "SELECT max(least(coalesce(nullif(dictionary_page_offset, 0), data_page_offset), "
        "data_page_offset) + total_compressed_size) "
        f"FROM parquet_metadata({literal(str(path))})"
    ).fetchone()
    pages_end = int(row[0] or 0) if row else 0
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(size - FOOTER_END_BYTES)
        footer = size - FOOTER_END_BYTES - int.from_bytes(file.read(4), "little")
        at = max(len(MAGIC), pages_end)
        file.seek(at)
        seam = b""
        while at < footer and (block := file.read(min(BLOCK_BYTES, footer - at))):
            at += len(block)
            if MAGIC * 2 in seam + block:
                raise SourceBroken("another Parquet file follows its end")
            seam = block[1 - 2 * len(MAGIC) :]


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
    labels: list[str] = []
    inside: list[int] = []
    for name, children in _schema_rows(engine, path)[1:]:
        while inside and inside[-1] == 0:
            inside.pop()
        if inside:
            inside[-1] -= 1
        else:
            labels.append(name)
        if children:
            inside.append(children)
    return labels


def _schema_rows(engine: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, int]]:
    """The name of each element of the schema, from the root down, and how many it has within."""
    rows = engine.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({literal(str(path))})"
    ).fetchall()
    return [(str(name), int(children)) for name, children in rows]
