"""The types that a column of texts may turn out to have, the most telling first.

Each is a condition that all cells must meet, and the field that follows. A condition is never
laxer than the check of that field, so that a file always conforms to what was inferred of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from entrepot.inspection.cells import full_match, lexical_check
from entrepot.schemas.model import Field

MISSING = ("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", "null", "None", "-", "--", "?")
"""Texts that mean "no value" in a column whose other cells are of one type."""

PLAIN = r"(0|[1-9]\d*)?(\.\d+)?([eE][-+]?\d+)?"


@dataclass(frozen=True)
class Candidate:
    """`match` takes the SQL text. `unless` names another candidate that must not fit all cells
    too: else the column is ambiguous. `varied`: one value alone says too little (all `n`)."""

    name: str
    field: Field
    match: str
    unless: str | None = None
    varied: bool = False

    def condition(self, text: str) -> str:
        """The SQL condition on `text`."""
        return self.match.replace("{text}", text)


def _regex(name: str, field: Field, pattern: str, unless: str | None = None) -> Candidate:
    return Candidate(name, field, full_match("{text}", pattern), unless)


def _lexical(name: str, field: Field, unless: str | None = None) -> Candidate:
    return Candidate(name, field, lexical_check("{text}", field), unless)


def _spellings(yes: str, no: str) -> Field:
    return Field(
        "", "boolean",
        true_values=(yes, yes.title(), yes.upper()) if len(yes) > 1 else (yes, yes.upper()),
        false_values=(no, no.title(), no.upper()) if len(no) > 1 else (no, no.upper()),
    )  # fmt: skip


NUMBER = Field("", "number")
SPELLED = [
    _lexical("true/false", _spellings("true", "false")),
    _lexical("yes/no", _spellings("yes", "no")),
    replace(_lexical("on/off", _spellings("on", "off")), varied=True),
    replace(_lexical("y/n", _spellings("y", "n")), varied=True),
    replace(_lexical("t/f", _spellings("t", "f")), varied=True),
]
NUMBERS = [
    _regex("integer", Field("", "integer"), r"[-+]?(0|[1-9]\d*)"),
    Candidate(
        "number",
        NUMBER,
        f"({full_match('{text}', '[-+]?' + PLAIN)} AND "
        f"{full_match('{text}', r'[-+]?[.]?[0-9].*')})",
    ),
    _regex("percent", replace(NUMBER, bare_number=False), r"[-+]?(0|[1-9]\d*)(\.\d+)?\s?%"),
    _regex(
        "currency",
        replace(NUMBER, bare_number=False),
        r"[€$£¥]\s?(0|[1-9]\d*)(\.\d+)?|-?(0|[1-9]\d*)(\.\d+)?\s?[€$£¥]",
    ),
    _regex(
        "1,234.5",
        replace(NUMBER, group_char=","),
        r"[-+]?(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?",
        unless="1.234,5",
    ),
    _regex(
        "1.234,5",
        replace(NUMBER, group_char=".", decimal_char=","),
        r"[-+]?(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?",
        unless="1,234.5",
    ),
]
DAY_FIRST, MONTH_FIRST = (
    {
        mark: _lexical(
            f"{first}{mark}",
            Field("", "date", format=form.replace("/", mark)),
            unless=f"{other}{mark}",
        )
        for mark in "/.-"
    }
    for first, other, form in (("dmy", "mdy", "%d/%m/%Y"), ("mdy", "dmy", "%m/%d/%Y"))
)
MOMENTS = [
    _lexical("date", Field("", "date")),
    _lexical("datetime", Field("", "datetime")),
    _lexical("time", Field("", "time")),
    _lexical("ymd/", Field("", "date", format="%Y/%m/%d")),
    *DAY_FIRST.values(),
    *MONTH_FIRST.values(),
]
CANDIDATES: Mapping[str, Candidate] = {
    candidate.name: candidate for candidate in [*SPELLED, *NUMBERS, *MOMENTS]
}
