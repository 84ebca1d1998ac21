"""The profile of few rows, which is counted in Python, is that of the engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.selection import examples

from entrepot.inspection.convert.column_profile import ProfiledColumn, profile_columns
from entrepot.inspection.engine import open_engine
from entrepot.inspection.stored_parquet import open_stored

LONG = "x" * 300
VALUES: dict[str, list[str]] = {
    "BIGINT": ["0", "-7", "12", "12", "9223372036854775807", "-9223372036854775808"],
    "INTEGER": ["3", "1", "2", "2", "20"],
    "DECIMAL(38,0)": ["10", "9", "-90071992547409930", "-90071992547409931", "9" * 38],
    "DECIMAL(9,3)": ["0.125", "-1.5", "10.000", "10.000"],
    "DOUBLE": ["0.0", "-0.0", "nan", "inf", "-inf", "1e300", "0.1", "-2.5", "1e-300"],
    "DATE": ["2024-02-29", "0044-03-15 (BC)", "1970-01-01", "2024-02-29", "12024-01-01"],
    "TIME": ["00:00:00", "23:59:59.999999", "12:30:00", "24:00:00"],
    "TIMESTAMP": ["2024-01-01 00:00:00", "1969-12-31 23:59:59.5", "2262-04-11 23:47:16"],
    "TIMESTAMP_NS": ["2024-01-01 00:00:00.123456789", "2024-01-01 00:00:00.12345679"],
    "TIMESTAMPTZ": ["2024-01-01 00:00:00+00", "2024-01-01 00:00:00+02"],
    "BOOLEAN": ["true", "false", "true"],
    "VARCHAR": ["", "a", "é", "e\u0301", "Z", LONG, LONG + "1", LONG + "2", "\U0001f600", "\uffff"],
    "DOUBLE[]": ["[1.0, 2.0]", "[]", "[1.0, 2.0]"],
    "JSON": ['{"a": 1}', "[]", '"x"', "null"],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine as in a sandbox process, which is not locked."""
    with open_engine() as engine:
        yield engine


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[str | None]]:
    """A column of each type, with the same number of rows."""
    rows = draw(st.integers(0, 30))
    return {
        stored: draw(
            st.lists(st.sampled_from([*values, None]), min_size=rows, max_size=rows), label=stored
        )
        for stored, values in VALUES.items()
    }


@given(columns())
@settings(max_examples=examples(60), deadline=None)
def test_few_rows_have_the_profile_that_the_engine_measures(
    engine: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    cells: dict[str, list[str | None]],
) -> None:
    parquet = tmp_path_factory.mktemp("profiled") / "table.parquet"
    _write(engine, parquet, cells)
    types = [column.stored_as for column in open_stored(engine, parquet).columns]
    profiled = [ProfiledColumn(name, "string") for name in cells]
    rows = len(cells["DATE"])

    counted = profile_columns(engine, parquet, profiled, rows)
    measured = profile_columns(engine, parquet, profiled, rows, few_rows=-1)

    assert [each["storedAs"] for each in counted] == types
    for few, many in zip(counted, measured, strict=True):
        assert _rounded(few) == _rounded(many), few["name"]


def test_texts_that_differ_after_what_is_shown_are_told_apart(
    engine: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    parquet = tmp_path / "table.parquet"
    _write(engine, parquet, {"VARCHAR": [LONG, LONG + "1", LONG + "2", LONG]})

    (profile,) = profile_columns(engine, parquet, [ProfiledColumn("text", "string")], 4)

    assert profile["distinct"] == 3
    assert profile["longest"]["length"] == len(LONG) + 1
    assert [each["count"] for each in profile["topValues"]] == [2]
    assert "categories" not in profile


def _write(
    engine: duckdb.DuckDBPyConnection, parquet: Path, cells: dict[str, list[str | None]]
) -> None:
    selected = ", ".join(f"c{n}::{stored} AS c{n}" for n, stored in enumerate(cells))
    names = ", ".join(f"c{n}" for n in range(len(cells)))
    values = ", ".join(f"unnest(?::VARCHAR[]) AS c{n}" for n in range(len(cells)))
    engine.execute(f"CREATE OR REPLACE TEMP TABLE delivered AS SELECT {values}", [*cells.values()])  # type: ignore[arg-type]
    engine.execute(f"COPY (SELECT {selected} FROM delivered AS d({names})) TO '{parquet}'")  # type: ignore[arg-type]


def _rounded(value: Any) -> Any:
    """Doubles without what the order of additions makes of them."""
    match value:
        case float():
            return float(f"{value:.12g}")
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value
