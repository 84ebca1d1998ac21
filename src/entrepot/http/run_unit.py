"""Run one unit of work of an actor in a database thread: one transaction, which authenticates."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy.exc import IntegrityError

from entrepot.accounts.actor import Actor, Scope
from entrepot.activity.record import RequestOrigin
from entrepot.db.deadlocks import attempts_at_transaction
from entrepot.db.types import ReadConnection
from entrepot.errors import NotAllowed, ScopeMissing

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=ReadConnection)

Authenticate = Callable[[ReadConnection, datetime], Actor]
SideQuery = Callable[[ReadConnection, Actor], Any]
"""What is read in the same transaction, after the work itself."""


@dataclass(frozen=True)
class Authentication:
    """Who acts, when and from where, and the scope that they need (None: any): all that a database
    thread is given of a request, since the request's own objects belong to the event loop."""

    authenticate: Authenticate
    scope: Scope | None
    now: datetime
    request_origin: RequestOrigin | None

    def actor(self, conn: ReadConnection) -> Actor:
        """The actor as of now, whose scope is not checked. Raises NotAuthenticated,
        AccountSuspended."""
        return replace(self.authenticate(conn, self.now), request_origin=self.request_origin)


class RefusedActor(Exception):
    """An actor was refused something: who, and the error that says what."""

    def __init__(self, actor: Actor, error: NotAllowed | ScopeMissing) -> None:
        super().__init__()
        self.actor = actor
        self.error = error


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
    raise, and RefusedActor instead of NotAllowed and ScopeMissing. `work` changes nothing but the
    database: it may run again after a deadlock."""
    try:
        for attempt in attempts_at_transaction():
            with attempt, begin() as conn:
                actor = authentication.actor(conn)
                try:
                    if authentication.scope is not None:
                        actor.require(authentication.scope)
                    result = work(conn, actor, *args, **kwargs)
                except (NotAllowed, ScopeMissing) as error:
                    raise RefusedActor(actor, error) from None
                return Outcome(actor, result, side_query(conn, actor) if side_query else None)
        raise AssertionError("the last attempt returns or raises")
    except IntegrityError:
        # A row was to refer to the actor. If they were deleted meanwhile, that is the reason.
        with begin() as conn:
            authentication.actor(conn)
        raise
