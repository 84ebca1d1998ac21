import sys
from pathlib import Path

import pytest
from client_peer import Program

GOOD = """
from typing import Annotated
import typer
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import output_of
from entrepot_client.cli.sizes import format_size, size_option

def account_create(
    ctx: typer.Context,
    name: str,
    quota: Annotated[int, typer.Option(parser=size_option, metavar="SIZE")] = 10,
) -> None:
    "Make an account."
    if name == "taken":
        raise Failure("The name is taken.", "Choose another.", ExitStatus.FAILED)
    output_of(ctx).record(
        {"name": name, "quota": quota}, quiet="name", shown={"quota": format_size(quota)}
    )

def register(app):
    admin, account = typer.Typer(), typer.Typer()
    account.command("create")(account_create)
    account.command("list")(lambda: None)
    admin.add_typer(account, name="account")
    app.add_typer(admin, name="operate")
"""
BROKEN = {
    "at its import": "import no_such_module",
    "while it registers": "def register(app):\n app.command('half')(print)\n raise OSError('no')",
    "in a signature": "import typer\ndef register(app):\n @app.command()\n"
    " def half(x: bool = typer.Option(False, '--x/--x')): ...",
}


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, source: str) -> None:
    """Put a package with an entry point of ours where Python finds it."""
    folder.mkdir()
    (folder / f"{module}.py").write_text(source)
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        f"[entrepot.commands]\n{module} = {module}:register\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, module, raising=False)


def test_a_plugins_commands_behave_as_our_own(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "plugin", monkeypatch, "good_plugin", GOOD)
    result = program("operate", "account", "create", "a", "--quota", "10GB", "--format", "json")
    assert result.json == {"name": "a", "quota": 10_000_000_000}
    assert program("--format", "quiet", "operate", "account", "create", "a").text == "a\n"
    assert (
        program("operate", "account", "create", "a", "--quota", "10GB").text == "quota  10.0 GB\n"
    )
    result = program("operate", "account", "create", "taken")
    assert (result.status, result.out) == (1, b"")
    assert result.err.endswith("Error: The name is taken.\nChoose another.\n")
    assert program("operate", "account", "create", "a", "--quota", "much").status == 2


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_told_and_harms_nothing(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    install(tmp_path / "plugin", monkeypatch, "broken_plugin", source)
    result = program("--help")
    assert result.status == 0
    assert "The commands of the package broken_plugin could not be loaded" in result.err
    assert "Traceback" not in result.err
    assert "push" in result.text
    assert "half" not in result.text
    assert "Traceback" in program("--debug", "--help").err
