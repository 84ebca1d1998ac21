"""What surrounds every request: its id, its log line, safe headers, and a clean end.

One plain ASGI callable; a framework middleware would buffer or wrap streams.
"""

import asyncio
import ipaddress
import logging
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.http.ambiguous_requests import join_lines
from entrepot.http.parameters import CONTENT_LENGTH
from entrepot.http.places import API, HEALTH, LINKS, path_without_secret
from entrepot.http.raw_headers import RawHeaders, find_header
from entrepot.http.request_counts import RequestCounts
from entrepot.settings import Settings
from entrepot.texts.log_lines import REQUEST_ID, redact, timestamp, writes_for_people

log = structlog.get_logger("entrepot.access")

LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * 1024 * 1024
"""How long and how much of a refused body is read and dropped, so that the client, which is
still sending, gets to read the answer instead of a reset connection."""

MAX_PARTY_TEXTS = 1_000
"""Parties whose part of a line is kept: to write four ids takes longer than to look it up."""
IDS_AT_ONCE = 256
"""Ids of requests that are made at once."""

INTERVAL_SECONDS = 0.01
"""Least seconds between two batches of lines and counts: what a process that is killed has not
written."""

PARTIES = ("account_id", "user_id", "key_id", "link_id")
"""What a request's scope says of who asked, once it is known."""
TASKS = f"{API}/task"
"""Where an answer's Location points if it has begun a task."""

# What answers have that state nothing else: pages allow their own styles and scripts.
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class AccessLog:
    """Writes a line for each request that has ended.

    JSON lines are made here, with the members that `cli.logs` gives every line: by way of
    structlog's processors a line takes a tenth of a small download. They are kept until `flush`.
    For people it is their renderer that makes it.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_on = logging.getLevelName(settings.log_level.upper()) <= logging.INFO
        self._for_people = writes_for_people(settings.log_format)
        self._lines: list[str] = []

    def write(self, scope: Scope, status: int, seconds: float, task_id: str | None) -> None:
        """A line on a request; `status` is 0 if it was never answered. `task_id` is the task that
        came of it."""
        if not self._is_on:
            return
        parties = tuple(map(scope.get, PARTIES))
        method, path = scope["method"], redact(path_without_secret(scope["path"]))
        client = (scope.get("client") or ("", 0))[0]
        ms = round(seconds * 1000, 1)
        if self._for_people:
            ids = {name: str(each) for name, each in zip(PARTIES, parties, strict=True) if each}
            if task_id is not None:
                ids["task_id"] = task_id
            log.info(
                "request", method=method, path=path, status=status, ms=ms, client=client, **ids
            )
            return
        task_text = f'"task_id": {quote(task_id)}, ' if task_id is not None else ""
        self._lines.append(
            f'{{"method": {quote(method)}, "path": {quote(path)}, "status": {status}, "ms": {ms}, '
            f'"client": {quote(client)}, {_party_members(parties)}{task_text}"event": "request", '
            f'"request_id": "{scope["request_id"]}", "level": "info", '
            f'"timestamp": "{timestamp()}"}}\n'
        )

    def flush(self) -> None:
        """Write the lines that are kept: one system call for all of them."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


@lru_cache(MAX_PARTY_TEXTS)
def _party_members(parties: tuple[UUID | None, ...]) -> str:
    """The members of a line that say who asked; `parties` are the ids in the order of `PARTIES`."""
    named = zip(PARTIES, parties, strict=True)
    return "".join(f'"{name}": "{each}", ' for name, each in named if each is not None)


class RequestIds:
    """Ids of requests: 128 random bits each, as hex. One system call makes many of them."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def take(self) -> str:
        """The next one."""
        if not self._ids:
            text = os.urandom(16 * IDS_AT_ONCE).hex()
            self._ids = [text[begin : begin + 32] for begin in range(0, len(text), 32)]
        return self._ids.pop()


class RequestBatches:
    """Calls each of `flushes` soon after a request has ended.

    In the next turn of the event loop if the last batch is long ago, else with those of all that
    end until its time. A system call gives the interpreter's lock away, to a thread of the server
    that waits for it (ADR 0070).
    Use it from the event loop's thread.
    """

    def __init__(self, *flushes: Callable[[], None]) -> None:
        self._flushes = flushes
        self._interval = INTERVAL_SECONDS
        self._last = -math.inf
        self._is_expected = False

    def expect(self) -> None:
        """Something is to be flushed."""
        if self._is_expected:
            return
        self._is_expected = True
        loop = asyncio.get_running_loop()
        wait = self._last + self._interval - loop.time()
        if wait > 0:
            loop.call_later(wait, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_expected = False
        self._last = asyncio.get_running_loop().time()
        for flush in self._flushes:
            flush()

    def close(self) -> None:
        """Flush now, and let nothing wait from here on: the event loop is about to end."""
        self._interval = 0.0
        self._flush()


class RequestContextMiddleware:
    """Gives each request its id, uses the headers of trusted proxies, logs, and lingers."""

    def __init__(self, app: ASGIApp, settings: Settings, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts
        self._access_log = AccessLog(settings)
        self._batches = RequestBatches(self._counts.flush, self._access_log.flush)
        self._ids = RequestIds()
        networks = settings.trusted_proxies
        self._trusted = [ipaddress.ip_network(entry, strict=False) for entry in networks]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            try:
                await self._app(scope, receive, send)
            finally:
                self._batches.close()
            return
        join_lines(scope)
        self._apply_forwarded_headers(scope)
        exchange = _Exchange(scope, receive, send, self._ids.take())
        outer = REQUEST_ID.set(exchange.request_id)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            exchange.end(self._counts, self._access_log)
            self._batches.expect()
            REQUEST_ID.reset(outer)
        if not exchange.body_ended:
            await exchange.linger()

    def _apply_forwarded_headers(self, scope: Scope) -> None:
        client = scope.get("client")
        if not self._trusted or not client or not self._is_trusted(client[0]):
            return
        headers = Headers(scope=scope)
        chain = [
            entry.strip()
            for entry in headers.get("x-forwarded-for", "").split(",")
            if entry.strip()
        ]
        # The last address that no trusted proxy wrote is the client's; the rest anyone can forge.
        for address in reversed(chain):
            scope["client"] = (address, 0)
            if not self._is_trusted(address):
                break
        # The last one is of the nearest proxy; those before it anyone can forge.
        scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


class _Exchange:
    """One request and its answer, as far as they have come."""

    __slots__ = (
        "_answer_headers",
        "_body_requested",
        "_expects_continue",
        "_receive",
        "_received",
        "_scope",
        "_send",
        "_sent",
        "_started_at",
        "_status",
        "body_ended",
        "request_id",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.request_id = scope["request_id"] = request_id
        scope["added_headers"] = [(b"x-request-id", request_id.encode())]
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started_at = time.perf_counter()
        self._status = 0
        self._received = self._sent = 0
        self._answer_headers: dict[bytes, bytes] = {}
        self.body_ended = scope["method"] in ("GET", "HEAD")
        self._body_requested = False
        expected = find_header(scope, b"expect")
        self._expects_continue = expected is not None and expected.lower() == b"100-continue"

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_requested = True
        self._received += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.body_ended = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self._begin(message)
        elif message["type"] == "http.response.pathsend":
            self._sent += self._length  # the server sends the file itself
        return self._send(message)

    def _begin(self, start: Message) -> None:
        """Note the answer's head, and add what each answer has."""
        scope, headers = self._scope, start["headers"]
        self._status = scope["answer_status"] = start["status"]
        present = self._answer_headers = dict(headers)
        added: RawHeaders = scope["added_headers"]
        if "preference_applied" in scope:
            added.append((b"preference-applied", scope["preference_applied"].encode()))
        if self._expects_continue and not self._body_requested and b"connection" not in present:
            added.append((b"connection", b"close"))  # if a body follows is for the client to say
        if scope["path"].startswith(LINKS):  # a secret: no other site may learn it
            headers = [header for header in headers if header[0] != b"referrer-policy"]
            present.pop(b"referrer-policy", None)
            added.append((b"x-robots-tag", b"noindex, nofollow"))
        added += [header for header in SECURITY_HEADERS if header[0] not in present]
        start["headers"] = [*headers, *added]

    @property
    def _length(self) -> int:
        """What the answer's head says of its length."""
        length = self._answer_headers.get(b"content-length", b"").decode("latin-1")
        return CONTENT_LENGTH.or_default(length, 0)

    def end(self, counts: RequestCounts, access_log: AccessLog) -> None:
        """Count the request, and log it, once it has ended."""
        seconds = time.perf_counter() - self._started_at
        scope, status = self._scope, self._status
        counts.add(scope, status, seconds, self._received, self._sent)
        if scope["path"] not in HEALTH:
            access_log.write(scope, status, seconds, self._task_id)

    @property
    def _task_id(self) -> str | None:
        """The task that the request has begun, as its answer's Location says."""
        location = self._answer_headers.get(b"location")
        if location is None:
            return None
        folder, _, task_id = location.decode("latin-1").rpartition("/")
        return task_id if folder == TASKS else None

    async def linger(self) -> None:
        """Drop the rest of a body that the answer did not wait for, within bounds.

        Else the server would end the connection, which the client may be using for its next request
        by then. One that waits for `100 Continue` is never asked for the body it did not send.
        """
        if self.body_ended or (self._expects_continue and not self._body_requested):
            return
        dropped = 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.body_ended and dropped < LINGER_BYTES:
                    message = await self.receive()
                    dropped += len(message.get("body", b""))
        except TimeoutError:
            return
