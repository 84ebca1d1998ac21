"""Judging a file without storing it: the report stays, the bytes go, the quota is exact."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.http.conftest import LONG_CSV, holding_places
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.wait import wait_until

from entrepot.files.sweep import sweep

SCHEMA = json.dumps(
    {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
)
WRONG = b"id,amount\n1,2\n3,x\n"


def send(api: Api, content: bytes = CSV, **fields: Any) -> httpx2.Response:
    limit = fields.pop("limit", None)
    return api.upload(content, limit=limit, path="/file/validate", **fields)


def validate(api: Api, content: bytes = CSV, **fields: Any) -> dict[str, Any]:
    answer = send(api, content, **fields)
    assert answer.status_code == 202, answer.text
    assert list(answer.json()) == ["task_id"]
    assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
    return api.wait_task(answer.json()["task_id"])


def wait_nothing_left(server: Server, account: TestAccount, used: int = 0) -> None:
    """The bytes go right after the task has ended."""
    wait_until(lambda: account.api.account()["used"] == used, "the bytes go")
    assert account.api.account()["reserved"] == 0
    server.assert_sound()


@pytest.mark.parametrize("fields", [{}, {"enforce_schema": "true"}, {"enforce_schema": SCHEMA}])
def test_what_keeps_the_contract(server: Server, account: TestAccount, fields: Any) -> None:
    task = validate(account.api, **fields)
    assert (task["status"], task["kind"], task["error"]) == ("succeeded", "file.validate", None)
    assert (task["file_id"], task["version"], task["file_name"]) == (None, None, "orders.csv")
    assert task["report_url"] == f"/api/v1/task/{task['task_id']}/report"
    report = account.api.json(task["report_url"])
    assert report["valid"] is True
    assert report["tasks"][0]["stats"]["rows"] == 2
    wait_nothing_left(server, account)
    assert account.api.json("/files")["files_list"] == []
    assert account.api.json("/tasks")["tasks_list"][0]["file_name"] == "orders.csv"


def test_what_breaks_it_ends_as_a_delivery_would(server: Server, account: TestAccount) -> None:
    task = validate(account.api, WRONG, enforce_schema=SCHEMA)
    delivered = account.api.deliver(WRONG, enforce_schema=SCHEMA)
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    assert task["error"] == delivered["error"]
    report = account.api.json(task["report_url"])
    assert report == account.api.json(delivered["report_url"])
    assert report == account.api.json(f"/task/{delivered['task_id']}/report")
    wait_nothing_left(server, account, used=len(WRONG))


def test_a_picture_is_no_table(server: Server, account: TestAccount) -> None:
    task = validate(account.api, b"%PDF-1.7 nothing", enforce_schema="true")
    assert task["error"]["code"] == "not-tabular"
    wait_nothing_left(server, account)


def test_by_the_contract_of_a_file(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, enforce_schema=SCHEMA, limit=40)["file_id"]
    task = validate(account.api, WRONG, file_id=file_id)
    assert (task["status"], task["file_id"]) == ("failed", file_id)
    assert validate(account.api, CSV, file_id=file_id)["status"] == "succeeded"
    assert_problem(send(account.api, CSV * 3, file_id=file_id), 413, "file-too-large", limit=40)
    wait_nothing_left(server, account, used=len(CSV))


def test_by_a_contract_that_may_not_be_known(server: Server, account: TestAccount) -> None:
    theirs = server.new_account().api.deliver(CSV)["file_id"]
    answers = []
    for file_id in (theirs, str(uuid4()), "42"):
        answer = send(account.api, CSV, file_id=file_id)
        problem = assert_problem(answer, 404, "not-found")
        answers.append(answer.content.replace(problem["request_id"].encode(), b""))
        assert theirs.encode() not in answer.content
    assert answers[0] == answers[1] == answers[2]
    wait_nothing_left(server, account)


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"enforce_schema": "perhaps"}, 422, "schema-invalid", None),
        ({"limit": "0"}, 422, "field-invalid", "file_size_limit"),
        ({"limit": "5"}, 413, "file-too-large", None),
        ({"file_description": "x" * 10_001}, 422, "field-invalid", "file_description"),
        ({"file_name": "a"}, 422, "field-invalid", "file_name"),
    ],
)  # fmt: skip
def test_wrong_forms(
    server: Server, account: TestAccount, fields: Any, status: int, code: str, field: str | None
) -> None:
    problem = assert_problem(send(account.api, CSV, **fields), status, code)
    assert problem.get("field") == field
    wait_nothing_left(server, account)


@pytest.mark.parametrize("field", ["enforce_schema", "file_size_limit", "table_dialect"])
def test_a_files_contract_and_one_of_its_own_exclude_each_other(
    account: TestAccount, field: str
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    data = {"file_id": file_id, field: "100"}
    answer = account.api.post("/file/validate", data=data, files={"file": ("a.csv", CSV)})
    assert_problem(answer, 422, "field-invalid", field=field)


def test_no_file_and_an_empty_one(server: Server, account: TestAccount) -> None:
    answer = account.api.post("/file/validate", files={"enforce_schema": (None, "true")})
    assert_problem(answer, 422, "field-invalid", field="file")
    assert_problem(send(account.api, b""), 422, "field-invalid", field="file")
    answer = account.api.post("/file/validate", json={})
    assert_problem(answer, 415, "media-type-unsupported")
    wait_nothing_left(server, account)


@pytest.mark.both_databases
def test_bytes_count_while_they_are_there(server: Server) -> None:
    account = server.new_account(quota=1_000)
    over = assert_problem(send(account.api, b"a\n" * 501), 413, "account-quota-exceeded")
    assert over["limit"] == 1_000
    assert validate(account.api, b"a\n" * 500)["status"] == "succeeded"
    wait_nothing_left(server, account)
    assert validate(account.api, b"a\n" * 500)["status"] == "succeeded"


def test_one_that_runs_or_waits_is_canceled_and_leaves_nothing(
    server: Server, account: TestAccount
) -> None:
    parts = server.parts
    sweep(parts.database, parts.store, parts.clock)  # what others left
    contract = json.dumps(SLOW_SCHEMA)
    first = send(account.api, slow_table(), enforce_schema=contract).json()["task_id"]
    account.api.wait_status(first, {"running"})
    assert account.api.post(f"/task/{first}/cancel").status_code == 202
    assert account.api.wait_task(first)["status"] == "canceled"
    with holding_places(server, account.api):
        second = send(account.api, LONG_CSV).json()["task_id"]
        assert account.api.post(f"/task/{second}/cancel").json()["status"] == "canceled"
    wait_nothing_left(server, account)
    swept = sweep(parts.database, parts.store, parts.clock, grace=timedelta(days=1))
    assert swept.expired == 0


def test_who_may_see_the_report(server: Server, account: TestAccount) -> None:
    member, other = account.new_user(), server.new_account()
    task = validate(member.api, WRONG, enforce_schema=SCHEMA)
    for api, seen in ((member.api, 200), (account.api, 200), (account.new_user().api, 404),
                      (other.api, 404)):  # fmt: skip
        assert api.get(task["report_url"]).status_code == seen


@pytest.mark.usefixtures("held_places")
def test_a_task_without_a_report_yet_has_none(account: TestAccount) -> None:
    waiting = send(account.api, LONG_CSV).json()["task_id"]
    assert_problem(account.api.get(f"/task/{waiting}/report"), 404, "not-found")
