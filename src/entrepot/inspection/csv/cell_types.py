"""What a cell looks like: how its text was recognised, and how much that speaks for it being
one whole cell (after the types of van den Burg et al., "Wrangling messy CSV files", 2019)."""

import re
from functools import lru_cache

SPECIAL = ";|\t^~\x01\x1f"
MONTH = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"

# The weights were set by hand on tests/inspection/corpus, from those of van den Burg et al., who
# give a known type 1 and any other 0.1. Between types they differ by what a wrong dialect makes of
# cells: parts of a split number are numbers too, but parts of a sentence are words.
FORMS: tuple[tuple[str, str, float], ...] = (
    # A missing value is usual, yet doubled delimiters make empty cells too.
    ("empty", r"", 0.9),
    ("number", r"[-+]?\d+|[-+]?\d*\.\d+(?:[eE][-+]?\d+)?|[-+]?\d+\.?\d*[eE][-+]?\d+", 1.0),
    # With marks of thousands, or a decimal comma: the comma may be a delimiter.
    (
        "grouped",
        r"[-+]?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?|[-+]?\d+,\d+|\d+\.|"
        r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?",
        0.97,
    ),
    ("percent", r"[-+]?\d+(?:[.,]\d+)?\s?%", 1.0),
    # As `grouped`: the amount may have commas.
    (
        "money",
        r"\(?[-+]?(?:[$€£¥₹]|[A-Z]{3}\s)\s?[-+]?[\d.,' ]*\d\)?|"
        r"\(?[-+]?[\d.,' ]*\d\s?(?:[$€£¥₹]|[A-Z]{3})\)?"
        r"|\(\d[\d.,]*\)",
        0.97,
    ),
    (
        "moment",
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}\S*(?: [AaPp][Mm])?)?|\d{4}-\d{2}|"
        r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?:,? \d{1,2}:\d{2}\S*(?: [AaPp][Mm])?)?|"
        r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp]\.?[Mm]\.?)?(?:Z|[-+]\d{2}:?\d{2})?|"
        rf"(?i:\d{{1,2}}[. -]{{1,2}}{MONTH}[ -]?\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{4}}|"
        rf"{MONTH}[ -]\d{{2,4}})|PT?\d\w*",
        1.0,
    ),
    (
        "flag",
        r"(?i:true|false|yes|no|y|n|t|f|on|off|na|n/a|#n/a|nan|null|none|nil|n\.d\.|k\.a\.|-|--|\.|:|\?|\\n)",
        1.0,
    ),
    # One word is a whole cell, or a part of a text that a blank splits.
    ("word", r"[^\W\d_]+", 0.97),
    # Mail addresses, links, identifiers, paths: their marks could be delimiters.
    ("code", r"[\w.+-]+@[\w-]+\.[\w.-]+|https?://\S+|\w+(?:[-./#]\w+)*|(?:/[\w.-]+)+/?", 0.95),
    # Any other text without special marks and without a comma at its end.
    ("text", r"[\w(#&*+°'’\"“„«.@/$€£-][^\t;|^~{}<>\\]*(?<![,])", 0.8),
)
KIND = re.compile("|".join(f"(?P<{name}>(?:{form})$)" for name, form, _ in FORMS), re.DOTALL)
TYPE_SCORES = {name: type_score for name, _, type_score in FORMS} | {
    "other": 0.5,  # markup, code, texts with special marks: less likely than plain text
    "split": 0.2,  # looks like several cells or a part of one, though texts may do so
    "tabbed": 0.0,  # a tab within a cell is a delimiter that was not seen
}
"""How much a cell of each type speaks for the way it was split, from 0 to 1."""
# A rule is drawn with at least two strokes in a row and has no letter, figure or other sign.
WRITTEN = re.compile(r"[^\W_]|[^\w\s|+:;,.=*-]")
STROKES = re.compile(r"--|==|\*\*\*|___|:-|-:|-\+")
MAX_CHARS = 256
"""Of a longer cell half as many characters at its start and a quarter at its end are looked at: the
patterns take time by length, and so long a cell is a text whatever its middle holds."""
MAX_CACHED_CELLS = 1 << 13
"""Cells repeat within a sample: 60 rows of 60 columns, by some dialects, are within this."""
NOT_TEXT = re.compile(r"[\0-\x08\x0e-\x19]")
"""Control characters that no text has; Ctrl-Z, escapes and separators are found in texts."""
TYPED = frozenset({"number", "grouped", "percent", "money", "moment"})
# What makes a text look like several cells: a comma without a blank, numbers side by side, a
# delimiter that is doubled.
COMMA_WITHIN = re.compile(r"\S,\S")
NUMBERS = re.compile(r"[-+]?[\d.,]*\d(?:\s+[-+]?[\d.,]*\d)+")
DOUBLED = re.compile(r"::|\|\||;;|\^\^")
SENTENCE = re.compile(r"\s")


def cell_type(cell: str) -> str:
    """The name of the form of `cell`; "split" where it looks like several cells, or a part of
    one (delimiters of other dialects in it, or one half of a pair of quotes)."""
    if len(cell) >= MAX_CHARS:
        cell = cell[: MAX_CHARS // 2] + cell[-MAX_CHARS // 4 :]
    return _type_of_cell(cell)


@lru_cache(maxsize=MAX_CACHED_CELLS)
def _type_of_cell(cell: str) -> str:
    cell = cell.strip()
    match = KIND.match(cell)
    kind = (match.lastgroup or "other") if match else "other"
    if kind not in ("text", "other"):
        return kind
    if "\t" in cell:
        return "tabbed"
    return "split" if _is_split(cell) else kind


def _is_split(cell: str) -> bool:
    quotes = cell.count('"')
    if quotes % 2 == 0 or cell[0] == '"' or cell[-1] == '"':
        if cell[0] in "\"'" and (len(cell) == 1 or cell[-1] != cell[0]):
            return True
        if cell[-1] == '"' and cell[0] != '"' and not cell[-2:-1].isdigit():
            return True
    if DOUBLED.search(cell) or cell.count("[") != cell.count("]") or NUMBERS.fullmatch(cell):
        return True
    if COMMA_WITHIN.search(cell) and not cell.startswith(("{", "[", "(")):
        return True
    return any(mark in cell for mark in SPECIAL) and not SENTENCE.search(cell)


def is_drawn(text: str) -> bool:
    """Whether a line or a cell is drawn with dashes and their like, not written."""
    return WRITTEN.search(text) is None and STROKES.search(text) is not None


def type_score(kind: str) -> float:
    """How much a cell of this kind speaks for the way it was split, from 0 to 1."""
    return TYPE_SCORES[kind]


def broad_type(kind: str) -> str:
    """The kind of a cell as kinds of columns are distinguished: numbers of any form are one."""
    return "number" if kind in ("number", "grouped", "money", "percent") else kind
