"""Count the API's requests, tell each caller what is left to them, and refuse what is too much.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10 (Structured
Fields, RFC 9651): of the policy `q` requests are there at once, and all of them again after `w`
seconds without any; `r` are left now, and all are there again in `t` seconds.

A request counts for its key, if it is one that somebody holds, and else for the address that it
comes from. So who guesses keys uses up what their own address has, and locks nobody out.
"""

from collections import OrderedDict
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.accounts.keys import find_key_holder
from entrepot.errors import NotAuthenticated, RateLimited, TooManyBodies
from entrepot.http.deps import Runtime, read_credential
from entrepot.http.limits.anonymous_bodies import AnonymousBodies
from entrepot.http.limits.rates import MAX_COUNTERS, Rate, RateState, client_network
from entrepot.http.problems.handlers import answer_error, answer_unexpected

API = "/api/v1/"
METHODS_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
"""Their bodies are never read."""


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
    """Stands before the app: rates of the API's requests, and bodies of strangers everywhere.

    It notes in the scope what is wrong with the key (`key_error`), so that no body is read for a
    request without a valid one.
    """

    def __init__(self, app: ASGIApp, framework: FastAPI, runtime: Runtime) -> None:
        self._app = app
        self._framework = framework
        self._runtime = runtime
        settings = runtime.parts.settings
        self._key_policy = _policy("key", settings.requests_per_minute, settings.request_burst)
        anonymous_requests = settings.stranger_requests_per_minute
        self._address_policy = _policy("address", anonymous_requests, anonymous_requests)
        self._known_digests: OrderedDict[bytes, None] = OrderedDict()
        self._anonymous_bodies = AnonymousBodies(settings.anonymous_bodies_per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith(API):
            await self._serve_api(scope, receive, send)
        else:
            await self._serve_anonymous(scope, receive, send)

    async def _serve_anonymous(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request without a valid key, unless its address has too many bodies open."""
        address = _client_network(scope)
        if scope["method"] in METHODS_WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        if self._anonymous_bodies.is_full(address):
            error = TooManyBodies(limit=self._anonymous_bodies.max_per_address)
            problem = await answer_error(self._framework_request(scope), error)
            await problem(scope, receive, send)
            return
        body = self._anonymous_bodies.track(address, receive)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.close()

    async def _serve_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        key_error: NotAuthenticated | None = None
        digest = None
        try:
            digest = read_credential(scope, self._runtime.parts.secret)
            await self._check_key(digest)
        except NotAuthenticated as error:
            key_error = error
        except Exception as error:  # the database does not answer
            problem = await answer_unexpected(self._framework_request(scope), error)
            await problem(scope, receive, send)
            return
        scope["key_error"] = key_error
        is_known = key_error is None
        serve = self._app if is_known else self._serve_anonymous
        policy = self._key_policy if is_known else self._address_policy
        if policy is None:
            await serve(scope, receive, send)
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
            await serve(scope, receive, send_with_headers)
            return
        limit, window = policy.rate.burst, policy.rate.window
        rate_error = RateLimited(policy.name, limit, window, state.retry_after)
        problem = await answer_error(self._framework_request(scope), rate_error)
        await problem(scope, receive, send_with_headers)

    def _framework_request(self, scope: Scope) -> Request:
        scope["app"] = self._framework
        return Request(scope)

    async def _check_key(self, digest: bytes) -> None:
        """Raise NotAuthenticated if nobody holds the key. It is looked up once, and then as long
        as it is used."""
        if digest in self._known_digests:
            self._known_digests.move_to_end(digest)
            return
        database, clock = self._runtime.parts.database, self._runtime.parts.clock
        await self._runtime.run_in_database_thread(database.read, find_key_holder, digest, clock())
        self._known_digests[digest] = None
        if len(self._known_digests) > MAX_COUNTERS:
            self._known_digests.popitem(last=False)


def _policy(name: str, per_minute: int, burst: int) -> Policy | None:
    """None, for no limit, where it is 0 requests a minute."""
    return Policy(name, Rate(per_minute, burst)) if per_minute else None


def _client_network(scope: Scope) -> str:
    client = scope.get("client")
    return client_network(client[0]) if client else ""
