"""The record as it is listed and exported: who sees what of it, and that its chain holds."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from tests.http.test_versions import BROKEN, SCHEMA, publish
from tests.support.api import CSV, Api, assert_problem
from tests.support.loops import run_apart
from tests.support.older_words import use_older_words
from tests.support.server import Server, TestAccount
from tests.support.sharing import share
from tests.support.wait import wait_until

from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import authenticate
from entrepot.activity.record import RequestOrigin, record
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotAuthenticated
from entrepot.files.queries.activity import ActivityFilter, list_activity
from entrepot.http.api.activity import EXPORT_BATCH_ROWS, export, render_page
from entrepot.http.deps import UnitOfWork
from entrepot.http.runtime import open_runtime
from entrepot.http.timestamps import format_timestamp

pytestmark = pytest.mark.both_databases


def actions(api: Api, path: str = "/activity", **params: Any) -> list[str]:
    """What happened, the newest first."""
    return [row["action"] for row in api.json(path, params=params)["activity_list"]]


def acts(api: Api, **params: Any) -> list[str]:
    """The same without how keys are used, which is recorded in the background."""
    of_keys = ("key.first-use", "access.refuse")
    return [action for action in actions(api, **params) if action not in of_keys]


def holds(lines: list[str]) -> bool:
    """Whether an export of an account's record is a chain, as its description says."""
    before = "0" * 64
    for line in lines:
        row = json.loads(line)
        recorded_hash = row.pop("hash")
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        if sha256(f"{before}\n{text}".encode()).hexdigest() != recorded_hash:
            return False
        before = recorded_hash
    return True


def test_what_was_done_is_listed_with_who_and_from_where(
    server: Server, account: TestAccount
) -> None:
    member = account.new_user()
    answer = member.api.upload()
    file_id = member.api.wait_task(answer.json()["task_id"])["file_id"]
    published, defined = member.api.json(f"/file/{file_id}/activity")["activity_list"]
    assert defined["action"] == "file.define"
    assert defined["user_name"] == member.user_name
    assert defined["key_id"] == str(member.key.key.id)
    assert defined["address"] == "127.0.0.1"
    assert defined["request_id"] == answer.headers["x-request-id"]
    assert defined["result"] == "done"
    assert (published["action"], published["user_name"]) == ("version.publish", None)
    assert published["version"] == 1
    listed = account.api.json("/activity")["activity_list"]
    assert {row["account_id"] for row in listed} == {defined["account_id"]}
    assert defined in listed


def test_pages_follow_each_other(account: TestAccount) -> None:
    account.api.deliver(CSV)
    whole = account.api.json("/activity")["activity_list"]
    assert len(whole) > 3
    seen, path = [], "/activity?limit=2"
    while path:
        answer = account.api.get(path)
        page = answer.json()["activity_list"]
        assert len(page) <= 2
        seen += page
        path = answer.links.get("next", {}).get("url", "")
    assert seen == whole


def test_rows_are_chosen(account: TestAccount) -> None:
    first = account.api.deliver(CSV)["file_id"]
    member = account.new_user()
    second = member.api.deliver(CSV)["file_id"]
    api = account.api
    assert actions(api, action="file.define") == ["file.define"] * 2
    assert actions(api, action="version.accept-suggestion") == []
    detail = "`action` must be the name of an action, such as version.read."
    for wrong in ("nothing", "version.read\n"):
        answer = api.get("/activity", params={"action": wrong})
        assert_problem(answer, 422, "field-invalid", detail=detail)
    assert acts(api, user_name=member.user_name) == ["file.define"]
    assert actions(api, file_id=second) == ["version.publish", "file.define"]
    assert actions(api, action="file.define", file_id=str(uuid4())) == []
    path = f"/file/{first}/activity"
    listed = api.json(path)["activity_list"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", each["at"]) for each in listed)
    # An export tells the microseconds, by which rows of one second are distinguished.
    exported = api.get(path, params={"format": "jsonl"}).text.splitlines()
    (define, publish) = (json.loads(line) for line in exported)
    assert actions(api, path, since=publish["at"]) == ["version.publish"]
    assert actions(api, path, until=publish["at"]) == ["file.define"]
    assert actions(api, path, until=define["at"]) == []


def test_rows_with_the_older_word_are_found_by_either(server: Server, account: TestAccount) -> None:
    """A row keeps the word of its time; the new one is written from now on."""
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    publish(api, file_id, BROKEN, "failed")
    use_older_words(server, file_id)
    publish(api, file_id, BROKEN, "failed")
    both = ["version.reject", "version.refuse"]
    path = f"/file/{file_id}/activity"
    for action in both:
        assert actions(api, path, action=action) == both
        assert actions(api, file_id=file_id, action=action) == both
        lines = api.get(path, params={"action": action, "format": "jsonl"}).text.splitlines()
        assert [json.loads(line)["result"] for line in lines] == ["refused", "rejected"]
    server.assert_sound()


TOO_LARGE = (
    base64.urlsafe_b64encode(f'[0,"{"f" * 32}","activity",""]'.encode()).decode().rstrip("=")
)
"""Of this list, after a number that no database has."""


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"action": "x\x00"}, "action"),
        ({"user_name": "a\x00b"}, "user_name"),
        ({"since": "2024-01-01"}, "since"),
        ({"since": "2024-01-01T00:00:00"}, "since"),
        ({"until": "9999-12-31T23:59:59-10:00"}, "until"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": "WzAsImZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmYiXQ"}, "cursor"),
        (
            {"cursor": "WzAsImZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmIiwiYWN0aXZpdHkiLCIiXQ"},
            "cursor",
        ),
        ({"format": "xml"}, "format"),
        ({"file_id": "x"}, "file_id"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for(account: TestAccount, params: dict[str, Any], field: str) -> None:
    problem = assert_problem(account.api.get("/activity", params=params), 422, "field-invalid")
    assert problem["field"] == field


def test_others_see_what_they_did_and_no_more(server: Server, account: TestAccount) -> None:
    owner, mate, guest = account.new_user(), account.new_user(), server.new_account().new_user()
    file_id = owner.api.deliver(CSV)["file_id"]
    share(owner.api, file_id, guest.user_name, "r")
    for reader in (guest, owner):
        assert reader.api.get(f"/file/download/{file_id}").status_code == 200
    path = f"/file/{file_id}/activity"
    wait_until(lambda: actions(owner.api, path).count("version.read") == 2, "both are recorded")
    assert_problem(guest.api.get(path), 403, "not-allowed")
    assert_problem(mate.api.get(path), 404, "not-found")
    # Their own, wherever it is recorded; of the account's nothing else.
    assert acts(guest.api) == ["version.read"]
    (read,) = guest.api.json("/activity", params={"action": "version.read"})["activity_list"]
    assert read["file_id"] == file_id
    assert acts(mate.api) == []
    assert actions(guest.api, user_name=owner.user_name) == []
    assert set(acts(owner.api)) == {"version.read", "entitlement.grant", "file.define"}
    # An admin sees the account's with the scope admin, and their own with a key without it.
    assert {"user.create", "version.read"} <= set(actions(account.api))
    assert acts(account.new_key(scopes=("read",)).api) == []
    assert {"version.read"} <= set(actions(account.new_key(scopes=("read",)).api, path))


def test_a_file_leaves_its_past_with_the_account_that_it_leaves(
    server: Server, account: TestAccount
) -> None:
    other = server.new_account()
    file_id = account.api.deliver(CSV)["file_id"]
    named = {"user_name": other.admin.user_name}
    assert account.api.request("PUT", f"/file/{file_id}/offer", json=named).status_code == 200
    assert other.api.post(f"/file/{file_id}/offer/accept").status_code == 200
    assert actions(other.api, f"/file/{file_id}/activity") == ["file.transfer"]
    past = actions(account.api, file_id=file_id)
    assert past == ["file.transfer", "file.offer", "version.publish", "file.define"]
    assert_problem(account.api.get(f"/file/{file_id}/activity"), 404, "not-found")


def test_an_export_can_be_checked(account: TestAccount) -> None:
    account.api.deliver(CSV)
    answer = account.api.get("/activity?format=jsonl")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "activity.jsonl" in answer.headers["content-disposition"]
    lines = answer.text.splitlines()
    listed = account.api.json("/activity")["activity_list"]
    exported = [json.loads(line) for line in reversed(lines)]
    assert [in_list(row) for row in exported] == listed
    assert holds(lines)
    for wrong in (lines[1:], [lines[0], *lines[2:]], [lines[1], lines[0], *lines[2:]]):
        assert not holds(wrong)
    assert not holds([lines[0].replace("done", "sent"), *lines[1:]])


def test_an_export_as_csv_says_the_same(account: TestAccount) -> None:
    account.api.deliver(CSV)
    answer = account.api.get("/activity?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    listed = account.api.json("/activity")["activity_list"]
    for row, item in zip(reversed(rows), listed, strict=True):
        assert row.keys() == item.keys()
        assert json.loads(row.pop("detail")) == item.pop("detail")
        expected = {name: "" if value is None else str(value) for name, value in item.items()}
        assert in_list(row) == expected


def in_list(row: dict[str, Any]) -> dict[str, Any]:
    """An exported row as it is listed: whole seconds, in the form of the API."""
    return {**row, "at": format_timestamp(datetime.fromisoformat(row["at"]))}


def test_an_export_takes_more_than_one_page_and_is_defused(
    server: Server, account: TestAccount
) -> None:
    actor = replace(
        server.actor(account.api_key), request_origin=RequestOrigin("=HYPERLINK(1)", "0" * 32)
    )

    def note(conn: WriteConnection) -> None:
        for _ in range(2 * EXPORT_BATCH_ROWS + 1):
            record(conn, actor.account_id, actor, "test.note", server.parts.clock())

    server.parts.database.write(note)
    lines = account.api.get("/activity?format=jsonl").text.splitlines()
    assert len(lines) > 2 * EXPORT_BATCH_ROWS
    assert holds(lines)
    text = account.api.get("/activity?format=csv&action=test.note").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2 * EXPORT_BATCH_ROWS + 1
    assert {row["address"] for row in rows} == {"'=HYPERLINK(1)"}


def test_an_export_breaks_off_when_the_right_to_it_ends(
    server: Server, account: TestAccount
) -> None:
    """Rather than to end as if it were whole."""
    actor = server.actor(account.api_key)
    reading, parts = account.new_key(), server.parts

    def note(conn: WriteConnection) -> None:
        for _ in range(EXPORT_BATCH_ROWS + 1):
            record(conn, actor.account_id, reading_actor, "test.note", parts.clock())

    def who(conn: ReadConnection, now: datetime) -> Actor:
        return authenticate(conn, parts.secret, reading.api_key, now)

    async def read_on() -> None:
        runtime = open_runtime(parts)
        work = UnitOfWork(runtime, who, "read", parts.clock())
        answer = await export(
            work, "jsonl", partial(render_page, list_activity, ActivityFilter(), "jsonl")
        )
        pages = aiter(answer.body_iterator)
        assert len(str(await anext(pages)).splitlines()) == EXPORT_BATCH_ROWS
        account.api.request("DELETE", f"/key/{reading.key.key.id}")
        with pytest.raises(NotAuthenticated):
            await anext(pages)
        runtime.read_cache.close()
        runtime.database_threads.shutdown()

    reading_actor = server.actor(reading.api_key)
    parts.database.write(note)
    run_apart(read_on())
