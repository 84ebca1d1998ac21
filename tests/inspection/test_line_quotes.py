"""Quotes around whole lines: the cells within are text of one column, which is never sure."""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

WHOLE = {
    "commas": ('"a,b"\n"1,2"\n', ","),
    "semicolons": ('"a;b"\n"1;2"\n"3;4"\n', ";"),
    "tabs, CRLF": ('"a\tb"\r\n"1\t2"\r\n', "\\t"),
    "pipes": ('"a|b|c"\n"1|2|3"\n', "|"),
    "cells quoted again": ('"id,""name"""\n"1,""x"""\n"2,""y, z"""\n', ","),
    "a shorter line": ('"a,b"\n"1,2"\n"3"\n', ","),
    "a blank line": ('"a,b"\n\n"1,2"\n', ","),
}
LONGER = {
    f"many rows, {name}": (
        "".join(f'"{mark.join(row)}"\n' for row in [("rec", "lane"), *([("1", "L1")] * 9)]),
        mark,
    )
    for name, mark in (("commas", ","), ("semicolons", ";"), ("pipes", "|"))
}
ONE_COLUMN = {
    "punctuation below a label": '"name"\n"Doe, John"\n"Roe, Jane"\n',
    "decimal commas": '"amount"\n"1,5"\n"2,5"\n',
    "a label with a comma": '"Height, in cm"\n"170"\n"165"\n',
}
REASON = "each line is within quotes as a whole, so '{}' is text in one column"


def warnings_of(inspection: Any) -> list[str]:
    warnings: list[str] = inspection.report["tasks"][0]["warnings"]
    return warnings


@pytest.mark.parametrize("name", [*WHOLE, *LONGER])
def test_a_first_version_is_rejected_and_names_the_delimiter(inspect: Inspect, name: str) -> None:
    text, mark = (WHOLE | LONGER)[name]
    inspection = inspect(text)
    assert inspection.verdict == "violates"
    message = next(e["message"] for e in errors_of(inspection) if e["code"] == "unsure-reading")
    assert REASON.format(mark) in message
    assert f'"delimiter": "{mark}"' in message


@pytest.mark.parametrize("name", WHOLE)
def test_without_a_contract_it_is_a_warning(inspect: Inspect, name: str) -> None:
    text, mark = WHOLE[name]
    inspection = inspect(text, mode="none")
    assert inspection.verdict == "conforms"
    assert any(REASON.format(mark) in warning for warning in warnings_of(inspection))


@pytest.mark.parametrize("name", ["commas", "semicolons", "tabs, CRLF", "pipes", *LONGER])
def test_a_stated_delimiter_means_one_column(inspect: Inspect, name: str) -> None:
    text, mark = (WHOLE | LONGER)[name]
    dialect = {"delimiter": mark.replace("\\t", "\t"), "headerRows": [1]}
    inspection = inspect(text, dialect=dialect)
    assert inspection.verdict == "conforms"
    assert not any("quotes" in warning for warning in warnings_of(inspection))


@pytest.mark.parametrize("mark", [",", "|"])
def test_a_stated_delimiter_has_no_rival(inspect: Inspect, mark: str) -> None:
    inspection = inspect('"a;b"\n"1;2"\n"3;4"\n', dialect={"delimiter": mark})
    assert inspection.verdict == "conforms"


@pytest.mark.parametrize("name", ONE_COLUMN)
def test_cells_that_need_their_quotes_are_sure(inspect: Inspect, name: str) -> None:
    inspection = inspect(ONE_COLUMN[name])
    assert inspection.verdict == "conforms"
    assert not any("quotes" in warning for warning in warnings_of(inspection))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("stated", [False, True])
def test_a_contract_with_the_columns_says_what_to_write(
    inspect: Inspect, mark: str, stated: bool
) -> None:
    schema = {"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}
    dialect = {"delimiter": mark} if stated else None
    (error,) = errors_of(inspect(f'"a{mark}b"\n"1{mark}2"\n', schema, dialect=dialect))
    assert error["message"].endswith(
        " Write quotes around each cell, or none, instead of around the whole line."
    )


def test_a_contract_with_the_one_column_has_no_doubt(inspect: Inspect) -> None:
    schema = {"fields": [{"name": "a,b", "type": "string"}]}
    inspection = inspect('"a,b"\n"1,2"\n', schema)
    assert inspection.verdict == "conforms"
    assert not warnings_of(inspection)
