"""Quotes and escapes of a text that is read by a contract: `"` where it reads the text."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

SCHEMA: dict[str, Any] = {
    "fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]
}


@pytest.mark.parametrize("quote", ["'", "`", "~", "|", "*"])
@pytest.mark.parametrize("odd", ["", "3,c,d\n", '4,"e, f"\n5,g,h\n'])
def test_marks_around_the_texts_of_one_column_are_parts_of_them(
    inspect: Inspect, quote: str, odd: str
) -> None:
    text = f"id,name\n1,{quote}a,b{quote}\n2,{quote}x{quote}\n{odd}"
    inspection = inspect(text, SCHEMA)
    assert inspection.verdict == "violates"
    assert (2, "extra-cell") in {(e["rowNumber"], e["code"]) for e in errors_of(inspection)}
    assert inspection.profile["file"]["dialect"]["quote"] == '"'


@pytest.mark.parametrize("quote", ["'", "`"])
def test_marks_around_the_texts_of_two_columns_are_quotes(inspect: Inspect, quote: str) -> None:
    text = "\n".join(f"{quote}{a}{quote},{quote}{b}{quote}" for a, b in (("id", "name"), (1, "b")))
    inspection = inspect(text + "\n", SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("written", ['"C:\\dir\\"', '"\\"""', '"a\\"'])
@pytest.mark.parametrize("other", ["x", '"x ""y"""', '""'])
def test_a_backslash_before_the_last_quote_escapes_nothing(
    inspect: Inspect, delimiter: str, written: str, other: str
) -> None:
    rows = [f"1{delimiter}{other}", f"2{delimiter}{written}", f"3{delimiter}{other}"]
    text = "\n".join([f"id{delimiter}name", *rows]) + "\n"
    inspection = inspect(text, SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 3), inspection.detail


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("row", ["2,x,{}", "2,{},x", "{}", "x,y,z,{}"])
def test_a_ragged_row_makes_no_escape_of_a_backslash(
    inspect: Inspect, delimiter: str, row: str
) -> None:
    rows = ["id,name", "1,a", row.format('"\\"""'), "3,b"]
    inspection = inspect("\n".join(rows).replace(",", delimiter) + "\n", SCHEMA)
    assert "broken-quote" not in {error["code"] for error in errors_of(inspection)}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_column_without_label_and_values_is_a_column(inspect: Inspect, delimiter: str) -> None:
    text = "id,,name\n1,,a\n2,,b\n".replace(",", delimiter)
    first = inspect(text)
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == ["id", "column_2", "name"]
    later = inspect(text.replace(f"1{delimiter}", f"1{delimiter}x"), first.schema)
    assert later.verdict == "conforms", later.detail


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("broken", ['"x', '"x" z', '"x"y'])
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("by_contract", [True, False])
def test_a_quote_that_is_broken_in_every_row_is_no_text(
    inspect: Inspect, delimiter: str, broken: str, rows: int, by_contract: bool
) -> None:
    """A file that ends within its only row is not one without quotes, unless that is stated."""
    lines = [f"{number}{delimiter}{broken}" for number in range(1, rows + 1)]
    text = "\n".join([f"id{delimiter}name", *lines]) + "\n"
    schema = SCHEMA if by_contract else None
    inspection = inspect(text, schema)
    assert inspection.verdict == "violates"
    codes = {error["code"] for error in errors_of(inspection)}
    assert codes & ({"broken-quote"} if by_contract else {"broken-quote", "unsure-reading"})
    stated = inspect(text, schema, dialect={"quoteChar": ""})
    assert (stated.verdict, stated.row_count) == ("conforms", rows), stated.detail


@pytest.mark.parametrize("rows", [20, 3_000])
@pytest.mark.parametrize("binding", ["given", "infer"])
def test_one_backslash_before_a_delimiter_escapes_nothing(
    inspect: Inspect, binding: str, rows: int
) -> None:
    """It was an escape in a short file alone, so that its cell was changed and published."""
    text = "id,name\n" + "".join(f"{n},n{n}\n" for n in range(rows)) + "7,\\,\n8,x\n9,y\n"
    inspection = inspect(text, SCHEMA if binding == "given" else None)
    errors = [(error["code"], error["rowNumber"]) for error in errors_of(inspection)]
    assert errors == [("extra-cell", rows + 2)]


@pytest.mark.parametrize("rows", [20, 26_000])
@pytest.mark.parametrize("blank", [",", '"",""', ""])
def test_blank_records_are_passed_over_wherever_they_are(
    inspect: Inspect, blank: str, rows: int
) -> None:
    text = "id,name\n" + "".join(f"{n},n{n}\n" for n in range(rows)) + f"{blank}\n8,x\n"
    inspection = inspect(text, SCHEMA, dialect={"skipBlankRows": True})
    assert (inspection.verdict, inspection.row_count) == ("conforms", rows + 1)
