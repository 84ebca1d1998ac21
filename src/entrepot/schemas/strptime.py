"""Formats of dates and times: strptime patterns, and the format `any`.

A pattern is turned into a regular expression that says exactly which texts Python's strptime
reads (Data Package v2 names it as the measure), since the engine's own reader is laxer: it
takes `20` for a year of four digits, and spaces around.
"""

import re

YEAR4 = r"(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})"
DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)  # fmt: skip


def _short(names: str) -> str:
    return "|".join(name[:3] for name in names.split("|"))


WHAT: dict[str, str] = {
    "Y": YEAR4,
    "G": YEAR4,
    "y": r"\d\d",
    "m": r"(1[0-2]|0[1-9]|[1-9])",
    "d": r"(3[01]|[12]\d|0[1-9]|[1-9]| [1-9])",
    "j": r"(36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
    "b": f"(?i:{_short(MONTHS)})",
    "B": f"(?i:{MONTHS})",
    "a": f"(?i:{_short(DAYS)})",
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
LONGER = {"%x": "%m/%d/%y", "%X": "%H:%M:%S", "%c": "%a %b %d %H:%M:%S %Y"}
"""What stands for several directives, in the C locale."""

DIRECTIVE = re.compile(r"%(.)|\s+|.", re.DOTALL)


def written_out(pattern: str) -> str:
    """`pattern` without the directives that stand for others."""
    return re.sub(r"%[xXc%]", lambda found: LONGER.get(found[0], found[0]), pattern)


def expression_of(pattern: str) -> str:
    """The regular expression (RE2's and Python's alike) of the texts that `pattern` reads."""
    parts = []
    for found in DIRECTIVE.finditer(written_out(pattern)):
        token, directive = found[0], found[1]
        if directive == "%":
            parts.append("%")
        elif directive:
            parts.append(WHAT[directive])
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
CLOCK_FORMATS = (
    "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%I:%M%p", "%I %p", "%I%p",
    "%H:%M:%S%z", "%H:%M%z", "%H:%M:%S.%f%z", "%H:%M:%S %Z",
)  # fmt: skip
ANY: dict[str, tuple[str, ...]] = {
    "date": DAY_FORMATS,
    "time": CLOCK_FORMATS,
    "datetime": (
        *DAY_FORMATS,
        *(f"{day} {clock}" for day in DAY_FORMATS for clock in CLOCK_FORMATS),
        *(f"%Y-%m-%dT{clock}" for clock in CLOCK_FORMATS),
        "%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%a %b %d %H:%M:%S %Y",
    ),
}  # fmt: skip
"""What the format `any` reads, in this order: a month before a day where both could be, as
dateutil has it. Two digits of a year come before four: the engine takes `20` for the year 20."""


def expression_of_any(kind: str) -> str:
    """The regular expression of the texts that `any` may read; the formats themselves decide."""
    days = "|".join(map(expression_of, DAY_FORMATS))
    clocks = "|".join(map(expression_of, CLOCK_FORMATS))
    whole = "|".join(map(expression_of, ANY["datetime"][-3:]))
    match kind:
        case "date":
            return days
        case "time":
            return clocks
        case _:
            return rf"({days})([T ]({clocks}))?|{whole}"
