"""No bytes make an inspection fail: each gets its verdict, through the real locked process."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.inspection.conftest import request_for
from tests.inspection.fuzzed import fuzzed

from entrepot.inspection.results import InspectionFailed
from entrepot.inspection.sandbox.pool import InspectionPool

DEFAULT, LONG = 300, 100_000
AT_ONCE, LONG_AT_ONCE = 50, 500
"""Inputs of one test."""
VERDICTS = {"conforms", "violates", "not-tabular", "source-error", "resource-limit"}


def inspect_all(pool: InspectionPool, folder: Path, numbers: range) -> None:
    failed = []
    for number in numbers:
        data, schema, mode = fuzzed(number)
        path = folder / "table.csv"
        path.write_bytes(data)
        with capture_logs() as logs:
            try:
                request = request_for(path, mode, schema)
                inspection = pool.inspect(request, lambda done, of: None, lambda: False)
            except InspectionFailed as error:
                failed.append((number, str(error)))
            else:
                assert inspection.verdict in VERDICTS
        failed += [(number, str(line)) for line in logs if line["log_level"] == "critical"]
    assert failed == []


@pytest.mark.parametrize("first", range(0, DEFAULT, AT_ONCE))
def test_some_bytes_at_random(pool: InspectionPool, tmp_path: Path, first: int) -> None:
    inspect_all(pool, tmp_path, range(first, first + AT_ONCE))


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("first", range(DEFAULT, LONG, LONG_AT_ONCE))
def test_many_bytes_at_random(pool: InspectionPool, tmp_path: Path, first: int) -> None:
    inspect_all(pool, tmp_path, range(first, min(LONG, first + LONG_AT_ONCE)))
