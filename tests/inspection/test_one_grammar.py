"""One grammar: whatever reads a text, its cells are the same."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.inspection.conftest import opened_context
from tests.inspection.corpus.known import known_cases
from tests.inspection.forms import cells_of, forms_of
from tests.inspection.grammar_texts import text_of

from entrepot.inspection.check.check import check_table
from entrepot.inspection.context import InspectionContext, TableRequest
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.grammar_proof import prove_grammar
from entrepot.inspection.csv.reader import CsvText
from entrepot.inspection.csv.write_canonical import write_canonical
from entrepot.inspection.detect import byte_scan
from entrepot.inspection.line_prefilter import IrregularText
from entrepot.inspection.table import NotTabular, Table, TooLarge
from entrepot.schemas.table_schema import parse_schema

READING = Path(__file__).parent / "cases" / "reading"
TEXTS, LONG_TEXTS = 500, 20_000
TEXTS_OF_A_TEST = 100
TEXTS_FOR_EACH_OF_FORMS = 20
"""Of so many texts one is made into every form, which takes long."""
HEAD_BYTES, TAIL_BYTES = 300, 100
"""So that what is irregular stands behind the part by which a text is decided, too."""
Rows = list[list[str]]
Errors = list[tuple[object, object, object]]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InspectionContext]:
    monkeypatch.setattr("entrepot.inspection.csv.source.HEAD_BYTES", HEAD_BYTES)
    monkeypatch.setattr("entrepot.inspection.csv.direct_scan.TAIL_BYTES", TAIL_BYTES)
    monkeypatch.setattr("entrepot.inspection.line_prefilter.MIN_BYTES", 1)
    monkeypatch.setattr(byte_scan, "FIRST_BYTES", HEAD_BYTES)
    monkeypatch.setattr(byte_scan, "TAIL_BYTES", TAIL_BYTES)
    monkeypatch.setattr(byte_scan, "MIN_PARTIAL_BYTES", HEAD_BYTES + TAIL_BYTES)
    with opened_context(tmp_path / "scratch") as opened:
        yield opened


def lexer_rows(text: CsvText, context: InspectionContext) -> Rows:
    target = context.scratch / "canonical.csv"
    write_canonical(text.source, target, context)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    return rows[1:] if text.detected.header_rows else rows


def normalized_rows(table: Table, context: InspectionContext) -> Rows:
    rows = context.engine.execute(f"SELECT * FROM {table.relation} ORDER BY _row").fetchall()
    return [
        [cell or "" for cell in cells] + (json.loads(extra) if extra else [])
        for _, _, _, extra, *cells in rows
    ]


def rows_in_place(text: CsvText, table: Table, context: InspectionContext) -> Rows | None:
    """The cells of a scan in place; None where it does not prove that they are right."""
    try:
        embedded = table.embedded()
        rows = context.engine.execute(f"SELECT * FROM {table.relation}").fetchall()
    except (IrregularText, duckdb.InvalidInputException):
        return None
    if not text.complete(len(rows), embedded):
        return None
    return [[cell or "" for cell in cells] for cells in rows]


def judged(text: CsvText, table: Table, context: InspectionContext) -> tuple[int, Errors] | None:
    """The rows and the errors by a contract of texts and one column of numbers; None where the
    table must be read otherwise."""
    names = list(dict.fromkeys(table.labels))
    if len(names) < len(table.labels) or "" in names:
        return None
    fields = [{"name": name, "type": "string"} for name in names]
    fields[0]["type"] = "integer"
    schema = parse_schema({"fields": fields})
    try:
        checked = check_table(context.engine, table, schema, frozenset(), 1000)
    except (IrregularText, duckdb.InvalidInputException):
        return None
    if not table.uneven and not text.complete(checked.rows, checked.embedded):
        return None
    keys = ("code", "rowNumber", "fieldNumber")
    errors = [tuple(error.get(key) for key in keys) for error in checked.errors]
    return checked.rows, errors  # type: ignore[return-value]


def compare(path: Path, context: InspectionContext) -> bool:
    """Compare all readers of a text; whether it could be scanned in place."""
    text = CsvText(TableRequest(path), "text/csv", context)
    in_place = text.scan_in_place()
    direct = None
    verdicts = []
    if in_place is not None:
        direct = rows_in_place(text, in_place, context)
        verdicts.append(judged(text, in_place, context))
    by_ends = CsvText(TableRequest(path, by_ends=True), "text/csv", context)
    if (table := by_ends.scan_in_place()) is not None:
        verdicts.append(judged(by_ends, table, context))
    lexed = lexer_rows(text, context)
    normalized = text.scan_normalized()
    assert normalized_rows(normalized, context) == lexed
    if direct is not None:
        assert direct == lexed
    for verdict in verdicts:
        if verdict is not None:
            assert verdict == judged(text, normalized, context)
    return direct is not None


def compare_forms(path: Path, scratch: Path) -> None:
    """Compare the forms of a text, and those of its canonical CSV under the same contract."""
    scratch.mkdir()
    forms = forms_of(path, None, scratch)
    if forms.inspection.verdict != "conforms":
        return
    forms.agree()
    written = cells_of(forms.canonical)
    schema = forms.inspection.schema
    assert schema is not None
    (scratch / "again").mkdir()
    (scratch / "again.csv").write_bytes(forms.canonical)
    again = forms_of(scratch / "again.csv", schema, scratch / "again")
    assert again.inspection.verdict == "conforms", again.inspection.detail
    assert again.parquet == forms.parquet
    assert cells_of(again.canonical) == written


def compare_texts(numbers: range, tmp_path: Path, context: InspectionContext) -> None:
    scanned = 0
    for number in numbers:
        path = tmp_path / f"{number}.csv"
        path.write_bytes(text_of(number))
        try:
            scanned += compare(path, context)
            if number % TEXTS_FOR_EACH_OF_FORMS == 0:
                compare_forms(path, tmp_path / f"forms-{number}")
        except (NotTabular, TooLarge):
            pass
        except Exception as error:
            error.add_note(f"text {number}: {path.read_bytes()!r}")
            raise
    assert 0.1 < scanned / len(numbers) < 0.9


def batches(first: int, last: int) -> list[range]:
    return [range(at, at + TEXTS_OF_A_TEST) for at in range(first, last, TEXTS_OF_A_TEST)]


@pytest.mark.parametrize(
    "numbers",
    [
        *batches(0, TEXTS),
        *(pytest.param(each, marks=pytest.mark.long) for each in batches(TEXTS, LONG_TEXTS)),
    ],
    ids=lambda numbers: f"{numbers.start}",
)
def test_every_reader_finds_the_same_cells(
    numbers: range, tmp_path: Path, context: InspectionContext
) -> None:
    compare_texts(numbers, tmp_path, context)


@pytest.mark.parametrize("number", [8_479, 17_810, 19_995])
def test_texts_that_were_once_read_in_two_ways(
    number: int, tmp_path: Path, context: InspectionContext
) -> None:
    """A comment between rows, and a record of one empty quoted cell."""
    path = tmp_path / "t.csv"
    path.write_bytes(text_of(number))
    compare(path, context)


def test_the_corpus_is_read_alike(tmp_path: Path) -> None:
    scanned = 0
    with opened_context(tmp_path / "scratch") as context:
        for case in known_cases():
            if case.tabular:
                try:
                    scanned += compare(case.path, context)
                except Exception as error:
                    error.add_note(case.name)
                    raise
    assert scanned > 20


@pytest.mark.parametrize(
    ("file", "cells"),
    [
        ("81-space-before-quote.csv", ["Kiel", ' "Jena"', "Bonn"]),
        ("83-mysql-escape.tsv", ["C:\\data\\x", "D:\\y"]),
    ],
)
def test_cases_of_reading(file: str, cells: list[str], tmp_path: Path) -> None:
    forms = forms_of(READING / file, None, tmp_path)
    forms.agree()
    assert [list(row.values())[1] for row in forms.parquet] == cells
    assert [row[1] for row in cells_of(forms.canonical)[1:]] == cells


@pytest.mark.parametrize(
    ("text", "embedded"),
    [
        ('a,b\n1,"x"\n"2",y\n', 0),
        ('a,b\n1,"x\n""y""\nz"\n', 2),
        ('a,b\n1,""\n2,""""\n3,"a,"', 0),
        ('a,b\r\n1,"x\r\ny"\r\n', 1),
        ('a,b\n1,x"y\n', None),
        ('a,b\n1, "x"\n', None),
        ('a,b\n1,"x" \n', None),
        ('a,b\n1,"x"y\n', None),
        ('a,b\n1,"x\n2,y\n', None),
        ('a,b\n1,"x\n2,y\n3,z"\n', None),
        ('a,b\r\n1,"x\ry\n"\r\n', None),
        ('a,b\n1,\t"x"\n', None),
    ],
)
@pytest.mark.parametrize("before", [0, 200_000])
def test_what_the_bytes_prove(before: int, text: str, embedded: int | None, tmp_path: Path) -> None:
    """Also behind the first block, and over its end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    header, rows = text.split(newline, 1)
    many = f'1,"plain"{newline}' * before
    path = tmp_path / "t.csv"
    path.write_bytes(f"{header}{newline}{many}{rows}".encode())
    assert prove_grammar(path, 0, Dialect(), 2) == embedded


@pytest.mark.parametrize("rows", [10, 60_000])
def test_a_lone_cr_ends_a_record_wherever_it_stands(rows: int, tmp_path: Path) -> None:
    """Also where a lone LF stands elsewhere, so that there are as many CR as LF."""
    path = tmp_path / "t.csv"
    plain = b"1,x\r\n" * rows
    path.write_bytes(b"a,b\r\n" + plain + b"2,y\r3,z\n" + plain)
    forms = forms_of(path, None, tmp_path)
    assert forms.inspection.row_count == 2 * rows + 2
    assert [list(map(str, row.values())) for row in forms.parquet[rows : rows + 2]] == [
        ["2", "y"],
        ["3", "z"],
    ]
