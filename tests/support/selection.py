"""Which tests a run has, in which order, and which of them one worker runs together."""

import re

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

FAST_PATHS = (
    "tests/test_codebase.py",
    "tests/http/test_files.py",
    "tests/http/test_bad_input.py",
    "tests/http/test_downloads.py",
    "tests/http/test_problems.py",
    "tests/inspection/test_detected.py",
    "tests/inspection/test_infer.py",
    "tests/inspection/test_rules.py",
    "tests/inspection/test_against_frictionless.py",
    "tests/inspection/test_json.py",
    "tests/inspection/test_filter.py",
    "tests/inspection/test_lexer.py",
    "tests/inspection/test_summary.py",
    "tests/inspection/test_field_matching.py",
    "tests/inspection/test_arrow.py",
    "tests/schemas",
    "tests/quotas",
    "tests/files",
    "tests/accounts",
    "tests/activity",
    "tests/contracts",
    "tests/db",
    "client/tests",
)
"""What `--fast` runs if no paths are given: a part of each package."""

STARTED = frozenset({"postgres", "s3"})
"""Parameters of tests for which processes are started that take seconds: not in `--fast`."""

REDUCED = "reduced"
"""The name of hypothesis's profile of every run but `--long`."""

DATABASE = re.compile(r"\[(?:.*-)?(sqlite|postgres)\b")
WAITING = re.compile("tests/(crash|e2e|docs|migrations|tasks)/")
"""Tests that mostly wait for other processes."""

LONGEST_FIRST = (
    "tests/crash/test_exact_points",
    "tests/crash/",
    "tests/e2e/",
    "tests/http/test_whole_life",
    "tests/http/",
    "tests/test_codebase",
    "tests/inspection/test_hostile",
    "tests/inspection/",
)
"""What is begun first, so that no worker is left with something long at the end."""


def examples(most: int) -> int:
    """How many examples hypothesis tries: `most` with `--long`, else a quarter."""
    return most if settings.get_current_profile_name() != REDUCED else -(-most // 4)


def load_profile(long: bool) -> None:
    """Reduced runs try the same examples each time, so that a change is judged by itself; `--long`
    looks for new ones."""
    settings.register_profile(REDUCED, derandomize=True, max_examples=25)
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
    parameters = callspec.params if callspec else {}
    if config.getoption("--fast"):
        kinds = [kind for kind in parameters.values() if isinstance(kind, str)]
        started = STARTED.intersection(kinds)
        return not started and item.get_closest_marker("slow") is None
    on_postgres = parameters.get("server") == "postgres"
    return not on_postgres or item.get_closest_marker("both_databases") is not None


def run_order(item: pytest.Item) -> int:
    """The place of a test among the others of a run; those of one file keep their order."""
    places = (n for n, path in enumerate(LONGEST_FIRST) if item.nodeid.startswith(path))
    return next(places, len(LONGEST_FIRST))


def group_of(nodeid: str) -> str:
    """The tests that one worker runs one after another: of one file on one database."""
    path, _, name = nodeid.partition("::")
    database = DATABASE.search(name)
    return f"{path}::{database.group(1)}" if database else path


class GroupScheduling(LoadScopeScheduling):
    """Gives groups of tests to xdist's workers, in the order of the run.

    The first worker prefers those that wait, the others those that compute: so the processor is
    busy with the one kind while the other waits.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = node.gateway.id == "gw0"
        for group in self.workqueue:
            if bool(WAITING.match(group)) == first:
                self.workqueue.move_to_end(group, last=False)
                break
        super()._assign_work_unit(node)
