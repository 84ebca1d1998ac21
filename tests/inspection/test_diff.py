"""Two tables compared, against what plain Python finds, and in the locked-down child."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inspection.conftest import opened_context
from tests.support.selection import examples

from entrepot.inspection.diff import diff_tables
from entrepot.inspection.results import Comparison, ComparisonRequest
from entrepot.inspection.sandbox.pool import InspectionPool


def request(before: Path, after: Path, *key: str, examples: int = 10) -> ComparisonRequest:
    size = before.stat().st_size + after.stat().st_size
    return ComparisonRequest(before, after, before.name, after.name, size, key, examples)


def compare(folder: Path, before: str, after: str, *key: str, examples: int = 10) -> Comparison:
    """In this process."""
    paths = folder / "before.csv", folder / "after.csv"
    for path, text in zip(paths, (before, after), strict=True):
        path.write_text(text)
    with opened_context(folder / "scratch") as context:
        return diff_tables(request(*paths, *key, examples=examples), context)


def test_columns_and_rows_by_key(tmp_path: Path) -> None:
    before = "id,v,gone,n\n1,a,x,1\n2,b,y,2\n3,c,z,3\n"
    after = "id,n,v,come\n3,3.5,c,p\n4,4,d,q\n1,1,a,r\n"
    comparison = compare(tmp_path, before, after, "id")
    assert (comparison.columns_added, comparison.columns_removed) == (["come"], ["gone"])
    assert comparison.columns_retyped == [{"name": "n", "before": "integer", "after": "number"}]
    assert (comparison.rows_before, comparison.rows_after) == (3, 3)
    assert (comparison.added, comparison.removed, comparison.changed) == (1, 1, 1)
    assert comparison.examples_changed == [
        {"rowBefore": 4, "rowAfter": 2, "key": {"id": "3"}, "cells": {"n": ["3", "3.5"]}}
    ]
    assert comparison.examples_added == [
        {"row": 3, "cells": {"id": "4", "n": "4", "v": "d", "come": "q"}}
    ]
    assert comparison.examples_removed[0]["cells"]["id"] == "2"
    assert not comparison.same


def test_without_a_key_rows_are_a_multiset(tmp_path: Path) -> None:
    comparison = compare(tmp_path, "a\nx\nx\ny\n", "a\ny\nx\nz\nz\n")
    assert (comparison.added, comparison.removed, comparison.changed) == (2, 1, None)
    assert comparison.examples_added == [{"row": 4, "cells": {"a": "z"}}]
    assert comparison.examples_removed == [{"row": 2, "cells": {"a": "x"}}]


def test_another_order_is_the_same_table(tmp_path: Path) -> None:
    assert compare(tmp_path, "a,b\n1,x\n2,y\n", "b,a\ny,2\nx,1\n").same


def test_a_key_that_repeats_is_not_used(tmp_path: Path) -> None:
    comparison = compare(tmp_path, "id,v\n1,a\n1,b\n", "id,v\n1,a\n2,b\n", "id")
    assert (comparison.key, comparison.key_repeated, comparison.changed) == ([], 1, None)
    assert (comparison.added, comparison.removed) == (1, 1)


def test_a_key_of_two_columns_with_empty_cells(tmp_path: Path) -> None:
    comparison = compare(tmp_path, "a,b,v\n1,,x\n,2,y\n", "a,b,v\n,2,z\n1,,x\n", "a", "b")
    assert (comparison.added, comparison.removed, comparison.changed) == (0, 0, 1)


@pytest.mark.parametrize(
    ("after", "key", "reason"),
    [
        ("a,b\n1,2\n", ["c"], "the key's column `c` is not in both"),
        ("x,y\n1,2\n", [], "they have no column in common"),
        ("\0\1\2\3\xff", [], "They cannot be compared"),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, after: str, key: list[str], reason: str) -> None:
    comparison = compare(tmp_path, "a,b\n1,2\n", after, *key)
    assert comparison.verdict == "not-compared"
    assert reason in comparison.detail


def table(rows: list[tuple[str, str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("id", "v", "w"), *rows])
    return text.getvalue()


CELLS = st.sampled_from(["a", "b", "1", "2.0", "long text", 'q"', "x,y"])
ROWS = st.lists(st.tuples(st.integers(1, 30).map(lambda n: f"k{n}"), CELLS, CELLS), max_size=12)


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=ROWS, after=ROWS)
def test_counts_are_those_of_plain_python(tmp_path: Path, before: Any, after: Any) -> None:
    left, right = Counter(before), Counter(after)
    comparison = compare(tmp_path, table(before), table(after))
    assert (comparison.rows_before, comparison.rows_after) == (len(before), len(after))
    assert comparison.added == (right - left).total()
    assert comparison.removed == (left - right).total()
    old, new = ({row[0]: row for row in rows} for rows in (before, after))
    keyed = compare(
        tmp_path, table(list(old.values())), table(list(new.values())), "id", examples=3
    )
    assert keyed.added == len(new.keys() - old.keys())
    assert keyed.removed == len(old.keys() - new.keys())
    changed = [key for key in old if key in new and old[key] != new[key]]
    assert keyed.changed == len(changed)
    assert [each["key"]["id"] for each in keyed.examples_changed] == changed[:3]


def test_in_the_child(pool: InspectionPool, tmp_path: Path) -> None:
    before, after = tmp_path / "a.csv", tmp_path / "b.csv"
    before.write_text("id,v\n" + "".join(f"{n},{n % 7}\n" for n in range(200_000)))
    after.write_text("id,v\n" + "".join(f"{n},{n % 5}\n" for n in range(1_000, 200_100)))
    comparison = pool.compare(request(before, after, "id"), lambda: False)
    assert (comparison.added, comparison.removed) == (100, 1_000)
    assert comparison.changed == sum(n % 7 != n % 5 for n in range(1_000, 200_000))
    assert len(comparison.examples_changed) == 10
