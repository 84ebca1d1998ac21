"""The names of the columns again among the rows of a first version, however they are written,
and rows without any text: each has its line of dialect, which works."""

import io
import json
import re
from typing import Any

import openpyxl
import pytest
from tests.inspection.conftest import Inspect, errors_of

ROWS = [f"{number},w{number % 7},{number * 1.5}" for number in range(1, 21)]
ADDED = re.compile(r"add (\"[^.]*?) to the dialect")
SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "number"},
    ]
}


def text_with(line: str, at: int) -> str:
    return "\n".join(["id,name,amount", *ROWS[:at], line, *ROWS[at:], ""])


def advised(inspection: Any) -> dict[str, Any]:
    """The lines of dialect that the errors advise."""
    (lines,) = {ADDED.findall(each["message"])[0] for each in errors_of(inspection)}
    stated: dict[str, Any] = json.loads(f"{{{lines}}}")
    return stated


@pytest.mark.parametrize("at", [0, 9, 20])
@pytest.mark.parametrize(
    "line",
    [
        "id,name,amount",
        '"id","name","amount"',
        '"id",name,amount',
        "ID,NAME,AMOUNT",
        "Id,Name,Amount",
        " id , name , amount ",
        "\ufeffid,name,amount",
    ],
)
def test_the_header_again(inspect: Inspect, line: str, at: int) -> None:
    text = text_with(line, at)
    first = inspect(text)
    assert first.verdict == "violates"
    assert "the header is repeated (once)" in first.detail
    again = inspect(text, mode="infer", dialect=advised(first))
    assert (again.verdict, again.row_count) == ("conforms", 20), again.detail
    assert again.schema is not None
    assert [field["type"] for field in again.schema["fields"]] == ["integer", "string", "number"]


@pytest.mark.parametrize(
    "text",
    [
        "word,kind\nverb,word\nnoun,word\nword,noun\n",
        "name,name2\nname,x\nx,name2\n",
        "a\na\nb\n",
    ],
)
def test_names_among_the_cells_are_cells(inspect: Inspect, text: str) -> None:
    first = inspect(text)
    assert not any("repeated" in each["message"] for each in errors_of(first)), first.detail


@pytest.mark.parametrize("line", ["", ",,", '"",,""', "  ", '""'])
def test_a_row_without_text_has_advice_that_works(inspect: Inspect, line: str) -> None:
    text = text_with(line, 9)
    rejected = inspect(text, SCHEMA)
    assert [each["code"] for each in errors_of(rejected)] == ["blank-row"]
    again = inspect(text, SCHEMA, dialect=advised(rejected))
    assert (again.verdict, again.row_count) == ("conforms", 20), again.detail


def test_a_row_of_marks_is_not_skipped_and_has_no_such_advice(inspect: Inspect) -> None:
    schema = {**SCHEMA, "missingValues": ["", "NA"]}
    (error,) = errors_of(inspect(text_with("NA,NA,NA", 9), schema))
    assert error["code"] == "blank-row"
    assert "skipBlankRows" not in error["message"]


def test_a_row_without_text_in_a_workbook(inspect: Inspect) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (["id", "name", "amount"], [1, "x", 1.5], [], [2, "y", 2.5]):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    rejected = inspect(file.getvalue(), SCHEMA, name="t.xlsx")
    again = inspect(file.getvalue(), SCHEMA, name="t.xlsx", dialect=advised(rejected))
    assert (again.verdict, again.row_count) == ("conforms", 2), again.detail


@pytest.mark.parametrize("rows", [2, 3, 30])
@pytest.mark.parametrize(
    "title", ['"Report, of\n2024, x"', '"Report\n2024, x"', '"a, b\n\nc, d"', '"a,b,c\nd,e,f"']
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_title_of_several_lines_with_commas(
    inspect: Inspect, title: str, rows: int, end: str
) -> None:
    text = "\n".join([title, "id,name", *(f"{n},w{n}" for n in range(rows)), ""])
    first = inspect(text.replace("\n", end))
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == ["id", "name"]
    assert (first.row_count, first.dialect) == (rows, {"headerRows": [2]})
