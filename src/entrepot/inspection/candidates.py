"""The types that a column of texts may turn out to have, the most telling first.

Each is a condition that all cells must meet, and the field that follows. A condition is never
laxer than the check of that field, so that a file always conforms to what was inferred of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from entrepot.inspection.cells import DATE, full_match, lexical_check, quick_check
from entrepot.inspection.lexical import TIME
from entrepot.schemas.model import Field

MISSING = (
    *("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", "null", "None", "-", "--", "?"),
    *("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"),
)
"""Texts that mean "no value" in a column whose other cells are of one type."""

QUICK = frozenset({"date", "datetime"})
"""The types whose quick check is as strict as their candidate; numbers' lets `007` through."""


@dataclass(frozen=True)
class Candidate:
    """`pattern` (RE2, and read the same by Python) must match the whole text, and `also`, an
    SQL condition on `{text}`, hold. `unless` names another candidate that must not fit all
    cells too: else the column is ambiguous. `varied`: one value alone says too little (all
    `n`)."""

    name: str
    field: Field
    pattern: str
    also: str = ""
    unless: str | None = None
    varied: bool = False

    def condition(self, text: str) -> str:
        """The SQL condition on the expression `text`."""
        whole = full_match(text, self.pattern)
        if self.also:
            whole = f"{whole} AND {self.also.replace('{text}', text)}"
        quick = quick_check(text, self.field) if self.field.type in QUICK else ""
        return f"CASE WHEN {quick} THEN true ELSE {whole} END" if quick else whole

    def survives(self, texts: Iterable[str]) -> bool:
        """Whether the pattern matches all of `texts`."""
        matches = re.compile(self.pattern, re.ASCII).fullmatch
        return all(matches(text) for text in texts)


def _lexical(name: str, kind: str, pattern: str, form: str = "default", **more: str) -> Candidate:
    field = Field("", kind, format=form)
    return Candidate(name, field, pattern, lexical_check("{text}", field), **more)  # type: ignore[arg-type]


def _spelled(yes: str, no: str, varied: bool = False) -> Candidate:
    def ways(word: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((word, word.title(), word.upper())))

    field = Field("", "boolean", true_values=ways(yes), false_values=ways(no))
    return Candidate(f"{yes}/{no}", field, "|".join(ways(yes) + ways(no)), varied=varied)


NUMBER = Field("", "number")
SPELLED = [
    _spelled("true", "false"),
    _spelled("yes", "no"),
    _spelled("on", "off", varied=True),
    _spelled("y", "n", varied=True),
    _spelled("t", "f", varied=True),
]
NUMBERS = [
    Candidate("integer", Field("", "integer"), r"[-+]?(0|[1-9]\d*)"),
    Candidate("number", NUMBER, r"[-+]?((0|[1-9]\d*)(\.\d+)?|\.\d+)([eE][-+]?\d+)?"),
    Candidate("percent", replace(NUMBER, bare_number=False), r"[-+]?(0|[1-9]\d*)(\.\d+)?\s?%"),
    Candidate(
        "currency",
        replace(NUMBER, bare_number=False),
        r"[€$£¥]\s?(0|[1-9]\d*)(\.\d+)?|-?(0|[1-9]\d*)(\.\d+)?\s?[€$£¥]",
    ),
    Candidate(
        "1,234.5",
        replace(NUMBER, group_char=","),
        r"[-+]?(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?",
        unless="1.234,5",
    ),
    Candidate(
        "1.234,5",
        replace(NUMBER, group_char=".", decimal_char=","),
        r"[-+]?(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?",
        unless="1,234.5",
    ),
]
SHORT_DATE = r"\d{1,2}{mark}\d{1,2}{mark}\d{4}"
NUMERIC_DATES = [
    _lexical(
        f"{order}{mark}",
        "date",
        SHORT_DATE.replace("{mark}", re.escape(mark)),
        form.replace("/", mark),
        unless=f"{order[::-1]}{mark}",
    )
    for order, form in (("dm", "%d/%m/%Y"), ("md", "%m/%d/%Y"))
    for mark in "/.-"
]
MOMENTS = [
    _lexical("date", "date", DATE),
    _lexical("datetime", "datetime", DATE + "[T ]" + TIME),
    _lexical("time", "time", TIME),
    _lexical("ymd/", "date", r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    *NUMERIC_DATES,
]
CANDIDATES: Mapping[str, Candidate] = {
    candidate.name: candidate for candidate in [*SPELLED, *NUMBERS, *MOMENTS]
}
