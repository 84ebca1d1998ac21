"""Each durable system call of what clients ask for may fail: the answer is honest, nothing that was
acknowledged is lost, and everything works again without a restart.

`test_write_faults.py` has failures that last.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import cycle

import psutil
import pytest
from tests.crash.installation import Installation, open_installation, table
from tests.crash.scenarios import SCENARIOS, TracedScenario
from tests.crash.traced_runs import ROLES, TracedRun, choose
from tests.hosts.test_database_gone import assert_serves

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE")
OPENED = ("openat",)
HONEST = {503, 507}
SAMPLE = 40
"""Calls of each scenario: first those where another kind of call begins."""
SEED = 16


@pytest.fixture(scope="module")
def faulty() -> Iterator[Installation]:
    with closing(open_installation(lease=3)) as installation:
        yield installation


def fail_each(
    installation: Installation,
    scenario: TracedScenario,
    most: int,
    roles: tuple[str, ...] = ROLES,
) -> tuple[int, int]:
    """Have `most` calls of a scenario fail in turn; how many did, and of how many."""
    run = TracedRun(installation, scenario)
    calls = run.list_repeated_calls(OPENED)
    chosen = choose({role: calls[role] if role in roles else [] for role in ROLES}, most, SEED)
    failed = 0
    for (role, call), error in zip(chosen, cycle(ERRORS), strict=False):
        about = f"{scenario.name}, {role}: {call} fails with {error}"
        try:
            did, statuses = TracedRun(installation, scenario).fail_at(role, call, error)
        except BaseException as raised:
            raised.add_note(about)
            raise
        assert set(statuses) <= HONEST, (about, statuses)
        failed += did
    return failed, len(chosen)


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_durable_call_may_fail(faulty: Installation, scenario: TracedScenario) -> None:
    failed, chosen = fail_each(faulty, scenario, SAMPLE)
    print(f"{scenario.name}: {failed} of {chosen} calls failed")
    assert failed >= 0.8 * chosen


@pytest.mark.long
def test_some_durable_calls_may_fail(faulty: Installation) -> None:
    """Only those of requests: a worker waits for ten seconds before it tries again."""
    failed, chosen = fail_each(faulty, SCENARIOS[0], 3, ROLES[:1])
    assert failed >= chosen - 1


def test_a_store_that_fails_at_the_end_of_an_upload_does_not_end_it(faulty: Installation) -> None:
    """The bytes that were acknowledged before stay, and the upload can be completed later."""
    (scenario,) = (each for each in SCENARIOS if each.name == "resumable_upload")
    calls = TracedRun(faulty, scenario).list_calls()["api"]
    about_blobs = [call for call in calls if call.name == "fsync" and "/store/blobs/" in call.about]
    failed = [TracedRun(faulty, scenario).fail_at("api", call, "EROFS") for call in about_blobs]
    assert [503] in [statuses for did, statuses in failed if did]


@pytest.mark.parametrize("error", ["EROFS", "EDQUOT"])
def test_a_store_that_refuses_a_deletion_does_not_answer(faulty: Installation, error: str) -> None:
    """503, not a failure of the program; the sweep removes the bytes later."""
    (scenario,) = (each for each in SCENARIOS if each.name == "purge")
    calls = TracedRun(faulty, scenario).list_calls()["api"]
    call = next(each for each in calls if each.name == "unlink" and "/store/blobs/" in each.about)
    assert TracedRun(faulty, scenario).fail_at("api", call, error) == (True, [503])


def test_a_write_that_is_cut_short_is_no_success(faulty: Installation) -> None:
    """The kernel takes a part of a block and says so, then refuses the rest."""
    process = faulty.part("api")
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (5_000_001, before[1]))
    try:
        answer = faulty.api.upload(table(50_000, "s" * 170), "short.csv", 10_000_000)
        assert answer.status_code in HONEST, answer.text
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, before)
    names = [item["file_name"] for item in faulty.api.json("/files")["files_list"]]
    assert "short.csv" not in names
    assert_serves(faulty.server, faulty.account)
    faulty.check()
