"""What a contract allows and no cell uses, in the profile of a version."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.forms import forms_of

from entrepot.schemas.lexical import INFERRED_MARKS

FIELDS: dict[str, dict[str, Any]] = {
    "k": {"type": "string", "categories": ["a", "b", "c"]},
    "n": {"type": "number", "groupChar": ",", "missingValues": ["", "NA", "?"]},
    "m": {"type": "number", "decimalChar": ",", "bareNumber": False},
    "b": {"type": "boolean", "trueValues": ["yes", "Y"], "falseValues": ["no"]},
    "e": {"type": "integer", "constraints": {"enum": [1, 2, "3"]}},
    "l": {"type": "string", "constraints": {"enum": [f"v{n}" for n in range(51)]}},
}
SCHEMA = {"fields": [{"name": name, **field} for name, field in FIELDS.items()]}
FEW = "k;n;m;b;e;l\na;1;3;yes;01;v1\nb;?;4;no;2;v1\n"
ALL = f'{FEW}c;"1,234";5,5;Y;3;v1\na;NA;5 %;no;1;v1\n'
UNUSED = {
    "k": {"categories": ["c"]},
    "n": {"missingValues": ["NA"], "groupChar": [","]},
    "m": {"decimalChar": [","], "bareNumber": [False]},
    "b": {"trueValues": ["Y"]},
    "e": {"enum": ["3"]},
}


def unused_of(
    folder: Path,
    text: str,
    schema: dict[str, Any] | None,
    name: str = "t.csv",
    frozen: bool = False,
) -> Any:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    forms = forms_of(path, schema, folder, frozen=frozen)
    assert forms.inspection.verdict == "conforms", forms.inspection.detail
    return {each["name"]: each["unused"] for each in forms.profile if "unused" in each}


@pytest.mark.parametrize(("text", "unused"), [(FEW, UNUSED), (ALL, {})])
def test_what_no_cell_uses(tmp_path: Path, text: str, unused: dict[str, Any]) -> None:
    assert unused_of(tmp_path, text, SCHEMA) == unused


def test_a_cell_below_the_first_rows_uses_it(tmp_path: Path) -> None:
    text = FEW + "a;1;3;yes;1;v1\n" * 2_000
    assert unused_of(tmp_path, text + "c;NA;3;Y;3;v1\n", SCHEMA) == {
        "n": {"groupChar": [","]},
        "m": UNUSED["m"],
    }


def test_stored_numbers_use_no_marks(tmp_path: Path) -> None:
    schema = {"fields": [SCHEMA["fields"][0], SCHEMA["fields"][1]]}
    text = '{"k": "a", "n": 1234}\n{"k": "b", "n": null}\n'
    unused = {"k": UNUSED["k"], "n": {"missingValues": ["NA", "?"], "groupChar": [","]}}
    assert unused_of(tmp_path, text, schema, "t.jsonl") == unused


def test_the_marks_that_inference_writes_are_not_listed(tmp_path: Path) -> None:
    text = "id,n,b,price\n1,2,yes,€ 1.50\n2,3,no,€ 2.50\n"
    words = {"trueValues": ["Yes", "YES"], "falseValues": ["No", "NO"]}
    assert unused_of(tmp_path, text, None) == {"b": words}


@pytest.mark.parametrize("marks", INFERRED_MARKS)
def test_the_marks_of_earlier_contracts_are_not_listed(
    tmp_path: Path, marks: tuple[str, ...]
) -> None:
    schema = {"fields": [{"name": "n", "type": "integer", "missingValues": list(marks)}]}
    assert unused_of(tmp_path, "n\n1\n2\n", schema) == {}


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ("n,m,d\n1,1,1.5\n0,2,0.5\n", ["n"]),
        ("n,m,d\n1,1,1.5\n007,2,0.5\n", []),
        ("n,m,d\n,1,1.5\n-01,2,0.5\n", []),
    ],
)
@pytest.mark.parametrize("kind", ["integer", "number"])
def test_zeros_at_the_begin_that_only_a_frozen_contract_allows_by_mistake(
    tmp_path: Path, text: str, unused: list[str], kind: str
) -> None:
    """Earlier releases froze integers and numbers without `entrepot:leadingZeros`; who gives a
    schema without it means it."""
    fields = [
        {"name": "n", "type": kind, **({"entrepot:finite": True} if kind == "number" else {})},
        {"name": "m", "type": "integer", "entrepot:leadingZeros": False},
        {"name": "d", "type": "number", "entrepot:finite": True, "entrepot:leadingZeros": False},
    ]
    expected = {name: {"entrepot:leadingZeros": [True]} for name in unused}
    assert unused_of(tmp_path, text, {"fields": fields}, frozen=True) == expected
    (tmp_path / "given").mkdir()
    assert unused_of(tmp_path / "given", text, {"fields": fields}) == {}


def test_stored_integers_begin_with_no_zeros(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "n", "type": "integer"}]}
    unused = {"n": {"entrepot:leadingZeros": [True]}}
    assert unused_of(tmp_path, '{"n": 0}\n', schema, "t.jsonl", frozen=True) == unused


@pytest.mark.parametrize(
    ("field", "cells", "unused"),
    [
        (
            {"type": "number"},
            ["1.5", ""],
            {"entrepot:leadingZeros": [True], "entrepot:finite": [False]},
        ),
        ({"type": "number"}, ["01.5", "-INF"], {}),
        ({"type": "datetime"}, ["2024-03-31T10:00:00", ""], {"entrepot:timeZone": [True]}),
        ({"type": "datetime"}, ["2024-03-31T10:00:00Z"], {"entrepot:timeZone": [False]}),
        ({"type": "datetime"}, ["2024-03-31T10:00:00Z", "2024-03-31T10:00:00"], {}),
        ({"type": "time", "format": "any"}, ["10:00+0100"], {"entrepot:timeZone": [False]}),
        ({"type": "time", "format": "%H:%M"}, ["10:00"], {}),
    ],
)
def test_what_earlier_releases_did_not_freeze(
    tmp_path: Path, field: dict[str, Any], cells: list[str], unused: dict[str, Any]
) -> None:
    text = "k,v\n" + "".join(f"a,{cell}\n" for cell in cells)
    schema = {"fields": [{"name": "k"}, {"name": "v", **field}]}
    expected = {"v": unused} if unused else {}
    assert unused_of(tmp_path, text, schema, frozen=True) == expected
    (tmp_path / "given").mkdir()
    assert unused_of(tmp_path / "given", text, schema) == {}
