"""Formats of dates and times: strptime patterns, and the format `any`, read by our own rules.

A pattern becomes a regular expression that matches the texts that Python's strptime matches (Data
Package v2 names it as the reference). What its parts mean is decided here and, for cells, by the
same rules in SQL (`inspection.values.temporal`): a day that no calendar has is never read as
another one. Python reads day 366 of 2021 as 1 January 2022, and the engine 30 February as 2 March.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

YEAR4 = r"(?:\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
UTC = {"%z": "+0000", "%Z": "UTC"}
"""The zone of moments that are stored: those with one are written in UTC, those without are UTC."""
ABBREVIATION_CHARS = 3
"""Letters of the short name of a day or a month, by which the long one is known too."""
FIRST_YEAR_OF_1900S = 69
"""Of a year of two digits (POSIX, strptime): 69 is 1969, 68 is 2068."""


def _short(names: Sequence[str]) -> str:
    return "|".join(name[:ABBREVIATION_CHARS] for name in names)


DIRECTIVE_REGEXES: dict[str, str] = {
    "Y": YEAR4,
    "G": YEAR4,
    "y": r"\d\d",
    "m": r"1[0-2]|0[1-9]|[1-9]",
    "d": r"3[01]|[12]\d|0[1-9]|[1-9]| [1-9]",
    "j": r"36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]",
    "b": f"(?i:{_short(MONTHS)})",
    "B": f"(?i:{'|'.join(MONTHS)})",
    "a": f"(?i:{_short(DAYS)})",
    "A": f"(?i:{'|'.join(DAYS)})",
    "w": "[0-6]",
    "u": "[1-7]",
    "U": r"5[0-3]|[0-4]\d|\d",
    "W": r"5[0-3]|[0-4]\d|\d",
    "V": r"5[0-3]|0[1-9]|[1-4]\d|\d",
    "H": r"2[0-3]|[0-1]\d|\d",
    "I": r"1[0-2]|0[1-9]|[1-9]",
    "M": r"[0-5]\d|\d",
    "S": r"[0-5]\d|\d",
    "f": r"\d{1,6}",
    "p": "(?i:am|pm)",
    "z": r"[-+](?:[01]\d|2[0-3]):?[0-5]\d|Z",
    "Z": r"(?i:utc|gmt)",
}
COMPOSITE_DIRECTIVES = {"%x": "%m/%d/%y", "%X": "%H:%M:%S", "%c": "%a %b %d %H:%M:%S %Y"}
"""Directives that stand for several others, in the C locale."""
ZONES = frozenset("zZ")
"""Directives that say how far a clock is from UTC."""

SPACE = r"[ \t\n\r\f\v]"
TOKEN_PATTERN = re.compile(r"%(.)|\s+|.", re.DOTALL)


def expand_directives(pattern: str) -> str:
    """`pattern` with its composite directives replaced by those that they stand for."""
    return re.sub(r"%[xXc%]", lambda match: COMPOSITE_DIRECTIVES.get(match[0], match[0]), pattern)


def form_in_utc(form: str) -> str:
    """The form, for strftime, by which a moment in UTC is written."""
    return re.sub("%.", lambda match: UTC.get(match[0], match[0]), expand_directives(form))


@lru_cache(maxsize=2_000)
def capturing_regex(pattern: str) -> tuple[str, tuple[str, ...]]:
    """The regular expression (for RE2 and for Python) of the texts that `pattern` reads, with a
    group per directive, and these directives in order."""
    return regex_of(pattern, DIRECTIVE_REGEXES)


def regex_of(pattern: str, regexes: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The regular expression of `pattern` with those of its directives in `regexes`, a group per
    directive, and these directives in order."""
    parts: list[str] = []
    directives: list[str] = []
    for match in TOKEN_PATTERN.finditer(expand_directives(pattern)):
        token, directive = match[0], match[1]
        if directive == "%":
            parts.append("%")
        elif directive:
            parts.append(f"({regexes[directive]})")
            directives.append(directive)
        else:
            parts.append(f"{SPACE}+" if token.isspace() else re.escape(token))
    return "".join(parts), tuple(directives)


def has_zone(pattern: str) -> bool:
    """Whether `pattern` says how far its clock is from UTC."""
    return not ZONES.isdisjoint(capturing_regex(pattern)[1])


def parse_moment(text: str, pattern: str) -> datetime | None:
    """The moment that `text` states in the form of `pattern`; None if it has another form, or
    states a day that no calendar has or two different ones.

    What the pattern leaves out is of 1900-01-01T00:00:00, as for strptime.
    """
    regex, directives = capturing_regex(pattern)
    match = re.fullmatch(regex, text, re.ASCII)
    if match is None:
        return None
    parts: dict[str, str] = {}
    for directive, part in zip(directives, match.groups(), strict=True):
        if plain_part(parts.setdefault(directive, part)) != plain_part(part):
            return None
    try:
        days = days_of(parts)
        if len(set(days)) != 1 or not _hours_agree(parts):
            return None
        day = days[0]
        moment = datetime(day.year, day.month, day.day, _hour(parts))  # noqa: DTZ001
        fraction = int(parts.get("f", "0").ljust(6, "0"))
        moment = moment.replace(
            minute=int(parts.get("M", 0)), second=int(parts.get("S", 0)), microsecond=fraction
        )
    except (ValueError, OverflowError):
        return None
    zone = parts.get("z")
    return moment.replace(tzinfo=_zone(zone)) if zone else moment


def plain_part(part: str) -> str:
    """A part as it is compared with another of the same directive (`%x %Y` has two years)."""
    return part.lower().lstrip(" 0")


def _index(names: Sequence[str], name: str) -> int:
    short = name.lower()[:ABBREVIATION_CHARS]
    return next(n for n, each in enumerate(names) if each.startswith(short))


def _one(values: Sequence[int], default: int) -> int:
    """The value that all of `values` are. Raises ValueError if they differ."""
    if len(set(values)) > 1:
        raise ValueError("it contradicts itself")
    return values[0] if values else default


def _year(parts: Mapping[str, str]) -> int:
    years = [int(parts["Y"])] if "Y" in parts else []
    if "y" in parts:
        years.append(full_year(parts["y"]))
    return _one(years, 1900)


def full_year(short: str) -> int:
    """The year that two digits state."""
    return int(short) + (1900 if int(short) >= FIRST_YEAR_OF_1900S else 2000)


def month_of(part: str) -> int:
    """The number of the month that a number or an English name states."""
    return int(part) if part.isdigit() else _index(MONTHS, part) + 1


def weekday_of(parts: Mapping[str, str]) -> int | None:
    """The day of the week from Monday, 0."""
    days = [_index(DAYS, parts[name]) for name in "aA" if name in parts]
    days += [(int(parts["w"]) + 6) % 7] if "w" in parts else []
    days += [int(parts["u"]) - 1] if "u" in parts else []
    return _one(days, 0) if days else None


def days_of(parts: Mapping[str, str]) -> list[date]:
    """Each day that the parts state: by month and day, by the day of the year, by the week."""
    days: list[date] = []
    year, weekday = _year(parts), weekday_of(parts)
    first = date(year, 1, 1)
    if "j" in parts:
        days.append(_within(first + timedelta(days=int(parts["j"]) - 1), year))
    for name, begin in (("U", 6), ("W", 0)):  # weeks begin on Sunday, on Monday
        if name in parts and weekday is not None:
            to_first_week = (begin - first.weekday()) % 7
            in_week = (weekday - begin) % 7
            passed = to_first_week + 7 * (int(parts[name]) - 1) + in_week
            days.append(_within(first + timedelta(days=passed), year))
    if "G" in parts and "V" in parts and weekday is not None:
        days.append(date.fromisocalendar(int(parts["G"]), int(parts["V"]), weekday + 1))
    months = [month_of(parts[name]) for name in "bBm" if name in parts]
    if not days or (months and "d" in parts):
        days.append(date(year, _one(months, 1), int(parts.get("d", 1))))
    return days


def _within(day: date, year: int) -> date:
    if day.year != year:
        raise ValueError("the year has no such day")
    return day


def _hour(parts: Mapping[str, str]) -> int:
    if "H" in parts or "I" not in parts:
        return int(parts.get("H", 0))
    return int(parts["I"]) % 12 + (12 if parts.get("p", "").lower() == "pm" else 0)


def _hours_agree(parts: Mapping[str, str]) -> bool:
    return not {"H", "I"} <= parts.keys() or int(parts["H"]) % 12 == int(parts["I"]) % 12


def _zone(text: str) -> timezone:
    if text == "Z":
        return timezone.utc  # noqa: UP017 (as the others)
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


DAY_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%m/%d/%y", "%d/%m/%y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%m.%d.%Y",
    "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%b %d, %Y", "%B %d, %Y",
    "%d-%b-%Y", "%d-%B-%Y", "%Y-%b-%d", "%Y %b %d", "%Y %B %d",
    "%a %d %b %Y", "%a, %d %b %Y", "%A %d %B %Y", "%A, %d %B %Y", "%A, %B %d, %Y",
)  # fmt: skip
TIME_FORMATS = (
    "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%I:%M%p", "%I %p", "%I%p",
    "%H:%M:%S%z", "%H:%M%z", "%H:%M:%S.%f%z", "%H:%M:%S %Z",
)  # fmt: skip
ISO_DAY = "%Y-%m-%d"
"""The day before a `T`."""
WHOLE_FORMATS = ("%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%a %b %d %H:%M:%S %Y")
"""Formats of a datetime whose day and clock are not apart."""
ANY_FORMATS: dict[str, tuple[str, ...]] = {
    "date": DAY_FORMATS,
    "time": TIME_FORMATS,
    "datetime": (
        *DAY_FORMATS,
        *(f"{day} {clock}" for day in DAY_FORMATS for clock in TIME_FORMATS),
        *(f"{ISO_DAY}T{clock}" for clock in TIME_FORMATS),
        *WHOLE_FORMATS,
    ),
}  # fmt: skip
"""The formats of `any`, in this order: a month comes before a day where both are possible, as in
dateutil."""


MIDNIGHT = (
    r"(?:T|[ ]+)(?:0?0:00(?::00(?:[.,]0+)?)?(?:Z|[-+](?:[01]\d|2[0-3]):?[0-5]\d)?"
    r"|12:00(?::00)?[ ]?(?i:am))"
)
"""What may stand after a date in the format `any`: the time with which spreadsheets and pandas
write dates. Frictionless reads any time there and drops it."""


CLOCK_FORMS = (
    r"%H:%M(?::%S(?:\.%f)?)?%z?",
    r"%H:%M:%S\s+%Z",
    r"%I:%M:%S\s+%p",
    r"%I(?::%M)?\s*%p",
)
"""The formats `TIME_FORMATS` as fewer patterns, with directives in them."""


@lru_cache(maxsize=3)
def any_regex(kind: str) -> tuple[str, tuple[str, ...]]:
    """The regular expression of the texts that `any` reads as a date, a time or a datetime, with a
    group per directive, and these directives in order; in a datetime `T` is what separates day and
    clock. At most one way to read a text has a day that exists, so that the first match decides."""
    parts = [capturing_regex(form) for form in DAY_FORMATS]
    days = "|".join(regex for regex, _ in parts)
    of_days = [directive for _, directives in parts for directive in directives]
    clocks, of_clocks = "", []
    for form in CLOCK_FORMS:
        directives = re.findall("%(.)", form)
        of_clocks += directives
        clocks += "|" * bool(clocks) + re.sub(
            "%(.)", lambda match: f"({DIRECTIVE_REGEXES[match[1]]})", form
        ).replace(r"\s", SPACE)
    if kind == "date":
        return f"(?:{days})(?:{MIDNIGHT})?", tuple(of_days)
    if kind == "time":
        return clocks, tuple(of_clocks)
    whole = [capturing_regex(form) for form in WHOLE_FORMATS]
    others = "|".join(regex for regex, _ in whole)
    of_others = [directive for _, directives in whole for directive in directives]
    regex = f"(?:{days})(?:(T|{SPACE}+)(?:{clocks}))?|{others}"
    return regex, (*of_days, "T", *of_clocks, *of_others)
