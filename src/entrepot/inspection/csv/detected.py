"""The decision about a delimited text, how sure that is, and why: one frozen object.

The readers act by it, the profile shows it, and the report warns by it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.layout import Layout
from entrepot.inspection.csv.table_end import BlockBelow, TableEnd
from entrepot.inspection.detect.byte_order import warn_of_marks
from entrepot.inspection.detect.encoding import Encoding
from entrepot.inspection.report.row_looks import SPACED_QUOTE
from entrepot_client.counts import counted

JUNK = "\0\x0c \t\r\n\ufeff"
"""Characters without a meaning: padding (NUL), form feeds, blanks, a mark of byte order."""
PADDING = "\0"
MAX_PADDING_BYTES = 4096
"""As many NULs as fill the last cluster of a disc up to its end; more of them are not padding."""
MAX_LISTED_ROWS = 5
"""Numbers of rows that a warning lists."""
MIN_SURE = 0.6
"""A reading that is less sure than this is warned of. Set by hand: on tests/inspection/corpus each
reading that has a rival as good is below, each of a clean text above."""

STATE_IT = "State the encoding that it has."


@dataclass(frozen=True)
class Occurrences:
    """Rows that are alike in something: how many there are, and the first ones' numbers."""

    total: int
    first: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class DetectedTable:
    """Where the table is in a text or a sheet. Rows are the records, counted from 1, with those
    that are not the table's; `first_row` and `last_row` (None: to the end) are the first and last
    data row. `comment` is the mark of comments; `comments` are rows that were passed over for it,
    `repeats` rows that repeat the header."""

    layout: Layout
    first_row: int
    comment: str = ""
    last_row: int | None = None
    above: BlockBelow | None = None
    below: tuple[BlockBelow, ...] = ()
    tables: tuple[BlockBelow, ...] = ()
    confidence: float = 1.0
    reasons: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    repeats: Occurrences | None = None
    comments: Occurrences | None = None

    @property
    def header_rows(self) -> tuple[int, ...]:
        """The row numbers of the header; none if the table has no header."""
        return tuple(place + 1 for place in self.layout.header)

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns' labels, `column_1`, … without a header."""
        return self.layout.labels

    @property
    def unsure(self) -> bool:
        """Whether another reading is nearly as likely."""
        return self.confidence < MIN_SURE

    def stated_example(self) -> str:
        """Lines of a dialect that state this reading."""
        return f'"headerRows": {list(self.header_rows)}'

    def within(self, table_end: TableEnd) -> Self:
        """The reading with what all of the records say of the table's end."""
        return replace(
            self, last_row=table_end.last, below=table_end.notes, tables=table_end.tables
        )

    @property
    def doubts(self) -> list[str]:
        """A sentence on how unsure the reading is."""
        if not self.unsure:
            return []
        reason = "; ".join(self.further) or "the text may be read in other ways too"
        return [f"How the file is to be read is not sure: {reason}."]

    @property
    def omissions(self) -> list[str]:
        """What was not read as rows of the table, in sentences; not the titles above a header whose
        place is stated."""
        above = None if self.layout.stated else self.above
        sentences = [
            f"Another table, in rows {table.first:,} to {table.last:,}, was not read: "
            f"{table.text!r}."
            for table in self.tables
        ]
        sentences += [
            f"{_outside(part)} not belong to the table: {part.text!r}."
            for part in (above, *self.below)
            if part is not None
        ]
        if self.repeats is not None:
            times = "once" if self.repeats.total == 1 else f"{self.repeats.total:,} times"
            sentences.append(
                f"The header is repeated as a row {times}"
                f" (row {_numbers(self.repeats)}): tables may have been joined."
            )
        if self.comments is not None:
            sentences.append(
                f"Read as comments, not as rows of the table, since they begin with"
                f" {self.comment!r} and have not its number of cells:"
                f" {self.comments.total:,} (row {_numbers(self.comments)})."
            )
        return sentences


def _outside(part: BlockBelow) -> str:
    if part.first == part.last:
        return f"Row {part.first:,} does"
    return f"Rows {part.first:,} to {part.last:,} do"


@dataclass(frozen=True, kw_only=True)
class DetectedCsv(DetectedTable):
    """The decision on a delimited text. `first_line` is the physical line of the first data row,
    `bom` (byte order marks), `undecodable` and `padding` are bytes; `end_mark`: the text
    ends with Ctrl-Z; `spanning` counts the cells of several lines that look
    like rows, and shows the first; `spaced` are rows with a space before a quote."""

    encoding: Encoding
    bom: int
    line_end: str
    lines: int | None
    dialect: Dialect
    first_line: int
    undecodable: int = 0
    padding: int = 0
    end_mark: bool = False
    spanning: tuple[int, str] = (0, "")
    spaced: Occurrences | None = None

    @property
    def other_encoding(self) -> str:
        """Another encoding that the text of ASCII may have, so that other letters are meant."""
        plain = self.encoding.name == "utf-8" and not self.encoding.damaged
        return self.encoding.rivals[0] if plain and self.encoding.rivals else ""

    def stated_example(self) -> str:
        """Lines of a dialect that state this reading."""
        return f'"delimiter": {json.dumps(self.dialect.delimiter or ",")}, ' + (
            super().stated_example()
        )

    @property
    def warnings(self) -> list[str]:
        """What a person should know, in sentences."""
        sentences = self.doubts
        if self.encoding.sure < MIN_SURE:
            sentences.append(_doubt(self.encoding, self.other_encoding))
        sentences += [*warn_of_marks(self.bom, self.encoding.name), *self.omissions]
        if self.padding:
            sentences.append(
                f"{counted(self.padding, 'byte')} of padding (NUL) at the end "
                f"{'was' if self.padding == 1 else 'were'} left out."
            )
        if self.spanning[0]:
            sentences.append(
                f"{counted(self.spanning[0], 'row')} {'has' if self.spanning[0] == 1 else 'have'} "
                "a cell of several lines that look like rows of the table; it was kept as one cell,"
                f" first in the row that begins {self.spanning[1]!r}."
            )
        if self.spaced is not None:
            rows = counted(self.spaced.total, "row")
            sentences.append(
                f"In {rows} a space stands before a quote (row {_numbers(self.spaced)}): both are"
                f" part of the cell. {SPACED_QUOTE}"
            )
        return sentences

    def describe(self) -> dict[str, Any]:
        """The reading as JSON, for the profile."""
        parts = [part.describe() for part in (self.above, *self.below) if part is not None]
        return {
            "format": "csv",
            "encoding": self.encoding.name,
            "encodingConfidence": self.encoding.sure,
            "encodingAlternatives": list(self.encoding.rivals),
            "bom": self.bom > 0,
            "endMark": self.end_mark,
            "newline": self.line_end,
            "lines": self.lines,
            "dialect": self.dialect.describe() | {"header": bool(self.layout.header)},
            "headerRows": list(self.header_rows),
            "firstRow": self.first_row,
            "lastRow": self.last_row,
            "confidence": self.confidence,
            "unsure": self.unsure,
            "reasons": list(self.reasons),
            "outside": parts,
            "tables": [table.describe() for table in self.tables],
            "undecodable": self.undecodable,
            "warnings": self.warnings,
        }


def _doubt(encoding: Encoding, other: str) -> str:
    """That the encoding is a guess, and what else it may be."""
    if other:
        return (
            f"The encoding {encoding.name} is a guess: the text may be {other}, in which some of"
            f" its characters are other letters. {STATE_IT}"
        )
    if not encoding.rivals:
        return f"The encoding {encoding.name} is a guess. {STATE_IT}"
    others = " or ".join(encoding.rivals)
    return (
        f"The encoding {encoding.name} is a guess: other letters in {others} fit nearly as well."
        f" {STATE_IT}"
    )


def _numbers(rows: Occurrences) -> str:
    """The first rows' numbers, in words."""
    first = ", ".join(f"{number:,}" for number in rows.first)
    return f"{first}, …" if rows.total > len(rows.first) else first


def is_blank_record(cells: Sequence[str], width: int) -> bool:
    """Whether a record of a table of `width` columns is blank. What the only column has is its
    cell, even if it is a tab, unless it is padding."""
    return is_blank(cells) and not (width == 1 and any(cell.strip(PADDING) for cell in cells))


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a record has no text: a blank line, or the NULs that end some files."""
    if len(cells) != 1:
        return not cells
    return len(cells[0]) <= MAX_PADDING_BYTES and not cells[0].strip(JUNK)
