"""Keys, users, entitlements and offers page by page: each once, whatever comes and goes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert
from tests.http.conftest import Run
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import post_version, share, unshare

from entrepot.db.tables import keys, users
from entrepot.db.types import WriteConnection
from entrepot_client.client import Client

pytestmark = pytest.mark.both_databases

PAGES = 200
"""More than any list here has."""


@dataclass
class Listed:
    """A list, and how something is put on it and taken off again."""

    api: Api
    path: str
    envelope: str
    name: str
    add: Callable[[], str]
    remove: Callable[[str], None]

    def page(self, target: str) -> tuple[list[str], str | None]:
        """What is on a page, by name, and where the next one is."""
        answer = self.api.get(target)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == [self.envelope]
        following = answer.links.get("next", {}).get("url")
        return [each[self.name] for each in answer.json()[self.envelope]], following

    def walk(self, limit: int, between: Callable[[int], None] = lambda _: None) -> list[str]:
        """All of it, in pages of `limit`; what is done `between` them gets the page's number."""
        results: list[str] = []
        target: str | None = f"{self.path}?limit={limit}"
        for at in range(PAGES):
            if target is None:
                return results
            page, target = self.page(target)
            assert len(page) == limit or target is None
            results += page
            between(at)
        raise AssertionError("the pages never end")


def listed_keys(account: TestAccount, api: Api) -> Listed:
    def add() -> str:
        return str(api.post("/key/new", json={"name": "k"}).json()["key_id"])

    def remove(key_id: str) -> None:
        assert api.request("DELETE", f"/key/{key_id}").status_code == 204

    return Listed(api, "/keys", "keys_list", "key_id", add, remove)


def members_keys(account: TestAccount) -> Listed:
    return listed_keys(account, account.new_user().api)


def admins_keys(account: TestAccount) -> Listed:
    account.new_user()  # whose key is listed too
    return listed_keys(account, account.api)


def listed_users(account: TestAccount) -> Listed:
    numbers = count()

    def add() -> str:
        name = f"{account.name}:n{next(numbers)}"
        assert account.api.post("/user/new", json={"user_name": name}).status_code == 201
        return name

    def remove(name: str) -> None:
        assert account.api.request("DELETE", f"/user/{name}").status_code == 204

    return Listed(account.api, "/users", "users_list", "user_name", add, remove)


def listed_entitlements(account: TestAccount) -> Listed:
    file_id = account.api.deliver(CSV)["file_id"]
    other = account.api.deliver(CSV)["file_id"]
    guests = account.server.new_account()

    def add() -> str:
        name = guests.new_user().user_name
        share(account.api, file_id, name, "r")
        share(account.api, other, name, "rw")
        return name

    def remove(name: str) -> None:
        unshare(account.api, file_id, name)

    path = f"/file/{file_id}/entitlements"
    return Listed(account.api, path, "entitlements_list", "user_name", add, remove)


def listed_offers(account: TestAccount) -> Listed:
    owner = account.server.new_account().api
    named = {"user_name": account.new_user().user_name}

    def add() -> str:
        file_id = str(owner.deliver(CSV)["file_id"])
        mine = {"user_name": account.admin.user_name}
        assert owner.request("PUT", f"/file/{file_id}/offer", json=mine).status_code == 200
        another = str(owner.upload(CSV).json()["task_id"])  # offered to somebody else
        theirs = f"/file/{owner.task(another)['file_id']}/offer"
        assert owner.request("PUT", theirs, json=named).status_code == 200
        return file_id

    def remove(file_id: str) -> None:
        assert account.api.request("DELETE", f"/file/{file_id}/offer").status_code == 204

    return Listed(account.api, "/offers", "offers_list", "file_id", add, remove)


KINDS = (members_keys, admins_keys, listed_users, listed_entitlements, listed_offers)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_listed_once_while_others_come_and_go(
    account: TestAccount, kind: Callable[[TestAccount], Listed]
) -> None:
    of = kind(account)
    there, _ = of.page(of.path)
    made = [of.add() for _ in range(5)]
    everything, following = of.page(of.path)
    assert (everything, following) == (there + made, None)
    for limit in (1, 3, len(everything), 1000):
        assert of.walk(limit) == everything
    gone, added = [made[0], made[4]], []

    def between(at: int) -> None:
        if at < 2:
            of.remove(gone[at])
            added.append(of.add())

    result = of.walk(2, between)
    kept = [each for each in everything if each not in gone]
    assert [each for each in result if each in kept] == kept
    assert len(result) == len(set(result))
    assert result[-2:] == added
    assert of.walk(2) == kept + added


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_limits_and_cursors(
    account: TestAccount, kind: Callable[[TestAccount], Listed]
) -> None:
    of = kind(account)
    for limit in ("0", "1001", "-1", "x", ""):
        answer = of.api.get(of.path, params={"limit": limit})
        assert_problem(answer, 422, "field-invalid", field="limit")
    for cursor in ("", "x", "W10", "WzEsIjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwIl0"):
        answer = of.api.get(of.path, params={"cursor": cursor})
        assert_problem(answer, 422, "field-invalid", field="cursor")


def test_a_cursor_opens_no_other_list(server: Server, account: TestAccount) -> None:
    """Not of another kind, nor of another thing; and in another account's list only what is its."""
    api, member = account.api, account.new_user()
    first, second = (api.deliver(CSV)["file_id"] for _ in range(2))
    for file_id in (first, second):
        for _ in range(2):
            api.wait_task(post_version(api, file_id).json()["task_id"])
        for name in (member.user_name, f"{account.name}:*"):
            share(api, file_id, name, "r")
    paths = ["/keys", "/users", "/tasks", "/files", "/activity"]
    paths += [f"/file/{first}/{what}" for what in ("entitlements", "versions", "activity")]
    cursors = {path: cursor_of(api, path) for path in paths}
    for path in paths:
        for of, cursor in cursors.items():
            answer = api.get(path, params={"cursor": cursor})
            if of == path:
                assert answer.status_code == 200, answer.text
            else:
                assert_problem(answer, 422, "field-invalid", field="cursor")
    for what in ("entitlements", "versions", "activity"):
        cursor = cursors[f"/file/{first}/{what}"]
        for other in (second, str(uuid4())):
            answer = api.get(f"/file/{other}/{what}", params={"cursor": cursor})
            assert_problem(answer, 422, "field-invalid", field="cursor")
    stranger = server.new_account()
    for path, envelope in (("/keys", "keys_list"), ("/users", "users_list")):
        listed = stranger.api.json(path, params={"cursor": cursors[path]})[envelope]
        assert {each["user_name"] for each in listed} == {stranger.admin.user_name}
    for what in ("entitlements", "versions"):
        path = f"/file/{first}/{what}"
        answer = stranger.api.get(path, params={"cursor": cursors[path]})
        assert_problem(answer, 404, "not-found")


def cursor_of(api: Api, path: str) -> str:
    """The cursor of a list's second page."""
    answer = api.get(path, params={"limit": 1})
    return str(answer.links["next"]["url"].split("cursor=")[1])


def test_a_client_that_knows_no_pages_misses_nothing_and_ours_follows_them(
    server: Server, account: TestAccount, run: Run
) -> None:
    insert_records(server, account, 10_001)
    for path, envelope, name in (
        ("/users", "users_list", "user_name"),
        ("/keys", "keys_list", "key_id"),
    ):
        answer = account.api.get(path)
        first = [each[name] for each in answer.json()[envelope]]
        assert len(first) == 10_000
        rest = account.api.get(answer.links["next"]["url"])
        assert "link" not in rest.headers
        every = first + [each[name] for each in rest.json()[envelope]]
        assert len(set(every)) == len(every) == 10_002
        with Client(server.endpoint, account.api_key) as client:
            result: Any = client.users() if name == "user_name" else client.keys()
            assert [each[name] for each in result] == every
    status, output, _ = run("--format", "quiet", "keys", "list")
    assert (status, output.split()) == (0, every)


def insert_records(server: Server, account: TestAccount, many: int) -> None:
    """Rows alone, by so many users with a key each: a list needs no more."""
    actor, now = server.actor(account.api_key), server.parts.clock()

    def make(conn: WriteConnection) -> None:
        people = [
            {
                "id": uuid4(),
                "account_id": actor.account_id,
                "name": f"u{at}",
                "role": "member",
                "created_at": now + timedelta(microseconds=at // 3),
            }
            for at in range(many)
        ]
        conn.execute(insert(users), people)
        made = [
            {
                "id": uuid4(),
                "user_id": person["id"],
                "account_id": actor.account_id,
                "name": "",
                "prefix": "epk_0000",
                "digest": uuid4().bytes * 2,
                "scopes": "read",
                "created_at": person["created_at"],
            }
            for person in people
        ]
        conn.execute(insert(keys), made)

    server.parts.database.write(make)
