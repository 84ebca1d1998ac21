"""Files: one, in lists that page stably, and what was found in them."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select
from tests.support.api import CSV, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.activity.record import record
from entrepot.db.tables import files, users
from entrepot.db.types import WriteConnection

pytestmark = pytest.mark.both_databases

KEYS = [
    "created_at",
    "entitlement",
    "file_description",
    "file_id",
    "file_name",
    "user_name",
    "updated_at",
    "version",
    "file_size",
    "file_size_limit",
    "enforce_schema",
    "media_type",
    "sha256",
    "row_count",
    "from_other_account",
    "path",
]
SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'


def test_one_file(account: TestAccount) -> None:
    task = account.api.deliver(CSV, file_description="two rows", enforce_schema=SCHEMA)
    result = account.api.json(f"/file/{task['file_id']}")
    extra = ["schema", "table_dialect", "encoding", "retention", "exception", "offered_to"]
    assert list(result) == [*KEYS, *extra]
    assert result["file_id"] == task["file_id"]
    assert (result["version"], result["file_size"], result["row_count"]) == (1, len(CSV), 2)
    assert (result["media_type"], result["enforce_schema"]) == ("text/csv", True)
    assert [field["type"] for field in result["schema"]["fields"]] == ["integer", "integer"]
    (listed,) = account.api.json("/files")["files_list"]
    assert listed == {name: result[name] for name in KEYS}


def test_a_file_before_its_first_version(account: TestAccount) -> None:
    task = account.api.deliver(b"id,amount\nx,y\n", enforce_schema=SCHEMA)
    assert task["status"] == "failed"
    result = account.api.json(f"/file/{task['file_id']}")
    assert result["version"] is None
    assert (result["file_size"], result["sha256"], result["row_count"]) == (None, None, None)
    (listed,) = account.api.json("/files")["files_list"]
    assert listed["file_id"] == task["file_id"]


def test_report_and_profile(account: TestAccount) -> None:
    task = account.api.deliver(CSV, enforce_schema="true")
    base = f"/file/{task['file_id']}"
    report = account.api.json(f"{base}/report")
    assert report["valid"] is True
    assert report["stats"]["errors"] == 0
    assert account.api.json(task["report_url"]) == report
    profile = account.api.json(f"{base}/profile")
    assert profile["table"]["columns"] == 2  # what is in them is measured later
    for what in ("report", "profile"):
        assert account.api.json(f"{base}/{what}", params={"version": 1})
        answer = account.api.get(f"{base}/{what}", params={"version": 2})
        assert_problem(answer, 404, "not-found")


def make_files(server: Server, account: TestAccount, count: int, apart: timedelta) -> None:
    """File rows alone: a list needs no more, and ten thousand uploads take too long."""
    now = server.parts.clock()

    def make(conn: WriteConnection) -> None:
        actor = server.actor(account.api_key)
        owner = conn.scalar(select(users.c.id).where(users.c.account_id == actor.account_id))
        rows = [
            {
                "id": uuid4(),
                "account_id": actor.account_id,
                "owner_id": owner,
                "name": f"{n}.csv",
                "name_key": f"{n}.csv",
                "description": "",
                "size_limit": 1,
                "enforcement": "none",
                "created_at": now + n * apart,
                "updated_at": now,
            }
            for n in range(count)
        ]
        conn.execute(insert(files), rows)
        for row in rows:
            record(conn, actor.account_id, None, "file.define", now, row["id"])

    server.parts.database.write(make)


def pages(account: TestAccount, target: str) -> list[list[dict[str, Any]]]:
    """Follow `Link` headers from `target` to the last page."""
    result = []
    while target:
        answer = account.api.get(target)
        assert answer.status_code == 200, answer.text
        result.append(answer.json()["files_list"])
        link = answer.headers.get("link")
        if link is not None:
            assert re.fullmatch(r'</api/v1/files\?[^>]+>; rel="next"', link)
        target = answer.links["next"]["url"] if link else ""
    return result


@pytest.mark.parametrize("apart", [timedelta(seconds=1), timedelta(microseconds=7), timedelta()])
def test_pages_hold_each_file_once_in_order(
    server: Server, account: TestAccount, apart: timedelta
) -> None:
    make_files(server, account, 25, apart)
    (everything,) = pages(account, "/files")
    assert len(everything) == 25
    paged = pages(account, "/files?limit=10")
    assert [len(page) for page in paged] == [10, 10, 5]
    assert [file for page in paged for file in page] == everything
    backwards = pages(account, "/files?limit=7&sort=-created_at")
    assert [file for page in backwards for file in page] == everything[::-1]
    exact = pages(account, "/files?limit=25")
    assert [len(page) for page in exact] == [25]
    if apart:
        assert [file["file_name"] for file in everything] == [f"{n}.csv" for n in range(25)]


def test_what_comes_between_pages_moves_nothing(server: Server, account: TestAccount) -> None:
    make_files(server, account, 6, timedelta(seconds=-1))
    first = account.api.get("/files?limit=3")
    account.api.upload(CSV)  # the newest, so on the last page
    rest = pages(account, first.links["next"]["url"])
    names = [f["file_name"] for page in [first.json()["files_list"], *rest] for f in page]
    assert names == ["5.csv", "4.csv", "3.csv", "2.csv", "1.csv", "0.csv", "orders.csv"]


def test_a_client_that_knows_no_pages_misses_nothing(server: Server) -> None:
    account = server.new_account()
    make_files(server, account, 10_001, timedelta(milliseconds=1))
    answer = account.api.get("/files")
    assert len(answer.json()["files_list"]) == 10_000
    rest = account.api.get(answer.links["next"]["url"])
    (last,) = rest.json()["files_list"]
    assert last["file_name"] == "10000.csv"
    assert "link" not in rest.headers
    thousand = account.api.get("/files?limit=1000")
    assert len(thousand.json()["files_list"]) == 1000


def test_a_cursor_opens_no_other_account(server: Server, account: TestAccount) -> None:
    other = server.new_account()
    make_files(server, other, 3, timedelta(seconds=1))
    target = other.api.get("/files?limit=1").links["next"]["url"]
    assert account.api.json(target) == {"files_list": []}
    answer = account.api.get(target.replace("/files?", "/tasks?"))
    assert_problem(answer, 422, "field-invalid", field="cursor")
