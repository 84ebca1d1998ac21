"""The dependencies of routes: the unit of work, which authenticates in its own transaction.

A request's database work is one call in a thread kept for the database: one thread for SQLite, a
small pool for PostgreSQL. The actor is checked in the same transaction, so a route
cannot forget it, and no query on a tenant's data runs without one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import structlog
from fastapi import Depends, Request
from sqlalchemy.exc import IntegrityError
from starlette.datastructures import Headers
from starlette.types import Scope as Exchange

from entrepot.accounts.actor import AccountId, Actor, KeyId, Scope
from entrepot.accounts.keys import TOUCH_INTERVAL, find_key_holder, key_digest, touch_key
from entrepot.activity.reads import ReadBuffer
from entrepot.activity.record import MAX_ADDRESS_CHARS, RequestOrigin
from entrepot.bootstrap.parts import Parts
from entrepot.db.change_counter import ChangeCounter
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    NotAuthenticated,
    TooManyDownloads,
    TooManyFormWaits,
    TooManyStreams,
    TooManyUploads,
)
from entrepot.files.derivatives import get_run_statuses
from entrepot.http.limits.concurrency_limits import ConcurrencyLimit
from entrepot.http.parsing.parser import Parser
from entrepot.http.previews.processes import Previewer
from entrepot.http.read_cache import ReadCache
from entrepot.http.state_watch import StateWatch
from entrepot.tasks.records import get_revisions

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=ReadConnection)

Authenticate = Callable[[ReadConnection, datetime], Actor]
SideQuery = Callable[[ReadConnection, Actor], Any]
"""What is read in the same transaction, after the work itself."""


class TimeLimitedAccess(Protocol):
    """An answer that may end by itself."""

    @property
    def until(self) -> datetime | None:
        """When; None: it holds until something is changed."""
        ...


E = TypeVar("E", bound=TimeLimitedAccess | None)


@dataclass
class Runtime:
    """What lives as long as the app: parts, threads, the watch on tasks, counts, last uses, reads
    that are to be recorded."""

    parts: Parts
    database_threads: ThreadPoolExecutor
    byte_threads: ThreadPoolExecutor
    watch: StateWatch[int]
    form_watch: StateWatch[str]
    read_cache: ReadCache
    changes: ChangeCounter
    uploads: ConcurrencyLimit
    streams: ConcurrencyLimit
    downloads: ConcurrencyLimit
    form_waits: ConcurrencyLimit
    previewer: Previewer
    parser: Parser
    reads: ReadBuffer = field(default_factory=ReadBuffer)
    last_key_uses: dict[KeyId, datetime] = field(default_factory=dict)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False

    async def run_in_database_thread(
        self, work: Callable[..., R], /, *args: Any, **kwargs: Any
    ) -> R:
        """Run `work` in a database thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.database_threads, partial(work, *args, **kwargs))

    async def run_in_byte_thread(self, work: Callable[..., R], *args: Any) -> R:
        """Run what waits for the disk, or hashes, in a thread for bytes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.byte_threads, work, *args)

    def drain(self) -> None:
        """Take no new uploads, and end the streams, whose followers then come back elsewhere."""
        self.draining = True
        self.watch.end()
        self.form_watch.end()

    def record_key_use(self, key_id: KeyId, now: datetime) -> None:
        """Note a key's use, at most once a minute, without keeping the request waiting."""
        last = self.last_key_uses.get(key_id)
        if last is not None and now - last < TOUCH_INTERVAL:
            return
        self.last_key_uses[key_id] = now
        write = self.run_in_database_thread(self.parts.database.write, touch_key, key_id, now)
        self.run_in_background(write)

    def run_in_background(self, coroutine: Any) -> None:
        """Run something after the response; a failure is logged, never raised."""
        task = asyncio.create_task(_logged(coroutine))
        self.background.add(task)
        task.add_done_callback(self.background.discard)


async def _logged(coroutine: Any) -> None:
    try:
        await coroutine
    except Exception:
        structlog.get_logger(__name__).exception("background write failed")


def open_runtime(parts: Parts) -> Runtime:
    """Start the threads: one for SQLite, eight for PostgreSQL, and some for bytes."""
    thread_count = 1 if parts.database.embedded else 8
    database_threads = ThreadPoolExecutor(thread_count, thread_name_prefix="database")
    byte_threads = ThreadPoolExecutor(16, thread_name_prefix="bytes")
    changes = ChangeCounter(parts.database)
    settings = parts.settings
    return Runtime(
        parts,
        database_threads,
        byte_threads,
        StateWatch(parts.database, database_threads, changes, get_revisions),
        StateWatch(parts.database, database_threads, changes, get_run_statuses),
        ReadCache(changes),
        changes,
        uploads=ConcurrencyLimit(settings.uploads_per_account, TooManyUploads),
        streams=ConcurrencyLimit(settings.streams_per_account, TooManyStreams),
        downloads=ConcurrencyLimit(settings.downloads_per_account, TooManyDownloads),
        form_waits=ConcurrencyLimit(settings.form_waits_per_account, TooManyFormWaits),
        previewer=Previewer(parts),
        parser=Parser(settings.uploads_per_account, settings.schema_seconds),
    )


@dataclass(frozen=True)
class Authentication:
    """Who acts, when and from where, and the scope that they need (None: any): all that a database
    thread is given of a request, since the request's own objects belong to the event loop."""

    authenticate: Authenticate
    scope: Scope | None
    now: datetime
    request_origin: RequestOrigin | None

    def actor(self, conn: ReadConnection) -> Actor:
        """The actor as of now. Raises NotAuthenticated, ScopeMissing, NotAllowed."""
        actor = replace(self.authenticate(conn, self.now), request_origin=self.request_origin)
        if self.scope is not None:
            actor.require(self.scope)
        return actor


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What a unit of work returned: the actor, the work's result and that of its side query."""

    actor: Actor
    result: R
    side_result: Any = None


def run_unit(
    begin: Callable[[], AbstractContextManager[C]],
    authentication: Authentication,
    side_query: SideQuery | None,
    work: Callable[Concatenate[C, Actor, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Outcome[R]:
    """One transaction of one actor, in a database thread. Raises what authentication and `work`
    raise."""
    with begin() as conn:
        actor = authentication.actor(conn)
        result = work(conn, actor, *args, **kwargs)
        if side_query is None:
            return Outcome(actor, result)
        return Outcome(actor, result, side_query(conn, actor))


@dataclass(frozen=True)
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
        """The actor's account, once a unit of work has run for this request."""
        return self.asgi_scope.get("account_id") if self.asgi_scope is not None else None

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
        outcome: Outcome[R] = await self.runtime.run_in_database_thread(
            run_unit, begin, authentication, self.side_query, work, *args, **kwargs
        )
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
        try:
            outcome: Outcome[R] = await self.runtime.run_in_database_thread(
                run_unit, begin, authentication, self.side_query, work, *args, **kwargs
            )
        except IntegrityError:
            # A row was to refer to the actor, who was deleted meanwhile.
            database = self.parts.database
            await self.runtime.run_in_database_thread(database.read, authentication.actor)
            raise
        return self._done(outcome)

    def _done(self, outcome: Outcome[R]) -> R:
        """The result of a `read` or `write`."""
        return self._record_use(outcome)

    def _record_use(self, outcome: Outcome[R]) -> R:
        actor = outcome.actor
        if self.asgi_scope is not None:
            self.asgi_scope["account_id"] = actor.account_id
        if actor.key_id is not None:
            self.runtime.record_key_use(actor.key_id, self.now)
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


def read_bearer_token(headers: Headers) -> str:
    """The key of the Authorization header (RFC 6750). Raises NotAuthenticated."""
    header = headers.get("authorization")
    if header is None:
        raise NotAuthenticated(
            reason="No API key came with the request: send `Authorization: Bearer <key>`."
        )
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotAuthenticated(reason="The Authorization header must be `Bearer <key>`.")
    return key.strip()


def read_credential(asgi_scope: Exchange, secret: bytes) -> bytes:
    """The keyed hash of the key that came with a request, which is worked out once and stays in
    its ASGI scope. Raises NotAuthenticated where none came that can be one.
    """
    credential: bytes | None = asgi_scope.get("credential")
    if credential is None:
        credential = asgi_scope["credential"] = key_digest(
            secret, read_bearer_token(Headers(scope=asgi_scope))
        )
    return credential


def open_work(request: Request, scope: Scope | None) -> UnitOfWork:
    """A unit of work for the holder of the request's key. Raises NotAuthenticated."""
    runtime = get_runtime(request)
    credential = read_credential(request.scope, runtime.parts.secret)

    def authenticate(conn: ReadConnection, now: datetime) -> Actor:
        return find_key_holder(conn, credential, now)

    now, request_origin = runtime.parts.clock(), read_request_origin(request)
    return UnitOfWork(runtime, authenticate, scope, now, credential, request_origin, request.scope)


def read_request_origin(request: Request) -> RequestOrigin:
    """Where a request came from, as trusted proxies tell it (`http.middleware`)."""
    client = request.client
    address = client.host[:MAX_ADDRESS_CHARS] if client else ""
    return RequestOrigin(address, request.scope.get("request_id", ""))


def require_scope(scope: Scope | None) -> Callable[[Request], UnitOfWork]:
    """A dependency that gives a unit of work to holders of a key with `scope`."""

    async def work(request: Request) -> UnitOfWork:
        return open_work(request, scope)

    return work  # type: ignore[return-value]


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]
AnyWork = Annotated[UnitOfWork, Depends(require_scope(None))]
ReadWork = Annotated[UnitOfWork, Depends(require_scope("read"))]
WriteWork = Annotated[UnitOfWork, Depends(require_scope("write"))]
AdminWork = Annotated[UnitOfWork, Depends(require_scope("admin"))]
