"""No bytes make an inspection fail: each gets its verdict, through the real locked process."""

from pathlib import Path

import pytest
from tests.inspection.fuzz_range import failures_of

from entrepot.inspection.sandbox.pool import InspectionPool

DEFAULT, LONG = 300, 100_000
AT_ONCE, LONG_AT_ONCE = 50, 500
"""Inputs of one test."""


@pytest.mark.parametrize("first", range(0, DEFAULT, AT_ONCE))
def test_some_bytes_at_random(pool: InspectionPool, tmp_path: Path, first: int) -> None:
    assert failures_of(pool, tmp_path, range(first, first + AT_ONCE)) == []


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("first", range(DEFAULT, LONG, LONG_AT_ONCE))
def test_many_bytes_at_random(pool: InspectionPool, tmp_path: Path, first: int) -> None:
    numbers = range(first, min(LONG, first + LONG_AT_ONCE))
    assert failures_of(pool, tmp_path, numbers) == []
