"""A page that is delivered in place of a table."""

import pytest
from tests.inspection.conftest import Inspect

SCHEMA = {"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}
PAGES = [
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body>a, b</body></html>\n",
    "<html><body><h1>502 Bad Gateway</h1></body></html>",
    '<?xml version="1.0"?>\n<Error>\n<Code>NoSuchKey</Code>\n<Message>a; b</Message>\n</Error>\n',
    "<table><tr><td>a</td><td>b</td></tr></table>",
    "  <div>\n a;b\n</div>\n",
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.tsv"])
def test_a_page_is_no_table_under_a_contract(inspect: Inspect, page: str, name: str) -> None:
    inspection = inspect(page, SCHEMA, name=name)
    assert inspection.verdict == "not-tabular"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("mode", ["infer", "none"])
def test_a_page_is_named_without_a_contract(inspect: Inspect, page: str, mode: str) -> None:
    inspection = inspect(page, mode=mode)
    assert inspection.verdict == "not-tabular" or mode == "none"
    assert mode == "none" or "HTML" in inspection.detail or "XML" in inspection.detail


def test_cells_of_markup_keep_a_contract(inspect: Inspect) -> None:
    inspection = inspect("a,b\n<b>x</b>,<i>y</i>\n", SCHEMA)
    assert inspection.verdict == "conforms"


def test_stated_header_rows_are_changed_and_not_added(inspect: Inspect) -> None:
    text = "Report\nof May\na,b\nx,y\n"
    stated = inspect(text, SCHEMA, dialect={"headerRows": [2]})
    assert 'set "headerRows": [3] in the dialect of the contract.' in stated.detail
    assert 'add "headerRows": [3] to the dialect of the contract.' in inspect(text, SCHEMA).detail
