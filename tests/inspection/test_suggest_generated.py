"""Whatever happens to a table: what is suggested makes it valid, keeps the earlier version valid,
and changes nothing that a suggestion may not change."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import opened_context, request_for
from tests.support.selection import examples

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.results import Inspection
from entrepot.schemas.lexical import MISSING_MARKS as MARKS

Rows = list[list[str]]
Mutation = Callable[[random.Random, Rows], None]

KINDS: dict[str, Callable[[random.Random], str]] = {
    "integer": lambda rng: str(rng.randint(-99, 999)),
    "number": lambda rng: f"{rng.randint(0, 999)}.{rng.randint(0, 99):02}",
    "date": lambda rng: f"20{rng.randint(10, 24)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
    "datetime": lambda rng: f"2024-01-1{rng.randint(0, 9)}T1{rng.randint(0, 9)}:00:00",
    "boolean": lambda rng: rng.choice(["true", "false"]),
    "string": lambda rng: rng.choice(["north", "south", "a b", "x"]),
}
TYPED = ("integer", "number", "date", "datetime", "boolean")
FIELD_KEYS = {"missingValues", "groupChar", "type", "entrepot:finite", "entrepot:notEmpty"}
SCHEMA_KEYS = {"fields", "fieldsMatch", "entrepot:minRows"}
DIALECT_KEYS = {"headerRows", "entrepot:footer", "skipBlankRows"}


def a_table(rng: random.Random) -> tuple[Rows, dict[str, Any]]:
    """A table with its header, and the schema that it keeps."""
    kinds = [rng.choice(sorted(KINDS)) for _ in range(rng.randint(2, 5))]
    fields = [{"name": f"{kind}_{n}", "type": kind} for n, kind in enumerate(kinds)]
    for field in fields:
        if rng.random() < 0.3:
            field["missingValues"] = ["", "?"]
        if rng.random() < 0.3:
            field["entrepot:notEmpty"] = True
    rows = [[KINDS[kind](rng) for kind in kinds] for _ in range(rng.choice([3, 20, 250]))]
    schema: dict[str, Any] = {"fields": fields, "entrepot:minRows": 1}
    if rng.random() < 0.2:
        schema["fieldsMatch"] = rng.choice(["equal", "superset"])
    return [[field["name"] for field in fields], *rows], schema


def some_cell(rng: random.Random, rows: Rows, text: str, kinds: tuple[str, ...]) -> bool:
    columns = [n for n, name in enumerate(rows[0]) if name.split("_")[0] in kinds]
    if not columns:
        return False
    rows[rng.randrange(1, len(rows))][rng.choice(columns)] = text
    return True


def mark(rng: random.Random, rows: Rows) -> bool:
    return some_cell(rng, rows, rng.choice(MARKS), TYPED)


def decimals(rng: random.Random, rows: Rows) -> bool:
    return some_cell(rng, rows, "17.25", ("integer",))


def order(rng: random.Random, rows: Rows) -> bool:
    for row in rows:
        row.append(row.pop(0))
    return True


def new_column(rng: random.Random, rows: Rows) -> bool:
    kind, at = rng.choice(sorted(KINDS)), rng.randrange(len(rows[0]) + 1)
    for n, row in enumerate(rows):
        row.insert(at, KINDS[kind](rng) if n else "extra")
    return True


def titles(rng: random.Random, rows: Rows) -> bool:
    rows[:0] = [["A report"], ["of May"]][: rng.randint(1, 2)]
    return True


def note(rng: random.Random, rows: Rows) -> bool:
    rows += [[rng.choice(["Source: the office", "Total", "* estimated by us"])]]
    return True


def no_rows(rng: random.Random, rows: Rows) -> bool:
    del rows[1:]
    return True


def other_text(rng: random.Random, rows: Rows) -> bool:
    return some_cell(rng, rows, "seventeen", TYPED)


def short_row(rng: random.Random, rows: Rows) -> bool:
    rows[rng.randrange(1, len(rows))].pop()
    return True


def lost_column(rng: random.Random, rows: Rows) -> bool:
    for row in rows:
        row.pop(0)
    return True


def thousands(rng: random.Random, rows: Rows) -> bool:
    return some_cell(rng, rows, "1,234", ("integer", "number"))


MENDED = (mark, decimals, order, new_column, no_rows)
"""What a suggestion mends by itself, whatever the table is."""
NOT_MENDED = (other_text, lost_column)
"""What none mends, whatever else there is."""
MUTATIONS = (
    *(mark, decimals, other_text, thousands),
    *(order, new_column, lost_column, short_row, no_rows, titles, note),
)
"""In the order in which one leaves room for the next: cells, columns, rows."""


def text_of(rows: Rows) -> str:
    return "".join(",".join(f'"{c}"' if "," in c else c for c in row) + "\n" for row in rows)


class TableInspector:
    """Inspects tables in this process, with one engine."""

    def __init__(self, context: InspectionContext, folder: Path) -> None:
        self._context = context
        self._folder = folder

    def inspect(
        self,
        rows: Rows,
        schema: dict[str, Any],
        dialect: dict[str, Any] | None = None,
        current: tuple[Path, int] | None = None,
    ) -> Inspection:
        request = replace(request_for(self.write(rows), schema=schema), dialect=dialect)
        if current is not None:
            request = replace(request, suggest=True, current=current[0], current_rows=current[1])
        return inspect_file(request, self._context)

    def write(self, rows: Rows, name: str = "table.csv") -> Path:
        path = self._folder / name
        path.write_text(text_of(rows))
        return path


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("suggestions")
    with opened_context(folder / "scratch") as context:
        yield TableInspector(context, folder)


def assert_only_what_may_change(old: dict[str, Any], suggested: dict[str, Any]) -> None:
    new = suggested["schema"]
    assert {key for key in {*old, *new} if old.get(key) != new.get(key)} <= SCHEMA_KEYS
    assert set(suggested["dialect"] or {}) <= DIALECT_KEYS
    before = {field["name"]: field for field in old["fields"]}
    for field in new["fields"]:
        known = before.get(field["name"])
        if known is None:
            assert "constraints" not in field
            continue
        keys = {key for key in {*field, *known} if field.get(key) != known.get(key)}
        assert keys <= FIELD_KEYS
        if "type" in keys:
            assert (known["type"], field["type"]) == ("integer", "number")
    assert len(suggested["changes"]) > 0


@pytest.mark.parametrize("seed", range(examples(40)))
def test_a_suggestion_holds(inspector: TableInspector, seed: int) -> None:
    rng = random.Random(seed)
    suggested_ones = 0
    for _ in range(10):
        rows, schema = a_table(rng)
        current = inspector.write(rows, "current.csv"), len(rows) - 1
        assert inspector.inspect(rows, schema).verdict == "conforms"
        broken = [list(row) for row in rows]
        mutations = sorted(rng.sample(MUTATIONS, rng.choice([1, 1, 2])), key=MUTATIONS.index)
        if no_rows in mutations:
            mutations = [no_rows]
        done = [mutate for mutate in mutations if mutate(rng, broken)]
        inspection = inspector.inspect(broken, schema, current=current)
        if inspection.verdict == "conforms":
            continue
        suggested = inspection.report.get("suggested")
        if done and all(mutate in MENDED for mutate in done):
            assert suggested is not None, (done, schema, text_of(broken), inspection.detail)
        if any(mutate in NOT_MENDED for mutate in done):
            assert suggested is None, (done, schema, text_of(broken))
        if suggested is None:
            continue
        suggested_ones += 1
        assert_only_what_may_change(schema, suggested)
        again = inspector.inspect(broken, suggested["schema"], suggested["dialect"])
        assert again.verdict == "conforms", (suggested, text_of(broken))
        earlier = inspector.inspect(rows, suggested["schema"], suggested["dialect"])
        assert (earlier.verdict, earlier.row_count) == ("conforms", len(rows) - 1)
    assert suggested_ones > 0
