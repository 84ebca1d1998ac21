"""Every operation by every kind of caller, in one table; one that is missing from it is a failure.

The operations are the application's own, from its OpenAPI document. A row may carry a variant after
`#`, for an operation whose answer depends on whose thing it is asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.support.api import CSV, Api
from tests.support.links import make_link
from tests.support.server import Caller, Server, TestAccount
from tests.support.sharing import OTHER, deliver, post_version, share
from tests.support.tus import HEADERS, STREAM, create, metadata

from entrepot.accounts.actor import SCOPES

# On SQLite alone: who may do what is decided by the same queries on both databases, and
# `test_entitlements.py` tries them on both.
pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)

CALLERS = (
    "owner", "r", "w", "rw", "member", "other", "admin", "revoked", "expired", "read-only", "none",
)  # fmt: skip
"""Who asks: the file's owner; users of another account who are entitled to it; a member of the
owner's account without an entitlement; the admin of a third account; the admin of the owner's; and
keys of the owner that were revoked, have expired, or may only read; and nobody."""

TABLE = """
GET    /users                                      200 200 200 200 200 200 200 401 401 200 401
GET    /user/{user_name}                           200 404 404 404 200 404 200 401 401 200 401
POST   /user/new                                   403 403 403 403 403 422 201 401 401 403 401
PATCH  /user/{user_name}                           403 403 403 403 403 404 200 401 401 403 401
DELETE /user/{user_name}                           403 403 403 403 403 404 204 401 401 403 401
POST   /user/{user_name}/link                      403 403 403 403 403 404 201 401 401 403 401
DELETE /user/{user_name}/sessions                  403 403 403 403 403 404 204 401 401 403 401
POST   /password                                   403 403 403 403 403 403 403 401 401 403 401
GET    /keys                                       200 200 200 200 200 200 200 401 401 200 401
POST   /key/new                                    201 201 201 201 201 201 201 401 401 403 401
DELETE /key/{key_id}                               204 404 404 404 404 404 204 401 401 403 401
GET    /account                                    200 200 200 200 200 200 200 401 401 200 401
GET    /whoami                                     200 200 200 200 200 200 200 401 401 200 401
GET    /files                                      200 200 200 200 200 200 200 401 401 200 401
POST   /files                                      202 202 202 202 202 202 202 401 401 403 401
POST   /file/new                                   202 202 202 202 202 202 202 401 401 403 401
POST   /file/validate                              202 202 202 202 202 202 202 401 401 403 401
POST   /file/validate#by-the-file                  202 202 202 202 404 404 202 401 401 403 401
GET    /file/{file_id}                             200 200 200 200 404 404 200 401 401 200 401
PATCH  /file/{file_id}                             200 403 403 403 404 404 200 401 401 403 401
PATCH  /file/{file_id}#owner                       200 403 403 403 404 404 200 401 401 403 401
DELETE /file/{file_id}                             200 403 403 403 404 404 200 401 401 403 401
POST   /file/{file_id}/undelete                    409 403 403 403 404 404 409 401 401 403 401
POST   /file/{file_id}/undelete#deleted            200 404 404 404 404 404 200 401 401 403 401
GET    /file/download/{file_id}                    200 200 403 200 404 404 200 401 401 200 401
HEAD   /file/download/{file_id}                    200 200 403 200 404 404 200 401 401 200 401
GET    /file/download/{file_id}#earlier            200 200 403 200 404 404 200 401 401 200 401
GET    /file/download/{file_id}#rejected           200 404 403 404 404 404 404 401 401 200 401
GET    /file/download/{file_id}#rejected-of-w      404 404 200 404 404 404 404 401 401 404 401
GET    /file/download/{file_id}#parquet            200 200 403 200 404 404 200 401 401 200 401
GET    /file/download/{file_id}/{name}             200 200 403 200 404 404 200 401 401 200 401
HEAD   /file/download/{file_id}/{name}             200 200 403 200 404 404 200 401 401 200 401
GET    /d/{account}/{address}                      200 200 403 200 404 404 200 401 401 200 401
GET    /d/{account}/{address}#parquet              200 200 403 200 404 404 200 401 401 200 401
GET    /d/{account}/{address}#rejected             200 404 403 404 404 404 404 401 401 200 401
GET    /d/{account}/{address}#rejected-of-w        404 404 200 404 404 404 404 401 401 404 401
HEAD   /d/{account}/{address}                      200 200 403 200 404 404 200 401 401 200 401
GET    /file/{file_id}/datapackage.json            200 200 403 200 404 404 200 401 401 200 401
GET    /d/{account}/datapackage.json               200 200 404 200 200 404 200 401 401 200 401
PUT    /file/{file_id}                             202 403 202 202 404 404 202 401 401 403 401
PUT    /d/{account}/{address}                      202 403 202 202 404 404 202 401 401 403 401
GET    /file/{file_id}/report                      200 200 404 200 404 404 200 401 401 200 401
GET    /file/{file_id}/report#rejected             200 404 404 404 404 404 200 401 401 200 401
GET    /file/{file_id}/report#rejected-of-w        200 404 200 404 404 404 200 401 401 200 401
GET    /file/{file_id}/report.csv#of-the-owner     200 403 404 403 404 404 200 401 401 200 401
GET    /file/{file_id}/report.csv#rejected-of-w    200 404 200 404 404 404 200 401 401 200 401
GET    /file/{file_id}/profile                     200 200 403 200 404 404 200 401 401 200 401
GET    /file/{file_id}/preview                     200 200 403 200 404 404 200 401 401 200 401
GET    /file/{file_id}/schema                      200 200 200 200 404 404 200 401 401 200 401
PUT    /file/{file_id}/schema                      202 403 403 403 404 404 202 401 401 403 401
GET    /file/{file_id}/versions                    200 200 200 200 404 404 200 401 401 200 401
POST   /file/{file_id}/versions                    202 403 202 202 404 404 202 401 401 403 401
GET    /file/{file_id}/versions/{number}           200 200 404 200 404 404 200 401 401 200 401
GET    /file/{file_id}/versions/{number}#rejected  200 404 404 404 404 404 200 401 401 200 401
GET    /file/{file_id}/versions/{number}#of-w      200 404 200 404 404 404 200 401 401 200 401
DELETE /file/{file_id}/versions/{number}           200 403 403 403 404 404 200 401 401 403 401
POST   /file/{file_id}/versions/{number}/undelete  409 403 403 403 404 404 409 401 401 403 401
POST   /file/{file_id}/versions/{number}/restore   202 403 403 202 404 404 202 401 401 403 401
POST   /file/{file_id}/versions/{number}/accept    409 403 403 403 404 404 409 401 401 403 401
POST /file/{file_id}/versions/{number}/accept-suggestion 409 403 403 403 404 404 409 401 401 403 401
POST   /file/{file_id}/versions/{number}/withdraw  409 403 403 403 404 404 409 401 401 403 401
DELETE /file/{file_id}/versions/{number}/withdrawal 409 403 403 403 404 404 409 401 401 403 401
POST   /file/{file_id}/compare                     202 202 403 202 404 404 202 401 401 202 401
GET    /file/{file_id}/entitlements                200 403 403 403 404 404 200 401 401 200 401
PUT    /file/{file_id}/entitlements/{user_name}    200 403 403 403 404 404 200 401 401 403 401
DELETE /file/{file_id}/entitlements/{user_name}    204 403 403 403 404 404 204 401 401 403 401
GET    /file/{file_id}/links                       200 403 403 403 404 404 200 401 401 200 401
POST   /file/{file_id}/links                       201 403 403 403 404 404 201 401 401 403 401
DELETE /file/{file_id}/links/{link_id}             204 403 403 403 404 404 204 401 401 403 401
GET    /l/{link}                                   200 200 200 200 200 200 200 200 200 200 200
HEAD   /l/{link}                                   200 200 200 200 200 200 200 200 200 200 200
PUT    /l/{link}                                   202 202 202 202 202 202 202 202 202 202 202
GET    /l/{secret}/deliveries/{task_id}            200 200 200 200 200 200 200 200 200 200 200
GET    /l/{secret}/deliveries/{task_id}/report.json 200 200 200 200 200 200 200 200 200 200 200
GET    /file/{file_id}/activity                    200 403 403 403 404 404 200 401 401 200 401
GET    /activity                                   200 200 200 200 200 200 200 401 401 200 401
GET    /senders                                    200 200 200 200 200 200 200 401 401 200 401
PUT    /sender/{account}                           404 404 404 404 404 404 404 401 401 403 401
DELETE /file/{file_id}/share                       404 404 404 404 404 404 404 401 401 403 401
GET    /offers                                     200 200 200 200 200 200 200 401 401 200 401
PUT    /file/{file_id}/offer                       200 403 403 403 404 404 200 401 401 403 401
DELETE /file/{file_id}/offer                       204 403 403 403 404 204 204 401 401 403 401
POST   /file/{file_id}/offer/accept                404 404 404 404 404 200 404 401 401 403 401
GET    /tasks                                      200 200 200 200 200 200 200 401 401 200 401
GET    /task/{task_id}                             200 404 404 404 404 404 200 401 401 200 401
GET    /task/{task_id}#of-w                        200 404 200 404 404 404 200 401 401 200 401
GET    /task/{task_id}/report                      200 404 404 404 404 404 200 401 401 200 401
GET    /task/{task_id}/report#of-w                 200 404 200 404 404 404 200 401 401 200 401
GET    /task/{task_id}/comparison                  200 404 404 404 404 404 404 401 401 200 401
GET    /task/{task_id}/events                      200 404 404 404 404 404 200 401 401 200 401
GET    /task/{task_id}/events#of-w                 200 404 200 404 404 404 200 401 401 200 401
POST   /task/{task_id}/cancel                      409 404 404 404 404 404 409 401 401 409 401
POST   /task/{task_id}/cancel#of-w                 409 404 409 404 404 404 409 401 401 409 401
OPTIONS /uploads                                   204 204 204 204 204 204 204 204 204 204 204
OPTIONS /uploads/{upload_id}                       204 204 204 204 204 204 204 204 204 204 204
GET    /uploads                                    200 200 200 200 200 200 200 401 401 200 401
POST   /uploads                                    201 201 201 201 201 201 201 401 401 403 401
POST   /uploads#to-the-file                        201 403 201 201 404 404 201 401 401 403 401
HEAD   /uploads/{upload_id}                        200 404 404 404 404 404 404 401 401 403 401
PATCH  /uploads/{upload_id}                        204 404 404 404 404 404 404 401 401 403 401
DELETE /uploads/{upload_id}                        204 404 404 404 404 404 204 401 401 403 401
GET    /healthz                                    200 200 200 200 200 200 200 200 200 200 200
GET    /readyz                                     200 200 200 200 200 200 200 200 200 200 200
"""
"""Method, path below `/api/v1` (but for `/d/`, `/l/` and the last two), variant; the statuses."""

PUT_BYTES = ("/file/{file_id}", "/d/{account}/{address}", "/l/{link}")
PATH = "matrix/orders"
"""Of the file."""
ADDRESS_ENDS = {"parquet": ".parquet", "rejected": "@2", "rejected-of-w": "@3"}
BROKEN = b"id,amount\nx,2\n"


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    variant: str
    expected: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}{'#' if self.variant else ''}{self.variant}"

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> Iterator[Row]:
    for line in TABLE.strip().splitlines():
        method, named, *statuses = line.split()
        path, _, variant = named.partition("#")
        yield Row(method, path, variant, tuple(map(int, statuses)))


ROWS = list(rows())


@dataclass
class MatrixScenario:
    """A file in which something is of everybody, and those who ask for it.

    Its versions: 1 the owner's, published; 2 rejected, the owner's; 3 rejected, of `w`; from 4 on
    published. `handed` is another file, offered to `other`.
    """

    home: TestAccount
    callers: dict[str, Api]
    owner: Caller
    other: TestAccount
    file_id: str
    deleted: str
    handed: str
    names: dict[str, str]
    tasks: dict[str, str]
    fresh: Iterator[int] = field(default_factory=count)

    def request(self, row: Row, api: Api, invented: bool = False) -> httpx2.Response:
        """Ask for it; `invented` for what never was."""
        before = PREPARE.get(row.operation)
        if before is not None and not invented:
            before(self)
        ids = self.ids(row)
        if invented:
            ids = {name: "1" if name == "number" else str(uuid4()) for name in ids}
            ids["user_name"] = "nobody:nobody"
        answer = self.send(row, api, ids)
        if row.operation == "PUT /file/{file_id}/schema" and answer.status_code == 202:
            # One that takes effect while the next is compared makes that a 412.
            api.wait_task(answer.json()["task_id"])
        return answer

    def ids(self, row: Row) -> dict[str, str]:
        file_id = self.deleted if row.variant == "deleted" else self.file_id
        if row.path.endswith(("/offer/accept", "/share")):
            file_id = self.handed
        number = {"rejected": "2", "of-w": "3"}.get(row.variant, "1")
        if "withdraw" in row.path:
            number = "2"  # a rejected one, so that nothing changes
        task_id = self.tasks["w" if row.variant == "of-w" else "owner"]
        if row.path.startswith("/l/"):
            task_id = self.tasks["link"]
        if row.path.endswith("/comparison"):
            task_id = self.tasks["comparison"]
        user_name = self.names["guest" if "entitlements" in row.path else "mate"]
        if row.method == "DELETE" and row.path == "/user/{user_name}":
            user_name = self.names["removed_user"]
        return {
            "file_id": file_id,
            "number": number,
            "task_id": task_id,
            "key_id": self.names["key"],
            "user_name": user_name,
            "upload_id": self.names["upload"],
            "account": self.home.name if row.path.startswith("/d/") else "unknown",
            "address": PATH + ADDRESS_ENDS.get(row.variant, ""),
            "name": "orders.parquet",
            "link_id": self.names["link_id"],
            "link": self.names["delivering" if row.method == "PUT" else "reading"],
            "secret": self.names["delivering"],
        }

    def send(self, row: Row, api: Api, ids: dict[str, str]) -> httpx2.Response:
        path = row.path.format(**ids) + QUERIES.get((row.path, row.variant), "")
        if row.path in ("/files", "/file/new", "/file/validate") and row.method == "POST":
            if row.variant:
                return api.upload(CSV, limit=None, path=path, file_id=ids["file_id"])
            return api.upload(CSV, path=path)
        if row.path.startswith("/uploads") and row.method != "GET":
            return self.resume(row, api, path, ids["file_id"])
        if row.operation == "POST /file/{file_id}/versions":
            return post_version(api, ids["file_id"], OTHER)
        if row.method == "PUT" and row.path in PUT_BYTES:
            return api.request("PUT", path, content=OTHER)
        return api.request(row.method, path, json=self.body(row))

    def resume(self, row: Row, api: Api, path: str, file_id: str) -> httpx2.Response:
        """A step of a resumable upload; what is begun is never finished."""
        target = {"file_id": file_id} if row.variant else {"file_size_limit": "9"}
        headers = {
            "POST": {"Upload-Length": "9", "Upload-Metadata": metadata(filename="a.csv", **target)},
            "PATCH": {**STREAM, "Upload-Offset": "0"},
        }
        content = b"id" if row.method == "PATCH" else None
        fields = HEADERS | headers.get(row.method, {})
        return api.request(row.method, path, headers=fields, content=content)

    def body(self, row: Row) -> Any:
        bodies: dict[str, Any] = {
            "POST /user/new": {"user_name": f"{self.home.name}:n{next(self.fresh)}"},
            "PATCH /user/{user_name}": {"disabled": False},
            "POST /password": {"current_password": "x", "new_password": "y"},
            "POST /key/new": {"scopes": ["write"]},
            "PATCH /file/{file_id}": {"file_description": "Another"},
            "PUT /file/{file_id}/schema": {"dialect": {"skipBlankRows": True}},
            "POST /file/{file_id}/compare": {"before": 1, "after": 4},
            "POST /file/{file_id}/versions/{number}/accept": {"reason": "Agreed"},
            "POST /file/{file_id}/versions/{number}/withdraw": {"reason": "Wrong"},
            "PUT /file/{file_id}/entitlements/{user_name}": {"entitlement": "r"},
            "POST /file/{file_id}/links": {"kind": "deliver"},
            "PUT /sender/{account}": {"decision": None},
            "PUT /file/{file_id}/offer": {"user_name": self.other.admin.user_name},
        }
        if row.variant == "owner":
            return {"user_name": self.owner.user_name}
        return bodies.get(row.operation)


QUERIES = {
    ("/file/download/{file_id}", "earlier"): "?version=1",
    ("/file/download/{file_id}", "rejected"): "?version=2",
    ("/file/download/{file_id}", "rejected-of-w"): "?version=3",
    ("/file/download/{file_id}", "parquet"): "?format=parquet",
    ("/file/{file_id}/report", ""): "?version=1",
    ("/file/{file_id}/report", "rejected"): "?version=2",
    ("/file/{file_id}/report", "rejected-of-w"): "?version=3",
    ("/file/{file_id}/report.csv", "of-the-owner"): "?version=1",
    ("/file/{file_id}/report.csv", "rejected-of-w"): "?version=3",
}


def delete_the_deleted(scenario: MatrixScenario) -> None:
    scenario.home.api.request("DELETE", f"/file/{scenario.deleted}")
    scenario.home.api.post(f"/file/{scenario.file_id}/undelete")


def bring_the_version_back(scenario: MatrixScenario) -> None:
    scenario.home.api.post(f"/file/{scenario.file_id}/versions/1/undelete")


def share_with_the_guest(scenario: MatrixScenario) -> None:
    share(scenario.home.api, scenario.file_id, scenario.names["guest"], "r")


def make_an_offer(scenario: MatrixScenario) -> None:
    named = {"user_name": scenario.other.admin.user_name}
    scenario.home.api.request("PUT", f"/file/{scenario.file_id}/offer", json=named)


def decline_the_offer(scenario: MatrixScenario) -> None:
    """Offered to `other`, who gives it back if they have it."""
    path = f"/file/{scenario.handed}/offer"
    named = {"user_name": scenario.home.admin.user_name}
    if scenario.other.api.request("PUT", path, json=named).status_code == 200:
        assert scenario.home.api.post(f"{path}/accept").status_code == 200
    named = {"user_name": scenario.other.admin.user_name}
    assert scenario.home.api.request("PUT", path, json=named).status_code == 200


def make_a_key(scenario: MatrixScenario) -> None:
    made = scenario.home.new_key(user_name=scenario.owner.user_name)
    scenario.names["key"] = str(made.key.key.id)


def make_a_link(scenario: MatrixScenario) -> None:
    scenario.names["link_id"] = make_link(scenario.home.api, scenario.file_id, "read")["link_id"]


def begin_an_upload(scenario: MatrixScenario) -> None:
    upload = create(scenario.owner.api, 9)
    scenario.names["upload"] = upload.headers["location"].rpartition("/")[2]


def create_user_to_remove(scenario: MatrixScenario) -> None:
    scenario.names["removed_user"] = scenario.home.new_user().user_name


PREPARE: dict[str, Callable[[MatrixScenario], None]] = {
    "DELETE /key/{key_id}": make_a_key,
    "DELETE /user/{user_name}": create_user_to_remove,
    "DELETE /file/{file_id}/links/{link_id}": make_a_link,
    "HEAD /uploads/{upload_id}": begin_an_upload,
    "PATCH /uploads/{upload_id}": begin_an_upload,
    "DELETE /uploads/{upload_id}": begin_an_upload,
    "DELETE /file/{file_id}": delete_the_deleted,
    "POST /file/{file_id}/undelete": delete_the_deleted,
    "DELETE /file/{file_id}/versions/{number}": bring_the_version_back,
    "POST /file/{file_id}/versions/{number}/undelete": bring_the_version_back,
    "POST /file/{file_id}/versions/{number}/restore": bring_the_version_back,
    "PUT /file/{file_id}/entitlements/{user_name}": share_with_the_guest,
    "DELETE /file/{file_id}/entitlements/{user_name}": share_with_the_guest,
    "DELETE /file/{file_id}/offer": make_an_offer,
    "POST /file/{file_id}/offer/accept": decline_the_offer,
}
"""What is put right before a request whose like may have changed it."""


@pytest.fixture(scope="module")
def scenario(server: Server) -> MatrixScenario:
    home, partner, other = server.new_account(), server.new_account(), server.new_account()
    owner, mate = home.new_user(), home.new_user()
    guests = {what: partner.new_user() for what in ("r", "w", "rw", "guest")}
    first = owner.api.deliver(CSV, enforce_schema="true")
    file_id = first["file_id"]
    assert owner.api.request("PATCH", f"/file/{file_id}", json={"path": PATH}).status_code == 200
    for what in ("r", "w", "rw"):
        share(owner.api, file_id, guests[what].user_name, what)
    deliver(owner, file_id, BROKEN)
    of_w = deliver(guests["w"], file_id, BROKEN)
    deliver(owner, file_id)
    server.wait_derived()
    for number, caller in ((1, owner), (3, guests["w"])):  # to be there when it is asked for
        caller.api.get(f"/file/{file_id}/report.csv?version={number}")
    server.wait_derived()
    comparison = owner.api.post(f"/file/{file_id}/compare", json={"before": 1, "after": 4})
    compared = owner.api.wait_task(comparison.json()["task_id"])["task_id"]
    reading = make_link(owner.api, file_id, "read")
    secret = make_link(owner.api, file_id, "deliver")["path"].split("/")[2]
    delivered = server.api(None).request("PUT", f"/l/{secret}", content=OTHER)
    by_link = owner.api.wait_task(delivered.json()["task_id"])
    revoked = home.new_key(user_name=owner.user_name)
    home.api.request("DELETE", f"/key/{revoked.key.key.id}")
    late = timedelta(seconds=-1)
    return MatrixScenario(
        home=home,
        callers={
            "owner": owner.api,
            **{what: guests[what].api for what in ("r", "w", "rw")},
            "member": mate.api,
            "other": other.api,
            "admin": home.api,
            "revoked": revoked.api,
            "expired": home.new_key(expires_in=late, user_name=owner.user_name).api,
            "read-only": home.new_key(scopes=("read",), user_name=owner.user_name).api,
            "none": server.api(None),
        },
        owner=owner,
        other=other,
        file_id=file_id,
        deleted=owner.api.deliver(CSV)["file_id"],
        handed=owner.api.deliver(CSV)["file_id"],
        names={
            "guest": guests["guest"].user_name,
            "mate": mate.user_name,
            "key": "",
            "upload": str(uuid4()),
            "link_id": reading["link_id"],
            "reading": reading["path"].removeprefix("/l/"),
            "delivering": secret,
        },
        tasks={
            "owner": first["task_id"],
            "w": of_w["task_id"],
            "comparison": compared,
            "link": by_link["task_id"],
        },
    )


def test_the_table_names_every_operation_and_no_other(server: Server) -> None:
    document = server.api(None).get("/openapi.json").json()
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert there == {row.operation for row in ROWS}
    assert {len(row.expected) for row in ROWS} == {len(CALLERS)}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_may_what(scenario: MatrixScenario, row: Row) -> None:
    got = {}
    for name in CALLERS:
        answer = scenario.request(row, scenario.callers[name])
        got[name] = answer.status_code
        if answer.status_code == 404 and "{" in row.path:
            never = scenario.request(row, scenario.callers[name], invented=True)
            assert told(answer) == told(never), f"{name} learns something"
    assert got == dict(zip(CALLERS, row.expected, strict=True))


def test_all_of_it_leaves_the_server_whole(scenario: MatrixScenario, server: Server) -> None:
    server.wait_derived()
    server.assert_sound()


ANY_SCOPE = {
    "GET /whoami", "GET /tasks", "GET /task/{task_id}", "GET /task/{task_id}/events",
    "POST /task/{task_id}/cancel", "GET /task/{task_id}/report",
}  # fmt: skip
"""Who the caller is, and their own tasks; a report needs the scope `read` or `write`."""


@pytest.fixture(scope="module")
def keys_of_one_scope(scenario: MatrixScenario) -> dict[str, Api]:
    """A key of the admin for each scope."""
    return {scope: scenario.home.new_key(scopes=(scope,)).api for scope in SCOPES}


@pytest.mark.parametrize("row", [row for row in ROWS if not row.variant], ids=str)
def test_a_key_with_one_scope_does_what_that_scope_allows(
    scenario: MatrixScenario, server: Server, keys_of_one_scope: dict[str, Api], row: Row
) -> None:
    document = server.api(None).get("/openapi.json").json()["paths"]
    path = row.path if row.path in document else f"/api/v1{row.path}"
    operation = document[path][row.method.lower()]
    needed = next(iter(operation.get("security", [{}])[0].values()), None)
    if needed == []:
        assert row.operation in ANY_SCOPE
    for scope, api in keys_of_one_scope.items():
        answer = scenario.request(row, api)
        is_refused = answer.status_code == 403
        if is_refused and answer.content:
            is_refused = answer.json()["code"] == "scope-missing"
        is_report = row.path.endswith("/report") and scope == "admin"
        assert is_refused == (is_report or (bool(needed) and scope not in needed)), scope
        if needed == [] and scope != "read" and "{task_id}" in row.path and not is_report:
            assert answer.status_code == 404, "a task of somebody else"


def told(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """All that an answer tells, but for its own id and time, and whether the body was read."""
    own = ("x-request-id", "date", "connection")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    request_id = answer.headers["x-request-id"].encode()
    return answer.status_code, headers, answer.content.replace(request_id, b"")
