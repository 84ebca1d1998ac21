"""How columns belong to fields (`fieldsMatch`), and that a wrong header is one error."""

import json
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, places

A = {"name": "a", "type": "integer"}
B = {"name": "b", "type": "integer"}
C = {"name": "c", "type": "integer"}
NEEDED = {**C, "constraints": {"required": True}}


def label(kind: str, number: int) -> tuple[str, None, int]:
    return (f"{kind}-label", None, number)


MODES = ("exact", "equal", "subset", "superset", "partial")
MISSING, EXTRA = label("missing", 3), label("extra", 3)

HEADERS: dict[str, tuple[str, list[dict[str, Any]], dict[str, list[Any]]]] = {
    # name: the header, the fields, the errors of the header by mode (none if left out)
    "the same": ("a,b", [A, B], {}),
    "another order": (
        "b,a", [A, B], {"exact": [label("incorrect", 1)]}),
    "one more": ("a,b,x", [A, B], {"exact": [EXTRA], "equal": [EXTRA], "superset": [EXTRA]}),
    "one more before": (
        "x,a,b", [A, B], {
            mode: [label("extra", 1)] for mode in ("exact", "equal", "superset")}),
    "one less": ("a,b", [A, B, C], {"exact": [MISSING], "equal": [MISSING], "subset": [MISSING]}),
    "one less, which is required": ("a,b", [A, B, NEEDED], {mode: [MISSING] for mode in MODES}),
    "one less before": (
        "b,c", [A, B, C], {
            "exact": [label("missing", 1)],
            "equal": [MISSING], "subset": [MISSING]}),
    "none in common": (
        "x,y", [A, B], {
            "exact": [label("incorrect", 1), label("incorrect", 2)],
            "equal": [label("extra", 1), label("extra", 2), MISSING, label("missing", 4)],
            "subset": [MISSING, label("missing", 4)],
            "superset": [label("extra", 1), label("extra", 2)],
            "partial": [("unmatched-header", None, None)]}),
    "one twice": (
        "a,a,b", [A, B], {
            mode: [label("duplicate", 2)] for mode in MODES}),
    "one without a name": (
        "a,,b", [A, B], {
            "exact": [label("blank", 2)],
            "equal": [label("extra", 2)], "superset": [label("extra", 2)]}),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", HEADERS)
def test_header(name: str, mode: str, inspect: Inspect) -> None:
    header, fields, expected = HEADERS[name]
    row = ",".join("1" * len(header.split(",")))
    schema = {"fields": fields, "fieldsMatch": mode}
    errors = places(inspect(f"{header}\n{row}\n{row}\n", schema))
    assert errors == sorted(expected.get(mode, []), key=str)


def test_cells_are_judged_by_the_field_of_their_name(inspect: Inspect) -> None:
    fields = [A, {"name": "b", "type": "date"}, {"name": "c", "constraints": {"enum": ["x"]}}]
    schema = {"fields": fields, "fieldsMatch": "equal"}
    inspection = inspect("c,a,b\nx,1,2020-01-01\ny,q,2020-01-01\nx,1,1\n", schema)
    assert places(inspection) == [
        ("constraint-error", 3, 1), ("type-error", 3, 2), ("type-error", 4, 3)
    ]  # fmt: skip
    assert [error["fieldName"] for error in errors_of(inspection)] == ["c", "a", "b"]
    assert [error["cell"] for error in errors_of(inspection)] == ["y", "q", "1"]
    assert [column["type"] for column in inspection.profile["columns"]] == [
        "any",
        "integer",
        "date",
    ]


@pytest.mark.parametrize("mode", ["subset", "partial"])
def test_what_the_contract_does_not_know_is_not_judged(mode: str, inspect: Inspect) -> None:
    schema = {"fields": [A], "fieldsMatch": mode}
    assert places(inspect("x,a,y\nq,1,\n,2,q\n", schema)) == []
    assert places(inspect("x,a\nq,1\nq\n,\nq,,3\nq,4\n", schema)) == [
        ("blank-row", 4, None), ("extra-cell", 5, 3), ("missing-cell", 3, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_one_wrong_label_is_one_error(mode: str, inspect: Inspect) -> None:
    fields = [A, {**B, "constraints": {"required": True, "unique": True, "minimum": 5}}]
    schema = {
        "fields": fields,
        "fieldsMatch": mode,
        "primaryKey": ["b"],
        "uniqueKeys": [["a", "b"]],
    }
    inspection = inspect("a,wrong\n" + "1,x\n" * 50, schema)
    kinds = {error["type"] for error in errors_of(inspection)}
    assert len(errors_of(inspection)) <= 2
    assert kinds <= {"incorrect-label", "missing-label", "extra-label"}


def test_a_column_twice_is_judged_once(inspect: Inspect) -> None:
    schema = {"fields": [A, B], "fieldsMatch": "equal"}
    assert places(inspect("a,b,a\n1,2,x\ny,2,3\n", schema)) == [
        ("duplicate-label", None, 3), ("type-error", 3, 1)
    ]  # fmt: skip


def test_keys_of_columns_that_may_be_missing(inspect: Inspect) -> None:
    schema = {"fields": [A, B, C], "fieldsMatch": "superset", "uniqueKeys": [["a", "b"], ["c"]]}
    assert places(inspect("c,a\n1,1\n1,1\n", schema)) == [("row-error", 3, None)]
    keyed = {"fields": [A, B], "fieldsMatch": "superset", "primaryKey": ["b"]}
    assert places(inspect("a\n1\n2\n", keyed)) == [label("missing", 2)]


ROWS = [{"b": 1, "a": 2, "x": 3}, {"b": "q", "a": 5}]


@pytest.mark.parametrize(
    ("mode", "header"),
    [
        ("exact", [label("extra", 3), label("missing", 4)]),
        ("equal", [label("extra", 3), label("missing", 4)]),
        ("subset", [label("missing", 4)]),
        ("superset", [label("extra", 3)]),
        ("partial", []),
    ],
)
def test_json_has_names_alone(mode: str, header: list[Any], inspect: Inspect) -> None:
    lines = "\n".join(map(json.dumps, ROWS))
    schema = {"fields": [A, B, C], "fieldsMatch": mode}
    inspection = inspect(lines, schema, name="rows.jsonl")
    assert places(inspection) == sorted([*header, ("type-error", 3, 2)], key=str)
    assert [e["cell"] for e in errors_of(inspection) if e["type"] == "type-error"] == ["q"]
