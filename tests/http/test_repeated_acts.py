"""Idempotency-Key on what is not an upload: restoring, accepting, comparing, and a new schema."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.http.test_idempotency import KEY, half_sent, new_key, wait_reserved
from tests.http.test_quarantine import REASON
from tests.http.test_versions import BROKEN, SCHEMA, publish, rows
from tests.support.api import CSV, Api, assert_problem
from tests.support.raw import read_answer
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

NEW_SCHEMA = {"fields": [{"name": "id", "type": "number"}, {"name": "amount", "type": "number"}]}
Act = Callable[..., Any]


def restore(api: Api, file_id: str, headers: dict[str, str], other: bool = False) -> Any:
    return api.post(f"/file/{file_id}/versions/{3 if other else 1}/restore", headers=headers)


def accept(api: Api, file_id: str, headers: dict[str, str], other: bool = False) -> Any:
    body = {"reason": "Something else." if other else REASON}
    return api.post(f"/file/{file_id}/versions/2/accept", json=body, headers=headers)


def change_schema(api: Api, file_id: str, headers: dict[str, str], other: bool = False) -> Any:
    params = {"breaking": "accept"} if other else {}
    path = f"/file/{file_id}/schema"
    return api.request("PUT", path, json=NEW_SCHEMA, headers=headers, params=params)


def compare(api: Api, file_id: str, headers: dict[str, str], other: bool = False) -> Any:
    body = {"before": 1, "after": 3, "examples": 9 if other else 10}
    return api.post(f"/file/{file_id}/compare", json=body, headers=headers)


@pytest.fixture
def file_id(account: TestAccount) -> str:
    """A file whose second version was rejected."""
    made: str = account.api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    publish(account.api, made, BROKEN, "failed")
    publish(account.api, made, rows(3))
    return made


@pytest.mark.parametrize("act", [restore, accept, change_schema, compare])
def test_it_is_done_once(server: Server, account: TestAccount, file_id: str, act: Act) -> None:
    key, orphans = new_key(), server.orphans()
    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(lambda _: act(account.api, file_id, key), range(4)))
    assert {answer.status_code for answer in answers} == {202}, [a.text for a in answers]
    (task_id,) = {answer.json()["task_id"] for answer in answers}
    assert {answer.headers["location"] for answer in answers} == {f"/api/v1/task/{task_id}"}
    ended = account.api.wait_task(task_id)
    # Not before: a Parquet is stored a moment before the transaction that names it.
    wait_until(lambda: server.orphans() <= orphans, "nor while others' forms are stored")
    before = account_without_derivatives(account)
    again = act(account.api, file_id, key)  # also when there is nothing left to be done
    assert (again.status_code, again.json()) == (202, {"task_id": task_id})
    assert account_without_derivatives(account) == before
    assert before["versions"] == (3 if act in (change_schema, compare) else 4), ended
    assert_problem(act(account.api, file_id, key, other=True), 422, "idempotency-key-reused")
    for sense in (restore, accept, change_schema, compare):
        if sense is not act:
            assert_problem(sense(account.api, file_id, key), 422, "idempotency-key-reused")
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    upload = account.api.post("/file/new", headers=key, **sent)
    assert_problem(upload, 422, "idempotency-key-reused")
    assert account.api.account()["files"] == 1
    server.assert_sound()


def account_without_derivatives(account: TestAccount) -> dict[str, Any]:
    """The account's figures but for its derivatives, which are made in the background."""
    return {name: each for name, each in account.api.account().items() if name != "derivatives"}


@pytest.mark.both_databases
def test_a_key_that_an_upload_holds_is_waited_for(
    server: Server, account: TestAccount, file_id: str
) -> None:
    key = new_key()
    with half_sent(account, "/api/v1/file/new", **key) as (sock, rest):
        wait_reserved(server, account)
        for act in (restore, accept, change_schema, compare):
            assert_problem(act(account.api, file_id, key), 409, "request-under-way")
        sock.sendall(rest)
        assert read_answer(sock).status == 202
    for act in (restore, accept, change_schema, compare):
        assert_problem(act(account.api, file_id, key), 422, "idempotency-key-reused")


def test_what_was_refused_may_be_asked_again(account: TestAccount, file_id: str) -> None:
    key = new_key()
    path = f"/file/{file_id}/versions/2/restore"
    refused = account.api.post(path, headers=key)
    assert refused.status_code in (404, 409)
    assert account.api.post(path, headers=key).json()["code"] == refused.json()["code"]
    assert restore(account.api, file_id, key).status_code == 202
    bad = account.api.post(path, headers={KEY: "two words"})
    assert_problem(bad, 422, "field-invalid", field=KEY)


def test_anothers_key_is_another(account: TestAccount, file_id: str) -> None:
    key = new_key()
    first = restore(account.api, file_id, key).json()["task_id"]
    admin = account.new_user("admin")
    second = restore(admin.api, file_id, key).json()["task_id"]
    assert first != second
