"""The lines of the pages on reading and delivering with any tool, run by the tools themselves.

A tool that this machine does not have is skipped by its name. Resumable uploads with tus-js-client
are in `tests/http/test_tus_js_client.py`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.http.test_addresses import publish
from tests.support.server import Server, TestAccount

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```(?:sh|python)\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
CSV = b"id,amount\n1,2\n3,4\n"
CANONICAL = CSV.replace(b"\n", b"\r\n")
BROKEN = b"id,amount\nx,2\n"
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
PROGRAMS = ("curl", "wget", "aria2c", "http", "rclone")
LIBRARIES = (
    "requests", "pandas", "polars", "pyarrow", "dask", "duckdb", "frictionless",
)  # fmt: skip


def blocks(page: str) -> dict[str, str]:
    """The first block to run below each heading of a page."""
    matches = BLOCK.finditer((HOW_TO / page).read_text())
    return {match["title"]: match["text"] for match in matches}


READING, DELIVERING = blocks("read-with-any-tool.md"), blocks("deliver-with-one-line.md")


@pytest.fixture(scope="module")
def account(server: Server) -> TestAccount:
    """One with a file at `sales/orders`."""
    account = server.new_account()
    publish(account.api, "sales/orders", CSV)
    server.wait_derived()
    return account


def run(account: TestAccount, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block, whose account is this one, with the variables that the page names."""
    names = {"ENDPOINT": account.api.endpoint, "KEY": account.api_key, "NO_PROXY": "*"}
    ran = [part.replace("/d/acme/", f"/d/{account.name}/") for part in command]
    return subprocess.run(
        ran, cwd=folder, env=os.environ | names, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_every_block_is_of_a_tool_that_is_tested() -> None:
    assert set(READING) == {*PROGRAMS, *LIBRARIES}
    assert len(DELIVERING) == 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_reads_an_address(account: TestAccount, program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if program == "curl":
        (tmp_path / "orders.parquet").write_bytes(b"PAR1")  # an earlier download stopped here
    ran = run(account, ["bash", "-eu", "-c", READING[program]], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "orders.csv").read_bytes() == CANONICAL
    if program == "curl":
        whole = account.api.get(f"/d/{account.name}/sales/orders.parquet").content
        assert (tmp_path / "orders.parquet").read_bytes() == whole
        missing = READING[program].replace("sales/orders.csv", "sales/nothing.csv")
        assert run(account, ["bash", "-eu", "-c", missing], tmp_path).returncode == 22


@pytest.mark.long
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_reads_an_address(account: TestAccount, library: str, tmp_path: Path) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    if library == "duckdb":
        loads = [sys.executable, "-c", "import duckdb; duckdb.connect().execute('LOAD httpfs')"]
        if run(account, loads, tmp_path).returncode:
            pytest.skip("this DuckDB has no extension httpfs")
    ran = run(account, [sys.executable, "-c", READING[library]], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "amount" in ran.stdout
    assert re.search(r"\b2\b.*\b4\b", ran.stdout, re.DOTALL), ran.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_lines_that_deliver(server: Server, tmp_path: Path) -> None:
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
