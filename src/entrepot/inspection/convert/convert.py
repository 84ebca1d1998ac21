"""Make another form of a version: checked Parquet, canonical CSV, JSON Lines, Arrow.

Runs inside the child. Parquet and the canonical CSV are made from the bytes as delivered, the
others from the Parquet; the column profile comes with the Parquet.
"""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.check.infer import unique_names
from entrepot.inspection.check.rules import judged_columns
from entrepot.inspection.convert.column_profile import profile_columns
from entrepot.inspection.convert.exact_types import exact_type_of
from entrepot.inspection.convert.rejected_rows import find_errors, write_rejected
from entrepot.inspection.convert.write_arrow import write_arrow
from entrepot.inspection.csv.reader import CsvText
from entrepot.inspection.csv.write_canonical import write_canonical
from entrepot.inspection.detect.decompress import unpack
from entrepot.inspection.detect.detect import Detected, detect
from entrepot.inspection.engine import identifier, literal
from entrepot.inspection.formats.arrow import read_arrow
from entrepot.inspection.formats.json import read_json
from entrepot.inspection.formats.parquet import read_parquet
from entrepot.inspection.formats.xlsx import read_xlsx
from entrepot.inspection.inspect import out_of_resources
from entrepot.inspection.limits import Limits, rows_per_group
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import ConversionRequest, Converted, InspectionRequest
from entrepot.inspection.table import Column, NotTabular, SourceBroken, Table, TooLarge
from entrepot.schemas.model import TableSchema
from entrepot.schemas.table_dialect import TableDialect, parse_dialect
from entrepot.schemas.table_schema import parse_schema

COLUMNS_AT_ONCE = 200


class OtherRows(SourceBroken):
    """The table was read with other rows than its inspection counted."""


def convert_file(
    engine: duckdb.DuckDBPyConnection,
    request: ConversionRequest,
    target: Path,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> Converted:
    """Write the form to `target`. Raises only what `out_of_resources` knows, and OSError."""
    try:
        return _derive(engine, request, target, scratch, limits, progress)
    except TooLarge as reason:
        return Converted("resource-limit", None, f"It passes a limit: {reason}.")
    except (NotTabular, SourceBroken, UnicodeError, RecursionError, csv.Error) as reason:
        return Converted("source-error", None, f"It cannot be read: {str(reason)[:300]}.")
    except duckdb.Error as error:
        if out_of_resources(error):
            raise
        return Converted("source-error", None, f"It cannot be written: {_first_line(error)}")


def _derive(
    engine: duckdb.DuckDBPyConnection,
    request: ConversionRequest,
    target: Path,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> Converted:
    match request.form:
        case "rejected":
            _write_rejected(engine, request, target, scratch, limits, progress)
        case "jsonl":
            write_json_lines(engine, request.path, target)
        case "arrow":
            write_arrow(request.path, target)
        case "csv":
            _write_csv(engine, request, target, scratch, limits, progress)
        case "parquet":
            schema = parse_schema(request.schema)
            names: list[tuple[str, str]] = []

            def write(table: Table) -> int:
                rows, names[:] = write_parquet(engine, table, schema, target)
                return rows

            opened = _open(request, scratch, limits, progress)
            readings = _readings(engine, opened, scratch, limits, progress)
            _first_right(readings, write, request.rows)
            return _profiled(engine, target, names)
    return Converted("made", None, "")


def _write_csv(
    engine: duckdb.DuckDBPyConnection,
    request: ConversionRequest,
    target: Path,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> None:
    opened = _open(request, scratch, limits, progress)
    if opened.detected.kind == "csv":
        # Cells beyond a row's columns are kept there, which a table has no place for.
        write_canonical(
            opened.path, opened.file_name, target, scratch, limits, opened.dialect, opened.names
        )
        return
    _first_right(
        _readings(engine, opened, scratch, limits, progress),
        lambda table: write_csv(engine, table, target),
        request.rows,
    )


def _write_rejected(
    engine: duckdb.DuckDBPyConnection,
    request: ConversionRequest,
    target: Path,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> None:
    judged = InspectionRequest(
        path=request.path,
        file_name=request.file_name,
        size=request.size,
        mode="given" if request.given else "infer",
        schema=request.schema if request.given else None,
        dialect=request.dialect,
    )
    errors, truncated = find_errors(engine, judged, scratch, limits, progress)
    table = exact_reading(engine, request, scratch, limits, progress)
    write_rejected(engine, table, errors, truncated, target)


def _profiled(
    engine: duckdb.DuckDBPyConnection, made: Path, names: list[tuple[str, str]]
) -> Converted:
    """The Parquet is made; a profile that cannot be had does not unmake it."""
    try:
        return Converted("made", profile_columns(engine, made, names), "")
    except duckdb.Error as error:
        return Converted("made", None, f"The columns could not be measured: {_first_line(error)}")


@dataclass(frozen=True)
class _Opened:
    """The file as it is to be read: unpacked, and what is known of it beforehand."""

    path: Path
    file_name: str
    detected: Detected
    names: list[str] | None
    dialect: TableDialect | None


def _open(request: ConversionRequest, scratch: Path, limits: Limits, progress: Progress) -> _Opened:
    path, file_name = request.path, request.file_name
    detected = detect(path, file_name)
    if detected.kind == "packed":
        packed = unpack(path, file_name, scratch, limits, progress)
        path, file_name = packed.path, packed.file_name
        detected = detect(path, file_name)
    fields = request.schema.get("fields", [])
    names = [str(field["name"]) for field in fields] if request.given else None
    dialect = parse_dialect(request.dialect) if request.dialect is not None else None
    return _Opened(path, file_name, detected, names, dialect)


def _readings(
    engine: duckdb.DuckDBPyConnection,
    opened: _Opened,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> Iterator[Table]:
    """The ways to read the file, the quickest first; the next is for when one fails."""
    path, detected, names = opened.path, opened.detected, opened.names
    match detected.kind:
        case "csv":
            kind = detected.media_type
            text = CsvText(path, kind, scratch, limits, progress, names, opened.dialect)
            if text.regular():
                yield text.scan_in_place()
            yield text.scan_normalized()
        case "jsonl" | "json" | "json-objects" as form:
            yield read_json(engine, path, form, scratch, limits)
        case "parquet":
            yield read_parquet(engine, path, limits)
        case "arrow-file" | "arrow-stream" as kind:
            yield read_arrow(engine, path, kind == "arrow-stream", scratch, limits)
        case "xlsx":
            yield read_xlsx(path, scratch, limits, progress, names)
        case _:
            raise NotTabular(f"it is {detected.words}")


def exact_reading(
    engine: duckdb.DuckDBPyConnection,
    request: ConversionRequest,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> Table:
    """The table read the careful way, by which every row has its number and its line.

    Raises NotTabular, SourceBroken and TooLarge.
    """
    opened = _open(request, scratch, limits, progress)
    *_, table = _readings(engine, opened, scratch, limits, progress)
    return table


def _first_right(readings: Iterator[Table], write: Callable[[Table], int], rows: int) -> None:
    """Write by the first reading that gives the rows that the inspection counted."""
    failed: Exception | None = None
    for table in readings:
        try:
            written = write(table)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            if out_of_resources(error):
                raise
            failed = error
            continue
        if written == rows:
            return
        failed = OtherRows(f"{written:,} rows were read, and its inspection counted {rows:,}")
    raise failed or OtherRows("no row was read")


def write_parquet(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, target: Path
) -> tuple[int, list[tuple[str, str]]]:
    """Write `table` typed by `schema`, rows in their order, zstd; how many rows there were, and
    the columns' names and schema types.

    The columns are the schema's fields in the table's order, with the field's names; a column
    without a field is a text under its label, and a field without a column is left out.
    """
    columns = typed_columns(engine, table, schema)
    wanted = ", ".join(f"{sql} AS {identifier(name)}" for name, _, sql in columns)
    group = rows_per_group(len(columns))
    rows = _copy(
        engine,
        f"SELECT {wanted} FROM {table.relation}",
        target,
        f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}",
    )
    return rows, [(name, kind) for name, kind, _ in columns]


def typed_columns(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema
) -> list[tuple[str, str, str]]:
    """Each column's name, schema type and typed expression, by one pass over its values."""
    cells = {id(column): cell for column, cell in _paired(table, schema)}
    labels = unique_names(table.labels)
    typings = []
    for column in table.columns:
        cell = cells.get(id(column))
        typings.append(None if cell is None else (cell, exact_type_of(cell, column.kind)))
    columns: list[tuple[str, str, str]] = []
    for start in range(0, len(typings), COLUMNS_AT_ONCE):
        part = typings[start : start + COLUMNS_AT_ONCE]
        probes = [probe for typing in part if typing for probe in typing[1].probes]
        row: tuple[Any, ...] = ()
        if probes:
            query = f"SELECT {', '.join(probes)} FROM {table.relation}"
            row = engine.execute(query).fetchone() or ()
        figures = iter(row)
        for number, typing in enumerate(part, start=start):
            if typing is None:
                columns.append((labels[number], "string", table.columns[number].text))
                continue
            measured = [next(figures) for _ in typing[1].probes]
            cell_field, sql = typing[0].field, typing[1].decide(measured)
            columns.append((cell_field.name, cell_field.type, sql))
    return columns


def _paired(table: Table, schema: TableSchema) -> Iterator[tuple[Column, Any]]:
    """The columns that a field stands for, with their expressions."""
    by_label = {column.label: column for column in table.columns}
    for number, cell in judged_columns(table, schema):
        column = by_label[cell.field.name] if table.by_name else table.columns[number - 1]
        yield column, cell


def write_csv(engine: duckdb.DuckDBPyConnection, table: Table, target: Path) -> int:
    """Write the canonical CSV: what was read, in UTF-8, with commas, CRLF and no more quotes
    than it takes; how many rows there were."""
    cells = [column.text for column in table.columns]
    if len(cells) == 1:  # a line without anything would be no row to many readers
        cells = [f"coalesce({cells[0]}, '')"]
    wanted = ", ".join(f"{cell} AS c{n}" for n, cell in enumerate(cells))
    header = ", ".join(map(literal, table.labels)) if table.header else ""
    rows = f"SELECT {wanted} FROM {table.relation}"
    if header:
        rows = f"SELECT {header} UNION ALL {rows}"
    written = _copy(
        engine,
        rows,
        target,
        "FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NEW_LINE '\\r\\n'",
    )
    return written - 1 if header else written


def write_json_lines(engine: duckdb.DuckDBPyConnection, parquet: Path, target: Path) -> int:
    """Write JSON Lines: times as ISO 8601 has them, NaN and infinity (which JSON has not) null."""
    source = f"read_parquet({literal(str(parquet))})"
    wanted = []
    for name, kind, *_ in engine.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
        column = identifier(str(name))
        wanted.append(f"{_json_value(column, str(kind))} AS {column}")
    return _copy(engine, f"SELECT {', '.join(wanted)} FROM {source}", target, "FORMAT json")


def _json_value(column: str, kind: str) -> str:
    match kind:
        case "DOUBLE":
            return f"CASE WHEN isfinite({column}) THEN {column} END"
        case "TIMESTAMP" | "TIMESTAMP_NS":
            return f"replace({column}::VARCHAR, ' ', 'T')"
        case "TIMESTAMP WITH TIME ZONE":
            return f"replace(replace({column}::VARCHAR, ' ', 'T'), '+00', 'Z')"
        case _:
            return column


def _copy(engine: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    row = engine.execute(f"COPY ({query}) TO {literal(str(target))} ({options})").fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
