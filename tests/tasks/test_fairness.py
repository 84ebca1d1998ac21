"""Nobody's work keeps another's waiting, and long work keeps short work waiting for a moment."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from tests.crash.installation import table
from tests.support.api import Api
from tests.support.server import Server
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.wait import PATIENCE, UNHURRIED

pytestmark = pytest.mark.both_databases

MANY = 24
TINY = b"id\n1\n2\n3"
"""A table of eight bytes."""
PROMPT_SECONDS = 2.0
"""From the acknowledgement to the publication, on a machine that nobody else uses."""


def seconds_to_end(task: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(task[at]) for at in ("created_at", "finished_at"))
    return (ended - began).total_seconds()


def test_one_delivery_overtakes_many_of_another_account(server: Server) -> None:
    """Enqueued last of 25, it begins among the first quarter."""
    busy, quiet = server.new_account(), server.new_account()
    (worker,) = server.processes("worker")
    server.suspend(worker)
    try:
        answers = [busy.api.upload(table(200)) for _ in range(MANY)]
        answers.append(quiet.api.upload(table(200)))
    finally:
        worker.resume()
    task_ids = [answer.json()["task_id"] for answer in answers]
    single = task_ids[-1]
    quick = quiet.api.wait_task(single)
    others = [busy.api.wait_task(task_id, 3 * PATIENCE) for task_id in task_ids[:-1]]
    assert {task["status"] for task in (quick, *others)} == {"succeeded"}
    earlier = [task for task in others if task["started_at"] < quick["started_at"]]
    assert len(earlier) <= MANY // 4


@pytest.fixture
def one_place(serve: Callable[..., Server]) -> Server:
    """A server with one place beside that for short work."""
    return serve(inspections_at_once=1)


def upload_slow(api: Api, rows: int) -> str:
    """A delivery of `rows` kB whose inspection takes 60 ms a row."""
    answer = api.upload(slow_table(rows), limit=10**7, enforce_schema=json.dumps(SLOW_SCHEMA))
    return str(answer.json()["task_id"])


def test_a_small_delivery_does_not_wait_for_a_large_one(one_place: Server) -> None:
    """Also of the same account, and also if small ones turn out to be slow: those leave."""
    api, other = one_place.new_account().api, one_place.new_account().api
    large = upload_slow(api, 2_000)
    api.wait_status(large, {"running"})
    small = api.wait_task(str(api.upload(TINY).json()["task_id"]))
    assert small["status"] == "succeeded"
    slow = [upload_slow(api, 500) for _ in range(3)]
    tiny = other.wait_task(str(other.upload(TINY).json()["task_id"]))
    assert tiny["status"] == "succeeded"
    assert api.task(large)["status"] == "running"
    for task_id in (*slow, large):
        assert api.task(task_id)["status"] in ("queued", "running")
        assert api.post(f"/task/{task_id}/cancel").status_code == 202
    for task_id in (*slow, large):
        assert api.wait_task(task_id)["status"] == "canceled"


@pytest.mark.long
def test_another_account_is_served_beside_a_thousand_deliveries(server: Server) -> None:
    busy, quiet = server.new_account(), server.new_account()
    task_ids = [str(busy.api.upload(table(200)).json()["task_id"]) for _ in range(1_000)]
    for _ in range(5):
        task = quiet.api.wait_task(str(quiet.api.upload(table(200)).json()["task_id"]))
        assert (task["status"], seconds_to_end(task) < PROMPT_SECONDS) == ("succeeded", True)
    for task_id in task_ids:
        assert busy.api.wait_task(task_id, 10 * UNHURRIED)["status"] == "succeeded"


@pytest.mark.long
def test_eight_bytes_are_published_beside_700_megabytes(one_place: Server) -> None:
    api = one_place.new_account(quota=2 * 10**9).api
    row = b"1,text of some length,2024-01-01,17.25,true\n"
    content = b"a,b,c,d,e\n" + row * (700_000_000 // len(row))
    large = str(api.upload(content, limit=10**9).json()["task_id"])
    api.wait_status(large, {"running"})
    task = api.wait_task(str(api.upload(TINY).json()["task_id"]))
    assert (task["status"], seconds_to_end(task) < PROMPT_SECONDS) == ("succeeded", True)
    assert api.wait_task(large, 10 * UNHURRIED)["status"] == "succeeded"
