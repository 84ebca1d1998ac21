"""The rejected rows: every one, as uploaded, with its errors, and no formula."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.inspection.convert.csv_injection import EXECUTED, escape_formula
from entrepot.inspection.convert.rejected_rows import MAX_ERRORS
from entrepot.inspection.limits import Limits
from entrepot.inspection.results import ConversionRequest, Converted
from entrepot.inspection.sandbox.pool import InspectionPool

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"unique": True}},
        {"name": "note", "type": "string", "constraints": {"maxLength": 12}},
    ]
}


def rejected(
    pool: InspectionPool,
    path: Path,
    content: str | bytes,
    schema: dict[str, Any] | None = SCHEMA,
) -> list[list[str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    mode: Any = "infer" if schema is None else "given"
    size = path.stat().st_size
    request = ConversionRequest(path, path.name, size, "rejected", schema or {}, mode, 0)

    def keep(made: Path, derived: Converted) -> bytes:
        assert derived.verdict == "made"
        return made.read_bytes()

    derived, text = pool.derive(request, keep, lambda: False)
    assert text is not None, derived
    assert text.endswith(b"\r\n")
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def test_rows_with_errors_and_no_others(pool: InspectionPool, tmp_path: Path) -> None:
    content = 'id,note\n1,fine\nx,"two\nlines"\n3,this is far too long\n1,again\n4\n5,a,b,c\n'
    rows = rejected(pool, tmp_path / "a.csv", content)
    assert rows == [
        ["_row", "_line", "_errors", "id", "note"],
        ["3", "3", "`id` must be an integer", "x", "two\nlines"],
        ["4", "5", "`note` must have a length of at most 12", "3", "this is far too long"],
        ["5", "6", "`id` must be unique", "1", "again"],
        ["6", "7", "the cell of `note` is missing", "4"],
        ["7", "8", "; ".join(["there are more cells than columns"] * 2), "5", "a", "b", "c"],
    ]


def test_faults_of_the_header_are_row_1(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.csv", "id,other\n1,a\nx,b\n")
    assert rows[1] == ["1", "", "column 2 must be `note`, not `other`", "id", "other"]
    assert rows[2] == ["3", "3", "`id` must be an integer", "x", "b"]


def test_a_sound_table_has_none(pool: InspectionPool, tmp_path: Path) -> None:
    assert rejected(pool, tmp_path / "a.csv", "id,note\n1,a\n") == [
        ["_row", "_line", "_errors", "id", "note"]
    ]


def test_without_a_schema_the_structure_is_judged(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.csv", "a,b\n1,2\n3\n", schema=None)
    assert rows[1:] == [["3", "3", "the cell of `b` is missing", "3"]]


def test_json_lines(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.jsonl", '{"id":1,"note":"a"}\n{"id":"x","note":"b"}\n')
    (row,) = rows[1:]
    assert row[2:] == ["`id` must be an integer", "x", "b"]


def test_what_no_report_lists_is_there_up_to_the_bound(
    pool: InspectionPool, tmp_path: Path
) -> None:
    count = MAX_ERRORS + 50
    content = "id,note\n" + "".join(f"x{n},a\n" for n in range(count))
    rows = rejected(pool, tmp_path / "a.csv", content)
    assert len(rows) == MAX_ERRORS + 2
    assert rows[MAX_ERRORS][3] == f"x{MAX_ERRORS - 1}"
    assert rows[-1] == ["", "", "There are more: the first 100,000 errors are written."]
    assert Limits().errors < MAX_ERRORS


def test_formulas_are_defused_in_cells_and_labels(pool: InspectionPool, tmp_path: Path) -> None:
    schema = {"fields": [{"name": "=x", "type": "integer"}, {"name": "v", "type": "string"}]}
    rows = rejected(pool, tmp_path / "a.csv", '=x,v\n=1+1,-5\n@a,"-2+3"\n', schema)
    assert rows[0][3:] == ["'=x", "v"]
    assert [row[3:] for row in rows[1:]] == [["'=1+1", "-5"], ["'@a", "'-2+3"]]


@pytest.mark.parametrize("cell", ["-1", "+3", "-1,234.56", "-1.234,56", "-.5", "-12.5%", "-1e-3",
                                  "- ", "", "a=b", "1-2", "'=x"])  # fmt: skip
def test_what_is_harmless_stays(cell: str) -> None:
    assert escape_formula(cell) == ("'- " if cell == "- " else cell)


@pytest.mark.parametrize("cell", ["=1", "+a", "-a", "-1-1", "-1+cmd|' /C calc'!A0", "@SUM(A1)",
                                  "\t=1", "\r=1", "\n=1", "＝1", "-", "--1", "+1(2)"])  # fmt: skip
def test_what_may_be_executed_is_text(cell: str) -> None:
    assert escape_formula(cell) == "'" + cell


@given(st.text(max_size=20))
def test_what_comes_out_begins_no_formula(cell: str) -> None:
    out = escape_formula(cell)
    assert out in (cell, "'" + cell)
    if out.startswith(EXECUTED):
        assert set(out) <= set("+-0123456789.,' eE%\t\n\r\f\v\x1c\x1d\x1e\x1f\x85\xa0")
