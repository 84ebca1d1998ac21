"""One installation that all exact points of a run are tried on, one after another."""

from collections.abc import Generator, Iterator

import pytest
from tests.crash.installation import Installation, open_installation

PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how each test ended, for the fixture below."""
    report = yield
    if call.when != "teardown":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture(scope="module")
def installations() -> Iterator[list[Installation]]:
    """The module's installation, if it stands; a younger one has less to be checked."""
    standing: list[Installation] = []
    yield standing
    for each in standing:
        each.close()


@pytest.fixture
def installation(
    request: pytest.FixtureRequest, installations: list[Installation]
) -> Iterator[Installation]:
    """An installation that runs, soundly; one that a test has failed on is not used again."""
    if not installations:
        installations.append(open_installation())
    yield installations[0]
    if not request.node.stash.get(PASSED, False):
        installations.pop().close()
