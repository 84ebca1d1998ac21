"""Byte ranges (RFC 9110, section 14): which parts of a representation a request asks for."""

import re
from dataclasses import dataclass

from entrepot.errors import RangeNotSatisfiable

MAX_RANGES = 50
"""A Range field with more is ignored: a broken client or an attack (section 14.2)."""

_HUGE = 10**18
"""A place beyond the end of every file, which stands for numbers of more than 18 digits."""
_SPEC = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)", re.ASCII)


@dataclass(frozen=True)
class Span:
    """Bytes from offset `start` up to, but without, `stop`; never empty."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range field for this part of `size` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def requested_spans(field: str | None, size: int) -> tuple[Span, ...]:
    """The parts that a Range field asks for, of a representation of `size` bytes.

    Empty when there is nothing to honour: no field, another unit than bytes, a malformed or
    abusive set, or a representation without bytes; the whole is sent then. Parts beyond the
    end are cut or dropped; those that overlap or touch are one; the order is the request's.
    Raises `RangeNotSatisfiable` when every part lies beyond the end.
    """
    ranges = _parse_ranges(field or "")
    if not ranges or size == 0:
        return ()
    spans = [span for span in (_resolve(*spec, size=size) for spec in ranges) if span]
    if not spans:
        raise RangeNotSatisfiable(size=size)
    return _merge(spans)


def _parse_ranges(field: str) -> list[tuple[int | None, int | None]]:
    """The (first, last) pairs of a byte-range set, as written: (None, n) is a suffix of n bytes.

    Empty where the set is invalid in any part (section 14.1.1).
    """
    unit, _, ranges = field.partition("=")
    if unit.strip().lower() != "bytes":
        return []
    pairs: list[tuple[int | None, int | None]] = []
    for text in filter(None, (part.strip(" \t") for part in ranges.split(","))):
        spec = _SPEC.fullmatch(text)
        if spec is None or len(pairs) == MAX_RANGES:
            return []
        first, last = _number(spec["first"]), _number(spec["last"] or spec["suffix"])
        if first is not None and last is not None and last < first:
            return []
        pairs.append((first, last))
    return pairs


def _number(digits: str | None) -> int | None:
    """The number; any that no file could hold is one huge number, however many digits it has."""
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 18 else _HUGE


def _resolve(first: int | None, last: int | None, size: int) -> Span | None:
    """The part of `size` bytes that a pair means; None where it lies beyond the end."""
    if first is None:
        start, stop = max(size - (last or 0), 0), size
    else:
        start, stop = first, size if last is None else min(last + 1, size)
    return Span(start, stop) if start < stop else None


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    """One span for each group that overlaps or touches, in the order of its first member."""
    groups: list[tuple[int, Span]] = []  # the place in the request, what is covered
    for place, span in sorted(enumerate(spans), key=lambda item: item[1].start):
        if groups and span.start <= groups[-1][1].stop:
            first, covered = groups[-1]
            stop = max(covered.stop, span.stop)
            groups[-1] = (min(first, place), Span(covered.start, stop))
        else:
            groups.append((place, span))
    return tuple(span for _, span in sorted(groups, key=lambda group: group[0]))
