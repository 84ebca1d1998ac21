"""What is inferred, over the whole file."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inspection.conftest import Inspect, errors_of, places
from tests.support.flights import extract_flights
from tests.support.selection import examples

from entrepot.schemas.lexical import MISSING_MARKS


def column(*cells: str, rest: str = "") -> str:
    return "a,b\n" + "".join(f'"{cell}",{n}\n' for n, cell in enumerate(cells)) + rest


def first_field(inspect: Inspect, *cells: str) -> dict[str, Any]:
    inferred = inspect(column(*cells))
    assert inferred.verdict == "conforms", inferred.detail
    assert inferred.schema is not None
    field: dict[str, Any] = inferred.schema["fields"][0]
    marks = [""] if field["type"] == "string" else list(MISSING_MARKS)
    assert field.get("missingValues", [""]) == marks
    assert field.get("entrepot:notEmpty", False) == any(cells)
    left_out = ("name", "missingValues", "entrepot:notEmpty")
    return {key: value for key, value in field.items() if key not in left_out}


INTEGER = {"type": "integer", "entrepot:leadingZeros": False}
NUMBER = {"type": "number", "entrepot:leadingZeros": False, "entrepot:finite": True}
COMMA = {**NUMBER, "decimalChar": ","}
GROUPED = {**NUMBER, "groupChar": ","}
CONTINENTAL = {**NUMBER, "groupChar": ".", "decimalChar": ","}
WITH_ZONE, WITHOUT_ZONE = {"entrepot:timeZone": True}, {"entrepot:timeZone": False}


def affixed(kind: dict[str, Any], prefix: str, suffix: str) -> dict[str, Any]:
    affix = {"prefix": prefix, "suffix": suffix}
    return {**kind, "bareNumber": False, "entrepot:affix": affix}


def moment(kind: str, form: str) -> dict[str, Any]:
    return {"type": kind, "format": form, "entrepot:timeZone": "%z" in form.lower()}


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        (["1", "-2", "+30"], INTEGER),
        (["123", "456", "999"], INTEGER),
        (["+4930123456", "+4989123456"], {"type": "string"}),
        (["+49", "1"], {"type": "string"}),
        (["+49 301 234", "1"], {"type": "string"}),
        (["+1.5", "+2"], NUMBER),
        (["1.5", "nan", "inf"], {"type": "number", "entrepot:leadingZeros": False}),
        (["nan", "inf"], {"type": "string"}),
        (["007", "123"], {"type": "string"}),
        (["0", "10"], INTEGER),
        (["1", "x"], {"type": "string"}),
        (["123456789012345678901234567890123456789012345", "1"], INTEGER),
        (["1.5", "2"], NUMBER),
        (["1e5", ".5"], NUMBER),
        (["00.5", "1"], {"type": "string"}),
        (["12.5%", "3 %"], affixed(NUMBER, "", "%")),
        (["12.5%", "3\u00a0%"], affixed(NUMBER, "", "%")),
        (["€ 3", "$4.50"], {"type": "string"}),
        (["€ 3", "4.50 €"], {"type": "string"}),
        (["12 kg", "3 kg"], {"type": "string"}),
        (["12.5%", "3"], {"type": "string"}),
        (["€ 3", "€4.50"], affixed(NUMBER, "€", "")),
        (["1,234.56", "12"], GROUPED),
        (["1,234,567", "1"], {**GROUPED, "entrepot:grouping": "thousands"}),
        (["1.234,56", "12"], CONTINENTAL),
        (["1,5", "2,25"], COMMA),
        (["1,234", "2,5"], COMMA),
        (["1.234.567", "1"], {**CONTINENTAL, "entrepot:grouping": "thousands"}),
        (["12,34,567", "1"], {**GROUPED, "entrepot:grouping": "indian"}),
        (["12,34,567", "1,234,567"], {"type": "string"}),
        (["1,234", "12"], {"type": "string"}),
        (["1,234.5", "1.234,5"], {"type": "string"}),
        (["true", "FALSE"], {"type": "boolean", "trueValues": ["true", "True", "TRUE"],
                             "falseValues": ["false", "False", "FALSE"]}),
        (["yes", "No"], {"type": "boolean", "trueValues": ["yes", "Yes", "YES"],
                         "falseValues": ["no", "No", "NO"]}),
        *(([word, word], {"type": "string"}) for word in ("y", "NO", "true", "False", "ja", "on")),
        (["NO", "no", "No"], {"type": "string"}),
        (["y", "N"], {"type": "boolean", "trueValues": ["y", "Y"], "falseValues": ["n", "N"]}),
        (["2020-01-31", "1999-12-01"], {"type": "date"}),
        (["2020-02-30", "1999-12-01"], {"type": "string"}),
        (["12:00:00", "23:59:59"], {"type": "time", **WITHOUT_ZONE}),
        (["12:00:00Z", "23:59:59+0100"], {"type": "time", **WITH_ZONE}),
        (["12:00:00Z", "23:59:59"], {"type": "time"}),
        (["2020-01-31T12:00:00", "2020-01-31 12:00:00"], {"type": "datetime", **WITHOUT_ZONE}),
        (["2020-01-31T12:00:00Z", "2020-01-31 12:00:00+01"], {"type": "datetime", **WITH_ZONE}),
        (["2020-01-31T12:00:00Z", "2020-01-31 12:00:00"], {"type": "datetime"}),
        (["03/04/2021", "05/06/2021"], {"type": "string"}),
        (["03/04/2021", "25/06/2021"], {"type": "date", "format": "%d/%m/%Y"}),
        (["03/04/2021", "05/26/2021"], {"type": "date", "format": "%m/%d/%Y"}),
        (["26/04/2021", "05/26/2021"], {"type": "string"}),
        (["2021/04/03", "2021/05/26"], {"type": "date", "format": "%Y/%m/%d"}),
        (["03.04.2024", "02.03.2024"], {"type": "date", "format": "%d.%m.%Y"}),
        (["03.04.2024", "04.13.2024"], {"type": "string"}),
        (["03-04-2021", "05-06-2021"], {"type": "string"}),
        (["03-04-2021", "25-06-2021"], {"type": "date", "format": "%d-%m-%Y"}),
        (["31.12.68", "15.06.24"], {"type": "string"}),
        (["1/13/24", "2/25/24"], {"type": "string"}),
        (["1 234", "12"], {**NUMBER, "groupChar": " "}),
        (["1 234,5", "12"], {**NUMBER, "groupChar": " ", "decimalChar": ","}),
        (["1'234.50", "12"], {**NUMBER, "groupChar": "'"}),
        (["1\u202f234", "12"], {**NUMBER, "groupChar": "\u202f"}),
        (["12,5 %", "3 %"], affixed(COMMA, "", "%")),
        (["1,234%", "3 %"], {"type": "string"}),
        (["1.500 €", "500 €"], {"type": "string"}),
        (["1.500 €", "2.5 €"], affixed(NUMBER, "", "€")),
        (["€ 1,234.50", "€ 3"], affixed(GROUPED, "€", "")),
        (["1.234,50 €", "3 €"], affixed(CONTINENTAL, "", "€")),
        (["1,5", "3e-10"], COMMA),
        (["1,5E-05", "2"], COMMA),
        (["1e5", "2.5", "1,5"], {"type": "string"}),
        (["(12)", "3"], {"type": "string"}),
        (["ja", "Nein"], {"type": "boolean", "trueValues": ["ja", "Ja", "JA"],
                          "falseValues": ["nein", "Nein", "NEIN"]}),
        (["2024-01-31 10:00"], moment("datetime", "%Y-%m-%d %H:%M")),
        (["31.01.2024 10:00"], moment("datetime", "%d.%m.%Y %H:%M")),
        (["01/02/2024 10:00:00", "05/06/2024 23:59:00"], {"type": "string"}),
        *(
            ([f"01/13/2024{clock}", f"2/03/2024{clock}"], moment("datetime", form))
            for clock, form in (
                (" 9:05", "%m/%d/%Y %H:%M"),
                (" 3:05:00 PM", "%m/%d/%Y %I:%M:%S %p"),
                (" 11:30am", "%m/%d/%Y %I:%M%p"),
                (" 10:00:00.250", "%m/%d/%Y %H:%M:%S.%f"),
                (" 10:00 +0100", "%m/%d/%Y %H:%M %z"),
                (" 10:00:00+01:00", "%m/%d/%Y %H:%M:%S%z"),
                (" 10:00 UTC", "%m/%d/%Y %H:%M %Z"),
                (" 3:05 PM -0500", "%m/%d/%Y %I:%M %p %z"),
            )
        ),
        (["2024-01-31 10:00:00 +0100"], moment("datetime", "%Y-%m-%d %H:%M:%S %z")),
        (["2024-01-31 10:00:00 UTC"], moment("datetime", "%Y-%m-%d %H:%M:%S %Z")),
        (["2024-01-31 10:00", "2024-01-31 10:00 +0100"], {"type": "string"}),
        (["Wed, 31 Jan 2024 10:00:00 +0000"],
         moment("datetime", "%a, %d %b %Y %H:%M:%S %z")),
        (["1/2/2024 3:05:00 PM", "2/3/2024 11:30:00 AM"], {"type": "string"}),
        (["10:00", "23:59"], moment("time", "%H:%M")),
        (["10:00 AM", "1:05 pm"], moment("time", "%I:%M %p")),
        (["01-Jan-2024", "29-Feb-2024"], {"type": "date", "format": "%d-%b-%Y"}),
        (["01-Jan-2024", "30-Feb-2024"], {"type": "string"}),
        (["January 5, 2024", "May 31, 2024"], {"type": "date", "format": "%B %d, %Y"}),
        (["2024-01", "1999-12"], {"type": "yearmonth"}),
        (["2024-01", "1999-13"], {"type": "string"}),
        (["P1DT2H", "PT5M"], {"type": "duration"}),
        (["P1D", "P"], {"type": "string"}),
        (['{""a"": 1}', "{}"], {"type": "object"}),
        (['[1, 2]', "[]"], {"type": "array"}),
        (["[1, 2]", "[note]"], {"type": "string"}),
        (["3f2504e0-4f89-11d3-9a0c-0305e82c3301"], {"type": "string", "format": "uuid"}),
        (["", ""], {"type": "string"}),
        (["1", "", *MISSING_MARKS[1:]], INTEGER),
        (["2020-01-31", "."], {"type": "date"}),
        (["1", "?"], {"type": "string"}),
        (["x", "NA"], {"type": "string"}),
    ],
)  # fmt: skip
def test_field(cells: list[str], field: dict[str, Any], inspect: Inspect) -> None:
    assert first_field(inspect, *cells) == field


def test_a_type_that_fails_late_is_not_inferred(inspect: Inspect) -> None:
    body = "".join(f"{n},{n}\n" for n in range(50_000))
    inferred = inspect(f"a,b\n{body}x,1\n")
    assert inferred.schema is not None
    assert [field["type"] for field in inferred.schema["fields"]] == ["string", "integer"]
    assert inferred.row_count == 50_001


def test_the_seed_samples(inspect: Inspect) -> None:
    digits = "number_3_digits\n" + "".join(f"{n}\n" for n in range(100, 1000))
    inferred = inspect(digits, name="number_3_digits.csv")
    filled = {"entrepot:notEmpty": True}
    marks = {"missingValues": list(MISSING_MARKS)}
    assert inferred.schema == {
        "fields": [{"name": "number_3_digits", **INTEGER, **marks, **filled}],
        "entrepot:minRows": 1,
    }
    assert inferred.row_count == 900
    percents = "metric,percentage\n" + "".join(f"m{n},{n / 10}%\n" for n in range(1, 1000))
    inferred = inspect(percents, name="percentage_metric.csv")
    assert inferred.schema == {
        "fields": [
            {"name": "metric", "type": "string", **filled},
            {"name": "percentage", **affixed(NUMBER, "", "%"), **marks, **filled},
        ],
        "entrepot:minRows": 1,
    }


def test_a_file_without_header_is_rejected_under_inference(inspect: Inspect) -> None:
    inferred = inspect("1,x\n2,y\n")
    assert inferred.verdict == "violates"
    assert places(inferred) == [("header-error", None, None)]
    assert errors_of(inferred)[0]["code"] == "missing-header"
    assert inferred.row_count == 2
    assert inspect("1,x\n2,y\n", mode="none").verdict == "conforms"


def test_columns_without_a_label_get_a_name(inspect: Inspect) -> None:
    """R and pandas write one for the index. The name is frozen, and the blank label has it."""
    inferred = inspect(",a,,b\n1,x,2,y\n")
    assert inferred.schema is not None
    names = ["column_1", "a", "column_3", "b"]
    assert [field["name"] for field in inferred.schema["fields"]] == names
    warnings = inferred.report["tasks"][0]["warnings"]
    assert [text for text in warnings if text.startswith("Column")] == [
        f"Column {number} has no label; the contract names it `column_{number}`."
        for number in (1, 3)
    ]
    assert inspect(",a,,b\n2,y,3,z\n", inferred.schema).verdict == "conforms"
    spare = inspect("a,b,\n1,2,\n3,4,\n")
    assert spare.schema is not None
    assert [field["name"] for field in spare.schema["fields"]] == ["a", "b"]
    assert inspect("a,b,\n1,2,\n3,4,\n", spare.schema).verdict == "conforms"
    assert places(inspect("a,b,\n1,2,\n3,4,5\n", spare.schema)) == [("extra-cell", 3, 3)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a,b\n1,2\n3\n", {"missing-cell"}),
        ("a,b\n1,2\n3,4,5\n", {"extra-cell"}),
        ("a,a\nx,2\n", {"duplicate-label"}),
        ("a,b\n1,2\n\n3,4\n", {"blank-row"}),
    ],
)
def test_unsound_structure(text: str, kinds: set[str], inspect: Inspect) -> None:
    inferred = inspect(text)
    assert inferred.verdict == "violates"
    assert {error["type"] for error in errors_of(inferred)} == kinds
    free = inspect(text, mode="none")
    assert free.verdict == "conforms"
    assert free.report["valid"]
    assert free.report["tasks"][0]["warnings"]
    assert {error["type"] for error in errors_of(free)} == kinds


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("ä,b\nß,1\n".encode("latin-1"), "cp1252"),
        ("ä,b\n€ 5,1\n".encode("cp1252"), "cp1252"),
        ("ä,b\nß,1\n".encode("utf-16"), "utf-16-le"),
        ("ä,bcd\nß,1\n".encode("utf-16-be"), "utf-16-be"),
        ("ä,b\nß,1\n".encode("utf-8-sig"), "utf-8"),
    ],
)
def test_encodings(raw: bytes, encoding: str, inspect: Inspect) -> None:
    inferred = inspect(raw)
    assert inferred.verdict == "conforms", inferred.detail
    assert inferred.schema is not None
    assert inferred.schema["fields"][0]["name"] == "ä"
    assert inferred.profile["file"]["encoding"] == encoding
    assert inferred.row_count == 1


def test_undecodable_bytes(inspect: Inspect) -> None:
    inferred = inspect(b"a,b\n\xc3\xa4,\xc3\xb6\n1,\xff\n2,x\n")
    assert inferred.verdict == "violates"
    assert [(e["type"], e["rowNumber"], e["byteOffset"]) for e in errors_of(inferred)] == [
        ("encoding-error", 3, 10)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_dialects(delimiter: str, newline: str, inspect: Inspect) -> None:
    rows = [["name", "amount", "note"], ["x", "1,5", '"a;b|c"'], ["y", "2,25", '"d ""e"""']]
    rows = [[cell.replace("1,5", '"1,5"').replace("2,25", '"2,25"') for cell in r] for r in rows]
    inferred = inspect(newline.join(delimiter.join(row) for row in rows) + newline)
    assert inferred.verdict == "conforms", inferred.detail
    assert inferred.profile["file"]["dialect"]["delimiter"] == delimiter
    assert inferred.schema is not None
    assert [field["type"] for field in inferred.schema["fields"]] == ["string", "number", "string"]


def test_the_contract_tells_the_delimiter(inspect: Inspect) -> None:
    schema = {"fields": [{"name": "a;b"}, {"name": "c"}]}
    assert inspect("a;b,c\n1;2,3\n4;5,6\n", schema).verdict == "conforms"


def test_rows_that_the_engine_loses_are_noticed(inspect: Inspect, monkeypatch: Any) -> None:
    monkeypatch.setattr("entrepot.inspection.csv.reader._read_csv", _losing_rows)
    inferred = inspect('a,b\n1,"x\ny"\n2,z\n')
    assert (inferred.verdict, inferred.row_count) == ("conforms", 2)


def _losing_rows(path: Path, options: dict[str, str]) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in options.items())
    scan = f"read_csv('{path}', {settings})"
    return scan if "normalized" in str(path) else f"(SELECT * FROM {scan} LIMIT 1)"


@pytest.mark.slow
def test_flights_and_penguins(inspect: Inspect, tmp_path: Path) -> None:
    path = extract_flights(tmp_path)
    inferred = inspect(path)
    assert inferred.verdict == "conforms"
    assert inferred.row_count == 336_776
    assert inferred.schema is not None
    types = {field["name"]: field["type"] for field in inferred.schema["fields"]}
    assert types["dep_time"] == "integer"
    assert types["tailnum"] == "string"
    assert types["time_hour"] == "datetime"
    assert inspect(path, inferred.schema).verdict == "conforms"
    dirty = path.with_name("dirty.csv")
    lines = path.read_text().splitlines(keepends=True)
    lines[9_112] = lines[9_112].replace("2013,", "20x3,", 1)
    lines[300_000] = lines[300_000].replace("2013,", "20y3,", 1)
    dirty.write_text("".join(lines))
    rejected = inspect(dirty, inferred.schema)
    assert places(rejected) == [("type-error", 300_001, 1), ("type-error", 9_113, 1)]
    first = errors_of(rejected)[0]
    assert first["lineNumber"] == 9_113
    raw = dirty.read_bytes()
    assert raw[first["byteOffset"] :].startswith(b"20x3,")
    assert rejected.detail == (
        "2 of 336,776 rows break the contract. The first of 2 errors of this kind: Line 9,113, "
        "column `year`: `20x3` is not an integer. Expected an integer, such as 17."
    )
    penguins = inspect(Path(str(files("palmerpenguins") / "data/penguins.csv")))
    assert penguins.verdict == "conforms"
    assert penguins.row_count == 344


CELLS = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
    st.dates().map(str),
    st.sampled_from(
        ["", "NA", "-", "007", "true", "no", "1,5", "1.234,5", "12%", "x y", "03/04/2021"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters='\0"\r\n'), max_size=5),
)


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.tuples(CELLS, CELLS, st.integers().map(str)), min_size=1, max_size=6))
def test_a_file_conforms_to_what_was_inferred_of_it(
    rows: list[tuple[str, ...]], inspect: Inspect
) -> None:
    text = "p,q,r\n" + "".join(",".join(f'"{c}"' for c in row) + "\n" for row in rows)
    inferred = inspect(text)
    assert inferred.row_count == len(rows)
    if inferred.verdict == "conforms":
        assert inspect(text, inferred.schema).verdict == "conforms", inferred.schema


@pytest.mark.parametrize(
    ("late", "field"),
    [
        (["5", "-7"], INTEGER),
        (["31.12.2024", "NA"], {"type": "date", "format": "%d.%m.%Y"}),
        (["5 %", "7.5%"], affixed(NUMBER, "", "%")),
        (["5", "note"], {"type": "string"}),
    ],
)
def test_a_column_whose_first_values_come_late(
    inspect: Inspect, late: list[str], field: dict[str, Any]
) -> None:
    assert first_field(inspect, *["", "NA"] * 1_500, *late) == field


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("id;count;price;share\n1;1.500;2,50;1.5\n2;300;1,25;2.250\n",
         "integer string number number"),
        ("id\tcount\tprice\n1\t1.500\t2,50\n2\t300\t1,25\n", "integer string number"),
        ("id;count\n1;1.500\n", "integer string"),
        ("id;count\n1;1.500\n2;-2.300\n3;0\n4;\n", "integer string"),
        ("day\tcount\n31.12.2024\t1.500\n01.01.2025\t300\n", "date string"),
        ("id;count\n1;1.500\n2;2.30\n", "integer number"),
        ("id;count\n1;1.500\n2;0.300\n", "integer number"),
        ("id;count\n1;1.500\n2;2300\n", "integer number"),
        ("id,count\n1,1.500\n2,2.300\n", "integer number"),
        ("id\tcount\n1\t1.500\n2\t2.300\n", "integer number"),
    ],
)  # fmt: skip
def test_points_that_may_stand_between_thousands(inspect: Inspect, text: str, types: str) -> None:
    """`1.500` is not read as one and a half where other numbers have, or may have, a comma."""
    first = inspect(text)
    assert first.schema is not None
    assert " ".join(field["type"] for field in first.schema["fields"]) == types
    warned = [each for each in first.report["tasks"][0]["warnings"] if "thousands" in each]
    assert [each.startswith("`count` stays text") for each in warned] == (
        [True] if "string" in types else []
    )
