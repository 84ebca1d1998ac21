"""What people see of `entrepot` in a terminal, and whether its advice works, with a real server."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import share
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.terminal import run_in_terminal

from entrepot_client.cli.main import build
from entrepot_client.cli.terminal.table import cell_width

on_sqlite = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
WIDTHS = (80, 100, 140)
COMMAND = re.compile(r"`(entrepot [^`]+)`")
NAME = "quarterly figures of all regions, corrected after the audit.csv"
LISTS = {
    "files list": ("file_id", "/files", "files_list"),
    "files versions FILE": (None, None, None),
    "files shared FILE": (None, None, None),
    "files preview FILE": (None, None, None),
    "files offers": (None, None, None),
    "tasks list": ("task_id", "/tasks", "tasks_list"),
    "uploads list": ("upload_id", "/uploads", "uploads_list"),
    "keys list": ("key_id", "/keys", "keys_list"),
    "users list": ("user_name", "/users", "users_list"),
    "activity list": (None, None, None),
    "senders list": (None, None, None),
    "links list FILE": (None, None, None),
}
"""Every command that prints a table of the API: the id in it, and where the API lists it."""


def test_no_list_is_forgotten() -> None:
    def names(group: Any, path: tuple[str, ...] = ()) -> list[str]:
        below = getattr(group, "commands", {}).items()
        return [" ".join(path), *(each for name, c in below for each in names(c, (*path, name)))]

    known = {line.removesuffix(" FILE") for line in LISTS}
    listing = {"list", "versions", "shared", "preview", "offers"}
    every = {name for name in names(build()[0]) if name.split(" ")[-1] in listing}
    assert {name for name in every if not name.startswith("admin ")} == known


def signed_in(server: Server, api_key: str) -> dict[str, str]:
    return {**os.environ, "ENTREPOT_ENDPOINT": server.endpoint, "ENTREPOT_API_KEY": api_key}


@on_sqlite
def test_the_end_of_a_key_is_shown_at_every_width(server: Server, account: TestAccount) -> None:
    key = {"name": NAME[:60], "scopes": ["read"], "expires_at": "2031-05-06T07:08:09+0000"}
    assert account.api.post("/key/new", json=key).status_code == 201
    for columns in WIDTHS:
        screen = run_in_terminal(["keys", "list"], columns, signed_in(server, account.api_key))
        words = " ".join(screen.text.split())
        assert "2031-05-06 07:08" in words, screen.text
        assert re.search(rf"never +{account.admin.user_name}|never +read", screen.text)


@on_sqlite
def test_ids_are_whole_in_every_list_at_every_width(server: Server, account: TestAccount) -> None:
    environment = signed_in(server, account.api_key)
    file_id = account.api.deliver(CSV, name=NAME)["file_id"]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "90"}
    metadata = {"Upload-Metadata": "filename b3JkZXJzLmNzdg==,file_size_limit OTAw"}
    assert account.api.post("/uploads", headers=headers | metadata).status_code == 201
    share(account.api, file_id, server.new_account().admin.user_name, "r")
    for line, (key, path, envelope) in LISTS.items():
        arguments = [file_id if word == "FILE" else word for word in line.split()]
        ids = [item[key] for item in account.api.json(path)[envelope]] if key and path else []
        for columns in WIDTHS:
            screen = run_in_terminal(arguments, columns, environment)
            assert screen.status == 0, screen.text
            table = screen.text.splitlines()
            left_out = [text for text in table if text.startswith("Left out, because")]
            table = [text for text in table if text not in left_out]
            assert max(map(cell_width, table)) <= columns, (line, columns, screen.text)
            for each in ids:
                is_whole = any(each in text for text in table)
                assert is_whole or "file id" in left_out[0], (line, columns, screen.text)


@on_sqlite
def test_a_narrow_list_shows_what_one_may_do_and_why_a_version_is_gone(
    server: Server, account: TestAccount
) -> None:
    environment = signed_in(server, account.api_key)
    file_id = account.api.deliver(CSV, name=NAME)["file_id"]
    screen = run_in_terminal(["files", "list"], 80, environment)
    assert screen.text.split("\n")[0].split()[:4] == ["name", "you", "may", "version"]
    reason = "The prices in it are those of the month before."
    body = {"reason": reason}
    assert account.api.post(f"/file/{file_id}/versions/1/withdraw", json=body).status_code == 200
    screen = run_in_terminal(["files", "versions", file_id], 80, environment)
    assert reason in " ".join(screen.text.split())
    screen = run_in_terminal(["activity", "list", "--file", file_id], 80, environment)
    assert f"reason: “{reason}”" in " ".join(screen.text.split())
    user = re.escape(account.admin.user_name)
    assert re.search(rf"[0-9] +{user} +Withdrawn +\w", screen.text), screen.text


@on_sqlite
def test_a_narrow_list_shows_who_did_it(server: Server, account: TestAccount) -> None:
    environment = signed_in(server, account.api_key)
    file_id = account.api.deliver(CSV, name=NAME)["file_id"]
    user = account.admin.user_name
    assert user in run_in_terminal(["files", "list"], 80, environment).text
    listed = run_in_terminal(["activity", "list"], 80, environment).text
    assert re.search(rf"[0-9] +{re.escape(user)} +Defined +{file_id[:8]} ", listed), listed
    assert user in run_in_terminal(["files", "versions", file_id], 80, environment).text


@on_sqlite
def test_an_inspection_shows_that_it_runs(
    server: Server, account: TestAccount, tmp_path: Path
) -> None:
    schema, table = tmp_path / "schema.json", tmp_path / "slow.csv"
    schema.write_text(json.dumps(SLOW_SCHEMA))
    table.write_bytes(slow_table(60))
    arguments = ["push", str(table), "--schema", str(schema)]
    screen = run_in_terminal(arguments, 80, signed_in(server, account.api_key))
    assert re.search(r"(inspect|check|read|waiting|running)\w*.*0:00:0\d", screen.text), screen.text


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_push_shows_the_file_and_its_address_first(
    server: Server, account: TestAccount, tmp_path: Path, columns: int
) -> None:
    """Before ids and times, and the id of the file whole."""
    table = tmp_path / "orders.csv"
    table.write_bytes(CSV)
    path = f"sales/orders-{columns}"
    arguments = ["push", str(table), "--path", path, "--size-limit", "1MB"]
    screen = run_in_terminal(arguments, columns, signed_in(server, account.api_key))
    lines = [line for line in screen.lines if re.match(r"[A-Za-z ]+  ", line)]
    labels = [re.split(r"  +", line)[0] for line in lines]
    assert labels[:4] == ["file", "version", "status", "address"], screen.text
    assert labels[-4:] == ["file id", "task id", "created", "finished"]
    assert f"{server.endpoint}/d/{account.name}/{path}" in screen.text
    (file,) = account.api.json(f"/files?path={path}")["files_list"]
    assert file["file_id"] in screen.text


def test_the_example_of_each_command_is_on_one_line() -> None:
    """So that it can be copied, at every width."""

    def pages(command: Any, above: Any, name: str) -> list[str]:
        context = command.make_context(name, [], parent=above, resilient_parsing=True)
        context.terminal_width = context.max_content_width = 80
        below = getattr(command, "commands", {}).items()
        return [
            command.get_help(context),
            *(page for name, each in below for page in pages(each, context, name)),
        ]

    root = build()[0]
    root.load_all()
    for page in pages(root, None, "entrepot"):
        assert re.search(r"^ *Example: entrepot .*\Z", page.rstrip(), re.M), page
        assert "{" not in page.splitlines()[0]
        for python in ("<str", "<int", "<list", "<file>", "<path>"):
            assert python not in page
        if "Commands:" in page:
            assert "..." not in page.partition("Commands:")[2], "a first sentence is cut"


def test_every_argument_and_option_says_what_it_is() -> None:
    def silent(command: Any, path: str) -> list[str]:
        names = [f"{path} {param.name}" for param in command.params if not (param.help or "")]
        below = getattr(command, "commands", {}).items()
        return names + [each for name, c in below for each in silent(c, f"{path} {name}")]

    root = build()[0]
    root.load_all()
    assert silent(root, "entrepot") == []


def advice(text: str) -> list[list[str]]:
    """The commands that a message names, as arguments."""
    return [shlex.split(command)[1:] for command in COMMAND.findall(text)]


@on_sqlite
def test_the_advice_after_a_rejected_first_push_continues_its_file(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    schema, orders = tmp_path / "schema.json", tmp_path / "orders.csv"
    schema.write_text('{"fields": [{"name": "id", "type": "integer"}]}')
    orders.write_text("id\nx\n")
    status, _, message = run("push", orders, "--schema", schema)
    push, report = advice(message)
    assert status == 5
    assert run(*report)[0] == 0
    orders.write_text("id\n1\n")
    assert run(*push)[0] == 0
    (file,) = account.api.json("/files")["files_list"]
    assert file["version"] == 2
    orders.write_text("id\nx\n")
    push, report = advice(run("push", orders, "--to", "orders.csv")[2])
    assert (push[-1], report[1]) == ("orders.csv", "orders.csv"), "named as it was typed"
    assert run(*report)[0] == 0


@on_sqlite
def test_the_advice_of_a_limit_works(run: Run, account: TestAccount, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_bytes(CSV)
    assert run("push", orders, "--size-limit", f"{len(CSV)}")[0] == 0
    orders.write_bytes(CSV + b"9,9\n")
    status, _, message = run("push", orders, "--to", "orders.csv")
    assert status == 6
    (edit,) = advice(message)
    assert run(*("1MB" if word == "SIZE" else word for word in edit))[0] == 0
    assert run("push", orders, "--to", "orders.csv")[0] == 0
    _, printed, _ = run("pull", "orders.csv", "-o", tmp_path / "pulled.csv")
    assert re.search(r"^version +2$", printed, re.MULTILINE), printed
    status, _, message = run("pull", "orders.csv", "--version", "7", "-o", tmp_path / "x")
    assert status == 4
    assert "orders.csv has no version 7." in message
    (versions,) = advice(message)
    assert run(*versions)[0] == 0


def test_every_command_in_a_message_exists() -> None:
    """Whatever a message of the program names in backticks is a command with these options."""
    root = build()[0]
    sources = Path(__file__).parent.parent.parent / "client" / "src" / "entrepot_client"
    named = {
        re.sub(r"\{[^}]*\}", "X", re.sub(r"\"\s*\n?\s*f?\"", "", command))
        for path in sources.rglob("*.py")
        for command in COMMAND.findall(path.read_text())
        if "|" not in command  # several commands, in the first line of a module
    }
    assert len(named) > 15
    for command in sorted(named):
        words = command.split()[1:]
        node: Any = root
        while words and words[0] in getattr(node, "commands", {}):
            node = node.commands[words.pop(0)]
        # A group alone is the topic of a page; a command's options must be its own.
        assert not getattr(node, "commands", {}) or not words, command
        options = {"--help", *(name for param in node.params for name in param.opts)}
        assert {word for word in words if word.startswith("--")} <= options, command
