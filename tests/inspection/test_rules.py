"""Constraints, categories and keys against truths written by hand: what is compared exactly, and
what frictionless does not know."""

import json
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, places

Field = dict[str, Any]
LONG = "12345678901234567890123456789012345678901234567890"
NEXT = LONG[:-1] + "1"


def field(kind: str, constraints: Any = None, **more: Any) -> Field:
    return {"name": "a", "type": kind, **more, "constraints": constraints or {}}


def wrong_rows(inspect: Inspect, one: Field, cells: list[str], kind: str) -> list[str]:
    """The cells that the report lists, each of them with an error of `kind`."""
    quoted = [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells]
    lines = [f"{n},{cell}" for n, cell in enumerate(quoted)]
    schema = {"fields": [{"name": "n", "type": "integer"}, one]}
    inspection = inspect("n,a\n" + "\n".join(lines) + "\n", schema)
    errors = errors_of(inspection)
    assert {error["type"] for error in errors} <= {kind}
    return list(dict.fromkeys(cells[error["rowNumber"] - 2] for error in errors))


BOUNDS: dict[str, tuple[Field, list[str], list[str]]] = {
    # name: the field, sound cells, cells that break its constraint
    "long integers": (
        field("integer", {"minimum": LONG, "exclusiveMaximum": LONG + "5"}),
        [LONG, NEXT, "+" + LONG, "00" + NEXT], [LONG[:-1], LONG + "5", "-" + LONG, "0"]),
    "long integers below a short bound": (
        field("integer", {"maximum": 10}), ["10", "-" + LONG, "0010"], ["11", LONG, "0" + LONG]),
    "decimals of many digits": (
        field("number", {"minimum": "0.1000000000000000000001", "maximum": "1e30"}),
        ["0.1000000000000000000001", "0.10000000000000000000010", "1E30", "1" + "0" * 30],
        ["0.1", "0.1000000000000000000000", "1" + "0" * 29 + "1", "1e31", "-1", "NaN", "INF"]),
    "exclusive decimals": (
        field("number", {"exclusiveMinimum": 0.1, "exclusiveMaximum": "0.3"}),
        ["0.10000000000000001", "0.29999999999999999999", "2e-1"],
        ["0.1", "0.10", "1e-1", "0.3", "3.0e-1", "0.30000000000000004"]),
    "exponents beyond a double": (
        field("number", {"exclusiveMinimum": "1e-400", "maximum": "1e400"}),
        ["1e-399", "1e400", "1", "9.99e399"],
        ["1e-400", "0", "1.1e400", "1e999999999999999999999"]),
    "a bound in the field's own form": (
        field("number", {"maximum": "1.234,5"}, decimalChar=",", groupChar="."),
        ["1.234,5", "1234,50"], ["1.234,51", "12.345"]),
    "moments with zones": (
        field("datetime", {
            "minimum": "2020-01-01T00:00:00Z", "maximum": "2020-01-01T02:00:00+01:00"}),
        ["2020-01-01T02:00:00+02:00", "2019-12-31T20:00:00-0400", "2020-01-01 01:00:00"],
        ["2020-01-01T00:00:00+01", "2020-01-01T01:00:00,5Z"]),
    "times with zones": (
        field("time", {"minimum": "12:00:00Z"}),
        ["14:00:00+02:00", "12:00:00", "11:00:00-01:00"], ["13:59:59.999+02:00", "12:00:00+0001"]),
    "dates of the first and last years": (
        field("date", {"minimum": "0001-01-02", "exclusiveMaximum": "9999-12-31"}),
        ["0001-01-02", "9999-12-30"], ["0001-01-01", "9999-12-31"]),
    "years": (
        field("year", {"minimum": "-0044", "maximum": 12020}),
        ["-0044", "0001", "12020"], ["-0045", "12021", "-12000"]),
    "months": (
        field("yearmonth", {"minimum": "-0044-03", "maximum": "12020-01"}),
        ["-0044-03", "0001-01", "12020-01"], ["-0044-02", "-0045-12", "12020-02"]),
    "durations": (
        field("duration", {"minimum": "P1M", "maximum": "P1Y"}),
        ["P1M", "P28D", "P31D", "P365D", "P12M", "P52W", "P366D", "PT2678400S"],
        ["P27D", "P0D", "-P1M", "P367D", "P1Y1D", "P1000000000Y", "P13M"]),
    "exclusive durations": (
        field("duration", {"exclusiveMinimum": "PT1H", "exclusiveMaximum": "PT2H"}),
        ["PT61M", "PT3600.000000001S", "PT1H59M59.999S"], ["PT60M", "PT1H", "PT7200S", "P1D"]),
    "durations before zero": (
        field("duration", {"maximum": "-P1D"}), ["-P1D", "-PT24H", "-P1M"], ["PT0S", "-PT23H"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str, inspect: Inspect) -> None:
    one, sound, broken = BOUNDS[name]
    assert wrong_rows(inspect, one, sound + broken, "constraint-error") == broken


ENUMS: dict[str, tuple[Field, list[str], list[str]]] = {
    "integers": (
        field("integer", {"enum": [1, "2", LONG]}), ["1", "+2", " 01 ", LONG, "0" + LONG],
        ["3", NEXT, "-1"]),
    "numbers": (
        field("number", {"enum": [0.1, "12345678901234567890123"]}),
        ["0.1", "0.10", "1e-1", ".1", "12345678901234567890123", "1.2345678901234567890123E22"],
        ["0.1000000000000000055511151231257827", "12345678901234567890124", "NaN", "1e23"]),
    "moments": (
        field("datetime", {"enum": ["2020-01-01T00:00:00Z"]}),
        ["2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", "2020-01-01 00:00:00.000"],
        ["2020-01-01T00:00:00.000001Z"]),
    "dates in a format": (
        field("date", {"enum": ["01.02.2020"]}, format="%d.%m.%Y"), ["1.2.2020"], ["2.1.2020"]),
    "durations": (
        field("duration", {"enum": ["P1Y", "PT1H"]}), ["P12M", "PT60M", "PT3600.0S"], ["P365D"]),
    "lists": (
        field("list", {"enum": ["1;2", [3]]}, delimiter=";", itemType="integer"),
        ["1;2", "01; 2", "3"], ["2;1", "1", "1;2;3"]),
    "geopoints": (
        field("geopoint", {"enum": ["1,2", [3, 4.5]]}), ["1,2", "1.0, 2.00", "3,4.50"], ["2,1"]),
    "geopoints as objects": (
        field("geopoint", {"enum": [{"lon": 1, "lat": 2}]}, format="object"),
        ['{"lat": 2.0, "lon": 1}'], ['{"lon": 2, "lat": 1}']),
    "objects": (
        field("object", {"enum": [{"x": 1, "y": [True]}, "{}"]}),
        ['{"y": [true], "x": 1.0}', "{}", " { } "], ['{"x": 1, "y": [1]}', '{"x": 1}']),
    "arrays": (field("array", {"enum": [[1, 2]]}), ["[1,2]", "[1.0, 2]"], ["[2,1]", "[]"]),
    "booleans": (field("boolean", {"enum": [True]}), ["true", "1"], ["false", "0"]),
    "anything": (field("any", {"enum": ["x", 1]}), ["x", "1"], ["1.0", "X"]),
    "categories": (field("string", categories=["a", "b"]), ["a", "b"], ["c", "A"]),
    "categories of integers": (
        field("integer", categories=[{"value": 1, "label": "no"}, {"value": 2}]),
        ["1", "02", "+1"], ["3", "-1"]),
    "many": (
        field("string", {"enum": [f"v{n}" for n in range(10_000)]}), ["v0", "v9999"], ["v10000"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ENUMS)
def test_enums(name: str, inspect: Inspect) -> None:
    one, sound, broken = ENUMS[name]
    assert wrong_rows(inspect, one, sound + broken, "constraint-error") == broken


UNIQUE: dict[str, tuple[Field, list[str], list[str]]] = {
    # name: the field, cells that differ, cells that repeat one of them
    "integers": (field("integer"), ["1", "2", LONG, NEXT], ["01", "+2", "0" + LONG, "000" + NEXT]),
    "numbers": (
        field("number"),
        ["0.1", "0.10000000000000001", "12345678901234567890123", "12345678901234567890124",
         "1e400", "INF", "0"],
        ["1e-1", "0.100000000000000010", "1.2345678901234567890124e22", "10e399", "-0.0",
         "infinity"]),
    "moments": (
        field("datetime"), ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00"],
        ["2020-01-01T01:00:00+01:00", "2019-12-31 23:00:00"]),
    "durations": (field("duration"), ["P1Y", "PT1H", "P365D"], ["P12M", "PT60M"]),
    "booleans": (field("boolean"), ["true", "false"], ["1", "0"]),
    "geopoints": (field("geopoint"), ["1,2", "2,1"], ["1.0, 2"]),
    "lists": (field("list", itemType="integer"), ["1,2", "2,1"], ["01, 2"]),
    "arrays": (field("array"), ["[1, 2]", "[2, 1]"], ["[1,2]"]),
    "texts": (field("string"), ["a", "A", "a ", "ä"], ["a", "ä"]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNIQUE)
def test_unique(name: str, inspect: Inspect) -> None:
    one, different, repeated = UNIQUE[name]
    one = {**one, "constraints": {"unique": True}}
    cells = different + repeated
    assert wrong_rows(inspect, one, cells, "unique-error") == repeated


AB = [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]


def test_unique_keys(inspect: Inspect) -> None:
    schema = {"fields": AB, "uniqueKeys": [["a", "b"], ["b"]]}
    inspection = inspect("a,b\n1,x\n01,x\n2,x\n1,\n1,\n,y\n,y\nq,z\nq,z\n", schema)
    unique = [e for e in errors_of(inspection) if e["code"] == "unique-key"]
    assert [(e["rowNumber"], e["note"]) for e in unique] == [
        (3, 'the unique key "a, b": the same as in the row at position 2'),
        (3, 'the unique key "b": the same as in the row at position 2'),
        (4, 'the unique key "b": the same as in the row at position 3'),
        (8, 'the unique key "b": the same as in the row at position 7'),
        (10, 'the unique key "b": the same as in the row at position 9'),
    ]
    counts = inspection.report["tasks"][0]["errorCounts"]
    assert [c["count"] for c in counts if c["code"] == "unique-key"] == [1, 4]
    assert [(e["earlierRowNumber"], e["earlierLineNumber"]) for e in unique][:2] == [(2, 2)] * 2
    detail = inspect("a,b\n1,x\n1,x\n", schema).detail
    assert "the unique key `a` = `1`, `b` = `x` is not unique, line 2 has it too" in detail


def test_primary_key_demands_all_its_parts(inspect: Inspect) -> None:
    schema = {"fields": AB, "primaryKey": ["a", "b"]}
    inspection = inspect("a,b\n1,x\n,x\n1,\n01,x\n", schema)
    assert places(inspection) == [("primary-key", row, None) for row in (3, 4, 5)]
    assert inspection.report["tasks"][0]["rowsRejected"] == 3


def test_foreign_key_to_the_table_itself(inspect: Inspect) -> None:
    fields = [{"name": "id", "type": "integer"}, {"name": "parent", "type": "number"}]
    key = {"fields": ["parent"], "reference": {"fields": ["id"]}}
    schema = {"fields": fields, "foreignKeys": [key]}
    inspection = inspect("id,parent\n1,\n2,1.0\n3,9\n4,1e0\n5,x\n", schema)
    assert places(inspection) == [("foreign-key", 4, None), ("type-error", 6, 2)]
    assert errors_of(inspection)[0]["note"] == 'for "parent": not found as "id"'
    assert inspection.report["tasks"][0]["rowsRejected"] == 2
    assert inspection.verdict == "violates"


def test_json_schema(inspect: Inspect) -> None:
    rule = {
        "$defs": {"amount": {"type": "integer", "minimum": 1}},
        "type": "object",
        "properties": {"value": {"$ref": "#/$defs/amount"}, "code": {"pattern": "^(a+)+$"}},
        "required": ["value"],
    }
    broken = [
        '{"value": "bad"}',
        "{}",
        '{"value": 0}',
        '{"value": 1, "code": "%sb"}' % ("a" * 5000),
    ]
    sound = ['{"value": 100}', '{"value": 12345678901234567890123, "code": "aaa"}']
    one = field("object", {"jsonSchema": rule})
    assert wrong_rows(inspect, one, sound + broken, "constraint-error") == broken


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_json_files_have_values_of_their_own(name: str, inspect: Inspect) -> None:
    fields = [
        {"name": "n", "type": "number", "decimalChar": ",", "constraints": {"maximum": "1,5"}},
        {"name": "p", "type": "geopoint", "format": "array"},
        {"name": "l", "type": "list", "constraints": {"maxLength": 2}},
        {"name": "o", "type": "object", "constraints": {"jsonSchema": {"required": ["x"]}}},
        {"name": "i", "type": "list", "itemType": "integer"},
    ]
    good = {"n": 1.5, "p": [1, 2], "l": ["a", "b"], "o": {"x": 1}, "i": [1, "2"]}
    rows = [good, {**good, "n": "1,5"}, {**good, "n": 1.6}, {**good, "n": "1.5"},
            {**good, "p": [181, 2]}, {**good, "p": "[1, 2]"}, {**good, "l": ["a", "b", "c"]},
            {**good, "o": {}}, {**good, "o": '{"x": 1}'}, {**good, "i": [1.5]}]  # fmt: skip
    text = "\n".join(map(json.dumps, rows)) if name.endswith("l") else json.dumps(rows)
    assert places(inspect(text, {"fields": fields}, name=name)) == [
        ("constraint-error", 4, 1), ("constraint-error", 8, 3), ("constraint-error", 9, 4),
        ("type-error", 11, 5), ("type-error", 3, 1), ("type-error", 5, 1), ("type-error", 6, 2),
    ]  # fmt: skip


FORMATS: dict[str, tuple[Field, list[str], list[str]]] = {
    "wkt": (
        field("string", format="wkt"),
        ["POINT (1 2)", "point z(1 2 3)", "LINESTRING EMPTY", "MULTIPOINT((1 2),(3 4))",
         "POLYGON((0 0,1 1,1 0,0 0),EMPTY)", "CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 2))",
         "GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(LINESTRING(0 0,1 1)))"],
        ["POINT(1)", "POINT(1,2)", "POINT(1 2", "POINT(1 2)x", "XPOINT(1 2)", "x", "\x01",
         "GEOMETRYCOLLECTION(POINT(1 2)", "SRID=4326;POINT(1 2)"]),
    "any date": (
        field("date", format="any"),
        ["2020-01-31", "1/31/2020", "31/1/2020", "31 January 2020", "Jan 31, 2020", "20200131",
         "Friday, 31 January 2020", "1/31/20"],
        ["2020-02-30", "31/31/2020", "yesterday", "2020", "12:00"]),
    "any time": (
        field("time", format="any"), ["12:30", "12:30:05.123Z", "3 pm", "3:15:00 PM", "12:30+0200"],
        ["24:01", "12", "13 pm", "x"]),
    "any datetime": (
        field("datetime", format="any"),
        ["2020-01-31T12:00:00+02:00", "2020-01-31 12:00", "31.1.2020 3:15 pm", "20200131T120000",
         "2020-01-31"],
        ["2020-01-31T25:00:00", "12:00", "31.1.2020 12"]),
    "week dates": (
        field("date", format="%G-W%V-%u"), ["2020-W01-1", "2020-W53-7"],
        ["2020-W54-1", "2021-W1-0"]),
    "named zones": (
        field("time", {"maximum": "12:30 UTC"}, format="%H:%M %Z"),
        ["12:30 UTC", "12:30 GMT", "12:30 utc"], ["12:30 CET", "12:30"]),
    "datetime in the C locale": (
        field("datetime", format="%c"), ["Mon Jan  6 12:00:00 2020"], ["2020-01-06 12:00:00"]),
    "years of four digits": (
        field("date", format="%d.%m.%Y"), ["1.2.2020"], ["1.2.20", "1.2.0000"]),
    "year zero": (field("date"), ["0001-01-01"], ["0000-01-01", "12020-01-01", "infinity"]),
    "year zero of a datetime": (
        field("datetime"), ["0001-01-01T00:00:00"],
        ["0000-01-01T00:00:00", "12020-01-01T00:00:00", "infinity", "epoch"]),
    "what a cast would take": (
        field("number"), ["1e5", "-inf", "NaN"], ["nan(1)", "-nan(x)", "+-1", "1_0", "0x1F"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str, inspect: Inspect) -> None:
    one, sound, broken = FORMATS[name]
    assert wrong_rows(inspect, one, sound + broken, "type-error") == broken


def test_missing_values_with_labels(inspect: Inspect) -> None:
    one = field("integer", {"required": True})
    schema = {
        "fields": [{"name": "n"}, one],
        "missingValues": [{"value": "", "label": "OMITTED"}, {"value": "-99"}],
    }
    inspection = inspect("n,a\n1,-99\n2,\n3,7\n4,REFUSED\n", schema)
    assert places(inspection) == [
        ("constraint-error", 2, 2), ("constraint-error", 3, 2), ("type-error", 5, 2)
    ]  # fmt: skip
    own = {**one, "missingValues": [{"value": "REFUSED", "label": "no"}]}
    inspection = inspect(
        "n,a\n1,-99\n2,\n3,7\n4,REFUSED\n", {**schema, "fields": [{"name": "n"}, own]}
    )
    assert places(inspection) == [("constraint-error", 5, 2), ("type-error", 3, 2)]


@pytest.mark.parametrize("clean", [True, False])
def test_keys_of_a_table_that_is_sifted_by_its_lines(clean: bool, inspect: Inspect) -> None:
    rows = [f"{n},{n // 2},{n % 7}" for n in range(6_000)]
    rows[10] = "10,9999,1"
    rows[20] = "20,10,19"
    rows[21] = "21,10,19"
    if not clean:
        rows[30] = "30,x,1"
    names = ("a", "b", "c")
    schema = {
        "fields": [{"name": name, "type": "integer"} for name in names],
        "foreignKeys": [{"fields": "b", "reference": {"fields": "a"}}],
        "uniqueKeys": [["b", "c"]],
    }
    inspection = inspect("a,b,c\n" + "\n".join(rows) + "\n", schema)
    expected = [("foreign-key", 12, None), ("row-error", 23, None)]
    expected += [] if clean else [("type-error", 32, 2)]
    assert places(inspection) == sorted(expected, key=str)
    assert inspection.report["tasks"][0]["rowsRejected"] == len(places(inspection))


WIDE = 150
"""Columns, more than a report shows of a row."""


def wide_rows() -> list[list[str]]:
    """Rows with wrong cells at both ends, a blank one, and others that are blank at first."""
    rows = [[str(n + row) for n in range(WIDE)] for row in range(8)]
    rows[1][2] = rows[1][140] = rows[5][0] = "x"
    rows[2] = [""] * WIDE
    rows[3] = [""] * 120 + ["y", *rows[3][121:]]
    return rows


def as_text(rows: list[list[str]]) -> bytes:
    names = [f"n{n}" for n in range(WIDE)]
    return "".join(",".join(row) + "\n" for row in [names, *rows]).encode()


def ragged(rows: list[list[str]]) -> list[list[str]]:
    return [*rows[:6], rows[6][:145], [*rows[7], "more", "and more"]]


def as_json(rows: list[list[str]]) -> bytes:
    objects = [{f"n{n}": int(c) if c.isdigit() else c for n, c in enumerate(r)} for r in rows]
    return json.dumps(objects).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", as_text(wide_rows())),
        ("t.csv", as_text(ragged(wide_rows()))),
        ("t.json", as_json(wide_rows())),
    ],
    ids=["regular", "ragged", "objects"],
)
def test_a_wide_table_is_judged_in_passes_as_in_one(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    number = {"type": "integer", "constraints": {"required": True, "minimum": 1}}
    schema = {"fields": [{"name": f"n{n}", **number} for n in range(WIDE)]}
    monkeypatch.setattr("entrepot.inspection.check.rules.MAX_RULES_PER_QUERY", 10 * WIDE)
    once = inspect(content, schema, name=name)
    monkeypatch.setattr("entrepot.inspection.check.rules.MAX_RULES_PER_QUERY", 40)
    assert inspect(content, schema, name=name) == once
    assert {"blank-row", "type-error", "constraint-error"} <= {e["code"] for e in errors_of(once)}
