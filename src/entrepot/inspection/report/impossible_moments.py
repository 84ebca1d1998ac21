"""Why a text that has the form of a date or a time is none: month 13, 30 February, 25 o'clock.

The forms are those by which cells are judged (`schemas.strptime`), with any number of the right
length in place of those that occur in a calendar.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from entrepot.inspection.report.quoting import quoted
from entrepot.schemas.model import Field
from entrepot.schemas.strptime import (
    ANY_FORMATS,
    DAYS,
    DIRECTIVE_REGEXES,
    MONTHS,
    days_of,
    full_year,
    month_of,
    regex_of,
    weekday_of,
)

NUMBER, WORD = "[0-9]{1,2}", r"[^\W\d_]+"
LOOSE_REGEXES = DIRECTIVE_REGEXES | {
    **dict.fromkeys("YG", "[0-9]{4}"), "y": "[0-9]{2}", "j": "[0-9]{1,3}", "f": "[0-9]+",
    **dict.fromkeys("mHIMSUWV", NUMBER), "d": f"{NUMBER}| [0-9]", **dict.fromkeys("wu", "[0-9]"),
    **dict.fromkeys("bBaA", WORD), "z": "[-+][0-9]{2}(?::?[0-9]{2})?|Z",
}  # fmt: skip
"""Per directive what has its form, whether it occurs or not."""
RANGES: dict[str, tuple[int, int, str]] = {
    **dict.fromkeys("YG", (1, 9999, "year {}")), "m": (1, 12, "month {}"), "d": (1, 31, "day {}"),
    "j": (1, 366, "day {} of a year"), "H": (0, 23, "hour {}"),
    "I": (1, 12, "hour {} with AM or PM"), "M": (0, 59, "minute {}"), "S": (0, 59, "second {}"),
    **dict.fromkeys("UW", (0, 53, "week {}")), "V": (1, 53, "week {}"),
    "w": (0, 6, "day {} of a week"), "u": (1, 7, "day {} of a week"),
}  # fmt: skip
"""The first and the last number of a directive, and what one is called."""
NAMES = {"b": "month", "B": "month", "a": "day", "A": "day"}
CLOCKS = tuple(f"%H:%M{end}" for end in ("", ":%S", ":%S.%f"))
ZONED_CLOCKS = tuple(f"{clock}{zone}" for clock in CLOCKS for zone in ("", "%z"))
DEFAULTS = {
    "date": ("%Y-%m-%d",),
    "time": ZONED_CLOCKS,
    "datetime": tuple(f"%Y-%m-%d{mark}{each}" for mark in "T " for each in ZONED_CLOCKS),
    "yearmonth": ("%Y-%m",),
}
"""The default forms as patterns."""
DAY_AND_CLOCK = re.compile(r"(.*?)[T\s]([0-9]{1,2}(?::.*|\s*[AaPp][Mm])?)", re.DOTALL)
MAX_CHARS = 100
"""No moment is longer."""


def explain_impossible(field: Field, cell: str) -> str:
    """What no calendar and no clock has in a cell that has a form of its field's type; empty if
    there is nothing such."""
    if field.type not in DEFAULTS or len(cell) > MAX_CHARS:
        return ""
    if field.format not in ("default", "any"):
        return _explain(cell, (field.format,))
    reason = _explain(cell.replace(",", "."), DEFAULTS[field.type])
    if reason or field.format == "default":
        return reason
    apart = DAY_AND_CLOCK.fullmatch(cell) if field.type == "datetime" else None
    if apart is None:
        return _explain(cell, ANY_FORMATS["time" if field.type == "time" else "date"])
    day, clock = apart.groups()
    return _explain(day.rstrip(), ANY_FORMATS["date"]) or _explain(clock, ANY_FORMATS["time"])


def _explain(text: str, forms: Iterable[str]) -> str:
    """The reason by a form that the text has; by one whose parts all occur, if there is one:
    `31/02/2015` has month 31 in one order, and a day of February in the other."""
    reasons = [reason for form in forms if (reason := _reason(text, form)) is not None]
    return min(reasons)[1] if reasons else ""


def _reason(text: str, form: str) -> tuple[bool, str] | None:
    """Whether a part does not occur by itself, and the reason, which is empty if all is right; None
    if the text does not have the form."""
    regex, directives = _loose(form)
    match = regex.fullmatch(text)
    if match is None:
        return None
    parts = dict(zip(directives, match.groups(), strict=True))
    beyond = next((why for each, part in parts.items() if (why := _beyond(each, part))), "")
    return bool(beyond), beyond or _no_such_day(parts)


@lru_cache(maxsize=1_000)
def _loose(form: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    regex, directives = regex_of(form, LOOSE_REGEXES)
    return re.compile(regex), directives


def _beyond(directive: str, part: str) -> str:
    """Why no moment has this part; empty if one has it."""
    if directive in NAMES:
        known = re.fullmatch(DIRECTIVE_REGEXES[directive], part)
        return "" if known else f"{quoted(part)} is not the English name of a {NAMES[directive]}"
    if directive == "z" and part != "Z":
        hours, minutes = int(part[1:3]), int(part[3:].removeprefix(":") or 0)
        return f"there is no time zone {part}" if hours > 23 or minutes > 59 else ""
    if directive not in RANGES:
        return ""
    first, last, named = RANGES[directive]
    return "" if first <= int(part) <= last else f"there is no {named.format(part.strip())}"


def _no_such_day(parts: Mapping[str, str]) -> str:
    """Why the parts, each of which occurs, are not a day together; empty if they are one, or if
    something else is wrong with them."""
    year = int(parts["Y"]) if "Y" in parts else full_year(parts["y"]) if "y" in parts else 1900
    month = next((month_of(parts[each]) for each in "mbB" if each in parts), None)
    if month and "d" in parts and int(parts["d"]) > (last := monthrange(year, month)[1]):
        named = f"{MONTHS[month - 1].title()} {year if {'Y', 'y'} & parts.keys() else ''}".strip()
        return f"{named} has {last} days"
    if parts.get("j") == "366" and not isleap(year):
        return f"{year} has 365 days"
    if parts.get("V") == "53" and "G" in parts and _weeks(int(parts["G"])) < 53:
        return f"{parts['G']} has 52 weeks"
    for week in "UW":
        alone = {name: part for name, part in parts.items() if name in f"Yy{week}aAwu"}
        if week in parts and not _days(alone):
            named = DAYS[weekday_of(parts) or 0].title()
            return f"week {int(parts[week])} of {year} has no {named}"
    if len(days := _days(parts)) > 1:
        return f"it states two days, {days[0]} and {days[1]}"
    return ""


def _weeks(year: int) -> int:
    return date(year, 12, 28).isocalendar().week


def _days(parts: Mapping[str, str]) -> list[date]:
    """The different days that the parts state; none if they contradict one another."""
    try:
        return sorted(set(days_of(parts)))
    except ValueError:
        return []
