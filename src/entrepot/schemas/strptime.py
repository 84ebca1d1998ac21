"""Formats of dates and times: strptime patterns, and the format `any`.

A pattern becomes a regular expression that matches exactly the texts that Python's strptime reads
(Data Package v2 names it as the reference). The engine's own reader is laxer: it accepts `20` as a
year of four digits, and surrounding spaces.
"""

import re

YEAR4 = r"(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})"
DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)  # fmt: skip


def _short_names(names: str) -> str:
    return "|".join(name[:3] for name in names.split("|"))


DIRECTIVE_REGEXES: dict[str, str] = {
    "Y": YEAR4,
    "G": YEAR4,
    "y": r"\d\d",
    "m": r"(1[0-2]|0[1-9]|[1-9])",
    "d": r"(3[01]|[12]\d|0[1-9]|[1-9]| [1-9])",
    "j": r"(36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
    "b": f"(?i:{_short_names(MONTHS)})",
    "B": f"(?i:{MONTHS})",
    "a": f"(?i:{_short_names(DAYS)})",
    "A": f"(?i:{DAYS})",
    "w": "[0-6]",
    "u": "[1-7]",
    "U": r"(5[0-3]|[0-4]\d|\d)",
    "W": r"(5[0-3]|[0-4]\d|\d)",
    "V": r"(5[0-3]|0[1-9]|[1-4]\d|\d)",
    "H": r"(2[0-3]|[0-1]\d|\d)",
    "I": r"(1[0-2]|0[1-9]|[1-9])",
    "M": r"([0-5]\d|\d)",
    "S": r"([0-5]\d|\d)",
    "f": r"\d{1,6}",
    "p": "(?i:am|pm)",
    "z": r"([-+]\d\d:?[0-5]\d|Z)",
    "Z": r"(?i:utc|gmt)",
}
COMPOSITE_DIRECTIVES = {"%x": "%m/%d/%y", "%X": "%H:%M:%S", "%c": "%a %b %d %H:%M:%S %Y"}
"""Directives that stand for several others, in the C locale."""

TOKEN_PATTERN = re.compile(r"%(.)|\s+|.", re.DOTALL)


def expand_directives(pattern: str) -> str:
    """`pattern` with its composite directives replaced by those that they stand for."""
    return re.sub(r"%[xXc%]", lambda match: COMPOSITE_DIRECTIVES.get(match[0], match[0]), pattern)


def format_regex(pattern: str) -> str:
    """The regular expression (for RE2 and for Python) of the texts that `pattern` reads."""
    parts = []
    for match in TOKEN_PATTERN.finditer(expand_directives(pattern)):
        token, directive = match[0], match[1]
        if directive == "%":
            parts.append("%")
        elif directive:
            parts.append(DIRECTIVE_REGEXES[directive])
        else:
            parts.append(r"\s+" if token.isspace() else re.escape(token))
    return "".join(parts)


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
ANY_FORMATS: dict[str, tuple[str, ...]] = {
    "date": DAY_FORMATS,
    "time": TIME_FORMATS,
    "datetime": (
        *DAY_FORMATS,
        *(f"{day} {clock}" for day in DAY_FORMATS for clock in TIME_FORMATS),
        *(f"%Y-%m-%dT{clock}" for clock in TIME_FORMATS),
        "%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%a %b %d %H:%M:%S %Y",
    ),
}  # fmt: skip
"""The formats of `any`, in this order: a month comes before a day where both are possible, as in
dateutil. Years of two digits come before those of four: the engine takes `20` for the year 20."""


def any_format_regex(kind: str) -> str:
    """The regular expression of the texts that `any` may read; the formats themselves decide."""
    days = "|".join(map(format_regex, DAY_FORMATS))
    times = "|".join(map(format_regex, TIME_FORMATS))
    others = "|".join(map(format_regex, ANY_FORMATS["datetime"][-3:]))
    match kind:
        case "date":
            return days
        case "time":
            return times
        case _:
            return rf"({days})([T ]({times}))?|{others}"
