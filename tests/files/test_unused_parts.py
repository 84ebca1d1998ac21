"""The sentences on what a contract allows and its current version does not use."""

from typing import Any

import pytest

from entrepot.files.unused_parts import describe_unused


def column(name: str, nulls: int = 0, **unused: list[Any]) -> dict[str, Any]:
    measured: dict[str, Any] = {"name": name, "rows": 3, "nulls": nulls}
    return measured | ({"unused": unused} if unused else {})


@pytest.mark.parametrize(
    ("field", "measured", "sentences"),
    [
        (
            {"categories": ["a", "b"]},
            column("v", categories=["b"]),
            ["no cell is `b` (categories)."],
        ),
        (
            {"categories": [{"value": 1, "label": "one"}]},
            column("v", categories=[1]),
            ["no cell is `1` (categories)."],
        ),
        (
            {"constraints": {"enum": ["a", "b"]}},
            column("v", enum=["a", "b"]),
            ["no cell is `a` or `b` (enum)."],
        ),
        (
            {"missingValues": list("abcdefg")},
            column("v", missingValues=list("abcdefg")),
            ["no cell is `a` or `b` or `c` or `d` or `e` or one of 2 more (missingValues)."],
        ),
        (
            {"groupChar": ","},
            column("v", groupChar=[","]),
            ["no number has `,` between its digits (groupChar)."],
        ),
        (
            {"bareNumber": False},
            column("v", bareNumber=[False]),
            ["no number has text beside it (bareNumber)."],
        ),
        (
            {"type": "integer"},
            column("v", **{"entrepot:leadingZeros": [True]}),
            ["no integer begins with a zero (entrepot:leadingZeros)."],
        ),
        (
            {"type": "integer", "entrepot:leadingZeros": False},
            column("v", **{"entrepot:leadingZeros": [True]}),
            [],
        ),
        (
            {"type": "number"},
            column("v", **{"entrepot:finite": [False]}),
            ["no number is NaN or infinite (entrepot:finite)."],
        ),
        (
            {"type": "time"},
            column("v", **{"entrepot:timeZone": [True]}),
            ["no time has a time zone (entrepot:timeZone)."],
        ),
        (
            {"type": "datetime"},
            column("v", **{"entrepot:timeZone": [False]}),
            ["every date has a time zone (entrepot:timeZone)."],
        ),
        *(
            ({"type": kind, name: now}, column("v", **{name: [before]}), [])
            for kind, name, before, now in (
                ("datetime", "entrepot:timeZone", True, False),
                ("number", "entrepot:finite", False, True),
                ("number", "entrepot:leadingZeros", True, False),
            )
        ),
        ({"groupChar": "."}, column("v", groupChar=[","]), []),
        ({}, column("v", trueValues=["yes"]), []),
        ({}, column("v", nulls=3, categories=["a"]), ["no row has a value."]),
        ({}, column("other"), ["the table does not have this column."]),
        ({}, column("v"), []),
    ],
)
def test_a_sentence_for_each_part_that_the_contract_still_has(
    field: dict[str, Any], measured: dict[str, Any], sentences: list[str]
) -> None:
    document = {"schema": {"fields": [{"name": "v", **field}]}, "columns": [measured]}
    assert describe_unused(document) == [f"`v`: {each}" for each in sentences]


def test_a_mark_of_the_schema_is_unused_if_no_column_uses_it() -> None:
    fields: list[dict[str, Any]] = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    fields[2]["missingValues"] = [""]
    columns = [column("a", missingValues=["x", "y"]), column("b", missingValues=["y"]), column("c")]
    schema = {"fields": fields, "missingValues": ["", "x", {"value": "y", "label": "none"}]}
    assert describe_unused({"schema": schema, "columns": columns}) == [
        "The table: no cell is `y` (missingValues)."
    ]
