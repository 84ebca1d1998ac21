"""Read Arrow IPC, as a file (Feather version 2) or as a stream.

The columns go batch by batch, as texts, into a Parquet file in the scratch folder, since a
stream can be read once and an inspection scans more than once. arro3 (the Rust implementation)
reads it: it checks offsets and texts before anybody follows them, starts no threads, and loads
in 5 ms where pyarrow takes 300 ms.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb
from arro3.compute import cast
from arro3.core import DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import read_ipc, read_ipc_stream

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.engine_errors import first_line, out_of_resources
from entrepot.inspection.formats.arrow_frames import check_frames
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.sql import identifier, literal, sql
from entrepot.inspection.table import (
    Column,
    NotTabular,
    SourceBroken,
    Table,
    TooLarge,
)
from entrepot.inspection.values.native_text import (
    duration_sql,
    interval_sql,
    moment_sql,
    native_column,
    text_of,
)
from entrepot_client.counts import counted

VIEW = sql("arrow_batches")
STREAM = "arrow-stream"
PARTS_OF_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""What durations and moments count, by the unit of their type."""


def open_arrow(
    detected: Detected, request: TableRequest, context: InspectionContext
) -> OpenedTable:
    """An Arrow file or stream, ready to be read."""
    path, stream = request.path, detected.kind == STREAM
    rows, unpacked = check_frames(path, stream, context.limits.memory // 2)
    context.progress.unpacked(unpacked)
    return OpenedTable(
        read=lambda: read_arrow(path, detected, context),
        count_records=lambda judged: RecordCounts(total=rows, judged=judged),
    )


def read_arrow(path: Path, detected: Detected, context: InspectionContext) -> Table:
    """The table at `path`, in the stream format or in the file format, whose frames were checked.

    Raises SourceBroken, NotTabular, TooLarge; OSError when the scratch folder is full.
    """
    limits = context.limits
    target = context.scratch / "arrow.parquet"
    stream = detected.kind == STREAM
    try:
        reader = read_ipc_stream(str(path)) if stream else read_ipc(str(path))
        schema = reader.schema
        if len(schema) > limits.columns:
            raise TooLarge(f"{counted(len(schema), 'column')}; {limits.columns:,} are read")
        if not len(schema):
            raise NotTabular("it is Arrow without columns")
        columns = copy_as_texts(context.engine, reader, schema, target)
    except (duckdb.Error, NotTabular, TooLarge, SourceBroken):
        raise
    except BaseException as error:
        raise arro3_error(error, "Arrow") from None
    fields = [schema.field(place) for place in range(len(schema))]
    rounded = [quoted(field.name) for field in fields if _rounds_intervals(field.type)]
    return replace(
        copied_table(columns, target, detected),
        warnings=tuple(
            f"Column {name}: intervals within lists and structs are read to the microsecond."
            for name in rounded
        ),
    )


def _rounds_intervals(kind: DataType) -> bool:
    """Whether values of the type have intervals or durations of nanoseconds within others: the
    engine has them to the microsecond."""
    if DataType.is_interval(kind) or DataType.is_duration(kind):
        return False
    return any(each in repr(kind) for each in ("Interval(MonthDayNano)", "Duration(ns)"))


def copied_table(columns: tuple[Column, ...], target: Path, detected: Detected) -> Table:
    """The table whose cells were copied to `target` as texts (`copy_as_texts`)."""
    listed = ", ".join(column.text for column in columns)
    counted = sql("file_row_number + 2 AS _row, NULL::BIGINT AS _line")
    numbered = f"read_parquet({literal(str(target))}, file_row_number = true)"
    return Table(
        columns=columns,
        relation=f"read_parquet({literal(str(target))})",
        numbered=f"(SELECT {counted}, {listed} FROM {numbered})",
        media_type=detected.media_type,
        storage="columns",
        description={"format": detected.kind},
        place_unit="record",
    )


def copy_as_texts(
    engine: duckdb.DuckDBPyConnection, reader: RecordBatchReader, schema: Schema, target: Path
) -> tuple[Column, ...]:
    """Copy every cell as a text to `target`; returns the columns, in order."""
    plain = _readable(schema)
    # A result of which one row was fetched keeps the engine from taking anything registered.
    engine.execute("SELECT 1").fetchall()
    try:
        engine.register(VIEW, RecordBatchReader.from_batches(plain, []))
        described = engine.execute(f"DESCRIBE {VIEW}").fetchall()
        engine.unregister(VIEW)
    except duckdb.Error as error:
        if out_of_resources(error):
            raise
        # This query is the same for all files: what cannot be bound is the file's own schema.
        raise SourceBroken(f"its columns cannot be read ({first_line(error)})") from None
    fields = [schema.field(n) for n in range(len(schema))]
    columns, cells = [], []
    for n, (field, (name, kind, *_)) in enumerate(zip(fields, described, strict=True), start=1):
        column = native_column(field.name, f"c{n}", str(kind))
        if _is_text_of_decimal(field.type):
            whole = not _scale_of(field.type) > 0
            column = replace(column, kind="integer" if whole else "decimal")
        text = text_of(engine, identifier(str(name)), str(kind))
        unit = str(field.type.time_unit)
        if DataType.is_timestamp(field.type):
            zoned = bool(field.type.tz)
            column = replace(column, kind="datetime", zoned=zoned)
            text = moment_sql(identifier(str(name)), PARTS_OF_SECOND[unit], zoned)
        if DataType.is_duration(field.type):
            column = replace(column, kind="duration")
            text = duration_sql(identifier(str(name)), PARTS_OF_SECOND[unit])
        if DataType.is_interval(field.type):
            column = replace(column, kind="duration")
            text = interval_sql(identifier(str(name)))
        columns.append(column)
        cells.append(f"{text}::VARCHAR AS c{n}")
    broken: list[SourceBroken] = []
    batches = RecordBatchReader.from_batches(plain, _batches(reader, plain, broken))
    engine.register(VIEW, batches)
    try:
        engine.execute(
            f"COPY (SELECT {', '.join(cells)} FROM {VIEW}) TO {literal(str(target))} "
            "(FORMAT parquet, COMPRESSION lz4_raw)"
        )
    except duckdb.Error:
        if broken:
            raise broken[0] from None
        raise
    finally:
        with suppress(duckdb.FatalException):  # which the first error is the reason of
            engine.unregister(VIEW)
    return tuple(columns)


def _is_text_of_decimal(kind: DataType) -> bool:
    """Whether it is a decimal that the engine does not have: of more than 38 digits, or of whole
    tens or hundreds (a negative scale)."""
    return DataType.is_decimal256(kind) or (DataType.is_decimal(kind) and _scale_of(kind) < 0)


def _scale_of(kind: DataType) -> int:
    """How many digits a decimal has behind its point, as the type's name says: arro3 tells it in no
    other way."""
    return int(repr(kind).rpartition(",")[2].strip(" )>\n"))


def _readable(schema: Schema) -> Schema:
    """The schema with what the engine lacks turned into what it has. Names are made distinct,
    since the engine would choose its own."""
    fields: list[Field] = []
    for n in range(len(schema)):
        field = schema.field(n)
        kind = field.type
        if DataType.is_union(kind):
            raise NotTabular(f"it is Arrow whose column {field.name!r} has values of several types")
        if DataType.is_float16(kind):
            kind = DataType.float32()
        elif DataType.is_duration(kind) or DataType.is_timestamp(kind):
            kind = DataType.int64()  # the engine's have no nanoseconds, or not all moments
        elif _is_text_of_decimal(kind) or DataType.is_interval(kind):  # nor have its intervals
            kind = DataType.utf8()
        fields.append(field.with_type(kind).with_name(f"c{n + 1}"))
    return Schema(fields)


def _batches(
    reader: RecordBatchReader, plain: Schema, broken: list[SourceBroken]
) -> Iterator[RecordBatch]:
    """The batches in the types of `plain`. A fault is kept in `broken`: between here and whoever
    asks for the batches lies the engine, through which a panic of Rust would end the process.
    """
    kinds = plain.types
    try:
        for batch in reader:
            columns = [
                column if column.type == kind else cast(column, kind)
                for column, kind in zip(batch.columns, kinds, strict=True)
            ]
            yield RecordBatch.from_arrays(columns, schema=plain)
    except GeneratorExit:
        raise
    except BaseException as error:
        judged = arro3_error(error, "Arrow")
        if isinstance(judged, SourceBroken):
            broken.append(judged)
        raise judged from None


def arro3_error(error: BaseException, data_format: str) -> BaseException:
    """What an error raised in arro3 says of a file in `data_format`.

    The reader's own errors are plain exceptions, and panics of Rust, which no `Exception` is;
    what is the machine's fault, or a signal, stays what it is. A panic that Rust cannot unwind
    ends the process, which the parent tells as a source-error.
    """
    plain = type(error) in (Exception, ValueError, TypeError, OverflowError)
    panic = type(error).__name__ == "PanicException"
    foreign = type(error).__module__.startswith("arro3")
    if not (plain or panic or foreign):
        return error
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SourceBroken(f"its {data_format} data is malformed ({detail[:200]})")
