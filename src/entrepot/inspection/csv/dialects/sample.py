"""The first lines of a text, and what each dialect makes of them.

A text whose reading is to become a contract is decided on twice, the second time by the names of
that contract. Most of what is asked of its lines is then the same.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.lexer import Lexer, Record

MAX_SCORED_ROWS = 400
"""Records by which a dialect is scored. Set by time: there may be dozens of candidates."""
MAX_RECORD_CHARS = 1 << 17
"""A record that is longer is cut into lines: twice what is kept of a line, so that a cell of two
long lines is whole."""
MAX_KEPT_CELLS = 200_000
"""Cells of the records that are kept, of all dialects: some MiB."""
Answer = TypeVar("Answer")


class LineSample:
    """`lines` with their ends, none of them blank."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._answers: dict[Hashable, object] = {}
        self._records: dict[tuple[Dialect, int], list[Record]] = {}
        self._kept_cells = 0

    def once(self, question: Hashable, answer: Callable[[], Answer]) -> Answer:
        """What `answer` returned the first time that `question` was asked. A question has one type
        of answer."""
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]  # type: ignore[return-value]

    def first_records(self, dialect: Dialect, width: int = 0) -> list[Record]:
        """The first records that are not blank. `width` is the table's count of cells, if known."""
        records = self._records.get((dialect, width))
        if records is None:
            records = self._split(dialect, width)
            cells = sum(len(record[1]) for record in records)
            if self._kept_cells + cells <= MAX_KEPT_CELLS:
                self._kept_cells += cells
                self._records[dialect, width] = records
        return records

    def _split(self, dialect: Dialect, width: int) -> list[Record]:
        rows = []
        for record in Lexer(dialect, width, longest=MAX_RECORD_CHARS).records(self.lines):
            if any(record[1]):
                rows.append(record)
                if len(rows) >= MAX_SCORED_ROWS:
                    break
        return rows


class LineSamples:
    """Those of one text, each once."""

    def __init__(self) -> None:
        self._known: list[LineSample] = []

    def of(self, lines: Sequence[str]) -> LineSample:
        """The sample of `lines`, with what is known of them."""
        for sample in self._known:
            if sample.lines == lines:
                return sample
        self._known.append(LineSample(lines))
        return self._known[-1]
