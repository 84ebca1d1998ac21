"""Killed before each durable system call of what clients ask for, an installation loses nothing.

The calls are not named here: strace lists them (`traced_calls.py`). On SQLite and a disk each of
them is tried, on the other pairs of database and store a sample of at least 200 on each.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.crash.installation import Installation, open_installation, open_two_hosts
from tests.crash.scenarios import SCENARIOS, TracedScenario
from tests.crash.traced_runs import TracedRun, choose
from tests.support.postgres import Postgres
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix

PAIRS = ("sqlite-disk", "sqlite-s3", "postgres-disk", "postgres-s3", "postgres-folder")
"""In a folder that two hosts share, only the host of the killed process ends."""
SAMPLE = -(-200 // len(SCENARIOS))
"""Calls of each scenario, where not all are tried."""
SEED = 15
LEASE = 3
"""Seconds until the work of a killed worker is taken over by its successor under another name."""
YOUNG = 40
"""Runs of one installation; an older one takes longer to check."""


@contextmanager
def opened(pair: str, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation on that pair of database and store."""
    places: dict[str, Any] = {"lease": LEASE}
    with ExitStack() as stack:
        if pair.startswith("postgres"):
            running: Postgres = request.getfixturevalue("postgres")
            places["database"] = running.new_database()
        if pair.endswith("s3"):
            store: SeaweedFS = request.getfixturevalue("seaweedfs")
            stack.enter_context(environment(store.environment))
            places["store"] = f"s3://{BUCKET}/{new_prefix()}"
        if pair.endswith("folder"):
            shared = Path(stack.enter_context(TemporaryDirectory(prefix="ep-")), "store")
            yield stack.enter_context(closing(open_two_hosts(shared, **places)))
            return
        yield stack.enter_context(closing(open_installation(**places)))


def kill_at_each(
    pair: str, scenario: TracedScenario, most: int | None, request: pytest.FixtureRequest
) -> tuple[int, int]:
    """Kill a scenario at `most` of its calls (None: all); how many died there, and of how many."""
    with opened(pair, request) as installation:
        run = TracedRun(installation, scenario)
        calls = run.list_calls() if most is None else run.list_repeated_calls()
    chosen, died = choose(calls, most, SEED), 0
    for at in range(0, len(chosen), YOUNG):
        with opened(pair, request) as installation:
            for role, call in chosen[at : at + YOUNG]:
                try:
                    died += TracedRun(installation, scenario).kill_at(role, call) is not None
                except BaseException as error:
                    error.add_note(f"{scenario.name}, {role}: {call}")
                    raise
    return died, len(chosen)


@pytest.mark.long
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("pair", PAIRS)
def test_each_durable_call_may_be_the_last(
    pair: str, scenario: TracedScenario, request: pytest.FixtureRequest
) -> None:
    """What few calls of a run do not reach is a thread that another one was faster than."""
    died, chosen = kill_at_each(pair, scenario, None if pair == PAIRS[0] else SAMPLE, request)
    print(f"{pair} {scenario.name}: killed at {died} of {chosen} calls")
    assert died >= 0.8 * chosen


@pytest.mark.parametrize("scenario", SCENARIOS[:1], ids=lambda scenario: scenario.name)
def test_some_durable_calls_may_be_the_last(
    scenario: TracedScenario, request: pytest.FixtureRequest
) -> None:
    died, chosen = kill_at_each(PAIRS[0], scenario, 3, request)
    assert died >= chosen - 1
