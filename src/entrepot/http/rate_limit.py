"""Count the API's requests, tell each caller what is left to them, and refuse what is too much.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10 (Structured
Fields, RFC 9651): of the policy `q` requests are there at once, and all of them again after `w`
seconds without any; `r` are left now, and all are there again in `t` seconds.

A request counts for its key, if it is one that somebody holds, and else for the address that it
comes from. So who guesses keys uses up what their own address has, and locks nobody out.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.accounts.keys import find_key_holder
from entrepot.db.types import ReadConnection
from entrepot.errors import NotAuthenticated, RateLimited
from entrepot.http.deps import Runtime, read_credential
from entrepot.http.limits.rates import MAX_COUNTERS, Rate, RateState, client_network
from entrepot.http.problems.handlers import answer_error, answer_unexpected

API = "/api/v1/"


@dataclass(frozen=True)
class Policy:
    """A rate under the name by which callers are told of it."""

    name: str
    rate: Rate

    def headers(self, state: RateState) -> list[tuple[bytes, bytes]]:
        """The two headers, ready for ASGI."""
        policy = f'"{self.name}";q={self.rate.burst};w={self.rate.window}'
        remaining = f'"{self.name}";r={state.remaining};t={state.full_after}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", remaining.encode())]


class RateLimitMiddleware:
    """Stands before the app; what is no request of the API passes."""

    def __init__(self, app: ASGIApp, framework: FastAPI, runtime: Runtime) -> None:
        self._app = app
        self._framework = framework
        self._runtime = runtime
        settings = runtime.parts.settings
        self._key_policy = _policy("key", settings.requests_per_minute, settings.request_burst)
        anonymous_requests = settings.stranger_requests_per_minute
        self._address_policy = _policy("address", anonymous_requests, anonymous_requests)
        self._known_digests: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        digest = self._digest(scope)
        try:
            is_known = digest is not None and await self._is_known_key(digest)
        except Exception as error:  # the database does not answer
            problem = await answer_unexpected(self._framework_request(scope), error)
            await problem(scope, receive, send)
            return
        policy = self._key_policy if is_known else self._address_policy
        if policy is None:
            await self._app(scope, receive, send)
            return
        state = policy.rate.take(digest.hex() if digest and is_known else _client_network(scope))
        rate_headers = policy.headers(state)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *rate_headers]
                if digest is not None and message["status"] == 401:
                    # The key was revoked, or has expired, since it was looked up.
                    self._known_digests.pop(digest, None)
            await send(message)

        if not state.limited:
            await self._app(scope, receive, send_with_headers)
            return
        limit, window = policy.rate.burst, policy.rate.window
        rate_error = RateLimited(policy.name, limit, window, state.retry_after)
        problem = await answer_error(self._framework_request(scope), rate_error)
        await problem(scope, receive, send_with_headers)

    def _framework_request(self, scope: Scope) -> Request:
        scope["app"] = self._framework
        return Request(scope)

    def _digest(self, scope: Scope) -> bytes | None:
        """The hash of the request's key, as it is stored; None where it has none that can be."""
        try:
            return read_credential(scope, self._runtime.parts.secret)
        except NotAuthenticated:
            return None

    async def _is_known_key(self, digest: bytes) -> bool:
        """Whether somebody holds the key. It is looked up once, and then as long as it is used."""
        if digest in self._known_digests:
            self._known_digests.move_to_end(digest)
            return True
        database, clock = self._runtime.parts.database, self._runtime.parts.clock
        if not await self._runtime.run_in_database_thread(
            database.read, _is_active_key, digest, clock()
        ):
            return False
        self._known_digests[digest] = None
        if len(self._known_digests) > MAX_COUNTERS:
            self._known_digests.popitem(last=False)
        return True


def _policy(name: str, per_minute: int, burst: int) -> Policy | None:
    """None, for no limit, where it is 0 requests a minute."""
    return Policy(name, Rate(per_minute, burst)) if per_minute else None


def _is_active_key(conn: ReadConnection, digest: bytes, now: datetime) -> bool:
    """Whether the hash is that of a key that somebody holds now."""
    try:
        find_key_holder(conn, digest, now)
    except NotAuthenticated:
        return False
    return True


def _client_network(scope: Scope) -> str:
    client = scope.get("client")
    return client_network(client[0]) if client else ""
