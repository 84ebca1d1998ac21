"""One run of work from the queue: its transactions, its end, and how it is stopped."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from entrepot.db.engine import Database
from entrepot.db.types import WriteConnection
from entrepot.tasks.claims import ClaimedEntry, LeaseLost, end_entry, hold_lease
from entrepot.tasks.places import Place

P = ParamSpec("P")
R = TypeVar("R")


class _NotDone(Exception):
    """Rolls a transaction back that did not end its run."""


class BudgetExceeded(Exception):
    """A run took more than its budget of time.

    A workflow raises it on the first attempt: the work is put at the end of the queue, once. In the
    last attempt (`Run.is_last_attempt`) it ends the work itself.
    """


class PlaceNeeded(Exception):
    """Others need the place for short work that a run holds: the work waits again.

    It says nothing of the work: a run raises it that had hardly any of the processor, or what ran
    before it in its batch took the time.
    """


@dataclass
class Run:
    """A claimed entry of the queue, as its workflow sees it.

    Everything that the workflow writes goes through `write`, `end` or `end_if`: they raise
    LeaseLost, and write nothing, once another worker has taken the entry over.
    """

    entry: ClaimedEntry
    database: Database
    place: Place
    ended: bool = False
    exceeded: bool = False
    _earlier_cpu: float = 0.0
    _cpu: float = 0.0
    _lost: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> UUID:
        """The task's id, or the derivation's."""
        return self.entry.id

    @property
    def is_last_attempt(self) -> bool:
        """Whether the work was put at the end of the queue already: it must end now."""
        return self.entry.postponed

    def write(
        self, work: Callable[Concatenate[WriteConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """One transaction of the run. Raises LeaseLost, and what `work` raises."""
        with self.database.writing() as conn:
            hold_lease(conn, self.entry)
            return work(conn, *args, **kwargs)

    def end(
        self, work: Callable[Concatenate[WriteConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The run's last transaction, which ends what it was for. Raises as `write` does."""
        with self.database.writing() as conn:
            end_entry(conn, self.entry)
            result = work(conn, *args, **kwargs)
        self.ended = True
        return result

    def end_if(
        self,
        work: Callable[Concatenate[WriteConnection, P], bool],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> bool:
        """As `end` if `work` returns true; else nothing is written, and the run continues."""

        def require_done(conn: WriteConnection) -> None:
            if not work(conn, *args, **kwargs):
                raise _NotDone

        with suppress(_NotDone):
            self.end(require_done)
        return self.ended

    def note_cpu(self, seconds: float) -> None:
        """Note the seconds of CPU that the sandbox process has used for the run so far. Those of
        one process after another add up."""
        if seconds < self._cpu:
            self._earlier_cpu += self._cpu
        self._cpu = seconds

    def check(self) -> None:
        """Raises LeaseLost if another worker has taken the work over. In the place for short work
        raises BudgetExceeded if it is not short, PlaceNeeded if it holds the place for too long by
        the clock. Called several times a second."""
        if self._lost.is_set():
            raise LeaseLost
        match self.place.exceeded_by(self.id, self._earlier_cpu + self._cpu):
            case "cpu":
                self.exceeded = True
                raise BudgetExceeded
            case "clock":
                raise PlaceNeeded

    def lose(self) -> None:
        """Note that the entry was taken over."""
        self._lost.set()


class Workflow(Protocol):
    """What the queue does for the entries of one kind. Each part may run more than once."""

    def begin(self, conn: WriteConnection, run_id: UUID, now: datetime) -> Any:
        """Mark the work as running, in the transaction that claims it; what `run` gets."""

    def run(self, run: Run, work: Any) -> None:
        """Do the work, and end it by `run.end`; a run that returns has ended in any case.

        What is raised is tried again: at the queue's end after BudgetExceeded, in its turn after
        PlaceNeeded, else soon.
        """

    def give_up(self, conn: WriteConnection, run_id: UUID, now: datetime) -> None:
        """End work that cannot be done, as failed; nothing changes if it has ended."""


@dataclass(frozen=True)
class BegunRun:
    """A run with what its workflow's `begin` returned."""

    run: Run
    work: Any


@runtime_checkable
class BatchWorkflow(Workflow, Protocol):
    """A workflow that does small work of one sender in one account together."""

    def run_batch(self, begun: Sequence[BegunRun]) -> None:
        """Do the work, and end each by its own run. What is left is run one by one by `run`.

        `run.check` of the one that is worked on is called several times a second. What it raises
        ends the batch: after BudgetExceeded that run goes to the queue's end, and those behind it
        wait again. So they do where it ends between two runs because its place is overdue.
        """
