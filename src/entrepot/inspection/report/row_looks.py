"""What a row looks like that may not be meant as one: a total, a note, a comment, the header again,
a row that is in quotes as a whole.

It words a message alone. Under a contract such a row is judged like every other.
"""

import re
from collections.abc import Sequence

from entrepot.inspection.report.footer_pattern import footer_line, footer_pattern
from entrepot.inspection.report.take_out import advise_taking_out, comment_rows_line

TOTAL = re.compile(
    r"gesamt|((grand |sub-?)?totals?|sums?|summen?|average|mean|count|moyenne|somme|suma)\b",
    re.IGNORECASE,
)
"""Words with which a total begins."""
NOTE = re.compile(
    r"(sources?|notes?|footnotes?|quellen?|hinweise?|legende?|stand|generated|created|exported"
    r"|end of|copyright)\b|©|\(c\)|\(\d+ rows?\)|\*|†|\d\)|\[\d\]|--|==",
    re.IGNORECASE,
)
"""Words with which a note begins."""
SPACE_BEFORE_QUOTE = re.compile(r'[ \t]+"')
COMMENT = re.compile(r"#|//|%|;|--|!")
"""Marks with which a comment begins."""


def advice_on_row(
    cells: Sequence[str | None], labels: Sequence[str], row: int, delimiter: str = ""
) -> str:
    """A sentence on a text's row that looks like something else, with the line of dialect that
    would allow it; empty if it looks like a row. `delimiter` is that of the text."""
    texts = [(cell or "").strip("\ufeff \t\r\n") for cell in cells]
    first = texts[0] if texts else ""
    if len(texts) > 1 and texts == [label.strip() for label in labels]:
        return _looking("repeats the header", comment_rows_line([row], 1))
    alone = len(texts) == 1 < len(labels) and bool(delimiter)
    if alone and first.count(delimiter) == len(labels) - 1:
        return WHOLE_LINE
    if TOTAL.match(first):
        return f"The row looks like a total: take it out, or{_as_footer(cells[0])}"
    mark = COMMENT.match(first)
    if not mark and NOTE.match(first) and not first[1:2].isdigit():
        return f"The row looks like a note: take it out, or{_as_footer(cells[0])}"
    if mark:
        by_mark = f'"commentChar": "{mark[0]}"' if len(mark[0]) == 1 else ""
        return _looking("looks like a comment", by_mark or comment_rows_line([row], 1))
    return SPACED_QUOTE if any(SPACE_BEFORE_QUOTE.match(cell or "") for cell in cells) else ""


SPACED_QUOTE = (
    'Remove the spaces before quotes, or add "skipInitialSpace": true to the dialect, or false if '
    "the quotes are part of the cells."
)
WHOLE_LINE = "Write quotes around each cell, or none, instead of around the whole line."


def _looking(like: str, line: str) -> str:
    advice = advise_taking_out(1, line)
    return f"The row {like}: {advice[:1].lower()}{advice[1:]}"


def _as_footer(cell: str | None) -> str:
    """What to add to the dialect for the row to be a footer: its first cell matches."""
    line = footer_line(footer_pattern([cell or ""]))
    return f", if it ends the file, add {line} to the dialect."
