"""One installation that all exact points of a run are tried on, one after another."""

from collections.abc import Iterator

import pytest
from tests.crash.house import House, open_house


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    opened = open_house()
    try:
        yield opened
    finally:
        opened.close()
