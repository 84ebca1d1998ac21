"""The types that a column of texts may turn out to have, the most telling first.

Each is a condition that all cells must meet, and the field that follows. A condition is never
laxer than the check of that field, so that a file always conforms to what was inferred of it.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from entrepot.inspection.sql import Sql, sql
from entrepot.inspection.values.cell_sql import full_match, lexical_check, quick_check
from entrepot.schemas.lexical import DATE, TIME_BY_ZONE, UUID
from entrepot.schemas.model import Affix, Field
from entrepot.schemas.numbers import GROUPINGS, THOUSANDS
from entrepot.schemas.strptime import capturing_regex, has_zone

QUICK = frozenset({"date", "datetime"})
"""The types whose quick check is as strict as their candidate; numbers' lets `007` through."""


@dataclass(frozen=True)
class Candidate:
    """`pattern` (RE2, and read the same by Python) must match the whole text, and `also`, an
    SQL condition on `{text}`, hold. `unless` names another candidate that must not fit all
    cells too: else the column is ambiguous. Each pattern of `evidence` must match a cell: one
    spelling alone says too little (all `n`)."""

    name: str
    field: Field
    pattern: str
    also: Sql = sql("")
    unless: str | None = None
    evidence: tuple[str, ...] = ()

    def condition(self, text: Sql) -> Sql:
        """The SQL condition on the expression `text`."""
        whole = full_match(text, self.pattern)
        if self.also:
            whole = f"{whole} AND {self.also.replace('{text}', text)}"
        quick = quick_check(text, self.field) if self.field.type in QUICK else sql("")
        return f"CASE WHEN {quick} THEN true ELSE {whole} END" if quick else whole

    def count_misfits(self, cells: Mapping[str, int], most: int) -> int:
        """How many of `cells`, texts with their counts, the pattern does not match; more than
        `most` are not counted to the end."""
        matches = _compiled(self.pattern).fullmatch
        misfits = 0
        for text, count in cells.items():
            if not matches(text):
                misfits += count
                if misfits > most:
                    break
        return misfits

    def without_known_evidence(self, texts: Collection[str]) -> "Candidate":
        """The candidate that asks only for the evidence that `texts` do not give."""
        unknown = tuple(
            pattern
            for pattern in self.evidence
            if not any(map(_compiled(pattern).fullmatch, texts))
        )
        return replace(self, evidence=unknown)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _lexical(name: str, kind: str, pattern: str, time_zone: bool | None = None) -> Candidate:
    field = Field("", kind, time_zone=time_zone)
    return Candidate(name, field, pattern, lexical_check(sql("{text}"), field))


def _spelled(yes: str, no: str) -> Candidate:
    def ways(word: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((word, word.title(), word.upper())))

    sides = tuple("|".join(ways(word)) for word in (yes, no))
    field = Field("", "boolean", true_values=ways(yes), false_values=ways(no))
    return Candidate(f"{yes}/{no}", field, "|".join(sides), evidence=sides)


SPELLED = [
    _spelled("true", "false"),
    _spelled("yes", "no"),
    _spelled("on", "off"),
    _spelled("y", "n"),
    _spelled("t", "f"),
    _spelled("ja", "nein"),
    _spelled("wahr", "falsch"),
    _spelled("oui", "non"),
    _spelled("vrai", "faux"),
    _spelled("sí", "no"),
    _spelled("sim", "não"),
]
WHOLE = r"(0|[1-9]\d*)"
BARE = rf"({WHOLE}(\.\d+)?|\.\d+)([eE][-+]?\d+)?"
NEGATIVE = "-.*"
"""Evidence that a plus sign is one: without it `+4930123456` is a telephone number."""
INTEGERS = [
    Candidate("integer", Field("", "integer", leading_zeros=False), f"-?{WHOLE}"),
    Candidate(
        "signed integer",
        Field("", "integer", leading_zeros=False),
        rf"[-+]?{WHOLE}",
        evidence=(NEGATIVE,),
    ),
]
NO_DIGITS = "(?i:nan|[-+]?inf(inity)?)"
"""Numbers that programs write in words; a column of them alone may be of anything."""
NUMBER = Field("", "number", leading_zeros=False, finite=True)
NUMBERS = [
    Candidate("number", NUMBER, f"-?{BARE}"),
    Candidate("signed number", NUMBER, f"[-+]?{BARE}", evidence=(rf"{NEGATIVE}|.*\..*",)),
    Candidate(
        "number or none",
        replace(NUMBER, finite=False),
        f"-?{BARE}|{NO_DIGITS}",
        evidence=(f"-?{BARE}", NO_DIGITS),
    ),
]
BLANK = "[ \u00a0\u202f]"
GROUP_BLANKS = (" ", "\u00a0", "\u202f", "'", "\u2019")
"""What stands between thousands where neither a point nor a comma does."""
INDIAN_MARK = ","
"""What stands between Indian groups: with other marks such texts are telephone numbers. Which
groups a whole column has is asked when its type is known."""
AFFIXED = re.compile(r"(?s)\s*(?P<prefix>[€$£¥₹]?)(?P<number>.*?)(?P<suffix>[%€$£¥₹]?)\s*")
"""The affixes that are known: a percent sign behind, a currency on either side."""


def _written(shape: str, decimal: str, group: str, affix: Affix, unless: str = "") -> Candidate:
    """Numbers with another decimal mark, with marks between thousands, with an affix. Where one
    mark is read as either (`1,234`), the column is ambiguous unless a cell tells."""
    groupings = tuple(GROUPINGS.values()) if group == INDIAN_MARK else (THOUSANDS,) * bool(group)
    grouped = "".join(f"|{each.format(group=re.escape(group))}" for each in groupings)
    # A plus sign and blanks between digits are a telephone number.
    sign = "-?" if group in GROUP_BLANKS else "[-+]?"
    fraction = rf"({re.escape(decimal)}\d+)?" if decimal else ""
    bare = affix == Affix()
    # Beside decimal commas programs write exponents too: `3e-10`.
    exponent = r"([eE][-+]?\d+)?" if bare and not group else ""
    number = rf"{sign}(0|[1-9]\d*{grouped}){fraction}{exponent}"
    field = replace(NUMBER, decimal_char=decimal or ".", group_char=group)
    if not bare:
        field = replace(field, bare_number=False, affix=affix)
        ends = (re.escape(affix.prefix), re.escape(affix.suffix))
        number = (
            f"{ends[0]}{BLANK}?" * bool(ends[0]) + number + f"{BLANK}?{ends[1]}" * bool(ends[1])
        )

    def name(of: str) -> str:
        return f"{affix.prefix}{of}{affix.suffix}"

    mark = group or (decimal if decimal != "." or not bare else "")
    evidence = (rf".*\d{re.escape(mark)}\d.*",) if mark else ()
    rival = name(unless) if unless else None
    return Candidate(name(shape), field, number, unless=rival, evidence=evidence)


def _written_numbers(affix: Affix) -> list[Candidate]:
    """The shapes of numbers; each needs a cell with its mark, since a contract allows only what
    occurs."""
    return [
        *(
            [_written("1", "", "", affix), _written("1.5", ".", "", affix, "1.234,5")]
            if affix != Affix()
            else []
        ),
        _written("1,5", ",", "", affix, "1,234.5"),
        _written("1,234.5", ".", ",", affix, "1.234,5"),
        _written("1.234,5", ",", ".", affix, "1,234.5"),
        *(
            _written(f"1{group}234{decimal}5", decimal, group, affix)
            for decimal in ".,"
            for group in GROUP_BLANKS
        ),
    ]


DAY_FORMATS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%Y-%m-%d", "%Y/%m/%d"),
    *("%Y.%m.%d", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a, %d %b %Y"),
)
"""With dots the day comes first: no locale of CLDR writes the month first with dots. A year of two
digits is in none of them, since its century is a guess."""
RIVALS = {"%d/%m": "%m/%d", "%m/%d": "%d/%m", "%d-%m": "%m-%d", "%m-%d": "%d-%m"}
"""Orders of day and month that only a day after the twelfth tells apart."""
DAY_PATTERNS = {form: re.compile(capturing_regex(form)[0], re.ASCII) for form in DAY_FORMATS}
MOMENT = re.compile(
    r"(?s)(?P<day>.*?)(?P<separator>[T ]?)(?P<clock>\d{1,2}:\d\d)(?P<second>:\d\d)?"
    r"(?P<fraction>\.\d{1,6})?(?P<half>\s?[AaPp][Mm])?(?P<zone>\s?(?:Z|[-+]\d\d:?\d\d|UTC|GMT))?",
    re.ASCII,
)


def _formatted(kind: str, form: str, unless: str | None = None) -> Candidate:
    field = Field("", kind, format=form, time_zone=has_zone(form) if kind != "date" else None)
    check = lexical_check(sql("{text}"), field)
    return Candidate(f"{kind} {form}", field, capturing_regex(form)[0], check, unless)


def _clock_format(match: re.Match[str]) -> str:
    half = match["half"] or ""
    return "".join(
        (
            "%I:%M" if half else "%H:%M",
            ":%S" if match["second"] else "",
            ".%f" if match["fraction"] else "",
            f"{' ' if half[:1].isspace() else ''}%p" if half else "",
            _zone_format(match["zone"] or ""),
        )
    )


def _zone_format(zone: str) -> str:
    blank = " " if zone[:1].isspace() else ""
    return blank + {"UTC": "%Z", "GMT": "%Z", "": ""}.get(zone.strip(), "%z")


def _moments_like(text: str) -> list[Candidate]:
    """The formats of dates and times in which `text` may be written."""
    match = MOMENT.fullmatch(text)
    if match is None:
        return _with_rivals("date", text, "")
    clock = _clock_format(match)
    if match["separator"]:
        return _with_rivals("datetime", match["day"], f"{match['separator']}{clock}")
    return [] if match["day"] or match["zone"] else [_formatted("time", clock)]


def _with_rivals(kind: str, day: str, clock: str) -> list[Candidate]:
    return [
        _formatted(kind, f"{form}{clock}", f"{kind} {rival}{form[5:]}{clock}" if rival else None)
        for form, pattern in DAY_PATTERNS.items()
        if pattern.fullmatch(day)
        for rival in (RIVALS.get(form[:5]),)
    ]


STANDARD_MOMENTS = [
    _lexical("date", "date", DATE),
    *(
        _lexical(f"{kind}{words}", kind, f"{day}{TIME_BY_ZONE[zone]}", zone)
        for kind, day in (("datetime", f"{DATE}[T ]"), ("time", ""))
        for words, zone in (("", False), (" with a zone", True), (" with a zone or none", None))
    ),
]
OTHERS = [
    _lexical("yearmonth", "yearmonth", r"[1-9]\d{3}-(0[1-9]|1[0-2])"),
    _lexical("duration", "duration", r"-?P[0-9YMWDTHS.]+"),
    _lexical("object", "object", r"(?s)\{.*\}"),
    _lexical("array", "array", r"(?s)\[.*\]"),
    Candidate("uuid", Field("", "string", format="uuid"), UUID),
]
BARE_WRITTEN = _written_numbers(Affix())
MODELS = 5
"""Texts of a column whose forms are tried on all others: where one of the others is a mistake, it
is not the only model."""
MAX_MODEL_CHARS = 100
"""No number and no moment is longer."""
FIXED = [*SPELLED, *INTEGERS, *NUMBERS, *BARE_WRITTEN, *STANDARD_MOMENTS, *OTHERS]
for each in FIXED:
    _compiled(each.pattern)  # before processes are forked, which all need them


def candidates_like(texts: Collection[str]) -> Iterator[Candidate]:
    """The candidates for a column whose first texts are `texts`, not empty, in the order of their
    preference."""
    yield from SPELLED
    yield from INTEGERS
    yield from NUMBERS
    yield from BARE_WRITTEN
    models = [text for text in texts if len(text) <= MAX_MODEL_CHARS][:MODELS]
    affixed: dict[str, Candidate] = {}
    for text in models:
        match = AFFIXED.fullmatch(text)
        if match and (match["prefix"] or match["suffix"]):
            affix = Affix(match["prefix"], match["suffix"])
            affixed |= {each.name: each for each in _written_numbers(affix)}
    yield from affixed.values()
    yield from STANDARD_MOMENTS
    moments = {each.name: each for text in models for each in _moments_like(text)}
    yield from moments.values()
    yield from OTHERS
