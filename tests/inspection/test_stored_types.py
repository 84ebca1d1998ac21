"""What a format says of a cell counts: which stored types are values of which field types, which
texts are missing values, and that nothing follows the end of a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.test_contract_cases import CONTRACT, given

from entrepot.inspection.values.native_text import native_kind
from entrepot.schemas.types import CONSTRAINTS

FORM: dict[str, str] = {
    "string": "x", "integer": "5", "number": "1.5", "boolean": "true", "date": "2021-02-03",
    "time": "10:00:00", "datetime": "2021-02-03T10:00:00", "year": "2021", "yearmonth": "2021-02",
    "duration": "P1D", "object": '{"a":1}', "array": "[1]", "list": '["a","b"]',
    "geopoint": "1.5,2", "geojson": '{"type":"Point","coordinates":[1,2]}', "any": "x",
}  # fmt: skip
"""A text of each type; as JSON, where the type has that form."""
FITTING_TEXT = {
    "json": set(CONSTRAINTS) - {"integer", "number", "boolean"},
    "xlsx": set(CONSTRAINTS) - {"integer", "number"},
    "parquet": {"string", "any", "yearmonth", "duration", "object", "array", "list", "geopoint",
                "geojson"},
}  # fmt: skip
FITTING_TEXT["arrow"] = FITTING_TEXT["parquet"]


def as_json(path: Path, values: list[Any]) -> Path:
    path.write_text("".join(json.dumps({"v": value}) + "\n" for value in values))
    return path


def as_parquet(path: Path, values: Any) -> Path:
    pq.write_table(pa.table({"v": values}), path)
    return path


def as_arrow(path: Path, values: Any) -> Path:
    table = pa.table({"v": values})
    with pyarrow.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


def as_xlsx(path: Path, values: list[Any]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["v", "w"])
    for value in values:
        book.active.append([value, "x"])
    book.save(path)
    return path


WRITERS: dict[str, Callable[[Path, Any], Path]] = {
    "json": as_json, "parquet": as_parquet, "arrow": as_arrow, "xlsx": as_xlsx
}  # fmt: skip


def schema_of(kind: str, storage: str, **more: Any) -> dict[str, Any]:
    fields = [{"name": "v", "type": kind, **more}]
    return {"fields": [*fields, {"name": "w"}] if storage == "xlsx" else fields}


@pytest.mark.parametrize("storage", WRITERS)
@pytest.mark.parametrize("kind", FORM)
def test_a_text_is_a_value_of_the_types_without_a_stored_type(
    inspect: Inspect, tmp_path: Path, kind: str, storage: str
) -> None:
    path = WRITERS[storage](tmp_path / "t", [FORM[kind]])
    errors = errors_of(inspect(path, schema_of(kind, storage)))
    expected = [] if kind in FITTING_TEXT[storage] else ["type-error"]
    assert [each["type"] for each in errors] == expected


@pytest.mark.parametrize("storage", ["parquet", "arrow"])
@pytest.mark.parametrize("kind", FORM)
def test_binary_is_no_value(inspect: Inspect, tmp_path: Path, kind: str, storage: str) -> None:
    path = WRITERS[storage](tmp_path / "t", pa.array([FORM[kind].encode()]))
    errors = errors_of(inspect(path, schema_of(kind, storage)))
    assert [each["type"] for each in errors] == ([] if kind == "any" else ["type-error"])


@pytest.mark.parametrize("value", [5, 1.5])
def test_a_number_of_a_workbook_is_no_text(inspect: Inspect, tmp_path: Path, value: Any) -> None:
    errors = errors_of(inspect(as_xlsx(tmp_path / "t", [value]), schema_of("string", "xlsx")))
    assert [each["type"] for each in errors] == ["type-error"]


POINT = {"type": "Point", "coordinates": [8.5, 47.25]}
GEO_OBJECTS = [
    POINT,
    {"type": "Point", "coordinates": [8.5]},
    {"type": "Pint", "coordinates": [1.0]},
]
"""One GeoJSON object, and two that are none."""


@pytest.mark.parametrize("storage", ["csv", "json", "parquet", "arrow"])
def test_a_stored_object_is_judged_as_its_text(
    inspect: Inspect, tmp_path: Path, storage: str
) -> None:
    path = tmp_path / "t"
    if storage == "csv":
        cells = (json.dumps(each).replace('"', '""') for each in GEO_OBJECTS)
        path.write_text("v\n" + "".join(f'"{cell}"\n' for cell in cells))
    else:
        WRITERS[storage](path, GEO_OBJECTS)
    inspection = inspect(path, {"fields": [{"name": "v", "type": "geojson"}]})
    assert [error["rowNumber"] for error in errors_of(inspection)] == [3, 4], inspection.detail


def test_a_time_of_parquet_may_have_a_zone(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"COPY (SELECT 1 AS k, TIMETZ '10:00:00+01:00' AS v) TO '{path}'")
    first = inspect(path)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    assert first.schema["fields"][1]["entrepot:timeZone"] is True
    text = inspect("k,v\n1,09:00:00Z\n", first.schema)
    assert text.verdict == "conforms", text.detail


def test_a_text_list_in_parquet_is_json(inspect: Inspect, tmp_path: Path) -> None:
    path = as_parquet(tmp_path / "t", ["[1,2]", "1,2", '["x"]', "[3]"])
    enum = {"constraints": {"enum": [[1, 2]]}}
    errors = errors_of(inspect(path, schema_of("list", "parquet", itemType="integer", **enum)))
    assert [(each["rowNumber"], each["type"]) for each in errors] == [
        (3, "type-error"), (4, "type-error"), (5, "constraint-error"),
    ]  # fmt: skip


@pytest.mark.parametrize("storage", ["json", "parquet", "arrow"])
def test_a_list_of_the_format_is_compared_by_its_items(
    inspect: Inspect, tmp_path: Path, storage: str
) -> None:
    path = WRITERS[storage](tmp_path / "t", [["a", "b"], ["b"], ["a", "b"]])
    enum = {"enum": [["a", "b"]], "unique": True}
    errors = errors_of(inspect(path, schema_of("list", storage, constraints=enum)))
    assert [(each["rowNumber"], each["type"]) for each in errors] == [
        (3, "constraint-error"), (4, "unique-error"),
    ]  # fmt: skip


MARKS: list[tuple[dict[str, Any], set[int]]] = [
    ({"constraints": {"required": True}}, {3, 4}),
    ({"constraints": {"unique": True}}, set()),
    ({"constraints": {"required": True}, "missingValues": ["NA"]}, {4}),
    ({"constraints": {"minLength": 1}}, set()),
    ({"constraints": {"minLength": 1}, "missingValues": ["NA"]}, {3, 5}),
]


@pytest.mark.parametrize("storage", ["json", "parquet", "arrow"])
@pytest.mark.parametrize(("rules", "wrong"), MARKS)
def test_an_empty_text_is_missing_where_the_schema_says_so(
    inspect: Inspect, tmp_path: Path, storage: str, rules: dict[str, Any], wrong: set[int]
) -> None:
    path = WRITERS[storage](tmp_path / "t", ["a", "", None, ""])
    schema = schema_of("string", storage, **rules)
    schema["fields"].append({"name": "k", "type": "integer"})
    schema["fieldsMatch"] = "superset"
    errors = errors_of(inspect(path, {"fields": schema["fields"][:1]}))
    rows = {each["rowNumber"] for each in errors if each["type"] != "blank-row"}
    blank = {each["rowNumber"] for each in errors if each["type"] == "blank-row"}
    # A row of one missing cell is blank, which is its only error.
    empty = {3, 4, 5} if "missingValues" not in rules else {4}
    assert (blank, rows) == (empty, wrong - empty)


def test_an_empty_text_is_no_integer_and_no_error(inspect: Inspect) -> None:
    schema, _ = given("json_empty_integer.json")
    assert inspect(CONTRACT / "json_empty_integer.json", schema).verdict == "conforms"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("parquet_empty_required.parquet", [("constraint-error", 2, 2)]),
        ("json_empty_required.json", [("constraint-error", 2, 2)]),
        ("parquet_text_as_integer.parquet", [("type-error", 2, 1), ("type-error", 3, 1)]),
    ],
)
def test_typed_cases(inspect: Inspect, file: str, expected: list[Any]) -> None:
    errors = errors_of(inspect(CONTRACT / file, given(file)[0]))
    assert [(each["type"], each["rowNumber"], each["fieldNumber"]) for each in errors] == expected


NO_DAYS = {
    "date": ["DATE 'infinity'", "DATE '-infinity'", "DATE '10000-01-01'", "DATE '0044-03-15 (BC)'"],
    "datetime": ["TIMESTAMP 'infinity'", "TIMESTAMP '0001-01-01 (BC) 00:00:00'",
                 "TIMESTAMPTZ '12000-01-01 00:00:00+00'"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, all_ in NO_DAYS.items() for v in all_])
@pytest.mark.parametrize("given_schema", [True, False])
def test_a_moment_that_no_field_has_is_an_error(
    inspect: Inspect, tmp_path: Path, kind: str, value: str, given_schema: bool
) -> None:
    path = tmp_path / "t.parquet"
    duckdb.execute(f"COPY (SELECT {value} AS v) TO '{path}'")
    inspection = inspect(path, schema_of(kind, "parquet") if given_schema else None)
    assert [each["type"] for each in errors_of(inspection)] == ["type-error"]


CONTROLS = [*(chr(n) for n in range(32) if chr(n) not in "\t\n\r"), "\x7f", "\x80", "\x85", "\x9f"]


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_character_in_a_delimited_text(inspect: Inspect, control: str) -> None:
    text = f'v,w\nplain,x\n"a{control}b",x\n"tab\t, LF\n, CR\r, \xa0",x\n'
    kinds = ["string", "any", "list", "boolean", "object"]
    for kind in kinds if control in "\0\x1b\x85" else kinds[:1]:
        errors = errors_of(inspect(text, schema_of(kind, "xlsx", missingValues=["plain"])))
        assert ("type-error", 3, f"a{control}b") in [
            (each["type"], each["rowNumber"], each["cell"]) for each in errors
        ]
        assert kind in ("boolean", "object") or len(errors) == 1
    assert inspect(text).verdict == "violates"
    assert inspect(text, mode="none").verdict == "conforms"


@pytest.mark.parametrize("storage", ["json", "parquet", "arrow"])
@pytest.mark.parametrize("kind", ["string", "any"])
def test_a_control_character_in_a_typed_format(
    inspect: Inspect, tmp_path: Path, kind: str, storage: str
) -> None:
    texts = ["plain", *(f"a{control}b" for control in CONTROLS), "tab\t, LF\n, CR\r, \xa0"]
    path = WRITERS[storage](tmp_path / "t", texts)
    errors = errors_of(inspect(path, schema_of(kind, storage)))
    assert [(each["type"], each["cell"]) for each in errors] == [
        ("type-error", text) for text in texts[1:-1]
    ]
    first = inspect(path)
    assert (first.verdict, len(errors_of(first))) == ("violates", len(CONTROLS))


ENDS: dict[str, Callable[[bytes], bytes]] = {
    "another": lambda content: content + content,
    "a byte": lambda content: content + b"\n",
    "zeros": lambda content: content + b"\0" * 8,
}


@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize("storage", ["parquet", "arrow", "arrow file"])
def test_nothing_follows_the_end(inspect: Inspect, tmp_path: Path, storage: str, what: str) -> None:
    path = tmp_path / "t"
    table = pa.table({"v": [1, 2]})
    if storage == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if storage == "arrow file" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    schema = schema_of("integer", storage)
    assert inspect(path, schema).verdict == "conforms"
    path.write_bytes(ENDS[what](path.read_bytes()))
    assert inspect(path, schema).verdict in ("source-error", "not-tabular")


@pytest.mark.parametrize("file", ["arrow_two_streams.arrow", "arrow_stream_garbage.arrow"])
def test_arrow_cases(inspect: Inspect, file: str) -> None:
    assert inspect(CONTRACT / file, given(file)[0]).verdict == "source-error"


@pytest.mark.parametrize(
    "text",
    [
        '[{"v":1}] {"v":2}]', '[{"v":1}],{"v":2}]', '[{"v":1}] [{"v":2}]', '[{"v":1}]]',
        '[{"v":1}] x', '[{"v":"]"}] {"v":","}]', '[{"v":1}\n]\n,\n{"v":2}\n]', '{"v":1}{"v":2}]',
    ],
)  # fmt: skip
def test_nothing_follows_a_json_array(inspect: Inspect, text: str) -> None:
    assert inspect(text, schema_of("any", "json"), name="t.json").verdict == "source-error"


def test_every_type_of_the_engine_is_known() -> None:
    examples = {
        "LIST": "INTEGER[]", "ARRAY": "INTEGER[2]", "STRUCT": "STRUCT(a INTEGER)",
        "MAP": "MAP(INTEGER, INTEGER)", "UNION": "UNION(a INTEGER)", "ENUM": "ENUM('a')",
        "DECIMAL": "DECIMAL(5, 2)", "NULL": '"NULL"', "TUPLE": "STRUCT(a INTEGER)",
    }  # fmt: skip
    listed = duckdb.execute(
        "SELECT DISTINCT type_name, logical_type FROM duckdb_types() WHERE database_name = 'system'"
    ).fetchall()
    assert len(listed) > 60
    for name, logical in listed:
        example = examples.get(logical, name)
        type_name = duckdb.execute(f"DESCRIBE SELECT NULL::{example} AS a").fetchall()[0][1]
        native_kind(type_name)


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        *(([number, word], "number") for number in (5, 1.5) for word in ("INF", "-INF")),
        ([1, 2.5, "INF", "NaN", None, "n/a"], "number"),
        ([1, 2, "NaN"], "integer"),  # a mark of a missing value, as it is in a delimited text
        ([1, "INF", "x"], "any"),
        ([True, "INF"], "any"),
        ([1, "inf"], "any"),  # a spelling of other programs
        (["INF", "-INF"], "string"),
    ],
)
def test_infinities_among_numbers_of_json(
    inspect: Inspect, values: list[Any], kind: str, name: str
) -> None:
    rows = [{"k": n, "v": value} for n, value in enumerate(values)]
    text = json.dumps(rows) if name == "t.json" else "\n".join(map(json.dumps, rows))
    inspection = inspect(text, name=name)
    assert inspection.verdict == "conforms"
    field = (inspection.schema or {})["fields"][1]
    assert field.get("type", "string") == kind
    assert not field.get("entrepot:finite") or "INF" not in str(values)
    assert inspect(text, inspection.schema, name=name).verdict == "conforms"
