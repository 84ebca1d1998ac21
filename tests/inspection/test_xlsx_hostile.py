"""Workbooks that are made to cost memory or time, and XML that only looks like the format's."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect
from tests.inspection.test_xlsx import MAIN, RELATED, raw_book, raw_sheet

from entrepot.inspection.limits import MIB, Limits

HEAD = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>n</t></is></c></row>'
)
ROW = '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "n", "type": "integer"}]}
STRICT_RELATED = "http://purl.oclc.org/ooxml/officeDocument/relationships"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"


def traced(inspect: Inspect, path: Path, **how: Any) -> tuple[Any, int]:
    """What an inspection finds, and the most bytes that Python held for it."""
    tracemalloc.start()
    inspection = inspect(path, SCHEMA, **how)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return inspection, peak


@pytest.mark.parametrize(
    "cells",
    [
        HEAD + f'<row r="2"><c r="A2" s="{"9" * 8 * MIB}"><v>1</v></c></row>',
        HEAD + f'<row r="2" spans="{"9" * 8 * MIB}"/>',
        HEAD + f"<!--{'x' * 8 * MIB}-->",
        f"<{'x' * 8 * MIB}/>",
    ],
)
def test_a_tag_without_end(inspect: Inspect, tmp_path: Path, cells: str) -> None:
    """The parser reads a tag that is not complete again with each piece."""
    inspection = inspect(raw_book(tmp_path / "t", raw_sheet(cells)))
    assert inspection.verdict == "resource-limit"
    assert "a tag of more than 1,048,576 bytes" in inspection.detail


def test_cells_with_a_format_and_no_value(inspect: Inspect, tmp_path: Path) -> None:
    empty = "".join(
        f'<row r="{n}" s="1"><c r="A{n}" s="1"/><c r="B{n}" s="1"/><c r="XFD{n}" s="1"/></row>'
        for n in range(3, 10_003)
    )
    merged = "".join(f'<mergeCell ref="A{n}:XFD{n + 1}"/>' for n in range(1, 10_000, 2))
    sheet = raw_sheet(HEAD + ROW + empty).replace(
        "</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>"
    )
    inspection, peak = traced(inspect, raw_book(tmp_path / "t", sheet))
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1)
    records = inspection.profile["file"]["records"]
    assert (records["total"], records["skippedBlank"]) == (10_002, 10_000)
    assert peak < 8 * MIB


@pytest.mark.parametrize(("skip", "last"), [(True, 1_048_576), (False, 100_000)])
def test_gaps(inspect: Inspect, tmp_path: Path, skip: bool, last: int) -> None:
    far = '<row r="50000"><c r="A50000"><v>3</v></c></row>'
    far += f'<row r="{last}"><c r="B{last}"><v>4</v></c><c r="XFD{last}"><v>5</v></c></row>'
    path = raw_book(tmp_path / "t", raw_sheet(HEAD + ROW + far))
    inspection, peak = traced(
        inspect, path, dialect={"skipBlankRows": skip, "entrepot:footer": "x"}
    )
    records = inspection.profile["file"]["records"]
    assert (records["total"], records["judged"]) == (last, 3 if skip else last - 1)
    counts = {each["type"]: each["count"] for each in inspection.report["tasks"][0]["errorCounts"]}
    assert counts == {"extra-cell": 1} | ({} if skip else {"blank-row": last - 4})
    assert peak < 8 * MIB


def test_one_long_text_in_many_cells(inspect: Inspect, tmp_path: Path) -> None:
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * 4 * MIB}</t></si></sst>'
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>'
        '<Relationship Id="r2" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    row = "<row>" + '<c t="s"><v>0</v></c>' * 1_000 + "</row>"
    path = raw_book(tmp_path / "t", raw_sheet(row), sharedStrings=strings)
    rewrite(path, lambda name, text: relations if name.endswith("workbook.xml.rels") else text)
    inspection, peak = traced(inspect, path, limits=Limits(line=16 * MIB))
    assert inspection.verdict == "resource-limit"
    assert "row 1 has texts of 4,194,304,000 bytes" in inspection.detail
    assert peak < 60 * MIB


def rewrite(
    path: Path, change: Callable[[str, str], str], method: int = zipfile.ZIP_DEFLATED
) -> None:
    """Write each part of a workbook again."""
    with zipfile.ZipFile(path) as package:
        files = {name: package.read(name).decode() for name in package.namelist()}
    with zipfile.ZipFile(path, "w", method) as package:
        for name, text in files.items():
            package.writestr(name, change(name, text))


def test_a_cell_that_is_there_twice(inspect: Inspect, tmp_path: Path) -> None:
    twice = '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c><c r="A2"><v>9</v></c></row>'
    inspection = inspect(raw_book(tmp_path / "t", raw_sheet(HEAD + twice)))
    assert inspection.verdict == "source-error"
    assert "the cell A2 is in the sheet twice" in inspection.detail


def test_names_of_other_namespaces_are_no_cells(inspect: Inspect, tmp_path: Path) -> None:
    foreign = (
        '<x:row xmlns:x="urn:other" r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row>'
        '<row r="2"><c r="A2"><x:v xmlns:x="urn:other">8</x:v><v>1</v></c><c r="B2"><v>2</v></c>'
        "</row>"
    )
    inspection = inspect(raw_book(tmp_path / "t", raw_sheet(HEAD + foreign)), SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1), inspection.detail


def test_the_strict_form_of_the_format(inspect: Inspect, tmp_path: Path) -> None:
    path = raw_book(tmp_path / "t", raw_sheet(HEAD + ROW))
    rewrite(path, lambda _, text: text.replace(MAIN, STRICT).replace(RELATED, STRICT_RELATED))
    inspection = inspect(path, SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1), inspection.detail


@pytest.mark.parametrize("kind", ["before", "behind", "another workbook", "a part twice"])
def test_a_file_is_one_workbook(inspect: Inspect, tmp_path: Path, kind: str) -> None:
    """What only other readers read is judged by nobody."""
    path = raw_book(tmp_path / "t", raw_sheet(HEAD + ROW))
    sound = path.read_bytes()
    other = raw_book(tmp_path / "other", raw_sheet(HEAD)).read_bytes()
    if kind == "a part twice":
        with zipfile.ZipFile(path, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
            package.writestr("xl/worksheets/sheet1.xml", raw_sheet(HEAD))
    else:
        before, behind = {"before": (b"PK\x03\x04 ", b""), "behind": (b"", b"\n")}.get(
            kind, (other, b"")
        )
        path.write_bytes(before + sound + behind)
    inspection = inspect(path, SCHEMA)
    assert inspection.verdict == "source-error", inspection.detail


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damage_anywhere_in_a_package_has_a_verdict(
    inspect: Inspect, tmp_path: Path, method: int
) -> None:
    """Whatever a decompressor raises, the file is at fault."""
    path = raw_book(tmp_path / "t", raw_sheet(HEAD + ROW))
    rewrite(path, lambda _, text: text, method)
    sound = path.read_bytes()
    assert inspect(path, SCHEMA).verdict == "conforms"
    for place in range(0, len(sound), len(sound) // 60):
        damaged = bytearray(sound)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        verdict = inspect(path, SCHEMA).verdict
        assert verdict in {"conforms", "source-error", "not-tabular", "resource-limit"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_parts_that_are_packed_otherwise_than_they_say(
    inspect: Inspect, tmp_path: Path, method: int
) -> None:
    path = raw_book(tmp_path / "t", raw_sheet(HEAD + ROW))
    rewrite(path, lambda _, text: text)
    package = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = package.find(signature)
        while place >= 0:
            package[place + offset] = method
            place = package.find(signature, place + 4)
    path.write_bytes(package)
    inspection = inspect(path, SCHEMA)
    assert inspection.verdict == "source-error"
    assert "the workbook is damaged" in inspection.detail
