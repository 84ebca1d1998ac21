"""How a delimited text is written: delimiter, quote, escape, and whether it has a header.

Decided on the first part of the file. Our own decision: the engine's sniffer is lenient in
silence on polluted files. Each delimiter is judged by how regular the rows are and how much
the cells look like values (after van den Burg et al., "Wrangling messy CSV files", 2019).
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

DELIMITERS = (",", ";", "\t", "|")
MAX_ROWS = 1_000

VALUE = re.compile(
    r"[-+]?[\d.,\s]*\d\s?%?|[-+]?\d+(\.\d+)?[eE][-+]?\d+|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    r"([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?|(?i:true|false|yes|no|na|null|nan|)"
)
NUMERIC = re.compile(
    r"[-+]?[\d.,]*\d\s?%?|[-+]?\d+(\.\d+)?[eE][-+]?\d+|\d{4}-\d{2}-\d{2}([T ].*)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
)
WORDS = re.compile(r"[\w .()/@:'&+#?!°-]{1,60}")


@dataclass(frozen=True)
class Dialect:
    """The decision; `escape` equals `quote` where quotes are doubled inside."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True

    def describe(self) -> dict[str, Any]:
        """As the profile shows it."""
        return asdict(self)

    def reader_options(self) -> dict[str, Any]:
        """The arguments for Python's csv.reader."""
        doubled = self.escape == self.quote
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "doublequote": doubled,
            "escapechar": None if doubled else self.escape,
        }


@dataclass(frozen=True)
class Score:
    """How well one delimiter explains the sample. `agreement` is the share of regular rows."""

    delimiter: str
    width: int
    agreement: float
    value: float
    rows: int


def decide_dialect(sample: str, names: Sequence[str] | None) -> Dialect:
    """The dialect of a text whose first part is `sample`.

    `names` are the contract's columns: a file under a contract has a header, so that a wrong
    one is told as such and never taken for data.
    """
    scores = delimiter_scores(sample)
    usable = scores and (scores[0].width > 1 or scores[0].rows == 1)
    delimiter = scores[0].delimiter if scores and usable else ","
    if names is not None:
        delimiter = _delimiter_of_header(sample, names) or delimiter
    quote = _quote(sample, delimiter)
    escape = "\\" if f"\\{quote}" in sample and quote * 2 not in sample else quote
    dialect = Dialect(delimiter, quote, escape)
    if names is not None:
        return dialect
    rows = read_sample(sample, dialect)
    return Dialect(delimiter, quote, escape, header=has_header(rows))


def _delimiter_of_header(sample: str, names: Sequence[str]) -> str | None:
    """The delimiter that splits the first row into exactly the contract's columns, if any:
    stronger evidence than any shape of the rows below."""
    for delimiter in DELIMITERS:
        rows = read_sample(sample, Dialect(delimiter), most=1)
        if rows and rows[0] == list(names):
            return delimiter
    return None


def delimiter_scores(sample: str) -> list[Score]:
    """The delimiters that occur in the sample, the best first."""
    scores = []
    for delimiter in DELIMITERS:
        if delimiter not in sample:
            continue
        rows = [row for row in read_sample(sample, Dialect(delimiter)) if row]
        if not rows:
            continue
        width, times = Counter(len(row) for row in rows).most_common(1)[0]
        agreement = times / len(rows)
        cells = [cell.strip() for row in rows[:200] for cell in row]
        looks = sum(1 if VALUE.fullmatch(cell) else 0.8 if WORDS.fullmatch(cell) else 0.1
                    for cell in cells) / len(cells)  # fmt: skip
        value = agreement**2 * looks * (1 - 1 / width)
        scores.append(Score(delimiter, width, agreement, value, len(rows)))
    return sorted(scores, key=lambda score: -score.value)


def read_sample(sample: str, dialect: Dialect, most: int = MAX_ROWS) -> list[list[str]]:
    """The records of the sample, up to a bound; a last one that may be cut off is left out."""
    lines = sample.splitlines(keepends=True)
    if len(lines) > 1 and not sample.endswith(("\n", "\r")):
        lines = lines[:-1] if len(sample) > 200_000 else lines
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, **dialect.reader_options()):
            rows.append(row)
            if len(rows) >= most:
                break
    except csv.Error:
        pass
    return rows


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names columns rather than holding values."""
    rows = [row for row in rows if any(row)]
    if not rows:
        return False
    first, body = rows[0], rows[1:101]
    if any(NUMERIC.fullmatch(cell.strip()) for cell in first):
        return False
    for position in range(len(first)):
        column = [row[position].strip() for row in body if position < len(row) and row[position]]
        if column and all(VALUE.fullmatch(cell) for cell in column):
            return True
    return not any(first[n] in {row[n] for row in body if n < len(row)} for n in range(len(first)))


def looks_like_values(sample: str, delimiter: str) -> bool:
    """Whether at least half of the cells are values or single words, as in no prose."""
    rows = read_sample(sample, Dialect(delimiter))
    cells = [cell.strip() for row in rows[:200] for cell in row if cell.strip()]
    plain = sum(1 for cell in cells if " " not in cell or VALUE.fullmatch(cell))
    return plain * 2 >= len(cells)


def consistency(text: str) -> bool:
    """Whether a text without a delimiter is one column of short single values, not prose."""
    lines = [line for line in text.splitlines()[:MAX_ROWS] if line.strip()]
    return len(lines) > 1 and all(re.fullmatch(r"\S{1,64}", line) for line in lines)


def _quote(sample: str, delimiter: str) -> str:
    if '"' in sample or "'" not in sample:
        return '"'
    mark = re.escape(delimiter)
    quoted = re.findall(rf"(?:^|{mark})'[^'\n]*'(?=$|{mark})", sample, re.MULTILINE)
    return "'" if len(quoted) * 2 >= sample.count("'") else '"'
