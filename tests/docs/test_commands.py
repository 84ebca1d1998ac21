"""Every command of the program that a page names exists, with its options, and lines to paste are
followed by a test."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.docs.test_lines_to_paste import FOLLOWED

from entrepot_client.cli.main import build

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "client/README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions"),
]
"""All but the decisions and the changelog, which describe earlier releases too."""
CODE = re.compile(r"^ *```\w*\n(.*?)^ *```$|`([^`]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<![\w.-])entrepot (?!entrepot\b)([a-z][^\n`|;&<>()]*)")
OTHER_TESTS = {
    "README.md": "test_lines_to_paste.py",
    "CONTRIBUTING.md": "test_contributing.py",
    "docs/how-to/back-up.md": "test_lines_to_paste.py",
    "docs/how-to/use-object-storage.md": "test_object_storage.py",
}
"""Pages with lines of bash that are followed elsewhere in this folder."""


def test_every_page_with_lines_to_paste_is_followed() -> None:
    pages = {str(each.relative_to(ROOT)) for each in PAGES if "```bash" in each.read_text()}
    assert pages == {f"docs/{page}" for page in FOLLOWED} | set(OTHER_TESTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    root = build()[0]
    for block, inline in CODE.findall(page.read_text()):
        for command in COMMAND.findall((block or inline).replace("\\\n", " ")):
            words = shlex.split(command.replace("'", "").replace('"', ""))
            node: Any = root
            while words and words[0] in getattr(node, "commands", {}):
                node = node.commands[words.pop(0)]
            is_group = bool(getattr(node, "commands", {}))
            is_topic = not words or words[0] == "…"
            assert is_topic or not is_group, command
            options = {
                option
                for param in [*node.params, *root.params]
                for option in [*param.opts, *param.secondary_opts]
            }
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= (
                options | {"--help"}
            ), command
