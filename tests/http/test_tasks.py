"""Tasks: listed, shown, followed as events, canceled."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.http.conftest import LONG_CSV, holding_places, upload_endless
from tests.support.api import CSV, Event, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.wait import PATIENCE, wait_until

pytestmark = pytest.mark.both_databases

KEYS = [
    "task_id",
    "kind",
    "status",
    "progress",
    "created_at",
    "started_at",
    "finished_at",
    "user_name",
    "file_id",
    "file_name",
    "path",
    "version",
    "error",
    "report_url",
]
SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'


def events_of(stream: Iterator[Event | str]) -> list[Event]:
    return [event for event in stream if isinstance(event, Event)]


def test_a_task_that_succeeded(account: TestAccount) -> None:
    task = account.api.deliver(CSV, enforce_schema="true")
    assert list(task) == KEYS
    assert task["kind"] == "file.new"
    assert task["status"] == "succeeded"
    assert list(task["progress"]) == ["stage", "done", "total", "unit", "percent"]
    assert task["progress"]["done"] == task["progress"]["total"] == len(CSV)
    assert task["progress"]["percent"] == 100.0
    assert task["user_name"] == account.admin.user_name
    assert (task["file_name"], task["version"], task["error"]) == ("orders.csv", 1, None)
    assert task["created_at"] <= task["started_at"] <= task["finished_at"]


def test_a_delivery_that_breaks_its_contract(account: TestAccount) -> None:
    task = account.api.deliver(b"id,amount\n1,2\nx,4\n", enforce_schema=SCHEMA)
    assert task["status"] == "failed"
    error = task["error"]
    assert (error["code"], error["status"]) == ("schema-violation", 422)
    assert error["type"] == "/problems/schema-violation"
    assert error["error_count"] == 1
    (first,) = error["errors"]
    assert (first["type"], first["rowNumber"], first["fieldName"]) == ("type-error", 3, "id")
    assert first["cell"] == "x"
    report = account.api.json(task["report_url"])
    assert report["valid"] is False
    assert report["stats"]["errors"] == 1
    # It never became visible, and its bytes lie in quarantine.
    assert_problem(
        account.api.get(f"/file/download/{task['file_id']}"), 404, "no-published-version"
    )
    assert account.api.json(f"/file/{task['file_id']}")["version"] is None
    assert account.api.account()["quarantined"] == 1


def test_a_delivery_that_is_no_table(account: TestAccount) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
    task = account.api.deliver(picture, name="logo.png", enforce_schema="true")
    assert (task["status"], task["error"]["code"]) == ("failed", "not-tabular")
    stored = account.api.deliver(picture, name="logo.png")
    assert stored["status"] == "succeeded"


def test_a_delivery_that_is_damaged(account: TestAccount) -> None:
    damaged = b"PAR1" + bytes(range(256)) * 8 + b"\x10\x00\x00\x00PAR1"
    task = account.api.deliver(damaged, name="orders.parquet", enforce_schema="true")
    assert (task["status"], task["error"]["code"]) == ("failed", "source-error")
    assert task["error"]["status"] == 422


def test_tasks_are_listed_newest_first(account: TestAccount) -> None:
    tasks = [account.api.deliver(CSV, name=f"{n}.csv") for n in range(3)]
    listed = account.api.json("/tasks")["tasks_list"]
    assert [t["task_id"] for t in listed] == [t["task_id"] for t in reversed(tasks)]
    assert listed[0] == tasks[-1]
    assert account.api.json("/tasks", params={"status": "failed"}) == {"tasks_list": []}
    assert len(account.api.json("/tasks", params={"status": "succeeded"})["tasks_list"]) == 3
    assert_problem(account.api.get("/tasks", params={"status": "done"}), 422, "field-invalid")


def test_tasks_are_paged(account: TestAccount) -> None:
    tasks = [account.api.upload(CSV).json()["task_id"] for _ in range(5)]
    seen, target = [], "/tasks?limit=2"
    while target:
        answer = account.api.get(target)
        seen += [task["task_id"] for task in answer.json()["tasks_list"]]
        target = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == tasks[::-1]


def test_events_tell_the_state_and_the_end(account: TestAccount) -> None:
    task_id = account.api.upload(CSV).json()["task_id"]
    events = events_of(account.api.events(task_id))
    assert events[-1].data == account.api.task(task_id)
    assert events[-1].data["status"] == "succeeded"
    assert {event.name for event in events} == {"task"}
    ids = [int(event.id) for event in events]
    assert ids == sorted(set(ids))


def test_events_resume_where_the_client_was(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    (last,) = events_of(account.api.events(task["task_id"]))
    assert events_of(account.api.events(task["task_id"], last=last.id)) == []
    earlier = str(int(last.id) - 1)
    assert events_of(account.api.events(task["task_id"], last=earlier)) == [last]
    for nonsense in (b"", b"x", b"-1", b"9" * 30, b"9" * 5000, b"\xb2"):
        assert events_of(account.api.events(task["task_id"], last=nonsense)) == [last]


def test_an_end_that_a_heartbeat_sees_first_is_sent(serve: Callable[..., Server]) -> None:
    """Half of 10,000 streams closed without the event of their task's end."""
    server = serve(event_heartbeat=0.001)
    account = server.new_account()
    for _ in range(3):
        events = events_of(account.api.events(account.api.upload(CSV).json()["task_id"]))
        assert events[-1].data["status"] == "succeeded"


def test_the_end_of_the_key_ends_the_events(account: TestAccount, held: str) -> None:
    watcher = account.new_key()
    stream = watcher.api.events(held)
    assert isinstance(next(stream), Event)
    assert account.api.request("DELETE", f"/key/{watcher.key.key.id}").status_code == 204
    rest = list(stream)
    assert all(isinstance(event, str) or event.data["status"] == "running" for event in rest)
    assert account.api.task(held)["status"] == "running"


def test_a_running_task_is_canceled(account: TestAccount, held: str) -> None:
    """Long before its inspection would have ended."""
    events: list[Event] = []

    def follow() -> None:
        events.extend(each for each in account.api.events(held) if isinstance(each, Event))

    follower = threading.Thread(target=follow)
    follower.start()
    wait_until(lambda: events, "the task is followed")
    answer = account.api.post(f"/task/{held}/cancel")
    assert answer.status_code == 202
    task = account.api.wait_task(held)
    follower.join(PATIENCE)
    assert task["status"] == "canceled"
    assert events[-1].data["status"] == "canceled"
    assert_gone(account, task)


def test_a_waiting_task_is_canceled_at_once(server: Server, account: TestAccount) -> None:
    with holding_places(server, account.api):
        waiting = account.api.upload(LONG_CSV, limit=10_000_000).json()["task_id"]
        answer = account.api.post(f"/task/{waiting}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "canceled")
    assert_gone(account, account.api.task(waiting))


def test_what_has_ended_cannot_be_canceled(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    answer = account.api.post(f"/task/{task['task_id']}/cancel")
    assert_problem(answer, 409, "task-finished")
    assert answer.json()["detail"].endswith("succeeded.")
    assert account.api.task(task["task_id"]) == task


def test_who_sees_a_task(account: TestAccount) -> None:
    member, other = account.new_user(), account.new_user()
    task = member.api.deliver(CSV)
    assert account.api.task(task["task_id"]) == task
    assert_problem(other.api.get(f"/task/{task['task_id']}"), 404, "not-found")
    assert other.api.json("/tasks") == {"tasks_list": []}
    assert [t["task_id"] for t in account.api.json("/tasks")["tasks_list"]] == [task["task_id"]]


def assert_gone(account: TestAccount, task: dict[str, Any]) -> None:
    """Check that a canceled delivery is invisible, and its bytes and quota given back."""
    assert_problem(
        account.api.get(f"/file/download/{task['file_id']}"), 404, "no-published-version"
    )
    wait_until(lambda: not account.api.account()["used"], "the bytes of a canceled delivery go")
    assert account.api.account()["reserved"] == 0


def test_a_shutdown_ends_the_streams(serve: Callable[..., Server]) -> None:
    server = serve()
    account = server.new_account()
    stream = account.api.events(upload_endless(account.api))
    assert isinstance(next(stream), Event)
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    assert server.stop() == 0
    reader.join(PATIENCE)
    assert not reader.is_alive()
