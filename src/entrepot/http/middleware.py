"""What surrounds every request: its id, its log line, safe headers, and a clean end.

One plain ASGI callable; a framework middleware would buffer or wrap streams.
"""

import asyncio
import ipaddress
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.http.parameters import CONTENT_LENGTH
from entrepot.http.places import LINKS, path_without_secret
from entrepot.http.request_counts import CountRequest

log = structlog.get_logger("entrepot.access")

LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * 1024 * 1024
"""How long and how much of a refused body is read and dropped, so that the client, which is
still sending, gets to read the answer instead of a reset connection."""

TASKS = "/api/v1/task"
"""Where an answer's Location points if it has begun a task."""

# What answers have that state nothing else: pages allow their own styles and scripts.
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class RequestContextMiddleware:
    """Gives each request its id, uses the headers of trusted proxies, logs, and lingers."""

    def __init__(
        self, app: ASGIApp, trusted_proxies: list[str], count_request: CountRequest
    ) -> None:
        self._app = app
        self._count_request = count_request
        self._trusted = [ipaddress.ip_network(entry, strict=False) for entry in trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._apply_forwarded_headers(scope)
        exchange = _Exchange(scope, receive, send)
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                exchange.count(self._count_request)
                exchange.log()
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
        scheme = headers.get("x-forwarded-proto")
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

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request_id = uuid4().hex
        scope["request_id"] = self.request_id
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started_at = time.perf_counter()
        self._status = 0
        self._received = self._sent = self._length = 0
        self._task_id: str | None = None
        self._body_ended = scope["method"] in ("GET", "HEAD")
        self._body_requested = False
        self._expects_continue = Headers(scope=scope).get("expect", "").lower() == "100-continue"

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_requested = True
        self._received += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_ended = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message["headers"]
            names = {name for name, _ in headers}
            self._note_answer(dict(headers))
            added = [(b"x-request-id", self.request_id.encode())]
            if "preference_applied" in self._scope:
                applied = self._scope["preference_applied"]
                added.append((b"preference-applied", applied.encode()))
            if self._expects_continue and not self._body_requested and b"connection" not in names:
                added.append(
                    (b"connection", b"close")
                )  # if a body follows is for the client to say
            if self._scope["path"].startswith(LINKS):  # a secret: no other site may learn it
                headers = [header for header in headers if header[0] != b"referrer-policy"]
                names.discard(b"referrer-policy")
                added.append((b"x-robots-tag", b"noindex, nofollow"))
            message["headers"] = [
                *headers,
                *added,
                *(header for header in SECURITY_HEADERS if header[0] not in names),
            ]
        elif message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        elif message["type"] == "http.response.pathsend":
            self._sent += self._length  # the server sends the file itself
        await self._send(message)

    def _note_answer(self, headers: dict[bytes, bytes]) -> None:
        """What the answer's head says of its length, and of the task that it has begun."""
        length = headers.get(b"content-length", b"").decode("latin-1")
        self._length = CONTENT_LENGTH.or_default(length, 0)
        folder, _, task_id = headers.get(b"location", b"").decode("latin-1").rpartition("/")
        if folder == TASKS:
            self._task_id = task_id

    def count(self, count_request: CountRequest) -> None:
        """Count the request once it has ended."""
        seconds = time.perf_counter() - self._started_at
        count_request(self._scope, self._status, seconds, self._received, self._sent)

    def log(self) -> None:
        path = self._scope["path"]
        if path in ("/healthz", "/readyz"):
            return
        client = self._scope.get("client") or ("", 0)
        log.info(
            "request",
            method=self._scope["method"],
            path=path_without_secret(path),
            status=self._status,
            ms=round((time.perf_counter() - self._started_at) * 1000, 1),
            client=client[0],
            **self._parties(),
        )

    def _parties(self) -> dict[str, str]:
        """Who asked, with which key or link, and the task that came of it, as far as known."""
        ids = {name: self._scope.get(name) for name in ("account_id", "user_id", "key_id")}
        ids |= {"link_id": self._scope.get("link_id"), "task_id": self._task_id}
        return {name: str(each) for name, each in ids.items() if each is not None}

    async def linger(self) -> None:
        """Drop the rest of a body that the answer did not wait for, within bounds.

        Else the server would end the connection, which the client may be using for its next request
        by then. One that waits for `100 Continue` is never asked for the body it did not send.
        """
        if self._body_ended or (self._expects_continue and not self._body_requested):
            return
        dropped = 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._body_ended and dropped < LINGER_BYTES:
                    message = await self.receive()
                    dropped += len(message.get("body", b""))
        except TimeoutError:
            return
