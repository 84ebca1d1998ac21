"""What any writer wrote comes back cell for cell, without being told how it was written."""

import csv
import io
import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.inspection.conftest import write_canonical
from tests.inspection.forms import cells_of, forms_of
from tests.inspection.test_odd_values import WRITERS
from tests.support.selection import examples

from entrepot.inspection.csv.detected import DetectedCsv

SLOW = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
HEADER = ["id", "name", "amount", "day", "note"]
ROWS = [
    ["1", "Ann", "10.50", "2024-01-05", "plain"],
    ["2", "Bo, jr", "7.25", "2024-01-06", 'said "no"'],
    ["3", "O'Hara", "-3.00", "2024-01-07", "two\nlines"],
    ["4", "Zoë | Co; Ltd", "0.00", "2024-01-08", ""],
    ["5", "tab\there", "12.75", "2024-01-09", "back\\slash"],
    ["6", "", "1.10", "2024-01-10", "^caret~"],
]
TABLE = [HEADER, *ROWS]


def understood(
    content: bytes, tmp_path: Path, name: str = "t.csv"
) -> tuple[list[Any], DetectedCsv]:
    path, target, scratch = tmp_path / name, tmp_path / "canonical.csv", tmp_path / "scratch"
    path.write_bytes(content)
    detected = write_canonical(path, target, scratch)
    raw = target.read_bytes()
    rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    assert written.getvalue().encode() == raw
    return rows, detected


def by_csv(rows: list[list[str]], **options: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **options).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", ":", "\x1f"])
def test_dialects_of_python(
    delimiter: str, quote: str, quoting: Any, newline: str, tmp_path: Path
) -> None:
    # Python leaves an LF unquoted where lines end in CR.
    table = [[cell.replace("\n", "\r") for cell in row] for row in TABLE]
    table = table if newline == "\r" else TABLE
    text = by_csv(
        table, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=newline
    )
    rows, detected = understood(text.encode(), tmp_path)
    assert rows == table
    assert detected.dialect.delimiter == delimiter
    assert detected.header_rows == (1,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("options", [
    {"doublequote": False, "escapechar": "\\"},
    {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL},
    {"quoting": csv.QUOTE_NONE, "escapechar": "\\", "quotechar": None},
])  # fmt: skip
def test_escapes(options: dict[str, Any], delimiter: str, tmp_path: Path) -> None:
    rows = [[cell.replace("\n", " ") for cell in row] for row in TABLE]
    text = by_csv(rows, delimiter=delimiter, lineterminator="\n", **options)
    cells, detected = understood(text.encode(), tmp_path)
    assert cells == rows
    assert detected.dialect.escape == "\\"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_pandas_polars_and_duckdb(delimiter: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=HEADER)
    rows, _ = understood(frame.to_csv(index=False, sep=delimiter).encode(), tmp_path)
    assert rows == TABLE
    rows, detected = understood(frame.to_csv(sep=delimiter).encode(), tmp_path)
    assert rows == [["", *HEADER], *([str(n), *row] for n, row in enumerate(ROWS))]
    assert detected.header_rows == (1,)
    text = pl.DataFrame(ROWS, schema=HEADER, orient="row").write_csv(separator=delimiter)
    assert understood(text.encode(), tmp_path)[0] == TABLE
    with duckdb.connect() as conn:
        conn.register("frame", frame)
        target = tmp_path / "by-duckdb.csv"
        conn.execute(f"COPY frame TO '{target}' (DELIMITER '{delimiter}', HEADER)")
    assert understood(target.read_bytes(), tmp_path)[0] == TABLE


@pytest.mark.parametrize("encoding", [
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp1252",
    "latin-1",
])  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings(encoding: str, delimiter: str, tmp_path: Path) -> None:
    text = by_csv(TABLE, delimiter=delimiter)
    rows, detected = understood(text.encode(encoding), tmp_path)
    assert rows == TABLE
    assert (detected.bom > 0) == (encoding in ("utf-8-sig", "utf-16", "utf-32"))


def test_spreadsheet_exports(tmp_path: Path) -> None:
    """Text that a spreadsheet writes with blank rows and columns around its used cells."""
    german = [[cell.replace(".", ",") if cell[:1].isdigit() else cell for cell in row]
              for row in TABLE]  # fmt: skip
    text = "Bericht;;;;\r\n;;;;\r\n" + by_csv(german, delimiter=";") + ";;;;\r\n;;;;\r\n"
    rows, detected = understood(text.encode("utf-8-sig"), tmp_path)
    assert rows == german
    assert detected.header_rows == (3,)
    assert detected.above is not None
    assert detected.above.text == "Bericht"


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0\ufeff\x1a"),
    max_size=12,
)
WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@SLOW
@given(
    labels=st.lists(WORD, min_size=2, max_size=4, unique=True),
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_any_text_comes_back(
    labels: list[str], data: Any, delimiter: str, newline: str, tmp_path: Path
) -> None:
    """All cells quoted and a column of numbers: then nothing is left to a guess."""
    width = len(labels)
    texts = data.draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=3,
                               max_size=6))  # fmt: skip
    rows = [["n", *labels], *([str(n), *row] for n, row in enumerate(texts, start=100))]
    text = by_csv(rows, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=newline)
    cells, detected = understood(text.encode(), tmp_path)
    assert detected.dialect.delimiter == delimiter
    assert cells == rows


PLAIN = st.text("abcdefghij ,;.-", max_size=10).map(str.strip)


def table_of(texts: list[list[str]]) -> list[list[str]]:
    return [["id", "name", "note"], *([str(n), *row] for n, row in enumerate(texts, start=1))]


@pytest.mark.parametrize("blank", [" ", "\t", "  "])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_cell_of_blanks_is_kept(blank: str, place: int, tmp_path: Path) -> None:
    """Beside texts of the same length, too, it is not what fills up columns of a fixed width."""
    row = ["a" * len(blank)] * 3
    row[place] = blank
    head, other = ([letter * len(blank) for letter in letters] for letters in ("kvt", "xyz"))
    text = "".join(f"{','.join(cells)}\n" for cells in (head, other, row, other))
    assert understood(text.encode(), tmp_path)[0][2] == row


@SLOW
@given(
    texts=st.lists(st.lists(PLAIN, min_size=2, max_size=2), min_size=8, max_size=12),
    row=st.integers(1, 8),
    data=st.data(),
)
def test_a_stray_quote_changes_no_other_row(
    texts: list[list[str]], row: int, data: Any, tmp_path: Path
) -> None:
    rows = table_of(texts)
    lines = [by_csv([each], lineterminator="\n") for each in rows]
    before, detected = understood("".join(lines).encode(), tmp_path)
    assume(before == rows)
    place = data.draw(st.integers(0, len(lines[row]) - 1))
    lines[row] = lines[row][:place] + '"' + lines[row][place:]
    after, changed = understood("".join(lines).encode(), tmp_path)
    assume(changed.dialect == detected.dialect)
    assert after[:row] == rows[:row]
    assert after[row + 1 :] == rows[row + 1 :]


@SLOW
@given(texts=st.lists(st.lists(PLAIN, min_size=2, max_size=2), min_size=4, max_size=8))
def test_canonical_csv_is_read_as_itself(texts: list[list[str]], tmp_path: Path) -> None:
    first, _ = understood(by_csv(table_of(texts)).encode(), tmp_path)
    again, detected = understood((tmp_path / "canonical.csv").read_bytes(), tmp_path)
    assert again == first
    assert detected.dialect.delimiter == ","


CONTRACT = {
    "n": {"type": "number", "decimalChar": ",", "groupChar": "."},
    "p": {"type": "number", "bareNumber": False, "entrepot:affix": {"suffix": "%"}},
    "b": {"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
    "w": {"type": "boolean", "trueValues": ["false"], "falseValues": ["true"]},
    "i": {"type": "integer", "groupChar": "."},
    "d": {"type": "date", "format": "%d.%m.%Y"},
    "h": {"type": "datetime", "format": "%d/%m/%Y %H:%M"},
    "s": {"type": "datetime", "format": "%d/%m/%Y %H:%M:%S"},
    "t": {"type": "time", "format": "%H.%M"},
}
TYPED: dict[str, list[Any]] = {
    "n": [1234.5, -0.25, None],
    "p": [12.5, 3.0, None],
    "b": [True, False, None],
    "w": [True, False, None],
    "i": [1234.0, -5.0, None],
    "d": [date(2024, 2, 29), date(1, 1, 1), None],
    "h": [pd.Timestamp("2024-02-29 12:30"), pd.Timestamp("1999-12-31"), None],
    "s": [pd.Timestamp("2024-02-29 12:30:59"), pd.Timestamp("1999-12-31"), None],
    "t": [time(23, 59), time(0), None],
}
CANONICAL = """k,n,p,b,w,i,d,h,s,t
1,"1234,5",12.5%,ja,false,1234,29.02.2024,29/02/2024 12:30,29/02/2024 12:30:59,23.59
2,"-0,25",3.0%,nein,true,-5,01.01.0001,31/12/1999 00:00,31/12/1999 00:00:00,00.00
3,,,,,,,,,
"""


@pytest.mark.parametrize("storage", [*WRITERS, "json"])
def test_a_typed_file_is_written_in_the_form_of_its_contract(storage: str, tmp_path: Path) -> None:
    """`12.5` is not read as 125 by who expects decimal commas, and the form is a delivery that
    keeps the contract."""
    names = list("npbwi") if storage == "json" else list(TYPED)
    fields = [{"name": "k", "type": "integer"}, *({"name": n, **CONTRACT[n]} for n in names)]
    path, again = tmp_path / "typed", tmp_path / "again.csv"
    if storage == "json":
        rows = [{"k": n + 1, **{name: TYPED[name][n] for name in names}} for n in range(3)]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        WRITERS[storage](path, {"k": [1, 2, 3], **{name: TYPED[name] for name in names}})
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    typed = forms_of(path, {"fields": fields}, tmp_path / "first")
    assert typed.inspection.verdict == "conforms", typed.inspection.detail
    typed.agree()
    assert [row["n"] for row in typed.parquet] == [Decimal("1234.5"), Decimal("-0.25"), None]
    expected = list(csv.reader(io.StringIO(CANONICAL)))
    assert cells_of(typed.canonical) == [row[: len(fields)] for row in expected]
    again.write_bytes(typed.canonical)
    assert forms_of(again, {"fields": fields}, tmp_path / "second").parquet == typed.parquet


NUMBER, MOMENT = {"type": "number", "decimalChar": ","}, pd.Timestamp("2024-02-29 12:30:59")
STORED: list[tuple[dict[str, Any], list[Any], list[str]]] = [
    ({**NUMBER, "missingValues": ["NA"]}, [1.5, None], ["1,5", "NA"]),
    ({**NUMBER, "missingValues": ["", "-999"]}, [1.5, -999.0, None], ["1,5", "", ""]),
    ({**NUMBER, "missingValues": ["-999"]}, [1.5, -999.0], ["1,5", "-999"]),
    ({**NUMBER, "missingValues": ["1.5"]}, [1.5, 2.5], ["1,5", "2,5"]),
    ({"type": "integer", "missingValues": ["-1"]}, [1, -1, None], ["1", "-1", "-1"]),
    ({"type": "integer"}, [1e20, -5.0, 0.0], ["100000000000000000000", "-5.0", "0.0"]),
    ({"type": "integer", "groupChar": "."}, [1e20, -5.0], ["100000000000000000000", "-5"]),
    ({"type": "string", "missingValues": ["NA"]}, ["a", "", None], ["a", "", "NA"]),
    ({"type": "boolean", "trueValues": ["a", "b"], "falseValues": [""], "missingValues": ["a"]},
     [True, False, None], ["b", "", "a"]),
    ({"type": "boolean", "missingValues": ["false"], "falseValues": ["false", "0"]},
     [True, False, None], ["true", "0", "false"]),
    ({"type": "date", "format": "%d.%m.%Y", "missingValues": ["01.01.1900"]},
     [date(2024, 2, 29), date(1900, 1, 1), None], ["29.02.2024", "01.01.1900", "01.01.1900"]),
    ({"type": "date", "missingValues": ["01.01.1900", ""]}, [date(1900, 1, 1)], ["1900-01-01"]),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M:%S%z"}, [MOMENT.tz_localize("UTC")],
     ["2024-02-29 12:30:59+0000"]),
    ({"type": "datetime", "format": "%c"}, [MOMENT], ["Thu Feb 29 12:30:59 2024"]),
    ({"type": "datetime", "format": "%x %X"}, [MOMENT], ["02/29/24 12:30:59"]),
    ({"type": "year"}, [1, -44, 2024], ["0001", "-0044", "2024"]),
    ({"type": "list", "delimiter": ";"}, [["a", "b,c"], None], ["a;b,c", ""]),
    ({"type": "list", "itemType": "integer"}, [[1, 2], [3]], ["1,2", "3"]),
    ({"type": "list", "itemType": "number"}, [[1.5, 2.25]], ["1.5,2.25"]),
    ({"type": "list", "itemType": "date"}, [[date(2024, 2, 29)]], ["2024-02-29"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values", "texts"), STORED)
def test_a_stored_value_comes_back_from_the_canonical_csv(
    field: dict[str, Any], values: list[Any], texts: list[str], tmp_path: Path
) -> None:
    """Also a missing one, where an empty cell would be a value, and one that a mark states in the
    form of the field."""
    schema = {"fields": [{"name": "k", "type": "integer"}, {"name": "v", **field}]}
    path, again = tmp_path / "t.parquet", tmp_path / "again.csv"
    pq.write_table(pa.table({"k": range(len(values)), "v": values}), path)
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    stored = forms_of(path, schema, tmp_path / "first")
    assert stored.inspection.verdict == "conforms", stored.inspection.detail
    stored.agree()
    assert [row[1] for row in cells_of(stored.canonical)[1:]] == texts
    again.write_bytes(stored.canonical)
    read = forms_of(again, schema, tmp_path / "second")
    assert [row["v"] for row in read.parquet] == [row["v"] for row in stored.parquet]
    if field["type"] == "list":
        assert read.stored == stored.stored
