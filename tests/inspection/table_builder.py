"""Ordinary tables by the thousand: columns of every kind, as programs export them every day.

None is polluted by more than a title and a remark, so a reader has no excuse to misread it
without a word.
"""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass

WORDS = [
    "red",
    "green",
    "blue",
    "Paris",
    "London",
    "Berlin",
    "open",
    "closed",
    "north",
    "south",
    "Anna",
    "Miller",
    "apple",
    "pear",
    "steel",
    "kg",
    "high",
    "low",
    "new",
    "used",
    "first",
]
NAMES = """id|name|value|date_from|Price|Qty|city|region_code|lat|lon|notes|status|a|b|x|col_1|unit
total|created_at|first name|last name|Zip|e-mail|Q1|% change|Population (2019)|is_active|no|count
key""".replace("\n", "|").split("|")
TITLES = ("Report of sales", "Monthly delivery to partners, all regions", "Export 2024-03-01")
NOTES = ("Source: own survey", "* preliminary", "(12 rows)")

Cell = Callable[[], str]


@dataclass(frozen=True)
class MadeTable:
    """A text, and the rows that it holds, the header first (`labels` is empty without one)."""

    text: str
    labels: list[str]
    rows: list[list[str]]
    delimiter: str


def column(rng: random.Random) -> Cell:
    """A column of one kind: what writes its next cell."""

    def words(least: int, most: int) -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(least, most)))

    def text() -> str:
        parts = [words(2, 5) for _ in range(rng.randint(1, 3))]
        return ", ".join(parts) + rng.choice([".", "", '"!', " (x)"])

    numbers = iter(range(rng.choice([1, 100, 5_000]), 1 << 40))
    kinds: list[Cell] = [
        lambda: str(next(numbers)),
        lambda: str(rng.randint(0, 10 ** rng.randint(1, 6))),
        lambda: f"{rng.uniform(-100, 100):.{rng.randint(1, 4)}f}",
        lambda: f"{rng.randint(1000, 9999999):,}",
        lambda: f"${rng.randint(1, 999)}.{rng.randint(0, 99):02}",
        lambda: str(rng.randint(1950, 2024)),
        lambda: f"20{rng.randint(10, 24)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        lambda: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
        lambda: rng.choice(["yes", "no"]),
        lambda: rng.choice("abcXYZ"),
        lambda: rng.choice(WORDS),
        lambda: words(1, 3),
        text,
        lambda: f"{rng.choice('ABCk')}{rng.randint(1, 999)}",
        lambda: f"https://example.org/{rng.choice(WORDS)}?id={rng.randint(1, 99)}",
        lambda: f'{{"a": {rng.randint(1, 9)}, "b": "{rng.choice(WORDS)}"}}',
        lambda: rng.choice(["", str(rng.randint(1, 99))]),
        lambda: rng.choice(["a", "1", "2.0", "x y", 'q"', "x,y", "NA", ""]),
    ]
    return rng.choice(kinds)


def made_table(rng: random.Random, header: bool = True, dirty: bool = False) -> MadeTable:
    """A table of 2 to 9 columns and 1 to 100 rows in one of the usual dialects; `dirty` with a
    title above it, a remark below it, and blank lines."""
    width, count = rng.randint(2, 9), rng.choice([1, 2, 3, 5, 10, 30, 100])
    labels = rng.sample(NAMES, width) if header else []
    columns = [column(rng) for _ in range(width)]
    rows = [[cell() for cell in columns] for _ in range(count)]
    # Blank rows around a table do not belong to it.
    rows = [row for row in rows if any(row)] or [["1"] * width]
    delimiter, end = rng.choice(",,,;\t|"), rng.choice(["\n", "\r\n"])
    text = io.StringIO(newline="")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([*([labels] if header else []), *rows])
    written = text.getvalue()
    if dirty:
        above = rng.choice(TITLES) + end + rng.choice(["", end])
        below = rng.choice(["", end]) + rng.choice(NOTES) + end
        written = rng.choice([above, "", end]) + written + rng.choice([below, "", end + end])
    return MadeTable(written, labels, rows, delimiter)
