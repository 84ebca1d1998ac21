"""The rules of the codebase: layout, sizes, names, types and words, checked by tests."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from tests.support.selection import FAST_PATHS, LONGEST_FIRST

import entrepot.inspection.results
from entrepot import errors
from entrepot.http.problems import table

ROOT = Path(__file__).parent.parent
CODE = [ROOT / part for part in ("src", "client", "tests", "bench", "tools")]
PRODUCT = (ROOT / "src", ROOT / "client" / "src")
NOT_OURS = {".git", ".venv", "__pycache__", "node_modules", "vendor", "dist", "uv.lock", "out"}

MODULE_LINES = 400
TEST_MODULE_LINES = 600
"""Tests, benchmarks and tools may be longer: they are read by parts."""
FUNCTION_LINES = 80
MAX_FOLDER_MODULES = 20
SCRIPT_LINES = 150
MAX_PARAMETERS = 7
VAGUE_NAMES = {"service", "services", "utils", "util", "helpers", "helper", "manager", "misc"}

HANDLES = ("Visible", "Readable", "Deliverable", "Manageable", "Offered")

NEVER_ANSWERED = {
    errors.StartRefused,
    errors.BackupFailed,
    errors.SweepStopped,
    entrepot.inspection.results.InspectionCanceled,
    entrepot.inspection.results.InspectionFailed,
    entrepot.inspection.results.PoolClosed,
    entrepot.inspection.results.SandboxDenied,
}
"""Errors that end a command or a task; no request meets them."""


def files_below(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Every file of ours below a folder whose name ends with `suffix`."""
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in NOT_OURS and not name.endswith(("_cache", ".egg-info", ".hypothesis"))
        ]
        yield from (
            Path(place, name) for name in names if name.endswith(suffix) and name not in NOT_OURS
        )


def modules(*folders: Path) -> list[Path]:
    """Every Python module below these folders."""
    return [path for folder in folders for path in files_below(folder, ".py")]


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """What the rules look at of a module's syntax tree: parsed and walked once for all tests."""
    looked_at = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Call)
    naming = (ast.Name, ast.arg, ast.ExceptHandler, ast.MatchAs)
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, looked_at + naming)]


def relative(path: Path) -> str:
    """The path as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def run(*command: str) -> None:
    """Run a tool in the repository; its output is the test's message when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_imports_go_downwards(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=["check", "format"])
def test_ruff_finds_nothing(command: tuple[str, ...]) -> None:
    run("ruff", *command, "--quiet", ".")


@pytest.mark.slow
def test_types_are_strict() -> None:
    run("mypy")


def test_modules_are_small() -> None:
    lines = {relative(path): len(path.read_text().splitlines()) for path in modules(*CODE)}
    product = tuple(f"{relative(folder)}/" for folder in PRODUCT)
    assert {
        path: count
        for path, count in lines.items()
        if count > (MODULE_LINES if path.startswith(product) else TEST_MODULE_LINES)
    } == {}


def test_folders_are_small() -> None:
    # Scripts of migrations are found by their number, and there is one more with each change.
    product = (path for path in modules(*PRODUCT) if not path.name[:4].isdigit())
    counts = Counter(path.parent for path in product if path.name != "__init__.py")
    assert {relative(path): n for path, n in counts.items() if n > MAX_FOLDER_MODULES} == {}


def test_functions_are_small() -> None:
    findings = {}
    for path in modules(*CODE):
        if "migrations/versions" in path.as_posix():
            continue  # a list of tables is as long as it is
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    findings[f"{relative(path)}:{node.name}"] = length
    assert findings == {}


def test_functions_of_files_take_few_parameters_or_say_why() -> None:
    findings = {
        f"{relative(path)}:{node.name}": len(parameters(node))
        for path in modules(ROOT / "src" / "entrepot" / "files")
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and len(parameters(node)) > MAX_PARAMETERS
        and "parameters" not in (ast.get_docstring(node) or "")
    }
    assert findings == {}


def test_every_kind_of_parameter_counts() -> None:
    code = "class A:\n def b(self, c, /, d, *e, f, **g): ...\ndef h(): ..."
    counts = {
        node.name: parameters(node)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef)
    }
    assert counts == {"b": ["c", "d", "e", "f", "g"], "h": []}


def test_modules_are_named_by_what_they_do() -> None:
    names = {relative(path): {path.stem, path.parent.name} for path in modules(*CODE)}
    assert {path: name & VAGUE_NAMES for path, name in names.items() if name & VAGUE_NAMES} == {}


def test_replaced_names_do_not_come_back() -> None:
    deny_list = tomllib.loads((ROOT / "tests" / "deny_list.toml").read_text())
    kinds = ("modules", "classes", "functions", "variables")
    denied = {kind: set(deny_list[kind]) for kind in kinds}
    violations = set()
    for path in modules(*CODE):
        place = relative(path)
        if path.stem.removeprefix("test_") in denied["modules"]:
            violations.add(f"{place}:{path.stem}")
        for node in nodes_of(path):
            kind, name = defined_name(node)
            if kind and name.lstrip("_") in denied[kind]:
                violations.add(f"{place}:{name}")
    exempt = set(deny_list["exempt"])
    assert (violations - exempt, exempt - violations) == (set(), set())


def test_no_class_name_exists_twice() -> None:
    places = defaultdict(list)
    for path in modules(*CODE):
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{relative(path)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_only_grants_makes_checked_handles() -> None:
    makers = {
        relative(path)
        for path in modules(*PRODUCT)
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and _called(node) in HANDLES
    }
    assert {path for path in makers if not path.startswith("src/entrepot/grants/")} == set()


def test_only_db_commits() -> None:
    findings = {
        f"{relative(path)}: {ast.unparse(node)}"
        for path in modules(ROOT / "src")
        if not relative(path).startswith("src/entrepot/db/")
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "begin", "rollback")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("conn", "connection")
    }
    assert findings == set()


def test_every_error_has_its_problem() -> None:
    known = set(table.KINDS) | NEVER_ANSWERED
    # A mapped class says the same for those that derive from it only if they say so themselves.
    assert {error.__name__ for error in _subclasses(errors.EntrepotError)} == {
        error.__name__ for error in known
    }


def test_tests_use_real_parts() -> None:
    mock = re.compile(r"^\s*(from|import) (unittest\.)?mock\b|\bMagicMock\b|import mock\b", re.M)
    this = Path(__file__)
    tests = [path for path in modules(ROOT / "tests", ROOT / "client") if path != this]
    assert [relative(path) for path in tests if mock.search(path.read_text())] == []


def test_no_test_has_a_bound_by_the_clock() -> None:
    """Others may have the processor meanwhile. Counts and seconds of CPU say the same."""
    clocks = {"time.monotonic", "time.perf_counter", "time.time"}

    def is_bound(node: ast.AST) -> bool:
        if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE)):
            return False
        parts = ast.walk(node.left) if isinstance(node.left, ast.BinOp) else ()
        return any(
            isinstance(part, ast.Call) and ast.unparse(part.func) in clocks for part in parts
        )

    bounds = [
        f"{relative(path)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in modules(ROOT / "tests", ROOT / "client" / "tests")
        for node in nodes_of(path)
        if is_bound(node)
    ]
    assert bounds == []


def test_runs_are_made_of_what_exists() -> None:
    assert [path for path in FAST_PATHS if not (ROOT / path).exists()] == []
    tests = [relative(path) for path in modules(ROOT / "tests")]
    assert [
        path for path in LONGEST_FIRST if not any(test.startswith(path) for test in tests)
    ] == []


def test_migrations_form_one_chain() -> None:
    """Each follows the one before it, and its name begins with its own number."""
    folder = ROOT / "src" / "entrepot" / "migrations" / "versions"
    marks = [
        (path.name[:4], *re.findall(r'^(?:down_)?revision = (?:"(\d{4})"|None)$', source, re.M))
        for path, source in ((path, path.read_text()) for path in sorted(folder.glob("*.py")))
    ]
    numbers = [f"{number:04}" for number in range(len(marks) + 1)]
    assert marks == [
        (number, number, before if before != "0000" else "") for before, number in pairwise(numbers)
    ]


def test_pages_keep_scripts_and_styles_out_of_their_markup() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=|\son[a-z]+=", re.I)
    pages = ROOT / "src" / "entrepot" / "http" / "web"
    findings = {
        relative(path): match.group()
        for path in files_below(pages, ".html")
        if (match := inline.search(path.read_text()))
    }
    assert findings == {}
    scripts = {
        relative(path): len(path.read_text().splitlines()) for path in files_below(pages, ".js")
    }
    assert {path: lines for path, lines in scripts.items() if lines > SCRIPT_LINES} == {}


def test_no_word_ties_the_repository_to_one_machine() -> None:
    # Written in pieces, so that this file is free of them too.
    words = re.compile(
        "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)"))
        + "|(?<![A-Za-z0-9_.])/("
        + "wo"
        + "rk|"
        + "ro"
        + "ot|ho"
        + r"me/[a-z]+)/[A-Za-z.]"
    )
    findings = {}
    for path in files_below(ROOT):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if match := words.search(text):
            findings[relative(path)] = match.group()
    assert findings == {}


def defined_name(node: ast.AST) -> tuple[str, str]:
    """What a node defines, as the deny-list calls it, and its name; empty if it defines nothing."""
    match node:
        case ast.ClassDef():
            return "classes", node.name
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "functions", node.name
        case ast.Name(ctx=ast.Store()):
            return "variables", node.id
        case ast.arg():
            return "variables", node.arg
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            return "variables", name
    return "", ""


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of what a function takes, without the object or class that a method is of."""
    arguments = node.args
    ordered = [
        *arguments.posonlyargs,
        *arguments.args,
        arguments.vararg,
        *arguments.kwonlyargs,
        arguments.kwarg,
    ]
    names = [each.arg for each in ordered if each is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _subclasses(cls: type[errors.EntrepotError]) -> Iterator[type[errors.EntrepotError]]:
    for derived in cls.__subclasses__():
        yield derived
        yield from _subclasses(derived)
