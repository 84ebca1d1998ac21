"""The lines of the pages on reading and delivering with any tool, run by the tools themselves.

What a tool needs is installed: programs from Debian, and DuckDB's extension `httpfs` in an
environment of its own, since it exists for an earlier version than Entrepot's. Everything that
tus-js-client does is in `tests/http/test_tus_js_client.py`.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests.http.test_addresses import publish
from tests.support.apt import installed_program
from tests.support.server import Server, TestAccount
from tests.support.tus_js import NODE, fetch_tus_js
from tests.support.uv import uv

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```(?:sh|python|r|js)\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
IMPORT = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)
INSTALLING = re.compile(r"pip install ([^`\n]+)")
OURS = {"entrepot_client", "entrepot_api"}
CSV = b"id,amount\n1,2\n3,4\n"
CANONICAL = CSV.replace(b"\n", b"\r\n")
LARGE = CSV + b"5,6\n" * 50_000
BROKEN = b"id,amount\nx,2\n"
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
PROGRAMS = {"curl": "curl", "wget": "wget", "aria2c": "aria2", "HTTPie": None, "rclone": "rclone"}
"""The programs of the page, each with its package of Debian; HTTPie is a Python package."""
SEARCH_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
"""Where programs are looked for: those of this environment first."""
LIBRARIES = ("requests", "pandas", "polars", "pyarrow", "dask", "frictionless")
OTHERS = {"duckdb", "R", "Excel"}
"""Tested below; nothing runs Excel here."""
DUCKDB = ("duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5")


def blocks(page: str) -> dict[str, str]:
    """The first block to run below each heading of a page."""
    matches = BLOCK.finditer((HOW_TO / page).read_text())
    return {match["title"]: match["text"] for match in matches}


READING, DELIVERING = blocks("read-with-any-tool.md"), blocks("deliver-with-one-line.md")
RESUMING = blocks("upload-over-bad-connections.md")


@pytest.fixture(scope="module")
def account(server: Server) -> TestAccount:
    """One with a file at `sales/orders`."""
    account = server.new_account()
    publish(account.api, "sales/orders", CSV)
    server.wait_derived()
    return account


def run(account: TestAccount, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block with the variables that the page names."""
    names = {
        "ENDPOINT": account.api.endpoint,
        "ACCOUNT": account.name,
        "KEY": account.api_key,
        "NO_PROXY": "*",
        "PATH": SEARCH_PATH,
        "HOME": str(folder),
    }
    return subprocess.run(
        command, cwd=folder, env=os.environ | names, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_every_block_is_of_a_tool_that_is_tested() -> None:
    assert set(READING) == {*PROGRAMS, *LIBRARIES, *OTHERS - {"Excel"}}
    assert "## Excel" in (HOW_TO / "read-with-any-tool.md").read_text()
    assert len(DELIVERING) == 3
    assert set(RESUMING) == {"With any client of tus", "With curl"}


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda page: page.stem)
def test_each_page_says_which_packages_its_blocks_need(page: Path) -> None:
    text = page.read_text()
    imported = {name for block in PYTHON.findall(text) for name in IMPORT.findall(block)}
    needed = {name for name in imported if name not in {*sys.stdlib_module_names, *OURS}}
    named = set(re.findall(r"\w+", " ".join(INSTALLING.findall(text))))
    assert needed <= named


@pytest.mark.parametrize("page", sorted((HOW_TO.parent).rglob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_installs_leaves_entrepot_its_versions(page: Path) -> None:
    """Into an environment of its own, or with nothing that needs another version than is here."""
    text = page.read_text()
    lines = [] if "python3 -m venv" in text else INSTALLING.findall(text)
    quoted = re.findall(r"(?<=[ '\"])[a-z][a-z\[\]-]+", " ".join(f" {line}" for line in lines))
    assert [conflict for name in quoted for conflict in conflicts(Requirement(name), set())] == []


def conflicts(requirement: Requirement, seen: set[str]) -> list[str]:
    """What this environment has in another version than a package and its requirements need."""
    if str(requirement) in seen:
        return []
    seen.add(str(requirement))
    distribution = importlib.metadata.distribution(requirement.name)
    result = (
        [] if requirement.specifier.contains(distribution.version, True) else [str(requirement)]
    )
    for each in map(Requirement, distribution.requires or []):
        extras = requirement.extras or {""}
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
            result += conflicts(each, seen)
    return result


def test_a_generator_that_needs_another_version_is_found() -> None:
    assert any("typer" in each for each in conflicts(Requirement("openapi-python-client"), set()))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_reads_an_address(account: TestAccount, program: str, tmp_path: Path) -> None:
    if (package := PROGRAMS[program]) is not None:
        installed_program(program, package)
    if program == "curl":
        (tmp_path / "orders.parquet").write_bytes(b"PAR1")  # an earlier download stopped here
    ran = run(account, ["bash", "-eu", "-c", READING[program]], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "orders.csv").read_bytes() == CANONICAL
    if program == "curl":
        whole = account.api.get(f"/d/{account.name}/sales/orders.parquet").content
        assert (tmp_path / "orders.parquet").read_bytes() == whole
    missing = READING[program].replace("sales/orders.csv", "sales/nothing.csv")
    assert run(account, ["bash", "-eu", "-c", missing], tmp_path).returncode > 0


@pytest.mark.long
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_reads_an_address(account: TestAccount, library: str, tmp_path: Path) -> None:
    assert_table(run(account, [sys.executable, "-c", READING[library]], tmp_path))


@pytest.mark.long
def test_duckdb_reads_an_address(account: TestAccount, tmp_path: Path) -> None:
    place = tmp_path / "environment"
    uv("venv", str(place), "--python", sys.executable)
    uv("pip", "install", *DUCKDB, "--python", str(place), project=tmp_path)
    python = str(place / "bin" / "python")
    (extension,) = place.rglob("httpfs.duckdb_extension")
    install = f"import duckdb; duckdb.execute(\"INSTALL '{extension}'\")"
    assert run(account, [python, "-c", install], tmp_path).returncode == 0
    assert_table(run(account, [python, "-c", READING["duckdb"]], tmp_path))


@pytest.mark.long
def test_r_reads_an_address(account: TestAccount, tmp_path: Path) -> None:
    program = installed_program("Rscript", "r-base-core")
    assert_table(run(account, [program, "-e", READING["R"]], tmp_path))


def assert_table(ran: subprocess.CompletedProcess[str]) -> None:
    """It printed the column `amount`, or the whole table."""
    assert ran.returncode == 0, ran.stderr
    assert "amount" in ran.stdout
    assert re.search(r"\b2\b.*\b4\b", ran.stdout, re.DOTALL), ran.stdout


def test_tus_js_client_runs_the_lines_of_the_page(account: TestAccount, tmp_path: Path) -> None:
    block = RESUMING["With any client of tus"]
    for name, value in (("ENDPOINT", account.server.endpoint), ("API KEY", account.api_key)):
        block = block.replace(f"<{name}>", value)
    (tmp_path / "large.csv").write_bytes(LARGE)
    script = f"""
        import * as tus from "tus-js-client";
        import {{ readFileSync }} from "node:fs";
        const file = Object.assign(readFileSync("{tmp_path}/large.csv"), {{ name: "large.csv" }});
        const follow = (task) => console.log(task);
        {block}"""
    command = [str(NODE), "--input-type=module", "--eval", script]
    ran = run(account, command, fetch_tus_js().folder)
    assert ran.returncode == 0, ran.stderr
    assert_stored(account, ran.stdout.strip())


def test_curl_resumes_with_the_lines_of_the_page(account: TestAccount, tmp_path: Path) -> None:
    installed_program("curl", "curl")
    (tmp_path / "large.csv").write_bytes(LARGE)
    ran = run(account, ["bash", "-euo", "pipefail", "-c", RESUMING["With curl"]], tmp_path)
    assert ran.returncode == 0, ran.stderr
    task = re.search(r"^entrepot-task-id: (\S+)", ran.stdout, re.MULTILINE | re.IGNORECASE)
    assert task is not None, ran.stdout
    assert_stored(account, task[1])


def assert_stored(account: TestAccount, task_id: str) -> None:
    """The task published the bytes of `LARGE` under their name."""
    task = account.api.wait_task(task_id)
    assert (task["status"], task["file_name"]) == ("succeeded", "large.csv")
    assert account.api.get(f"/file/download/{task['file_id']}").content == LARGE


def test_the_lines_that_deliver(server: Server, tmp_path: Path) -> None:
    installed_program("curl", "curl")
    account = server.new_account()
    fields = {
        "file_size_limit": "9999",
        "path": "sales/orders",
        "enforce_schema": json.dumps(SCHEMA),
    }
    sent = account.api.post("/file/new", data=fields, files={"file": ("orders.csv", CSV)})
    account.api.wait_task(sent.json()["task_id"])
    number = 1
    for title, block in DELIVERING.items():
        (tmp_path / "orders.csv").write_bytes(CSV)
        ran = run(account, ["bash", "-eu", "-c", block], tmp_path)
        assert ran.returncode == 0, (title, ran.stdout, ran.stderr)
        published = json.loads(ran.stdout)
        number += 0 if "size_limit" in block else 1
        assert published["status"] == "published"
        assert published["version"] == (1 if "size_limit" in block else number)
    (tmp_path / "orders.csv").write_bytes(BROKEN)
    first = next(iter(DELIVERING.values()))
    refused = run(account, ["bash", "-eu", "-c", first], tmp_path)
    assert refused.returncode == 22
    assert json.loads(refused.stdout)["errors"][0]["rowNumber"] == 2
