"""A running demo for the pages that tell people what to type."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.demo import Demo, running_demo


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo of this environment."""
    with running_demo(Path(sys.executable).parent) as running:
        yield running
