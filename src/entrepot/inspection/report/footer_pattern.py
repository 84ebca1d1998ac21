"""A pattern for `entrepot:footer` that matches the first cells of given notes, and little else.

Rows that it matches at the end of a delivery are judged no more, so it is as narrow as a note can
be that is written again each time: its figures may differ, and what follows its first colon.
"""

import json
import re
from collections.abc import Sequence

MAX_EXACT_CHARS = 60
"""Of a first cell; a longer one may end in any way."""
SPECIAL = re.compile(r"[\\.^$|?*+()\[\]{}]")
"""Characters that mean something in an RE2 pattern."""
FIGURES = re.compile(r"[0-9]+")
HEADED = re.compile(r"[^\W\d_][^:\r\n]{0,40}:(?!//)")
"""What a note begins with that has a heading, such as `Source:`; an address has none."""


def footer_pattern(first_cells: Sequence[str]) -> str:
    """The pattern; empty if a first cell is blank, since no pattern of a footer matches that."""
    if not first_cells or not all(cell.strip() for cell in first_cells):
        return ""
    patterns = dict.fromkeys(_pattern(cell) for cell in first_cells)
    several_lines = any("\n" in cell or "\r" in cell for cell in first_cells)
    return ("(?s)" if several_lines else "") + "|".join(patterns)


def footer_line(pattern: str) -> str:
    """The line of a dialect that states the pattern of a footer."""
    return f'"entrepot:footer": {json.dumps(pattern, ensure_ascii=False)}'


def matches_footer(pattern: str, first_cell: str) -> bool:
    """Whether a pattern of `footer_pattern` matches a first cell; RE2 agrees on such patterns."""
    return re.fullmatch(pattern, first_cell) is not None


def _pattern(cell: str) -> str:
    if headed := HEADED.match(cell):
        return _escaped(headed.group()) + ".*"
    if len(cell) > MAX_EXACT_CHARS:
        return _escaped(cell[:MAX_EXACT_CHARS]) + ".*"
    return _escaped(cell)


def _escaped(text: str) -> str:
    escaped = SPECIAL.sub(lambda match: "\\" + match.group(), text)
    return FIGURES.sub("[0-9]+", escaped)
