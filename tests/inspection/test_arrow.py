"""Arrow IPC: what pyarrow, pandas, polars and DuckDB write comes back value for value."""

# ruff: noqa: DTZ001 (moments without a zone are meant)

import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.ipc
import pytest
from tests.inspection.conftest import Inspect, opened_context, read_table

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import Table

COLUMNS: dict[str, tuple[Any, str, list[str | None]]] = {
    "i": (pa.array([1, 2**62, None]), "integer", ["1", "4611686018427387904", None]),
    "u": (pa.array([2**64 - 1, 0, None], pa.uint64()), "integer",
          ["18446744073709551615", "0", None]),
    "f": (pa.array([1.5, 0.1, None]), "number", ["1.5", "0.1", None]),
    "half": (pa.array([1.5, None, 2], pa.float16()), "number", ["1.5", None, "2.0"]),
    "yes": (pa.array([True, False, None]), "boolean", ["true", "false", None]),
    "s": (pa.array(["a", "", None]), "text", ["a", "", None]),
    "large": (pa.array(["ä", None, "c"], pa.large_string()), "text", ["ä", None, "c"]),
    "view": (pa.array(["a", None, "c" * 40], pa.string_view()), "text", ["a", None, "c" * 40]),
    "dictionary": (pa.array(["x", None, "x"]).dictionary_encode(), "text", ["x", None, "x"]),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "y"])),
             "text", ["x", "x", "y"]),
    "nothing": (pa.nulls(3), "text", [None, None, None]),
    "bytes": (pa.array([b"\0\1", None, b""]), "binary", ["AAE=", None, ""]),
    "fixed": (pa.array([b"ab", None, b"xy"], pa.binary(2)), "binary", ["YWI=", None, "eHk="]),
    "money": (pa.array([Decimal("1.50"), None, Decimal("-2.25")], pa.decimal128(38, 2)), "decimal",
              ["1.50", None, "-2.25"]),
    "whole": (pa.array([Decimal(10**30), None, Decimal(-1)], pa.decimal128(38, 0)), "integer",
              [str(10**30), None, "-1"]),
    "wide": (pa.array([Decimal("1.5"), None, Decimal(10**45)], pa.decimal256(60, 1)), "decimal",
             ["1.5", None, "1" + "0" * 45 + ".0"]),
    "day": (pa.array([dt.date(2020, 1, 31), None, dt.date(1, 1, 1)]), "date",
            ["2020-01-31", None, "0001-01-01"]),
    "day64": (pa.array([dt.date(2020, 1, 31), None, None], pa.date64()), "date",
              ["2020-01-31", None, None]),
    "clock": (pa.array([dt.time(1, 2, 3), None, dt.time(0, 0, 0, 5)], pa.time64("us")), "time",
              ["01:02:03", None, "00:00:00.000005"]),
    "second": (pa.array([dt.datetime(2020, 1, 1), None, None], pa.timestamp("s")), "datetime",
               ["2020-01-01T00:00:00", None, None]),
    "nano": (pa.array([1577836800123456789, None, 0], pa.timestamp("ns")), "datetime",
             ["2020-01-01T00:00:00.123456789", None, "1970-01-01T00:00:00"]),
    "zoned": (pa.array([1577836800500000, None, 0], pa.timestamp("us", "Europe/Berlin")),
              "datetime", ["2020-01-01T00:00:00.5Z", None, "1970-01-01T00:00:00Z"]),
    "span": (pa.array([dt.timedelta(days=1, seconds=90, microseconds=5), None, dt.timedelta()]),
             "duration", ["PT24H1M30.000005S", None, "PT0S"]),
    "months": (pa.array([pa.MonthDayNano([14, 2, 3_000_000_000]), None,
                         pa.MonthDayNano([-1, 0, 0])]),
               "duration", ["P1Y2M2DT3S", None, "-P1M"]),
    "list": (pa.array([[1, 2], None, []]), "array", ["[1,2]", None, "[]"]),
    "struct": (pa.array([{"a": "x"}, None, {"a": None}]), "object",
               ['{"a":"x"}', None, '{"a":null}']),
    "map": (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())), "object",
            ['{"k":1}', None, "{}"]),
}  # fmt: skip
EVERY = pa.table({name: column for name, (column, _, _) in COLUMNS.items()})


def write(path: Path, table: pa.Table, stream: bool = False, **options: Any) -> Path:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


@pytest.fixture
def context(tmp_path: Path) -> Iterator[InspectionContext]:
    with opened_context(tmp_path / "scratch") as context:
        yield context


def cells(context: InspectionContext, table: Table) -> list[tuple[Any, ...]]:
    listed = ", ".join(column.text for column in table.columns)
    return context.engine.execute(f"SELECT {listed} FROM {table.numbered} ORDER BY _row").fetchall()


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_every_type(
    context: InspectionContext, tmp_path: Path, stream: bool, compression: str | None
) -> None:
    path = write(tmp_path / "t", EVERY, stream, compression=compression)
    table = read_table(path, context)
    assert {column.label: column.kind for column in table.columns} == {
        name: kind for name, (_, kind, _) in COLUMNS.items()
    }
    columns = dict(zip(COLUMNS, zip(*cells(context, table), strict=True), strict=True))
    for name, (_, _, texts) in COLUMNS.items():
        assert list(columns[name]) == texts, name


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
def test_through_the_front_door(inspect: Inspect, tmp_path: Path, stream: bool) -> None:
    path = write(tmp_path / "no.suffix", EVERY, stream)
    inferred = inspect(path)
    assert (inferred.verdict, inferred.row_count) == ("conforms", 3), inferred.detail
    kind = "stream" if stream else "file"
    assert inferred.media_type == f"application/vnd.apache.arrow.{kind}"
    assert inspect(path, inferred.schema).verdict == "conforms"
    assert inferred.schema is not None
    fields = [dict(field) for field in inferred.schema["fields"]]
    fields[0]["constraints"] = {"maximum": 5}
    broken = inspect(path, {"fields": fields})
    assert [(e["rowNumber"], e["cell"]) for e in broken.report["tasks"][0]["errors"]] == [
        (3, "4611686018427387904")
    ]


def test_no_rows_no_batches_no_columns(inspect: Inspect, tmp_path: Path) -> None:
    for stream in (False, True):
        empty = inspect(write(tmp_path / "empty", EVERY.slice(0, 0), stream))
        assert (empty.verdict, empty.row_count) == ("violates", 0), empty.detail
        assert empty.schema is not None
        assert len(empty.schema["fields"]) == len(COLUMNS)
    bare = inspect(write(tmp_path / "bare", pa.table({})))
    assert bare.verdict == "not-tabular"


def test_labels_as_in_the_file(context: InspectionContext, tmp_path: Path) -> None:
    written = pa.table([pa.array([n]) for n in range(5)], names=["a", "a", "", "A", "x'\"y"])
    table = read_table(write(tmp_path / "t", written), context)
    assert table.labels == ("a", "a", "", "A", "x'\"y")
    assert cells(context, table) == [("0", "1", "2", "3", "4")]


def test_many_batches_and_a_growing_dictionary(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "t"
    schema = pa.schema([("d", pa.dictionary(pa.int32(), pa.string())), ("n", pa.int64())])
    with pa.ipc.new_stream(str(path), schema) as writer:
        for n in range(200):
            words = pa.array([f"w{k}" for k in range(n, n + 5)]).dictionary_encode()
            numbers = pa.array(range(5 * n, 5 * n + 5))
            writer.write_batch(pa.record_batch([words, numbers], schema=schema))
    inspection = inspect(path)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1000), inspection.detail


def test_other_writers(context: InspectionContext, tmp_path: Path) -> None:
    moment = dt.datetime(2020, 1, 1, 12, 30)
    frame = {"a": [1, 2], "b": ["x", None], "t": [moment, None]}
    polars.DataFrame(frame).write_ipc(tmp_path / "polars", compression="zstd")
    polars.DataFrame(frame).write_ipc_stream(tmp_path / "polars.stream")
    pandas.DataFrame(frame).to_feather(tmp_path / "pandas")
    query = (
        "SELECT 1 AS a, 'x' AS b, TIMESTAMP '2020-01-01 12:30:00' AS t "
        "UNION ALL SELECT 2, NULL, NULL ORDER BY a"
    )
    with duckdb.connect() as other:
        table = other.sql(query).to_arrow_table()
    with pa.ipc.new_stream(str(tmp_path / "duckdb.stream"), table.schema) as out:
        out.write_table(table)
    for name in ("polars", "polars.stream", "pandas", "duckdb.stream"):
        read = read_table(tmp_path / name, context)
        assert cells(context, read) == [("1", "x", "2020-01-01T12:30:00"), ("2", None, None)], name


def test_a_file_after_another_one(inspect: Inspect, tmp_path: Path) -> None:
    whole = write(tmp_path / "t", EVERY).read_bytes()
    counted = inspect(whole, name="t.arrow").profile["file"]["records"]
    assert (counted["total"], counted["judged"]) == (3, 3)
    inspection = inspect(whole + whole, name="t.arrow")
    assert inspection.verdict == "source-error"
    assert "Arrow footer" in inspection.detail


def test_what_is_not_read(inspect: Inspect, tmp_path: Path) -> None:
    union = pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])]
    )
    inspection = inspect(write(tmp_path / "union", pa.table({"u": union})))
    assert (inspection.verdict, "'u'" in inspection.detail) == ("not-tabular", True)
    assert inspect(b"FEA1....", name="t.feather").verdict == "not-tabular"
    many = pa.table({f"c{n}": [n] for n in range(20)})
    wide = inspect(write(tmp_path / "wide", many), limits=Limits(columns=10))
    assert (wide.verdict, "20 columns" in wide.detail) == ("resource-limit", True)


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("keep", [7, 40, 500, -300, -12, -1])
def test_cut_off(inspect: Inspect, tmp_path: Path, stream: bool, keep: int) -> None:
    raw = write(tmp_path / "t", EVERY, stream).read_bytes()[:keep]
    if stream and keep >= -12 and keep < 0:
        return  # the mark at the end of a stream may be missing
    inspection = inspect(raw, name="cut.arrow")
    assert inspection.verdict in ("source-error", "not-tabular")
    assert inspection.verdict == "source-error" or keep < 41


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("part", ["name", "inner name", "time zone"])
def test_a_nul_in_a_text_of_the_schema(part: str, stream: bool, inspect: Inspect) -> None:
    """The reader would end the process."""
    inner = pa.struct([pa.field("Europe/Rome", pa.int8())])
    column = {
        "name": pa.field("Europe/Rome", pa.int8()),
        "inner name": pa.field("a", pa.list_(inner)),
        "time zone": pa.field("a", pa.timestamp("s", "Europe/Rome")),
    }[part]
    schema = pa.schema([pa.field("first", pa.int8()), column])
    raw = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(raw, schema) as writer:
        writer.write_table(schema.empty_table())
    assert inspect(raw.getvalue()).verdict != "source-error"
    inspection = inspect(raw.getvalue().replace(b"Europe/Rome", b"Europe\0Rome"))
    assert inspection.verdict == "source-error"
    assert inspection.detail == (
        "The file cannot be read: the name or the time zone of its column 2 has a NUL."
    )


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        (pa.list_(pa.month_day_nano_interval()), True),
        (pa.struct([("a", pa.duration("ns"))]), True),
        (pa.list_(pa.duration("us")), False),
        (pa.month_day_nano_interval(), False),
        (pa.duration("ns"), False),
    ],
)
def test_intervals_that_are_read_to_the_microsecond(
    kind: Any, warned: bool, inspect: Inspect
) -> None:
    out = io.BytesIO()
    table = pa.table({"n": [1], "x": pa.array([None], kind)})
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    warnings = inspect(out.getvalue(), name="t.arrow").report["tasks"][0]["warnings"]
    rounded = "Column `x`: intervals within lists and structs are read to the microsecond."
    assert (rounded in warnings) == warned
