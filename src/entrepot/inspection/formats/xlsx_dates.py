"""Moments in Excel: numbers of days that a cell's format shows as dates, times or durations.

Source: ECMA-376 part 1, 18.8.30 (formats) and 18.17.4 (serial dates).
"""

import datetime as dt
import re
from typing import Literal

TimeKind = Literal["date", "time", "datetime", "duration"]

DAY_MILLISECONDS = 86_400_000
"""Serial numbers are days."""
LAST_DAY = 2_958_466
"""The day after 9999-12-31, counted from 1900."""
BUILT_IN: dict[int, TimeKind] = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), "time"),
    22: "datetime",
    46: "duration",
}
MAX_CODE_CHARS = 255
"""Of a format (ECMA-376)."""
NOT_SHOWN = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.DOTALL)
ELAPSED = re.compile(r"\[(h+|m+|s+)\]")


def kind_of_format(number: int, code: str | None) -> TimeKind | None:
    """What a format shows: by its code, or its number where it is built in; None: no moment."""
    if code is None:
        return BUILT_IN.get(number)
    visible = NOT_SHOWN.sub("", code[:MAX_CODE_CHARS].lower().split(";")[0])
    if ELAPSED.search(visible):
        return "duration"
    if "general" in visible:
        return None
    clock = "h" in visible or "s" in visible or "am/pm" in visible
    day = "y" in visible or "d" in visible or ("m" in visible and not clock)
    if any(mark in visible for mark in ("0", "#", "?")) and not re.search(r"s[.,]?0", visible):
        return None
    if day:
        return "datetime" if clock else "date"
    return "time" if clock else None


def moment(serial: float, kind: TimeKind, from_1904: bool) -> tuple[str, TimeKind] | None:
    """The text of a serial number shown as `kind`, and the kind that it is; None: it is none.

    A date with a time of day is a datetime, whatever is shown of it; so is a time beyond a
    day. Excel is exact to the millisecond.
    """
    if kind == "duration":
        return _duration(serial), "duration"
    # Between the two systems lie 1,462 days.
    if not 0 <= serial < LAST_DAY - (1_462 if from_1904 else 0):
        return None
    days, millis = divmod(round(serial * DAY_MILLISECONDS), DAY_MILLISECONDS)
    if days == 0 and (kind == "time" or millis):
        return _clock(millis), "time"
    date = _date(days, from_1904)
    if date is None:
        return None
    if kind == "date" and not millis:
        return date.isoformat(), "date"
    return f"{date.isoformat()}T{_clock(millis)}", "datetime"


def _date(days: int, from_1904: bool) -> dt.date | None:
    """Excel takes 1900 for a leap year, as Lotus 1-2-3 did: day 60 never was. Nor was day 0, which
    a reference to an empty cell gives and Excel shows as 1900-01-00."""
    if from_1904:
        return dt.date(1904, 1, 1) + dt.timedelta(days)
    if days in (0, 60):
        return None
    return dt.date(1899, 12, 31 if days < 60 else 30) + dt.timedelta(days)


def _clock(millis: int) -> str:
    seconds, rest = divmod(millis, 1_000)
    text = f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:03}".rstrip("0") if rest else text


def _duration(serial: float) -> str:
    """ISO 8601, in hours, minutes and seconds."""
    millis = round(abs(serial) * DAY_MILLISECONDS)
    seconds, rest = divmod(millis, 1_000)
    part = f".{rest:03}".rstrip("0") if rest else ""
    hours, minutes, second = seconds // 3_600, seconds // 60 % 60, seconds % 60
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    text += f"{second}{part}S" if second or part or not text else ""
    return f"{'-' if serial < 0 and millis else ''}PT{text}"
