"""Alternating rounds of contenders, and the ratios between them.

A machine's speed drifts over minutes; two contenders measured right after each other see the
same machine, so the ratio within a round is what is kept, and its median is what is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Measure = Callable[[], float]


@dataclass(frozen=True)
class Spread:
    """A median, with the lowest and the highest value."""

    median: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        form = form or ".2f"
        return f"{self.median:{form}} ({self.low:{form}}–{self.high:{form}})"


@dataclass(frozen=True)
class Line:
    """One figure of a report: what, how much, and the target with whether it was met."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None


def spread(values: list[float]) -> Spread:
    """Median, lowest and highest of some values."""
    return Spread(median(values), min(values), max(values))


def alternate(contenders: dict[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Measure each contender once a round, each round in another order; a first round is dropped.

    The dropped round fills caches and finishes what starts late, alike for all.
    """
    names = list(contenders)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            value = contenders[name]()
            if number:
                values[name].append(value)
    return values


def ratios(over: list[float], under: list[float]) -> Spread:
    """The spread of the ratios of two contenders' values, round by round."""
    return spread([a / b for a, b in zip(over, under, strict=True)])


def at_least(what: str, ratio: Spread, least: float) -> Line:
    """A line whose ratio must reach `least`."""
    return Line(what, f"{ratio}", f"≥ {least:g}", ratio.median >= least)
