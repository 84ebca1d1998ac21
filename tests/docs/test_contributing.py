"""CONTRIBUTING.md and the Makefile name the same commands, and CI runs those of the README."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
RULE = re.compile(r"^(\w+): .*\n((?:\t.*\n)+)", re.M)


def recipes() -> dict[str, list[str]]:
    """The lines of each target, without the folder that uv lies in."""
    return {
        target: [line.strip().replace("$(UV)", "uv") for line in lines.splitlines()]
        for target, lines in RULE.findall(MAKEFILE)
    }


def test_each_target_is_explained() -> None:
    explained = re.findall(r"^\| `make (\w+)` \|", CONTRIBUTING, re.M)
    assert sorted(explained) == sorted(recipes())
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
    assert phony
    assert sorted(phony.group(1).split()) == sorted(recipes())
    assert set(re.findall(r"\bmake (\w+)$", CONTRIBUTING, re.M)) <= set(recipes())


def test_the_targets_run_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    blocks = dict(re.findall(r"<!-- (start|tests) -->\n```bash\n(.*?)\n```", readme, re.S))
    assert blocks["tests"].endswith("/" + " && ".join(recipes()["test"]))
    assert blocks["start"].endswith("/" + " && ".join(recipes()["demo"]))
    prepared = "python3 -m venv .venv && .venv/bin/pip install --quiet uv"
    assert blocks["tests"].startswith(prepared)
    assert all(f"\t{line}\n" in MAKEFILE for line in prepared.split(" && "))


def test_each_file_with_a_long_test_is_listed() -> None:
    section = CONTRIBUTING.split("## What runs only with `--long`")[1].split("\n## ")[0]
    files = re.findall(r"^\| (`tests/.*?) \|", section, re.M)
    listed = {name for cell in files for name in re.findall(r"`(tests/\S+\.py)`", cell)}
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\bmark\.long\b|[*= ]long\(\[?|\"--long\"\)", path.read_text())
        and path != Path(__file__)
    }
    assert listed == marked
