"""Contracts that are inferred from real tables: they fit the rest of the table, and not damage.

`python -m bench --only inference` lists what is not accepted, with the reasons.
"""

from pathlib import Path

import pytest
from tests.support.real_tables import DeliveryOutcome, deliver, real_tables

MAX_SAMPLE_BYTES, SAMPLE_STEP = 20_000, 40
"""The sample: every 40th of the small tables, which come in the order of their names."""
MIN_SAMPLE = 0.9
MIN_TABLES, MIN_DAMAGED = 600, 300
MIN_FIRST, MIN_SECOND = 0.98, 0.98
"""Shares of the parts that are accepted. Most of the second parts that are not have decimals in a
column of which the first part has whole numbers alone."""
WITHOUT_SUGGESTION = {
    "pydataset/Cars93": "rotary",
    "pydataset/Mofa": "6.2\x1a",
    "pydataset/attenu": "c168",
}
"""The second parts (3 of 784) that are neither accepted nor would be with the suggested contract,
and the text among numbers that each has: no contract should take it."""


def rates_of(outcomes: list[DeliveryOutcome]) -> tuple[float, float, int]:
    """The shares of the first and the second parts that are accepted, and the damaged cells, each
    of which must have been found."""
    accepted = [each for each in outcomes if not each.first]
    kept = [each for each in accepted if not each.second]
    damaged = [each for each in kept if each.damage]
    assert [each.name for each in damaged if not each.is_named] == []
    return len(accepted) / len(outcomes), len(kept) / len(accepted), len(damaged)


def test_a_sample_of_real_tables(tmp_path: Path) -> None:
    tables = list(real_tables(MAX_SAMPLE_BYTES))[::SAMPLE_STEP]
    first, second, damaged = rates_of([deliver(table, tmp_path) for table in tables])
    assert min(first, second) >= MIN_SAMPLE
    assert damaged > len(tables) // 2


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_all_real_tables(tmp_path: Path) -> None:
    outcomes = [deliver(table, tmp_path) for table in real_tables()]
    assert len(outcomes) >= MIN_TABLES
    first, second, damaged = rates_of(outcomes)
    assert first >= MIN_FIRST
    assert second >= MIN_SECOND
    lost = [each for each in outcomes if not each.first and each.second and not each.suggested]
    assert {each.name for each in lost} == set(WITHOUT_SUGGESTION)
    assert [each.second for each in lost if WITHOUT_SUGGESTION[each.name] not in each.second] == []
    assert damaged >= MIN_DAMAGED
