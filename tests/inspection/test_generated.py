"""Tables and schemas that hypothesis makes: the same errors as frictionless, and what must hold
of any table."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from tests.inspection.conftest import Inspect, places
from tests.inspection.generated import Generated, tables
from tests.inspection.test_against_frictionless import by_frictionless
from tests.support.selection import examples

ALWAYS = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
Places = list[tuple[Any, ...]]


def compare(made: Generated, inspect: Inspect, folder: Path) -> None:
    # Blank cells alone below the header or at the end are not a row: differences (`DELIBERATE`).
    assume(all(any(cell.strip() for cell in row) for row in (*made.rows[:1], *made.rows[-1:])))
    # Nor is a foreign key judged whose column is missing, which is an error of its own.
    keys = made.schema.get("foreignKeys", [])
    keyed = [n for key in keys for n in (*key["fields"], *key["reference"]["fields"])]
    assume(set(keyed) <= set(made.labels))
    note(made.text())
    note(repr(made.schema))
    ours = places(inspect(made.text(), made.schema))
    assert ours == by_frictionless(folder / "table.csv", made.schema)


@settings(ALWAYS, max_examples=examples(100))
@given(made=tables())
def test_the_same_errors_as_frictionless(made: Generated, inspect: Inspect, tmp_path: Path) -> None:
    compare(made, inspect, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@settings(ALWAYS, max_examples=3_000, derandomize=False)
@given(made=tables())
def test_the_same_errors_over_and_over(made: Generated, inspect: Inspect, tmp_path: Path) -> None:
    compare(made, inspect, tmp_path)


def rows_of(made: Generated, inspect: Inspect, rows: list[list[str]]) -> dict[int, Any]:
    """The errors of each of `rows`, by its position from 0."""
    rows_by_number: dict[int, list[Any]] = {}
    for kind, row, field in places(inspect(made.text(rows), made.schema)):
        if row is not None:
            rows_by_number.setdefault(row - 2, []).append((kind, field))
    return {row: sorted(errors, key=str) for row, errors in rows_by_number.items()}


def without_uniqueness(made: Generated) -> Generated:
    fields = [
        {**field, "constraints": {k: v for k, v in field["constraints"].items() if k != "unique"}}
        for field in made.schema["fields"]
    ]
    schema = {k: v for k, v in made.schema.items() if k not in ("primaryKey", "foreignKeys")}
    return Generated(made.labels, made.rows, {**schema, "fields": fields})


@settings(ALWAYS, max_examples=examples(25))
@given(made=tables(), at=st.integers(0, 12))
def test_parts_have_the_errors_of_the_whole(made: Generated, at: int, inspect: Inspect) -> None:
    made = without_uniqueness(made)
    first, second = made.rows[:at], made.rows[at:]
    parts = rows_of(made, inspect, first)
    parts |= {row + len(first): each for row, each in rows_of(made, inspect, second).items()}
    assert rows_of(made, inspect, made.rows) == parts


@settings(ALWAYS, max_examples=examples(25))
@given(made=tables(), data=st.data())
def test_the_order_of_rows_changes_no_row(made: Generated, data: Any, inspect: Inspect) -> None:
    made = without_uniqueness(made)
    order = data.draw(st.permutations(range(len(made.rows))))
    mixed = rows_of(made, inspect, [made.rows[n] for n in order])
    whole = rows_of(made, inspect, made.rows)
    assert {order[row]: errors for row, errors in mixed.items()} == whole


@settings(ALWAYS, max_examples=examples(12))
@given(made=tables(keys=False), at=st.integers(0, 12))
def test_a_clean_row_adds_no_error(made: Generated, at: int, inspect: Inspect) -> None:
    made = without_uniqueness(made)
    before = rows_of(made, inspect, made.rows)
    clean = [row for n, row in enumerate(made.rows) if n not in before]
    assume(clean)
    at = min(at, len(made.rows))
    after = rows_of(made, inspect, [*made.rows[:at], clean[0], *made.rows[at:]])
    assert after == {row + (row >= at): errors for row, errors in before.items()}
