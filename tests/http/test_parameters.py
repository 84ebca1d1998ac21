"""Every integer that a request may carry is bounded, and a wrong one is answered with 4xx."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.openapi.utils import get_openapi
from tests.support.api import CSV, assert_problem
from tests.support.conformance import unserved_app
from tests.support.links import make_link
from tests.support.server import Server, TestAccount
from tests.support.tus import HEADERS, STREAM, create, metadata

from entrepot.accounts.sessions import open_session
from entrepot.accounts.users import find_user
from entrepot.http import parameters
from entrepot.http.api.openapi.document import api_routes

HTTP = Path(parameters.__file__).parent
WRONG = ("99999999999999999999", "-1", "abc", "9" * 400)
"""More than any column holds, less than any minimum, no number, and more than `int` reads."""
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
PAGE_FORMS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "/files/{file_id}/compare": (FORM, {"before": "1", "after": "1"}, ("before", "after")),
    "/files/{file_id}/settings": (
        FORM,
        {"file_name": "a.csv", "file_size_limit": "9999", "keep": "days", "keep_number": "3"},
        ("file_size_limit", "keep_number"),
    ),
    "/files/{file_id}/entitlements": (
        FORM,
        {"user_name": "a:b", "entitlement": "r", "expires": "7"},
        ("expires",),
    ),
    "/files/{file_id}/links": (
        FORM,
        {"kind": "read", "version": "1", "expires": "7", "max_uses": "3"},
        ("version", "expires", "max_uses"),
    ),
    "/keys": (FORM, {"scope": "read", "expires": "30"}, ("expires",)),
    "/files/{file_id}/deliver": (MULTIPART, {}, ("replaces",)),
    "/upload": (MULTIPART, {"file_size_limit": "9999"}, ("file_size_limit",)),
}
"""The forms of the pages that have integers: their kind, sound fields, and which are integers.

`test_only_one_module_reads_integers` fails when a page reads one by itself."""
READERS = {
    "parameters.py": "the one place",
    "ranges.py": "RFC 9110: a position beyond the end is the end, however large",
    "paging.py": "microseconds of a cursor, within a guard",
    "preview_page.py": "the row of a cursor, which is JSON and was checked",
    "document.py": "a bound of the document",
    "formatting.py": "a number of ours, which a page shows",
    "large_answers.py": "the length of an answer of ours",
}


@dataclass(frozen=True)
class Integer:
    """One integer of one operation. `at` leads to it in a JSON body."""

    method: str
    path: str
    place: str
    name: str
    schema: dict[str, Any]
    at: tuple[str, ...] = ()
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} {self.place} {self.name}"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document of all routes, those of the pages included."""
    with unserved_app() as app:
        routes = api_routes(app)
        with pytest.MonkeyPatch.context() as patch:  # the routes are those of every test
            for route in routes:
                patch.setattr(route._effective_route, "include_in_schema", True)  # type: ignore[union-attr]
            return get_openapi(title="all", version="1", routes=routes)


@pytest.fixture(scope="module")
def integers(document: dict[str, Any]) -> list[Integer]:
    return list(integers_of(document))


def integers_of(document: dict[str, Any]) -> Iterator[Integer]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for each in operation.get("parameters", []):
                for _, schema in integer_schemas(document, each["schema"]):
                    yield Integer(method, path, each["in"], each["name"], schema)
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, body in content.items():
                for at, schema in integer_schemas(document, body["schema"]):
                    sound = example_of(document, body["schema"], at)
                    yield Integer(method, path, media_type, ".".join(at), schema, at, sound)


def integer_schemas(
    document: dict[str, Any], schema: dict[str, Any], at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    schema = resolved(document, schema)
    if schema.get("type") == "integer":
        yield at, schema
    for each in schema.get("anyOf", []):
        yield from integer_schemas(document, each, at)
    for name, each in schema.get("properties", {}).items():
        yield from integer_schemas(document, each, (*at, name))


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    result: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return result


def example_of(document: dict[str, Any], schema: dict[str, Any], at: tuple[str, ...]) -> Any:
    """A body with what is required and what leads to the integer, which is 1."""
    schema = resolved(document, schema)
    if schema.get("type") == "integer":
        return 1
    for each in schema.get("anyOf", []):
        return example_of(document, each, at)
    if "properties" not in schema:
        return "x"
    expected = {*schema.get("required", []), *at[:1]}
    return {
        name: example_of(document, schema["properties"][name], at[1:] if name in at[:1] else ())
        for name in expected
    }


def test_every_integer_of_every_route_has_bounds(integers: list[Integer]) -> None:
    assert len(integers) > 40
    unbounded = [str(each) for each in integers if not {"minimum", "maximum"} <= {*each.schema}]
    assert unbounded == []


def test_only_one_module_reads_integers() -> None:
    """What arrives as text becomes a number in `parameters.py` alone, where it is bounded."""
    result = {
        f"{path.relative_to(HTTP)}:{node.lineno}"
        for path in HTTP.rglob("*.py")
        if path.name not in READERS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (_called(node) in ("isdigit", "isdecimal", "isnumeric") or _reads(node))
    }
    assert result == set()


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _reads(node: ast.Call) -> bool:
    """Whether it is `int(name)` or `int(of.something)`: of what may be a text."""
    return _called(node) == "int" and isinstance(
        node.args[0], ast.Name | ast.Attribute | ast.Subscript
    )


@dataclass
class Scenario:
    """Ids of what exists, for paths, and a session of the account's admin."""

    ids: dict[str, str]
    token: str
    origin: str

    @property
    def headers(self) -> dict[str, str]:
        """Of a request to a page, by who is signed in."""
        return {"Cookie": f"entrepot={self.token}", "Origin": self.origin}


@pytest.fixture
def scenario(server: Server, account: TestAccount) -> Scenario:
    task = account.api.deliver(CSV)
    parts, now = server.parts, server.parts.clock()
    user = parts.database.read(find_user, account.admin.user_name)
    token = parts.database.write(open_session, parts.secret, user, None, now, "password")
    upload = create(account.api, 9).headers["location"].rpartition("/")[2]
    ids = {
        "name": "orders.csv",
        "account": "unknown",
        "address": "orders",
        "file_id": task["file_id"],
        "task_id": task["task_id"],
        "number": "1",
        "upload_id": upload,
        "user_name": account.admin.user_name,
        "key_id": str(uuid4()),
        "link_id": str(uuid4()),
        "link": "epl_x",
        "secret": "epl_x",
    }
    return Scenario(ids, token, server.endpoint)


def test_a_wrong_integer_is_answered_with_4xx(
    account: TestAccount, scenario: Scenario, integers: list[Integer]
) -> None:
    for each in integers:
        for wrong in WRONG:
            answer = send(account, scenario, each, wrong)
            assert 400 <= answer.status_code < 500, (str(each), wrong, answer.text)


def test_a_wrong_integer_of_a_form_of_a_page_is_answered_with_4xx(
    account: TestAccount, scenario: Scenario
) -> None:
    for path, (kind, fields, names) in PAGE_FORMS.items():
        for name in names:
            for wrong in WRONG:
                data = fields | {name: wrong}
                answer = send_page_form(account, scenario, path, kind, data)
                assert answer.status_code in (400, 422), (path, name, wrong, answer.text)
        assert send_page_form(account, scenario, path, kind, fields).status_code < 500


def test_a_page_answers_422_as_the_api_does(account: TestAccount, scenario: Scenario) -> None:
    huge = {"version": "99999999999999999999"}
    file_id = scenario.ids["file_id"]
    assert_problem(account.api.get(f"/file/{file_id}/report", params=huge), 422, "field-invalid")
    for name in ("report.json", "report.csv", "profile.json"):
        page = account.api.client.get(
            f"{scenario.origin}/files/{file_id}/{name}", params=huge, headers=scenario.headers
        )
        assert page.status_code == 422, page.text


def test_an_event_id_that_is_not_a_number_is_ignored(
    account: TestAccount, scenario: Scenario
) -> None:
    for wrong in ("²", "9" * 400, "-1", "abc"):
        headers: Any = scenario.headers | {"Last-Event-ID": wrong.encode()}
        for url in ("/api/v1/task/{task_id}/events", "/tasks/{task_id}/events"):
            answer = account.api.client.get(
                scenario.origin + url.format(**scenario.ids), headers=headers
            )
            assert answer.status_code == 200, answer.text
            assert "event: task" in answer.text


def send(account: TestAccount, scenario: Scenario, each: Integer, wrong: str) -> Any:
    """The request with the wrong integer, and sound in all else that is required."""
    ids = scenario.ids | ({each.name: wrong} if each.place == "path" else {})
    url = scenario.origin + each.path.format(**ids)
    kwargs: dict[str, Any] = {"headers": scenario.headers}
    if each.place == "query":
        kwargs["params"] = {each.name: wrong}
    if "/uploads" in each.path:
        about = metadata(filename="a.csv", file_size_limit="99")
        headers = {"Upload-Metadata": about} if each.method == "post" else STREAM
        kwargs["headers"] |= HEADERS | headers | {each.name: wrong}
    elif each.place == MULTIPART:
        kwargs["data"] = {"file_size_limit": "9999"} if "size_limit" in str(each.body) else {}
        kwargs["data"] |= {each.name: wrong}
        kwargs["files"] = {"file": ("a.csv", CSV)}
    elif each.place == "application/json":
        kwargs["content"] = body_with(each, wrong)
        kwargs["headers"]["Content-Type"] = "application/json"
    return account.api.client.request(each.method, url, **kwargs)


def body_with(each: Integer, wrong: str) -> str:
    """The body as JSON, with the wrong one as a number where it is one."""
    body = json.loads(json.dumps(each.body))
    inner = body
    for name in each.at[:-1]:
        inner = inner[name]
    inner[each.at[-1]] = "THE WRONG ONE"
    return json.dumps(body).replace('"THE WRONG ONE"', '"abc"' if wrong == "abc" else wrong)


def send_page_form(
    account: TestAccount, scenario: Scenario, path: str, kind: str, data: dict[str, str]
) -> Any:
    files = {"file": ("a.csv", CSV)} if kind == MULTIPART else None
    return account.api.client.post(
        scenario.origin + path.format(**scenario.ids),
        data=data,
        files=files,
        headers=scenario.headers | {"Accept": "text/html"},
        follow_redirects=False,
    )


def test_what_came_twice_is_refused_by_every_route(
    account: TestAccount, scenario: Scenario, document: dict[str, Any]
) -> None:
    twice: list[dict[str, Any]] = [
        {"params": [("wait", "1"), ("wait", "2")]},
        {"params": [("a b", ""), ("a%20b", ""), ("a b", "")]},
        *(
            {"headers": [(name, "1"), (name, "1")]}
            for name in ("Range", "Idempotency-Key", "Upload-Offset", "If-Range")
        ),
    ]
    for path, operations in document["paths"].items():
        url = scenario.origin + re.sub(r"\{[^}]*\}", "x", path)
        for method in operations:
            for each in twice:
                headers = [*scenario.headers.items(), *account.api.authorization.items()]
                answer = account.api.client.request(
                    method,
                    url,
                    params=each.get("params"),
                    headers=[*headers, ("Accept", "*/*"), *each.get("headers", [])],
                )
                assert answer.status_code == 422, (method, path, each, answer.text)
                if method != "head":
                    assert "twice" in answer.json()["detail"], (method, path, answer.text)


def test_what_the_server_cannot_do_is_refused_by_every_route(
    account: TestAccount, scenario: Scenario, document: dict[str, Any]
) -> None:
    headers = {**scenario.headers, **account.api.authorization, "Expect": "fast"}
    for path, operations in document["paths"].items():
        url = scenario.origin + re.sub(r"\{[^}]*\}", "x", path)
        for method in operations:
            answer = account.api.client.request(method, url, headers=headers)
            assert answer.status_code == 417, (method, path, answer.text)


def test_a_delivery_takes_no_parameter_that_it_does_not_know(
    account: TestAccount, scenario: Scenario
) -> None:
    file_id = scenario.ids["file_id"]
    link = make_link(account.api, file_id, "deliver")["path"]
    for place in (f"/file/{file_id}", f"/d/{account.name}/orders", link):
        refused = account.api.request("PUT", place, content=CSV, params={"wiat": "1"})
        assert_problem(refused, 422, "field-invalid", field="wiat")
