"""What holds for every route of the API and the pages, tried on each of them."""

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.support.api import CSV, PLAIN, assert_problem
from tests.support.conformance import unserved_app
from tests.support.links import make_link
from tests.support.raw import connect, head
from tests.support.server import Server, TestAccount, make_server
from tests.support.wait import PATIENCE, wait_until

from entrepot.accounts.sessions import open_session
from entrepot.accounts.users import find_user
from entrepot.http.api.openapi.document import api_routes
from entrepot.http.places import path_without_secret

# Routing and headers do not depend on the database.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SECURITY = {
    "x-content-type-options": {"nosniff"},
    "referrer-policy": {"no-referrer", "same-origin"},
    "cross-origin-resource-policy": {"same-origin"},
}
POLICIES = ("sandbox", "default-src 'none'; frame-ancestors 'none'", "default-src 'self'; ")
"""What a Content-Security-Policy begins with: of bytes of tenants, of the API, of pages."""
OF_EACH_ANSWER = ("x-request-id", "date", "ratelimit", "transfer-encoding", "content-length")
WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Address:
    """One path of the application, with the methods that it has."""

    path: str
    methods: tuple[str, ...]

    def __str__(self) -> str:
        return self.path

    @property
    def in_api(self) -> bool:
        return self.path.startswith("/api/")


@cache
def routes() -> tuple[tuple[str, str], ...]:
    """The method and the path of each route."""
    with unserved_app() as app:
        pairs = [(method, route.path) for route in api_routes(app) for method in route.methods]
    return tuple(sorted({*pairs, ("GET", "/openapi.json")}))


def addresses() -> list[Address]:
    by_path: dict[str, set[str]] = {}
    for method, path in routes():
        by_path.setdefault(path, set()).add(method)
    return [Address(path, tuple(sorted(methods))) for path, methods in by_path.items()]


ADDRESSES = addresses()
with_bodies = pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p in routes() if m in WITH_BODY]
)


@dataclass(frozen=True)
class Asker:
    """Asks for any address, with a key of the API or a session of the pages."""

    server: Server
    account: TestAccount
    token: str
    ids: dict[str, str]

    def fill(self, path: str) -> str:
        return re.sub(r"\{(\w+)(:path)?\}", lambda match: self.ids[match[1]], path)

    def headers(self, path: str) -> dict[str, str]:
        if path.startswith("/api/"):
            return self.account.api.authorization
        return {"Cookie": f"entrepot={self.token}", "Sec-Fetch-Site": "same-origin"}

    def ask(self, method: str, path: str, **headers: str) -> httpx2.Response:
        """An answer without its body, which may be a stream that does not end."""
        sent = self.headers(path) | headers
        url = self.server.endpoint + self.fill(path)
        options = {"timeout": PATIENCE, "trust_env": False, "verify": PLAIN}
        with httpx2.stream(method, url, headers=sent, **options) as answer:
            if method == "HEAD" or "event-stream" not in answer.headers.get("content-type", ""):
                answer.read()
        assert_safe(answer)
        return answer


def assert_safe(answer: httpx2.Response) -> None:
    """The headers that every answer has, whoever asked for what."""
    for name, values in SECURITY.items():
        assert answer.headers.get(name) in values, (name, answer.headers)
    assert answer.headers["content-security-policy"].startswith(POLICIES)
    assert re.match(r'"(key|session|address|health)";r=\d', answer.headers["ratelimit"])
    assert answer.status_code < 500


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """One whose log has these tests' requests alone."""
    made = make_server()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def asker(own_server: Server) -> Asker:
    account, parts = own_server.new_account(), own_server.parts
    task = account.api.deliver(CSV)
    own_server.wait_derived()
    account.api.get(f"/file/{task['file_id']}/report.csv")  # made at its first request
    own_server.wait_derived()
    link = make_link(account.api, task["file_id"], "deliver")
    user = parts.database.read(find_user, account.admin.user_name)
    now = parts.clock()
    token = parts.database.write(open_session, parts.secret, user, None, now, "password")
    ids = {
        "file_id": str(task["file_id"]),
        "number": "1",
        "task_id": str(task["task_id"]),
        "key_id": str(account.new_key().key.key.id),
        "user_name": account.admin.user_name,
        "upload_id": str(uuid4()),
        "account": account.name,
        "address": "orders",
        "code": "not-found",
        "digest": "0",
        "name": "icon.svg",
        "link_id": link["link_id"],
        "link": link["path"].split("/")[2],
        "secret": link["path"].split("/")[2],
    }
    return Asker(own_server, account, token, ids)


@pytest.mark.parametrize("address", [a for a in ADDRESSES if "GET" in a.methods], ids=str)
def test_head_is_answered_as_get_without_a_body(asker: Asker, address: Address) -> None:
    whole, without_body = asker.ask("GET", address.path), asker.ask("HEAD", address.path)
    assert without_body.status_code == whole.status_code
    assert without_body.content == b""
    assert names_and_values(without_body) == names_and_values(whole)
    # Its value may have changed: that the first answer was read is in the record of activity.
    assert ("content-length" in without_body.headers) == ("content-length" in whole.headers)


def names_and_values(answer: httpx2.Response) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k not in OF_EACH_ANSWER}


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_allow_names_every_method_that_an_address_has(asker: Asker, address: Address) -> None:
    example = asker.fill(address.path)
    allowed = {method for method, path in routes() if matches(path, example)}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    for method in METHODS:
        if method in allowed:
            continue
        refused = asker.ask(method, address.path)
        assert refused.status_code == 405, method
        assert set(refused.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_an_address_with_a_line_break_behind_it_is_another(asker: Asker, address: Address) -> None:
    for method in address.methods:
        assert asker.ask(method, address.path + "%0A").status_code == 404


def matches(path: str, address: str) -> bool:
    pattern = re.sub(r"\\\{\w+(:path)?\\\}", lambda m: ".+" if m[1] else "[^/]+", re.escape(path))
    return re.fullmatch(pattern, address) is not None


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.in_api], ids=str)
def test_a_missing_or_wrong_key_comes_before_anything_else(asker: Asker, address: Address) -> None:
    wrong = {
        "If-Match": '"other"', "Content-Type": "application/json", "Range": "bytes=9-1",
        "Upload-Offset": "-1", "Content-Encoding": "gzip", "Idempotency-Key": "x" * 999,
    }  # fmt: skip
    path = asker.fill(address.path)
    for method in METHODS[:-1]:
        for key in ({}, {"Authorization": "Bearer epk_wrong"}, {"Authorization": "Digest x"}):
            answer = httpx2.request(
                method,
                f"{asker.server.endpoint}{path}?version=x&limit=-1&cursor=x",
                content=b"{" if method in WITH_BODY else None,
                headers=wrong | key,
                trust_env=False,
                verify=PLAIN,
            )
            assert_safe(answer)
            assert answer.status_code == 401, (method, key, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert_problem(answer, 401, "not-authenticated")


@with_bodies
def test_an_encoded_body_is_refused_before_it_is_read(asker: Asker, method: str, path: str) -> None:
    for encoding in ("gzip", "identity, br", "x-made-up"):
        answer = asker.ask(method, path, **{"Content-Encoding": encoding})
        assert answer.status_code == 415
        assert answer.headers["accept-encoding"] == "identity"
        assert_problem(answer, 415, "content-encoding-unsupported", received=encoding)
    answer = asker.ask(method, path, **{"Content-Encoding": "Identity"})
    assert "content-encoding" not in answer.text


def test_a_part_of_a_form_is_not_decoded_either(asker: Asker) -> None:
    part = ("a.csv.gz", CSV, "text/csv", {"Content-Encoding": "gzip"})
    refused = asker.account.api.post(
        "/file/new", data={"file_size_limit": "99"}, files={"file": part}
    )
    assert_problem(refused, 415, "content-encoding-unsupported")


@with_bodies
def test_who_goes_away_within_a_body_leaves_no_error(asker: Asker, method: str, path: str) -> None:
    kinds = ("application/json", "application/x-www-form-urlencoded")
    target, server = asker.fill(path), asker.server
    before = len(requests_logged(server, target))
    for kind in kinds:
        fields = {**asker.headers(path), "Content-Type": kind, "Content-Length": "1000"}
        with connect(server.endpoint) as sock:
            sock.sendall(head(method, target, fields) + b"{")
    wait_until(
        lambda: len(requests_logged(server, target)) >= before + len(kinds), "they are logged"
    )
    assert all(line["status"] < 500 for line in requests_logged(server, target))
    assert "unexpected error" not in server.log_file.read_text()


def requests_logged(server: Server, path: str) -> list[dict[str, Any]]:
    logged_path = path_without_secret(path)
    return [line for line in server.logged() if line.get("path") == logged_path]


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_nobody_else_on_the_host_reads_the_data_folder(
    serve: Callable[..., Server], mask: int
) -> None:
    server = serve(start=False)
    server.umask = mask
    server.start()
    account = server.new_account()
    account.api.deliver(CSV)
    readable = [
        path
        for path in (server.data, *server.data.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    assert [show_mode(path) for path in readable] == []


def show_mode(path: Path) -> str:
    return f"{path} {stat.filemode(path.lstat().st_mode)}"
