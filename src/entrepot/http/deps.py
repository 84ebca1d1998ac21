"""The dependencies of routes: the unit of work, which authenticates in its own transaction.

A request's database work is one call in a thread kept for the database: one thread for SQLite, a
small pool for PostgreSQL. The actor is checked in the same transaction, so a route
cannot forget it, and no query on a tenant's data runs without one.
"""

from base64 import b64decode
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Scope as Exchange

from entrepot.accounts.actor import AccountId, Actor, Scope
from entrepot.accounts.keys import KeyCredential, key_digest
from entrepot.activity.record import MAX_ADDRESS_CHARS, RequestOrigin
from entrepot.bootstrap.parts import Parts
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    NotAuthenticated,
)
from entrepot.grants.link_use import find_link_holder, link_digest
from entrepot.http.access_checks import VisibleRows
from entrepot.http.raw_headers import find_header
from entrepot.http.run_unit import (
    Authenticate,
    Authentication,
    Outcome,
    RefusedActor,
    SideQuery,
    run_unit,
)
from entrepot.http.runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=ReadConnection)


class TimeLimitedAccess(Protocol):
    """An answer that may end by itself."""

    @property
    def until(self) -> datetime | None:
        """When; None: it holds until something is changed."""
        ...


E = TypeVar("E", bound=TimeLimitedAccess | None)


@dataclass
class UnitOfWork:
    """The unit of work of one request by one actor, who needs the scope `scope` (None: any).

    `credential` stands for what the actor shows, never in clear; None: nothing is remembered. In
    `asgi_scope`, the request's ASGI scope, the actor's account is noted for what sends the answer.
    """

    runtime: Runtime
    authenticate: Authenticate
    scope: Scope | None
    now: datetime
    credential: bytes | None = None
    request_origin: RequestOrigin | None = None
    asgi_scope: Exchange | None = None

    @property
    def parts(self) -> Parts:
        """The app's parts."""
        return self.runtime.parts

    @property
    def account_id(self) -> AccountId | None:
        """For whom work of this request takes turns: the account of its key, or, once a unit of
        work has run for it, the actor's account, or the link that the actor has."""
        scope = self.asgi_scope or {}
        # What is parsed before anything of the database is asked takes its own account's turn too.
        return scope.get("link_id") or scope.get("account_id") or scope.get("account_of_key")

    @property
    def caller(self) -> Hashable:
        """What stands for who acts: the same for all requests with one key or link."""
        return self.credential or self.authenticate

    @property
    def authentication(self) -> Authentication:
        """Who acts."""
        return Authentication(self.authenticate, self.scope, self.now, self.request_origin)

    @property
    def side_query(self) -> SideQuery | None:
        """What each `read` and `write` also reads; None: nothing."""
        return None

    def with_current_time(self) -> "UnitOfWork":
        """The same actor's unit of work at the present moment, for what lasts."""
        return replace(self, now=self.parts.clock())

    async def read(
        self,
        work: Callable[Concatenate[ReadConnection, Actor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run `work(conn, actor, …)` in a transaction that only reads."""
        begin, authentication = self.parts.database.reading, self.authentication
        with self._refusals_recorded():
            outcome: Outcome[R] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, self.side_query, work, *args, **kwargs
            )
        return self._done(outcome)

    async def cached_read(
        self,
        work: Callable[Concatenate[ReadConnection, Actor, P], E],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> E:
        """As `read`, but without a database thread if the same actor asked the same and nothing was
        committed since. `args` are hashable, and what `work` returns is frozen.
        """
        read_cache = self.runtime.read_cache
        cache_key = (self.credential, self.scope, work, args, tuple(kwargs.items()))
        state = read_cache.state() if self.credential is not None else None
        cached: Outcome[E] | None = read_cache.get(cache_key) if state is not None else None
        if cached is not None and not _expired(cached, self.now):
            return self._record_use(cached)
        begin, authentication = self.parts.database.reading, self.authentication
        with self._refusals_recorded():
            outcome: Outcome[E] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, None, work, *args, **kwargs
            )
        read_cache.put(cache_key, outcome, state)
        return self._record_use(outcome)

    async def write(
        self,
        work: Callable[Concatenate[WriteConnection, Actor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run `work(conn, actor, …)` and commit it. Raises StorageFull and DatabaseFull."""
        begin, authentication = self.parts.database.growing, self.authentication
        with self._refusals_recorded():
            outcome: Outcome[R] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, self.side_query, work, *args, **kwargs
            )
        return self._done(outcome)

    async def attempt(
        self,
        work: Callable[Concatenate[WriteConnection, Actor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """As `write`, for what is tried again in another way if it is refused: only then it is
        recorded that the actor was refused something."""
        begin, authentication = self.parts.database.growing, self.authentication
        try:
            outcome: Outcome[R] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, self.side_query, work, *args, **kwargs
            )
        except RefusedActor as refused:
            raise refused.error from None
        return self._done(outcome)

    async def write_into_reserve(
        self,
        work: Callable[Concatenate[WriteConnection, Actor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """As `write`, for what ends or removes something, or only looks: it may use the space that
        is kept free for that (setting `database_reserve`)."""
        begin, authentication = self.parts.database.writing, self.authentication
        with self._refusals_recorded():
            outcome: Outcome[R] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, self.side_query, work, *args, **kwargs
            )
        return self._done(outcome)

    async def check_access(self, visible_rows: VisibleRows, row_id: UUID) -> None:
        """Check again whether the actor may see a row, which `visible_rows` says of many; together
        with the other checks that are due. Raises NotAuthenticated, AccountSuspended, NotFound.
        """
        actor = await self.runtime.access_checks.check(
            self.caller, self.authentication, visible_rows, row_id
        )
        self._record_use(Outcome(actor, None))

    @contextmanager
    def _refusals_recorded(self) -> Iterator[None]:
        """Record in the background that the actor was refused something."""
        try:
            yield
        except RefusedActor as refused:
            code = type(refused.error).__name__
            self.runtime.record_refused_actor(refused.actor, code, self.now)
            raise refused.error from None

    def _done(self, outcome: Outcome[R]) -> R:
        """The result of a `read` or `write`."""
        return self._record_use(outcome)

    def _record_use(self, outcome: Outcome[R]) -> R:
        actor = outcome.actor
        if actor.link is not None and self.asgi_scope is not None:
            self.asgi_scope["account_id"] = actor.link.account_id
            self.asgi_scope["link_id"] = actor.link.link_id
        elif self.asgi_scope is not None:
            self.asgi_scope["account_id"] = actor.account_id
            self.asgi_scope["user_id"] = actor.user_id
            self.asgi_scope["key_id"] = actor.key_id
        if actor.key_id is not None:
            self.runtime.record_key_use(actor.key_id, self.now)
            if self.request_origin is not None:
                self.runtime.record_key_network(actor.key_id, self.request_origin, self.now)
        return outcome.result


def _expired(cached: Outcome[E], now: datetime) -> bool:
    """Whether time alone, without a commit, has ended the key or the entitlement."""
    until = cached.result.until if cached.result is not None else None
    end_times = cached.actor.expires_at, until
    return any(end is not None and end <= now for end in end_times)


def get_runtime(request: Request) -> Runtime:
    """The app's runtime."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def read_api_key(asgi_scope: Exchange) -> str:
    """The key of the Authorization header: a bearer token (RFC 6750), or the password of any user
    name (RFC 7617), for tools that know nothing else. Raises NotAuthenticated."""
    value = find_header(asgi_scope, b"authorization")
    if value is None:
        raise NotAuthenticated(
            reason="No API key came with the request: send `Authorization: Bearer <key>`."
        )
    scheme, _, credentials = value.decode("latin-1").partition(" ")
    scheme = scheme.lower()
    key = ""
    if scheme == "bearer":
        key = credentials.strip()
    elif scheme == "basic":
        key = _password_in(credentials).strip()
    if not key:
        raise NotAuthenticated(
            reason="The Authorization header must be `Bearer <key>`, or `Basic` with the key as"
            " the password."
        )
    return key


def is_basic(headers: Headers) -> bool:
    """Whether a request brings its key as a password, as a browser does that remembers one."""
    return headers.get("authorization", "").partition(" ")[0].lower() == "basic"


def basic_password(headers: Headers) -> str:
    """The password that a request brings for no user in particular; empty where there is none. It
    may have colons, if the user name is empty or has none (RFC 7617)."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _password_in(value: str) -> str:
    """The password of Basic credentials; empty where there is none. A key has no colon, and the
    names of users do, as `acme:anna`."""
    try:
        return b64decode(value.strip(), validate=True).decode().rpartition(":")[2]
    except ValueError:
        return ""


def read_credential(asgi_scope: Exchange, secret: bytes) -> bytes:
    """The keyed hash of the key that came with a request, which is worked out once and stays in
    its ASGI scope. Raises NotAuthenticated where none came that can be one.
    """
    credential: bytes | None = asgi_scope.get("credential")
    if credential is None:
        credential = asgi_scope["credential"] = key_digest(secret, read_api_key(asgi_scope))
    return credential


def open_work(request: Request, scope: Scope | None) -> UnitOfWork:
    """A unit of work for the holder of the request's key. Raises NotAuthenticated."""
    runtime = get_runtime(request)
    credential = read_credential(request.scope, runtime.parts.secret)
    authenticate = KeyCredential(credential)
    now, request_origin = runtime.parts.clock(), read_request_origin(request)
    return UnitOfWork(runtime, authenticate, scope, now, credential, request_origin, request.scope)


def open_link_work(request: Request, link_secret: str) -> UnitOfWork:
    """A unit of work for whoever has the link with this secret. Raises NotFound for a secret that
    cannot be one."""
    runtime = get_runtime(request)
    digest = link_digest(runtime.parts.secret, link_secret)

    def authenticate(conn: ReadConnection, now: datetime) -> Actor:
        return find_link_holder(conn, digest, now)

    now, request_origin = runtime.parts.clock(), read_request_origin(request)
    return UnitOfWork(runtime, authenticate, None, now, digest, request_origin, request.scope)


def read_request_origin(request: Request) -> RequestOrigin:
    """Where a request came from, as trusted proxies tell it (`http.middleware`)."""
    client = request.scope.get("client")
    address = client[0][:MAX_ADDRESS_CHARS] if client else ""
    return RequestOrigin(address, request.scope.get("request_id", ""))


class RequireScope:
    """A dependency that gives a unit of work to holders of a key with `scope` (None: any key).

    `open_unit` may let others in as well. The OpenAPI document reads `scope`.
    """

    def __init__(
        self,
        scope: Scope | None,
        open_unit: Callable[[Request, Scope | None], UnitOfWork] = open_work,
    ) -> None:
        self.scope = scope
        self._open_unit = open_unit

    def open(self, request: Request) -> UnitOfWork:
        """The unit of work of whoever asks. Raises NotAuthenticated."""
        return self._open_unit(request, self.scope)

    async def __call__(self, request: Request) -> UnitOfWork:
        """As `open`, in the event loop: FastAPI would take a thread for a plain function."""
        return self.open(request)


require_reader = RequireScope("read")

RuntimeDep = Annotated[Runtime, Depends(get_runtime)]
AnyWork = Annotated[UnitOfWork, Depends(RequireScope(None))]
ReadWork = Annotated[UnitOfWork, Depends(require_reader)]
WriteWork = Annotated[UnitOfWork, Depends(RequireScope("write"))]
AdminWork = Annotated[UnitOfWork, Depends(RequireScope("admin"))]
