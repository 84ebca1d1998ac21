"""JSON by a dialect: rows in a property, rows that are arrays, chosen keys; places and faults."""

import json
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, places

NAMED = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}
PROPERTY = {"property": "rows"}
ARRAYS = {"itemType": "array"}


def test_places_are_those_of_the_file(inspect: Inspect) -> None:
    rows = '[\n  {"id": 1, "name": "a"},\n  {"id": "x"}\n ]'
    text = f'{{"made": "2026\\u00e9ü",\n "rows": {rows},\n "n": {{"rows": 1}}}}\n'
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        inspection = inspect(text.encode(encoding), NAMED, dialect=PROPERTY)
        (error,) = errors_of(inspection)
        assert (error["rowNumber"], error["lineNumber"]) == (3, 4)
        assert error["fieldName"] == "id"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"data": [], "more": 1}', "it has no property `rows`, where the dialect has the rows"),
        ("{}", "it has no property `rows`"),
        ('{"rows": {"id": 1}}', "its property `rows` is not an array"),
        ('{"rows": null}', "its property `rows` is not an array"),
        ('[{"id": 1}]', "and it is not an object"),
        ('{"rows": [{"id": 1}], "rows": []}', "the property `rows` occurs twice"),
        ('{"rows": [{"id": 1}]', "the object does not end"),
        ('{"rows": [{"id": 1}', "does not end"),
        ('{"rows": [{"id": 1},]}', "a comma before the array's end"),
        ('{"rows": [{"id": 1}],}', "a name in quotes is due"),
        ('{"rows": [{"id": 1}]} x', "something follows the object's end"),
        ('{"rows" [1]}', "where ':' is due"),
        ('{"a": NaN, "rows": []}', "NaN"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + ', "rows": []}', "nested too deeply"),
    ],
)
def test_what_has_no_rows_there_is_broken(inspect: Inspect, text: str, reason: str) -> None:
    inspection = inspect(text, NAMED, dialect=PROPERTY, name="table.json")
    assert inspection.verdict == "source-error", inspection.detail
    assert reason in inspection.detail


def test_elements_that_are_no_objects(inspect: Inspect) -> None:
    inspection = inspect('{"rows": [1, 2]}', NAMED, dialect=PROPERTY)
    assert (inspection.verdict, inspection.row_count) == ("not-tabular", None)
    mixed = inspect('[["id"], {"id": 1}]', NAMED, dialect=ARRAYS)
    assert "whose elements are not all arrays" in mixed.detail


def test_a_large_text_is_read_in_windows(inspect: Inspect) -> None:
    """Values before the rows and the rows themselves pass the first window."""
    objects = [{"id": number, "name": "ä" * 50} for number in range(20_000)]
    text = json.dumps({"notes": ["ü" * 1_000] * 2_000, "rows": objects}, ensure_ascii=False)
    assert len(text) > 3_000_000
    inspection = inspect(text, NAMED, dialect=PROPERTY)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 20_000), inspection.detail


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, "a"], [2]], [("missing-cell", 3, 2)]),
        ([[1, "a", "b"]], [("extra-cell", 2, 3)]),
        ([["x", "a"]], [("type-error", 2, 1)]),
        ([[1, None]], []),
        ([[1, "a"], []], [("blank-row", 3, None)]),
        ([], []),
    ],
)
def test_arrays_are_rows(inspect: Inspect, rows: Any, expected: list[Any]) -> None:
    inspection = inspect(json.dumps([["id", "name"], *rows]), NAMED, dialect=ARRAYS)
    assert places(inspection) == expected, inspection.detail
    assert inspection.profile["file"]["records"]["header"] == 1
    assert inspection.profile["file"]["records"]["total"] == len(rows) + 1


def test_lines_of_arrays(inspect: Inspect) -> None:
    inspection = inspect('[["id", "name"],\n [1, "a"],\n ["x", "b"]]', NAMED, dialect=ARRAYS)
    (error,) = errors_of(inspection)
    assert (error["rowNumber"], error["lineNumber"]) == (3, 3)
    headless = {**ARRAYS, "header": False}
    inspection = inspect('[[1, "a"],\n ["x", "b"]]', NAMED, dialect=headless)
    (error,) = errors_of(inspection)
    assert (error["rowNumber"], error["lineNumber"]) == (2, 2)


def test_numbers_may_be_labels_and_are_kept_as_written(inspect: Inspect) -> None:
    inspection = inspect('[["id", 2020, 1.10], [1, 2, 3]]', dialect=ARRAYS, mode="infer")
    assert [field["name"] for field in inspection.schema["fields"]] == ["id", "2020", "1.10"]
    assert inspection.verdict == "conforms", inspection.detail


def test_a_wrong_header_of_arrays(inspect: Inspect) -> None:
    inspection = inspect('[["id", "title"], [1, "a"]]', NAMED, dialect=ARRAYS)
    assert [error["type"] for error in errors_of(inspection)] == ["incorrect-label"]


def test_keys_that_are_chosen(inspect: Inspect) -> None:
    text = '[{"x": 9, "name": "a", "id": 1}, {"id": 2}]'
    inspection = inspect(text, dialect={"itemKeys": ["id", "name", "none"]}, mode="none")
    assert [field["name"] for field in inspection.schema["fields"]] == ["id", "name"]
    assert inspect(text, dialect={"itemKeys": ["y"]}).verdict == "not-tabular"


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (PROPERTY, '{"rows": [{"id": 1, "name": "a"}]}'),
        (ARRAYS, '[["id", "name"], [1, "a"]]'),
        ({"itemKeys": ["id", "name"]}, '[{"id": 1, "name": "a", "x": 2}]'),
        ({**ARRAYS, **PROPERTY}, '{"rows": [["id", "name"], [1, "a"]]}'),
    ],
)
def test_a_first_version_keeps_its_own_contract(
    inspect: Inspect, dialect: dict[str, Any], text: str
) -> None:
    first = inspect(text, dialect=dialect, mode="infer")
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    fields = [(field["name"], field["type"]) for field in first.schema["fields"]]
    assert fields == [(field["name"], field["type"]) for field in NAMED["fields"]]
    assert inspect(text, first.schema, dialect=dialect).verdict == "conforms"


@pytest.mark.parametrize("cell", ["1", '["x"]', '{"a": [1, 2]}', '"a, b"'])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("times", [1, 20_000])
def test_lines_of_arrays_are_not_delimited_text(
    inspect: Inspect, cell: str, header: bool, times: int
) -> None:
    """Whatever the arrays have in them, and where the first part of a file is cut."""
    text = '["id", "name"]\n' * header + f"[1, {cell}]\n" * (times + 1)
    arrays = inspect(text, NAMED, dialect={**ARRAYS, "header": header})
    assert arrays.verdict == "dialect-unsupported"
    assert "itemType ('array'), which is not supported for JSON Lines" in arrays.detail
    objects = inspect(text, NAMED, dialect={"itemType": "object"})
    assert {error["code"] for error in errors_of(objects)} == {"invalid-json"}
    plain = inspect(text, NAMED)
    assert (plain.verdict, "lines of JSON arrays" in plain.detail) == ("not-tabular", True)
