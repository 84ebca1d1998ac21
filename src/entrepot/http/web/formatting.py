"""Figures as people read them: ages, sizes, rates, counts. The exact figure stands in a title.

Sizes are decimal, as the API's limits are: 1 MB is 1,000,000 bytes. Small enough to be written
here: a library for it would bring translations and 40 other formats.
"""

from datetime import UTC, datetime, timedelta

from entrepot_client.cli.sizes import format_size
from entrepot_client.counts import counted

SPANS = (
    ("year", timedelta(days=365), 2),
    ("month", timedelta(days=30), 3),
    ("day", timedelta(days=1), 1),
    ("hour", timedelta(hours=1), 1),
    ("minute", timedelta(minutes=1), 1),
)
"""Units of an age, their lengths, and from how many of them on they are used."""


def age(moment: datetime, now: datetime) -> str:
    """How long ago a moment was, or how far ahead it lies: "3 minutes ago", "in 2 days"."""
    span = now - moment
    ahead = span < timedelta(0)
    span = abs(span)
    for word, length, least in SPANS:
        if span >= least * length:
            # What ended 1.9 minutes ago is "1 minute ago"; what ends in 89.99 days, in 90.
            number = round(span / length) if ahead else span // length
            text = f"{number} {word}" + ("" if number == 1 else "s")
            return f"in {text}" if ahead else f"{text} ago"
    return "in less than a minute" if ahead else "just now"


def exact_time(moment: datetime) -> str:
    """A moment to the second: "2026-11-23 21:04:05 UTC"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_time(moment: datetime) -> str:
    """A moment as HTML's `datetime` attribute wants it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size(count: int | float) -> str:
    """Bytes in three digits or so, as the program writes them: "999 bytes", "1.2 MB"."""
    return format_size(count)


def exact_size(count: int) -> str:
    """Bytes to the last one: "1,234,567 bytes"."""
    return counted(count, "byte")


def number(count: int) -> str:
    """A count with separators between thousands."""
    return f"{count:,}"


def percent(part: float, whole: float, digits: int = 0) -> str:
    """A share, rounded: "66.7 %" with one digit. It is 0 only for nothing, and 100 only for all."""
    least = 10.0**-digits
    share = 100 * part / whole if whole else 0.0
    if 0 < share < least:
        return f"under {least:g} %"
    if part < whole and share > 100 - least:
        return f"over {100 - least:g} %"
    return f"{round(share, digits):g} %"


def truncate(text: str, length: int) -> str:
    """A text in at most `length` characters. One that is cut ends with a whole word, if it has
    any, without the punctuation after it, and with “…”."""
    if len(text) <= length:
        return text
    words = text[:length].rpartition(" ")[0]
    return (words or text[: length - 1]).rstrip(" .,;:") + "…"


def duration(span: timedelta) -> str:
    """A length of time: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
