r"""Patterns for the lines of a table: those that match hold valid cells and nothing else.

For a field or a candidate the pattern of a cell in its usual spelling; what is spelled otherwise is
not wrong, it is only not known to be right. A cell pattern never matches the delimiter, a quote or
a control character, so that a line is split in one way only. All patterns are RE2's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from entrepot.schemas.model import Constraints, Field

DAY = (
    r"(?:[1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:[1-9]\d(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
)
"""The days of the Gregorian calendar from the year 1000 on."""
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?"
MOMENT = rf"{DAY}[T ]{CLOCK}"
USUAL: dict[str, str] = {
    "integer": r"[-+]?\d+",
    "number": r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?",
    "date": DAY,
    "time": CLOCK,
    "datetime": f"{MOMENT}Z?",
    "year": r"[1-9]\d{3}",
    "yearmonth": r"[1-9]\d{3}-(?:0[1-9]|1[0-2])",
}
"""Per type in its default format, a subset of what `cells.lexical_check` lets through."""
INFERRED: dict[str, str] = {
    "integer": r"-?(?:0|[1-9]\d*)",
    "number": r"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?",
    "date": DAY,
    "time": CLOCK,
    "time with a zone": f"{CLOCK}Z",
    "datetime": MOMENT,
    "datetime with a zone": f"{MOMENT}Z",
    "1.5%": r"[-+]?(?:0|[1-9]\d*)(?:\.\d+)? ?%",
    "true/false": "true|false|True|False|TRUE|FALSE",
    "yes/no": "yes|no|Yes|No|YES|NO",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}
"""Per candidate's name, a subset of what `candidates` lets through."""

CONTROLS = r"\x00-\x1f\x7f-\x{9f}"
"""Control characters (Unicode's category Cc), as a part of a class."""
DELIMITERS = frozenset(",;\t|")
"""Delimiters that no pattern above matches."""
MAX_COLUMNS = 2_000
"""Wider tables are asked cell by cell: a line's pattern costs by its length to compile."""
MAX_PATTERN_CHARS = 20_000
"""Characters of a pattern, about. RE2 keeps the states of what is longer in too little memory:
400 columns at once were matched fifty times slower a column than 200."""


@dataclass(frozen=True)
class CellRegex:
    """`filled` matches cells with a value, None any text; `gaps`: the cell may also be empty or
    one of `tokens`, which mean a missing value."""

    filled: str | None
    gaps: bool = True
    tokens: tuple[str, ...] = ()


def line_regexes(cells: Sequence[CellRegex], anchor: int, delimiter: str) -> list[str]:
    """The patterns that a line's parts match one after another, each with the delimiter at its
    end but the last; none where there are too many columns.

    The cell at `anchor` must have a value: so no blank row matches.
    """
    if len(cells) > MAX_COLUMNS or delimiter not in DELIMITERS or len(cells) < 2:
        return []
    free = rf'[^{re.escape(delimiter)}"{CONTROLS}]'
    patterns = [""]
    for number, cell in enumerate(cells, start=1):
        patterns[-1] += _cell(cell, number - 1 == anchor, free)
        if number < len(cells):
            patterns[-1] += re.escape(delimiter)
            if len(patterns[-1]) > MAX_PATTERN_CHARS:
                patterns.append("")
    return patterns


def _cell(cell: CellRegex, anchor: bool, free: str) -> str:
    must = anchor or not cell.gaps
    inside = rf'(?:[^"{CONTROLS}]|"")'
    if cell.filled is None:
        return f'(?:{free}+|"{inside}+")' if must else f'(?:{free}*|"{inside}*")'
    plain = "|".join([cell.filled, *([] if must else map(re.escape, cell.tokens))])
    return f'(?:{plain}|"(?:{plain})")' if must else f'(?:{plain}|"(?:{plain})"|)'


def can_anchor(cell: CellRegex) -> bool:
    """Whether the pattern can distinguish a cell with a value from one without."""
    return cell.filled is not None or not cell.tokens


ANYTHING = CellRegex(None)


def cell_regex(field: Field, missing: tuple[str, ...]) -> CellRegex | None:
    """What the contract's `field` lets through, or None if a pattern cannot say that.

    Uniqueness is checked separately (`keys`).
    """
    rules = field.constraints
    plain = replace(
        Field(field.name, field.type),
        missing_values=field.missing_values,
        true_values=field.true_values,
        false_values=field.false_values,
        leading_zeros=field.leading_zeros,
        finite=field.finite,
        time_zone=field.time_zone,
        stored_type=field.stored_type,
        not_empty=field.not_empty,
        constraints=Constraints(required=rules.required, unique=rules.unique),
        other=field.other,
    )
    tokens = tuple(text for text in missing if text)
    gaps = "" in missing and not rules.required
    words = field.true_values + field.false_values if field.type == "boolean" else ()
    if field != plain or not all(map(_is_plain, tokens + words)):
        return None
    if rules.required and tokens:
        return None
    if field.type == "boolean":
        return CellRegex(_any_of(words), gaps, tokens)
    if field.type in ("string", "any"):
        return CellRegex(None, gaps, tokens)
    usual = _usual(field)
    return CellRegex(usual, gaps, tokens) if usual else None


def _usual(field: Field) -> str | None:
    if field.time_zone is not None:
        return INFERRED[f"{field.type} with a zone" if field.time_zone else field.type]
    return (USUAL if field.leading_zeros else INFERRED).get(field.type)


def is_usual(cell: CellRegex, field: Field) -> bool:
    """Whether cells that match have a value as `USUAL` spells the type of `field`, or none."""
    return cell.filled is not None and cell.filled == _usual(field)


def _any_of(words: Sequence[str]) -> str:
    return "|".join(map(re.escape, words))


def _is_plain(text: str) -> bool:
    """Whether the text stands in a line as it is, whatever the delimiter."""
    return bool(text) and not set(text) & (DELIMITERS | {'"'}) and text.isprintable()
