"""The cases of `cases/contract` whose class is: which records a contract judges.

Each expectation is a set of (row, kind of error, column); a kind alone is of the header.
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

CASES = Path(__file__).parent / "cases"
CONTRACT, READING = CASES / "contract", CASES / "reading"


def rows(kind: str, column: int, *numbers: int) -> set[tuple[int, str, int]]:
    """The same error in several rows."""
    return {(number, kind, column) for number in numbers}


MISPLACED = {(0, "missing-header", 0)}
EXPECTED: dict[str, set[tuple[int, str, int]]] = {
    "blank_then_wider.csv": {
        (4, "blank-row", 0), (5, "extra-cell", 3), (6, "extra-cell", 3), (6, "type-error", 1),
    },
    "blank_then_narrower.csv": {
        (4, "blank-row", 0), *rows("missing-cell", 3, 5, 6), (6, "type-error", 1),
    },
    "blank_then_half_ragged.csv": {
        (4, "blank-row", 0), *rows("extra-cell", 3, 5, 7, 9, 11, 13, 15),
    },
    "blank_then_header_again_bad.csv": {(4, "blank-row", 0), *rows("type-error", 1, 5, 7)},
    "commas_line_then_short.csv": {
        (3, "blank-row", 0), (4, "type-error", 1), (4, "missing-cell", 3),
    },
    "dashes_line_then_bad.csv": {
        (4, "type-error", 1), (4, "missing-cell", 2),
        (5, "type-error", 1), (5, "extra-cell", 3), (6, "type-error", 1), (6, "extra-cell", 3),
    },
    "blank_then_total.csv": {(4, "blank-row", 0), (5, "type-error", 1)},
    "truncated_last_row.csv": {
        *rows("missing-cell", 2, 7), *rows("missing-cell", 3, 7),
        *rows("constraint-error", 2, 7), *rows("constraint-error", 3, 7),
    },
    "rows_cut_to_first_cell.csv": {
        *rows("missing-cell", 2, 4, 5, 6), *rows("missing-cell", 3, 4, 5, 6),
        *rows("constraint-error", 2, 4, 5, 6), *rows("constraint-error", 3, 4, 5, 6),
    },
    "last_row_notebook.csv": {(4, "constraint-error", 2), (4, "constraint-error", 3)},
    "stacked_table.csv": {*rows("type-error", 1, 4, 5, 6), *rows("missing-cell", 3, 4, 5, 6)},
    "stacked_wider.csv": {*rows("type-error", 1, 4, 5, 6), *rows("extra-cell", 3, 4, 5, 6)},
    "comment_last.csv": {(4, "type-error", 1), (4, "extra-cell", 3)},
    "dashes_last.csv": {(4, "type-error", 1), (4, "extra-cell", 3)},
    "comment_slashes.csv": {(3, "type-error", 1), (3, "extra-cell", 3)},
    "comment_percent.csv": {(3, "type-error", 1), (3, "extra-cell", 3)},
    "comment_semicolon.csv": {(3, "type-error", 1), (3, "extra-cell", 3)},
    "comment_string_key.csv": {(3, "type-error", 2), (3, "missing-cell", 3)},
    "preamble_multiline.csv": {*MISPLACED, (4, "type-error", 1)},
    "preamble_data_rows.csv": MISPLACED,
    "preamble_wrong_header.csv": MISPLACED,
    "header_false.csv": set(),
    "json_property_ignored.json": set(),
    "lone_cr.csv": {(3, "type-error", 1), (3, "missing-cell", 2)},
    "xlsx_text_in_amount_after_gap.xlsx": {*rows("blank-row", 0, 4, 5), (6, "type-error", 3)},
    "xlsx_names_after_gap.xlsx": {
        (7, "blank-row", 0), *rows("constraint-error", 2, 8, 9, 10),
    },
    "xlsx_30_bad_rows_above.xlsx": MISPLACED,
    "xlsx_second_sheet_bad.xlsx": set(),
    "xlsx_sheetName_ignored.xlsx": {(2, "type-error", 1), (2, "type-error", 3)},
    "xlsx_cover_sheet.xlsx": set(),
}  # fmt: skip


def given(file: str) -> tuple[Any, dict[str, Any] | None]:
    """The schema and the dialect of a case."""
    with (CONTRACT / "cases.tsv").open(newline="", encoding="utf-8") as table:
        case = next(row for row in csv.DictReader(table, delimiter="\t") if row["file"] == file)
    schema, _, dialect = case["schema"].partition(" dialect ")
    return json.loads(schema), json.loads(dialect) if dialect else None


def found_in(inspection: Any) -> set[tuple[int, str, int]]:
    return {
        (each.get("rowNumber", 0), each["code"], each.get("fieldNumber", 0))
        for each in errors_of(inspection)
    }


@pytest.mark.parametrize("file", EXPECTED)
def test_a_contract_judges_every_record(inspect: Inspect, file: str) -> None:
    schema, dialect = given(file)
    inspection = inspect(CONTRACT / file, schema, dialect=dialect)
    assert found_in(inspection) == EXPECTED[file], inspection.detail
    assert inspection.verdict == ("violates" if EXPECTED[file] else "conforms")
    records = inspection.profile["file"]["records"]
    assert sum(records.values()) == 2 * records["total"]


def test_a_stated_header_row_is_the_header(inspect: Inspect) -> None:
    schema, _ = given("preamble_multiline.csv")
    misplaced = inspect(CONTRACT / "preamble_multiline.csv", schema)
    assert misplaced.detail.startswith(
        "The header and 1 of 2 rows break the contract. Line 4: the header is in row 3, the"
        " contract expects it in row 1. Move the table there,"
        ' or add "headerRows": [3] to the dialect of the contract.'
    )
    inspection = inspect(CONTRACT / "preamble_multiline.csv", schema, dialect={"headerRows": [3]})
    assert found_in(inspection) == {(4, "type-error", 1)}
    assert inspection.row_count == 2


def test_a_first_version_keeps_the_rows_below_a_title_of_several_lines(inspect: Inspect) -> None:
    inspection = inspect(CONTRACT / "preamble_multiline_true.csv")
    assert (inspection.verdict, inspection.row_count) == ("conforms", 5)


SINGLE = [{"name": "A", "type": "string"}, {"name": "ragged", "type": "string"}]
RAGGED: dict[str, tuple[list[dict[str, str]], set[tuple[int, str, int]] | None]] = {
    "01-three-line-semicolon.csv": ([{"name": "c0"}], set()),
    "08a-ragged.csv": (SINGLE, rows("missing-cell", 2, 2, 3)),
    "08b-ragged.csv": (SINGLE[:1], rows("extra-cell", 2, 2)),
    "08c-ragged.csv": (SINGLE[:1], rows("extra-cell", 2, 3)),
    "20-last-row-short.csv": ([{"name": name} for name in "abcd"], rows("missing-cell", 4, 14)),
    "26-rfc2822-unquoted-comma.csv": (
        [{"name": name} for name in ("id", "iso", "rfc2822", "unix")], None,
    ),
    "43b-one-wide-row.csv": (
        [{"name": name} for name in ("subject", "verb", "object")],
        {(3, "extra-cell", number) for number in (4, 5, 6, 7)},
    ),
    "43-header-trailing-comma.csv": (
        [{"name": name} for name in ("subject", "verb", "object")],
        {(3, "extra-cell", number) for number in (4, 5, 6, 7)},
    ),
    "84-header-two-rows-one.csv": (
        [{"name": "id"}, {"name": "name"}], rows("missing-cell", 2, 2, 3, 5, 6),
    ),
    "86-all-rows-one-more.csv": ([{"name": "mpg"}, {"name": "cyl"}], None),
}  # fmt: skip


@pytest.mark.parametrize("file", RAGGED)
def test_a_row_of_another_width_is_a_row(inspect: Inspect, file: str) -> None:
    fields, expected = RAGGED[file]
    inspection = inspect(READING / file, {"fields": fields})
    if expected is None:  # each row has a cell too many
        column = len(fields) + 1
        expected = rows("extra-cell", column, *range(2, (inspection.row_count or 0) + 2))
    assert found_in(inspection) == expected, inspection.detail


FOOTED = {"entrepot:footer": "Total.*|Source.*"}
TWO = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}


@pytest.mark.parametrize(
    ("below", "footer", "wrong"),
    [
        ("Total,2\n", 1, set()),
        ("Total\n\nSource: us\n\n", 3, set()),
        ("Total,2\n3,c\n", 0, {4}),
        ("\nTotal,2\n", 1, {4}),
        ("x,y\nTotal,2\n", 1, {4}),
        ("Total,2\nSubtotal\n", 0, {4, 5}),
        ("Total\n" * 21, 20, {4}),
    ],
)
def test_a_footer_is_a_block_at_the_end(
    inspect: Inspect, below: str, footer: int, wrong: set[int]
) -> None:
    inspection = inspect(f"id,name\n1,a\n2,b\n{below}", TWO, dialect=FOOTED)
    assert inspection.profile["file"]["records"]["footer"] == footer
    assert {error["rowNumber"] for error in errors_of(inspection)} == wrong


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("id,name\n1,a\n2,b\n\nTotal of all\n", '"entrepot:footer": "Total of all"'),
        ("id,name\n1,a\n# so,it,is\n2,b\n", '"commentChar": "#"'),
        ("id,name\n1,a\nid,name\n2,b\n", '"commentRows": [3]'),
        ("id,name\n\n1,a\n2,b\n", '"skipBlankRows": true'),
    ],
)
def test_a_first_version_names_the_dialect_that_would_allow_it(
    inspect: Inspect, text: str, advice: str
) -> None:
    inspection = inspect(text)
    assert inspection.verdict == "violates"
    assert advice in inspection.detail


@pytest.mark.parametrize("file", ["arrow_two_streams.arrow", "arrow_stream_garbage.arrow"])
def test_nothing_follows_the_end(inspect: Inspect, file: str) -> None:
    schema, _ = given(file)
    inspection = inspect(CONTRACT / file, schema)
    assert inspection.verdict == "source-error"
    assert "of other data after it" in inspection.detail


@pytest.mark.parametrize("file", ["html_fragment.csv", "s3_error.csv"])
def test_markup_becomes_no_contract(inspect: Inspect, file: str) -> None:
    assert inspect(CONTRACT / file).verdict == "not-tabular"
    assert inspect(CONTRACT / file, mode="none").verdict == "conforms"


def test_the_header_wherever_it_is_frozen(inspect: Inspect) -> None:
    text = "Report\n\nid,name\n1,a\n2,b\n"
    first = inspect(text)
    assert first.dialect == {"headerRows": [3]}
    assert inspect(text, first.schema, dialect=first.dialect).verdict == "conforms"
    assert found_in(inspect("id,name\n1,a\n", first.schema, dialect=first.dialect)) == MISPLACED


def warnings_of(inspection: Any) -> list[str]:
    listed: list[str] = inspection.report["tasks"][0]["warnings"]
    return listed


def test_the_last_comment_is_the_header(inspect: Inspect) -> None:
    text = (READING / "22-urlhaus-style.csv").read_text()
    first = inspect(text)
    assert (first.verdict, first.row_count, first.dialect) == ("conforms", 20, {"headerRows": [8]})
    assert first.schema is not None
    assert first.schema["fields"][0]["name"] == "id"
    assert inspect(text, first.schema, dialect=first.dialect).verdict == "conforms"
    alone = inspect("# id\tname\n1\ta\n")
    assert alone.schema is not None
    assert alone.schema["fields"][0]["name"] == "# id"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("comment\nThis is good, I think\nNot, so good\nFine\n", ("conforms", 3)),
        ("remark; signed\nx; y\nFine; a; b\nz; c\n", None),
        ("name\nSmith, John\nDoe, Jane\nRoe, Rick\n", ("violates", 2)),
    ],
)
def test_sentences_below_a_label(
    inspect: Inspect, text: str, expected: tuple[str, int | None] | None
) -> None:
    inspection = inspect(text)
    if expected is not None:
        assert (inspection.verdict, inspection.row_count) == expected
    else:
        assert inspection.schema is None or len(inspection.schema["fields"]) == 2


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("Ann,Paris,France\nBob,Rome,Italy\nCid,Oslo,Norway\n", True),
        ("Name,Town,Country\nBob,Rome,Italy\nCid,Oslo,Norway\n", False),
        ("town,land,river\nRome,Italy,Tiber\nOslo,Norway,Akerselva\n", False),
        ("town,1,2\n3,4,5\n6,7,8\n9,1,2\n", True),
    ],
)
def test_a_header_that_looks_like_the_rows_has_a_warning(
    inspect: Inspect, text: str, warned: bool
) -> None:
    inspection = inspect(text)
    assert inspection.verdict == "conforms", inspection.detail
    assert any('"header": false' in each for each in warnings_of(inspection)) is warned


@pytest.mark.parametrize(
    "text",
    [
        ",y,n,P\n1,17,24,L\n2,29,29,L\n3,17,27,S\n",
        ",0,1,2\n0,27,29,10\n1,59,53,14\n2,28,32,14\n",
        ",2020-01-01,5\n3,1,2\n4,5,6\n",
    ],
)
def test_labels_may_be_numbers_or_short_words(inspect: Inspect, text: str) -> None:
    inspection = inspect(text)
    assert (inspection.verdict, inspection.row_count) == ("conforms", text.count("\n") - 1)


def test_values_alone_are_no_header(inspect: Inspect) -> None:
    inspection = inspect("a,1,2\nb,3,4\nc,5,6\n")
    assert found_in(inspection) == {(0, "missing-header", 0)}
    assert inspect("a,1,2\nb,3,4\n", dialect={"header": False}).verdict == "conforms"


@pytest.mark.parametrize("rows", [2, 60_000])
@pytest.mark.parametrize("first", [True, False])
def test_a_lone_carriage_return_ends_a_record(inspect: Inspect, rows: int, first: bool) -> None:
    """Wherever it stands: in the first part of the text, and far behind it."""
    text = "id,name\n" + "1,a\n" * rows + "2,b\rc\n3,d\n"
    inspection = inspect(text) if first else inspect(text, TWO)
    assert (rows + 3, "missing-cell", 2) in found_in(inspection)
    assert inspection.profile["file"]["records"]["total"] == rows + 4


LONG = "x" * 300_000
"""More than the first part of a text, by which its dialect is decided."""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("lines", "header", "bad"),
    [
        (["id,name", f"1,{LONG}"], 1, 0),
        (["id,name", f"1,{LONG}", f"2,{LONG}", "3,c"], 1, 0),
        (["id,name", f"1,{LONG}", "x,b"], 1, 3),
        (["id,name", f"x,{LONG}"], 1, 2),
        (["id,name", f"1,{LONG},z"], 1, 2),
        (["sep=,", "id,name", f'1,"{LONG}"', "2,b"], 1, 0),
        (["Report", "", "id,name", f"1,{LONG}", f"x,{LONG}"], 3, 5),
    ],
)
def test_a_row_that_is_longer_than_the_first_part_of_a_text_is_judged(
    inspect: Inspect, lines: list[str], header: int, bad: int, end: str
) -> None:
    inspection = inspect(end.join([*lines, ""]), TWO, dialect={"headerRows": [header]})
    assert {error["rowNumber"] for error in errors_of(inspection)} == ({bad} if bad else set())
    assert inspection.row_count == len(lines) - header - (lines[0] == "sep=,")
    records = inspection.profile["file"]["records"]
    assert sum(records.values()) == 2 * records["total"]
