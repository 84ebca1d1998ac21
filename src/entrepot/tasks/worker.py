"""A worker: claims entries of the queue, runs their workflows, and takes over from dead workers.

One thread claims for all free places, in one transaction that also marks the work as running; each
run has a thread of its own. Heartbeats renew the worker's lease.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.db.unavailable import is_unavailable
from entrepot.errors import DatabaseFull, StoreUnavailable
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.settings import Settings
from entrepot.tasks.claims import (
    MAX_BATCH_CLAIMS,
    LeaseLost,
    claim_entries,
    end_entry,
    find_held,
    find_running,
    find_waiting,
    postpone_entry,
    release_entries,
    release_entry,
    retry_entry,
)
from entrepot.tasks.leases import drop_lease, renew_lease
from entrepot.tasks.notify import listen_local, listen_postgres
from entrepot.tasks.places import Place, Places
from entrepot.tasks.records import requeue_task
from entrepot.tasks.runs import BatchWorkflow, BegunRun, BudgetExceeded, PlaceNeeded, Run, Workflow
from entrepot.tasks.schedule import (
    Assignment,
    FreePlaces,
    Pace,
    Sender,
    UsedTime,
    WaitingEntry,
    choose_entries,
    estimate_seconds,
    is_short,
)

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

MAX_CLAIMS = 9
"""Claims that an entry gets: one whose workers die each time must not be resumed for ever."""
MAX_SHORT_CLAIMS = MAX_BATCH_CLAIMS + 2
"""Claims of an entry that had to leave the place for short work, through no fault of its own that
is known, before it counts as long work."""
MAX_FAILURES = 3
"""Runs that may fail through no fault of what was run, before the work is given up."""
FAILURE_PAUSE = timedelta(seconds=1)
"""Before a failed run is tried again, for each of its failures."""
ERROR_PAUSE_SECONDS = 1.0
"""Before the next look at the queue, if one has failed."""
FULL_PAUSE_SECONDS = 10.0
"""Before work is tried again for which the database had no space, or the store did not answer."""


def _log_ids(run: Run) -> dict[str, str]:
    """What every line of the log about a run says of it."""
    entry = run.entry
    ids = {"task_id": run.id, "account_id": entry.account_id, "user_id": entry.user_id}
    return {name: str(each) for name, each in ids.items()}


@dataclass(frozen=True)
class _Placed:
    """An assignment, and the place that was taken for it."""

    assignment: Assignment
    place: Place

    @property
    def ids(self) -> list[UUID]:
        return [entry.id for entry in self.assignment.entries]


@dataclass
class Worker:
    """The queue's runner in one worker process.

    `name` must be stable over restarts of the same worker on the same host: what a killed run of
    it left is resumed at its start. What a worker left that never comes back is resumed by any
    other one once its lease has expired. `workflows` are by the kinds of entries that they run.
    """

    database: Database
    settings: Settings
    name: str
    workflows: Mapping[str, Workflow]
    clock: Clock
    metrics: ProcessMetrics
    _stop: threading.Event = field(default_factory=threading.Event)
    _awake: threading.Event = field(default_factory=threading.Event)
    _used: UsedTime = field(default_factory=UsedTime)
    _pace: Pace = field(default_factory=Pace)
    _runs: dict[UUID, Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._places = Places(FreePlaces(general=self.settings.inspections_at_once, short=1))
        self._lease = timedelta(seconds=self.settings.lease)
        self._batched_kinds = frozenset(
            kind for kind, workflow in self.workflows.items() if isinstance(workflow, BatchWorkflow)
        )

    def start(self) -> None:
        """Resume what this worker left, and begin to take work."""
        self.database.write(renew_lease, self.name, self.clock())
        self.database.write(release_entries, self.name)
        self._start_thread("wake-ups", self._listen)
        self._start_thread("leases", self._renew_lease_until_stopped)
        self._start_thread("queue", self._claim_until_stopped)

    def stop(self, timeout: float) -> None:
        """Take no more work, give what runs `timeout` seconds, leave the rest to be resumed.

        The process ends after this: the threads of interrupted runs hold nothing, and what they
        still write is refused.
        """
        self._stop.set()
        self._awake.set()
        deadline = time.monotonic() + timeout
        while self._runs and time.monotonic() < deadline:
            time.sleep(0.05)
        self.database.write(release_entries, self.name)
        self.database.write(drop_lease, self.name)

    def _claim_until_stopped(self) -> None:
        while not self._stop.is_set():
            try:
                self._claim()
            except Exception:
                log.exception("the queue could not be read; trying again")
                self._stop.wait(ERROR_PAUSE_SECONDS)
            self._awake.wait(self.settings.queue_poll)
            self._awake.clear()

    def _claim(self) -> None:
        """Claim work for the free places, as long as some was left at the last look. What comes
        later wakes the worker, and so does each of its runs that ends."""
        is_more_left = True
        while is_more_left and not self._stop.is_set():
            assignments, is_more_left = self._choose()
            if not assignments:
                return
            placed = [_Placed(a, p) for a in assignments if (p := self._places.take(a.place))]
            is_more_left |= len(placed) < len(assignments)
            try:
                begun = self.database.write(self._begin, placed)
            except Exception:
                log.exception("work could not be begun together; beginning each by itself")
                begun = self._begin_each(placed)
            for each in placed:
                self._start_runs(each.place, [begun[id_] for id_ in each.ids if id_ in begun])

    def _choose(self) -> tuple[list[Assignment], bool]:
        """What is to be claimed now, and whether more waits than that."""
        free = self._places.free
        if not free.general and not free.short:
            return [], False
        now = self.clock()
        waiting, running = self.database.read(self._look, now)
        with self._lock:
            used = self._used.by_sender(time.monotonic())
            batch_seconds = self._pace.batch_seconds
            waiting = [entry for entry in waiting if entry.id not in self._runs]
        for sender, since in running:
            used[sender] = used.get(sender, 0.0) + max(0.0, (now - since).total_seconds())
        chosen = choose_entries(waiting, free, used, self._batched_kinds, batch_seconds)
        return chosen, len(waiting) > sum(len(each.entries) for each in chosen)

    def _look(
        self, conn: ReadConnection, now: datetime
    ) -> tuple[list[WaitingEntry], list[tuple[Sender, datetime]]]:
        waiting = find_waiting(conn, self.workflows.keys(), self._lease, now)
        return waiting, find_running(conn) if waiting else []

    def _begin(self, conn: WriteConnection, placed: Iterable[_Placed]) -> dict[UUID, BegunRun]:
        """Claim the entries and mark their work as running, in one transaction."""
        now = self.clock()
        places = {work_id: each.place for each in placed for work_id in each.ids}
        begun = {}
        for entry in claim_entries(conn, list(places), self.name, self._lease, now).values():
            workflow = self.workflows[entry.kind]
            if entry.lease == 1:
                self.metrics.observe_queue_wait(
                    entry.kind, (now - entry.enqueued_at).total_seconds()
                )
            if entry.lease > MAX_CLAIMS:
                workflow.give_up(conn, entry.id, now)
                end_entry(conn, entry)
                continue
            run = Run(entry, self.database, places[entry.id])
            begun[entry.id] = BegunRun(run, workflow.begin(conn, entry.id, now))
        return begun

    def _begin_each(self, placed: Iterable[_Placed]) -> dict[UUID, BegunRun]:
        """One transaction for each entry: what cannot be begun is noted as a failure of its own."""
        begun: dict[UUID, BegunRun] = {}
        for each in placed:
            for entry in each.assignment.entries:
                alone = _Placed(Assignment(each.place.kind, (entry,)), each.place)
                try:
                    begun |= self.database.write(self._begin, [alone])
                except DatabaseFull:
                    log.warning("work waits for space in the database", task_id=str(entry.id))
                    self._stop.wait(FULL_PAUSE_SECONDS)
                except Exception:
                    log.exception("work could not be begun", task_id=str(entry.id))
                    self._settle(partial(self._fail_unbegun, entry.id, each.place))
        return begun

    def _fail_unbegun(self, work_id: UUID, place: Place) -> None:
        now = self.clock()
        claimed = self.database.write(claim_entries, [work_id], self.name, self._lease, now)
        for entry in claimed.values():
            self._fail(Run(entry, self.database, place))

    def _start_runs(self, place: Place, begun: list[BegunRun]) -> None:
        if not begun:  # another worker was faster
            place.leave()
            return
        with self._lock:
            self._runs |= {each.run.id: each.run for each in begun}
        self._start_thread("run", partial(self._run_all, place, begun))

    def _run_all(self, place: Place, begun: list[BegunRun]) -> None:
        started = time.monotonic()
        try:
            if len(begun) > 1:
                self._run_together(begun)
            for each in begun:
                if not each.run.ended:
                    with structlog.contextvars.bound_contextvars(**_log_ids(each.run)):
                        self._run_one(each)
        finally:
            now = time.monotonic()
            self.metrics.observe_run(begun[0].run.entry.kind, now - started)
            for each in begun:
                self.metrics.count_run(each.run.entry.kind, "ended" if each.run.ended else "left")
            with self._lock:
                self._used.add(begun[0].run.entry.sender, now - started, now)
                self._note_pace(begun, now - started)
                for each in begun:
                    self._runs.pop(each.run.id, None)
            place.leave()
            self._awake.set()  # a place is free, and the run may have enqueued more

    def _note_pace(self, begun: list[BegunRun], seconds: float) -> None:
        ended = [each.run.entry for each in begun if each.run.ended]
        small = all(is_short(entry.size) and not entry.postponed for entry in ended)
        if ended and small and ended[0].kind in self._batched_kinds:
            self._pace.note(sum(estimate_seconds(entry.size) for entry in ended), seconds)

    def _run_together(self, begun: list[BegunRun]) -> None:
        """Run a batch. What is left of it and may continue in this place is run one by one."""
        workflow = self.workflows[begun[0].run.entry.kind]
        assert isinstance(workflow, BatchWorkflow)
        try:
            workflow.run_batch(begun)
            if begun[0].run.place.is_overdue():
                raise PlaceNeeded
        except LeaseLost:
            log.warning("another worker has taken work of a batch over")
        except (BudgetExceeded, PlaceNeeded):
            for each in begun:
                if not each.run.ended:
                    leave = self._postpone if each.run.exceeded else self._wait_again
                    self._settle(partial(leave, each.run))
        except Exception:
            if not self._stop.is_set():
                log.exception("work could not be run together; running each by itself")

    def _wait_again(self, run: Run) -> None:
        """Have a run wait again that has to leave its place, though it may well be short."""
        with self.database.writing() as conn:
            # In the end as long work, which leaves no place: the claims of an entry are bounded.
            release_entry(conn, run.entry, short=run.entry.lease < MAX_SHORT_CLAIMS)
            requeue_task(conn, run.id)
        run.ended = True

    def _run_one(self, begun: BegunRun) -> None:
        """Run it; again while the database is full or it or the store does not answer, which is not
        a failure of the work. It keeps its place: nothing else can be done then either."""
        while not self._try_run(begun) and not self._stop.wait(FULL_PAUSE_SECONDS):
            pass

    def _try_run(self, begun: BegunRun) -> bool:
        """Run it once; False if the database had no space, or it or the store did not answer."""
        run = begun.run
        try:
            self.workflows[run.entry.kind].run(run, begun.work)
            if not run.ended:
                run.end(lambda conn: None)
        except LeaseLost:
            log.warning("another worker has taken this work over")
        except BudgetExceeded:
            self._settle(lambda: self._postpone(run))
        except PlaceNeeded:
            self._settle(lambda: self._wait_again(run))
        except DatabaseFull:
            log.warning("work waits for space in the database", task_id=str(run.id))
            return False
        except StoreUnavailable as error:
            log.warning("work waits for the store", task_id=str(run.id), reason=error.reason)
            return run.ended  # then only bytes that nothing needs are left, which are swept
        except Exception as error:
            if is_unavailable(error):
                log.warning("work waits for the database", task_id=str(run.id), reason=str(error))
                return run.ended
            if not self._stop.is_set():  # else it is resumed at the next start
                log.exception("work could not be run", failures=run.entry.failures + 1)
                self._settle(lambda: self._fail(run))
        return True

    def _settle(self, settle: Callable[[], None]) -> None:
        try:
            settle()
        except LeaseLost:
            log.warning("another worker has taken this work over")
        except Exception:
            log.exception("a failed run could not be ended; it is released at a heartbeat")

    def _postpone(self, run: Run) -> None:
        if run.is_last_attempt:
            log.error("the last attempt of a run did not end it")
            self._fail(run)
            return
        now = self.clock()
        with self.database.writing() as conn:
            postpone_entry(conn, run.entry, now)
            requeue_task(conn, run.id)
        run.ended = True

    def _fail(self, run: Run) -> None:
        """Have a failed run tried again, or end its work."""
        failures, now = run.entry.failures + 1, self.clock()
        if failures >= MAX_FAILURES:
            run.end(self.workflows[run.entry.kind].give_up, run.id, now)
            return
        with self.database.writing() as conn:
            retry_entry(conn, run.entry, now + failures * FAILURE_PAUSE)
            requeue_task(conn, run.id)
        threading.Timer(failures * FAILURE_PAUSE.total_seconds(), self._awake.set).start()

    def _listen(self) -> None:
        if self.database.embedded:
            listen_local(self.settings.data / "run", self.name, self._awake.set, self._stop)
        elif self.settings.database is not None:
            url = self.settings.database.get_secret_value()
            listen_postgres(url, self._awake.set, self._stop)

    def _renew_lease_until_stopped(self) -> None:
        unattended: set[tuple[UUID, int]] = set()
        while not self._stop.wait(self.settings.lease / 3):
            with self._lock:
                runs = dict(self._runs)
            try:
                self.database.write(renew_lease, self.name, self.clock())
                held = self.database.read(find_held, self.name)
                unattended = self._release_unattended(
                    {(id_, lease) for id_, lease in held.items() if id_ not in runs}, unattended
                )
            except Exception:
                log.exception("the lease was not renewed; trying again")
                continue
            for run in runs.values():
                if held.get(run.id) != run.entry.lease and not run.ended:
                    run.lose()

    def _release_unattended(
        self, unattended: set[tuple[UUID, int]], before: set[tuple[UUID, int]]
    ) -> set[tuple[UUID, int]]:
        """Let entries wait again that were held without a run at the last heartbeat too; the rest.

        A transaction failed that was to note their results, or one that claimed them failed
        after its commit. While this worker lives nobody else takes them.
        """
        if stuck := unattended & before:
            log.warning("claimed work that nothing runs waits again", entries=len(stuck))
            self.database.write(release_entries, self.name, [id_ for id_, _ in stuck])
            self._awake.set()
        return unattended - before

    def _start_thread(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=f"entrepot-{name}", daemon=True).start()
