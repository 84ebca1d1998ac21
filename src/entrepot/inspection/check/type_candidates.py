"""The types that a column of texts may turn out to have, the most telling first.

Each is a condition that all cells must meet, and the field that follows. A condition is never
laxer than the check of that field, so that a file always conforms to what was inferred of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.values.cell_sql import full_match, lexical_check, quick_check
from entrepot.schemas.lexical import DATE, TIME, UUID
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
    also: Sql = sql("")
    unless: str | None = None
    varied: bool = False

    def condition(self, text: Sql) -> Sql:
        """The SQL condition on the expression `text`."""
        whole = full_match(text, self.pattern)
        if self.also:
            whole = f"{whole} AND {self.also.replace('{text}', text)}"
        quick = quick_check(text, self.field) if self.field.type in QUICK else sql("")
        return f"CASE WHEN {quick} THEN true ELSE {whole} END" if quick else whole

    def survives(self, texts: Iterable[str]) -> bool:
        """Whether the pattern matches all of `texts`."""
        matches = re.compile(self.pattern, re.ASCII).fullmatch
        return all(matches(text) for text in texts)


def _lexical(name: str, kind: str, pattern: str, form: str = "default", **more: str) -> Candidate:
    field = Field("", kind, format=form)
    return Candidate(name, field, pattern, lexical_check(sql("{text}"), field), **more)  # type: ignore[arg-type]


def _spelled(yes: str, no: str, varied: bool = False) -> Candidate:
    def ways(word: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((word, word.title(), word.upper())))

    field = Field("", "boolean", true_values=ways(yes), false_values=ways(no))
    return Candidate(f"{yes}/{no}", field, "|".join(ways(yes) + ways(no)), varied=varied)


def _grouped(pattern: str, bare: bool, name: str = "{}") -> list[Candidate]:
    """Numbers with marks between thousands, or a comma for the point. Where one mark is read as
    either (`1,234`), the column is ambiguous unless a cell tells."""

    def candidate(own: str, group: str, mark: str, unless: str | None = None) -> Candidate:
        whole = rf"(0|[1-9]\d*|[1-9]\d{{0,2}}({re.escape(group)}\d{{3}})+)"
        number = whole + rf"({re.escape(mark)}\d+)?"
        field = replace(NUMBER, group_char=group, decimal_char=mark, bare_number=bare)
        rival = name.format(unless) if unless else None
        shape = pattern.replace("{sign}", "[-+]?").replace("{number}", number)
        return Candidate(name.format(own), field, shape, unless=rival)

    return [
        candidate("1,234.5", ",", ".", "1.234,5"),
        candidate("1.234,5", ".", ",", "1,234.5"),
        *(candidate(f"1{each}234.5", each, ".", "1.234,5") for each in SPACES),
        *(candidate(f"1{each}234,5", each, ",", "1,234.5") for each in SPACES),
    ]


SPACES = (" ", "\u00a0", "\u202f", "'", "\u2019")
"""What stands between thousands where neither a point nor a comma does."""
NUMBER = Field("", "number")
SPELLED = [
    _spelled("true", "false"),
    _spelled("yes", "no"),
    _spelled("on", "off", varied=True),
    _spelled("y", "n", varied=True),
    _spelled("t", "f", varied=True),
    _spelled("ja", "nein"),
    _spelled("wahr", "falsch"),
    _spelled("oui", "non"),
    _spelled("vrai", "faux"),
    _spelled("sí", "no"),
    _spelled("sim", "não"),
]
NUMBERS = [
    Candidate("integer", Field("", "integer"), r"[-+]?(0|[1-9]\d*)"),
    Candidate("number", NUMBER, r"[-+]?((0|[1-9]\d*)(\.\d+)?|\.\d+)([eE][-+]?\d+)?"),
    *_grouped("{sign}{number}", bare=True),
    Candidate("percent", replace(NUMBER, bare_number=False), r"[-+]?(0|[1-9]\d*)(\.\d+)?\s?%"),
    *_grouped(r"{sign}{number}\s?%", bare=False, name="{}%"),
    Candidate(
        "currency",
        replace(NUMBER, bare_number=False),
        r"[€$£¥]\s?(0|[1-9]\d*)(\.\d+)?|-?(0|[1-9]\d*)(\.\d+)?\s?[€$£¥]",
    ),
    *_grouped(r"[€$£¥]\s?{number}|-?{number}\s?[€$£¥]", bare=False, name="{}€"),
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
HOURS, MINUTE = r"([01]\d|2[0-3])", r":[0-5]\d"
HALF_DAY = r"(0?[1-9]|1[0-2])"
NUMERIC_MOMENTS = [
    _lexical(
        f"{day.name} {more}",
        "datetime",
        f"{day.pattern} {HOURS}{MINUTE}{seconds}",
        f"{day.field.format} {more}",
        unless=f"{day.unless} {more}",
    )
    for day in NUMERIC_DATES
    for more, seconds in (("%H:%M:%S", MINUTE), ("%H:%M", ""))
]
NAMED_MONTHS = [
    _lexical(form, "date", pattern, form)
    for form, pattern in (
        ("%d-%b-%Y", r"\d{1,2}-[A-Za-z]{3}-\d{4}"),
        ("%d %b %Y", r"\d{1,2} [A-Za-z]{3} \d{4}"),
        ("%d %B %Y", r"\d{1,2} [A-Za-z]{3,9} \d{4}"),
        ("%b %d, %Y", r"[A-Za-z]{3} \d{1,2}, \d{4}"),
        ("%B %d, %Y", r"[A-Za-z]{3,9} \d{1,2}, \d{4}"),
    )
]
MOMENTS = [
    _lexical("date", "date", DATE),
    _lexical("datetime", "datetime", DATE + "[T ]" + TIME),
    _lexical("time", "time", TIME),
    _lexical("ymd/", "date", r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    _lexical("ymdhm", "datetime", rf"{DATE} {HOURS}{MINUTE}", "%Y-%m-%d %H:%M"),
    _lexical("ymdThm", "datetime", rf"{DATE}T{HOURS}{MINUTE}", "%Y-%m-%dT%H:%M"),
    _lexical("hm", "time", HOURS + MINUTE, "%H:%M"),
    _lexical("hmp", "time", rf"{HALF_DAY}{MINUTE} [AaPp][Mm]", "%I:%M %p"),
    *NUMERIC_DATES,
    *NUMERIC_MOMENTS,
    *NAMED_MONTHS,
]
OTHERS = [
    _lexical("yearmonth", "yearmonth", r"[1-9]\d{3}-(0[1-9]|1[0-2])"),
    _lexical("duration", "duration", r"-?P[0-9YMWDTHS.]+"),
    _lexical("object", "object", r"(?s)\{.*\}"),
    _lexical("array", "array", r"(?s)\[.*\]"),
    Candidate("uuid", Field("", "string", format="uuid"), UUID),
]
CANDIDATES: Mapping[str, Candidate] = {
    candidate.name: candidate for candidate in [*SPELLED, *NUMBERS, *MOMENTS, *OTHERS]
}
