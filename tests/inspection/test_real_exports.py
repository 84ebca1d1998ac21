"""First versions as programs export them: banks, statistics offices, SAP, databases."""

from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.forms import forms_of

from entrepot.schemas.table_dialect import MAX_ROW_NUMBER

BANK = """"Kontonummer:";"DE89 3704 0044 0532 0130 00 / Girokonto";
"Kontostand vom 31.01.2024:";"1.234,56 EUR";

"Buchungstag";"Auftraggeber / Begünstigter";"Verwendungszweck";"Betrag (EUR)";"Referenz";
"31.01.2024";"Stadtwerke";"Strom
Abschlag";"-85,00";"";
"30.01.2024";"ACME GmbH";"Gehalt Januar";"2.345,67";"NOTPROVIDED";
"""
INDICATORS = """"Data Source","World Development Indicators",

"Last Updated Date","2024-02-21",

"Country Name","Country Code","1960","1961",
"Aruba","ABW","54608","55811",
"Africa, East","AFE","130692579","134169237",
"Kosovo","XKX","","",
"""
PAYMENTS = """"Date","Time","Name","Gross"
"31/01/2024","10:15:00","Ann ""A"" Lee","1,234.50"
"01/02/2024","09:00:10","","-1,198.40"
"""
SAP = """01.03.2024          Dynamische Listenausgabe            1
---------------------------------------------------------
|Belegnr   |Pos|Buchungsdat|Betrag in HW   |Text        |
---------------------------------------------------------
|4900000012|  1|31.01.2024 |     1.234,50- |Miete       |
|4900000013|  1|01.02.2024 |       200,00  |Büromaterial|
|4900000014|  1|02.02.2024 |        17,35  |Porto       |
---------------------------------------------------------
|*         |   |           |     1.017,15- |            |
---------------------------------------------------------
"""
POPULATION = """Statistisches Bundesamt (Destatis)
Tabelle: 12411-0001

Stichtag;Bevölkerung
;Anzahl
31.12.2020;83155031
31.12.2021;83237124
31.12.2022;84358845
__________
Stand: 01.03.2024 / 10:15:33
"""
POSTINGS = """"EXTF";700;21;"Buchungsstapel";13;"RE";1001;1;20240101;"EUR"
Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;Konto;Belegdatum;Belegfeld 1
100,50;"S";1200;1501;"R1"
20,00;"H";1200;1601;"R2"
"""
PAGES = """# All Web Site Data
# 20240101-20240131

Page,Pageviews,Bounce
/home,"1,234",45.67%
/about,987,60.00%

Day Index,Pageviews
1/1/24,100
1/2/24,120
"""
MYSQL = """+----+------+--------+
| id | name | amount |
+----+------+--------+
|  1 | Ann  |   1.50 |
|  2 | NULL |   2.50 |
+----+------+--------+
2 rows in set (0.00 sec)
"""
SQLPLUS = """
ID NAME       SALARY
---------- ---------- ----------
         1 Ann              1000
         2 Bob              2000

2 rows selected.
"""
R_TABLE = '"mpg" "cyl"\n"Mazda RX4" 21 6\n"Datsun 710" 22.8 4\n'


@pytest.mark.parametrize(
    ("text", "encoding", "types"),
    [
        (BANK, "cp1252", "date string string number string"),
        (BANK, "utf-8", "date string string number string"),
        (INDICATORS, "utf-8-sig", "string string integer integer"),
        (PAYMENTS, "utf-8-sig", "date time string number"),
    ],
)
def test_an_export_becomes_a_contract_with_all_its_forms(
    tmp_path: Path, text: str, encoding: str, types: str
) -> None:
    """No form has the titles above it and the empty cells at the ends of its lines, and the
    canonical CSV keeps the contract."""
    path, again = tmp_path / "export.csv", tmp_path / "again.csv"
    path.write_bytes(text.encode(encoding))
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    forms = forms_of(path, None, tmp_path / "first")
    assert forms.inspection.verdict == "conforms", forms.inspection.detail
    assert forms.inspection.schema is not None
    assert " ".join(each["type"] for each in forms.inspection.schema["fields"]) == types
    forms.agree()
    again.write_bytes(forms.canonical)
    assert forms_of(again, forms.inspection.schema, tmp_path / "second").parquet == forms.parquet


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (SAP, {"outside-table"}),
        (POPULATION, {"outside-table"}),
        (POSTINGS, {"outside-table"}),
        (PAGES, {"outside-table"}),
        (MYSQL, {"outside-table"}),
        (SQLPLUS, {"outside-table", "blank-row", "extra-cell"}),
        (R_TABLE, {"extra-cell"}),
    ],
)
def test_a_report_for_people_becomes_none(inspect: Inspect, text: str, codes: set[str]) -> None:
    first = inspect(text)
    assert {error["code"] for error in errors_of(first)} == codes, first.detail
    advice = (" to the dialect", "Give each column a name", "Deliver it as a file of its own")
    assert any(each in first.detail for each in advice)


def test_columns_between_runs_of_blanks_keep_their_own_contract(inspect: Inspect) -> None:
    """Two blanks would delimit them as well, but give a label that is not the contract's."""
    text = "a  b   c\n1  2   3\n4  5   6\n"
    first = inspect(text)
    assert first.verdict == "conforms", first.detail
    assert inspect(text, first.schema).verdict == "conforms"


@pytest.mark.parametrize(
    "text",
    [
        "last,first\nDoe, John,M\nRoe, Jane,F\n",
        "name;note\nAnn; x;y\nBob; z;w\n",
        "title,year\nDune, part one,2021\nHeat, uncut,1995\nIran, a story,2003\n",
    ],
)
def test_a_row_of_texts_without_quotes_does_not_become_the_header(
    inspect: Inspect, text: str
) -> None:
    first = inspect(text)
    assert first.verdict == "violates", first.schema
    assert {error["code"] for error in errors_of(first)} <= {"unsure-reading", "missing-header"}


@pytest.mark.parametrize(
    ("header", "row", "rows"),
    [
        ("id,name\n", "1,ab\n", 1),
        ("id,name\n", "1,ab\n", 100_000),
        ("name,ort\n", "A,B\n", 1),
        ("name,ort\n", "A,B\n", 100_000),
        ('"id","n"\n', "1,2\n", 50_000),
    ],
)
def test_joined_files_with_byte_order_marks_repeat_the_header(
    inspect: Inspect, header: str, row: str, rows: int
) -> None:
    first = inspect(f"\ufeff{header}{row * rows}\ufeff{header}{row * rows}")
    repeated = rows + 2
    # A dialect names rows near the top alone.
    advised = f'or add "commentRows": [{repeated}] to the dialect' in first.detail
    assert advised == (repeated <= MAX_ROW_NUMBER)
    assert "Take it out" in first.detail
    assert [error["rowNumber"] for error in errors_of(first)] == [repeated]


@pytest.mark.parametrize("rows", [1, 3_000])
@pytest.mark.parametrize("quoted", [False, True])
def test_records_below_the_line_of_excel_are_counted_without_it(
    inspect: Inspect, rows: int, quoted: bool
) -> None:
    schema = {"fields": [{"name": "sku"}, {"name": "qty", "type": "integer"}]}
    first = '"A\nB";1\n' if quoted else "A;1\nB;1\n"
    text = f"sep=;\nsku;qty\n{first}A;1\n" + "A;1\n" * rows
    broken = inspect(f"{text}C;x\nD;2\n", schema)
    record = rows + (4 if quoted else 5)
    places = [(error["rowNumber"], error["lineNumber"]) for error in errors_of(broken)]
    assert places == [(record, rows + 6)]
    counts = broken.profile["file"]["records"]
    assert counts["total"] == counts["header"] + counts["judged"] == record + 1
    repeated = f"{text}sku;qty\nB;2\n"
    assert f'"commentRows": [{record}]' in inspect(repeated, schema).detail
    assert f'"commentRows": [{record}]' in inspect(f"{repeated}C;3\n").detail
    assert inspect(repeated, schema, dialect={"commentRows": [record]}).verdict == "conforms"
    assert inspect(text, dialect={"headerRows": [1]}).schema == inspect(text).schema


def test_a_text_that_is_called_compressed_is_read_as_what_it_is(inspect: Inspect) -> None:
    for name, content in (("t.csv.gz", "a,b\n1,2\n"), ("t.jsonl.gz", '{"a": 1, "b": 2}\n')):
        assert inspect(content, name=name).verdict == "conforms"
