"""What a version is warned of, compared with the one before it."""

from typing import Any

import pytest

from entrepot.files.drift import Profile, compare_profiles


def column(kind: str = "number", rows: int = 100, **figures: Any) -> dict[str, Any]:
    measured = {"name": "x", "type": kind, "storedAs": "DOUBLE", "rows": rows, "nulls": 0}
    return measured | {"distinct": 4} | figures


def drift(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return compare_profiles(
        Profile(3, before["rows"], [before]), Profile(4, after["rows"], [after])
    )


@pytest.mark.parametrize(
    ("before", "after", "warned"),
    [(100, 150, False), (100, 151, True), (100, 50, False), (100, 49, True), (0, 1, True)],
)
def test_rows(before: int, after: int, warned: bool) -> None:
    result = compare_profiles(Profile(3, before, None), Profile(4, after, None))
    rows = "1 row" if after == 1 else f"{after} rows"
    assert result == ([f"The table has {rows}; version 3 had {before}."] if warned else [])


@pytest.mark.parametrize(
    ("before", "after", "warned"), [(0, 10, False), (0, 11, True), (30, 20, False), (30, 19, True)]
)
def test_empty_cells(before: int, after: int, warned: bool) -> None:
    result = drift(column(nulls=before), column(nulls=after))
    sentence = f"{after}.0% of the cells of `x` are empty; in version 3 it was {before}.0%."
    assert result == ([sentence] if warned else [])


FEW = {"categories": ["a", "b"], "distinct": 2}
NAMES = [str(n) for n in range(7)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (FEW, FEW, []),
        (FEW, {"categories": ["a"], "distinct": 1}, []),
        (FEW, {"categories": ["a", "b", "c"], "distinct": 3},
         ["`x` has 1 new value (`c`) of 3; version 3 had 2 different values."]),
        (FEW, {"categories": NAMES, "distinct": 7},
         ["`x` has 7 new values (`0`, `1`, `2`, `3`, `4` and 2 more) of 7; "
          "version 3 had 2 different values."]),
        (FEW, {"distinct": 51}, ["`x` has 51 different values; version 3 had 2 different values."]),
        ({"distinct": 51}, {"categories": ["new"], "distinct": 1}, []),
        ({"categories": NAMES, "distinct": 100}, {"categories": ["new"], "distinct": 1}, []),
    ],
)  # fmt: skip
def test_categories(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    assert drift(column("string", **before), column("string", **after)) == expected


def ends(low: Any, high: Any) -> dict[str, Any]:
    return {"minimum": low, "maximum": high}


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        ("number", ends(0, 10), ends(-90, 100), []),
        ("number", ends(0, 10), ends(0, 1_001.5),
         ["The maximum of `x` is 1,001.5; in version 3 it was 10."]),
        ("integer", ends(5, 15), ends(-86, 15),
         ["The minimum of `x` is -86; in version 3 it was 5."]),
        ("integer", ends(5, 5), ends(5, 56), ["The maximum of `x` is 56; in version 3 it was 5."]),
        ("integer", ends(0, 0), ends(0, 10**6), []),
        ("integer", ends(None, None), ends(0, 10**6), []),
        ("date", ends("2024-01-01", "2024-01-31"), ends("2024-02-01", "2024-02-29"), []),
        ("date", ends("2024-01-01", "2024-01-31"), ends("2024-01-01", "2204-01-31"),
         ["The maximum of `x` is 2204-01-31; in version 3 it was 2024-01-31."]),
        ("datetime", ends("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
         ends("1970-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
         ["The minimum of `x` is 1970-01-01T00:00:00Z; in version 3 it was 2024-01-01T00:00:00Z."]),
        ("string", ends("2024-01-01", "2024-01-31"), ends("2024-01-01", "2204-01-31"), []),
    ],
)  # fmt: skip
def test_ranges(
    kind: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    assert drift(column(kind, **before), column(kind, **after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "warned"),
    [
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", True),
        ("BIGINT", "VARCHAR", True),
        ("DECIMAL(9,2)", "DOUBLE", True),
        ("DECIMAL(9,2)", "DECIMAL(10,3)", False),
        ("DOUBLE[]", "DOUBLE[]", False),
    ],
)
def test_stored_types(before: str, after: str, warned: bool) -> None:
    result = drift(column(storedAs=before), column(storedAs=after))
    was = before.partition("(")[0]
    assert result == ([f"Parquet has `x` as {after}; in version 3 it was {was}."] if warned else [])
    assert drift(column(storedAs=before), column(storedAs=after, nulls=100, rows=100))[1:] == []


def test_another_column_is_not_compared() -> None:
    before, after = column(nulls=100), {**column(), "name": "y"}
    assert drift(before, after) == []
