"""Table Dialect documents: parsed, rejected with a pointer, written back."""

from typing import Any

import pytest

from entrepot.errors import SchemaInvalid
from entrepot.schemas.table_dialect import TableDialect, parse_dialect, to_document

FULL_DIALECT: dict[str, Any] = {
    "$schema": "https://datapackage.org/profiles/2.0/tabledialect.json",
    "name": "german",
    "header": True,
    "headerRows": [2, 3],
    "headerJoin": "_",
    "commentRows": [1],
    "commentChar": "#",
    "delimiter": "||",
    "lineTerminator": "\r\n",
    "quoteChar": "'",
    "doubleQuote": False,
    "escapeChar": "\\",
    "nullSequence": "\\N",
    "skipInitialSpace": True,
    "property": "rows",
    "itemType": "object",
    "itemKeys": ["a", "b"],
    "sheetNumber": 2,
    "sheetName": "Data",
}


def test_a_whole_document_comes_back() -> None:
    dialect = parse_dialect(FULL_DIALECT)
    assert dialect.delimiter == "||"
    assert dialect.header_rows == (2, 3)
    assert to_document(dialect) == FULL_DIALECT


def test_what_is_left_out_stays_open() -> None:
    assert parse_dialect({}) == TableDialect()
    assert to_document(TableDialect()) == {}
    assert parse_dialect({"quoteChar": ""}).quote_char == ""


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({"delimiter": ""}, "/delimiter"),
        ({"delimiter": 5}, "/delimiter"),
        ({"delimiter": "\n"}, "/delimiter"),
        ({"delimiter": "x" * 17}, "/delimiter"),
        ({"quoteChar": "''"}, "/quoteChar"),
        ({"escapeChar": "ab"}, "/escapeChar"),
        ({"lineTerminator": ";"}, "/lineTerminator"),
        ({"header": "yes"}, "/header"),
        ({"doubleQuote": 1}, "/doubleQuote"),
        ({"headerRows": [0]}, "/headerRows/0"),
        ({"headerRows": [1, True]}, "/headerRows/1"),
        ({"headerRows": [2, 1]}, "/headerRows"),
        ({"commentRows": 1}, "/commentRows"),
        ({"commentChar": ""}, "/commentChar"),
        ({"sheetNumber": 0}, "/sheetNumber"),
        ({"itemType": "list"}, "/itemType"),
        ({"itemKeys": [1]}, "/itemKeys"),
        ({"itemKeys": []}, "/itemKeys"),
        ({"itemKeys": ["a", "a"]}, "/itemKeys"),
        ({"table": "t"}, "/table"),
        ({"delimeter": ";"}, "/delimeter"),
        ({"dcat:a/b": 1}, "/dcat:a~1b"),
        ({"x" * 200: 1}, "/" + "x" * 100),
        ({"header": False, "headerRows": [1]}, "/headerRows"),
        ({"delimiter": "'", "quoteChar": "'"}, "/quoteChar"),
        ({"delimiter": "\\", "escapeChar": "\\"}, "/escapeChar"),
    ],
)
def test_faults_have_a_pointer(document: Any, pointer: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        parse_dialect(document)
    assert caught.value.pointer == pointer


def test_an_unknown_property_is_named_with_those_that_exist() -> None:
    with pytest.raises(SchemaInvalid, match=r"those that exist are headerJoin, .*, itemKeys"):
        parse_dialect({"delimeter": ";"})
