"""Check again and again whether those who follow something may still see it, many in one
transaction.

An open event stream does so at each of its heartbeats. Those of one credential come due at the same
moment, so that it is looked up once for all of them; those of different credentials are spread
over the interval, and what comes due within a moment is looked up by one database thread in one
transaction.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import KeyCredential, find_key_holders
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection
from entrepot.errors import EntrepotError, NotFound
from entrepot.http.run_unit import Authentication

VisibleRows = Callable[[ReadConnection, Actor, list[UUID]], set[UUID]]
"""Those of the rows with these ids that the actor may see."""

Result = tuple[Actor, set[UUID]] | Exception

MOMENTS = 60
"""Moments within an interval at which checks come due."""
MAX_CALLERS = 100
"""Credentials that one transaction looks up: on SQLite others wait for it, some 20 ms."""


@dataclass
class _Caller:
    """One credential, and what is to be checked for it."""

    authentication: Authentication
    visible_rows: VisibleRows
    waiting: list[tuple[UUID, "asyncio.Future[Actor]"]] = field(default_factory=list)


def seconds_until_due(caller: Hashable, interval: float) -> float:
    """The seconds until the next check of whoever `caller` stands for, at most `interval`."""
    moment = hash(caller) % MOMENTS * interval / MOMENTS
    return interval - (time.monotonic() - moment) % interval


class AccessChecks:
    """The checks of this process. Used by the event loop's thread alone."""

    def __init__(self, database: Database, threads: Executor) -> None:
        self._database = database
        self._threads = threads
        self._callers: dict[tuple[Hashable, VisibleRows], _Caller] = {}
        self._runner: asyncio.Task[None] | None = None

    async def check(
        self,
        caller: Hashable,
        authentication: Authentication,
        visible_rows: VisibleRows,
        row_id: UUID,
    ) -> Actor:
        """The actor, who may see the row. Raises what authentication raises, and NotFound."""
        due = _Caller(authentication, visible_rows)
        answer: asyncio.Future[Actor] = asyncio.get_running_loop().create_future()
        self._callers.setdefault((caller, visible_rows), due).waiting.append((row_id, answer))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        await asyncio.sleep(0)  # all that is due at this moment is asked for first
        loop = asyncio.get_running_loop()
        while self._callers:
            batch = [self._callers.pop(key) for key in list(self._callers)[:MAX_CALLERS]]
            try:
                results: list[Result] = await loop.run_in_executor(
                    self._threads, self._database.read, _look, batch
                )
            except Exception as error:
                results = [error] * len(batch)
            for caller, result in zip(batch, results, strict=True):
                _answer(caller, result)


def _answer(caller: _Caller, result: Result) -> None:
    for row_id, answer in caller.waiting:
        if answer.done():  # the client has gone
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        elif row_id not in result[1]:
            answer.set_exception(NotFound())
        else:
            answer.set_result(result[0])


def _look(conn: ReadConnection, callers: list[_Caller]) -> list[Result]:
    """Who each caller is and what they may see, or the refusal. In a database thread."""
    actors = _authenticate(conn, callers)
    groups: dict[tuple[Actor, VisibleRows], set[UUID]] = {}
    for caller, actor in zip(callers, actors, strict=True):
        if isinstance(actor, Actor):
            row_ids = {row_id for row_id, _ in caller.waiting}
            groups.setdefault((_viewer(actor), caller.visible_rows), set()).update(row_ids)
    visible = {
        (actor, visible_rows): visible_rows(conn, actor, list(row_ids))
        for (actor, visible_rows), row_ids in groups.items()
    }
    return [
        (actor, visible[_viewer(actor), caller.visible_rows]) if isinstance(actor, Actor) else actor
        for caller, actor in zip(callers, actors, strict=True)
    ]


def _authenticate(conn: ReadConnection, callers: list[_Caller]) -> list[Actor | Exception]:
    """Who each caller is: holders of keys are looked up in one query."""
    authenticators = [caller.authentication.authenticate for caller in callers]
    digests = [each.digest for each in authenticators if isinstance(each, KeyCredential)]
    now = max(caller.authentication.now for caller in callers)
    holders = find_key_holders(conn, digests, now) if digests else {}
    actors: list[Actor | Exception] = []
    for each in authenticators:
        try:
            if isinstance(each, KeyCredential):
                actors.append(holders[each.digest])
            else:
                actors.append(each(conn, now))
        except EntrepotError as error:
            actors.append(error)
    return actors


def _viewer(actor: Actor) -> Actor:
    """The actor without what differs between keys of one user: what they see is the same."""
    return replace(actor, key_id=None, expires_at=None)
