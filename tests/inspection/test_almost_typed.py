"""A column that very few cells keep from a type is a text, which the first report says."""

import json
from typing import Any

import pytest
from tests.inspection.conftest import Inspect
from tests.inspection.test_xlsx import Rows, saved

ROWS = 4_000


def inferred(
    inspect: Inspect, cells: dict[int, str], usual: str = "{n}", rows: int = ROWS
) -> tuple[str, list[str]]:
    """The type and the warnings; `cells` by their line, all others are written as `usual`."""
    lines = [cells.get(line, usual.format(n=line)) for line in range(2, rows + 2)]
    inspection = inspect("n,other\n" + "".join(f"{cell},x\n" for cell in lines))
    assert inspection.verdict == "conforms", inspection.detail
    assert inspection.schema is not None
    warnings: list[str] = inspection.report["tasks"][0]["warnings"]
    return inspection.schema["fields"][0]["type"], warnings


def test_exceptions_of_a_json_array_are_elements(inspect: Inspect) -> None:
    rows = [{"n": n if n != 1_234 else "x"} for n in range(ROWS)]
    for text, place in (
        (json.dumps(rows), "element 1,235"),
        ("\n".join(map(json.dumps, rows)), "line 1,235"),
    ):
        warnings = inspect(text, name="t.json").report["tasks"][0]["warnings"]
        assert warnings == [f"`n` would be an integer except for {place}: `x`."]


@pytest.mark.parametrize(
    ("cells", "usual", "expected"),
    [
        ({345: "x"}, "{n}", "`n` would be an integer except for line 345: `x`."),
        ({3_999: "12 kg"}, "{n}.5", "`n` would be a number except for line 3,999: `12 kg`."),
        ({345: "007", 9: "NA"}, "{n}", "`n` would be an integer except for line 345: `007`."),
        ({7: "x", 2_000: "y", 3_500: "z"}, "{n}",
         "`n` would be an integer except for lines 7, 2,000 and 3,500: `x`, `y`, `z`."),
        ({500: "soon"}, "2024-01-31", "`n` would be a date except for line 500: `soon`."),
        ({500: "soon"}, "31.12.2024", "`n` would be a date except for line 500: `soon`."),
        ({500: "?"}, "€ {n}", "`n` would be a number except for line 500: `?`."),
    ],
)  # fmt: skip
def test_exceptions_are_named(
    inspect: Inspect, cells: dict[int, str], usual: str, expected: str
) -> None:
    assert inferred(inspect, cells, usual) == ("string", [expected])


@pytest.mark.parametrize(
    ("cells", "usual", "rows"),
    [
        (dict.fromkeys((7, 8, 9, 10), "x"), "{n}", 5_000),
        ({7: "x", 8: "y"}, "{n}", 1_999),
        ({7: "x"}, "{n}", 999),
        ({500: "soon"}, "03-04-2021", 2_000),
        ({7: "x"}, "NO", 2_000),
        ({7: "x"}, "name {n}", 2_000),
    ],
)
def test_more_exceptions_are_no_mistakes(
    inspect: Inspect, cells: dict[int, str], usual: str, rows: int
) -> None:
    assert inferred(inspect, cells, usual, rows) == ("string", [])


def test_native_values(inspect: Inspect, tmp_path: Any) -> None:
    rows: Rows = [["n", "other"], *([n, "x"] for n in range(2, 1_502))]
    rows[344] = ["open", "x"]
    inspection = inspect(saved(tmp_path / "t", rows))
    assert inspection.schema is not None
    assert inspection.schema["fields"][0]["type"] == "any"
    assert inspection.report["tasks"][0]["warnings"] == [
        "`n` would be an integer except for row 345: `open`."
    ]
    documents = [{"n": n + 0.5} for n in range(1_500)]
    documents[10]["n"] = True
    inspection = inspect("\n".join(map(json.dumps, documents)), name="t.jsonl")
    (warning,) = inspection.report["tasks"][0]["warnings"]
    assert warning.startswith("`n` would be a number except for ")


def test_later_deliveries_have_no_warning(inspect: Inspect) -> None:
    text = "n,other\n" + "".join(f"{n},x\n" for n in range(2_000)) + "y,x\n"
    first = inspect(text)
    assert len(first.report["tasks"][0]["warnings"]) == 1
    later = inspect(text, first.schema)
    assert (later.verdict, later.report["tasks"][0]["warnings"]) == ("conforms", [])
    assert inspect(text, mode="none").report["tasks"][0]["warnings"] == []
