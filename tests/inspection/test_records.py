"""Every record of a text and every row of a sheet is accounted for: both are built from parts, and
Python's csv module says what each record must be."""

import csv
import io
import random
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from tests.inspection.conftest import Inspect, errors_of
from tests.support.selection import examples

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "integer"},
    {"name": "name", "type": "string"},
    {"name": "amount", "type": "number"},
]
SCHEMA = {"fields": FIELDS}
NAMES = [field["name"] for field in FIELDS]
TITLES: list[list[str]] = [
    ["Report of May"], ["Title\nover\nlines", "x"], [""], ["# exported"], ["9", "z", "1"],
]  # fmt: skip
ODD: list[list[str]] = [
    [""], ["", "", ""], ["Total", "", "4.0"], ["Total"], ["Source: us"], ["# a remark"],
    ["// a remark"], ["--"], ["-----"], NAMES, ["code", "val"], ["7", "a\nb\nc", "1"], ["1", "x"],
    ["1", "x", "2", "y"], ["Notebook", "", ""], ["x", "y", "z", "w", "v"], ["%", "1", "2"],
]  # fmt: skip
FOOTER = "(Total|Source).*"


def build(rng: random.Random) -> tuple[list[list[str]], int]:
    """The records of a text, and how many of them stand above the header."""
    titles = [rng.choice(TITLES) for _ in range(rng.choice([0, 0, 0, 1, 3]))]
    records = [*titles, NAMES]
    for number in range(rng.choice([2, 8, 30])):
        records.append([str(number), rng.choice(["a", "b c", "d,e", 'say "f"', "g\nh"]), "1.5"])
        if rng.random() < rng.choice([0, 0.1, 0.3]):
            records += [rng.choice(ODD) for _ in range(rng.choice([1, 1, 2, 4]))]
    records += [rng.choice(ODD) for _ in range(rng.choice([0, 0, 1, 3]))]
    return records + [[""]] * rng.choice([0, 0, 1, 2]), len(titles)


def write(records: list[list[str]], rng: random.Random) -> str:
    """The text; its last record may be cut off at its end."""
    text = io.StringIO()
    end = rng.choice(["\n", "\r\n"])
    for record in records:
        if record == [""]:
            text.write(end)
        else:
            csv.writer(text, lineterminator=end).writerow(record)
    return text.getvalue() if rng.random() < 0.7 else text.getvalue().rstrip("\r\n")


def dialect_of(rng: random.Random, above: int) -> dict[str, Any]:
    """A dialect that finds the header, and takes out what it may."""
    dialect: dict[str, Any] = {"headerRows": [above + 1]} if above or rng.random() < 0.3 else {}
    if rng.random() < 0.4:
        dialect["commentChar"] = "#"
    if rng.random() < 0.3:
        dialect["skipBlankRows"] = True
    if rng.random() < 0.4:
        dialect["entrepot:footer"] = FOOTER
    if rng.random() < 0.2:
        dialect["commentRows"] = [above + 3]
    return dialect


def account(text: str, dialect: dict[str, Any]) -> dict[int, str]:
    """What each record is, by Python's csv module."""
    return account_records(list(csv.reader(io.StringIO(text, newline=""), strict=True)), dialect)


def account_records(records: list[list[str]], dialect: dict[str, Any]) -> dict[int, str]:
    """What each of these records is."""
    header = dialect.get("headerRows", [1])[-1]
    blank = [not any(record) for record in records]
    comments = set(dialect.get("commentRows", []))
    mark = dialect.get("commentChar")
    kinds: dict[int, str] = {}
    for number, record in enumerate(records, start=1):
        if number <= header:
            kinds[number] = "header" if number == header else "aboveHeader"
        elif number in comments or (mark and record and record[0].startswith(mark)):
            kinds[number] = "comment"
        elif blank[number - 1] and (dialect.get("skipBlankRows") or all(blank[number - 1 :])):
            kinds[number] = "skippedBlank"
        else:
            kinds[number] = "judged"
    mark_footer(records, kinds, blank, dialect.get("entrepot:footer"))
    return kinds


def mark_footer(
    records: list[list[str]], kinds: dict[int, str], blank: list[bool], pattern: str | None
) -> None:
    """The block of at most 20 records at the end that begins with a match, and in which each is
    a match or blank."""
    if pattern is None:
        return
    rows = [number for number, kind in kinds.items() if kind == "judged"][-20:]
    block: list[int] = []
    for number in reversed(rows):
        matches = records[number - 1] and records[number - 1][0].startswith(("Total", "Source"))
        if not matches and not blank[number - 1]:
            break
        block.append(number)
        if matches:
            kinds.update(dict.fromkeys(block, "footer"))


@pytest.mark.parametrize("seed", range(examples(400)))
def test_every_record_is_accounted_for(inspect: Inspect, seed: int) -> None:
    rng = random.Random(seed)
    records, above = build(rng)
    text, dialect = write(records, rng), dialect_of(rng, above)
    kinds = account(text, dialect)
    inspection = inspect(text, SCHEMA, dialect=dialect)
    counted = inspection.profile["file"]["records"]
    expected = {kind: list(kinds.values()).count(kind) for kind in counted if kind != "total"}
    assert counted == {"total": len(kinds), **expected}, (text, dialect)
    judged = [number for number, kind in kinds.items() if kind == "judged"]
    parsed = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    wrong = {number for number in judged if is_wrong(parsed[number - 1])}
    assert {error["rowNumber"] for error in errors_of(inspection)} == wrong, (text, dialect)


def is_wrong(record: list[str]) -> bool:
    """Whether a judged row breaks the contract."""
    if len(record) != len(FIELDS) or not any(record):
        return True
    numbers = [cell for cell in (record[0], record[2]) if cell]
    return any(not cell.replace(".", "", 1).isdigit() for cell in numbers)


@pytest.mark.parametrize("seed", range(examples(160)))
def test_a_first_version_keeps_the_contract_it_becomes(inspect: Inspect, seed: int) -> None:
    """What is accepted once is accepted again, with the same rows; no record is left out."""
    rng = random.Random(f"first {seed}")
    records, _ = build(rng)
    text = write(records, rng)
    first = inspect(text)
    if first.verdict != "conforms":
        return
    again = inspect(text, first.schema, dialect=first.dialect)
    assert (again.verdict, again.row_count) == ("conforms", first.row_count), (text, again.detail)
    counted = first.profile["file"]["records"]
    assert counted["comment"] == counted["footer"] == 0


def write_book(path: Path, records: list[list[str]], rng: random.Random) -> int:
    """A sheet of these records: figures are numbers, an empty text is not a cell. Some cells
    without a value have a format; the table may stand apart from the edge. Returns the last row."""
    last, margin = 0, rng.choice([0, 0, 0, 1, 3])
    with xlsxwriter.Workbook(path) as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        for row, record in enumerate(records):
            for column, text in enumerate(record, start=margin):
                figure = text.replace(".", "", 1).isdecimal()
                if text:
                    sheet.write(row, column, float(text) if figure else text)
                elif rng.random() < 0.3:
                    sheet.write_blank(row, column, None, bold)
                else:
                    continue
                last = row + 1
    return last


def rows_of(records: list[list[str]], last: int) -> list[list[str]]:
    """The rows of the sheet, as far as it goes, each without the empty cells at its end."""
    rows = []
    for record in records[:last]:
        cells = list(record)
        while cells and not cells[-1]:
            cells.pop()
        rows.append(cells)
    return rows


@pytest.mark.parametrize("seed", range(examples(240)))
def test_every_row_of_a_sheet_is_accounted_for(inspect: Inspect, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"sheet {seed}")
    records, above = build(rng)
    path = tmp_path / "t.xlsx"
    rows = rows_of(records, write_book(path, records, rng))
    dialect = dialect_of(rng, above)
    kinds = account_records(rows, dialect)
    inspection = inspect(path, SCHEMA, dialect=dialect)
    counted = inspection.profile["file"]["records"]
    expected = {kind: list(kinds.values()).count(kind) for kind in counted if kind != "total"}
    assert counted == {"total": len(rows), **expected}, (records, dialect)
    judged = [number for number, kind in kinds.items() if kind == "judged"]
    wrong = {
        number
        for number in judged
        if is_wrong([*rows[number - 1], *[""] * (len(FIELDS) - len(rows[number - 1]))])
    }
    assert {error["rowNumber"] for error in errors_of(inspection)} == wrong, (records, dialect)


@pytest.mark.parametrize("seed", range(examples(100)))
def test_a_first_workbook_keeps_the_contract_it_becomes(
    inspect: Inspect, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(f"first sheet {seed}")
    records, _ = build(rng)
    path = tmp_path / "t.xlsx"
    write_book(path, records, rng)
    first = inspect(path)
    if first.verdict != "conforms":
        return
    again = inspect(path, first.schema, dialect=first.dialect)
    assert (again.verdict, again.row_count) == ("conforms", first.row_count), (
        records,
        again.detail,
    )
    counted = first.profile["file"]["records"]
    assert counted["comment"] == counted["footer"] == 0
