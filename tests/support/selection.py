"""Which tests a run has, in which order, and which of them one worker runs together."""

import re
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent.parent
FAST_PATHS = (
    "tests/accounts",
    "tests/schemas",
)
"""What `--fast` runs if no paths are given."""

REDUCED = "reduced"
"""The name of hypothesis's profile of every run but `--long`."""

DATABASE = re.compile(r"\[(?:.*-)?(sqlite|postgres)\b")
LONGEST = re.compile("(crash|e2e|http|http_parts|migrations|tasks)/")


def examples(most: int) -> int:
    """How many examples hypothesis tries: `most` with `--long`, else a quarter."""
    return most if settings.get_current_profile_name() != REDUCED else -(-most // 4)


def load_profile(long: bool) -> None:
    """Reduced runs try the same examples each time, so that a change is judged by itself; `--long`
    looks for new ones."""
    settings.register_profile(REDUCED, derandomize=True, max_examples=-(-100 // 4))
    if not long:
        settings.load_profile(REDUCED)


def is_selected(item: pytest.Item) -> bool:
    """Whether this run has the test: `--long` has all of them."""
    config = item.config
    if config.getoption("--long"):
        return True
    if item.get_closest_marker("long") is not None:
        return False
    callspec = getattr(item, "callspec", None)
    databases = {
        name: kind
        for name, kind in (callspec.params if callspec else {}).items()
        if kind == "postgres"
    }
    if not databases:
        return True
    if config.getoption("--fast"):
        return False
    return "server" not in databases or item.get_closest_marker("both_databases") is not None


def group_of(nodeid: str) -> str:
    """The tests that one worker runs one after another: of one file on one database."""
    path, _, name = nodeid.partition("::")
    database = DATABASE.search(name)
    return f"{path}::{database.group(1)}" if database else path


def run_order(item: pytest.Item) -> bool:
    """What takes longest is begun first."""
    return not (
        item.path.is_relative_to(TESTS)
        and bool(LONGEST.match(item.path.relative_to(TESTS).as_posix()))
    )


class GroupScheduling(LoadScopeScheduling):
    """Gives groups to workers, in the order of the run."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
