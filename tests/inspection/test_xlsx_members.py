"""What workbooks hold in ways that few programs write: further members of the kinds of the cases
31, 34, 36, 37, 39, 40, 42 and 95."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, opened_context, read_table
from tests.inspection.test_xlsx import MAIN, PACKAGE, RELATED, raw_sheet
from tests.inspection.test_xlsx_sheets import save

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "n", "type": "integer"}]}
LABELS = '<row><c t="str"><v>id</v></c><c t="str"><v>n</v></c></row>'
ROW = "<row><c><v>1</v></c><c><v>2</v></c></row>"


def book(path: Path, rows: str, **parts: str) -> Path:
    """A workbook whose one sheet has these rows; `parts` are the shared strings and the styles."""
    related = "".join(
        f'<Relationship Id="{name}" Type="{RELATED}/{name}" Target="{name}.xml"/>' for name in parts
    )
    files = {
        "workbook": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" '
        f'Type="{RELATED}/worksheet" Target="sheet.xml"/>{related}</Relationships>',
        "sheet": raw_sheet(rows),
        **parts,
    }
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(f"xl/{name}" if "." in name else f"xl/{name}.xml", content)
    return path


def second_cell(path: Path, cell: str, **parts: str) -> Any:
    """How the cell is read that stands in row 2, beside a 1."""
    table = book(path / "t.xlsx", f"{LABELS}<row><c><v>1</v></c>{cell}</row>", **parts)
    with opened_context(path / "scratch") as context:
        read = read_table(table, context)
        query = f"SELECT {read.columns[1].text} FROM {read.relation}"
        (row,) = context.engine.execute(query).fetchall()
    return row[0]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ('<r><t xml:space="preserve">a </t></r><r><rPr><b/></rPr><t>b</t></r>', "a b"),
        ("<r><t>a</t></r><r><t/></r><r><t>c</t></r>", "ac"),
        ('<rPh sb="0" eb="1"><t>x</t></rPh><t>課</t>', "課"),
        ('<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>', "東京"),
        ("<t>a_x0009_b_x000a_c</t>", "a\tb\nc"),
        ("<t>a_x005F_x0009_b</t>", "a_x0009_b"),
        ("<t>a_x0A_b</t>", "a_x0A_b"),
        ("<t>_xD83D__xDE00_</t>", "\U0001f600"),
        ("<t>_xDE00__xD83D_</t>", "_xDE00__xD83D_"),
        ("<r><t>a_x00</t></r><r><t>0A_b</t></r>", "a_x000A_b"),
        ('<t>a</t><ext><z:t xmlns:z="urn:z">z</z:t></ext>', "a"),
        ("<t>&lt;b&gt; &amp;amp; <![CDATA[<c>]]></t>", "<b> &amp; <c>"),
        ("<t>a&#13;&#10;b\nc</t>", "a\r\nb\nc"),
        ('<t xml:space="preserve">a\n</t>', "a\n"),
    ],
)
def test_a_text(tmp_path: Path, item: str, text: str) -> None:
    shared = f'<sst xmlns="{MAIN}"><si>{item}</si></sst>'
    assert second_cell(tmp_path, '<c t="s"><v>0</v></c>', sharedStrings=shared) == text
    assert second_cell(tmp_path, f'<c t="inlineStr"><is>{item}</is></c>') == text


@pytest.mark.parametrize("code", [0, 1, 8, 11, 12, 14, 31, 127])
def test_an_escaped_control_character_is_one(inspect: Inspect, tmp_path: Path, code: int) -> None:
    """It stayed as it is written, so that a text was published which no cell has."""
    cell = f'<c t="inlineStr"><is><t>a_x{code:04X}_b</t></is></c>'
    assert second_cell(tmp_path, cell) == f"a{chr(code)}b"
    path = book(tmp_path / "u.xlsx", f"{LABELS}<row><c><v>1</v></c>{cell}</row>")
    schema = {"fields": [SCHEMA["fields"][0], {"name": "n", "type": "string"}]}
    (error,) = errors_of(inspect(path, schema))
    assert "has a control character" in error["message"]


@pytest.mark.parametrize(
    ("serial", "code", "moment"),
    [
        ("41722.99999999999", "yyyy-mm-dd hh:mm:ss", "2014-03-25T00:00:00"),
        ("41722.9999999", "yyyy-mm-dd hh:mm:ss", "2014-03-24T23:59:59.991"),
        ("43831.41666666666", "yyyy-mm-dd hh:mm", "2020-01-01T10:00:00"),
        ("43830.99999999999", "yyyy-mm-dd", "2020-01-01"),
        ("0.30000000000000004", "hh:mm:ss", "07:12:00"),
        ("0.333333333333333", "hh:mm:ss", "08:00:00"),
        ("59", "yyyy-mm-dd", "1900-02-28"),
        ("61", "yyyy-mm-dd", "1900-03-01"),
        ("2958465.999999", "yyyy-mm-dd hh:mm:ss", "9999-12-31T23:59:59.914"),
        ("2958465.9999999999", "yyyy-mm-dd hh:mm:ss", "2958466"),
        ("0.041666666666666", "[mm]:ss", "PT1H"),
    ],
)
def test_a_moment(tmp_path: Path, serial: str, code: str, moment: str) -> None:
    styles = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="200" formatCode="{code}"/>'
        '</numFmts><cellXfs><xf numFmtId="200"/></cellXfs></styleSheet>'
    )
    assert second_cell(tmp_path, f'<c s="0"><v>{serial}</v></c>', styles=styles) == moment


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c t="d"><v>2024-02-29</v></c>', "2024-02-29"),
        ('<c t="d"><v>2024-02-29T10:00:00.250</v></c>', "2024-02-29T10:00:00.250"),
        ('<c t="d"><v>10:30:00</v></c>', "10:30:00"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c t="str"><f>A1</f><v>ab</v></c>', "ab"),
        ('<c t="b"><f>A1</f><v>1</v></c>', "true"),
        ('<c><f t="shared" si="0"/><v>7</v></c>', "7"),
        ('<c><f t="array" ref="B2">SUM(1)</f><v>1.5</v></c>', "1.5"),
    ],
)
def test_a_value(tmp_path: Path, cell: str, text: str) -> None:
    assert second_cell(tmp_path, cell) == text


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["01067", "10115"], "string"),
        (["1", "2"], "string"),
        ([True, False], "boolean"),
        ([1, 2.5], "number"),
        (["+4930", "+4940"], "string"),
        (["a", 5], "any"),
        (["12345678901234567890", "2"], "string"),
    ],
)
def test_the_type_of_a_column(
    inspect: Inspect, tmp_path: Path, values: list[Any], kind: str
) -> None:
    inspection = inspect(save(tmp_path / "t.xlsx", [["k", "v"], *[[v, "x y"] for v in values]]))
    assert inspection.verdict == "conforms"
    assert inspection.schema is not None
    types = [field["type"] for field in inspection.schema["fields"]]
    assert types[0] == kind


EMPTY_TEXTS = '<row><c t="str"><f>""</f><v></v></c><c t="str"><f>""</f><v/></c></row>'


@pytest.mark.parametrize(
    ("below", "outcome"),
    [
        (EMPTY_TEXTS * 40, [1]),
        ('<row><c s="0"/></row>' + ROW, [3, ("blank-row", 3)]),
        ('<row><c t="inlineStr"><is><t/></is></c></row>', [1]),
        ("<row><c><f>0</f><v>0</v></c><c><v>0</v></c></row>", [2]),
        (
            "<row><c><f>X()</f></c><c><f>X()</f></c></row>",
            [2, ("type-error", 3), ("type-error", 3)],
        ),
        ('<row r="1048576"><c r="XFD1048576" s="0"/></row>', [1]),
        ('<row r="3"><c r="XFD3"><v>9</v></c></row>', [2, ("extra-cell", 3)]),
    ],
)
def test_what_is_below_the_table(
    inspect: Inspect, tmp_path: Path, below: str, outcome: list[Any]
) -> None:
    inspection = inspect(book(tmp_path / "t.xlsx", LABELS + ROW + below), SCHEMA)
    errors = [(error["code"], error["rowNumber"]) for error in errors_of(inspection)]
    assert [inspection.row_count, *errors] == outcome


FAR_LABEL = LABELS.replace("</row>", '<c r="XFD1" t="str"><v>x</v></c></row>')
OTHER_ROW = '<row r="2"><c r="A9"><v>1</v></c><c r="B9"><v>2</v></c></row>'


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (FAR_LABEL + 2 * ROW, "more than 10,000 columns"),
        (LABELS + OTHER_ROW, "row 2 has a cell with the reference 'A9'"),
        (LABELS + OTHER_ROW.replace("9", "12"), "row 2 has a cell with the reference 'A12'"),
    ],
)
def test_cells_that_are_not_where_they_seem(
    inspect: Inspect, tmp_path: Path, rows: str, reason: str
) -> None:
    """A label so far to the right was in no column, and a cell in another row than its own."""
    for schema in (SCHEMA, None):
        assert reason in inspect(book(tmp_path / "t.xlsx", rows), schema).detail


@pytest.mark.parametrize("row", [1_048_577, 2_000_000])
def test_a_row_beyond_the_grid(inspect: Inspect, tmp_path: Path, row: int) -> None:
    beyond = f'<row r="{row}"><c r="A{row}"><v>3</v></c></row>'
    assert inspect(book(tmp_path / "t.xlsx", LABELS + ROW + beyond), SCHEMA).verdict != "conforms"


@pytest.mark.parametrize(
    ("above", "margin", "area"),
    [
        ([["T"], [], []], 0, "A4:B6"),
        ([[], [], ["T"], []], 0, "A5:B7"),
        ([["", "T"], []], 1, "B3:C5"),
        ([[], []], 0, "A3:B5"),
        ([["T"]], 0, "A2:B4"),
        ([["T"], ["of May"], []], 2, "C4:D6"),
    ],
)
def test_what_is_above_the_table(
    inspect: Inspect, tmp_path: Path, above: list[list[Any]], margin: int, area: str
) -> None:
    rows = [["id", "n"], [1, 2], [3, 4]]
    path = save(tmp_path / "t.xlsx", [*above, *[[""] * margin + row for row in rows], [], [""]])
    inspection = inspect(path)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 2), inspection.detail
    assert inspection.dialect == {"headerRows": [len(above) + 1]}
    assert inspection.profile["file"]["range"] == area
