"""The properties of our own: rows and columns that must not be empty, zeros and affixes."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of


def schema(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"fields": [{"type": "string", **each} for each in fields], **more}


A = {"name": "a", "type": "integer"}
FILLED = {"entrepot:notEmpty": True}
ROWS = {"entrepot:minRows": 1}


def kinds(inspection: Any) -> list[tuple[str, str]]:
    return [(each["code"], each.get("fieldName", "")) for each in errors_of(inspection)]


@pytest.mark.parametrize(
    ("text", "least", "expected"),
    [
        ("a,b\n", 1, [("no-rows", "")]),
        ("a,b\n", 0, []),
        ("a,b\n1,x\n", 1, []),
        ("a,b\n1,x\n", 3, [("too-few-rows", "")]),
    ],
)  # fmt: skip
def test_least_rows(inspect: Inspect, text: str, least: int, expected: list[Any]) -> None:
    contract = schema(A, {"name": "b"}, **{"entrepot:minRows": least})
    inspection = inspect(text, contract)
    assert kinds(inspection) == expected
    assert inspection.report["tasks"][0]["stats"]["errors"] == len(expected)


def test_the_sentence_for_a_table_without_rows(inspect: Inspect) -> None:
    assert inspect("a\n", schema(A, **ROWS)).detail == (
        "The table breaks the contract. The table has no rows. Expected at least 1 row."
    )


@pytest.mark.parametrize("missing", [[""], ["", "NA"], ["NA"]])
@pytest.mark.parametrize("rows_before", [0, 3_000])
def test_an_empty_column(inspect: Inspect, missing: list[str], rows_before: int) -> None:
    contract = schema({**A, **FILLED, "missingValues": missing}, {"name": "b", **FILLED})
    gap = missing[-1]
    text = "a,b\n" + f"{gap},x\n" * (rows_before + 2)
    inspection = inspect(text, contract)
    assert kinds(inspection) == [("empty-column", "a")]
    assert "Column `a`: the column has no value in any row" in inspection.detail
    assert inspect(text + "1,x\n", contract).verdict == "conforms"


def test_a_table_without_rows_has_no_empty_columns(inspect: Inspect) -> None:
    assert inspect("a,b\n", schema({**A, **FILLED}, {"name": "b", **FILLED})).verdict == "conforms"


def test_a_column_that_must_not_be_empty_must_not_be_missing(inspect: Inspect) -> None:
    contract = schema(A, {"name": "b", **FILLED}, {"name": "c"}, fieldsMatch="superset")
    assert kinds(inspect("a\n1\n", contract)) == [("missing-label", "b")]
    assert inspect("b\nx\n", contract).verdict == "conforms"


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize(
    ("cell", "valid"),
    [
        ("0", True), ("-0", True), ("10", True), ("1067", True),
        ("01067", False), ("00", False), ("-01", False), ("+007", False),
    ],
)  # fmt: skip
def test_leading_zeros(inspect: Inspect, kind: str, cell: str, valid: bool) -> None:
    field = {"name": "a", "type": kind, "entrepot:leadingZeros": False}
    expected = [] if valid else [("type-error", "a")]
    assert kinds(inspect(f"a,b\n{cell},x\n", schema(field, {"name": "b"}))) == expected


@pytest.mark.parametrize("cell", ["0.5", "0", "1e5", ".5", "NaN"])
def test_decimals_have_no_leading_zeros(inspect: Inspect, cell: str) -> None:
    field = {"name": "a", "type": "number", "entrepot:leadingZeros": False}
    assert inspect(f"a\n{cell}\n", schema(field)).verdict == "conforms"


@pytest.mark.parametrize(
    ("affix", "valid", "invalid"),
    [
        ({"suffix": "%"}, ["12.5%", "3 %", "-4%", "3\u00a0%", "1\u202f%"],
         ["12 kg", "0.125", "%5", "5%%", "about 3%", "1 2%", "%"]),
        ({"prefix": "€"}, ["€5", "€ 5.25", "€ -3"], ["5", "5€", "$5", "€€5", "-€5"]),
        ({"prefix": "Fr.", "suffix": "pro m"}, ["Fr. 5 pro m"], ["Fr 5 pro m", "5", "Fr. 5"]),
        ({"suffix": ".*"}, ["5.*"], ["5", "5%"]),
    ],
)  # fmt: skip
def test_affixes(
    inspect: Inspect, affix: dict[str, str], valid: list[str], invalid: list[str]
) -> None:
    field = {"name": "a", "type": "number", "bareNumber": False, "entrepot:affix": affix}
    for cells, expected in ((valid, 0), (invalid, len(invalid))):
        inspection = inspect(
            "a,b\n" + "".join(f"{each},x\n" for each in cells), schema(field, {"name": "b"})
        )
        assert [kind for kind, _ in kinds(inspection)] == ["type-error"] * expected


def test_a_bound_is_written_with_the_affix(inspect: Inspect) -> None:
    field = {
        "name": "a", "type": "number", "bareNumber": False,
        "entrepot:affix": {"suffix": "%"}, "constraints": {"maximum": "50%"},
    }  # fmt: skip
    assert kinds(inspect("a\n50%\n51%\n", schema(field))) == [("constraint-error", "a")]


@pytest.mark.parametrize(
    ("form", "mark", "rows"),
    [*((form, mark, 1) for form in ("{}", "{} %", "€{}") for mark in ".,"), ("{}", ".", 40_000)],
)
def test_numbers_that_began_with_no_zeros_begin_with_none_later(
    inspect: Inspect, form: str, mark: str, rows: int
) -> None:
    """In numbers of every form, and where lines are judged as a whole."""

    def text(*numbers: str) -> str:
        cells = [form.format(number.replace(".", mark)) for number in numbers]
        return "a;b\n" + "".join(f"{cell};x\n" for cell in cells)

    usual = ["1.5", "-0.5", "0.25", "12.0"]
    first = inspect(text(*usual, *["0.75"] * rows))
    assert first.schema is not None
    assert first.schema["fields"][0]["type"] == "number"
    assert inspect(text(*["10.75"] * rows, *usual), first.schema).verdict == "conforms"
    for number in ("007", "00.5", "-01"):
        later = inspect(text(*usual, *["10.75"] * rows, number), first.schema)
        assert kinds(later) == [("type-error", "a")], number
