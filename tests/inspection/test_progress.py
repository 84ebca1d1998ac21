"""Progress always moves, in one direction, and cannot be silent."""

from itertools import pairwise
from pathlib import Path

import pytest
from tests.inspection.conftest import request_for
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.wait import wait_until

from entrepot.inspection.progress import JUDGED, NORMALIZED, SCANNED, Progress
from entrepot.inspection.results import InspectionCanceled
from entrepot.inspection.sandbox.pool import InspectionPool

SIZE = 1_000_000


class Engine:
    """An engine whose query has come so far."""

    def __init__(self, percent: float = -1.0) -> None:
        self.percent = percent

    def query_progress(self) -> float:
        return self.percent


@pytest.mark.parametrize("percent", [-1.0, 100.0])
def test_a_silent_phase_still_moves(percent: float) -> None:
    """Whatever the engine says, and however far an earlier pass came."""
    seen = [0]
    progress = Progress(SIZE, lambda done, total: seen.append(done))
    with progress.watching(Engine(percent)):
        for until in (SCANNED, JUDGED, NORMALIZED, JUDGED):  # the table was read again
            progress.next_pass(until)
            moved = len(seen) + 2
            wait_until(lambda moved=moved: len(seen) >= moved, "it moves, and again")
    assert all(earlier < later for earlier, later in pairwise(seen))
    assert 0 < seen[-1] < SIZE


def test_many_queries_of_a_pass_each_move_it() -> None:
    seen: list[int] = []
    progress = Progress(SIZE, lambda done, total: seen.append(done))
    progress.next_pass(JUDGED)
    for _ in range(5):
        for share in (0.1, 1.0):
            progress._last = 0.0  # as if much time had passed
            progress.at_query(share)
    assert len(seen) == 10
    assert seen == sorted(seen)
    assert seen[-1] < JUDGED * SIZE


def test_a_long_inspection_moves_and_can_be_canceled(pool: InspectionPool, tmp_path: Path) -> None:
    """In a phase that takes minutes, and whose query says nothing."""
    path = tmp_path / "slow.csv"
    path.write_bytes(slow_table())
    seen: list[int] = []
    with pytest.raises(InspectionCanceled):
        pool.inspect(
            request_for(path, schema=SLOW_SCHEMA),
            lambda done, total: seen.append(done),
            lambda: len(seen) >= 5,
        )
    assert len(seen) == 5
    assert all(earlier < later for earlier, later in pairwise(seen))
