"""Read Parquet: the file itself says the columns, their types and the count of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
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
MAX_LIST_LEVELS = 10
"""Of lists in one another: the engine takes twice the time for each further one, 13 s for 24."""
MAGIC = b"PAR1"
"""Begins and ends a Parquet file."""
FOOTER_END_BYTES = 8
"""The length of the footer, and the magic."""
BLOCK_BYTES = 1 << 20
"""Read at a time."""
ROW_NUMBER = sql("file_row_number")


@dataclass(frozen=True)
class _Element:
    """An element of the schema: a column (at level 1) or what is within one."""

    name: str
    level: int
    repeated: bool


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
        elements = _schema_elements(engine, path)
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
    unfit = _has_twin_fields(elements) or _list_levels(elements) > MAX_LIST_LEVELS
    if unfit or _has_wide_decimals(engine, path):
        return _read_by_arro3(path, detected, context)
    names = [str(name) for name, *_ in described]
    labels = [element.name for element in elements if element.level == 1]
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


def _has_twin_fields(elements: Sequence[_Element]) -> bool:
    """Whether fields within a column have names that differ in case alone: the engine renames all
    but one of them."""
    names: list[set[str]] = []  # beside an element, and beside each that it is within
    for element in elements:
        del names[element.level :]
        while len(names) < element.level:
            names.append(set())
        if element.level > 1 and element.name.lower() in names[-1]:
            return True
        names[-1].add(element.name.lower())
    return False


def _list_levels(elements: Sequence[_Element]) -> int:
    """How many lists are in one another, at most."""
    lists: list[int] = []  # down to an element, and to each that it is within
    most = 0
    for element in elements:
        del lists[element.level - 1 :]
        lists.append((lists[-1] if lists else 0) + element.repeated)
        most = max(most, lists[-1])
    return most


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


def _schema_elements(engine: duckdb.DuckDBPyConnection, path: Path) -> list[_Element]:
    """The elements below the root of the schema, a tree that is written from its root down. The
    engine renames columns with doubled and blank names."""
    rows = engine.execute(
        "SELECT name, coalesce(num_children, 0), coalesce(repetition_type = 'REPEATED', false) "
        f"FROM parquet_schema({literal(str(path))})"
    ).fetchall()
    elements: list[_Element] = []
    inside: list[int] = []  # how many are still to come within each
    for name, children, repeated in rows[1:]:
        while inside and inside[-1] == 0:
            inside.pop()
        elements.append(_Element(str(name), len(inside) + 1, bool(repeated)))
        if inside:
            inside[-1] -= 1
        if children:
            inside.append(int(children))
    return elements
