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

INTEGER = "column `id`: `x` is not an integer. Expected an integer, such as 17."
SURPLUS = (
    "is beyond the last column, the row has 4 cells. Expected 2 cells."
    " Put a cell that contains the delimiter in quotes."
)


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
        ["3", "3", f"Line 3, {INTEGER}", "x", "two\nlines"],
        [
            "4",
            "5",
            "Line 5, column `note`: `this is far too long` is too long (20 characters)."
            " Expected at most 12 characters, such as abc.",
            "3",
            "this is far too long",
        ],
        [
            "5",
            "6",
            "Line 6, column `id`: `1` is not unique, line 2 has it too. Expected a value"
            " that no other row has.",
            "1",
            "again",
        ],
        [
            "6",
            "7",
            "Line 7, column `note`: the cell is missing, the row has 1 cell. Expected 2 cells.",
            "4",
        ],
        [
            "7",
            "8",
            f"Line 8, column 3: `b` {SURPLUS} Line 8, column 4: `c` {SURPLUS}",
            "5",
            "a",
            "b",
            "c",
        ],
    ]


def test_errors_of_the_header_are_row_1(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.csv", "id,other\n1,a\nx,b\n")
    reason = "Line 1, column 2: `other` is not the name in the contract. Expected `note`."
    assert rows[1] == ["1", "1", reason, "id", "other"]
    assert rows[2] == ["3", "3", f"Line 3, {INTEGER}", "x", "b"]


def test_a_sound_table_has_none(pool: InspectionPool, tmp_path: Path) -> None:
    assert rejected(pool, tmp_path / "a.csv", "id,note\n1,a\n") == [
        ["_row", "_line", "_errors", "id", "note"]
    ]


def test_without_a_schema_the_structure_is_judged(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.csv", "a,b\n1,2\n3\n", schema=None)
    reason = "Line 3, column `b`: the cell is missing, the row has 1 cell. Expected 2 cells."
    assert rows[1:] == [["3", "3", reason, "3"]]


def test_json_lines(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.jsonl", '{"id":1,"note":"a"}\n{"id":"x","note":"b"}\n')
    (row,) = rows[1:]
    reason = (
        "Line 2, column `id`: the text `x` is not an integer."
        " Expected an integer without quotes, such as 17."
    )
    assert row[1:] == ["2", reason, "x", "b"]


def test_a_line_that_is_not_json_is_a_row_without_cells(
    pool: InspectionPool, tmp_path: Path
) -> None:
    lines = ['{"id":1,"note":"a"}', '{"id":2,"note":', "[1]", '{"id":3,"note":"c","note":"d"}']
    rows = rejected(pool, tmp_path / "a.jsonl", "\n".join(lines) + "\n")
    assert [row[:3] for row in rows[1:]] == [
        ["3", "2", "Line 2: the JSON object is cut off at the end of the line."],
        ["4", "3", "Line 3: an array is not a JSON object."],
        ["5", "4", "Line 4: the key `note` occurs twice in the object."],
    ]
    assert [row[3:] for row in rows[1:]] == [[], [], ["3", "c"]]


def test_broken_json_has_one_row_with_its_line(pool: InspectionPool, tmp_path: Path) -> None:
    rows = rejected(pool, tmp_path / "a.json", '[{"id": 1},\n {"id": ]\n')
    assert rows == [
        ["_row", "_line", "_errors"],
        ["", "2", "Line 2: the file cannot be read: expecting value (element 2, character 9)."],
    ]


def test_a_broken_quote_is_a_row_with_its_line(pool: InspectionPool, tmp_path: Path) -> None:
    content = 'id,note\n1,"a"b\n2,"c\n3,"d"\n4,"e"\n5,"f"\n'
    rows = rejected(pool, tmp_path / "a.csv", content)
    assert [row[1] for row in rows[1:]] == ["2", "3"]
    assert rows[1][2].startswith("Line 2: text follows a quote in cell 2. ")
    assert rows[2][2].startswith("Line 3: the quote that opens cell 2 is not closed. ")


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
