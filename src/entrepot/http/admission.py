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

from typing import NamedTuple

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from entrepot.errors import (
    ContentEncodingUnsupported,
    DigestMismatch,
    EntrepotError,
    ExpectationUnknown,
    FieldInvalid,
    NotAllowed,
    NotAuthenticated,
    RateLimited,
    TooManyBodies,
)
from entrepot.http.ambiguous_requests import refuse_ambiguous
from entrepot.http.callers import KnownCallers
from entrepot.http.deps import is_basic, read_credential, read_request_origin
from entrepot.http.limits.anonymous_bodies import AnonymousBodies
from entrepot.http.limits.large_answers import LargeAnswers
from entrepot.http.limits.rates import Rate, RateState, client_network
from entrepot.http.places import ADDRESSES, API, HEALTH
from entrepot.http.problems.handlers import answer_as_app, answer_unexpected
from entrepot.http.raw_headers import RawHeaders, add_headers, find_header
from entrepot.http.runtime import Runtime
from entrepot.http.uploads.body import reject_encoded
from entrepot.http.uploads.digest import checked_body, states_digests
from entrepot.http.uploads.tus_headers import PATH as UPLOADS
from entrepot.http.uploads.tus_headers import VERSION as TUS_VERSION
from entrepot.http.web.same_origin import is_sent_by_another_site
from entrepot.http.web.session_work import session_token

ADDRESS_NEEDS_KEY = (
    "No API key came with the request: send `Authorization: Bearer <key>`, or the key as the "
    "password of HTTP Basic."
)
METHODS_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
"""Their bodies are never read."""


class Policy:
    """A rate under the name that callers see."""

    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._header = f'"{name}";q={rate.burst};w={rate.window}'.encode()

    def headers(self, state: RateState) -> RawHeaders:
        """The two headers, ready for ASGI."""
        remaining = f'"{self.name}";r={state.remaining};t={state.full_after}'
        return [(b"ratelimit-policy", self._header), (b"ratelimit", remaining.encode())]


class CountedCaller(NamedTuple):
    """For whom a request counts, and whether the API's key is missing or wrong."""

    policy: Policy | None
    counter: str
    is_known: bool
    key_error: NotAuthenticated | None = None


class AdmissionMiddleware:
    """Stands before the app: counts each request, and refuses what the app need not see.

    The order is that of the answers: 429, then 401 on the API, whatever else is wrong, then 415,
    then what is ambiguous.
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
            add_headers(scope, policy.headers(state))
            if state.limited:
                rate = policy.rate
                rate_error = RateLimited(policy.name, rate.burst, rate.window, state.retry_after)
        has_body = scope["method"] not in METHODS_WITHOUT_BODY
        refusal = rate_error or _key_refusal(scope, caller)
        if refusal is None and has_body:
            refusal = _body_refusal(self._request(scope))
        if refusal is None:
            try:
                refuse_ambiguous(scope)
                if has_body and states_digests(scope):
                    receive = checked_body(scope, receive, self._runtime)
            except (FieldInvalid, DigestMismatch, ExpectationUnknown) as error:
                refusal = error
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send)
        elif caller.is_known or not has_body:
            await self._app(scope, receive, send)
            self._forget_refused_key(scope)
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
            scope["account_of_key"] = await self._known.find_account(digest)
        except NotAuthenticated as error:
            self._record_refused_key(scope)
            return CountedCaller(self._address_policy, address, is_known=False, key_error=error)
        return CountedCaller(self._key_policy, digest.hex(), is_known=True)

    def _forget_refused_key(self, scope: Scope) -> None:
        """Look a key up again that was revoked, or has expired, since it was looked up."""
        if scope.get("answer_status") == 401 and "credential" in scope:
            self._known.forget_key(scope["credential"])
            self._record_refused_key(scope)

    def _record_refused_key(self, scope: Scope) -> None:
        digest: bytes | None = scope.get("credential")
        if digest is not None:
            origin, now = read_request_origin(self._request(scope)), self._runtime.parts.clock()
            self._runtime.record_refused_key(digest, origin, now)

    async def _refuse(
        self, error: EntrepotError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer = await answer_as_app(self._request(scope), error)
        if isinstance(error, ContentEncodingUnsupported):
            answer.headers["Accept-Encoding"] = "identity"  # RFC 9110, section 15.5.16
        if scope["path"].startswith(UPLOADS):
            answer.headers["Tus-Resumable"] = TUS_VERSION
        await answer(scope, receive, send)

    def _request(self, scope: Scope) -> Request:
        scope["app"] = self._framework
        return Request(scope)


def _key_refusal(scope: Scope, caller: CountedCaller) -> EntrepotError | None:
    """Whether the key is missing or wrong. OPTIONS describes the server, and needs no key."""
    return None if scope["method"] == "OPTIONS" else caller.key_error


def _body_refusal(request: Request) -> EntrepotError | None:
    """What is wrong with a request that has a body before the app looks at it."""
    if is_basic(request.headers) and is_sent_by_another_site(request):
        return NotAllowed(reason="Another site made your browser send this with your key.")
    try:
        reject_encoded(request.headers.get("content-encoding", ""))
    except ContentEncodingUnsupported as error:
        return error
    return None


def _takes_key(scope: Scope) -> bool:
    """Whether a request is made with a key: all of the API, and an address of a file, which a
    browser may also ask for by its session."""
    path: str = scope["path"]
    if path.startswith(ADDRESSES):
        return find_header(scope, b"authorization") is not None
    return path.startswith(f"{API}/")


def _policy(name: str, per_minute: int, burst: int) -> Policy | None:
    """None, for no limit, where it is 0 requests a minute."""
    return Policy(name, Rate(per_minute, burst)) if per_minute else None


def _client_network(scope: Scope) -> str:
    client = scope.get("client")
    return client_network(client[0]) if client else ""
