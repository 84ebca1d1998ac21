"""An earlier version is restored under a new number, and neither needs the other's bytes."""

import json
import os
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.http.test_idempotency import etag_of
from tests.http.test_versions import BROKEN, SCHEMA, deliver, publish, rows
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections, versions
from entrepot.texts.json_text import to_json_text


def restore(api: Api, file_id: str, number: int, **kwargs: Any) -> Any:
    return api.post(f"/file/{file_id}/versions/{number}/restore", **kwargs)


def restored(api: Api, file_id: str, number: int, status: str = "succeeded") -> Any:
    """Restore a version and wait for its task, which ends so; the task."""
    answer = restore(api, file_id, number)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
    task = api.wait_task(answer.json()["task_id"])
    assert task["status"] == status, task
    return task


def test_a_restored_version_is_the_newest(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    publish(api, file_id, rows(3))
    task = restored(api, file_id, 1)
    assert (task["kind"], task["version"]) == ("version.restore", 3)
    assert api.get(f"/file/download/{file_id}").content == CSV
    items = api.json(f"/file/{file_id}/versions")["versions_list"]
    assert [v["restored_from"] for v in items] == [1, None, None]
    assert items[0]["sha256"] == items[2]["sha256"]
    assert (items[0]["status"], items[0]["row_count"]) == ("published", 2)
    assert api.account()["used"] == 2 * len(CSV) + len(rows(3))
    assert api.json(f"/file/{file_id}/report", params={"version": 3})["valid"] is True
    account.server.wait_derived()
    assert api.get(f"/file/download/{file_id}", params={"format": "parquet"}).status_code == 200
    restored(api, file_id, 3)
    assert api.json(f"/file/{file_id}")["version"] == 4
    account.server.assert_sound()


@pytest.mark.both_databases
def test_neither_version_needs_the_others_bytes(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    restored(api, file_id, 1)
    with server.parts.database.reading() as conn:
        of_file = versions.c.file_id == UUID(file_id)
        query = select(versions.c.id).where(of_file).order_by(versions.c.number)
        oldest, newest = (BlobId(row) for row in conn.scalars(query))
    path = server.parts.store.path(oldest)
    assert path is not None
    content = path.read_bytes()
    server.parts.store.delete(oldest)
    assert b"".join(server.parts.store.read(newest)) == content
    server.parts.store.link(newest, oldest)


def test_bytes_that_were_cut_off_are_not_published_again(account: TestAccount) -> None:
    """They would be the newest version, of which no reader gets anything."""
    api, store = account.api, account.server.parts.store
    file_id = api.deliver(CSV)["file_id"]
    api.deliver(CSV + b"5,6\n", path=f"/file/{file_id}/versions", limit=None)
    with account.server.parts.database.reading() as conn:
        task = versions.c.task_id == _task_of(api, file_id, 1)
        path = store.path(BlobId(conn.scalars(select(versions.c.id).where(task)).one()))
    assert path is not None
    os.truncate(path, 5)
    answer = api.post(f"/file/{file_id}/versions/1/restore")
    assert_problem(answer, 500, "bytes-missing")
    assert api.get(f"/file/download/{file_id}").content == CSV + b"5,6\n"
    path.write_bytes(CSV)


def test_findings_hold_while_the_schema_does(server: Server, account: TestAccount) -> None:
    """Shown by a warning in the first one's report, which no inspection would write."""
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    marked = inspections.c.version_id.in_(
        select(versions.c.id).where(versions.c.task_id == _task_of(api, file_id, 1))
    )
    with server.parts.database.writing() as conn:
        report = json.loads(conn.scalar(select(inspections.c.report).where(marked)) or "")
        report_text = to_json_text({**report, "warnings": ["mark"]})
        conn.execute(update(inspections).where(marked).values(report=report_text))
    restored(api, file_id, 1)
    assert api.json(f"/file/{file_id}/report", params={"version": 2})["warnings"] == ["mark"]
    titled = {**json.loads(SCHEMA), "title": "Orders"}
    changed = api.request("PUT", f"/file/{file_id}/schema", json=titled)
    assert api.wait_task(changed.json()["task_id"])["status"] == "succeeded"
    restored(api, file_id, 1)
    assert api.json(f"/file/{file_id}/report", params={"version": 3})["warnings"] == []


def _task_of(api: Api, file_id: str, number: int) -> Any:
    return UUID(api.json(f"/file/{file_id}/versions/{number}")["task_id"])


def test_a_version_that_breaks_the_new_schema_is_rejected(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(b"id,amount\n1,words\n")["file_id"]
    publish(api, file_id, CSV)
    path = f"/file/{file_id}/schema?breaking=accept"
    changed = api.request("PUT", path, json=json.loads(SCHEMA))
    assert api.wait_task(changed.json()["task_id"])["status"] == "succeeded"
    task = restored(api, file_id, 1, "failed")
    assert task["error"]["code"] == "schema-violation"
    assert api.get(f"/file/download/{file_id}").content == CSV


def test_what_cannot_be_restored(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    publish(api, file_id, BROKEN, "failed")
    figures = {"version": 2, "version_status": "rejected"}
    assert_problem(restore(api, file_id, 2), 409, "version-not-published", **figures)
    theirs = server.new_account().api.deliver(CSV)["file_id"]
    bodies = set()
    for other, number in ((theirs, 1), (str(uuid4()), 1), ("x", 1), (file_id, 9), (file_id, 0)):
        problem = assert_problem(restore(api, other, number), 404, "not-found")
        bodies.add(str({**problem, "request_id": ""}))
    assert len(bodies) == 1
    assert_problem(restore(account.new_key(("read",)).api, file_id, 1), 403, "scope-missing")
    assert_problem(restore(server.api(None), file_id, 1), 401, "not-authenticated")
    assert api.account()["versions"] == 2


@pytest.mark.both_databases
def test_a_restoration_takes_quota(server: Server) -> None:
    account = server.new_account(quota=2 * len(CSV) - 1)
    file_id = account.api.deliver(CSV)["file_id"]
    figures = {"limit": 2 * len(CSV) - 1, "used": len(CSV), "reserved": 0, "requested": len(CSV)}
    answer = restore(account.api, file_id, 1)
    assert_problem(answer, 413, "account-quota-exceeded", **figures)
    assert account.api.account()["used"] == len(CSV)
    assert account.api.account()["versions"] == 1


def test_a_restoration_may_be_conditional(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    tag = etag_of(account, file_id)
    task_id = deliver(api, file_id, rows(2)).json()["task_id"]
    assert api.wait_task(task_id)["status"] == "succeeded"  # which changes the file again
    stale = restore(api, file_id, 1, headers={"If-Match": tag})
    assert_problem(stale, 412, "precondition-failed")
    fresh = {"If-Match": etag_of(account, file_id)}
    assert restore(api, file_id, 1, headers=fresh).status_code == 202
