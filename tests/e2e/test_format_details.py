"""How a file was read, and a schema, in words: also what the pages do not know yet."""

from typing import Any

import pytest

from entrepot.http.web.files.contract import schema_view
from entrepot.http.web.files.format_details import format_details
from entrepot.inspection.csv.contract.layout import FIRST_ROW


def texts_of(described: dict[str, object]) -> dict[str, tuple[str, ...]]:
    return {each.label: each.texts for each in format_details(described)}


def test_a_text() -> None:
    described = {
        "bytes": 9,
        "mediaType": "text/csv",
        "format": "csv",
        "encoding": "cp1252",
        "encodingConfidence": 0.83,
        "bom": False,
        "newline": "CRLF",
        "lines": 1204,
        "dialect": {"delimiter": "\t", "quote": '"', "escape": '"', "header": True, "blanks": 0},
        "headerRows": [3, 4],
        "firstRow": 5,
        "lastRow": None,
        "confidence": 0.91,
        "unsure": False,
        "reasons": ["every row has 4 cells", FIRST_ROW],
        "outside": [{"firstRow": 1, "lastRow": 2, "lineNumber": 1, "text": "Sales `2026`"}],
        "tables": [{"firstRow": 90, "lastRow": 99, "lineNumber": 90, "columns": 3, "text": "x"}],
        "records": {"total": 12, "judged": 9, "aboveHeader": 0, "header": 1, "skippedBlank": 2},
        "undecodable": 0,
        "warnings": ["told elsewhere"],
    }
    assert texts_of(described) == {
        "Format": ("delimited text (CSV)",),
        "Encoding": ("cp1252", "confidence 83 %"),
        "Dialect": (
            "delimiter: tab",
            'quote character: `"`',
            "quotes within cells are doubled",
        ),
        "Header": ("rows 3, 4",),
        "Table": ("from row 5 to the end", "1,204 lines in the file"),
        "Confidence": ("91 %", "every row has 4 cells", FIRST_ROW),
        "Records": ("12 in total", "9 checked", "1 of the header", "2 blank"),
        "Line ends": ("`CRLF`",),
        "Outside the table": ("rows 1 to 2: `Sales '2026'`",),
        "Other tables": ("rows 90 to 99, 3 columns: `x`",),
    }


def test_a_packed_workbook() -> None:
    described = {
        "format": "xlsx",
        "sheet": "Data",
        "sheetNumber": 2,
        "range": "B3:D9",
        "headerRows": [],
        "dateSystem": 1904,
        "otherSheets": [{"name": "Notes", "number": 1, "hidden": False}],
        "preamble": [{"row": 1, "text": "Title"}],
        "compression": ["gzip", "zstd"],
        "unpacked": 1234,
    }
    assert texts_of(described) == {
        "Format": ("Excel workbook",),
        "Compression": ("`gzip`, `zstd`", "1,234 bytes unpacked"),
        "Sheet": ("`Data`", "number 2", "dates count from 1904", "not read: `Notes`"),
        "Table": ("`B3:D9`",),
        "Preamble": ("row 1: `Title`",),
    }


def test_what_no_line_knows_is_shown_as_it_is() -> None:
    described = {
        "dialect": "unheard of",
        "someNewThing": {"innerPart": 1000, "list": [1, None, "x"]},
        "flag": True,
        "nothing": None,
        "many": list(range(12)),
        "share": 0.25,
    }
    assert texts_of(described) == {
        "Dialect": ("`unheard of`",),
        "Some new thing": ("inner part 1,000, list 1 none `x`",),
        "Flag": ("yes",),
        "Many": (*map(str, range(10)), "and 2 more"),
        "Share": ("`0.25`",),
    }


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "integer", "entrepot:leadingZeros": False}, ["no leading zeros"]),
        ({"type": "number", "entrepot:finite": True}, ["no NaN and no infinities"]),
        (
            {"type": "number", "groupChar": ",", "entrepot:grouping": "indian"},
            ["thousands separator `,`", "Indian groups of digits"],
        ),
        ({"type": "time", "entrepot:timeZone": True}, ["with a time zone"]),
        ({"type": "datetime", "entrepot:timeZone": False}, ["without a time zone"]),
        ({"type": "date", "entrepot:storedType": True}, ["in workbooks stored as such"]),
    ],
)
def test_properties_of_our_own_in_words(field: dict[str, Any], words: list[str]) -> None:
    (view,) = schema_view({"fields": [{"name": "a", **field}]}).fields
    assert list(view.value_forms) == words


def test_a_schema_in_words() -> None:
    values = list(range(12))
    view = schema_view(
        {
            "fields": [
                {
                    "name": "a",
                    "type": "number",
                    "decimalChar": ",",
                    "constraints": {"required": True, "minimum": 0, "enum": values},
                    "entrepot:notEmpty": True,
                },
                {"name": "b", "missingValues": [{"value": "-", "label": "unknown"}]},
            ],
            "fieldsMatch": "subset",
            "missingValues": ["", "n/a"],
            "entrepot:minRows": 1,
            "primaryKey": ["a"],
            "uniqueKeys": [["a", "b"]],
            "foreignKeys": [{"fields": ["b"], "reference": {"fields": ["a"]}}],
        }
    )
    first, second = view.fields
    ten = ", ".join(f"`{number}`" for number in range(10))
    assert first.rules == (
        "required",
        "at least `0`",
        f"one of {ten} and 2 more",
        "at least one value",
    )
    assert first.value_forms == ("decimal mark `,`",)
    assert (second.type, second.rules) == ("any", ())
    assert second.value_forms == ("missing values: `-` (unknown)",)
    assert view.sentences == (
        "The columns may be more than these, in any order.",
        "A cell means “no value” if it is empty, `n/a`.",
        "At least 1 row.",
        "Primary key: `a`.",
        "Unique together: `a`, `b`.",
        "Each `b` stands as `a` in some row.",
    )
