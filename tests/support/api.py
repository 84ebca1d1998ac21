"""A small client of the API for tests: what a careful script would do, and its waits."""

import json
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from tests.support.conformance import assert_conforms
from tests.support.wait import PATIENCE, wait_until

API = "/api/v1"
ENDED = {"succeeded", "failed", "canceled"}
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Not needed over plain HTTP; each client would load all the system's certificates."""
PROBLEM = "application/problem+json"
CSV = b"id,amount\n1,2\n3,4\n"


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


class Api:
    """Requests with one key (None: without any) to one server. Close it, or let a fixture."""

    def __init__(self, endpoint: str, api_key: str | None) -> None:
        self.endpoint = endpoint
        self.api_key = api_key
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.client = httpx2.Client(
            base_url=endpoint, headers=headers, timeout=PATIENCE, trust_env=False, verify=PLAIN
        )

    @property
    def authorization(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {self.api_key}"}

    def close(self) -> None:
        self.client.close()

    def request(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        """A request; `path` is below `/api/v1` unless it begins with another folder.

        Every answer is compared with what `/openapi.json` promises.
        """
        url = (
            path
            if path.startswith(("/api", "/health", "/ready", "/open", "/d/", "/l/"))
            else API + path
        )
        answer = self.client.request(method, url, **kwargs)
        assert_conforms(method, answer.request.url.path, answer)
        return answer

    def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx2.Response:
        return self.request("POST", path, **kwargs)

    def json(self, path: str, **kwargs: Any) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.get(path, **kwargs)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(
        self,
        content: bytes | Iterable[bytes] = CSV,
        name: str = "orders.csv",
        limit: int | str | None = 1_000_000,
        path: str = "/file/new",
        **fields: str,
    ) -> httpx2.Response:
        """Define a file with its first version; the answer, whatever it is."""
        data = dict(fields)
        if limit is not None:
            data["file_size_limit"] = str(limit)
        return self.post(path, data=data, files={"file": (name, content)})

    def deliver(self, content: bytes = CSV, **kwargs: Any) -> dict[str, Any]:
        """Upload, wait for the task's end, and give the task."""
        answer = self.upload(content, **kwargs)
        assert answer.status_code == 202, answer.text
        return self.wait_task(answer.json()["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        result: dict[str, Any] = self.json(f"/task/{task_id}")
        return result

    def wait_task(self, task_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The task once it has ended."""
        return self.wait_status(task_id, ENDED, seconds)

    def wait_status(
        self, task_id: str, expected: set[str], seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """The task once it has one of these statuses."""
        result: dict[str, Any] = {}
        self._follow(task_id, expected, seconds)

        def reached() -> bool:
            result.update(self.task(task_id))
            return result["status"] in expected

        wait_until(reached, lambda: f"one of {expected}, still {result}", seconds)
        return result

    def _follow(self, task_id: str, expected: set[str], seconds: float) -> None:
        """Until an event says one of these statuses, or the stream ends, or is not to be had: one
        request in place of many that ask again."""
        deadline = time.monotonic() + seconds
        with self.client.stream("GET", f"{API}/task/{task_id}/events") as answer:
            if answer.status_code != 200:
                return
            for event in _events(answer.iter_lines()):
                if isinstance(event, Event) and event.data["status"] in expected - ENDED:
                    return
                if time.monotonic() > deadline:
                    return

    def account(self) -> dict[str, Any]:
        result: dict[str, Any] = self.json("/account")
        return result

    def events(self, task_id: str, last: str | bytes | None = None) -> Iterator[Event | str]:
        """The task's events as they come; a comment is its text."""
        headers: Any = {"Last-Event-ID": last} if last is not None else {}
        url = f"{API}/task/{task_id}/events"
        with self.client.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield from _events(answer.iter_lines())


def _events(lines: Iterable[str]) -> Iterator[Event | str]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield line[1:].strip()
        elif line:
            name, _, value = line.partition(":")
            fields[name] = fields.get(name, "") + value.removeprefix(" ")
        elif "data" in fields:
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


LIBRARY_WORDS = re.compile(r"[A-Z]\w+ should |Field required|Value error")
"""What pydantic says, which is not for people (`entrepot_client.pydantic_words`)."""


def assert_problem(answer: Any, status: int, code: str, **members: Any) -> dict[str, Any]:
    """Check that an answer is the problem `code`, whole and of the right type; the problem."""
    got = getattr(answer, "status_code", None) or answer.status
    document: dict[str, Any] = answer.json()
    assert (got, document.get("code")) == (status, code), document
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["x-request-id"] == document["request_id"]
    assert document["type"] == f"/problems/{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert not LIBRARY_WORDS.search(document["detail"]), document
    for name, value in members.items():
        assert document.get(name) == value, document
    return document
