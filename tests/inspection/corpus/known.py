"""The cases of this folder: where a file lies, which truths it has, what else is known of it."""

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FACTS = {
    "encoding",
    "delimiter",
    "quote",
    "header",
    "header_rows",
    "unsure",
    "findings",
    "other_tables",
    "verdict",
}


@dataclass(frozen=True)
class Known:
    """One file. `truths` are canonical CSVs, any of which is right; none: it is not a table."""

    name: str
    path: Path
    truths: tuple[bytes, ...]
    facts: dict[str, Any]

    @property
    def tabular(self) -> bool:
        """Whether the file holds a table."""
        return self.facts.get("verdict") != "not-tabular"

    def accepts(self, fact: str, value: Any) -> bool:
        """Whether `value` is what is known; a fact written as a list allows any of its items."""
        known = self.facts[fact]
        allowed = known if isinstance(known, list) else [known]
        if fact == "encoding":
            return value is not None and self._decoded(value) == self._decoded(allowed[0])
        return value in allowed

    def _decoded(self, encoding: str) -> str:
        """What the file says in an encoding: two that read it alike are both right."""
        text = self.path.read_bytes().decode(codecs.lookup(encoding).name, "replace")
        return text.removeprefix("\ufeff")


def known_cases() -> list[Known]:
    """Every file of the corpus, in the order of their names."""
    paths = [path for path in HERE.glob("*/*.csv") if ".truth" not in path.name]
    return [_known(path) for path in sorted(paths)]


def rows(canonical: bytes) -> list[list[str]]:
    """The rows of a canonical CSV. A row without any character is a row of one empty cell."""
    text = io.StringIO(canonical.decode(), newline="")
    csv.field_size_limit(1 << 24)
    return [row or [""] for row in csv.reader(text, strict=True)]


def _known(path: Path) -> Known:
    stem = path.name.removesuffix(".csv")
    truths = sorted(path.parent.glob(f"{stem}.truth*.csv"), key=lambda truth: len(truth.name))
    facts = path.with_suffix(".json")
    return Known(
        f"{path.parent.name}/{stem}",
        path,
        tuple(truth.read_bytes() for truth in truths),
        json.loads(facts.read_bytes()) if facts.exists() else {},
    )
