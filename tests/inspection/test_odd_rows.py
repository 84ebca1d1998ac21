"""Comments, notes and subtotals of a first version that have the number of cells of its rows."""

import json
import re
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

ROWS = [f"{number},w{number % 7},{number * 1.5}" for number in range(1, 21)]
DATED = [f"2024-01-{number:02},w{number % 7},{number * 1.5}" for number in range(1, 21)]
ADDED = re.compile(r'add (".*?) to the dialect')
ODD = (
    "# a note, b, c",
    "// see above,x,y",
    "% comment,,",
    "; old,1,2",
    "Subtotal,,150.0",
    "Summe,,3",
    "Note: revised,,",
    "Source: registry,,",
    "* provisional,,",
)


def text_with(line: str, at: int, rows: list[str]) -> str:
    return "\n".join(["id,name,amount", *rows[:at], line, *rows[at:], ""])


@pytest.mark.parametrize("rows", [ROWS, DATED], ids=["numbers", "dates"])
@pytest.mark.parametrize("line", ODD)
def test_an_odd_row_is_rejected_and_may_be_taken_out(
    inspect: Inspect, line: str, rows: list[str]
) -> None:
    text = text_with(line, 9, rows)
    first = inspect(text)
    (error,) = errors_of(first)
    assert (error["code"], error["rowNumber"]) == ("outside-table", 11)
    stated: dict[str, Any] = json.loads(f"{{{ADDED.findall(error['message'])[0]}}}")
    again = inspect(text, dialect=stated)
    assert (again.verdict, again.row_count) == ("conforms", 20), again.detail
    assert again.schema is not None
    assert again.schema["fields"][0]["type"] != "string"


@pytest.mark.parametrize("line", ["--,x,1", "*,x,1", "#,x,1", "n/a?,x,1", "A12,x,1", "-,x,1"])
def test_a_mark_or_a_code_is_a_cell(inspect: Inspect, line: str) -> None:
    assert inspect(text_with(line, 9, ROWS)).verdict == "conforms"


def test_a_column_of_texts_has_such_words_as_cells(inspect: Inspect) -> None:
    rows = [f"w{number},{number}" for number in range(9)]
    text = "\n".join(["word,n", *rows[:4], "Note: x,7", "#tag,8", *rows[4:], "1,2", ""])
    assert inspect(text).verdict == "conforms"


TEXTS = [f"n{letter},Ort {letter},x{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
ALONE = ("# a note", "// see above", "Note: revised", "Source: registry", "Subtotal", "Summe")


@pytest.mark.parametrize("at", [3, 20])
@pytest.mark.parametrize("line", ALONE)
@pytest.mark.parametrize("others", [",,", ', ,""'])
def test_alone_in_a_row_of_a_table_of_texts(
    inspect: Inspect, line: str, at: int, others: str
) -> None:
    rows = [*TEXTS]
    rows[1] = "nb,,xb"  # one column has an empty cell, the other none
    text = text_with(line + others, at, rows)
    first = inspect(text)
    (error,) = errors_of(first)
    assert (error["code"], error["rowNumber"]) == ("outside-table", at + 2)
    stated: dict[str, Any] = json.loads(f"{{{ADDED.findall(error['message'])[0]}}}")
    again = inspect(text, dialect=stated)
    assert (again.verdict, again.row_count) == ("conforms", len(TEXTS)), again.detail


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("Note: revised,,x", "nb,Ort b,xb"),
        ("Region North,,", "nb,Ort b,xb"),
        ("Note: revised,,", "nb,,"),
        ("#17,,", "nb,Ort b,xb"),
    ],
)
def test_words_that_may_be_cells_of_a_table_of_texts(
    inspect: Inspect, line: str, other: str
) -> None:
    assert inspect(text_with(line, 9, [TEXTS[0], other, *TEXTS[2:]])).verdict == "conforms"
