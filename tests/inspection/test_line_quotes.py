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
DELIMITERS = {
    "commas": ",", "semicolons": ";", "tabs": "\t", "pipes": "|", "colons": ":",
    "two spaces": "  ", "four spaces": "    ",
}  # fmt: skip
COLUMNS = ["rec", "lane", "score", "city", "zip"]
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


def lines_of(mark: str, width: int, quoted: str) -> str:
    """A table whose lines are within quotes as a whole: all of them, the header, or it and some."""
    rows = [COLUMNS[:width]]
    rows += [[str(n), f"L{n}", f"{n}.5", "x", "9"][:width] for n in range(6)]
    lines = []
    for number, row in enumerate(rows):
        whole = not number or quoted == "all" or (quoted == "some" and number % 2)
        lines.append(f'"{mark.join(row)}"' if whole else mark.join(row))
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("quoted", ["all", "header", "some"])
@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("name", DELIMITERS)
def test_each_delimiter_within_the_quotes_is_named(
    inspect: Inspect, name: str, width: int, quoted: str
) -> None:
    mark = DELIMITERS[name]
    inspection = inspect(lines_of(mark, width, quoted))
    assert inspection.verdict == "violates"
    messages = [e["message"] for e in errors_of(inspection) if e["code"] == "unsure-reading"]
    where = "each line" if quoted == "all" else "the header"
    text = "several spaces are" if mark.isspace() and mark != "\t" else f"{mark!r} is"
    expected = f"{where} is within quotes as a whole, so {text} text in one column"
    assert expected in messages[0]
    if quoted == "header":
        return
    free = inspect(lines_of(mark, width, quoted), mode="none")
    assert any(expected in warning for warning in warnings_of(free))


@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("name", ["commas", "semicolons", "tabs", "pipes", "colons"])
@pytest.mark.parametrize("quoted", ["all", "header"])
def test_a_contract_says_what_to_write_at_each_width(
    inspect: Inspect, name: str, width: int, quoted: str
) -> None:
    schema = {"fields": [{"name": each, "type": "string"} for each in COLUMNS[:width]]}
    error = errors_of(inspect(lines_of(DELIMITERS[name], width, quoted), schema))[0]
    assert error["code"] == "unmatched-header"
    assert error["message"].endswith(
        " Write quotes around each cell, or none, instead of around the whole line."
    )


@pytest.mark.parametrize(
    "text",
    [
        '"Report, of May"\na,b\n1,2\n3,4\n5,6\n',
        '"Sales; in EUR"\n\na;b\n1;2\n3;4\n',
        '"first name"\n"John Smith"\n"Jane Roe"\n',
        '"time: from"\n"10:30"\n"11:45:10"\n',
        '"a  note"\n"x"\n"y"\n"z"\n',
        '"name","city"\n"Doe, J","x"\n',
    ],
)
def test_titles_and_texts_of_one_column_have_no_such_doubt(inspect: Inspect, text: str) -> None:
    messages = [error["message"] for error in errors_of(inspect(text))]
    assert not any("quotes as a whole" in message for message in messages)
