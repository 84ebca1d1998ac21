"""The reference pages say what the code says; `tools/reference.py` writes them."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from entrepot.files.versions import QUARANTINE_PERIOD, UNDO_PERIOD

ROOT = Path(__file__).parent.parent.parent


def load_tool(name: str) -> ModuleType:
    """A program of tools/, as a module."""
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = [
    "settings.md",
    "commands.md",
    "routes.md",
    "problems.md",
    "schemas.md",
    "dialects.md",
    "reports.md",
    "metrics.md",
    "python.md",
]


def test_no_page_is_left_out() -> None:
    assert set(load_tool("reference").WRITERS) == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_what_the_code_says(page: str) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text()
    fresh = load_tool("reference").renewed(page, text)
    assert text == fresh, "run: uv run python tools/reference.py"


def test_every_setting_says_what_it_means() -> None:
    rows = [row for row in load_tool("reference").settings_table().splitlines() if "`ENT" in row]
    assert rows
    assert [row for row in rows if row.rstrip(" |").endswith("`")] == []


def test_pages_name_the_periods_of_the_code() -> None:
    periods = {"undo": UNDO_PERIOD.days, "quarantine": QUARANTINE_PERIOD.days}
    words = {"undo": "undo|undone|tombstone", "quarantine": "quarantine|rejected or failed"}
    pages = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")]
    pages += (ROOT / "docs" / "reference").glob("*.md")
    named = [
        (name, int(days))
        for page in pages
        for line in page.read_text().splitlines()
        for name, pattern in words.items()
        if re.search(pattern, line, re.I)
        for days in re.findall(r"(\d+) days", line)
    ]
    assert {name for name, _ in named} == set(periods)
    assert [each for each in named if each[1] != periods[each[0]]] == []
