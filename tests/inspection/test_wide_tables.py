"""Tables of very many columns: what a column costs does not depend on the rows."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.inspection.conftest import Inspect, errors_of, request_for
from tests.inspection.test_odd_values import WRITERS
from tests.inspection.test_xlsx import saved

from entrepot.inspection import wide_copy
from entrepot.inspection.check import first_texts
from entrepot.inspection.convert import convert
from entrepot.inspection.sandbox.pool import InspectionPool

CELLS = {
    "integers": lambda row, column: str(row * column + 1),
    "texts": lambda row, column: f"t{row} {column}",
    "quoted": lambda row, column: f'"a, ""{row}"" {column}"',
    "empty": lambda row, column: "" if column % 2 else "x",
}


def wide(columns: int, rows: int, kind: str) -> str:
    lines = [",".join(f"c{column}" for column in range(columns))]
    lines += [
        ",".join(CELLS[kind](row, column) for column in range(columns)) for row in range(rows)
    ]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("columns", "rows", "kind"),
    [
        (3_500, 1, "integers"),
        *(
            pytest.param(columns, rows, kind, marks=pytest.mark.long)
            for kind in CELLS
            for columns, rows in ((1_000, 100), (6_667, 1), (10_000, 1), (10_000, 40))
        ),
    ],
)
def test_few_rows_of_many_columns_are_judged_in_the_locked_process(
    pool: InspectionPool, tmp_path: Path, columns: int, rows: int, kind: str
) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(wide(columns, rows, kind))
    inspection = pool.inspect(request_for(path), lambda done, total: None, lambda: False)
    assert (inspection.verdict, inspection.row_count) == ("conforms", rows), inspection.detail
    assert inspection.schema is not None
    assert len(inspection.schema["fields"]) == columns


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_that_are_empty_make_no_longer_delimiter(
    inspect: Inspect, tmp_path: Path, delimiter: str, step: int
) -> None:
    path = tmp_path / "wide.csv"
    row = ["" if column % step else "x" for column in range(120)]
    header = [f"c{column}" for column in range(120)]
    path.write_text("".join(f"{delimiter.join(each)}\n" for each in [header, *[row] * 40]))
    inspection = inspect(path)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 40), inspection.detail
    assert inspection.schema is not None
    assert len(inspection.schema["fields"]) == 120


def test_more_columns_than_are_read(inspect: Inspect) -> None:
    inspection = inspect(wide(10_001, 1, "texts"))
    assert inspection.verdict == "resource-limit"
    assert "10,001 columns; 10,000 are read" in inspection.detail


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 8 columns are wide, and copied in several parts."""
    monkeypatch.setattr(wide_copy, "MAX_NARROW_COLUMNS", 2)
    monkeypatch.setattr(wide_copy, "COLUMNS_PER_QUERY", 2)
    monkeypatch.setattr(wide_copy, "PART_COLUMNS", 4)
    monkeypatch.setattr(first_texts, "READ_COLUMNS", 3)
    monkeypatch.setattr(convert, "COLUMNS_PER_QUERY", 2)


TEXT = (
    "i,n,d,t,b,e,q,z\n"
    '1,1.5,2024-01-31,x,true,,"a, b",9\n'
    '2,,2024-02-29,y,false,,"c ""d""",8\n'
    "3,2.25,,,true,,e,7\n"
)
TYPES = ["integer", "number", "date", "string", "boolean", "string", "string", "integer"]


def test_parts_are_the_same_table(inspect: Inspect, small_parts: None) -> None:
    first = inspect(TEXT)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert [field["type"] for field in first.schema["fields"]] == TYPES
    again = inspect(TEXT, first.schema)
    assert (again.verdict, again.row_count) == ("conforms", 3), again.detail


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("x,1,2024-01-01,t,true,,q,1", ("type-error", 5, 1)),
        ("4,1,2024-01-01,t,true,,q,x", ("type-error", 5, 8)),
        ("4,1,2024-13-01,t,true,,q,1", ("type-error", 5, 3)),
        ("4,1,2024-01-01,t,true,,q", ("missing-cell", 5, 8)),
        ("4,1,2024-01-01,t,true,,q,1,9", ("extra-cell", 5, 9)),
        (",,,,,,,", ("blank-row", 5, None)),
    ],
)
def test_faults_are_in_their_own_columns(
    inspect: Inspect, small_parts: None, row: str, error: tuple[Any, ...]
) -> None:
    schema = inspect(TEXT).schema
    inspection = inspect(f"{TEXT}{row}\n4,1,2024-01-01,t,true,,q,1\n", schema)
    (actual,) = errors_of(inspection)
    assert (actual["code"], actual["rowNumber"], actual.get("fieldNumber")) == error


MIXED = {"a": [1, 2], "b": ["x", "y"], "j": ['{"n": 1}', "[2]"], "c": [1.5, 2.5], "d": ["z", "z"]}
"""Columns of which `j` says cell by cell what it has, where the format stores types."""


@pytest.mark.parametrize("storage", ["jsonl", "xlsx", "parquet", "arrow"])
def test_parts_have_the_kinds_of_their_cells(
    inspect: Inspect, small_parts: None, storage: str, tmp_path: Path
) -> None:
    path, rows = tmp_path / f"t.{storage}", list(zip(*MIXED.values(), strict=True))
    if storage == "jsonl":
        lines = (
            dict(zip(MIXED, [*row[:2], json.loads(row[2]), *row[3:]], strict=True)) for row in rows
        )
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    elif storage == "xlsx":
        saved(path, [list(MIXED), [1, "x", 5, 1.5, "z"], [2, "y", "five", 2.5, "z"]])
    else:
        stored = pa.ExtensionArray.from_storage(pa.json_(), pa.array(MIXED["j"]))
        WRITERS[storage](path, {**MIXED, "j": stored})
    first = inspect(path)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    types = [field["type"] for field in first.schema["fields"]]
    assert types == ["integer", "string", "any", "number", "string"]
    fields = [*first.schema["fields"][:2], {"name": "j", "type": "integer"}]
    errors = errors_of(inspect(path, {"fields": [*fields, *first.schema["fields"][3:]]}))
    assert {error["fieldNumber"] for error in errors} == {3}
