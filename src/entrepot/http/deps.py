"""What routes are given: the unit of work, which authenticates and runs in one hop.

A request's database work takes one hop to a thread kept for the database: one thread for
SQLite, a small pool for PostgreSQL. The actor is checked in the same transaction, so a route
cannot forget it, and no query on a tenant's data runs without one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec, Protocol, TypeVar

import structlog
from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Scope as Exchange

from entrepot.accounts.actor import Actor, KeyId, Scope
from entrepot.accounts.keys import TOUCH_EVERY, holder_of, key_digest, touch_key
from entrepot.activity.reads import ReadBuffer
from entrepot.activity.record import LONGEST_ADDRESS, Whence
from entrepot.bootstrap.parts import Parts
from entrepot.db.changes import Changes
from entrepot.db.types import Reading, Writing
from entrepot.errors import NotAuthenticated, TooManyDownloads, TooManyStreams, TooManyUploads
from entrepot.http.previewer import Previewer
from entrepot.http.recall import Recall
from entrepot.http.simultaneous import Simultaneous
from entrepot.http.tasks_watch import TaskWatch

P = ParamSpec("P")
R = TypeVar("R")

Authenticate = Callable[[Reading, datetime], Actor]


class Ending(Protocol):
    """An answer that may end by itself."""

    @property
    def until(self) -> datetime | None:
        """When; None: it holds until something is changed."""
        ...


E = TypeVar("E", bound=Ending | None)


@dataclass
class Runtime:
    """What lives as long as the app: parts, threads, the watch on tasks, counts, last uses, reads
    that are to be recorded."""

    parts: Parts
    database_threads: ThreadPoolExecutor
    byte_threads: ThreadPoolExecutor
    watch: TaskWatch
    recall: Recall
    changes: Changes
    uploads: Simultaneous
    streams: Simultaneous
    downloads: Simultaneous
    previewer: Previewer
    reads: ReadBuffer = field(default_factory=ReadBuffer)
    touched: dict[KeyId, datetime] = field(default_factory=dict)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    draining: bool = False

    async def hop(self, work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Run `work` in a database thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.database_threads, lambda: work(*args, **kwargs))

    async def in_thread(self, work: Callable[..., R], *args: Any) -> R:
        """Run what waits for the disk, or hashes, in a thread for bytes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.byte_threads, work, *args)

    def drain(self) -> None:
        """Take no new uploads, and end the streams, whose followers then come back elsewhere."""
        self.draining = True
        self.watch.end()

    def used(self, key_id: KeyId, now: datetime) -> None:
        """Note a key's use, at most once a minute, without keeping the request waiting."""
        last = self.touched.get(key_id)
        if last is not None and now - last < TOUCH_EVERY:
            return
        self.touched[key_id] = now
        write = self.hop(self.parts.database.write, touch_key, key_id, now)
        self.later(write)

    def later(self, coroutine: Any) -> None:
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
    most = 1 if parts.database.embedded else 8
    database_threads = ThreadPoolExecutor(most, thread_name_prefix="database")
    byte_threads = ThreadPoolExecutor(16, thread_name_prefix="bytes")
    changes = Changes(parts.database)
    settings = parts.settings
    return Runtime(
        parts,
        database_threads,
        byte_threads,
        TaskWatch(parts.database, database_threads),
        Recall(changes),
        changes,
        uploads=Simultaneous(settings.uploads_per_account, TooManyUploads),
        streams=Simultaneous(settings.streams_per_account, TooManyStreams),
        downloads=Simultaneous(settings.downloads_per_account, TooManyDownloads),
        previewer=Previewer(parts),
    )


@dataclass(frozen=True)
class Work:
    """The unit of work of one request by one actor, who needs the scope `scope` (None: any).

    `credential` stands for what the actor shows, never in clear; None: nothing is remembered.
    In `exchange`, the request's ASGI scope, the actor's account is noted for what sends the answer.
    """

    runtime: Runtime
    who: Authenticate
    scope: Scope | None
    now: datetime
    credential: bytes | None = None
    whence: Whence | None = None
    exchange: Exchange | None = None

    @property
    def parts(self) -> Parts:
        """The app's parts."""
        return self.runtime.parts

    def again(self) -> "Work":
        """The same actor's unit of work at the present moment, for what lasts."""
        return replace(self, now=self.parts.clock())

    async def read(
        self, work: Callable[Concatenate[Reading, Actor, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work(conn, actor, …)` in a transaction that only reads."""
        return await self._run(self.parts.database.reading, work, args, kwargs)

    async def recall(
        self, work: Callable[Concatenate[Reading, Actor, P], E], *args: P.args, **kwargs: P.kwargs
    ) -> E:
        """As `read`, but without the hop if the same actor asked the same and nothing has been
        committed since. `args` are hashable, and what `work` returns is frozen.
        """
        recall = self.runtime.recall
        question = (self.credential, self.scope, work, args, tuple(kwargs.items()))
        state = recall.state() if self.credential is not None else None
        kept: tuple[Actor, E] | None = recall.get(question) if state is not None else None
        # Time alone changes two things without a commit: a key and an entitlement expire.
        ends = (kept[0].expires_at, kept[1].until if kept[1] is not None else None) if kept else ()
        if kept is None or any(end is not None and end <= self.now for end in ends):
            kept = await self._answer(self.parts.database.reading, work, args, kwargs)
            recall.keep(question, kept, state)
        return self._noted(*kept)

    async def write(
        self, work: Callable[Concatenate[Writing, Actor, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work(conn, actor, …)` and commit it."""
        return await self._run(self.parts.database.writing, work, args, kwargs)

    async def _run(self, begin: Any, work: Callable[..., R], args: Any, kwargs: Any) -> R:
        return self._noted(*await self._answer(begin, work, args, kwargs))

    async def _answer(
        self, begin: Any, work: Callable[..., R], args: Any, kwargs: Any
    ) -> tuple[Actor, R]:
        def unit() -> tuple[Actor, R]:
            with begin() as conn:
                actor = replace(self.who(conn, self.now), whence=self.whence)
                if self.scope is not None:
                    actor.require(self.scope)
                return actor, work(conn, actor, *args, **kwargs)

        return await self.runtime.hop(unit)

    def _noted(self, actor: Actor, result: R) -> R:
        if self.exchange is not None:
            self.exchange["account_id"] = actor.account_id
        if actor.key_id is not None:
            self.runtime.used(actor.key_id, self.now)
        return result


def runtime_of(request: Request) -> Runtime:
    """The app's runtime."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def bearer(headers: Headers) -> str:
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


def credential_of(exchange: Exchange, secret: bytes) -> bytes:
    """The keyed hash of the key that came with a request, which is worked out once and stays in
    its ASGI scope. Raises NotAuthenticated where none came that can be one.
    """
    kept: bytes | None = exchange.get("credential")
    if kept is None:
        kept = exchange["credential"] = key_digest(secret, bearer(Headers(scope=exchange)))
    return kept


def open_work(request: Request, scope: Scope | None) -> Work:
    """A unit of work for the holder of the request's key. Raises NotAuthenticated."""
    runtime = runtime_of(request)
    credential = credential_of(request.scope, runtime.parts.secret)

    def who(conn: Reading, now: datetime) -> Actor:
        return holder_of(conn, credential, now)

    now, whence = runtime.parts.clock(), whence_of(request)
    return Work(runtime, who, scope, now, credential, whence, request.scope)


def whence_of(request: Request) -> Whence:
    """Where a request came from, as trusted proxies tell it (`http.middleware`)."""
    client = request.client
    address = client.host[:LONGEST_ADDRESS] if client else ""
    return Whence(address, request.scope.get("request_id", ""))


def needs(scope: Scope | None) -> Callable[[Request], Work]:
    """A dependency that gives a unit of work to holders of a key with `scope`."""

    async def work(request: Request) -> Work:
        return open_work(request, scope)

    return work  # type: ignore[return-value]


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]
AnyWork = Annotated[Work, Depends(needs(None))]
ReadWork = Annotated[Work, Depends(needs("read"))]
WriteWork = Annotated[Work, Depends(needs("write"))]
AdminWork = Annotated[Work, Depends(needs("admin"))]
