import hashlib
import json
import os
from pathlib import Path

import pytest
from client_peer import Fault, Peer, Program, task_document

TASK = "1dd1ce46-62cc-486e-9f47-1f96c1895b25"
FILE = "53c9c295-83f4-4754-a781-cd03841c806f"
REPORT = f"/api/v1/file/{FILE}/report?version=1"


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("id,amount\n1,2\n")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def violation(count: int) -> dict[str, object]:
    return {
        "type": "/problems/schema-violation",
        "status": 422,
        "code": "schema-violation",
        "detail": f"{count} rows break the contract.",
        "errors": [
            {
                "type": "type-error",
                "rowNumber": row,
                "fieldName": "amount",
                "note": 'type is "integer/default"',
            }
            for row in range(2, 2 + count)
        ],
        "error_count": 1000 + count,
    }


def test_push_waits_and_prints_the_files_id(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    result = program("push", str(orders), "--format", "quiet")
    (file,) = signed_in.files.values()
    assert (result.status, result.text, result.err) == (0, f"{file.file_id}\n", "")
    assert file.content == orders.read_bytes()


def test_push_says_which_limit_it_chose(signed_in: Peer, program: Program, orders: Path) -> None:
    assert "size limit of the file is 1.0 MB" in program("push", str(orders)).err
    assert signed_in.forms[0]["file_size_limit"][1] == b"1000000"
    program("push", str(orders), "--size-limit", "100MB", "--description", "Of today")
    assert signed_in.forms[1]["file_size_limit"][1] == b"100000000"
    assert signed_in.forms[1]["file_description"][1] == b"Of today"


def test_a_second_file_of_the_same_name_is_pointed_out(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    first = signed_in.add_file("orders.csv", b"1")
    signed_in.add_file("old orders.csv", b"1")
    advice = f"To deliver to it: `entrepot push {orders} --to {first.file_id}`."
    for arguments in ((), ("--no-wait",), ("--format", "quiet")):
        signed_in.files, signed_in.tasks = {first.file_id: first}, {}
        result = program("push", str(orders), *arguments)
        assert result.status == 0
        assert "This makes a new file. Another file has the name 'orders.csv'. " in result.err
        assert advice in result.err
    signed_in.tasks = {}
    result = program("push", str(orders))
    assert "2 other files have the name 'orders.csv'. To deliver to the oldest" in result.err
    for arguments in (("--path", "a/b"), ("--name", "new.csv")):
        assert "This makes a new file" not in program("push", str(orders), *arguments).err


def test_a_report_is_named_by_the_file_if_that_is_clear(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    other = signed_in.add_file("other.csv", b"1")
    signed_in.tasks[TASK] = task_document(
        TASK, "succeeded", file_id=other.file_id, report_url=REPORT
    )
    signed_in.add_file("orders.csv", orders.read_bytes())
    other.content = orders.read_bytes()
    assert f"entrepot report {other.file_id} --version 1" in program("push", str(orders)).text
    signed_in.files = {other.file_id: other}
    assert "entrepot report orders.csv --version 1" in program("push", str(orders)).text


def test_a_key_that_may_not_list_files_pushes(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    body = json.dumps({"status": 403, "code": "scope-missing", "detail": "No."}).encode()
    signed_in.faults["/api/v1/files"] = [
        Fault(403, {"Content-Type": "application/problem+json"}, body)
    ]
    assert program("push", str(orders)).status == 0


def test_push_without_waiting(signed_in: Peer, program: Program, orders: Path) -> None:
    signed_in.tasks[TASK] = task_document(TASK, "queued")
    result = program("push", str(orders), "--no-wait", "--format", "json")
    assert result.json == {
        "task_id": TASK,
        "file_size": orders.stat().st_size,
        "sha256": hashlib.sha256(orders.read_bytes()).hexdigest(),
    }
    assert not signed_in.requests_for(f"/api/v1/task/{TASK}/events")


def test_a_rejected_delivery_shows_its_first_errors(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    failed = task_document(TASK, "failed", error=violation(12), report_url=REPORT)
    signed_in.tasks[TASK] = task_document(TASK, "queued")
    signed_in.streams = [[(1, failed)]]
    result = program("push", str(orders), "--enforce-schema")
    assert result.status == 5
    assert result.out == b""
    assert "Error: 12 rows break the contract." in result.err
    assert 'row 2, amount: type is "integer/default"' in result.err
    assert "row 5, amount" not in result.err
    assert "… and 1,009 more" in result.err
    assert "entrepot report orders.csv --version 1" in result.err
    assert f"entrepot push {orders} --to orders.csv" in result.err
    assert signed_in.forms[0]["enforce_schema"][1] == b"true"


def test_warnings_of_the_report_are_shown(signed_in: Peer, program: Program) -> None:
    url = f"/api/v1/task/{TASK}/report"
    signed_in.tasks[TASK] = task_document(TASK, "succeeded", report_url=url)
    result = program("tasks", "watch", TASK)
    assert (result.status, "Warning" in result.err) == (0, False)  # the report is gone
    warning = "The table has 4 rows; version 2 had 10."
    signed_in.reports[TASK] = {"tasks": [{"warnings": [warning]}]}
    for command in ("watch", "show"):
        result = program("tasks", command, TASK)
        assert f"Warning: {warning}" in result.err
        assert warning not in result.text


def test_an_inspection_that_could_not_run_is_no_rejection(
    signed_in: Peer, program: Program
) -> None:
    error = {"status": 500, "code": "inspection-failed", "detail": "It could not be run."}
    signed_in.tasks[TASK] = task_document(TASK, "failed", error=error)
    signed_in.streams = [[(1, signed_in.tasks[TASK])]]
    assert program("tasks", "watch", TASK).status == 1


def test_watching_ends_as_the_task_did(signed_in: Peer, program: Program) -> None:
    for status, exit_status in (("succeeded", 0), ("canceled", 1)):
        signed_in.tasks[TASK] = task_document(TASK, status)
        assert program("tasks", "watch", TASK).status == exit_status


def test_over_the_quota(signed_in: Peer, program: Program, orders: Path) -> None:
    signed_in.upload_problem = {
        "type": "/problems/account-quota-exceeded",
        "status": 413,
        "code": "account-quota-exceeded",
        "detail": "The account has too little room.",
        "requested": 1_500_000,
        "used": 900_000,
        "quota": 1_000_000,
    }
    result = program("push", str(orders))
    assert result.status == 6
    assert "needed 1.5 MB, used 900 kB, quota 1.0 MB" in result.err
    assert "entrepot quota" in result.err


def test_over_the_limit_that_was_given(signed_in: Peer, program: Program, orders: Path) -> None:
    result = program("push", str(orders), "--size-limit", "3")
    assert result.status == 6
    assert "--size-limit of at least 14 bytes" in result.err
    assert signed_in.forms == []


def test_a_given_schema(signed_in: Peer, program: Program, orders: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"fields": [{"name": "id", "type": "integer"}]}')
    assert program("push", str(orders), "--schema", str(schema)).status == 0
    assert json.loads(signed_in.forms[0]["enforce_schema"][1]) == json.loads(schema.read_text())
    assert program("push", str(orders), "--schema", str(schema), "--enforce-schema").status == 2
    for wrong in ("{", "[]"):
        schema.write_text(wrong)
        assert program("push", str(orders), "--schema", str(schema)).status == 2


def test_bytes_that_arrived_otherwise_are_noticed(
    signed_in: Peer, program: Program, orders: Path
) -> None:
    other = signed_in.add_file("orders.csv", b"damaged")
    signed_in.tasks[TASK] = task_document(TASK, "succeeded", file_id=other.file_id)
    result = program("push", str(orders))
    assert result.status == 1
    assert "other bytes than were sent" in result.err


def test_pull_here(signed_in: Peer, program: Program, here: Path) -> None:
    file = signed_in.add_file("../orders.csv", b"1,2\r\n")
    result = program("pull", file.file_id, "--format", "quiet")
    assert (result.status, result.text) == (0, "orders.csv\n")
    assert (here / "orders.csv").read_bytes() == b"1,2\r\n"
    again = program("pull", file.file_id)
    assert again.status == 1
    assert "--force" in again.err
    assert program("pull", file.file_id, "--force").status == 0


def test_pull_to_a_path_and_to_stdout(signed_in: Peer, program: Program, here: Path) -> None:
    file = signed_in.add_file("orders.csv", bytes(range(256)))
    result = program("pull", file.file_id, "-o", "mine.bin", "--format", "json")
    assert result.json == {
        "path": "mine.bin",
        "file_id": file.file_id,
        "version": None,  # a server of before does not name it
        "file_size": 256,
        "sha256": file.sha256,
    }
    result = program("pull", file.file_id, "-o", "-")
    assert (result.status, result.out, result.err) == (0, bytes(range(256)), "")
    assert [path.name for path in here.iterdir()] == ["mine.bin"]


def test_pull_what_cannot_be_written(signed_in: Peer, program: Program, here: Path) -> None:
    file = signed_in.add_file("orders.csv", b"1")
    result = program("pull", file.file_id, "-o", "no/such/folder/x.csv")
    assert result.status == 1
    assert "No such file or directory" in result.err


def test_pull_what_is_not_there(signed_in: Peer, program: Program, here: Path) -> None:
    result = program("pull", "53c9c295-83f4-4754-a781-cd03841c806f")
    assert result.status == 4
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("others", [[], ["orders.csv"]])
def test_what_is_not_a_regular_file_is_not_called_missing(
    program: Program, here: Path, orders: Path, others: list[str]
) -> None:
    os.mkfifo("pipe")
    result = program("push", "pipe", *(str(orders) for _ in others))
    assert result.status == 2
    assert "'pipe' is not a regular file." in result.err
    assert "entrepot push - --name NAME" in result.err
    assert "'pipe' is not a regular file." in program("validate", "pipe").err


def test_a_name_that_is_not_text_is_a_wrong_name(
    signed_in: Peer, program: Program, here: Path
) -> None:
    folder = here / "folder"
    folder.mkdir()
    (folder / "good.csv").write_bytes(b"id\n1\n")
    (folder / os.fsdecode(b"bad\xff.csv")).write_bytes(b"id\n1\n")
    result = program("push", "folder", "--no-wait")
    assert result.status == 2
    assert "Not published: 1 of 2 files." in result.err
    assert "is not valid UTF-8" in result.err
    result = program("push", os.fsdecode(b"folder/bad\xff.csv"))
    assert result.status == 2
    assert "is not valid UTF-8" in result.err
