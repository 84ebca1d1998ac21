"""Two versions of a file compared: what is shown, to whom, and for how long."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.http.conftest import LONG_CSV, Run, holding_places
from tests.support.api import Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

from entrepot.blobs.store import BlobId
from entrepot.db.tables import comparisons
from entrepot.files.cleanup.delete import UNDO_MARGIN
from entrepot.files.remove import remove_expired_bytes
from entrepot.files.versions import UNDO_PERIOD

BEFORE = b"id,amount\n1,2\n3,4\n5,6\n"
AFTER = b"id,amount\n1,2\n3,40\n7,8\n"
BROKEN = b"id,amount\nx,2\n"
KEYED = {
    "fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}],
    "primaryKey": ["id"],
}


@pytest.fixture
def file_id(account: TestAccount) -> str:
    """A file with a primary key, and two versions that differ."""
    result = account.api.deliver(BEFORE, enforce_schema=json.dumps(KEYED))["file_id"]
    deliver(account.api, result, AFTER)
    return str(result)


def ask(api: Api, file_id: str, before: int, after: int, **more: Any) -> Any:
    return api.post(f"/file/{file_id}/compare", json={"before": before, "after": after, **more})


def compared(api: Api, file_id: str, before: int, after: int, **more: Any) -> dict[str, Any]:
    """The ended task of a comparison."""
    answer = ask(api, file_id, before, after, **more)
    assert answer.status_code == 202, answer.text
    return api.wait_task(answer.json()["task_id"])


def found_by(api: Api, *args: Any, **more: Any) -> dict[str, Any]:
    task = compared(api, *args, **more)
    assert task["status"] == "succeeded", task
    assert task["kind"] == "version.compare"
    assert task["report_url"] == f"/api/v1/task/{task['task_id']}/comparison"
    result: dict[str, Any] = api.json(task["report_url"])
    return result


def test_by_the_primary_key_of_the_schema(account: TestAccount, file_id: str) -> None:
    result = found_by(account.api, file_id, 1, 2)
    assert (result["before"], result["after"], result["key"]) == (1, 2, ["id"])
    assert (result["added"], result["removed"], result["changed"]) == (1, 1, 1)
    assert not result["same"]
    assert result["examples_changed"] == [
        {"rowBefore": 3, "rowAfter": 3, "key": {"id": "3"}, "cells": {"amount": ["4", "40"]}}
    ]


def test_without_a_key(account: TestAccount, file_id: str) -> None:
    result = found_by(account.api, file_id, 1, 2, key=[], examples=1)
    assert (result["added"], result["removed"], result["changed"]) == (2, 2, None)
    assert len(result["examples_added"]) == 1
    same = found_by(account.api, file_id, 2, 2)
    assert (same["same"], same["added"], same["removed"]) == (True, 0, 0)


def test_a_rejected_version_of_ones_own(account: TestAccount, server: Server, file_id: str) -> None:
    """A deliverer sees what they have changed against what is published, and nobody else does."""
    supplier = server.new_account().admin
    share(account.api, file_id, supplier.user_name, "rw")
    deliver(supplier, file_id, BROKEN)
    result = found_by(supplier.api, file_id, 2, 3)
    assert (result["rows_before"], result["rows_after"]) == (3, 1)
    assert_problem(ask(account.api, file_id, 2, 3), 404, "not-found")


def test_it_is_for_who_may_read_both_still(account: TestAccount, server: Server) -> None:
    file_id = account.api.deliver(BEFORE)["file_id"]
    deliver(account.api, file_id, AFTER)
    reader = server.new_account().admin
    share(account.api, file_id, reader.user_name, "r")
    task = compared(reader.api, file_id, 1, 2)
    path = f"/task/{task['task_id']}/comparison"
    assert reader.api.get(path).status_code == 200
    assert account.api.get(f"/task/{task['task_id']}").status_code == 200
    assert_problem(account.api.get(path), 404, "not-found")  # it is another's
    share(account.api, file_id, reader.user_name, "w")
    assert_problem(reader.api.get(path), 404, "not-found")
    share(account.api, file_id, reader.user_name, "r")
    account.api.request("DELETE", f"/file/{file_id}/versions/1")
    assert_problem(reader.api.get(path), 410, "version-deleted", version=1, current_version=2)
    account.api.post(f"/file/{file_id}/versions/1/undelete")
    assert reader.api.get(path).status_code == 200


def test_it_goes_with_the_bytes(account: TestAccount, server: Server, file_id: str) -> None:
    task = compared(account.api, file_id, 1, 2)
    account.api.request("DELETE", f"/file/{file_id}/versions/1")
    parts = server.parts
    later = parts.clock() + UNDO_PERIOD + 2 * UNDO_MARGIN
    mine = comparisons.c.task_id == UUID(task["task_id"])
    with parts.database.reading() as conn:
        row = conn.execute(select(comparisons).where(mine)).one()
    assert json.loads(row.result)["changed"] == 1
    blob_id = BlobId(row.before_id)
    assert remove_expired_bytes(parts.database, parts.store, blob_id, lambda: later)
    with parts.database.reading() as conn:
        assert conn.execute(select(comparisons).where(mine)).one().result is None
    gone = account.api.get(f"/task/{task['task_id']}/comparison")
    assert_problem(gone, 410, "version-deleted", version=1)


def test_what_cannot_be_compared(account: TestAccount, file_id: str) -> None:
    task = compared(account.api, file_id, 1, 2, key=["nothing"])
    assert (task["status"], task["error"]["code"]) == ("failed", "not-comparable")
    assert "`nothing`" in task["error"]["detail"]
    assert task["report_url"] is None
    assert_problem(account.api.get(f"/task/{task['task_id']}/comparison"), 404, "not-found")
    picture = account.api.deliver(b"\x89PNG\r\n\x1a\n" + bytes(50), name="a.png")["file_id"]
    deliver(account.api, picture, AFTER)
    task = compared(account.api, picture, 1, 2)
    assert (task["status"], task["error"]["code"]) == ("failed", "not-comparable")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"before": 1}, "after"),
        ({"before": 0, "after": 2}, "before"),
        ({"before": "1", "after": 2}, "before"),
        ({"before": 1, "after": 2, "key": "id"}, "key"),
        ({"before": 1, "after": 2, "examples": 1001}, "examples"),
        ({"before": 1, "after": 2, "other": 1}, "other"),
    ],
)
def test_a_wrong_request(account: TestAccount, file_id: str, body: Any, named: str) -> None:
    answer = account.api.post(f"/file/{file_id}/compare", json=body)
    assert named in json.dumps(assert_problem(answer, 422, answer.json()["code"]))


@pytest.mark.both_databases
def test_no_reader_breaks_the_list_of_tasks(account: TestAccount, server: Server) -> None:
    file_id = account.api.deliver(BEFORE)["file_id"]
    guest = server.new_account()
    share(account.api, file_id, guest.admin.user_name, "r")
    body = b'{"before":1,"after":1,"key":["\\ud800"]}'
    headers = {"Content-Type": "application/json"}
    path = f"/file/{file_id}/compare"
    assert_problem(guest.api.post(path, content=body, headers=headers), 422, "field-invalid")
    options = {"content": b'{"file_description":"\\uDFFF"}', "headers": headers}
    answer = account.api.request("PATCH", f"/file/{file_id}", **options)
    assert_problem(answer, 422, "field-invalid")
    assert [task["kind"] for task in account.api.json("/tasks")["tasks_list"]] == ["file.new"]


def test_canceled_while_it_waits(server: Server, account: TestAccount) -> None:
    delivered = account.api.deliver(LONG_CSV, limit=10_000_000, enforce_schema="true")
    file_id = delivered["file_id"]
    deliver(account.api, file_id, LONG_CSV + b"7,8\n")
    with holding_places(server, account.api):
        task_id = ask(account.api, file_id, 1, 2).json()["task_id"]
        assert account.api.post(f"/task/{task_id}/cancel").json()["status"] == "canceled"


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_the_program(account: TestAccount, file_id: str, run: Run) -> None:
    status, output, _ = run("files", "compare", file_id, 1, 2)
    assert status == 1
    assert "rows: 3 → 3; 1 added, 1 removed, 1 changed" in output
    assert "~ row 3 (id=3): amount: '4' → '40'" in output
    assert run("files", "compare", file_id, 2, 2)[0] == 0
    status, _, errors = run("files", "compare", file_id, 1, 2, "--key", "nothing")
    assert status == 2
    assert "`nothing`" in errors
    status, _, errors = run("files", "compare", file_id, 1, 99)
    assert status == 4
    assert "has no version 99" in errors
