"""Sizes and time spans as people write them: `100MB`, `10GB`, `90d`."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from entrepot_client.counts import counted

_UNIT_EXPONENTS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGTP]?)(I?)B?)", re.IGNORECASE)
_EXACT_SIZE = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+)(?:\s*bytes?)?", re.IGNORECASE)
_SPAN = re.compile(r"(\d+)\s*([smhdw])", re.IGNORECASE)
_SIZE_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# The API takes a limit as a signed 64-bit number of bytes.
_MAX_SIZE_BYTES = 2**63 - 1


def parse_size(text: str) -> int:
    """Bytes of `100MB` (10^6), `1.5GiB` (2^30), `2k`, `1,234 bytes` or plain digits. Raises
    ValueError, also for a fraction without a unit: `1.000` is one for some and 1,000 for others.

    A megabyte is 1,000,000 bytes everywhere in Entrepot; the `i` units are powers of 1024.
    """
    text = text.strip()
    if exact := _EXACT_SIZE.fullmatch(text):
        return _checked_size(Decimal(exact[1].replace(",", "")))
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 500kB, 100MB or 10GB.")
    number, unit, binary = match.groups()
    if binary and not unit:
        raise ValueError(f"{text!r} is not a size; write it like 100MiB.")
    if "." in number and not unit:
        raise ValueError(f"{text!r} is not a size; write a fraction with a unit, like 1.5GB.")
    factor = (1024 if binary else 1000) ** _UNIT_EXPONENTS[unit.upper()]
    return _checked_size(Decimal(number) * factor)


def _checked_size(size: Decimal) -> int:
    if not 1 <= size <= _MAX_SIZE_BYTES:
        raise ValueError("A size is at least 1 byte and less than 2^63.")
    return int(size)


def parse_span(text: str) -> timedelta:
    """The time span of `90d`, `12h`, `30m`, `45s` or `2w`. Raises ValueError."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is not a span of time; write it like 90d, 12h or 30m.")
    try:
        return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2].lower()])
    except OverflowError as error:
        raise ValueError(f"{text!r} is too long a time.") from error


def format_size(size: int | float) -> str:
    """Bytes in three digits or so: `999 bytes`, `1.2 MB`, `100 kB` (powers of 1000)."""
    if size < 1000:
        return counted(int(size), "byte")
    value = float(size)
    for unit in _SIZE_UNITS:
        value /= 1000
        if value < 999.5 or unit == _SIZE_UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def size_option(text: str | int) -> int:
    """`parse_size` as the `parser=` of an option or argument; an invalid size is wrong usage.

    An option's default is parsed too, and may be a number of bytes.
    """
    try:
        return text if isinstance(text, int) else parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def span_option(text: str | timedelta) -> timedelta:
    """`parse_span` as the `parser=` of an option or argument; an invalid span is wrong usage.

    An option's default is parsed too, and may be a timedelta.
    """
    try:
        return text if isinstance(text, timedelta) else parse_span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


ExpiresOption = Annotated[
    timedelta | None,
    typer.Option(
        help="When it ends by itself, such as 12h or 90d; never when it is left out.",
        parser=span_option,
        metavar="SPAN",
        show_default=False,
    ),
]


def time_after(span: timedelta | None) -> datetime | None:
    """The time at which a span that begins now ends; None for no span."""
    return datetime.now(UTC) + span if span is not None else None
