"""A long text is opened by its ends, and what is between them is proven, or looked at."""

from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect, errors_of, opened_context

from entrepot.inspection.check.check import check_table
from entrepot.inspection.context import TableRequest
from entrepot.inspection.csv.reader import CsvText
from entrepot.inspection.detect import byte_scan
from entrepot.inspection.limits import MIB
from entrepot.schemas.table_schema import parse_schema

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}
BLOCK = 16 * MIB
ROWS = 45_000
"""Enough for the prefilter of lines, and for both ends to be a small part."""
MORE_ROWS = 1_600_000
"""As many short ones make a text that is long."""
BETWEEN: dict[str, bytes] = {
    "nothing": b"",
    "quotes": b'5,"a, b"\n6,"c ""d"""\n',
    "a CR alone": b"5,a\rb\n",
    "a CRLF": b"5,a\r\n",
    "a line that is a CR": b"\r\n",
    "a NUL": b"5,a\0b\n",
    "the quote of lines": b"\x015,a\x01\n",
    "the delimiter of lines": b"5,a\x02\n",
    "both of them": b"\x015,a\x01\n5,a\x02\n",
    "Latin-1": b"5,M\xfcller\n",
    "a surrogate": b"5,\xed\xa0\x80\n",
    "a control character": b"5,a\xc2\x85b\n",
    "a mark of byte order": b"\xef\xbb\xbf5,a\n",
    "a blank line": b"\n",
    "a stray quote": b'5,a "b\n',
    "an open quote": b'5,"a\n6,b\n',
    "a cell of two lines": b'5,"a\nb"\n',
    "a row that is too long": b"5,a,b\n",
    "a wrong value": b"x,a\n",
    "the header": b"id,name\n",
    "a line longer than usual": b"5," + b"a" * 2 * MIB + b"\n",
}

KEPT = {
    *("nothing", "quotes", "a CRLF", "Latin-1", "a stray quote"),
    *("a cell of two lines", "a line longer than usual"),
}
"""What a contract of an integer and a text lets through."""


def write(path: Path, between: bytes, end: bytes = b"\n") -> Path:
    rows = [b"%d,name %d\n" % (n, n) for n in range(ROWS)]
    half = ROWS // 2
    content = b"".join([b"id,name\n", *rows[:half], between, *rows[half:]])
    path.write_bytes(content[:-1] + end)
    return path


@pytest.mark.parametrize("mode", ["given", pytest.param("infer", marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", BETWEEN)
def test_what_stands_between_the_ends_is_judged(
    tmp_path: Path, inspect: Inspect, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    path = write(tmp_path / "rows.csv", BETWEEN[kind])
    schema = SCHEMA if mode == "given" else None
    whole = inspect(path, schema=schema)
    monkeypatch.setattr(byte_scan, "FIRST_BYTES", 300 * 1024)
    monkeypatch.setattr(byte_scan, "MIN_PARTIAL_BYTES", 500 * 1024)
    by_ends = inspect(path, schema=schema)
    assert by_ends == whole
    assert mode == "infer" or (whole.verdict == "conforms") == (kind in KEPT)


@pytest.mark.parametrize("end", [b"\n", b""])
def test_lines_that_all_match_prove_the_text(tmp_path: Path, end: bytes) -> None:
    """Nobody looks at the bytes a second time."""
    path = write(tmp_path / "rows.csv", b"".join(b"%d,xy\n" % n for n in range(MORE_ROWS)), end)
    with opened_context(tmp_path / "scratch") as context:
        text = CsvText(TableRequest(path, by_ends=True), "text/csv", context)
        table = text.scan_in_place()
        assert table is not None
        checked = check_table(context.engine, table, parse_schema(SCHEMA), frozenset(), 10)
        assert (checked.rows, checked.errors) == (ROWS + MORE_ROWS, [])
        assert text.complete(checked.rows, checked.embedded)
        assert text.byte_scan.partial


def test_a_blank_line_that_begins_a_block_is_judged(inspect: Inspect, tmp_path: Path) -> None:
    """The engine's parallel reader refuses such a text."""
    header, row = b"id,name\n", b"10," + b"name of a row " * 64 + b"\n"
    above, rest = divmod(BLOCK - len(header), len(row))
    path = tmp_path / "rows.csv"
    path.write_bytes(header + row * above + row[:-1][: rest - 1] + b"\n" + b"\n" + row * 400)
    assert path.read_bytes()[BLOCK - 1 :].startswith(b"\n\n10")
    blank = [(each["code"], each["rowNumber"]) for each in errors_of(inspect(path, SCHEMA))]
    assert blank == [("blank-row", above + 3)]
    skipped = inspect(path, SCHEMA, dialect={"skipBlankRows": True})
    assert (skipped.verdict, skipped.row_count) == ("conforms", above + 401)
