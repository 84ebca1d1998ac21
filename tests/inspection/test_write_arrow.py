"""Arrow as made of a checked Parquet: pyarrow, polars and pandas read the same values of both."""

import errno
import random
from contextlib import suppress
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entrepot.inspection.convert.write_arrow import write_arrow
from entrepot.inspection.engine_errors import out_of_resources
from entrepot.inspection.limits import MAX_GROUP_CELLS, MAX_GROUP_ROWS
from entrepot.inspection.table import SourceBroken

ROWS = 70_000
COLUMNS: dict[str, tuple[str, str]] = {
    "int64": ("n", "int64"),
    "int32": ("n::INTEGER", "int32"),
    "narrow": ("(n / 8)::DECIMAL(9, 3)", "decimal128(9, 3)"),
    "middle": ("(n / 8)::DECIMAL(18, 3)", "decimal128(18, 3)"),
    "widest": ("repeat('9', 38)::DECIMAL(38, 0) - n", "decimal128(38, 0)"),
    "double": ("CASE n % 4 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' ELSE n / 3 END::DOUBLE", "double"),
    "bool": ("n % 2 = 0", "bool"),
    "date": ("DATE '1969-12-01' + (n % 90)::INTEGER", "date32[day]"),
    "time": ("TIME '00:00:00.000001' + to_seconds(n % 80000)", "time64[us]"),
    "micros": ("make_timestamp(n * 1000003)", "timestamp[us]"),
    "nanos": ("make_timestamp_ns(1709294400123456789 + n)", "timestamp[ns]"),
    "zone": ("make_timestamp(n * 1000003)::TIMESTAMPTZ", "timestamp[us, tz=UTC]"),
    "text": ("'Zoë ' || (n % 9)", "string"),
    "texts": ("['a', NULL, 'b' || n]", "list<element: string>"),
    "numbers": ("CASE n % 3 WHEN 0 THEN [] ELSE [n, NULL] END", "list<element: int64>"),
    "json": ("('{\"a\": 1.50, \"n\": ' || n || '}')::JSON", "string"),
}


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of each type that a version's Parquet may have; every seventh row is empty."""
    path = tmp_path_factory.mktemp("parquet") / "t.parquet"
    listed = ", ".join(
        f'CASE WHEN n % 7 > 0 THEN {sql} END AS "{name}"' for name, (sql, _) in COLUMNS.items()
    )
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone='UTC'")
        engine.execute(
            f"COPY (SELECT {listed} FROM range({ROWS}) t(n)) TO '{path}' "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)"
        )
    return path


@pytest.fixture(scope="module")
def arrow(parquet: Path) -> Path:
    path = parquet.with_suffix(".arrow")
    write_arrow(parquet, path)
    return path


def test_pyarrow_reads_the_types_and_values(parquet: Path, arrow: Path) -> None:
    with pa.memory_map(str(arrow)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
        expected = {name: arrow_type for name, (_, arrow_type) in COLUMNS.items()}
        assert {field.name: str(field.type) for field in table.schema} == expected
        for name in COLUMNS:
            original = pq.read_table(parquet, columns=[name])[name]
            if name == "double":  # NaN is not equal to itself
                assert list(map(repr, table[name].to_pylist())) == list(
                    map(repr, original.to_pylist())
                )
            else:
                assert table[name].equals(original.cast(table[name].type)), name


def test_polars_reads_the_same(parquet: Path, arrow: Path) -> None:
    assert pl.read_ipc(arrow).equals(pl.read_parquet(parquet))


def test_pandas_reads_the_same(parquet: Path, arrow: Path) -> None:
    ours, theirs = pd.read_feather(arrow), pd.read_parquet(parquet)
    theirs["json"] = theirs["json"].astype(ours["json"].dtype)  # Parquet marks it as JSON
    pd.testing.assert_frame_equal(ours, theirs)


def test_batches_are_bounded_and_can_be_mapped(parquet: Path, arrow: Path) -> None:
    with pa.memory_map(str(arrow)) as mapped:
        before = pa.total_allocated_bytes()
        reader = pa.ipc.open_file(mapped)
        rows = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
        # What is compressed would have to be unpacked into memory.
        assert pa.total_allocated_bytes() - before < 1 << 20
    assert sum(rows) == ROWS
    assert max(rows) <= MAX_GROUP_ROWS


def test_batches_of_wide_tables_are_small(tmp_path: Path) -> None:
    wide, source, target = 1_000, tmp_path / "wide.parquet", tmp_path / "wide.arrow"
    pl.DataFrame({f"c{n}": range(n, n + 10_000) for n in range(wide)}).write_parquet(source)
    write_arrow(source, target)
    reader = pa.ipc.open_file(target.read_bytes())
    rows = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
    assert sum(rows) == 10_000
    assert max(rows) <= MAX_GROUP_CELLS // wide
    assert reader.read_all()["c999"].to_pylist() == list(range(999, 10_999))


def test_an_empty_table_keeps_its_types(tmp_path: Path) -> None:
    source, target = tmp_path / "t.parquet", tmp_path / "t.arrow"
    pl.DataFrame({"n": [], "day": []}, schema={"n": pl.Int64, "day": pl.Date}).write_parquet(source)
    write_arrow(source, target)
    table = pa.ipc.open_file(target.read_bytes()).read_all()
    assert (table.num_rows, [str(each) for each in table.schema.types]) == (
        0, ["int64", "date32[day]"],
    )  # fmt: skip


def test_a_full_disk_is_a_lack_of_resources(parquet: Path) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        write_arrow(parquet, Path("/dev/full"))
    assert raised.value.errno == errno.ENOSPC
    assert out_of_resources(raised.value)


def test_damaged_parquet_is_broken_and_nothing_worse(parquet: Path, tmp_path: Path) -> None:
    content = parquet.read_bytes()
    chosen = random.Random(7)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceBroken, match="its Parquet data is malformed"):
        write_arrow(cut, tmp_path / "t.arrow")
    for _ in range(20):
        damaged = bytearray(content)
        for _ in range(20):
            damaged[chosen.randrange(len(damaged))] = chosen.randrange(256)
        cut.write_bytes(damaged)
        with suppress(SourceBroken):  # any other error fails the test; some bytes don't matter
            write_arrow(cut, tmp_path / "t.arrow")
