"""What the pages cite exists: functions in files, links, packages, nouns; and no line numbers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
    if ".venv" not in path.parts
)
CITED = re.compile(r"`((?:[\w-]+/)*\w+\.py)(?::([\w.]+))?`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PLACES = (ROOT, ROOT / "src" / "entrepot", ROOT / "client" / "src" / "entrepot_client")


def name(path: Path) -> str:
    """The page as a test's id."""
    return path.relative_to(ROOT).as_posix()


def defined_in(path: Path) -> set[str]:
    """The names that a module defines, members of classes with their class."""
    result: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                result.add(node.name)
            case ast.ClassDef():
                members = (
                    m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)
                )
                result |= {node.name, *(f"{node.name}.{member.name}" for member in members)}
            case ast.Assign():
                result |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=text)):
                result.add(text)
    return result


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_cites_exists(page: Path) -> None:
    missing = []
    for cited, member in CITED.findall(page.read_text()):
        result = [place / cited for place in PLACES if (place / cited).is_file()]
        if not result or (member and not any(member in defined_in(path) for path in result)):
            missing.append(f"{cited}:{member}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    inside = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    inside = [link for link in inside if not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_cites_a_line_number(page: Path) -> None:
    assert re.findall(r"\.py:\d+|\blines? \d+ of\b", page.read_text()) == []


def test_the_life_of_an_upload_cites_names() -> None:
    cited = CITED.findall((ROOT / "docs" / "life-of-an-upload.md").read_text())
    assert sum(bool(member) for _, member in cited) >= 30


def test_the_map_shows_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    packages = [package.strip() for layer in layers for package in layer.split("|")]
    folders = {
        path.parent.name
        for path in (ROOT / "src" / "entrepot").glob("*/__init__.py")
        if "__pycache__" not in path.parts
    }
    assert set(packages) == folders
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [package for package in packages if f"`{package}`" not in text] == []


def test_the_glossary_is_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    nouns = re.findall(r"^\| \*\*([^*]+)\*\*", text, re.M)
    assert nouns == sorted(nouns)
