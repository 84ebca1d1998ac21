"""Titles above a table, which say nothing of its dialect."""

from collections.abc import Sequence

from entrepot.inspection.values.delimiters import USUAL

MIN_TITLE_LINES = 100
"""Lines of a record at the top from which on it is left out: the others must be enough."""
MAX_TITLES = 20
"""Records that may stand above the header of a first version."""
MIN_TABLE_LINES = 3
"""A header and two rows: fewer lines with a delimiter may be text."""


def below_titles(lines: Sequence[str], quote: str | None, titles: int) -> Sequence[str]:
    """The lines without the first `titles` records, which a dialect states to be above the header,
    and without further ones that are in quotes and have so many lines that they would be most of
    what is looked at. A quote that is not closed ends the search."""
    start, _ = _pass_titles(lines, quote, titles)
    return lines[start:] or lines


def has_header(lines: Sequence[str], quote: str | None, row: int) -> bool:
    """Whether the record `row` (from 1) ends within the lines."""
    _, passed = _pass_titles(lines, quote, row)
    return passed >= row


def _pass_titles(lines: Sequence[str], quote: str | None, titles: int) -> tuple[int, int]:
    """The line at which the search ends, and how many records were passed."""
    quote = '"' if quote is None else quote
    start = passed = quotes = 0
    for place, line in enumerate(lines):
        begun = bool(quote) and line.lstrip("\ufeff").startswith(quote)
        if place == start and not begun and passed >= titles:
            break
        quotes += line.count(quote) if begun or place > start else 0
        if quotes % 2 == 0:
            if passed >= titles and place - start < MIN_TITLE_LINES:
                break
            start, passed, quotes = place + 1, passed + 1, 0
    return start, passed


def count_titles(lines: Sequence[str]) -> int:
    """How many lines stand above a table that ends the text: all lines of the table have the same
    number of a usual delimiter, and none above has any. 0 if there is no such table, or too many
    lines above it."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for mark in USUAL:
        counts = [line.count(mark) for line in lines[:end]]
        start = next((n for n, count in enumerate(counts) if count), end)
        is_even = len(set(counts[start:])) == 1 and end - start >= MIN_TABLE_LINES
        if is_even and 0 < sum(bool(line.strip()) for line in lines[:start]) <= MAX_TITLES:
            return start
    return 0
