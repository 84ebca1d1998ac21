"""What a row looks like that may not be meant as one: a total, a note, a comment, the header again.

It words a message alone. Under a contract such a row is judged like every other.
"""

import re
from collections.abc import Sequence

TOTAL = re.compile(
    r"(grand |sub-?)?totals?\b|sums?\b|summe|gesamt|average|mean\b|count\b|moyenne|somme|suma",
    re.IGNORECASE,
)
"""Words with which a total begins."""
NOTE = re.compile(
    r"(source|note|notes|footnote|quelle|hinweis|legend|stand|generated|created|exported|end of|"
    r"copyright|©|\(c\)|\(\d+ rows?\)|\*|†|\d\)|\[\d\]|--|==)",
    re.IGNORECASE,
)
"""Words with which a note begins."""
COMMENT = re.compile(r"#|//|%|;")
"""Marks with which a comment begins."""


def advice_on_row(cells: Sequence[str | None], labels: Sequence[str], row: int) -> str:
    """A sentence on a text's row that looks like something else, with the line of dialect that
    would allow it; empty if it looks like a row."""
    texts = [(cell or "").strip("\ufeff \t\r\n") for cell in cells]
    first = texts[0] if texts else ""
    if len(texts) > 1 and texts == [label.strip() for label in labels]:
        allowed = f'"commentRows": [{row}]'
        return f"The row repeats the header: take it out, or add {allowed} to the dialect."
    if TOTAL.match(first):
        return f"The row looks like a total: take it out, or {FOOTER}"
    if NOTE.match(first) and not first[1:2].isdigit():
        return f"The row looks like a note: take it out, or {FOOTER}"
    if mark := COMMENT.match(first):
        allowed = f'"commentChar": "{mark[0]}"' if len(mark[0]) == 1 else f'"commentRows": [{row}]'
        return f"The row looks like a comment: take it out, or add {allowed} to the dialect."
    return ""


FOOTER = 'add "entrepot:footer" to the dialect.'
