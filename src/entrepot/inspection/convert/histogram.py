"""Bins of equal width over a column's values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from entrepot.inspection.sql import Sql

MAX_BINS = 20
"""Bins of a histogram, as many as a small chart can show."""


@dataclass(frozen=True)
class Bins:
    """Bin `n` holds the values from `edges[n]` up to but without `edges[n + 1]`; the last one
    holds its upper edge too."""

    edges: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1

    def number(self, value: float) -> int:
        """The number of a value's bin, counted from 0."""
        low, width = self.edges[0], self.edges[1] - self.edges[0]
        return max(0, min(self.count - 1, math.floor((value - low) / width)))

    def number_sql(self, value: Sql) -> Sql:
        """The same in SQL."""
        low, width = self.edges[0], self.edges[1] - self.edges[0]
        place = f"floor(({value} - {low!r}::DOUBLE) / {width!r}::DOUBLE)"
        # Not for what is missing: least() and greatest() pass NULL over.
        number = f"greatest(0, least({self.count - 1}, {place}))::INTEGER"
        return f"CASE WHEN {value} IS NOT NULL THEN {number} END"


def bins_of(low: float, high: float, whole: bool) -> Bins | None:
    """At most 20 bins from `low` to `high`; between whole numbers for `whole` values.

    None where all values are one, or lie too far apart for a width.
    """
    if not low < high or not math.isfinite(high - low):
        return None
    # Beyond 2**53 doubles skip whole numbers, so that bins of whole width would not meet.
    if whole and high - low < 2**53:
        width = float(math.ceil((high - low + 1) / MAX_BINS))
        count = math.ceil((high - low + 1) / width)
    else:
        width, count = (high - low) / MAX_BINS, MAX_BINS
    if low + width == low or high - width == high:
        return None
    edges = [low + n * width for n in range(count)]
    return Bins((*edges, low + count * width if whole else high))


def histogram(bins: Bins, counted: Mapping[int, int] | None) -> list[int]:
    """The count of each bin, from the counts of their numbers."""
    counts = counted or {}
    return [counts.get(number, 0) for number in range(bins.count)]
