"""One installation of each kind, on which a module tries all its exact points one by one."""

from collections.abc import Generator, Iterator
from contextlib import nullcontext

import pytest
from tests.crash.installation import Installation, open_installation
from tests.crash.points import Stores
from tests.support.seaweedfs import BUCKET, environment, new_prefix

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
def installations() -> Iterator[dict[Stores, Installation]]:
    """The module's installations that stand; a younger one has less to be checked."""
    standing: dict[Stores, Installation] = {}
    yield standing
    for each in standing.values():
        each.close()


@pytest.fixture
def stores(request: pytest.FixtureRequest) -> Stores:
    """Where the test's point is."""
    callspec = getattr(request.node, "callspec", None)
    return callspec.params["point"].stores if callspec and "point" in callspec.params else "disk"


@pytest.fixture
def installation(
    request: pytest.FixtureRequest, installations: dict[Stores, Installation], stores: Stores
) -> Iterator[Installation]:
    """An installation that runs, soundly; one that a test has failed on is not used again."""
    remote = stores == "s3"
    with environment(request.getfixturevalue("seaweedfs").environment) if remote else nullcontext():
        if stores not in installations:
            places = {}
            if remote:
                address = request.getfixturevalue("postgres").new_database()
                places = {"database": address, "store": f"s3://{BUCKET}/{new_prefix()}"}
            installations[stores] = open_installation(**places)
        yield installations[stores]
        if not request.node.stash.get(PASSED, False):
            installations.pop(stores).close()
