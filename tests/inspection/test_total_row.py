"""A table whose last row is a total, and one whose last row begins with such a word."""

import json
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

WORDS = ["Total", "TOTAL", "Grand total", "Sum", "Summe", "Gesamt", "Subtotal:", "Somme"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "rows",
    [
        ["id,name,amount", "1,a,3", "2,b,4", "{},,7"],
        ["name,amount", "a,3", "b,4", "{},7"],
        ["name,share,amount", "a,0.5,3", "b,0.25,4", "{},,9"],
        ["name,amount", "a,0.1", "b,0.2", "{},0.3"],
        ["name,town", "a,Kiel", "b,Jena", "{},26"],
    ],
)
def test_a_total_is_not_frozen_as_a_row(inspect: Inspect, word: str, rows: list[str]) -> None:
    text = "\n".join(rows).format(word) + "\n"
    first = inspect(text)
    assert [(e["code"], e["rowNumber"]) for e in errors_of(first)] == [("outside-table", 4)]
    assert f'"entrepot:footer": "{word}' in first.detail
    stated = inspect(text, dialect={"entrepot:footer": word})
    assert (stated.verdict, stated.row_count) == ("conforms", 2)


def texts(*names: str, **constraints: Any) -> dict[str, Any]:
    return {"fields": [{"name": name, "constraints": constraints} for name in names]}


def warnings_of(inspect: Inspect, text: str, schema: dict[str, Any] | None, **stated: Any) -> str:
    inspection = inspect(text, schema, mode="none", **stated)
    assert inspection.verdict == "conforms", inspection.detail
    return " ".join(inspection.report["tasks"][0]["warnings"])


@pytest.mark.parametrize("contract", [True, False])
@pytest.mark.parametrize(
    ("below", "looks"),
    [
        (
            "Total,,7\n",
            'Line 12: the last row looks like a total: `Total | 7`. Take it out, or add "',
        ),
        ("Summe,x,15\n", 'add "entrepot:footer": "Summe" to the dialect.'),
        (",Total,7\n", "Line 12: the last row looks like a total: `Total | 7`. Take it out."),
        (
            "Source: us,,\n",
            "Source: us",
        ),
        ("# of May,,\n" + "n9,x,2\n" * 9, "Line 12: the row looks like a comment"),
        ("Town,x,2\n", ""),
        ("Total,x,2\n", ""),
    ],
)
def test_a_row_that_keeps_the_contract_is_judged_and_named(
    inspect: Inspect, below: str, looks: str, contract: bool
) -> None:
    rows = "".join(f"n{n},x,{n % 5}\n" for n in range(8)) + "n8,x,1\nn9,x,1\n"
    schema = texts("name", "town", "n") if contract else None
    warned = warnings_of(inspect, f"name,town,n\n{rows}{below}", schema)
    assert looks in warned if looks else not warned
    also_wrong = texts("name", "town", "n", maxLength=4)
    assert "looks like" not in str(
        inspect(f"name,town,n\n{rows}{below}", also_wrong).report["tasks"][0]["warnings"]
    )


def test_a_header_in_another_case_keeps_a_contract_of_texts(inspect: Inspect) -> None:
    text = "name,town\na,b\nNAME,Town\nc,d\n"
    assert "Line 3: the header is repeated (once)" in warnings_of(
        inspect, text, texts("name", "town")
    )


@pytest.mark.parametrize("values", [{"enum": ["a", "b", "Total"]}, {}])
def test_a_total_that_the_contract_lists(inspect: Inspect, values: dict[str, Any]) -> None:
    text = "name,town\na,1\nb,2\nTotal,3\n"
    schema = texts("name", "town")
    schema["fields"][0]["constraints"] = values
    assert ("looks like" in warnings_of(inspect, text, schema)) == (not values)
    footer = {"entrepot:footer": "Total"}
    assert not warnings_of(inspect, text, texts("name", "town"), dialect=footer)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Artikel;Betrag\nA;1,50\nB;2,50\nSumme;4,00\n", '"entrepot:footer": "Summe"'),
        ("Artikel;Betrag\nA;1,50 €\nB;2,50 €\nSumme;4,00 €\n", '"entrepot:footer": "Summe"'),
        ('item,n\nA,"1,500"\nB,"2,500.5"\nTotal,"4,000.5"\n', '"entrepot:footer": "Total"'),
        ("day,n\n2024-01-01,2\n2024-01-02,3\nTotal,6\n", '"entrepot:footer": "Total"'),
        ("no,item,n\n1,A,2\n2,B,3\n,Total,5\n", "Take it out."),
    ],
)
def test_a_total_of_numbers_in_any_form(inspect: Inspect, text: str, advice: str) -> None:
    first = inspect(text)
    assert [(e["code"], e["rowNumber"]) for e in errors_of(first)] == [("outside-table", 4)]
    assert advice in first.detail


@pytest.mark.parametrize(
    ("end", "is_total"),
    [
        ("Total,20000\n", True),
        ('"Total",20000\n', True),
        ("Total,20000", True),
        (" total ,20000\n", True),
        ("x,20000\n", False),
        ("", False),
    ],
)
def test_a_total_below_more_rows_than_are_read_first(
    inspect: Inspect, end: str, is_total: bool
) -> None:
    """Told by the text's last line where that is a row, and else by a scan of all of them."""
    first = inspect("name,amount\n" + "".join(f"n{n % 7},1\n" for n in range(20_000)) + end)
    codes = ["outside-table"] if is_total else []
    assert [error["code"] for error in errors_of(first)] == codes, first.detail


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "rows",
    [
        ["name,amount", "a,3", "b,4", "{},9"],
        ["name,amount", "a,x", "b,y", "{},z"],
        ["name,amount", "a,", "b,4", "{},"],
        ["name,amount", "{},7", "a,3", "b,4"],
    ],
)
def test_a_category_of_that_name_is_a_row(inspect: Inspect, word: str, rows: list[str]) -> None:
    first = inspect("\n".join(rows).format(word) + "\n")
    assert (first.verdict, first.row_count) == ("conforms", 3), first.detail


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_label_keeps_its_name_beside_columns_without_one(inspect: Inspect, number: int) -> None:
    labels = ["", f"column_{number}", "x"] if number != 2 else [f"column_{number}", "", "x"]
    text = ",".join(labels) + "\n1,a,2\n3,b,4\n"
    first = inspect(text)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert f"column_{number}" in {field["name"] for field in first.schema["fields"]}
    again = inspect(text, first.schema)
    assert again.verdict == "conforms", again.detail


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["Source: us,,"], {"entrepot:footer": "Source:.*"}),
        (["Total,,7"], {"entrepot:footer": "Total"}),
        (["Source: us,,", "* as of May,,"], {"entrepot:footer": r"Source:.*|\* as of May"}),
        (["# of May,,"], {"commentChar": "#"}),
        (["Source: us,,", "n9,x,2"], {"commentRows": [12]}),
    ],
)
def test_the_line_of_dialect_for_such_rows(
    inspect: Inspect, rows: list[str], line: dict[str, Any]
) -> None:
    """It fits the next delivery too, as far as one can, and the report says where to state it."""
    text = "name,town,n\n" + "".join(f"n{n},x,{n % 5}\n" for n in range(10))
    below = "".join(f"{row}\n" for row in rows)
    schema = texts("name", "town", "n")
    warned = warnings_of(inspect, text + below, schema)
    assert f"add {json.dumps(line)[1:-1]} to the dialect. The dialect is stated with" in warned
    assert warned.count("`entrepot schema set FILE --dialect D.json`, as `dialect`") == 1
    for delivery in (
        text + below,
        text + ("n1,x,2\n" * 5 if "commentRows" not in line else "") + below,
    ):
        assert not warnings_of(inspect, delivery, schema, dialect=line)
