"""A case as a program states it, for texts that a review cannot read."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Rows = list[list[str]]


@dataclass(frozen=True)
class Case:
    """One case: its bytes, the truths that are accepted, and further facts."""

    name: str
    content: bytes
    truths: tuple[Rows, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """The files of the case, below this folder."""
        yield HERE / f"{self.name}.csv", self.content
        for number, rows in enumerate(self.truths, start=1):
            suffix = "" if number == 1 else f"-{number}"
            yield HERE / f"{self.name}.truth{suffix}.csv", canonical(rows)
        if self.facts:
            facts = json.dumps(self.facts, indent=2, ensure_ascii=False) + "\n"
            yield HERE / f"{self.name}.json", facts.encode()


def canonical(rows: Rows) -> bytes:
    """The rows as canonical CSV."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()


def plain(rows: Rows, delimiter: str = ",", end: str = "\n") -> str:
    """The rows as a text without quotes."""
    return "".join(delimiter.join(row) + end for row in rows)


def table(text: str) -> Rows:
    """Rows of a text in which `|` stands between cells."""
    return [line.split("|") for line in text.strip().split("\n")]
