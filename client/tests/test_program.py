import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from client_peer import API_KEY, Fault, Peer, Program, task_document

from entrepot_client.cli.main import build

TASK = "1dd1ce46-62cc-486e-9f47-1f96c1895b25"
FILES = "/api/v1/files"
KEY = "0b8f6f0e-3f43-4b5e-9d2b-0d1c6a2f8a11"


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = [path]
    for name, command in getattr(group, "commands", {}).items():
        paths += commands(command, (*path, name))
    return paths


OURS = {"auth", "files", "push", "pull", "tasks", "keys", "users", "quota", "api"}
ALL = [path for path in commands(build()[0]) if path and path[0] in OURS]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_an_example_and_the_common_options(
    program: Program, path: tuple[str, ...]
) -> None:
    result = program(*path, "--help")
    assert result.status == 0
    assert f"Example: entrepot {path[0]}" in result.text
    assert "--format" in result.text
    assert "--debug" in result.text


def test_the_version(program: Program) -> None:
    assert program("--version").text.startswith("entrepot ")


def test_no_arguments_show_the_help(program: Program) -> None:
    result = program()
    assert result.status == 0
    assert "Usage: entrepot" in result.text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "json", "files", "list"),
        ("files", "--format", "json", "list"),
        ("files", "list", "--format", "json"),
        ("--format", "quiet", "files", "list", "--format=json"),
    ],
)
def test_the_format_before_and_after_the_name(
    signed_in: Peer, program: Program, arguments: tuple[str, ...]
) -> None:
    file = signed_in.add_file("orders.csv", b"1")
    result = program(*arguments)
    assert result.status == 0
    assert result.json == [file.document()]
    assert result.err == ""


def test_quiet_is_the_one_value_alone(signed_in: Peer, program: Program) -> None:
    ids = [signed_in.add_file(name, b"1").file_id for name in ("a.csv", "b.csv")]
    assert program("files", "list", "--format", "quiet").text.split("\n") == [*ids, ""]
    assert program("users", "--format", "quiet").text == "demo:account\n"
    assert program("quota", "--format", "quiet").text == "600\n"
    assert program("keys", "create", "cron", "--format", "quiet").text == "epk_new\n"


def test_the_quota_says_what_it_is_made_of(signed_in: Peer, program: Program) -> None:
    del signed_in
    assert (
        "300 bytes (current versions 200 bytes, earlier versions 100 bytes)\n"
        in program("quota").text
    )


def test_people_get_whole_values_without_colour_in_a_pipe(
    signed_in: Peer, program: Program
) -> None:
    file = signed_in.add_file("a" * 200 + ".csv", b"1")
    result = program("files", "list")
    assert file.file_id in result.text
    assert file.name in result.text
    assert "\x1b" not in result.text


def test_what_others_wrote_cannot_move_the_cursor(signed_in: Peer, program: Program) -> None:
    file = signed_in.add_file("a.csv", b"1")
    file.description = "\x1b[2Jgone \u202egnp.exe [bold]text"
    result = program("files", "show", file.file_id)
    assert "�[2Jgone �gnp.exe [bold]text" in result.text


def test_a_wrong_option_names_the_help_of_its_command(program: Program) -> None:
    result = program("push", "orders.csv", "--to")
    assert (result.status, "`entrepot push --help`" in result.err) == (2, True)


def test_an_empty_list_is_a_note_and_no_result(signed_in: Peer, program: Program) -> None:
    result = program("files", "list")
    assert (result.status, result.out) == (0, b"")
    assert "entrepot push" in result.err
    assert program("files", "list", "--format", "json").json == []


def problem(status: int, code: str) -> Fault:
    body = {"type": f"/problems/{code}", "status": status, "code": code, "detail": "Said why."}
    return Fault(status, {"Content-Type": "application/problem+json"}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("fault", "exit_status"),
    [
        (problem(500, "internal-error"), 1),
        (problem(409, "name-taken"), 1),
        (problem(422, "field-invalid"), 2),
        (problem(401, "not-authenticated"), 3),
        (problem(403, "not-allowed"), 3),
        (problem(404, "not-found"), 4),
        (problem(413, "account-quota-exceeded"), 6),
        (problem(429, "too-many-uploads"), 6),
    ],
)
def test_exit_statuses(signed_in: Peer, program: Program, fault: Fault, exit_status: int) -> None:
    signed_in.faults[FILES] = [fault] * 5
    result = program("files", "list", "--format", "quiet")
    assert result.status == exit_status
    assert result.out == b""
    message, advice = result.err.strip().split("\n")
    assert message == "Error: Said why."
    assert advice.endswith(".")


def test_errors_as_json(signed_in: Peer, program: Program) -> None:
    signed_in.faults[FILES] = [problem(403, "not-allowed")]
    result = program("files", "list", "--format", "json")
    document = json.loads(result.err)
    assert (document["error"], document["exit_status"]) == ("Said why.", 3)
    assert document["problem"]["code"] == "not-allowed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("files",),
        ("files", "list", "surplus"),
        ("files", "list", "--no-such"),
        ("files", "list", "--format", "xml"),
        ("push", "/no/such/file"),
        ("keys", "create", "cron", "--expires", "soon"),
        ("api", "GET", "https://elsewhere.example/api/v1/files"),
        ("api", "BREW", "/coffee"),
    ],
)
def test_wrong_usage(signed_in: Peer, program: Program, arguments: tuple[str, ...]) -> None:
    result = program(*arguments)
    assert result.status == 2
    assert result.out == b""
    assert result.err.startswith("Error: ")
    assert "--help` for what it takes" in result.err
    assert signed_in.requests == []


def test_nobody_listens(program: Program, signed_in: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_ENDPOINT", "http://127.0.0.1:9")
    result = program("files", "list")
    assert result.status == 1
    assert "Error: http://127.0.0.1:9 does not answer: nothing listens there.\n" in result.err
    assert result.err.count("\n") == 2
    assert "Traceback" not in result.err


def test_a_traceback_only_with_debug_and_never_a_key(signed_in: Peer, program: Program) -> None:
    signed_in.faults[FILES] = [problem(500, "internal-error")] * 2
    assert "Traceback" not in program("files", "list").err
    result = program("files", "list", "--debug")
    assert "Traceback" in result.err
    assert API_KEY not in result.err


@pytest.mark.parametrize("fault", [Fault(503), Fault(429, {"Retry-After": "1"})])
def test_retries_are_told_on_stderr(signed_in: Peer, program: Program, fault: Fault) -> None:
    signed_in.faults[FILES] = [fault]
    signed_in.add_file("a.csv", b"1")
    result = program("files", "list", "--format", "human")
    assert result.status == 0
    assert "trying again in" in result.err
    assert "retry" not in result.text


def test_tasks(signed_in: Peer, program: Program) -> None:
    signed_in.tasks[TASK] = task_document(TASK, "running")
    assert program("tasks", "list").text.count(TASK) == 1
    assert program("tasks", "show", TASK, "--format", "quiet").text == "running\n"
    assert program("tasks", "cancel", TASK, "--format", "quiet").text == "canceled\n"
    assert program("tasks", "show", "nothing").status == 4


def test_keys(signed_in: Peer, program: Program) -> None:
    result = program("keys", "create", "cron", "--scopes", "read", "--expires", "90d")
    assert "epk_new" in result.text
    assert "not shown again" in result.err
    (request,) = signed_in.requests_for("/api/v1/key/new")
    body = json.loads(request.body)
    assert (body["name"], body["scopes"]) == ("cron", ["read"])
    assert body["expires_at"].endswith("+0000")
    signed_in.keys = [{"key_id": KEY, "name": "cron", "scopes": ["read"]}]
    assert KEY in program("keys", "list").text
    assert program("keys", "revoke", KEY).status == 0
    assert program("keys", "revoke", "k-1").status == 4


def test_api(signed_in: Peer, program: Program, tmp_path: Path) -> None:
    assert program("api", "get", "/api/v1/whoami").json["user_name"] == "demo:account"
    assert program("api", "GET", "account", "--format", "json").json["quota"] == 1000
    assert program("api", "GET", "/account", "--format", "json").json["quota"] == 1000
    (tmp_path / "body.json").write_text('{"name": "cron", "scopes": ["read"]}')
    result = program("api", "POST", "key/new", "--input", str(tmp_path / "body.json"))
    assert result.json["name"] == "cron"
    assert program("api", "GET", "nothing").status == 4


def start(peer: Peer, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "ENTREPOT_ENDPOINT": peer.endpoint,
        "ENTREPOT_API_KEY": API_KEY,
        "PYTHONUNBUFFERED": "1",
        "FORCE_COLOR": "1",
        "TERM": "xterm",
    }
    # A shell's background jobs ignore Ctrl-C, and so would the processes that they start.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from entrepot_client.cli.entry_point import main; main()"
    )
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, **options)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 60 s"
        time.sleep(0.02)


def test_control_c_while_a_task_is_watched(peer: Peer) -> None:
    peer.tasks[TASK] = task_document(TASK, "running")
    peer.without_events = True
    path = f"/api/v1/task/{TASK}"
    with start(peer, "tasks", "watch", TASK, stderr=subprocess.PIPE) as process:
        wait_until(lambda: peer.requests_for(path))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert f"entrepot tasks watch {TASK}".encode() in err
    assert b"Traceback" not in err


def test_control_c_while_a_file_is_pulled_keeps_the_part(peer: Peer, tmp_path: Path) -> None:
    file = peer.add_file("orders.csv", b"x" * 1_000_000)
    peer.headers, peer.cuts = {"X-Hold": "1"}, [400_000]
    part = tmp_path / "orders.csv.part"
    with start(peer, "pull", file.file_id, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        wait_until(lambda: part.exists() and part.stat().st_size > 0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert b"run the command again" in err
    assert 0 < part.stat().st_size <= 400_000
    assert not (tmp_path / "orders.csv").exists()


def test_a_reader_that_has_seen_enough(peer: Peer) -> None:
    for number in range(3000):
        peer.add_file(f"{number}.csv", b"1")
    with start(peer, "files", "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_after_a_second_and_none_in_a_pipe(
    peer: Peer, tmp_path: Path, terminal: bool
) -> None:
    file = peer.add_file("orders.csv", b"x" * 1_000_000)
    peer.headers, peer.cuts = {"X-Hold": "1"}, [400_000]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    options = {"stdout": subprocess.PIPE, "stderr": theirs, "cwd": tmp_path}
    with start(peer, "pull", file.file_id, "--format", "quiet", **options) as process:
        os.close(theirs)
        wait_until((tmp_path / "orders.csv.part").exists)
        threading.Timer(1.2, peer.hold.set).start()
        out, _ = process.communicate(timeout=60)
    output = b""
    try:
        while piece := os.read(ours, 65_536):
            output += piece
    except OSError:
        pass  # Linux ends a pseudo-terminal whose other side is closed so.
    os.close(ours)
    assert process.returncode == 0
    assert out == b"orders.csv\n"
    assert (b"downloading" in output) is terminal


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_replaced(closed: str) -> None:
    code = "from entrepot_client.cli.entry_point import main; main()"
    line = f'"$0" -c "$1" --version {closed}'
    run = subprocess.run(
        ["bash", "-c", line, sys.executable, code], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
