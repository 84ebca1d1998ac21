"""What the server's processes load before they are forked, and what an operator's command loads."""

import inspect
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import entrepot.migrations
from entrepot.loading import quick_imports
from entrepot.migrations.revisions import head_revision, known_revisions

with quick_imports():

    @dataclass(frozen=True, order=True)
    class Late:
        first: int
        second: str = "b"

    @dataclass(frozen=True, slots=True)
    class LateSlots:
        first: int

    @dataclass(frozen=True)
    class LateChild(Late):
        third: float = 0.5


LOADING = """
import sys
from entrepot.cli.loading import load_api, load_logs
load_logs()
import entrepot.cli.serve
load_api()
print(*sys.modules)
"""
COMMAND = """
import sys
from entrepot_client.cli.main import run
status = run(sys.argv[1:])
print()
print(*sys.modules)
sys.exit(status)
"""


def modules_after(code: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_start_loads_neither_the_engine_nor_a_driver_that_it_does_not_use() -> None:
    """The engine belongs to the sandbox, and each of these takes a twentieth of a start, the last
    a fiftieth."""
    loaded = modules_after(LOADING)
    assert "entrepot.http.app" in loaded
    unused = {"duckdb", "psycopg", "sqlalchemy.dialects.postgresql", "rich", "alembic"}
    assert loaded & {*unused, "pydantic.v1"} == set()


def test_an_operators_command_loads_no_workflow_and_no_heavy_library(tmp_path: Path) -> None:
    """Without them `admin account list` takes 0.46 s of CPU instead of 1.10 s (three pairs of five
    runs on a busy machine)."""
    data = ("--data", str(tmp_path / "data"))
    subprocess.run([sys.executable, "-c", COMMAND, "admin", "init", *data], check=True)
    loaded = modules_after(COMMAND, "admin", "account", "list", *data)
    assert "entrepot.accounts.accounts" in loaded
    assert "sqlalchemy.dialects.postgresql" not in loaded
    heavy = {"alembic", "structlog", "rich", "prometheus_client", "botocore", "duckdb", "granian"}
    assert loaded & heavy == set()
    packages = ("entrepot.files.", "entrepot.inspection.", "entrepot.schemas.")
    assert sorted(name for name in loaded if name.startswith(packages)) == []


def test_methods_of_a_dataclass_that_are_compiled_late_are_its_methods() -> None:
    assert list(inspect.signature(LateChild).parameters) == ["first", "second", "third"]
    assert repr(LateChild(1)) == f"{LateChild.__qualname__}(first=1, second='b', third=0.5)"
    assert LateChild.__init__.__qualname__ == "LateChild.__init__"
    assert Late(1) == Late(1, "b") < Late(2)
    assert LateSlots(1) == LateSlots(1) != LateSlots(2)
    for value in (Late(1), LateChild(1), LateSlots(1)):
        assert pickle.loads(pickle.dumps(value)) == value
        assert hash(value) == hash(replace(value))
        with pytest.raises(FrozenInstanceError):
            value.first = 2  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            del value.first


def test_the_revisions_are_those_that_alembic_finds() -> None:
    config = Config()
    folder = Path(entrepot.migrations.__file__).parent
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert {script.revision for script in scripts.walk_revisions()} == set(known_revisions())
    assert scripts.get_current_head() == head_revision()
