"""The summary in words: what a person reads first, from real inspections of real tables."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.report.error_kinds import ERROR_KINDS
from entrepot.inspection.report.report import count_entry, finish_errors, problem
from entrepot.inspection.report.summary import summarize


def schema(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"fields": list(fields), **more}


def field(name: str = "a", kind: str = "string", /, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


A, AB = schema(field("a", "integer")), schema(field("a", "integer"), field("b"))
INTEGER = "Expected an integer, such as 17."
HEADER = "The header breaks the contract. Line 1"
CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("fine", "a\n1\n2\n", A, "All 2 rows keep the contract."),
    ("one fine row", "a\n1\n", A, "The one row keeps the contract."),
    ("type", "a\n1\nx\n", A,
     f"1 of 2 rows breaks the contract. Line 3, column `a`: `x` is not an integer. {INTEGER}"),
    ("several of one kind", "a\n1\nx\ny\n", A,
     "2 of 3 rows break the contract. The first of 2 errors of this kind: Line 3, column `a`: "
     f"`x` is not an integer. {INTEGER}"),
    ("number", "id,amount,note\n1,2,x\n2,3,y\n3,\"17,50\",x\n",
     schema(field("id", "integer"), field("amount", "number"), field("note")),
     "1 of 3 rows breaks the contract. Line 4, column `amount`: `17,50` is not a number. Expected "
     "a number with a decimal point, such as 17.50."),
    ("blank row", "a,b\n1,x\n,\n2,y\n", AB,
     "1 of 3 rows breaks the contract. Line 3: the row has no value. Expected a value in at least "
     'one cell. Remove the row, or add "skipBlankRows": true to the dialect. The dialect is '
     "stated with `entrepot schema set FILE --dialect D.json`, as `dialect` in the API, or in "
     'the field "Table Dialect" of the page.'),
    ("missing label", "a\n1\n", AB,
     f"{HEADER}: the column `b` is missing. Expected it as column 2."),
    ("extra label", "a,b,c\n1,x,y\n", AB,
     f"{HEADER}, column 3: the column `c` was inserted, the contract does not have it. "
     "Remove the column."),
    ("incorrect label", "a,c\n1,x\n", AB,
     f"{HEADER}, column 2: `c` is not the name in the contract. Expected `b`."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "contract", "sentence"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_the_outcome(
    inspect: Inspect, content: str, contract: dict[str, Any], sentence: str
) -> None:
    inspection = inspect(content, contract)
    assert inspection.detail == sentence
    assert inspection.report["tasks"][0]["summary"] == sentence


def test_bytes_that_are_no_text(inspect: Inspect) -> None:
    inspection = inspect(b"a,b\n1,caf\xe9\xff\xfe \xc3\xa4\n2,\xc3\xa4\n" * 3, AB)
    assert "bytes cannot be decoded" in inspection.detail


@pytest.mark.parametrize("code", ERROR_KINDS)
def test_every_code_has_words(code: str) -> None:
    error = problem(code)
    finish_errors([error], "line")
    sentence = summarize([error], [count_entry(code, None, None, 1)], 0, 2)
    assert sentence.startswith(
        ("The header breaks the contract. ", "The table breaks the contract. ")
    )
    assert code not in sentence.split()
    assert sentence.endswith(".")
    assert "None" not in sentence


def test_the_most_frequent_kinds_are_in_the_order_of_the_report(inspect: Inspect) -> None:
    contract = schema(*(field(name, "integer") for name in "abcde"))
    rows = ["1,x,x,1,1", "1,x,x,1,x", "1,1,x,1,1", "1,1,1,1,1", "1,1,1,y,1"]
    inspection = inspect("a,b,c,d,e\n" + "\n".join(rows) + "\n", contract)
    assert inspection.detail == (
        "4 of 5 rows break the contract. "
        f"The first of 2 errors of this kind: Line 2, column `b`: `x` is not an integer. {INTEGER} "
        f"The first of 3 errors of this kind: Line 2, column `c`: `x` is not an integer. {INTEGER} "
        f"Line 3, column `e`: `x` is not an integer. {INTEGER} 1 more kind of error."
    )
    assert [error["fieldName"] for error in errors_of(inspection)][:3] == ["b", "c", "b"]


def test_the_header_first_and_then_the_rows(inspect: Inspect) -> None:
    contract = schema(field("a", "integer"), field("b"), field("c"))
    assert inspect("a,x\nq,1\n", contract).detail == (
        "The header and 1 of 1 row break the contract. "
        "Line 1, column 2: the column `x` was inserted, the contract does not have it. "
        "Remove the column. "
        "Line 1: the column `b` is missing. Expected it as column 2. "
        "Line 1: the column `c` is missing. Expected it as column 3. "
        f"Line 2, column `a`: `q` is not an integer. {INTEGER}"
    )


def test_many_errors_of_the_header_are_counted(inspect: Inspect) -> None:
    contract = schema(*(field(name) for name in "abcdefg"))
    sentence = inspect("a\nx\n", contract).detail
    assert sentence.startswith(f"{HEADER}: the column `b` is missing. Expected it as column 2. ")
    assert sentence.endswith(". 3 more faults of the header.")


def test_what_is_not_listed_has_no_place() -> None:
    counts = [{"type": "type-error", "count": 2, "fieldName": "a", "fieldNumber": 1,
               "note": 'type is "year/default"'}]  # fmt: skip
    assert summarize([], counts, 2, 1_000) == (
        "2 of 1,000 rows break the contract. 2 errors in column `a`: The cell does not have the "
        "type of its field."
    )


def test_without_a_contract_errors_are_only_warnings(inspect: Inspect) -> None:
    assert inspect("a,b\n1,2\n", mode="none").detail == "1 row."
    inspection = inspect("a,b\n1,2\n3\n4,5,6\n", mode="none")
    assert inspection.detail.startswith(
        "2 of 3 rows have faults. Line 3, column `b`: the cell is missing"
    )
    assert inspection.verdict == "conforms"


def test_cells_cannot_break_out_of_the_sentence(inspect: Inspect) -> None:
    inspection = inspect('a\n"x`\ny\x1b[31m' + "z" * 200 + '"\n', A)
    cell = errors_of(inspection)[0]["reason"].removesuffix(" is not an integer")
    assert cell.startswith("`x'⟨line feed⟩y⟨escape⟩[31mzzz")
    assert cell.endswith("…`")
    assert len(cell) == 100


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"a":1}\n' + "[\n" * 3_000, "3,000 of 3,001 rows break the contract."),
        ('{"a":1}\n' + '{"a":1,"a":2}\n' * 2, "2 of 3 rows break the contract."),
        ('{"a":"x"}\n[\n{"a":1}\n', "2 of 3 rows break the contract."),
    ],
)
def test_no_more_rows_break_the_contract_than_there_are(
    inspect: Inspect, content: str, sentence: str
) -> None:
    """A broken line of JSON is not a row of the table, but is judged as one."""
    inspection = inspect(content, {"fields": [{"name": "a", "type": "integer"}]}, name="t.jsonl")
    assert inspection.detail.startswith(sentence)
    (task,) = inspection.report["tasks"]
    assert task["rowsRejected"] <= task["stats"]["rows"]
