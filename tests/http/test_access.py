"""Access: every route with every kind of key; resources of other accounts answer 404."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.support.api import CSV, Api, assert_problem
from tests.support.links import make_link
from tests.support.server import Server, TestAccount
from tests.support.sharing import share
from tests.support.tus import HEADERS, STREAM, Tus, create

from entrepot.accounts.actor import SCOPES

FILE, TASK, KEY, USER = "{file}", "{task}", "{key}", "{user}"


# Method, path, the JSON or form sent, the scope it needs (None: any), whether it needs an admin.
ROUTES: list[tuple[str, str, Any, str | None]] = [
    ("GET", "/users", None, "read"),
    ("GET", "/user/{user}", None, "read"),
    ("POST", "/user/new", {"user_name": "{account}:new"}, "admin"),
    ("PATCH", "/user/{user}", {"disabled": False}, "admin"),
    ("DELETE", "/user/{gone}", None, "admin"),
    ("POST", "/user/{user}/link", None, "admin"),
    ("DELETE", "/user/{user}/sessions", None, "admin"),
    ("POST", "/password", {"current_password": "x", "new_password": "y"}, "write"),
    ("GET", "/keys", None, "read"),
    ("POST", "/key/new", {"scopes": ["write"]}, "write"),
    ("DELETE", "/key/{key}", None, "write"),
    ("GET", "/account", None, "read"),
    ("GET", "/whoami", None, None),
    ("GET", "/activity", None, "read"),
    ("GET", "/files", None, "read"),
    ("POST", "/files", "form", "write"),
    ("POST", "/file/new", "form", "write"),
    ("GET", "/file/{file}", None, "read"),
    ("GET", "/file/download/{file}", None, "read"),
    ("HEAD", "/file/download/{file}", None, "read"),
    ("GET", "/file/download/{file}/orders.csv", None, "read"),
    ("HEAD", "/file/download/{file}/orders.csv", None, "read"),
    ("GET", "/file/{file}/datapackage.json", None, "read"),
    ("PUT", "/file/{file}", "bytes", "write"),
    ("GET", "/file/{file}/report", None, "read"),
    ("GET", "/file/{file}/report.csv", None, "read"),
    ("GET", "/file/{file}/profile", None, "read"),
    ("GET", "/file/{file}/schema", None, "read"),
    ("PUT", "/file/{file}/schema", {"dialect": {"skipBlankRows": True}}, "write"),
    ("POST", "/file/{file}/versions", "version", "write"),
    ("GET", "/file/{file}/versions", None, "read"),
    ("GET", "/file/{file}/versions/{one}", None, "read"),
    ("POST", "/file/{file}/versions/{one}/restore", None, "write"),
    ("POST", "/file/{file}/versions/{one}/accept", {"reason": "Agreed"}, "write"),
    ("POST", "/file/{file}/versions/{one}/accept-suggestion", None, "write"),
    ("POST", "/file/{file}/versions/{one}/withdraw", {"reason": "Wrong"}, "write"),
    ("DELETE", "/file/{file}/versions/{one}/withdrawal", None, "write"),
    ("DELETE", "/file/{file}/versions/{one}", None, "write"),
    ("POST", "/file/{file}/versions/{one}/undelete", None, "write"),
    ("PATCH", "/file/{file}", {"file_description": "Another"}, "write"),
    ("GET", "/file/{file}/preview", None, "read"),
    ("GET", "/file/{file}/activity", None, "read"),
    ("POST", "/file/{file}/compare", {"before": 1, "after": 1}, "read"),
    ("GET", "/file/{file}/entitlements", None, "read"),
    ("PUT", "/file/{file}/entitlements/{guest}", {"entitlement": "r"}, "write"),
    ("DELETE", "/file/{file}/entitlements/{guest}", None, "write"),
    ("GET", "/file/{file}/links", None, "read"),
    ("POST", "/file/{file}/links", {"kind": "deliver"}, "write"),
    ("DELETE", "/file/{file}/links/{link}", None, "write"),
    ("GET", "/senders", None, "read"),
    ("PUT", "/sender/{sender}", {"decision": "accepted"}, "write"),
    ("DELETE", "/file/{shared}/share", None, "write"),
    ("GET", "/offers", None, "read"),
    ("PUT", "/file/{file}/offer", {"user_name": "{stranger}"}, "write"),
    ("DELETE", "/file/{file}/offer", None, "write"),
    ("POST", "/file/{offered}/offer/accept", None, "write"),
    ("DELETE", "/file/{file}", None, "write"),
    ("POST", "/file/{file}/undelete", None, "write"),
    ("POST", "/file/validate", "form", "write"),
    ("GET", "/uploads", None, "read"),
    ("POST", "/uploads", "begin", "write"),
    ("HEAD", "/uploads/{upload}", "tus", "write"),
    ("PATCH", "/uploads/{upload}", "part", "write"),
    ("DELETE", "/uploads/{upload}", "tus", "write"),
    ("GET", "/tasks", None, None),
    ("GET", "/task/{task}", None, None),
    ("GET", "/task/{task}/report", None, None),
    ("GET", "/task/{compared}/comparison", None, "read"),
    ("GET", "/task/{task}/events", None, None),
    ("POST", "/task/{task}/cancel", None, None),
]
WITH_ID = [route for route in ROUTES if "{" in route[1] and "{gone}" not in route[1]]

STATES = {
    "/file/{offered}/offer/accept": "offered",
    "/file/{shared}/share": "shared",
    "/sender/{sender}": "shared",
}
"""What is offered or shared with the account before a request."""

OWNED = [route for route in WITH_ID if "{user}" not in route[1]]
"""Users of one account know of each other; what they own is their own."""


@dataclass
class ResourceIds:
    """What an account has, by the names that the routes above use."""

    ids: dict[str, str]

    def path(self, template: str) -> str:
        return template.format(**self.ids)


def create_resources(account: TestAccount, state: str = "") -> ResourceIds:
    task = account.api.deliver(CSV, enforce_schema="true")
    spare, gone = account.new_key(), account.new_user()
    guest, other = account.new_user(), account.server.new_account()
    file, offered, shared = f"/file/{task['file_id']}", task["file_id"], task["file_id"]
    path = f"{file}/entitlements/{guest.user_name}"
    assert account.api.request("PUT", path, json={"entitlement": "r"}).status_code == 201
    named = {"user_name": other.admin.user_name}
    assert account.api.request("PUT", f"{file}/offer", json=named).status_code == 200
    if state == "offered":
        offered = other.api.deliver(CSV)["file_id"]
        named = {"user_name": account.admin.user_name}
        assert other.api.request("PUT", f"/file/{offered}/offer", json=named).status_code == 200
    if state == "shared":
        shared = other.api.deliver(CSV)["file_id"]
        share(other.api, shared, account.admin.user_name, "r")
    one_with_itself = {"before": 1, "after": 1}
    compared = account.api.post(f"{file}/compare", json=one_with_itself).json()["task_id"]
    assert account.api.wait_task(compared)["status"] == "succeeded"
    return ResourceIds(
        {
            "file": task["file_id"],
            "one": "1",
            "task": task["task_id"],
            "compared": compared,
            "upload": Tus.begin(account.api, 1000).address.rpartition("/")[2],
            "key": str(spare.key.key.id),
            "user": account.admin.user_name,
            "gone": gone.user_name,
            "guest": guest.user_name,
            "link": make_link(account.api, task["file_id"], "deliver")["link_id"],
            "stranger": other.admin.user_name,
            "offered": offered,
            "shared": shared,
            "sender": other.name,
            "account": account.name,
        }
    )


def call(api: Api, method: str, path: str, body: Any) -> httpx2.Response:
    if body == "form":
        return api.upload(CSV, path=path)
    if body == "version":
        return api.upload(CSV, path=path, limit=None)
    if body == "bytes":
        return api.request(method, path, content=CSV)
    if body == "begin":
        return create(api, 1000)
    if body in ("tus", "part"):
        headers = STREAM | {"Upload-Offset": "0"} if body == "part" else HEADERS
        return api.request(method, path, headers=headers, content=CSV if body == "part" else None)
    return api.request(method, path, json=body) if body else api.request(method, path)


@pytest.fixture(scope="module")
def theirs(server: Server) -> ResourceIds:
    """What another account has."""
    return create_resources(server.new_account())


@pytest.fixture(scope="module")
def mine(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def unchanged(mine: TestAccount) -> ResourceIds:
    """What `mine` has, for requests that change nothing."""
    return create_resources(mine)


@pytest.fixture(scope="module")
def keys(mine: TestAccount) -> dict[str, Api]:
    """A key of the admin for each scope."""
    return {scope: mine.new_key(scopes=(scope,)).api for scope in SCOPES}


@pytest.fixture(scope="module")
def refused(mine: TestAccount) -> list[Api]:
    """Callers who are nobody: without a key, with one that expired, was revoked or is disabled."""
    revoked, disabled = mine.new_key(), mine.new_user()
    mine.api.request("DELETE", f"/key/{revoked.key.key.id}")
    mine.api.request("PATCH", f"/user/{disabled.user_name}", json={"disabled": True})
    expired = mine.new_key(expires_in=timedelta(seconds=-1))
    return [mine.server.api(None), expired.api, revoked.api, disabled.api]


def test_the_matrix_names_every_route(server: Server) -> None:
    known = {
        (method, re.sub(r"\{[^}]*\}", "{}", path.replace("/orders.csv", "/{name}")))
        for method, path, _, _ in ROUTES
    }
    document = server.api(None).get("/openapi.json").json()
    result = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api/v1") and method != "options"  # which tells nothing of anybody
    }
    named = {(method, path.removeprefix("/api/v1")) for method, path in result}
    assert named - known == set()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_scopes_and_roles(
    mine: TestAccount,
    unchanged: ResourceIds,
    refused: list[Api],
    keys: dict[str, Api],
    route: Any,
) -> None:
    method, template, body, scope = route
    reads = method in ("GET", "HEAD")
    state = STATES.get(template, "")
    ids = unchanged if reads else create_resources(mine, state)
    if isinstance(body, dict):
        body = {
            name: value.format(**ids.ids) if isinstance(value, str) else value
            for name, value in body.items()
        }
    path = ids.path(template)
    for key_scope in SCOPES:
        if key_scope != scope and scope is not None:
            answer = call(keys[key_scope], method, path, body)
            assert answer.status_code == 403
            if method != "HEAD":
                assert_problem(answer, 403, "scope-missing", required=scope, scopes=[key_scope])
    for nobody in refused:
        answer = call(nobody, method, path, body)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        if method != "HEAD":
            assert_problem(answer, 401, "not-authenticated")
    # A member's key holds no admin scope, whatever it was made with.
    member = mine.new_user()
    if scope == "admin":
        assert_problem(call(member.api, method, path, body), 403, "scope-missing")
    allowed = mine.api if scope is None else keys[scope]
    if body == {"scopes": ["write"]} or scope is None or "{key}" not in template:
        answer = call(allowed, method, path, body)
        fine = ("task-finished", "version-is-current", "nothing-to-undo", "version-not-rejected")
        fine += ("not-allowed",) if template == "/password" else ()  # there is none yet
        assert answer.status_code < 400 or answer.json()["code"] in fine, answer.text
    if template == "/user/new":
        mine.api.request("DELETE", f"/user/{mine.name}:new")


def seen(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """Everything of an answer that could tell something, the request's own id and time apart, and
    whether the server read the body to its end, which depends on when that came."""
    request_id = answer.headers["x-request-id"]
    own = ("x-request-id", "date", "connection")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, headers, answer.content.replace(request_id.encode(), b"")


@pytest.mark.parametrize("route", WITH_ID, ids=lambda route: f"{route[0]} {route[1]}")
def test_other_accounts_things_look_as_if_they_never_were(
    mine: TestAccount, theirs: ResourceIds, route: Any
) -> None:
    method, template, body, _ = route
    invented = ResourceIds({name: str(uuid4()) for name in theirs.ids} | {"user": "nobody:nobody"})
    malformed = ResourceIds(dict.fromkeys(theirs.ids, "42") | {"user": "x"})
    member = mine.new_user()
    for api in (mine.api, member.api):
        if "user" in template and method != "GET" and api is member.api:
            continue  # 403 whomever it names: the scope is looked at first
        answers = {
            kind: seen(call(api, method, ids.path(template), body))
            for kind, ids in (("theirs", theirs), ("invented", invented), ("other", malformed))
        }
        assert answers["theirs"][0] == 404
        assert answers["theirs"] == answers["invented"] == answers["other"]
        assert theirs.ids["file"].encode() not in answers["theirs"][2]


@pytest.mark.parametrize("route", OWNED, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_member_sees_nothing_of_a_colleagues_files(
    mine: TestAccount, unchanged: ResourceIds, route: Any
) -> None:
    """So whatever is asked changes nothing either."""
    method, template, body, _ = route
    ids, member = unchanged, mine.new_user()
    invented = ResourceIds({name: str(uuid4()) for name in ids.ids})
    got = seen(call(member.api, method, ids.path(template), body))
    assert got[0] == 404
    assert got == seen(call(member.api, method, invented.path(template), body))


def test_lists_hold_nothing_of_others(mine: TestAccount, theirs: ResourceIds) -> None:
    for path in ("/users", "/files", "/tasks", "/keys"):
        text = mine.api.get(path, params={"limit": 1000} if path == "/files" else {}).text
        for name in ("file", "task", "key", "user"):
            assert theirs.ids[name] not in text


def test_a_member_sees_their_own_files_and_an_admin_all(mine: TestAccount) -> None:
    member = mine.new_user()
    task = member.api.deliver(CSV)
    (own,) = member.api.json("/files")["files_list"]
    assert (own["file_id"], own["entitlement"]) == (task["file_id"], "rw")
    listed = {file["file_id"] for file in mine.api.json("/files")["files_list"]}
    assert task["file_id"] in listed
    assert mine.api.get(f"/file/download/{task['file_id']}").content == CSV
