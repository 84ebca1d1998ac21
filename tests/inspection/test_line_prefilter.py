"""Rows that are known to be sound from their lines, and those that are set aside and judged."""

import random
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.line_prefilter import MIN_BYTES, Prefiltered, prefilter
from entrepot.schemas.lexical import MISSING_MARKS

ROWS, SHORT_ROWS = 20_000, 80_000
"""Rows of six cells and of two, more than any sample has; `table` checks that their bytes are
enough for the lines to be screened."""
SCHEMA: dict[str, Any] = {
    "fields": [
        # No token for a missing cell: of a required cell with one no pattern is made.
        {"name": "id", "type": "integer", "missingValues": [""], "constraints": {"required": True}},
        {"name": "price", "type": "number"},
        {"name": "day", "type": "date"},
        {"name": "at", "type": "datetime"},
        {"name": "paid", "type": "boolean"},
        {"name": "note"},
    ],
    "missingValues": ["", "n/a"],
}
NAMES = [field["name"] for field in SCHEMA["fields"]]
FAULTS: dict[str, tuple[int, str]] = {
    "x12": (1, "type-error"),
    "": (1, "constraint-error"),
    "1.5.2": (2, "type-error"),
    "2023-02-29": (3, "type-error"),
    "2023-1-1": (3, "type-error"),
    "2024-01-01 25:00:00": (4, "type-error"),
    "maybe": (5, "type-error"),
}
"""A wrong text, the column it stands in, and how it is called."""


def sound_row(chance: random.Random, number: int, unusual: float = 0.05) -> list[str]:
    """A row whose line matches the pattern, but for a share that is sound anyway."""
    odd = chance.random() < unusual
    return [
        str(number),
        chance.choice(["NaN", " 7"] if odd else [f"{chance.uniform(-9, 9):.3f}", "1e5", "", "n/a"]),
        chance.choice(["2024-02-29", "2023-12-31", "1999-01-01", "", "n/a"]),
        chance.choice(
            ["2024-01-01T10:00:00+02:00"]
            if odd
            else ["2024-01-01 10:00:00", "2024-01-01T10:00:00.25Z"]
        ),
        chance.choice(["true", "False", "1", "n/a"]),
        chance.choice(["plain", "ä, quoted", 'with "quotes"', "", " spaced ", "no. #5"]),
    ]


@pytest.fixture
def prefiltered(monkeypatch: pytest.MonkeyPatch) -> list[Prefiltered | None]:
    """What came of each screening of the lines, None where the rows were judged one by one."""
    outcomes: list[Prefiltered | None] = []

    def record(*arguments: Any) -> Prefiltered | None:
        outcomes.append(prefilter(*arguments))
        return outcomes[-1]

    for module in ("check", "count_cells"):
        monkeypatch.setattr(f"entrepot.inspection.check.{module}.prefilter", record)
    return outcomes


def written(cells: list[str], quoted: bool) -> str:
    def cell(text: str) -> str:
        needs = quoted or any(mark in text for mark in ',"')
        return '"' + text.replace('"', '""') + '"' if needs else text

    return ",".join(map(cell, cells))


def table(lines: list[str], names: list[str] = NAMES, newline: str = "\n") -> str:
    rows = newline.join([*lines, ""])
    assert len(rows.encode()) >= MIN_BYTES
    return ",".join(names) + newline + rows


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.6])
def test_every_error_is_found_at_its_place(
    share: float, newline: str, inspect: Inspect, prefiltered: list[Prefiltered | None]
) -> None:
    chance = random.Random(f"{share}{newline}")
    lines: list[str] = []
    expected = []
    offset = len(",".join(NAMES)) + len(newline)
    for number in range(2, ROWS + 2):
        row = sound_row(chance, number)
        if chance.random() < share:
            wrong = chance.choice(list(FAULTS))
            column, kind = FAULTS[wrong]
            row[column - 1] = wrong
            expected.append((kind, number, number, offset, column))
        lines.append(written(row, quoted=chance.random() < 0.05))
        offset += len(lines[-1].encode()) + len(newline)
    inspection = inspect(table(lines, newline=newline), schema=SCHEMA)
    assert [outcome is None for outcome in prefiltered] == [share > 0.5]
    assert inspection.row_count == ROWS
    assert inspection.verdict == ("violates" if expected else "conforms")
    keys = ("type", "rowNumber", "lineNumber", "byteOffset", "fieldNumber")
    listed = [tuple(error.get(key) for key in keys) for error in errors_of(inspection)]
    assert listed == expected[:1000]
    task = inspection.report["tasks"][0]
    assert sum(entry["count"] for entry in task["errorCounts"]) == len(expected)
    assert task["rowsRejected"] == len(expected)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (",,,,,", "blank-row"),
        ("", "blank-row"),
        ('"",,n/a,,,', "blank-row"),
        ("7,1,2024-01-01,,true", "missing-cell"),
        ("7,1,2024-01-01,,true,a,b", "extra-cell"),
        ("7;1;2024-01-01;;true;a", "type-error"),
    ],
)
@pytest.mark.parametrize("place", [3, ROWS - 2])
def test_a_row_that_is_no_row(line: str, kind: str, place: int, inspect: Inspect) -> None:
    chance = random.Random(line)
    lines = [written(sound_row(chance, n), quoted=False) for n in range(ROWS)]
    lines.insert(place, line)
    inspection = inspect(table(lines), schema=SCHEMA)
    assert (kind, place + 2) in [(e["type"], e.get("rowNumber")) for e in errors_of(inspection)]
    assert {e.get("rowNumber") for e in errors_of(inspection)} == {place + 2}
    assert inspection.row_count == ROWS + 1


@pytest.mark.parametrize("control", ["\t", "\x0b", "\x1f", "\x7f", "\x85", "\x9f"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_control_character_is_no_text(
    control: str,
    quoted: bool,
    inspect: Inspect,
    prefiltered: list[Prefiltered | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lines are prefiltered whether the text has any or not: for the contract, for what is
    inferred, and again to check that where a cell has any."""
    monkeypatch.setattr("entrepot.inspection.line_prefilter.MIN_BYTES", 1)
    rows = 3_000
    lines = ["a,b", *(f"{n},plain" for n in range(rows))]
    cell = f'"a{control}b"' if quoted else f"a{control}b"
    lines[rows - 1] = f"7,{cell}"
    text = "".join(f"{line}\n" for line in lines)
    schema = {"fields": [{"name": "a", "type": "integer"}, {"name": "b"}]}
    expected = [] if control == "\t" else [("type-error", rows, 2)]
    for inspection in (inspect(text, schema), inspect(text)):
        places = [(e["type"], e["rowNumber"], e["fieldNumber"]) for e in errors_of(inspection)]
        assert places == expected
        assert inspection.row_count == rows
    times = 2 if control == "\t" else 3
    assert prefiltered == [Prefiltered(rows, 1, control != "\t")] * times


def test_a_cell_over_several_lines(inspect: Inspect, prefiltered: list[Prefiltered | None]) -> None:
    """Its lines look like rows; the cell is one anyway."""
    chance = random.Random(1)
    lines = [written(sound_row(chance, n), quoted=False) for n in range(ROWS)]
    lines[ROWS // 2] = f'1,2,,,,"begun\n{lines[0]}\n{lines[1]}\nended"'
    inspection = inspect(table(lines), schema=SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", ROWS)
    assert prefiltered == [None]


def test_a_key_that_is_repeated_among_sound_lines(
    inspect: Inspect, prefiltered: list[Prefiltered | None]
) -> None:
    chance = random.Random(2)
    lines = [written(sound_row(chance, n, unusual=0), quoted=False) for n in range(ROWS)]
    lines[ROWS - 1] = written(sound_row(chance, 5, unusual=0), quoted=False)
    inspection = inspect(table(lines), schema={**SCHEMA, "primaryKey": "id"})
    assert [(e["type"], e["rowNumber"]) for e in errors_of(inspection)] == [
        ("primary-key", ROWS + 1)
    ]
    lines[ROWS - 2] = "x" + lines[ROWS - 2]
    inspection = inspect(table(lines), schema={**SCHEMA, "primaryKey": "id"})
    places = [(e["type"], e["rowNumber"]) for e in errors_of(inspection)]
    assert places == [("primary-key", ROWS), ("type-error", ROWS), ("primary-key", ROWS + 1)]
    assert inspection.report["tasks"][0]["rowsRejected"] == 2
    assert prefiltered == [Prefiltered(ROWS, 0), Prefiltered(ROWS, 1)]


@pytest.mark.parametrize(("late", "kind"), [("", "string"), ("5", "integer"), ("x", "string")])
def test_inference_of_a_column_that_is_empty_at_first(
    late: str, kind: str, inspect: Inspect
) -> None:
    lines = [f"{n}," for n in range(SHORT_ROWS)]
    inspection = inspect(table([*lines, f"7,{late}"], ["a", "b"]))
    assert inspection.schema is not None
    assert [field["type"] for field in inspection.schema["fields"]] == ["integer", kind]


@pytest.mark.parametrize("late", ["x", "1.5", "007", "NA", "", "12345678901234567890123"])
def test_inference_hears_of_a_late_row(
    late: str, inspect: Inspect, prefiltered: list[Prefiltered | None]
) -> None:
    lines = [f"{n},{n}" for n in range(SHORT_ROWS)]
    inspection = inspect(table([*lines, f"{late},1"], ["a", "b"]))
    expected = {"x": "string", "1.5": "number", "007": "string"}.get(late, "integer")
    assert inspection.schema is not None
    assert [field["type"] for field in inspection.schema["fields"]] == [expected, "integer"]
    marks = None if expected == "string" else list(MISSING_MARKS)
    assert inspection.schema["fields"][0].get("missingValues") == marks
    assert (inspection.verdict, inspection.row_count) == ("conforms", SHORT_ROWS + 1)
    assert [outcome.rows for outcome in prefiltered if outcome] == [SHORT_ROWS + 1]
