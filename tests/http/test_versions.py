"""Further versions of a file: they keep its contract, in order, and readers see the last good."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from tests.support.api import CSV, Api, assert_problem
from tests.support.postgres import Postgres
from tests.support.server import Server, TestAccount

from entrepot.files.delivery.deliver import INSPECT
from entrepot.tasks.claims import find_waiting

SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'
VERSION_KEYS = [
    "version",
    "status",
    "file_size",
    "sha256",
    "row_count",
    "created_at",
    "user_name",
    "task_id",
    "restored_from",
    "accepted_from",
    "reason",
    "replaces",
    "quarantined_until",
    "undo_until",
    "withdrawal",
    "link_id",
]
BROKEN = b"id,amount\nx,y\n"


def deliver(api: Api, file_id: str, content: bytes = CSV, **kwargs: Any) -> Any:
    """Post a version; the answer, whatever it is."""
    files = {"file": (kwargs.pop("name", "next.csv"), content)}
    return api.post(f"/file/{file_id}/versions", files=files, **kwargs)


def publish(api: Api, file_id: str, content: bytes = CSV, status: str = "succeeded") -> Any:
    """Post a version and wait for its task, which ends so; the task."""
    answer = deliver(api, file_id, content)
    assert answer.status_code == 202, answer.text
    task = api.wait_task(answer.json()["task_id"])
    assert task["status"] == status, task
    return task


def rows(count: int) -> bytes:
    """A sound table of this many rows."""
    return b"id,amount\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(count))


def test_a_second_version_takes_the_place_of_the_first(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    answer = deliver(api, file_id, rows(3))
    assert answer.status_code == 202
    assert list(answer.json()) == ["task_id"]
    assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
    task = api.wait_task(answer.json()["task_id"])
    assert (task["kind"], task["version"], task["file_id"]) == ("version.new", 2, file_id)
    result = api.json(f"/file/{file_id}")
    assert (result["version"], result["file_name"], result["row_count"]) == (2, "orders.csv", 3)
    assert api.get(f"/file/download/{file_id}").content == rows(3)
    assert api.get(f"/file/download/{file_id}", params={"version": 1}).content == CSV
    assert api.account()["used"] == len(CSV) + len(rows(3))
    assert len(api.json("/files")["files_list"]) == 1


def test_a_rejected_version_leaves_readers_on_the_last_good_one(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    task = publish(api, file_id, BROKEN, "failed")
    assert task["error"]["code"] == "schema-violation"
    assert api.get(f"/file/download/{file_id}").content == CSV
    assert api.json(f"/file/{file_id}")["version"] == 1
    reader = account.new_user("admin").api
    assert reader.get(f"/file/download/{file_id}").content == CSV
    assert reader.get(f"/file/download/{file_id}", params={"version": 2}).status_code == 404
    publish(api, file_id, rows(5))
    assert api.json(f"/file/{file_id}")["version"] == 3


def test_a_frozen_schema_binds_the_second_version(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, enforce_schema="true")["file_id"]
    publish(api, file_id, b"id,amount\n1,words\n", "failed")
    publish(api, file_id, rows(2))


def test_a_rejected_first_version_freezes_nothing(account: TestAccount) -> None:
    api = account.api
    first = api.deliver(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", name="a.png", enforce_schema="true")
    assert first["status"] == "failed"
    publish(api, first["file_id"], CSV)
    result = api.json(f"/file/{first['file_id']}")
    assert (result["version"], result["enforce_schema"]) == (2, True)
    assert api.json(f"/file/{first['file_id']}/schema")["version"] == 2


def test_the_place_of_the_header_is_frozen_with_the_schema(account: TestAccount) -> None:
    titled = b"Report of May\n\nid,name\n1,Ada\n"
    file_id = account.api.deliver(titled, enforce_schema="true")["file_id"]
    assert account.api.json(f"/file/{file_id}")["table_dialect"] == {"headerRows": [3]}
    publish(account.api, file_id, titled)
    rejected = publish(account.api, file_id, b"id,name\n1,Ada\n", status="failed")
    assert "the header is in row 1" in rejected["error"]["detail"]


def test_the_files_dialect_reads_the_second_version(account: TestAccount) -> None:
    api = account.api
    dialect = '{"delimiter":";"}'
    file_id = api.deliver(b"id;amount\n1;2\n", table_dialect=dialect)["file_id"]
    publish(api, file_id, b"id;amount\n1,5;2,5\n")
    assert api.json(f"/file/{file_id}")["row_count"] == 1


def test_the_files_limit_binds_while_bytes_stream_in(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, limit=100)["file_id"]
    problem = assert_problem(deliver(api, file_id, b"x" * 101), 413, "file-too-large", limit=100)
    assert problem["requested"] > 100
    assert_problem(deliver(api, file_id, b"x" * 9_000_000), 413, "file-too-large", limit=100)
    publish(api, file_id, b"id\n" + b"1\n" * 48)
    assert api.account()["reserved"] == 0


@pytest.mark.both_databases
def test_versions_count_against_the_quota(server: Server) -> None:
    account = server.new_account(quota=len(CSV) + 20)
    file_id = account.api.deliver(CSV)["file_id"]
    answer = deliver(account.api, file_id, rows(9))
    assert_problem(answer, 413, "account-quota-exceeded", used=len(CSV))
    figures = account.api.account()
    assert (figures["used"], figures["reserved"], figures["versions"]) == (len(CSV), 0, 1)


def test_what_may_not_be_known_is_not_found(server: Server, account: TestAccount) -> None:
    stranger = server.new_account()
    theirs = stranger.api.deliver(CSV)["file_id"]
    for file_id in (theirs, str(uuid4()), "nonsense"):
        answer = deliver(account.api, file_id)
        problem = assert_problem(answer, 404, "not-found")
        problem.pop("request_id")
        assert problem == {
            "type": "/problems/not-found",
            "title": "Not found",
            "status": 404,
            "detail": problem["detail"],
            "code": "not-found",
        }
        assert file_id not in answer.text
    assert_problem(deliver(server.api(None), theirs), 401, "not-authenticated")
    reader = account.new_key(("read",)).api
    mine = account.api.deliver(CSV)["file_id"]
    assert_problem(deliver(reader, mine), 403, "scope-missing")
    assert stranger.api.account()["used"] == len(CSV)


def test_malformed_deliveries_leave_nothing(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    assert_problem(deliver(api, file_id, b""), 422, "field-invalid", field="file")
    limited = deliver(api, file_id, data={"file_size_limit": "5"})
    assert_problem(limited, 422, "field-invalid", field="file_size_limit")
    path = f"/file/{file_id}/versions"
    assert_problem(api.post(path, json={}), 415, "media-type-unsupported")
    named = deliver(api, file_id, name="..")
    assert_problem(named, 422, "field-invalid", field="file")
    figures = api.account()
    assert (figures["used"], figures["reserved"]) == (len(CSV), 0)


@pytest.mark.both_databases
def test_deliveries_at_once_are_all_kept_in_order(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: deliver(api, file_id, rows(n + 1)), range(6)))
    tasks = [api.wait_task(answer.json()["task_id"]) for answer in answers]
    assert sorted(task["version"] for task in tasks) == [2, 3, 4, 5, 6, 7]
    assert {task["status"] for task in tasks} == {"succeeded"}
    assert api.json(f"/file/{file_id}")["version"] == 7
    for n, task in enumerate(tasks):
        version = {"version": task["version"]}
        assert api.get(f"/file/download/{file_id}", params=version).content == rows(n + 1)
    by_number = sorted(tasks, key=lambda task: task["version"])
    ends = [task["finished_at"] for task in by_number]
    assert ends == sorted(ends)


def test_versions_are_listed_newest_first(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    rejected = publish(api, file_id, BROKEN, "failed")
    publish(api, file_id, rows(3))
    items = api.json(f"/file/{file_id}/versions")["versions_list"]
    assert [(v["version"], v["status"], v["row_count"]) for v in items] == [
        (3, "published", 3),
        (2, "rejected", 1),
        (1, "published", 2),
    ]
    assert list(items[1]) == VERSION_KEYS
    assert items[1]["file_size"] == len(BROKEN)
    assert items[1]["sha256"] == sha256(BROKEN).hexdigest()
    assert (items[1]["task_id"], items[1]["user_name"]) == (
        rejected["task_id"],
        account.admin.user_name,
    )
    for version in items:
        assert api.json(f"/file/{file_id}/versions/{version['version']}") == version


@pytest.mark.both_databases
def test_the_list_of_versions_has_pages(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    for n in range(4):
        assert deliver(api, file_id, rows(n + 1)).status_code == 202
    seen, url = [], f"/file/{file_id}/versions?limit=2"
    while url:
        page = api.get(url)
        seen += [v["version"] for v in page.json()["versions_list"]]
        url = page.links["next"]["url"] if "next" in page.links else ""
    assert seen == [5, 4, 3, 2, 1]
    wrong = api.get(f"/file/{file_id}/versions", params={"cursor": "x"})
    assert_problem(wrong, 422, "field-invalid", field="cursor")
    wrong = api.get(f"/file/{file_id}/versions", params={"limit": 0})
    assert_problem(wrong, 422, "field-invalid", field="limit")


def test_versions_of_others_are_not_found(server: Server, account: TestAccount) -> None:
    theirs = server.new_account().api.deliver(CSV)["file_id"]
    mine = account.api.deliver(CSV)["file_id"]
    paths = [f"/file/{uuid4()}/versions", f"/file/{theirs}/versions", "/file/x/versions"]
    paths += [f"/file/{theirs}/versions/1", f"/file/{mine}/versions/2", f"/file/{mine}/versions/0"]
    paths += [f"/file/{mine}/versions/{2**40}", f"/file/{mine}/versions/x"]
    bodies = set()
    for path in paths:
        problem = assert_problem(account.api.get(path), 404, "not-found")
        bodies.add(str({**problem, "request_id": ""}))
    assert len(bodies) == 1
    member = account.new_user().api
    assert_problem(member.get(f"/file/{mine}/versions"), 404, "not-found")


def test_an_earlier_version_is_decided_first(
    serve: Callable[..., Server], postgres: Postgres
) -> None:
    """The queue does not offer a version before the earlier ones of its file are decided."""
    server = serve(role="api", database=postgres.new_database())  # no worker: both wait
    api = server.new_account().api
    first = api.upload(CSV, enforce_schema="true").json()["task_id"]
    second = deliver(api, api.task(first)["file_id"], b"name\nwords\n").json()["task_id"]
    parts = server.parts

    def offered() -> list[str]:
        waiting = parts.database.read(find_waiting, [INSPECT], timedelta(minutes=1), parts.clock())
        return [str(entry.id) for entry in waiting]

    assert offered() == [first]
    assert api.task(second)["status"] == "queued"
