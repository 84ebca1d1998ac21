"""Which sheet of a workbook is read, and how its dialect and its contract decide on rows."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.inspection.conftest import Inspect, errors_of

CASES = Path(__file__).parent / "cases"
READING = CASES / "reading"
FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "name", "type": "string"},
    {"name": "amount", "type": "number"},
]
SCHEMA = {"fields": FIELDS}
NAMES = ["id", "name", "amount"]
ROWS: list[list[Any]] = [[1, "a", 1.5], [2, "b", 2.5]]


def save(path: Path, *sheets: list[list[Any]], hidden: tuple[int, ...] = ()) -> Path:
    """A workbook of sheets that are named `S1`, `S2`, …; an empty text is an empty cell."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"S{number}")
        for row, cells in enumerate(rows, start=1):
            for column, value in enumerate(cells, start=1):
                if value != "":
                    sheet.cell(row, column, value)
        if number in hidden:
            sheet.sheet_state = "hidden"
    book.save(path)
    return path


def found(inspection: Any) -> set[tuple[str, int, Any]]:
    return {
        (error["code"], error.get("rowNumber", 0), error.get("cell"))
        for error in errors_of(inspection)
    }


def warnings_of(inspection: Any) -> list[str]:
    listed: list[str] = inspection.report["tasks"][0]["warnings"]
    return listed


@pytest.mark.parametrize(
    ("file", "rows", "types"),
    [
        ("30-date1904-extlst.xlsx", 2, "integer date"),
        ("31-rich-phonetic-escape.xlsx", 6, "integer string"),
        ("36-iso-errors-formulas.xlsx", 3, "integer date integer string number number"),
        ("37-cell-newlines.xlsx", 3, "integer string"),
        ("39-text-numbers.xlsx", 3, "string any boolean number"),
        ("42-prefilled-formulas.xlsx", 3, "integer string string"),
        ("42b-prefilled-zero.xlsx", 8, "integer string integer"),
    ],
)
def test_workbooks_that_are_read_whole(inspect: Inspect, file: str, rows: int, types: str) -> None:
    inspection = inspect(READING / file)
    assert (inspection.verdict, inspection.row_count) == ("conforms", rows), inspection.detail
    assert inspection.schema is not None
    assert [field["type"] for field in inspection.schema["fields"]] == types.split()


def test_a_cell_in_the_far_corner(inspect: Inspect) -> None:
    inspection = inspect(READING / "40-far-corner.xlsx")
    assert [(e["code"], e["rowNumber"]) for e in errors_of(inspection)] == [
        ("extra-cell", 1_048_576)
    ]
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "n", "type": "integer"}]}
    judged = inspect(READING / "40-far-corner.xlsx", schema)
    counts = {each["type"]: each["count"] for each in judged.report["tasks"][0]["errorCounts"]}
    assert counts == {"blank-row": 1_048_573, "extra-cell": 1}
    skipped = inspect(READING / "40-far-corner.xlsx", schema, dialect={"skipBlankRows": True})
    (error,) = errors_of(skipped)
    assert (error["code"], error["rowNumber"], error["fieldNumber"], error["cell"]) == (
        "extra-cell", 1_048_576, 16_384, "9",
    )  # fmt: skip


def test_rows_are_numbered_as_in_the_sheet(inspect: Inspect) -> None:
    inspection = inspect(READING / "95-title-blank-row.xlsx")
    assert [(e["code"], e["rowNumber"]) for e in errors_of(inspection)] == [("blank-row", 6)]
    assert inspection.dialect == {"headerRows": [3]}
    assert inspection.profile["file"]["range"] == "A3:C7"


def test_the_sheet_with_the_names_is_read(inspect: Inspect, tmp_path: Path) -> None:
    cover = [["Report for May"], ["by us"]]
    wrong = [["id", "label", "sum"], ["x", "y", "z"]]
    book = save(tmp_path / "t.xlsx", cover, wrong, [NAMES, *ROWS], [NAMES, ["x"]], hidden=(2,))
    inspection = inspect(book, SCHEMA)
    assert (inspection.verdict, inspection.profile["file"]["sheet"]) == ("conforms", "S3")
    (warning,) = warnings_of(inspection)
    assert "sheets 'S1', 'S4' have cells too" in warning


def test_a_title_on_every_sheet_does_not_hide_the_names(inspect: Inspect, tmp_path: Path) -> None:
    book = save(tmp_path / "t.xlsx", [["About"]], [["Report"], NAMES, *ROWS])
    inspection = inspect(book, SCHEMA)
    assert inspection.profile["file"]["sheet"] == "S2"
    assert found(inspection) == {("missing-header", 0, None)}
    assert inspect(book, SCHEMA, dialect={"headerRows": [2]}).verdict == "conforms"


@pytest.mark.parametrize("mode", ["infer", "none", "given"])
def test_a_sheet_that_is_not_there(inspect: Inspect, tmp_path: Path, mode: str) -> None:
    book = save(tmp_path / "t.xlsx", [NAMES, *ROWS], [["x"]])
    schema = SCHEMA if mode == "given" else None
    for dialect in (
        {"sheetName": "Data"},
        {"sheetNumber": 3},
        {"sheetName": "S1", "sheetNumber": 2},
    ):
        inspection = inspect(book, schema, mode=mode, dialect=dialect)
        text = " ".join([inspection.detail, *warnings_of(inspection)])
        assert "its sheets are 'S1', 'S2'" in text
        assert inspection.verdict == ("conforms" if mode == "none" else "source-error")
        assert inspection.row_count is None


def test_a_stated_sheet_may_be_hidden(inspect: Inspect, tmp_path: Path) -> None:
    book = save(tmp_path / "t.xlsx", [["x"]], [NAMES, *ROWS], hidden=(2,))
    for dialect in ({"sheetName": "S2"}, {"sheetNumber": 2}):
        inspection = inspect(book, SCHEMA, dialect=dialect)
        assert (inspection.verdict, warnings_of(inspection)) == ("conforms", [])


def test_a_first_version_freezes_its_sheet(inspect: Inspect, tmp_path: Path) -> None:
    title = [["Report of May"], [], NAMES, *ROWS]
    book = save(tmp_path / "one.xlsx", [NAMES, *ROWS])
    assert inspect(book).dialect is None
    book = save(tmp_path / "t.xlsx", title, [NAMES, ["x", "y", "z"]])
    first = inspect(book)
    assert (first.verdict, first.row_count) == ("conforms", 2)
    assert first.dialect == {"sheetName": "S1", "headerRows": [3]}
    assert any("'S2' has cells too" in warning for warning in warnings_of(first))
    again = inspect(book, first.schema, dialect=first.dialect)
    assert (again.verdict, again.row_count) == ("conforms", 2)
    stated = inspect(book, dialect={"sheetName": "S2"})
    assert (stated.profile["file"]["sheet"], stated.dialect) == ("S2", None)


TABLE = [NAMES, *ROWS]
NOTE = ["Source: us"]
BESIDE = [[*NAMES, ""], [1, "a", 1.5, ""], [2, "b", 2.5, "note"]]


@pytest.mark.parametrize(
    ("rows", "dialect", "expected"),
    [
        ([*TABLE, ["Total", "", 4]], {}, {("type-error", 4, "Total")}),
        ([*TABLE, ["Total", "", 4]], {"entrepot:footer": "Total.*"}, set()),
        ([*TABLE, [], NOTE], {}, {("blank-row", 4, None), ("type-error", 5, "Source: us")}),
        ([*TABLE, [], NOTE], {"entrepot:footer": "Source.*", "skipBlankRows": True}, set()),
        ([*TABLE, NAMES, [3, "c", 1]], {}, {("type-error", 4, "id"), ("type-error", 4, "amount")}),
        ([*TABLE, NAMES, [3, "c", 1]], {"commentRows": [4]}, set()),
        ([NAMES, ["# a remark"], *ROWS], {}, {("type-error", 2, "# a remark")}),
        ([NAMES, ["# a remark"], *ROWS], {"commentChar": "#"}, set()),
        ([["# a remark"], NAMES, *ROWS], {"commentChar": "#"}, set()),
        ([["x"], ["y"], NAMES, *ROWS], {"headerRows": [3]}, set()),
        ([["id", "name", ""], ["", "", "amount"], *ROWS], {"headerRows": [1, 2]}, set()),
        (ROWS, {"header": False}, set()),
        ([["", "", *row] for row in ROWS], {"header": False}, set()),
        (BESIDE, {}, {("extra-cell", 3, "note")}),
        ([["", *row] for row in TABLE], {}, set()),
        ([["", *NAMES], [5, 1, "a", 2], ["", *ROWS[1]]], {}, {("extra-cell", 2, "5")}),
        ([NAMES, [], *ROWS], {}, {("blank-row", 2, None)}),
        ([NAMES, [], *ROWS], {"skipBlankRows": True}, set()),
        ([], {}, None),
    ],
)  # fmt: skip
def test_a_contract_judges_every_row(
    inspect: Inspect, tmp_path: Path, rows: Any, dialect: Any, expected: Any
) -> None:
    inspection = inspect(save(tmp_path / "t.xlsx", rows), SCHEMA, dialect=dialect)
    if expected is None:
        assert inspection.verdict == "not-tabular"
        return
    assert found(inspection) == expected, inspection.detail
    counted = inspection.profile["file"]["records"]
    assert sum(counted.values()) == 2 * counted["total"] == 2 * len(rows)


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        ([*TABLE, [], ["Total of all"]], '"entrepot:footer": "Total of all"'),
        ([NAMES, ["# so it is"], *ROWS], '"commentChar": "#"'),
        ([*TABLE, NAMES, [3, "c", 1.0]], '"commentRows": [4]'),
        ([NAMES, [], *ROWS], '"skipBlankRows": true'),
    ],
)
def test_a_first_version_names_the_dialect_that_would_allow_it(
    inspect: Inspect, tmp_path: Path, rows: Any, advice: str
) -> None:
    inspection = inspect(save(tmp_path / "t.xlsx", rows))
    assert inspection.verdict == "violates"
    assert advice in inspection.detail


def test_years_as_numbers_are_labels(inspect: Inspect) -> None:
    inspection = inspect(CASES / "contract" / "xlsx_year_headers.xlsx")
    assert inspection.verdict == "conforms"
    assert inspection.schema is not None
    assert [field["name"] for field in inspection.schema["fields"]] == ["country", "2019", "2020"]


def test_a_cell_to_the_left_of_the_table(inspect: Inspect, tmp_path: Path) -> None:
    """It is in none of the table's columns, and the report does not say that it is behind them."""
    rows = [["", *NAMES], [5, *ROWS[0]], ["", *ROWS[1], 6]]
    inspection = inspect(save(tmp_path / "t.xlsx", rows), SCHEMA)
    left, right = errors_of(inspection)
    assert (left["rowNumber"], left["fieldNumber"], left["cell"]) == (2, 0, "5")
    assert left["message"].startswith("Row 2: `5` is to the left of the first column.")
    assert (right["rowNumber"], right["fieldNumber"], right["cell"]) == (3, 4, "6")
    assert "beyond the last column" in right["message"]
