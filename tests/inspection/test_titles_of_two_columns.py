"""A title in the first cell, above a header that names each column, is not a part of the labels."""

import io
from typing import Any

import openpyxl
import pytest
from tests.inspection.conftest import Inspect, errors_of

ROWS = [["id", "name"], [1, "x"], [2, "y"], [3, "z"]]


def workbook(title: list[str], merged: str) -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (title, *ROWS):
        sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("rows", [2, 3, 5, 30])
@pytest.mark.parametrize("title", ["Report", "Report,", '"Report of\n2024",', "Report 2024,"])
def test_in_a_text(inspect: Inspect, title: str, rows: int) -> None:
    text = f"{title}\nid,name\n" + "".join(f"{n},w{n}\n" for n in range(rows))
    first = inspect(text)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == ["id", "name"]
    assert (first.row_count, first.dialect) == (rows, {"headerRows": [2]})


@pytest.mark.parametrize("lines", [99, 500, 3_000])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_title_of_many_lines(inspect: Inspect, mark: str, lines: int) -> None:
    """It would be all that a dialect is detected by."""
    rows = "".join(mark.join(map(str, row)) + "\n" for row in ROWS)
    text = '"' + "one, two; three\n" * lines + '"\n' + rows
    first = inspect(text)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert first.dialect == {"headerRows": [2]}
    broken = text.replace(f"3{mark}z", f"q{mark}z")
    for dialect, codes in (
        (first.dialect, ["type-error"]),
        (None, ["missing-header", "type-error"]),
    ):
        again = inspect(broken, first.schema, dialect=dialect)
        assert [error["code"] for error in errors_of(again)] == codes


@pytest.mark.parametrize("merged", ["", "A1:B1"])
def test_in_a_workbook(inspect: Inspect, merged: str) -> None:
    first = inspect(workbook(["Report"], merged), name="t.xlsx")
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == ["id", "name"]
