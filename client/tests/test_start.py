"""What a start of the program loads: by names of modules, since times differ between machines."""

import subprocess
import sys

import pytest

from entrepot_client.cli.catalog import CATALOG
from entrepot_client.cli.main import build

HEAVY = {
    "anyio",
    "asyncio",
    "duckdb",
    "fsspec",
    "httpcore2",
    "httpx2",
    "keyring",
    "pandas",
    "platformdirs",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "stamina",
    "truststore",
}
MORE_FOR_HELP = {
    "email.message",
    "entrepot.errors",
    "entrepot_client.client",
    "http.client",
    "importlib.metadata",
    "ssl",
}
"""What the list of commands does not need either."""


def loaded(*arguments: str, environment: dict[str, str] | None = None) -> set[str]:
    """The modules that are loaded once the program has run."""
    code = (
        "import sys; from entrepot_client.cli.main import run; run(sys.argv[1:]);"
        " print('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_help_loads_no_command_and_no_connection() -> None:
    modules = loaded("--help")
    assert modules & (HEAVY | MORE_FOR_HELP) == set()
    assert [name for name in modules if name.startswith("entrepot_client.cli.commands.")] == []


@pytest.mark.parametrize("form", ["human", "json", "quiet"])
def test_a_list_loads_no_heavy_module(signed_in: object, form: str) -> None:
    import os

    modules = loaded("files", "list", "--format", form, environment=dict(os.environ))
    assert modules & HEAVY == set()
    assert "entrepot_client.client" in modules


def test_a_command_loads_its_own_module_alone() -> None:
    modules = loaded("keys", "--help")
    prefix = "entrepot_client.cli.commands."
    assert {name for name in modules if name.startswith(prefix)} == {f"{prefix}keys"}


def test_the_help_says_what_the_commands_say() -> None:
    commands = build()[0].commands
    for name, entry in CATALOG.items():
        sentence = commands[name].get_short_help_str(1000).rstrip(".").split(". ")[0]
        assert entry.help.rstrip(".") == sentence
