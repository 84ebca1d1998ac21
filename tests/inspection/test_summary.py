"""The summary in words: what a person reads first, from real inspections of real tables."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect

from entrepot.inspection.report.report import TITLES
from entrepot.inspection.report.summary import summarize


def schema(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"fields": list(fields), **more}


def field(name: str = "a", kind: str = "string", /, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


A, AB = schema(field("a", "integer")), schema(field("a", "integer"), field("b"))
CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("fine", "a\n1\n2\n", A, "All 2 rows keep the contract."),
    ("one fine row", "a\n1\n", A, "The one row keeps the contract."),
    ("type", "a\n1\nx\n", A, "1 of 2 rows: `a` must be an integer, first at row 3: `x`."),
    ("only row", "a\nx\n", A, "1 of 1 row: `a` must be an integer, first at row 2: `x`."),
    ("email", "a\nx\n", schema(field("a", format="email")),
     "1 of 1 row: `a` must be an email address, first at row 2: `x`."),
    ("date format", "a\nx\n", schema(field("a", "date", format="%d.%m.%Y")),
     "1 of 1 row: `a` must be a date in the format `%d.%m.%Y`, first at row 2: `x`."),
    ("object", "a\nx\n", schema(field("a", "object")),
     "1 of 1 row: `a` must be a JSON object, first at row 2: `x`."),
    ("required", "a,b\n1,\n", schema(field(), field("b", constraints={"required": True})),
     "1 of 1 row: `b` must have a value, first at row 2."),
    ("minimum", "a\n1\n", schema(field("a", "integer", constraints={"minimum": 5})),
     "1 of 1 row: `a` must be at least 5, first at row 2: `1`."),
    ("maximum", "a\n7\n", schema(field("a", "integer", constraints={"maximum": 5})),
     "1 of 1 row: `a` must be at most 5, first at row 2: `7`."),
    ("exclusive minimum", "a\n5\n", schema(field("a", "integer",
     constraints={"exclusiveMinimum": 5})),
     "1 of 1 row: `a` must be more than 5, first at row 2: `5`."),
    ("exclusive maximum", "a\n5\n", schema(field("a", "integer",
     constraints={"exclusiveMaximum": 5})),
     "1 of 1 row: `a` must be less than 5, first at row 2: `5`."),
    ("short", "a\nx\n", schema(field("a", constraints={"minLength": 2})),
     "1 of 1 row: `a` must have a length of at least 2, first at row 2: `x`."),
    ("long", "a\nxyz\n", schema(field("a", constraints={"maxLength": 2})),
     "1 of 1 row: `a` must have a length of at most 2, first at row 2: `xyz`."),
    ("pattern", "a\nx\n", schema(field("a", constraints={"pattern": "[0-9]+"})),
     "1 of 1 row: `a` must match `[0-9]+`, first at row 2: `x`."),
    ("enum", "a\nx\n", schema(field("a", constraints={"enum": ["y", "z"]})),
     "1 of 1 row: `a` must be one of `y`, `z`, first at row 2: `x`."),
    ("unique", "a\nx\ny\nx\n", schema(field("a", constraints={"unique": True})),
     "1 of 3 rows: `a` must be unique, first at row 4: `x`."),
    ("key", "a\nx\nx\n", schema(field("a"), primaryKey="a"),
     "1 of 2 rows: the primary key is missing or repeated, first at row 3."),
    ("blank row", "a,b\n1,x\n,\n2,y\n", AB,
     "1 of 3 rows: a row has no value, first at row 3."),
    ("missing cell", "a,b\n1\n2,x\n", AB,
     "1 of 2 rows: the cell of `b` is missing, first at row 2."),
    ("extra cell", "a,b\n1,x,y\n2,x\n", AB,
     "1 of 2 rows: there are more cells than columns, first at row 2: `y`."),
    ("missing label", "a\n1\n", AB, "The header breaks the contract: the column `b` is missing."),
    ("extra label", "a,b,c\n1,x,y\n", AB,
     "The header breaks the contract: the column `c` is not in it."),
    ("incorrect label", "a,c\n1,x\n", AB,
     "The header breaks the contract: column 2 must be `b`, not `c`."),
    ("duplicate label", "a,a\n1,x\n", AB,
     "The header breaks the contract: two columns are named `a`."),
    ("blank label", "a,\n1,x\n", AB, "The header breaks the contract: column 2 has no name."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "contract", "said"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_each_kind_of_fault(
    inspect: Inspect, content: str, contract: dict[str, Any], said: str
) -> None:
    found = inspect(content, contract)
    assert found.detail == said
    assert found.report["tasks"][0]["summary"] == said


def test_bytes_that_are_no_text(inspect: Inspect) -> None:
    found = inspect(b"a,b\n1,caf\xe9\xff\xfe \xc3\xa4\n2,\xc3\xa4\n" * 3, AB)
    assert "bytes cannot be decoded" in found.detail


def test_every_type_of_error_has_words() -> None:
    for kind in TITLES:
        place = {"label": "x", "fieldName": "f", "fieldNumber": 1}
        error = {"type": kind, "note": "", **({} if kind.endswith("header") else place)}
        said = summarize([error], [{"type": kind, "count": 1}], 1, 2)
        assert kind not in said
        assert said.startswith(("The header breaks the contract: ", "1 of 2 rows: "))
        assert said.endswith(".")
        assert "None" not in said


def test_several_kinds_by_weight_then_the_rest_is_counted(inspect: Inspect) -> None:
    contract = schema(*(field(name, "integer") for name in "abcde"))
    rows = ["1,x,x,1,1", "1,x,x,1,x", "1,1,x,1,1", "1,1,1,1,1", "1,1,1,y,1"]
    found = inspect("a,b,c,d,e\n" + "\n".join(rows) + "\n", contract)
    assert found.detail == (
        "4 of 5 rows break the contract: `c` must be an integer (3, first at row 2: `x`); "
        "`b` must be an integer (2, first at row 2: `x`); "
        "`d` must be an integer (1, first at row 6: `y`); and 1 more kind."
    )


def test_the_header_first_and_then_the_rows(inspect: Inspect) -> None:
    contract = schema(field("a", "integer"), field("b"), field("c"))
    assert inspect("a,x\nq,1\n", contract).detail == (
        "The header breaks the contract: the column `c` is missing; column 2 must be `b`, not `x`. "
        "1 of 1 row: `a` must be an integer, first at row 2: `q`."
    )


def test_many_faults_of_the_header_are_counted(inspect: Inspect) -> None:
    contract = schema(*(field(name) for name in "abcdefg"))
    said = inspect("a\nx\n", contract).detail
    assert said == (
        "The header breaks the contract: the column `b` is missing; the column `c` is missing; "
        "the column `d` is missing; and 3 more faults."
    )


def test_what_is_not_listed_has_no_place() -> None:
    counts = [{"type": "type-error", "count": 2, "fieldName": "a", "fieldNumber": 1,
               "note": 'type is "year/default"'}]  # fmt: skip
    assert summarize([], counts, 2, 1_000) == "2 of 1,000 rows: `a` must be a year."


def test_without_a_contract_faults_are_only_told(inspect: Inspect) -> None:
    assert inspect("a,b\n1,2\n", mode="none").detail == "1 row."
    found = inspect("a,b\n1,2\n3\n4,5,6\n", mode="none")
    assert found.detail.startswith("2 of 3 rows have faults: the cell of `b` is missing (1, ")
    assert found.verdict == "conforms"


def test_cells_cannot_break_out_of_the_sentence(inspect: Inspect) -> None:
    found = inspect('a\n"x`\ny\x1b[31m' + "z" * 200 + '"\n', A)
    cell = found.detail.split("first at row 2: ")[1]
    assert cell.startswith("`x'�y�[31mzzz")
    assert cell.endswith("…`.")
    assert len(cell) == 83
