"""Quoted cells of several lines that look like rows: a text by RFC 4180 keeps its records."""

import csv
import io
import random
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

WORDS = ["p", "see below", "Ann", "5 kg", 'the "old" one', "x", ""]
TEXTS = 12


def text_field(chance: random.Random, width: int, delimiter: str) -> str:
    """A cell of some lines, each of which has the delimiters of a row or none, and which may end in
    a quote."""
    lines = [
        delimiter.join(chance.choice(WORDS) for _ in range(chance.choice([1, width, width])))
        for _ in range(chance.randint(2, 6))
    ]
    # So that no line has the kinds of a row.
    return "\n".join([*lines[:-1], "q" + lines[-1] + chance.choice(["", '"', 'r"'])])


def write(rows: list[list[Any]], delimiter: str, quoting: Any, end: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(("typed", "by_contract"), [(0, True), (1, True), (2, True), (1, False)])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_cell_of_lines_like_rows_is_one_cell(
    inspect: Inspect, delimiter: str, typed: int, by_contract: bool
) -> None:
    """`typed` columns are of numbers, one is of such cells."""
    for seed in range(TEXTS):
        chance = random.Random(f"{seed} {delimiter} {typed}")
        width = typed + chance.choice([1, 2, 3])
        at = chance.randrange(width - typed)
        names = [f"column {letter}" for letter in "abcdef"[:width]]
        rows: list[list[Any]] = [
            [*(f"word {n} {number}" for n in range(width - typed)), *[number] * typed]
            for number in range(30)
        ]
        for number in chance.sample(range(30), 4):
            rows[number][at] = text_field(chance, width, delimiter)
        quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
        text = write([names, *rows], delimiter, quoting, chance.choice(["\n", "\r\n"]))
        kinds = ["string"] * (width - typed) + ["integer"] * typed
        fields = [{"name": n, "type": kind} for n, kind in zip(names, kinds, strict=True)]
        # A text of one column has no delimiter to find.
        dialect = {"delimiter": delimiter} if width == 1 else None
        inspection = inspect(text, {"fields": fields} if by_contract else None, dialect=dialect)
        assert (inspection.verdict, inspection.row_count) == ("conforms", 30), (text, seed)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("lines", [3, 4, 9])
def test_rows_between_two_stray_quotes_stay_rows(
    inspect: Inspect, delimiter: str, lines: int
) -> None:
    """Their numbers show that they are rows, though the text may be read as one long cell."""
    rows = [f"{n},n{n},{n / 2}" for n in range(40)]
    rows[10] = '10,"open,5.0'
    rows[9 + lines] = f'{9 + lines},shut",5.5'
    text = "\n".join(["id,name,share", *rows, ""]).replace(",", delimiter)
    inspection = inspect(text, {"fields": [{"name": n} for n in ("id", "name", "share")]})
    assert inspection.row_count == 40
    assert [(e["code"], e["rowNumber"]) for e in errors_of(inspection)] == [("broken-quote", 12)]
    (error,) = errors_of(inspection)
    assert "cell 2 closes in a further line, but the lines look like rows" in error["message"]
    assert "If they are one cell, write it without line ends." in error["message"]
