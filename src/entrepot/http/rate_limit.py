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
from entrepot.http.deps import Runtime, credential_of
from entrepot.http.limits.rates import MOST, Rate, Spent, side_of
from entrepot.http.problems.handlers import answer_error, answer_unexpected

API = "/api/v1/"


@dataclass(frozen=True)
class Policy:
    """A rate under the name by which callers are told of it."""

    name: str
    rate: Rate

    def headers(self, spent: Spent) -> list[tuple[bytes, bytes]]:
        """The two headers, ready for ASGI."""
        policy = f'"{self.name}";q={self.rate.burst};w={self.rate.window}'
        left = f'"{self.name}";r={spent.remaining};t={spent.full_after}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


class RateLimitMiddleware:
    """Stands before the app; what is no request of the API passes."""

    def __init__(self, app: ASGIApp, framework: FastAPI, runtime: Runtime) -> None:
        self._app = app
        self._framework = framework
        self._runtime = runtime
        settings = runtime.parts.settings
        self._of_keys = _policy("key", settings.requests_per_minute, settings.request_burst)
        strangers = settings.stranger_requests_per_minute
        self._of_addresses = _policy("address", strangers, strangers)
        self._held: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        digest = self._digest(scope)
        try:
            held = digest is not None and await self._is_held(digest)
        except Exception as error:  # the database does not answer
            problem = await answer_unexpected(self._asked(scope), error)
            await problem(scope, receive, send)
            return
        policy = self._of_keys if held else self._of_addresses
        if policy is None:
            await self._app(scope, receive, send)
            return
        spent = policy.rate.take(digest.hex() if digest and held else _address(scope))
        told = policy.headers(spent)

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
                if digest is not None and message["status"] == 401:
                    self._held.pop(digest, None)  # revoked or expired since it was looked up
            await send(message)

        if not spent.refused:
            await self._app(scope, receive, send_told)
            return
        limit, window = policy.rate.burst, policy.rate.window
        refusal = RateLimited(policy.name, limit, window, spent.retry_after)
        problem = await answer_error(self._asked(scope), refusal)
        await problem(scope, receive, send_told)

    def _asked(self, scope: Scope) -> Request:
        scope["app"] = self._framework
        return Request(scope)

    def _digest(self, scope: Scope) -> bytes | None:
        """The hash of the request's key, as it is stored; None where it has none that can be."""
        try:
            return credential_of(scope, self._runtime.parts.secret)
        except NotAuthenticated:
            return None

    async def _is_held(self, digest: bytes) -> bool:
        """Whether somebody holds the key. It is looked up once, and then as long as it is used."""
        if digest in self._held:
            self._held.move_to_end(digest)
            return True
        database, clock = self._runtime.parts.database, self._runtime.parts.clock
        if not await self._runtime.run_in_database_thread(database.read, _holds, digest, clock()):
            return False
        self._held[digest] = None
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        return True


def _policy(name: str, per_minute: int, burst: int) -> Policy | None:
    """None, for no limit, where it is 0 requests a minute."""
    return Policy(name, Rate(per_minute, burst)) if per_minute else None


def _holds(conn: ReadConnection, digest: bytes, now: datetime) -> bool:
    """Whether the hash is that of a key that somebody holds now."""
    try:
        find_key_holder(conn, digest, now)
    except NotAuthenticated:
        return False
    return True


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return side_of(client[0]) if client else ""
