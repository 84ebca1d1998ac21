"""Columns of whole numbers that a contract takes decimals in: measures, by the columns beside them.

Columns of one kind stand together, and a measure may happen to be whole for some rows. Between two
columns of decimals a column of whole numbers had decimals later 8 times as often as any other, in
tables that the rule was not made with. The values of ids, codes, counts and years tell what they
are (ADR 0039).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from entrepot.schemas.model import Field

MAX_CODES, MIN_CELLS_PER_CODE = 20, 10
"""So few different values, each in as many cells, are codes or small counts. Zeros are left out:
what is measured is often zero."""
FIRST_YEAR, LAST_YEAR = 1500, 2100
MAX_MEASURE_CHARS = 18
"""A longer number is a name."""


def whole_measures(fields: Sequence[Field], texts: Sequence[Mapping[str, int]]) -> list[int]:
    """The places (from 0) of integer fields that may be measures. `texts` are the first texts of
    each column, in their order, with their counts. A column without any is passed over."""
    filled = [place for place, some in enumerate(texts) if some]
    return [
        place
        for before, place, behind in zip(filled, filled[1:], filled[2:], strict=False)
        if fields[place].type == "integer"
        and fields[before].type == fields[behind].type == "number"
        and not _are_whole_by_nature(texts[place])
    ]


def describe_whole_measure(name: str) -> str:
    """What the first version's warnings say of such a column, `name` in its quotes."""
    return (
        f"{name} has whole numbers only; the contract takes decimals too, since the columns "
        'beside it have them. Set its type to "integer" to reject them.'
    )


def _are_whole_by_nature(texts: Mapping[str, int]) -> bool:
    """Whether the values are described as years, numbers of rows, identifiers, codes or counts."""
    if max(map(len, texts)) > MAX_MEASURE_CHARS:
        return True
    values = Counter[int]()
    for text, count in texts.items():
        values[int(text)] += count
    if all(FIRST_YEAR <= value <= LAST_YEAR for value in values):
        return True
    if len(values) > 1 and max(values.values()) == 1:
        steps = {first < second for first, second in pairwise(values)}
        lengths = {len(str(abs(value))) for value in values}
        if len(steps) == 1 or len(lengths) == 1:
            return True
    del values[0]
    return bool(values) and (
        len(values) <= MAX_CODES and values.total() >= MIN_CELLS_PER_CODE * len(values)
    )
