"""The published examples of the API, run as they stand, by the curl that people have."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import CSV, Api
from tests.support.raw import MULTIPART, exchange, form, head
from tests.support.server import Server, TestAccount, make_server

from entrepot.cli.samples import BROKEN_ROWS, sample_content

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIX = (
    "created_at",
    "entitlement",
    "file_description",
    "file_id",
    "file_name",
    "user_name",
)
THEIRS = [
    {
        "created_at": "2023-11-25T13:25:00+0000",
        "entitlement": "rw",
        "file_description": "Description",
        "file_id": "53c9c295-83f4-4754-a781-cd03841c806f",
        "file_name": "number_3_digits.csv",
        "user_name": "demo:account",
    },
    {
        "created_at": "2023-11-25T13:38:26+0000",
        "entitlement": "rw",
        "file_description": "Description",
        "file_id": "be49ab3f-11c9-418a-aa24-a5c379bc8d5f",
        "file_name": "percentage_metric.csv",
        "user_name": "demo:account",
    },
]

USERS = """curl -X GET --location '<ENDPOINT>/api/v1/users' \\
--header 'Content-Type: application/json' \\
--header 'Accept: application/json' \\
--header 'Authorization: Bearer <API KEY>' """

FILES = """curl --location '<ENDPOINT>/api/v1/files' \\
--header 'Accept: application/json' \\
--header 'Authorization: Bearer <API KEY>'"""

DOWNLOAD = """curl --location '<ENDPOINT>/api/v1/file/download/<FILE ID>' \\
--header 'Accept: application/json' \\
--header 'Authorization: Bearer <API KEY>'"""

DEFINE = (
    "curl --location '<ENDPOINT>/api/v1/files' \\\n"
    "--header 'Accept: application/json' \\\n"
    "--header 'Authorization: Bearer <API KEY>' \\\n"
    "--form 'file_description=\"Multi Line Description\"' \\\n"
    "--form 'file_size_limit=100000' \\\n"
    "--form 'file=@\"<localpath>/<file name>\"'"
)


def run(line: str, server: Server, api_key: str, **more: str) -> bytes:
    """Run a line as a person would who fills its blanks in; what curl printed."""
    blanks = {"ENDPOINT": server.endpoint, "API KEY": api_key, **more}
    for name, value in blanks.items():
        line = line.replace(f"<{name}>", value)
    assert "<" not in line
    line = line.replace("curl ", "curl --silent --show-error ", 1)
    shell = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env=shell)
    return done.stdout


@pytest.fixture
def local_file(tmp_path: Path) -> Path:
    path = tmp_path / "my orders.csv"
    path.write_bytes(CSV)
    return path


def blanks_for(path: Path) -> dict[str, str]:
    return {"localpath": str(path.parent), "file name": path.name}


def test_users_with_a_stray_content_type(server: Server, account: TestAccount) -> None:
    member = account.new_user()
    result = json.loads(run(USERS, server, account.api_key))
    assert list(result) == ["users_list"]
    assert [user["user_name"] for user in result["users_list"]] == [
        account.admin.user_name,
        member.user_name,
    ]
    for user in result["users_list"]:
        assert list(user) == ["user_name", "role", "created_at", "disabled"]
        assert STAMP.fullmatch(user["created_at"])


def test_define_list_follow_and_download(
    server: Server, account: TestAccount, local_file: Path
) -> None:
    accepted = run(DEFINE, server, account.api_key, **blanks_for(local_file))
    assert re.fullmatch(rb'\{"task_id":"%s"\}' % UUID.pattern.encode(), accepted)
    task = account.api.wait_task(json.loads(accepted)["task_id"])
    assert task["status"] == "succeeded"

    (result,) = json.loads(run(FILES, server, account.api_key))["files_list"]
    assert tuple(result)[:6] == SIX
    assert STAMP.fullmatch(result["created_at"])
    assert UUID.fullmatch(result["file_id"])
    assert result["file_id"] == task["file_id"]
    assert result["entitlement"] == "rw"
    assert result["file_description"] == "Multi Line Description"
    assert result["file_name"] == "my orders.csv"
    assert result["user_name"] == account.admin.user_name
    assert result["file_size_limit"] == 100_000
    assert result["enforce_schema"] is False

    again = run(DOWNLOAD, server, account.api_key, **{"FILE ID": result["file_id"]})
    assert again == CSV


def test_both_paths_are_one_operation(account: TestAccount) -> None:
    for path in ("/file/new", "/files"):
        answer = account.api.upload(CSV, path=path, file_description="d")
        assert answer.status_code == 202
        assert list(answer.json()) == ["task_id"]
        assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
        assert account.api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
    assert len(account.api.json("/files")["files_list"]) == 2


@pytest.mark.parametrize("file_first", [False, True])
@pytest.mark.parametrize("names", [("file_size_limit", "file_description"), ("enforce_schema",)])
def test_fields_come_in_any_order(
    account: TestAccount, file_first: bool, names: tuple[str, ...]
) -> None:
    values = {"file_size_limit": "1000", "file_description": "d", "enforce_schema": "true"}
    order = [*names, *(name for name in values if name not in names)]
    body = form(CSV, file_first=file_first, **{name: values[name] for name in order})
    answer = account.api.post("/file/new", content=body, headers={"Content-Type": MULTIPART})
    assert answer.status_code == 202, answer.text
    task = account.api.wait_task(answer.json()["task_id"])
    result = account.api.json(f"/file/{task['file_id']}")
    assert result["file_size_limit"] == 1000
    assert result["enforce_schema"] is True
    assert [field["name"] for field in result["schema"]["fields"]] == ["id", "amount"]


def test_only_the_description_and_the_schema_are_optional(account: TestAccount) -> None:
    answer = account.api.upload(CSV)
    assert answer.status_code == 202
    task = account.api.wait_task(answer.json()["task_id"])
    assert account.api.json(f"/file/{task['file_id']}")["file_description"] == ""
    assert account.api.upload(CSV, limit=None).json()["field"] == "file_size_limit"


def test_an_accept_header_does_not_change_a_download(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    for accept in ("application/json", "text/html", "image/png;q=0.1"):
        answer = account.api.get(f"/file/download/{task['file_id']}", headers={"Accept": accept})
        assert (answer.status_code, answer.content) == (200, CSV)


def test_a_client_of_http_1_0_is_served(account: TestAccount, server: Server) -> None:
    request = head("GET", "/api/v1/files", account.api.authorization)
    answer = exchange(server.endpoint, request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert (answer.status, answer.json()) == (200, {"files_list": []})


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    made = make_server(("demo",), preloaded=False)
    try:
        yield made.start()
    finally:
        made.close()


def key_of(demo: Server) -> str:
    return (demo.data / "demo-key").read_text().strip()


def test_the_demo_answers_as_published_right_after_its_start(demo: Server) -> None:
    answer: dict[str, Any] = json.loads(run(FILES, demo, key_of(demo)))
    assert list(answer) == ["files_list"]
    for result, theirs in zip(answer["files_list"], THEIRS, strict=True):
        assert list(result)[:6] == list(theirs)
        assert {name: result[name] for name in theirs} == theirs


def test_the_demo_serves_its_samples(demo: Server) -> None:
    api = Api(demo.endpoint, key_of(demo))
    for theirs in THEIRS:
        (task,) = (
            each
            for each in tasks_of(api)
            if (each["file_id"], each["version"]) == (theirs["file_id"], 1)
        )
        assert api.wait_task(task["task_id"])["status"] == "succeeded"
        got = run(DOWNLOAD, demo, key_of(demo), **{"FILE ID": theirs["file_id"]})
        assert got == sample_content(theirs["file_name"])
    numbers, percentages = (sample_content(theirs["file_name"]).split() for theirs in THEIRS)
    assert all(re.fullmatch(rb"[1-9]\d\d", cell) for cell in numbers[1:])
    assert all(re.fullmatch(rb"\d{1,3}\.\d%", cell) for cell in percentages[1:])
    api.close()


def test_the_demo_shows_a_rejection(demo: Server) -> None:
    """Its page is printed, and readers keep the first version."""
    api = Api(demo.endpoint, key_of(demo))
    (printed,) = re.findall(r"^Rejected  (.*)$", demo.output_file.read_text(), re.M)
    address, _, task_id = printed.rpartition("/")
    assert address == f"{demo.endpoint}/tasks"
    task = api.wait_task(task_id)
    assert (task["status"], task["version"]) == ("failed", 2)
    errors = task["error"]["errors"]
    assert [(each["cell"], each["rowNumber"]) for each in errors] == [
        (cell, row + 1) for row, cell in BROKEN_ROWS.items()
    ]
    api.close()


def tasks_of(api: Api) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.json("/tasks")["tasks_list"]
    return items


def test_the_demo_prints_lines_that_work_when_pasted(demo: Server, tmp_path: Path) -> None:
    printed = demo.output_file.read_text()
    api_key = key_of(demo)
    assert demo.endpoint in printed
    assert api_key in printed
    pasted = printed.split("ready to paste:\n\n")[1].split("\nFor the command")[0]
    pasted = pasted.replace("curl ", "curl --silent --show-error --fail ")
    script, _, follow = pasted.rpartition("curl ")
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "no_proxy": "*"},
        check=True,
        text=True,
    )
    assert '"users_list"' in done.stdout
    task_id = re.findall(r'\{"task_id":"([0-9a-f-]{36})"\}', done.stdout)[-1]
    assert run("curl " + follow, demo, api_key, **{"TASK ID": task_id}).startswith(b'{"task_id"')
