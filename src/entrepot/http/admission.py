"""Decide before the app whether a request is served: who sends it, how many came, and its encoding.

Every request counts, whatever it asks for: for the key or the session that came with it, if it is
one that somebody holds, and else for the address that it comes from. So who guesses keys uses up
what their own address has, and locks nobody out. The checks of a server's health count separately,
so that strangers do not use up what a load balancer needs.

Every answer tells what is left. `RateLimit` and `RateLimit-Policy` are those of
draft-ietf-httpapi-ratelimit-headers-10 (Structured Fields, RFC 9651): of the policy `q` requests
are there at once, and all of them again after `w` seconds without any; `r` are left now, and all
are there again in `t` seconds.
"""

from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.errors import (
    ContentEncodingUnsupported,
    EntrepotError,
    NotAllowed,
    NotAuthenticated,
    RateLimited,
    TooManyBodies,
)
from entrepot.http.callers import KnownCallers
from entrepot.http.deps import is_basic, read_credential, read_request_origin
from entrepot.http.limits.anonymous_bodies import AnonymousBodies
from entrepot.http.limits.large_answers import LargeAnswers
from entrepot.http.limits.rates import Rate, RateState, client_network
from entrepot.http.places import ADDRESSES
from entrepot.http.problems.handlers import answer_unexpected
from entrepot.http.runtime import Runtime
from entrepot.http.uploads.body import reject_encoded
from entrepot.http.uploads.tus_headers import PATH as UPLOADS
from entrepot.http.uploads.tus_headers import VERSION as TUS_VERSION
from entrepot.http.web.same_origin import is_sent_by_another_site
from entrepot.http.web.session_work import session_token

API = "/api/v1/"
HEALTH = ("/healthz", "/readyz")
ADDRESS_NEEDS_KEY = (
    "No API key came with the request: send `Authorization: Bearer <key>`, or the key as the "
    "password of HTTP Basic."
)
METHODS_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
"""Their bodies are never read."""


@dataclass(frozen=True)
class Policy:
    """A rate under the name that callers see."""

    name: str
    rate: Rate

    def headers(self, state: RateState) -> list[tuple[bytes, bytes]]:
        """The two headers, ready for ASGI."""
        policy = f'"{self.name}";q={self.rate.burst};w={self.rate.window}'
        remaining = f'"{self.name}";r={state.remaining};t={state.full_after}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", remaining.encode())]


@dataclass(frozen=True)
class CountedCaller:
    """For whom a request counts, and whether the API's key is missing or wrong."""

    policy: Policy | None
    counter: str
    is_known: bool
    key_error: NotAuthenticated | None = None


class AdmissionMiddleware:
    """Stands before the app: counts each request, and refuses what the app need not see.

    The order is that of the answers: 429, then 401 on the API, whatever else is wrong, then 415.
    """

    def __init__(self, app: ASGIApp, framework: FastAPI, runtime: Runtime) -> None:
        self._app = LargeAnswers(app, self._refuse, runtime.answer_memory)
        self._framework = framework
        self._runtime = runtime
        settings = runtime.parts.settings
        requests, burst = settings.requests_per_minute, settings.request_burst
        self._key_policy = _policy("key", requests, burst)
        self._session_policy = _policy("session", requests, burst)
        anonymous_requests = settings.stranger_requests_per_minute
        self._address_policy = _policy("address", anonymous_requests, anonymous_requests)
        self._health_policy = _policy("health", anonymous_requests, anonymous_requests)
        self._known = KnownCallers(runtime)
        self._anonymous_bodies = AnonymousBodies(settings.anonymous_bodies_per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._identify(scope)
        except Exception as error:  # the database does not answer
            problem = await answer_unexpected(self._request(scope), error)
            await problem(scope, receive, send)
            return
        rate_error: RateLimited | None = None
        if caller.policy is not None:
            policy, state = caller.policy, caller.policy.rate.take(caller.counter)
            send = _with_headers(policy.headers(state), send)
            if state.limited:
                rate = policy.rate
                rate_error = RateLimited(policy.name, rate.burst, rate.window, state.retry_after)
        refusal = rate_error or _refusal(self._request(scope), caller)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send)
        elif caller.is_known or scope["method"] in METHODS_WITHOUT_BODY:
            await self._app(scope, receive, self._forgetting(scope, send))
        else:
            await self._serve_anonymous(scope, receive, send)

    async def _serve_anonymous(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request with a body, unless its address has too many bodies open."""
        address = _client_network(scope)
        if self._anonymous_bodies.is_full(address):
            error = TooManyBodies(limit=self._anonymous_bodies.max_per_address)
            await self._refuse(error, scope, receive, send)
            return
        body = self._anonymous_bodies.track(address, receive)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.close()

    async def _identify(self, scope: Scope) -> CountedCaller:
        address = _client_network(scope)
        if scope["path"] in HEALTH:
            return CountedCaller(self._health_policy, address, is_known=False)
        if not _takes_key(scope):
            session = await self._known.find_session(session_token(self._request(scope)))
            if session is None:
                error = None
                if scope["path"].startswith(ADDRESSES):
                    error = NotAuthenticated(reason=ADDRESS_NEEDS_KEY)
                return CountedCaller(self._address_policy, address, False, error)
            return CountedCaller(self._session_policy, session.hex(), is_known=False)
        try:
            digest = read_credential(scope, self._runtime.parts.secret)
            await self._known.check_key(digest)
        except NotAuthenticated as error:
            self._record_refused_key(scope)
            return CountedCaller(self._address_policy, address, is_known=False, key_error=error)
        return CountedCaller(self._key_policy, digest.hex(), is_known=True)

    def _forgetting(self, scope: Scope, send: Send) -> Send:
        """Look a key up again that was revoked, or has expired, since it was looked up."""
        credential: bytes | None = scope.get("credential")
        if credential is None:
            return send

        async def send_and_forget(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                self._known.forget_key(credential)
                self._record_refused_key(scope)
            await send(message)

        return send_and_forget

    def _record_refused_key(self, scope: Scope) -> None:
        digest: bytes | None = scope.get("credential")
        if digest is not None:
            origin, now = read_request_origin(self._request(scope)), self._runtime.parts.clock()
            self._runtime.record_refused_key(digest, origin, now)

    async def _refuse(
        self, error: EntrepotError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = self._request(scope)
        handler = self._framework.exception_handlers[EntrepotError]
        answer: Response = await handler(request, error)  # type: ignore[misc]
        if isinstance(error, ContentEncodingUnsupported):
            answer.headers["Accept-Encoding"] = "identity"  # RFC 9110, section 15.5.16
        if scope["path"].startswith(UPLOADS):
            answer.headers["Tus-Resumable"] = TUS_VERSION
        await answer(scope, receive, send)

    def _request(self, scope: Scope) -> Request:
        scope["app"] = self._framework
        return Request(scope)


def _refusal(request: Request, caller: CountedCaller) -> EntrepotError | None:
    """What is wrong with a request before the app looks at it. OPTIONS describes the server, and
    needs no key."""
    if request.method == "OPTIONS":
        return None
    if caller.key_error is not None:
        return caller.key_error
    if request.method in METHODS_WITHOUT_BODY:
        return None
    if is_basic(request.headers) and is_sent_by_another_site(request):
        return NotAllowed(reason="Another site made your browser send this with your key.")
    try:
        reject_encoded(",".join(request.headers.getlist("content-encoding")))
    except ContentEncodingUnsupported as error:
        return error
    return None


def _takes_key(scope: Scope) -> bool:
    """Whether a request is made with a key: all of the API, and an address of a file, which a
    browser may also ask for by its session."""
    path: str = scope["path"]
    if path.startswith(ADDRESSES):
        return "authorization" in Headers(scope=scope)
    return path.startswith(API)


def _with_headers(added: list[tuple[bytes, bytes]], send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_headers


def _policy(name: str, per_minute: int, burst: int) -> Policy | None:
    """None, for no limit, where it is 0 requests a minute."""
    return Policy(name, Rate(per_minute, burst)) if per_minute else None


def _client_network(scope: Scope) -> str:
    client = scope.get("client")
    return client_network(client[0]) if client else ""
