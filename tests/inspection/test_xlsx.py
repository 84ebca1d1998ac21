"""Excel workbooks: what openpyxl, xlsxwriter, pandas and polars write comes back cell for cell."""

# ruff: noqa: DTZ001 (moments without a zone are meant)

import datetime as dt
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas
import polars
import pytest
import python_calamine
import xlsxwriter
from tests.inspection.conftest import Inspect, errors_of, opened_context, read_table
from tests.support.flights import read_flights_table

from entrepot.inspection.context import Detected, TableRequest
from entrepot.inspection.detect.formats import FORMATS
from entrepot.inspection.formats.xlsx import XlsxTable
from entrepot.inspection.formats.xlsx_dates import kind_of_format, moment
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.table import NotTabular, SourceBroken, Table, TooLarge
from entrepot.schemas.table_dialect import TableDialect

Rows = list[list[Any]]
XLSX = Detected("xlsx", FORMATS["xlsx"].media_type)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., tuple[Table, list[tuple[Any, ...]]]]]:
    """read(path, …) gives the table and its rows, each with its number first."""
    with opened_context(tmp_path / "scratch") as context:

        def run(
            path: Path,
            limits: Limits | None = None,
            names: list[str] | None = None,
            **dialect: Any,
        ) -> Any:
            bounded = replace(context, limits=limits or Limits())
            request = TableRequest(path, names, TableDialect(**dialect) if dialect else None)
            table = XlsxTable(request, XLSX, bounded).read()
            listed = ", ".join(column.text for column in table.columns)
            query = f"SELECT _row, {listed} FROM {table.numbered} ORDER BY _row"
            return table, context.engine.execute(query).fetchall()

        yield run


def saved(path: Path, rows: Rows, **formats: str) -> Path:
    """By openpyxl; `formats` are number formats of cells, `B2="0%"`."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, form in formats.items():
        sheet[cell].number_format = form
    book.save(path)
    return path


def raw_book(path: Path, sheet: str, **parts: str) -> Path:
    """A workbook by hand: `sheet` is the XML of its only worksheet."""
    files = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" '
        f'Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    } | {f"xl/{name}.xml": content for name, content in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return path


def raw_sheet(cells: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'


def test_kinds_and_texts(read: Any, tmp_path: Path) -> None:
    rows: Rows = [
        ["whole", "real", "text", "yes", "day", "moment", "clock", "share"],
        [1, 0.1, "007", True, dt.date(2020, 2, 29), dt.datetime(2020, 1, 1, 12, 30), dt.time(1, 2),
         0.125],
        [-20000000, 1e-7, "ä\n'\"b", False, dt.date(1900, 1, 1), dt.datetime(9999, 12, 31), None,
         1],
        [None, 2, None, None, None, dt.datetime(2020, 1, 1, 0, 0, 0, 500000), dt.time(23, 59, 59),
         0.5],
    ]  # fmt: skip
    table, detected = read(saved(tmp_path / "t", rows, H2="0.0%", H3="0%"))
    assert [(column.label, column.kind) for column in table.columns] == [
        ("whole", "integer"), ("real", "number"), ("text", "text"), ("yes", "boolean"),
        ("day", "date"), ("moment", "datetime"), ("clock", "time"), ("share", "number"),
    ]  # fmt: skip
    assert detected == [
        (2, "1", "0.1", "007", "true", "2020-02-29", "2020-01-01T12:30:00", "01:02:00", "0.125"),
        (3, "-20000000", "1e-07", "ä\n'\"b", "false", "1900-01-01", "9999-12-31T00:00:00", None,
         "1"),
        (4, None, "2", None, None, None, "2020-01-01T00:00:00.5", "23:59:59", "0.5"),
    ]  # fmt: skip


def test_a_title_a_margin_and_a_footnote(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "t"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["C2"] = "Sales of the year"
    sheet.merge_cells("C2:E2")
    sheet["C3"] = "in thousands"
    rows: Rows = [["id", "name", "day"], [1, "x", dt.date(2020, 1, 1)], [2, "y", None], []]
    for row, cells in enumerate([*rows, [3, None, dt.date(2020, 1, 3)]], 5):
        for column, value in enumerate(cells, 3):
            sheet.cell(row, column, value)
    sheet["C12"] = "Source: the shop"
    sheet["A1"].fill = openpyxl.styles.PatternFill("solid", fgColor="FF0000")
    sheet["Z900"].number_format = "0.00"
    book.create_sheet("Second").append([1])
    hidden = book.create_sheet("Third")
    hidden.sheet_state = "hidden"
    book.save(path)
    inspection = inspect(path)
    assert inspection.row_count == 4
    assert {(e["type"], e["rowNumber"]) for e in errors_of(inspection)} == {
        ("blank-row", 8), ("source-error", 12),
    }  # fmt: skip
    assert '"entrepot:footer": "Source:.*" and "skipBlankRows": true' in inspection.detail
    described = inspection.profile["file"]
    assert described["range"] == "C5:E9"
    assert described["headerRows"] == [5]
    assert (described["firstRow"], described["lastRow"]) == (6, 9)
    assert described["preamble"] == [
        {"row": 2, "text": "Sales of the year"},
        {"row": 3, "text": "in thousands"},
    ]
    assert described["footnotes"] == [{"row": 12, "text": "Source: the shop"}]
    assert described["otherSheets"] == [
        {"name": "Second", "number": 2, "hidden": False},
        {"name": "Third", "number": 3, "hidden": True},
    ]
    assert inspection.schema is not None
    assert [field["type"] for field in inspection.schema["fields"]] == ["integer", "string", "date"]


def test_sheets(read: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Secret"
    first.append(["no"])
    first.sheet_state = "hidden"
    book.create_sheet("Empty")
    for name in ("Wanted", "Also"):
        book.create_sheet(name).append([f"{name} a", f"{name} b"])
    book.create_chartsheet("Chart")
    book.active = 2
    path = tmp_path / "t"
    book.save(path)
    assert read(path)[0].labels == ("Wanted a", "Wanted b")
    assert read(path, sheet_name="Also")[0].labels == ("Also a", "Also b")
    assert read(path, sheet_number=4)[0].description["sheet"] == "Also"
    assert read(path, sheet_name="Secret")[0].description["sheetNumber"] == 1
    with pytest.raises(SourceBroken, match="does not have; its sheets are 'Secret', 'Empty', "):
        read(path, sheet_name="None")
    with pytest.raises(NotTabular, match="empty"):
        read(saved(tmp_path / "empty", []))


def test_headers(read: Any, tmp_path: Path) -> None:
    bare, rows = read(saved(tmp_path / "bare", [[1, "x"], [2, "y"]]))
    assert (bare.header, bare.labels, bare.first_row) == (False, ("column_1", "column_2"), 1)
    assert rows == [(1, "1", "x"), (2, "2", "y")]
    under, _ = read(saved(tmp_path / "bare", [["3", "x"], [2, "y"]]), names=["a", "b"])
    assert (under.header, under.labels) == (True, ("3", "x"))
    alone, rows = read(saved(tmp_path / "alone", [["a", "b"]]))
    assert (alone.header, rows) == (True, [])
    odd: Rows = [["big", "title", "here"], ["b", "a"], [1, 2], [3, 4]]
    named, rows = read(saved(tmp_path / "odd", odd), names=["b", "a"])
    assert (named.labels, rows) == (("b", "a"), [(3, "1", "2"), (4, "3", "4")])
    frame = pandas.DataFrame({"x": [1, 2]}, index=["r", "s"])
    frame.to_excel(tmp_path / "index.xlsx")
    indexed, rows = read(tmp_path / "index.xlsx")
    assert (indexed.labels, rows) == (("", "x"), [(2, "r", "1"), (3, "s", "2")])


def test_cells_beyond_the_header(inspect: Inspect, tmp_path: Path) -> None:
    path = saved(tmp_path / "t", [["a", "b"], [1, 2], [3, 4, "note"], [5]])
    inspection = inspect(path)
    assert [(e["type"], e["rowNumber"], e.get("cell")) for e in errors_of(inspection)] == [
        ("extra-cell", 3, "note")
    ]


def test_mixed_columns(inspect: Inspect, tmp_path: Path) -> None:
    day, moment = dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 8)
    rows: Rows = [
        ["when", "amount", "odd", "code", "broken"],
        [day, 1, 1, "001", 1.5],
        [moment, "n/a", "x", "002", "#DIV/0!"],
        [None, 2.5, True, "3", 2],
    ]
    path = saved(tmp_path / "t", rows)
    inspection = inspect(path)
    assert inspection.schema is not None
    fields = {field["name"]: field for field in inspection.schema["fields"]}
    assert {name: field["type"] for name, field in fields.items()} == {
        "when": "datetime", "amount": "number", "odd": "any", "code": "string", "broken": "any"
    }  # fmt: skip
    assert {"", "n/a", "#N/A"} <= set(fields["amount"]["missingValues"])
    assert inspect(path, inspection.schema).verdict == "conforms"
    strict = [dict(field) for field in inspection.schema["fields"]]
    strict[4]["type"] = "number"
    (error,) = errors_of(inspect(path, {"fields": strict}))
    assert (error["rowNumber"], error["fieldName"], error["cell"]) == (3, "broken", "#DIV/0!")


@pytest.mark.parametrize("from_1904", [False, True])
def test_date_systems(read: Any, tmp_path: Path, from_1904: bool) -> None:
    path = tmp_path / "t"
    days = [dt.date(1904, 1, 2), dt.date(1999, 12, 31), dt.date(2024, 2, 29)]
    with xlsxwriter.Workbook(path, {"date_1904": from_1904}) as book:
        sheet = book.add_worksheet()
        form = book.add_format({"num_format": "d. mmmm yyyy"})
        sheet.write(0, 0, "day")
        for row, day in enumerate(days, 1):
            sheet.write_datetime(row, 0, dt.datetime.combine(day, dt.time()), form)
    table, rows = read(path)
    assert table.columns[0].kind == "date"
    assert [row[1] for row in rows] == [day.isoformat() for day in days]
    assert table.description["dateSystem"] == (1904 if from_1904 else 1900)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("yyyy-mm-dd", "date"), ("d/m/yy", "date"), ("mmm", "date"), ("[$-407]d. mmmm yyyy;@",
        "date"), ("h:mm AM/PM", "time"), ("mm:ss.0", "time"), ("[h]:mm:ss", "duration"),
        ("[mm]:ss", "duration"), ("yyyy\\-mm\\-dd\\ hh:mm", "datetime"), ("General", None),
        ("0.00", None), ('0" days"', None), ("#,##0.00 [$€-407]", None), ("0.0%", None),
        ("[Red]0;[Blue]-0", None), ('"year "0', None), ("0.00E+00", None), ("@", None),
        ("# ?/?", None), ('_-* #,##0.00\\ "dm"_-', None), ("", None),
    ],
)  # fmt: skip
def test_formats(code: str, kind: str | None) -> None:
    assert kind_of_format(164, code) == kind


@pytest.mark.parametrize(
    ("serial", "kind", "text"),
    [
        (1, "date", "1900-01-01"), (59, "date", "1900-02-28"), (60, "date", None),
        (61, "date", "1900-03-01"), (43831.5, "date", "2020-01-01T12:00:00"),
        (43831, "datetime", "2020-01-01T00:00:00"), (0.5, "time", "12:00:00"),
        (0.999999999, "time", "2020"), (1.5, "time", "1900-01-01T12:00:00"), (-1, "date", None),
        (3e6, "date", None), (0, "date", None), (0, "datetime", None), (0, "time", "00:00:00"),
        (1.5, "duration", "PT36H"), (0, "duration", "PT0S"),
        (-0.5, "duration", "-PT12H"), (1 / 86400, "time", "00:00:01"),
        (43831.0000115741, "datetime", "2020-01-01T00:00:01"),
    ],
)  # fmt: skip
def test_moments(serial: float, kind: Any, text: str | None) -> None:
    value = moment(serial, kind, from_1904=False)
    if text == "2020":  # a clock that rounds up to a whole day is the next day's midnight
        assert value == ("1900-01-01T00:00:00", "datetime")
    else:
        assert (value[0] if value else None) == text


def test_other_ways_to_write_it(read: Any, tmp_path: Path) -> None:
    strings = (
        f'<x:sst xmlns:x="{MAIN}"><x:si><x:t>a</x:t></x:si><x:si><x:r><x:t>b</x:t></x:r><x:r>'
        "<x:t xml:space='preserve'> c</x:t></x:r><x:rPh><x:t>no</x:t></x:rPh></x:si></x:sst>"
    )
    relations = (
        f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELATED}/worksheet" '
        f'Target="/XL/worksheets/sheet1.xml"/><Relationship Id="r2" Type="{RELATED}/sharedStrings" '
        'Target="sharedstrings.xml"/></Relationships>'
    )
    sheet = (
        f'<?xml version="1.0"?><x:worksheet xmlns:x="{MAIN}"><x:sheetData>\n'
        '<x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row>\n'
        '<x:row><x:c t="inlineStr"><x:is><x:r><x:t>x_x000D_</x:t></x:r><x:r><x:t>&lt;y</x:t></x:r>'
        "</x:is></x:c><x:c><x:f>1+1</x:f><x:v>2.0</x:v></x:c></x:row>\n"
        '<x:row r="9"><x:c r="B9" t="str"><x:v><![CDATA[<z>]]></x:v></x:c><x:c r="A9" t="d">'
        "<x:v>2020-01-01</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    path = tmp_path / "t"
    raw_book(path, sheet)
    with zipfile.ZipFile(path) as package:
        files = {name: package.read(name) for name in package.namelist()}
    files["xl/_rels/workbook.xml.rels"] = relations.encode()
    files["xl/sharedStrings.xml"] = strings.encode()
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    table, rows = read(path)
    assert table.labels == ("a", "b c")
    assert [row for row in rows if row[1]] == [(2, "x\r<y", "2"), (9, "2020-01-01", "<z>")]
    assert len(rows) == 8


def test_against_calamine(read: Any, tmp_path: Path) -> None:
    """An independent reader, over random sheets of every kind of value."""
    chance = random.Random(4)
    makers: list[Callable[[], Any]] = [
        lambda: chance.randint(-(10**9), 10**9),
        lambda: chance.uniform(-1e6, 1e6),
        lambda: f"t{chance.randint(0, 99)} <&>\"' ü",
        lambda: chance.random() < 0.5,
        lambda: dt.date(1950, 1, 1) + dt.timedelta(chance.randint(0, 40_000)),
        lambda: dt.datetime(1950, 1, 1) + dt.timedelta(seconds=chance.randint(1, 3 * 10**9)),
    ]
    for n in range(20):
        width, height = chance.randint(2, 12), chance.randint(3, 60)
        columns = [chance.choice(makers) for _ in range(width)]
        rows: Rows = [[f"c{k}" for k in range(width)]]
        rows += [
            [make() if chance.random() < 0.9 else None for make in columns] for _ in range(height)
        ]
        rows += [[make() for make in columns]]
        path = saved(tmp_path / f"t{n}.xlsx", rows)
        table, detected = read(path)
        sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        theirs = sheet.to_python(skip_empty_area=False)
        assert list(table.labels) == theirs[0]
        assert len(detected) == len(theirs) - 1
        for (_, *ours), expected in zip(detected, theirs[1:], strict=True):
            for column, text, value in zip(table.columns, ours, expected, strict=True):
                assert text == spelled(value, column.kind), (path, column, value)


def spelled(value: Any, kind: str | None) -> str | None:
    """A value of Python in our words."""
    match value:
        case "":
            return None
        case bool():
            return str(value).lower()
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case dt.datetime():
            return value.isoformat()
        case dt.date():
            midnight = kind == "datetime"
            return f"{value.isoformat()}T00:00:00" if midnight else value.isoformat()
    return str(value)


def test_real_tables(inspect: Inspect, tmp_path: Path) -> None:
    for name in ("airlines", "weather"):
        frame = read_flights_table(name).head(2_000)
        text = tmp_path / f"{name}.csv"
        frame.to_csv(text, index=False)
        polars.from_pandas(frame).write_excel(tmp_path / "polars.xlsx")
        frame.to_excel(tmp_path / "pandas.xlsx", index=False)
        expected = inspect(text)
        assert expected.schema is not None
        for book in ("polars.xlsx", "pandas.xlsx"):
            inspection = inspect(tmp_path / book)
            assert inspection.verdict == "conforms", inspection.detail
            assert inspection.row_count == len(frame)
            assert inspection.schema is not None
            ours = {f["name"]: f["type"] for f in inspection.schema["fields"]}
            theirs = {f["name"]: f["type"] for f in expected.schema["fields"]}
            for field, kind in theirs.items():
                assert ours[field] == kind or (kind, ours[field]) == ("number", "integer"), field


def test_two_cells_in_the_corners(read: Any, tmp_path: Path) -> None:
    corners = raw_sheet(
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    )
    table, rows = read(raw_book(tmp_path / "t", corners))
    assert (len(table.columns), rows[0], len(rows)) == (1, (1, "1"), 1_048_576)
    wide = "".join(f"<c><v>{n}</v></c>" for n in range(16_384))
    with pytest.raises(TooLarge, match="more than 10,000 columns"):
        read(raw_book(tmp_path / "t", raw_sheet(f"<row>{wide}</row>" * 3)))
    tall = raw_sheet('<row r="1"><c r="A1"><v>1</v></c></row>'
                     '<row r="1048576"><c r="C1048576"><v>2</v></c></row>')  # fmt: skip
    with pytest.raises(TooLarge, match="1,000,000 cells"):
        read(raw_book(tmp_path / "t", tall), Limits(cells=1_000_000))
    declared = tall.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    table, rows = read(raw_book(tmp_path / "t", declared.replace('1048576">', '2">')))
    assert (len(table.columns), len(rows)) == (3, 2)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ('<row r="2"/><row r="1"/>', "row 1 of the sheet follows row 2"),
        ('<row r="1048577"/>', "row 1,048,577"),
        ('<row><c r="XFE1"><v>1</v></c></row>', "the reference 'XFE1'"),
        ('<row><c r="Ä1"><v>1</v></c></row>', "the reference 'Ä1'"),
        ('<row><c t="s"><v>0</v></c></row>', "shared text 0"),
        ('<row><c t="s"><v>-1</v></c></row>', "shared text -1"),
        ('<row><c t="s"><v>x</v></c></row>', "shared text 'x'"),
        ("<row>", "malformed XML"),
        ("&undefined;", "malformed XML"),
    ],
)
def test_malformed_sheets(read: Any, tmp_path: Path, cells: str, reason: str) -> None:
    with pytest.raises(SourceBroken, match=reason):
        read(raw_book(tmp_path / "t", raw_sheet(cells)))


@pytest.mark.parametrize(
    "entities",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY b SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;',
        "",
    ],
)
@pytest.mark.parametrize("part", ["workbook", "worksheets/sheet1", "sharedStrings", "styles"])
def test_entities(inspect: Inspect, tmp_path: Path, entities: str, part: str) -> None:
    with xlsxwriter.Workbook(tmp_path / "t") as book:
        book.add_worksheet().write_row(0, 0, ["a", "b"])
    with zipfile.ZipFile(tmp_path / "t") as package:
        files = {name: package.read(name) for name in package.namelist()}
    name = f"xl/{part}.xml"
    text = files[name].decode()
    root = text.index("<", 1 if text.startswith("<?xml") else 0)
    files[name] = f"{text[:root]}<!DOCTYPE x [{entities}]>{text[root:]}".encode()
    with zipfile.ZipFile(tmp_path / "evil", "w") as package:
        for each, content in files.items():
            package.writestr(each, content)
    inspection = inspect(tmp_path / "evil")
    assert (inspection.verdict, "document type" in inspection.detail) == ("source-error", True), (
        inspection.detail
    )


def test_bombs(inspect: Inspect, tmp_path: Path) -> None:
    tight = Limits(unpacked=8 * MIB)
    row = '<row><c t="inlineStr"><is><t>' + "x" * 1_000 + "</t></is></c></row>"
    big = raw_book(tmp_path / "big", raw_sheet(row * 10_000))
    inspection = inspect(big, limits=tight)
    assert inspection.verdict == "resource-limit"
    assert f"{big.stat().st_size:,} bytes that unpacks to" in inspection.detail
    grown = inspect(big, limits=Limits(free_expansion=4 * MIB, expansion=50))
    assert grown.verdict == "resource-limit"
    assert inspect(big).verdict in ("conforms", "violates")
    long = raw_sheet('<row><c t="str"><v>' + "x" * (2 * MIB) + "</v></c></row>")
    cell = inspect(raw_book(tmp_path / "long", long), limits=Limits(line=MIB))
    assert (cell.verdict, "1,048,576 characters" in cell.detail) == ("resource-limit", True)
    with zipfile.ZipFile(tmp_path / "many", "w") as package:
        for n in range(10_001):
            package.writestr(f"xl/{n}", b"")
        package.writestr("xl/workbook.xml", "<workbook/>")
    many = inspect(tmp_path / "many")
    assert (many.verdict, "10,002 parts" in many.detail) == ("resource-limit", True)


def test_a_size_that_lies(inspect: Inspect, tmp_path: Path) -> None:
    """A part that unpacks to more than it declares is read no further."""
    path = raw_book(tmp_path / "t", raw_sheet("<row><c><v>1</v></c></row>" * 1_000))
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as package:
        size = package.getinfo("xl/worksheets/sheet1.xml").file_size
    real, small = size.to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert raw.count(real) == 2
    inspection = inspect(bytes(raw.replace(real, small)), name="lies.xlsx")
    assert inspection.verdict == "source-error", inspection.detail


def test_damaged_packages(inspect: Inspect, tmp_path: Path) -> None:
    raw = saved(tmp_path / "t", [["a", "b"], [1, 2]]).read_bytes()
    for cut in (10, len(raw) // 2, len(raw) - 1):
        assert inspect(raw[:cut], name="t.xlsx").verdict == "not-tabular"
    flipped = bytearray(raw)
    at = raw.index(b"xl/worksheets/sheet1.xml") + 60
    flipped[at : at + 20] = b"\xff" * 20
    assert inspect(bytes(flipped), name="t.xlsx").verdict == "source-error"
    bare = tmp_path / "bare"
    with zipfile.ZipFile(bare, "w") as package:
        package.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}"/>')
    assert inspect(bare).verdict == "not-tabular"


def test_shared_texts_stay_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "t"
    with xlsxwriter.Workbook(path, {"tmpdir": str(tmp_path)}) as book:
        sheet = book.add_worksheet()
        for n in range(2_000):
            sheet.write(n, 0, f"{n:06}" * 5_000)
    with opened_context(tmp_path / "scratch") as context:
        tracemalloc.start()
        table = read_table(path, context)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert table.columns[0].kind == "text"
    assert (tmp_path / "scratch" / "strings").stat().st_size == 60_000_000
    assert peak < 25 * MIB


def test_a_formula_without_a_value_is_a_text(inspect: Inspect, tmp_path: Path) -> None:
    """As a program leaves it that does not work formulas out: it is not read as a missing value,
    and no column of numbers becomes one of `any` for it."""
    sheet = raw_sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>n</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>t</t></is></c></row>'
        '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>""</f><v></v></c></row>'
        '<row r="3"><c r="A3"><f>A2*2</f></c><c r="B3" t="str"><f>A2</f><v>x</v></c></row>'
        '<row r="4"><c r="A4"><f>A3*2</f><v></v></c><c r="B4"><f>B3</f><v/></c></row>'
    )
    fields = [{"name": "n", "type": "integer"}, {"name": "t", "type": "string"}]
    path = raw_book(tmp_path / "t.xlsx", sheet)
    for schema in ({"fields": fields}, None):
        inspection = inspect(path, schema)
        errors = [(each["rowNumber"], each["cell"]) for each in errors_of(inspection)]
        assert errors == [(3, "=A2*2"), (4, "=A3*2")]
        assert "the formula `=A2*2` has no saved value. Expected an integer" in inspection.detail
        warnings = inspection.report["tasks"][0]["warnings"]
        assert "3 formulas have no saved value, first in the cell A3" in warnings[0]
    published = inspect(path, mode="none")
    assert published.schema is not None
    assert [field["type"] for field in published.schema["fields"]] == ["any", "string"]
