"""Every text that a person reads is free of the phrases in `banned_phrases.toml`."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KINDS = (".md", ".html", ".py", ".js", ".toml", ".yaml", ".yml")
LEFT_OUT = (
    "CHANGELOG.md",  # what earlier releases said
    "docs/decisions/",  # decisions of their time
    "src/entrepot/migrations/versions/",  # never changed
    "tests/banned_phrases.toml",
    "tests/docs/test_phrases.py",
    "tests/inspection/corpus/",  # other people's tables
)
PHRASES: dict[str, str] = tomllib.loads((ROOT / "tests" / "banned_phrases.toml").read_text())[
    "phrases"
]
BREAK = re.compile(r"\n[ \t]*(?:#+[ \t]|//[ \t]|\*[ \t])?")


def one_line(text: str) -> str:
    """The text with its line ends as blanks, so that a phrase is found across two lines."""
    return BREAK.sub(" ", text)


def findings(text: str) -> list[str]:
    """Each banned phrase in the text, with its surroundings and what to write instead."""
    text = one_line(text)
    return [
        f"{text[max(0, match.start() - 30) : match.end() + 30]!r}: write {instead}"
        for phrase, instead in PHRASES.items()
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]


def texts() -> list[Path]:
    """The files of the project whose texts people read."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        ROOT / name
        for name in listed.stdout.splitlines()
        if name.endswith(KINDS) and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()
    ]


def test_no_text_has_a_banned_phrase() -> None:
    by_file = {
        str(path.relative_to(ROOT)): lines
        for path in texts()
        if (lines := findings(path.read_text()))
    }
    assert by_file == {}


@pytest.mark.parametrize(
    "text",
    [
        "A text is no number.",
        "What you may\n    know of.",
        "# The upload goes\n# on where it was.",
        "Readers are told why.",
        "A key stops at once.",
    ],
)
def test_a_phrase_is_found(text: str) -> None:
    """Across lines and in comments too."""
    assert findings(text)


def test_other_words_are_left_alone() -> None:
    assert findings("There is no file. It is no longer here. Go on the page. Two at once.") == []
