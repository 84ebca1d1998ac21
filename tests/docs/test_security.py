"""SECURITY.md promises nothing without a test that is there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[a-z_0-9/]+\.py)(?:::(test_[a-z_0-9]+))?`")


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall((ROOT / "SECURITY.md").read_text())
    assert len(named) > 50
    missing = [f"{path}::{test}" for path, test in named if not _has(path, test)]
    assert missing == []


def test_every_promise_names_a_test() -> None:
    """Each item of the parties, of which the packages alone have none."""
    model = (ROOT / "SECURITY.md").read_text().partition("## Threat model")[2]
    parties = model.partition("## What an operator must do")[0]
    items = re.findall(r"^- (.*(?:\n  .*)*)", parties, re.MULTILINE)
    assert len(items) > 30
    without = [item for item in items if not NAMED.search(item)]
    assert [item[:22] for item in without] == ["Versions of all packag"]


def _has(path: str, test: str) -> bool:
    return (ROOT / path).is_file() and (not test or test in _tests(path))


@cache
def _tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
