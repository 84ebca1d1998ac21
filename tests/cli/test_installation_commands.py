"""Commands that look create nothing; a database that cannot be used gets one clear sentence."""

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import make_url, text
from tests.support.api import assert_problem
from tests.support.postgres import Postgres
from tests.support.server import Server

from entrepot.cli.commands import SWEPT, register
from entrepot.cli.doctor import CheckResult, summarize_checks
from entrepot.db.engine import open_database
from entrepot.files.sweep import SweepResult
from entrepot.settings import read_settings
from entrepot_client.cli.main import run as run_program

Run = Callable[..., tuple[int, str]]

LOOKING = (
    ("doctor",),
    ("doctor", "--deep"),
    ("admin", "account", "list"),
    ("admin", "account", "create", "acme", "--quota", "1GB"),
    ("admin", "account", "set", "acme", "--quota", "1GB"),
    ("admin", "account", "suspend", "acme"),
    ("admin", "account", "resume", "acme"),
    ("admin", "user", "list"),
    ("admin", "user", "create", "acme:maria"),
    ("admin", "user", "password", "acme:maria"),
    ("admin", "user", "disable", "acme:maria"),
    ("admin", "user", "enable", "acme:maria"),
    ("admin", "user", "link", "acme:maria"),
    ("admin", "key", "create", "acme:maria"),
    ("admin", "key", "list"),
    ("admin", "key", "revoke", "0b8f6f0e-3f43-4b5e-9d2b-0d1c6a2f8a11"),
    ("admin", "backup", "/nowhere/backup"),
    ("admin", "move", "--to", "postgresql://maria@127.0.0.1:1/nowhere"),
    ("admin", "sweep"),
    ("admin", "migrate"),
)
CREATING = {"init", "restore"}
"""The commands of `admin` that create an installation."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """run("admin", "init", ENTREPOT_X="…"): the exit status, and what it printed on one line."""

    def call(*arguments: str, **variables: str) -> tuple[int, str]:
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            capsys.readouterr()
            status = run_program(arguments)
            printed = capsys.readouterr()
        return status, " ".join((printed.out + printed.err).split())

    return call


def command_names(group: Any, *names: str) -> set[str]:
    """The names of all commands of a group of the program, such as "account create"."""
    if not hasattr(group, "commands"):
        return {" ".join(names)}
    return set().union(
        *(command_names(each, *names, name) for name, each in group.commands.items())
    )


def operators_commands() -> set[str]:
    app = typer.Typer()
    register(app)
    return command_names(typer.main.get_command(app).commands["admin"])  # type: ignore[attr-defined]


def untried(commands: Iterable[tuple[str, ...]]) -> set[str]:
    """The commands of operators that are not among these."""
    lines = [f"{' '.join(command)} " for command in commands]
    return {
        name
        for name in operators_commands()
        if not any(line.startswith(f"{name} ") for line in lines)
    }


def test_every_command_of_operators_is_tried_without_an_installation() -> None:
    assert untried(command[1:] for command in LOOKING) == CREATING


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_command_without_an_installation_creates_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long\n"))
    folder = tmp_path / "typo"
    status, printed = run(*command, "--data", str(folder))
    assert status == 1
    assert f"There is no installation in the folder {folder}." in printed
    assert "`entrepot admin init`" in printed
    assert not folder.exists()


def test_an_empty_postgresql_database_stays_empty(
    run: Run, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.new_database()
    status, printed = run("doctor", "--data", str(tmp_path / "data"), ENTREPOT_DATABASE=url)
    assert (status, "There is no installation in the database" in printed) == (1, True)
    with open_database(read_settings(database=url)).reading() as conn:
        assert not conn.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
    assert not (tmp_path / "data").exists()


def test_admin_init_creates_an_installation_once(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    status, printed = run("admin", "init", "--data", folder)
    assert status == 0, printed
    assert {path.stat().st_mode & 0o077 for path in Path(folder).glob("entrepot.db*")} == {0}
    status, printed = run("admin", "init", "--data", folder)
    assert (status, "is there already" in printed) == (1, True)
    assert run("admin", "account", "create", "acme", "--quota", "1GB", "--data", folder)[0] == 0
    status, printed = run("doctor", "--deep", "--data", folder)
    assert status == 0, printed
    assert "no server runs on it" in printed
    assert re.search(r"Nothing is wrong\.( \d+ warnings?\.)?$", printed), printed


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ((), "Nothing is wrong."),
        (("warning", "warning"), "Nothing is wrong. 2 warnings."),
        (("WRONG", "warning"), "1 check is wrong. 1 warning."),
        (("WRONG", "WRONG"), "2 checks are wrong."),
    ],
)
def test_the_doctor_ends_with_the_outcome(states: tuple[str, ...], outcome: str) -> None:
    checks = [
        CheckResult("disk", state != "WRONG", "", warning=state == "warning")
        for state in ("ok", *states)
    ]
    assert summarize_checks(checks) == outcome


def test_a_folder_that_is_none_names_the_one_that_was_meant(run: Run, tmp_path: Path) -> None:
    home = {"XDG_DATA_HOME": str(tmp_path)}
    demo = tmp_path / "entrepot-demo"
    assert run("admin", "init", "--data", str(demo))[0] == 0
    status, printed = run("admin", "account", "list", **home)
    assert (status, f"One is in {demo}: add --data {demo}." in printed) == (1, True)
    assert not (tmp_path / "entrepot").exists()


@pytest.fixture(params=["sqlite", "postgresql"])
def beside(
    run: Run, serve: Callable[..., Server], request: pytest.FixtureRequest
) -> tuple[Run, Server]:
    """A running server, and `run` on its installation."""
    settings = {}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    server = serve(**settings)
    variables = {"ENTREPOT_DATABASE": settings["database"]} if settings else {}

    def call(*arguments: str) -> tuple[int, str]:
        return run(*arguments, "--data", str(server.data), **variables)

    return call, server


def test_every_command_works_beside_a_running_server(
    beside: tuple[Run, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But those that need the data folder for themselves, which say who has it."""
    run, server = beside
    monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long\n"))
    maria = server.new_account(name="beside").new_user()
    backup = str(tmp_path / "backup")
    commands = (
        ("account", "create", "second", "--quota", "1GB"),
        ("account", "set", "second", "--quota", "2GB"),
        ("account", "list"),
        ("account", "suspend", "second"),
        ("account", "resume", "second"),
        ("user", "create", "second:maria", "--role", "admin"),
        ("user", "list"),
        ("user", "link", "second:maria"),
        ("user", "password", "second:maria"),
        ("user", "disable", "second:maria"),
        ("user", "enable", "second:maria"),
        ("key", "create", "second:maria"),
        ("key", "list"),
        ("key", "revoke", str(maria.key.key.id)),
        ("backup", backup),
        ("sweep",),
        ("migrate",),
    )
    for command in commands:
        status, printed = run("admin", *command)
        assert status == 0, printed
    status, printed = run("doctor", "--deep")
    assert status == 0, printed
    assert f"http://127.0.0.1:{server.overrides['port']} answers" in printed
    assert "(a server runs on it)" in printed
    refused = {
        ("init",): "is in use by process",
        ("restore", backup): "is in use by process",
        ("move", "--to", "postgresql://maria@127.0.0.1:1/nowhere"): (
            "is in use by process" if server.settings.embedded else "is on PostgreSQL already"
        ),
    }
    for command, reason in refused.items():
        status, printed = run("admin", *command)
        assert (status, reason in printed) == (1, True), printed
    status, printed = run("admin", "user", "create", "maria")
    assert (status, "The user must be <account>:<user>." in printed) == (2, True), printed
    assert untried([*commands, *refused]) == set()


def test_each_count_of_a_sweep_has_a_label() -> None:
    assert SWEPT.keys() == {count.name for count in fields(SweepResult)}


def test_what_operators_do_about_people(beside: tuple[Run, Server]) -> None:
    run, server = beside
    account = server.new_account()
    name, key_id = account.admin.user_name, str(account.admin.key.key.id)
    guest = account.new_user()

    def printed_json(*command: str) -> Any:
        status, printed = run(*command, "--format", "json")
        assert status == 0, printed
        return json.loads(printed)

    users = printed_json("admin", "user", "list", account.name)
    assert [user["user_name"] for user in users] == sorted([name, guest.user_name])
    keys = printed_json("admin", "key", "list", name)
    assert [(key["key_id"], key["user_name"]) for key in keys] == [(key_id, name)]
    assert not any("api_key" in key for key in keys)
    for disabled in ("disable", "enable"):
        printed_json("admin", "user", disabled, guest.user_name)
        status = {"disable": 401, "enable": 200}[disabled]
        assert guest.api.get("/whoami").status_code == status
    link = printed_json("admin", "user", "link", name)
    assert link["link"].startswith(f"{server.endpoint}/sign-in?link=")
    suspended = printed_json("admin", "account", "suspend", account.name)
    assert suspended["suspended_at"]
    assert_problem(account.api.get("/whoami"), 403, "account-suspended")
    assert printed_json("admin", "account", "resume", account.name)["suspended_at"] is None
    assert account.api.get("/whoami").status_code == 200
    assert printed_json("admin", "key", "revoke", key_id)["key_id"] == key_id
    assert_problem(account.api.get("/whoami"), 401, "not-authenticated")
    status, printed = run("admin", "key", "revoke", key_id)
    assert (status, "There is no such key, or it was revoked before." in printed) == (4, True)
    status, printed = run("admin", "user", "list", "nobody")
    assert (status, "There is no such account or user." in printed) == (4, True)


@pytest.mark.parametrize("command", ["user", "key", "account"])
def test_lists_fit_80_columns(
    run: Run, serve: Callable[..., Server], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    server = serve(start=False)
    run("admin", "init", "--data", str(server.data))
    server.new_account(name="acme")
    capsys.readouterr()
    assert run_program(("admin", command, "list", "--data", str(server.data))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("url", "sentence", "advice"),
    [
        (
            "postgresql://entrepot@127.0.0.1:1/entrepot",
            "onnection refused",
            "Check that PostgreSQL",
        ),
        ("mysql://maria@127.0.0.1/entrepot", "must start with postgresql://", ""),
        ("postgresql://127.0.0.1:port/entrepot", "is not the address", "One looks like"),
    ],
)
@pytest.mark.parametrize("command", [("doctor",), ("serve", "--port", "0")], ids=" ".join)
def test_a_database_that_does_not_answer_is_one_sentence(
    run: Run, tmp_path: Path, url: str, sentence: str, advice: str, command: tuple[str, ...]
) -> None:
    status, printed = run(*command, "--data", str(tmp_path / "data"), ENTREPOT_DATABASE=url)
    assert status == 1
    assert sentence in printed
    assert advice in printed
    assert "Traceback" not in printed


def test_a_missing_postgresql_database_and_a_wrong_owner_are_one_sentence(
    run: Run, tmp_path: Path, postgres: Postgres
) -> None:
    url = make_url(postgres.new_database())
    with open_database(
        read_settings(database=url.render_as_string(hide_password=False))
    ).writing() as conn:
        conn.execute(text("CREATE ROLE stranger LOGIN PASSWORD 'x'"))
    absent = url.set(database="absent").render_as_string(hide_password=False)
    status, printed = run("doctor", "--data", str(tmp_path / "data"), ENTREPOT_DATABASE=absent)
    assert (status, "does not exist" in printed) == (1, True), printed
    assert "Create the database" in printed
    stranger = url.set(username="stranger", password="x").render_as_string(hide_password=False)
    status, printed = run(
        "admin", "init", "--data", str(tmp_path / "data"), ENTREPOT_DATABASE=stranger
    )
    assert (status, "ermission denied" in printed) == (1, True), printed
    assert "the owner of the database" in printed


def test_a_file_that_is_no_database_is_one_sentence(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert run("admin", "init", "--data", str(folder))[0] == 0
    for path in folder.glob("entrepot.db*"):
        path.unlink()
    (folder / "entrepot.db").write_bytes(b"no database" * 1000)
    status, printed = run("doctor", "--data", str(folder))
    assert (status, "file is not a database" in printed) == (1, True), printed


def test_a_misspelt_variable_is_an_error_with_the_right_name(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    status, printed = run("admin", "init", "--data", folder, ENTREPOT_WORKRES="2")
    assert (status, "ENTREPOT_WORKRES does not exist" in printed) == (1, True)
    assert "Did you mean ENTREPOT_WORKERS?" in printed
    assert not Path(folder).exists()


def test_a_misspelt_setting_of_the_file_is_an_error_with_the_right_name(
    run: Run, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("defalt_quota = 5\n")
    status, printed = run(
        "admin", "init", "--data", str(tmp_path / "data"), ENTREPOT_CONFIG=str(config)
    )
    assert (status, "defalt_quota does not exist" in printed) == (1, True)
    assert "Did you mean default_quota?" in printed


def test_the_clients_variables_are_no_settings(run: Run, tmp_path: Path) -> None:
    status, printed = run(
        "admin", "init", "--data", str(tmp_path / "data"),
        ENTREPOT_ENDPOINT="http://127.0.0.1:1", ENTREPOT_API_KEY="epk_x",
    )  # fmt: skip
    assert status == 0, printed
