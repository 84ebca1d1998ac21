"""Whole numbers between decimals: measures take decimals, ids, codes, counts and years do not."""

import json
from collections.abc import Sequence

import pytest
from tests.inspection.conftest import Inspect

from entrepot.inspection.results import Inspection

ROWS = 40
KINDS: dict[str, tuple[Sequence[object], str]] = {
    "amounts": ([8, 869, 1412, 65, 295] * 8, "number"),
    "zeros": ([0] * ROWS, "number"),
    "zeros and a five": ([0] * (ROWS - 1) + [5], "number"),
    "temperatures": ([-5, 12, 30, 7, -11, 19, 22, 15, 9, 3] * 4, "number"),
    "lines": (range(1, ROWS + 1), "integer"),
    "falling": (range(ROWS, 0, -1), "integer"),
    "identifiers": ([10_000 + n * 7_919 % 90_000 for n in range(ROWS)], "integer"),
    "years": ([1990 + n % 20 for n in range(ROWS)], "integer"),
    "one year": ([2013] * ROWS, "integer"),
    "zeros and ones": ([0, 1] * (ROWS // 2), "integer"),
    "codes": ([4, 6, 8] * 13 + [4], "integer"),
    "long numbers": (["9" * 5_000] * ROWS, "integer"),
    "texts": (["x"] * ROWS, "string"),
    "dates": (["2024-01-31"] * ROWS, "date"),
}


def deliver(
    inspect: Inspect, cells: Sequence[object], left: str = "1.5", right: str = "2.5"
) -> Inspection:
    rows = "".join(f"k{n},{left},{cell},{right}\n" for n, cell in enumerate(cells))
    return inspect(f"k,a,b,c\n{rows}")


def type_of_b(inspection: Inspection) -> str:
    assert inspection.verdict == "conforms"
    assert inspection.schema is not None
    return str(inspection.schema["fields"][2]["type"])


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_between_decimals(inspect: Inspect, kind: str) -> None:
    cells, expected = KINDS[kind]
    inspection = deliver(inspect, cells)
    assert type_of_b(inspection) == expected
    warnings = json.dumps(inspection.report["tasks"][0]["warnings"])
    assert ("takes decimals too" in warnings) == (expected == "number")


@pytest.mark.parametrize(("left", "right"), [("1.5", "2"), ("1", "2.5"), ("x", "2.5")])
def test_decimals_on_one_side_say_too_little(inspect: Inspect, left: str, right: str) -> None:
    assert type_of_b(deliver(inspect, KINDS["amounts"][0], left, right)) == "integer"


def test_a_column_without_values_is_passed_over(inspect: Inspect) -> None:
    rows = "".join(f"1.5,{cell},,2.5\n" for cell in KINDS["amounts"][0])
    schema = inspect(f"a,b,e,c\n{rows}").schema
    assert schema is not None
    assert [field["type"] for field in schema["fields"]] == ["number", "number", "string", "number"]


def test_a_measure_takes_decimals_and_no_text(inspect: Inspect) -> None:
    schema = deliver(inspect, KINDS["amounts"][0]).schema
    assert inspect("k,a,b,c\nx,1.5,16.3,2.5\n", schema=schema).verdict == "conforms"
    rejected = inspect("k,a,b,c\nx,1.5,12 kg,2.5\n", schema=schema)
    assert rejected.detail.startswith("1 of 1 row breaks the contract. Line 2, column `b`: `12 kg`")


def test_without_a_contract_whole_numbers_are_integers(inspect: Inspect) -> None:
    rows = "".join(f"1.5,{cell},2.5\n" for cell in KINDS["amounts"][0])
    schema = inspect(f"a,b,c\n{rows}", mode="none").schema
    assert schema is not None
    assert schema["fields"][1]["type"] == "integer"
