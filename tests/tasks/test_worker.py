"""A worker and its queue, in this process on both databases: leases, order, and failures."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs
from tests.db.test_full_database import fill
from tests.support.wait import PATIENCE, wait_until

from entrepot.db.engine import Database
from entrepot.db.tables import queue_entries
from entrepot.db.types import WriteConnection
from entrepot.errors import DatabaseFull
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.settings import Settings
from entrepot.tasks.claims import (
    ClaimedEntry,
    LeaseLost,
    claim_entries,
    end_entry,
    find_held,
    find_waiting,
    hold_lease,
    postpone_entry,
    retry_entry,
)
from entrepot.tasks.leases import renew_lease
from entrepot.tasks.places import Places
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.tasks.runs import BegunRun, BudgetExceeded, Run
from entrepot.tasks.schedule import (
    SHORT_BATCH_SECONDS,
    SHORT_CLOCK_SECONDS,
    SHORT_SECONDS,
    FreePlaces,
)
from entrepot.tasks.worker import MAX_CLAIMS, MAX_FAILURES, MAX_SHORT_CLAIMS, Worker

KIND = "test.work"
LEASE = timedelta(seconds=15)
PLACE = Places(FreePlaces(general=1, short=1)).take("general")
ACCOUNT, USER = uuid4(), uuid4()


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Bench:
    """A database with a queue."""

    database: Database
    queue: TaskQueue
    settings: Settings

    def enqueue(self, **values: Any) -> UUID:
        """Enqueue one more entry."""
        new = NewEntry(**{**{"id": uuid4(), "kind": KIND, "size": 8}, **self.sender, **values})
        self.database.write(self.queue.enqueue, new, now())
        self.queue.wake()
        return new.id

    sender: dict[str, UUID] = field(
        default_factory=lambda: {"account_id": ACCOUNT, "user_id": USER}
    )

    def claim(self, work_id: UUID, owner: str = "one", alive: bool = True) -> ClaimedEntry:
        """Claim an entry that may be claimed."""
        if alive:
            self.database.write(renew_lease, owner, now())
        return self.database.write(claim_entries, [work_id], owner, LEASE, now())[work_id]

    def waiting(self) -> list[UUID]:
        """What may run now, the oldest first."""
        entries = self.database.read(find_waiting, [KIND], LEASE, now())
        return [each.id for each in sorted(entries, key=lambda each: each.enqueued_at)]

    def left(self) -> set[UUID]:
        """The entries that have not ended."""
        with self.database.reading() as conn:
            return set(conn.scalars(select(queue_entries.c.id)))


@pytest.fixture
def bench(migrated: tuple[Database, Settings]) -> Bench:
    database, settings = migrated
    (settings.data / "run").mkdir()
    return Bench(database, TaskQueue(database, settings.data / "run"), settings)


@dataclass
class Recorder:
    """A workflow that notes its calls; `work` is what a run does."""

    work: Callable[[Run], None] = lambda run: None
    begun: list[UUID] = field(default_factory=list)
    ran: list[UUID] = field(default_factory=list)
    given_up: list[UUID] = field(default_factory=list)

    def begin(self, conn: WriteConnection, run_id: UUID, at: datetime) -> str:
        del conn, at
        self.begun.append(run_id)
        return "begun"

    def run(self, run: Run, work: str) -> None:
        assert work == "begun"
        self.ran.append(run.id)
        self.work(run)

    def give_up(self, conn: WriteConnection, run_id: UUID, at: datetime) -> None:
        del conn, at
        self.given_up.append(run_id)


@contextmanager
def running(bench: Bench, workflow: Recorder, name: str = "one") -> Iterator[Worker]:
    worker = Worker(bench.database, bench.settings, name, {KIND: workflow}, now, ProcessMetrics())
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(PATIENCE)


def test_what_is_enqueued_runs_once_and_is_gone(bench: Bench) -> None:
    workflow = Recorder()
    before = [bench.enqueue() for _ in range(3)]
    with running(bench, workflow):
        after = [bench.enqueue() for _ in range(3)]
        wait_until(lambda: not bench.left(), "all is done")
    assert sorted(workflow.ran) == sorted([*before, *after])
    assert workflow.given_up == []


def test_a_rolled_back_transaction_enqueues_nothing(bench: Bench) -> None:
    def enqueue_and_fail(conn: WriteConnection) -> None:
        bench.queue.enqueue(conn, NewEntry(uuid4(), KIND, ACCOUNT, USER, 8), now())
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        bench.database.write(enqueue_and_fail)
    assert bench.left() == set()


def test_versions_of_a_file_run_in_order_and_one_at_a_time(bench: Bench) -> None:
    file_id = uuid4()
    ids = {number: bench.enqueue(file_id=file_id, version=number) for number in (3, 1, 2)}
    other = bench.enqueue()
    assert set(bench.waiting()) == {ids[1], other}
    first = bench.claim(ids[1])
    assert bench.waiting() == [other]
    bench.database.write(postpone_entry, first, now())
    assert bench.waiting() == [other, ids[1]]
    bench.database.write(end_entry, bench.claim(ids[1]))
    assert set(bench.waiting()) == {other, ids[2]}


def test_two_workers_never_claim_the_same_entry(bench: Bench) -> None:
    ids = [bench.enqueue() for _ in range(30)]
    workflows = [Recorder(), Recorder()]
    with running(bench, workflows[0], "one"), running(bench, workflows[1], "two"):
        wait_until(lambda: not bench.left(), "all is done")
    assert sorted(workflows[0].ran + workflows[1].ran) == sorted(ids)


def test_what_a_worker_writes_that_was_taken_for_dead_is_refused(bench: Bench) -> None:
    work_id = bench.enqueue()
    old = bench.claim(work_id, "one", alive=False)
    assert bench.waiting() == [work_id]
    new = bench.claim(work_id, "two")
    assert bench.waiting() == []
    assert (old.lease, new.lease) == (1, 2)
    for late in (hold_lease, end_entry):
        with pytest.raises(LeaseLost):
            bench.database.write(late, old)
    for late_release in (postpone_entry, retry_entry):
        with pytest.raises(LeaseLost):
            bench.database.write(late_release, old, now())
    run = Run(old, bench.database, PLACE)
    with pytest.raises(LeaseLost):
        run.end(lambda conn: pytest.fail("it is refused before anything is written"))
    assert bench.database.read(find_held, "one") == {}
    assert bench.database.read(find_held, "two") == {work_id: 2}
    bench.database.write(end_entry, new)
    with pytest.raises(LeaseLost):
        bench.database.write(hold_lease, new)


def test_what_fails_while_ending_is_rolled_back_with_its_entry(bench: Bench) -> None:
    run = Run(bench.claim(bench.enqueue()), bench.database, PLACE)

    def fail(conn: WriteConnection) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        run.end(fail)
    assert not run.ended
    assert not run.end_if(lambda conn: False)
    assert bench.left() == {run.id}
    assert run.end_if(lambda conn: True)
    assert bench.left() == set()


def test_a_worker_resumes_at_once_what_it_left(bench: Bench) -> None:
    """A killed worker of the same name had claimed it a moment ago."""
    left, others = bench.enqueue(), bench.enqueue()
    bench.claim(left, "one")
    bench.claim(others, "two")
    workflow = Recorder()
    with running(bench, workflow, "one"):
        wait_until(lambda: workflow.ran == [left], "it is resumed")
    assert bench.left() == {others}


def test_what_exceeds_its_budget_runs_once_more_at_the_end(bench: Bench) -> None:
    attempts: list[tuple[UUID, bool]] = []

    def work(run: Run) -> None:
        attempts.append((run.id, run.is_last_attempt))
        if run.id == costly and not run.is_last_attempt:
            raise BudgetExceeded

    costly = bench.enqueue()
    bench.settings = bench.settings.model_copy(update={"inspections_at_once": 1})
    workflow = Recorder(work)
    others = [bench.enqueue(size=10**9) for _ in range(3)]
    with running(bench, workflow):
        wait_until(lambda: not bench.left(), "all is done")
    assert attempts[0] == (costly, False)
    assert attempts[-1] == (costly, True)
    assert [work_id for work_id, _ in attempts[1:-1]] == others
    assert workflow.given_up == []


@dataclass
class SlowBatches(Recorder):
    """A workflow each of whose runs takes `seconds` by the clock of its place, and `cpu_seconds` of
    the processor unless it is one of the `quick`."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    quick: set[UUID] = field(default_factory=set)
    clock: float = 0.0
    batches: list[int] = field(default_factory=list)
    finished: list[UUID] = field(default_factory=list)

    def run_batch(self, begun: Sequence[BegunRun]) -> None:
        self.batches.append(len(begun))
        for each in begun:
            self.work_on(each.run)
            if each.run.place.is_overdue():
                return

    def run(self, run: Run, work: str) -> None:
        self.ran.append(run.id)
        self.work_on(run)

    def work_on(self, run: Run) -> None:
        run.check()
        self.clock += self.seconds
        run.note_cpu(0.0 if run.id in self.quick else self.cpu_seconds)
        run.check()
        run.end(lambda conn: None)
        self.finished.append(run.id)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> tuple[SlowBatches, Places]:
    """The workflow, and the places of its worker: all but the one for short work are taken."""
    workflow = SlowBatches()
    places = Places(FreePlaces(general=0, short=1), lambda: workflow.clock)
    monkeypatch.setattr("entrepot.tasks.worker.Places", lambda free: places)
    return workflow, places


def short_entries(bench: Bench) -> int:
    with bench.database.reading() as conn:
        return conn.scalar(select(func.count()).where(queue_entries.c.short)) or 0


def test_a_batch_on_a_slow_machine_repeats_nothing(
    bench: Bench, slow: tuple[SlowBatches, Places]
) -> None:
    """It ends between two of its runs, and the rest waits again as short work: in the end each by
    itself, so that none has to wait for others a tenth time."""
    workflow, _ = slow
    workflow.seconds = 0.6 * SHORT_BATCH_SECONDS
    ids = [bench.enqueue() for _ in range(8)]
    with running(bench, workflow):
        wait_until(lambda: not bench.left(), "all is done")
    assert workflow.batches == [8, 6, 4]
    assert sorted(workflow.finished) == sorted(ids)
    assert workflow.ran == ids[-2:]


def test_what_is_slow_in_a_batch_leaves_and_the_rest_stays_short(
    bench: Bench, slow: tuple[SlowBatches, Places]
) -> None:
    """A small delivery behind slow ones of its sender does not wait for a place for long work."""
    workflow, places = slow
    workflow.cpu_seconds = SHORT_SECONDS + 0.1
    ids = [bench.enqueue() for _ in range(6)]
    workflow.quick = {ids[-1]}
    with running(bench, workflow):
        wait_until(lambda: workflow.finished == ids[-1:], "the quick one is done")
        wait_until(lambda: not short_entries(bench), "nothing else is short work")
        assert bench.left() == set(ids[:-1])
        assert workflow.batches == [6, 5, 4]
        assert sorted(workflow.ran) == sorted(ids[3:])
        workflow.cpu_seconds = 0.0
        places.release("general")
        bench.queue.wake()
        wait_until(lambda: not bench.left(), "all is done")
    assert sorted(workflow.finished) == sorted(ids)


def test_a_run_without_the_processor_keeps_the_place_for_short_work(
    bench: Bench, slow: tuple[SlowBatches, Places]
) -> None:
    """For some seconds by the clock. Then it waits again as short work, some times at most."""
    workflow, places = slow
    workflow.seconds = SHORT_CLOCK_SECONDS
    starved = bench.enqueue()
    with running(bench, workflow):
        wait_until(lambda: not bench.left(), "it is done")
        assert workflow.ran == [starved]
        workflow.seconds = SHORT_CLOCK_SECONDS + 0.1
        sleeping = bench.enqueue()
        wait_until(lambda: not short_entries(bench), "it counts as long work")
        assert workflow.ran == [starved] + MAX_SHORT_CLAIMS * [sleeping]
        assert bench.left() == {sleeping}
        places.release("general")
        bench.queue.wake()
        wait_until(lambda: not bench.left(), "it is done")
    assert MAX_SHORT_CLAIMS + 2 < MAX_CLAIMS
    assert workflow.given_up == []


def test_the_cpu_of_one_process_after_another_adds_up(bench: Bench) -> None:
    """As where a batch's file is judged again in a process of its own."""
    place = Places(FreePlaces(general=0, short=1)).take("short")
    assert place
    run = Run(bench.claim(bench.enqueue()), bench.database, place)
    for share in (0.0, 0.6, 0.0, 0.3, 0.4):
        run.note_cpu(share * SHORT_SECONDS)
        run.check()
    run.note_cpu(0.5 * SHORT_SECONDS)
    with pytest.raises(BudgetExceeded):
        run.check()


@pytest.mark.parametrize("part", ["begin", "run"])
def test_what_fails_is_tried_again_and_then_given_up(
    bench: Bench, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is begun or run; and what waits beside it runs anyway."""
    broken = bench.enqueue(user_id=uuid4())
    sound = bench.enqueue(user_id=uuid4())
    workflow = Recorder()
    plain = getattr(workflow, part)

    def fail(first: Any, second: Any, *rest: Any) -> Any:
        work_id = second if part == "begin" else first.id
        if work_id == broken:
            failures.append(work_id)
            raise OSError("no space")
        return plain(first, second, *rest)

    failures: list[UUID] = []
    setattr(workflow, part, fail)
    monkeypatch.setattr("entrepot.tasks.worker.FAILURE_PAUSE", timedelta(milliseconds=10))
    with capture_logs() as logs, running(bench, workflow):
        wait_until(lambda: not bench.left(), "all is done")
    assert any(each["log_level"] == "error" for each in logs)
    assert workflow.given_up == [broken]
    assert workflow.ran == [sound]
    assert len(failures) >= MAX_FAILURES


@pytest.mark.parametrize("fault", ["claim", "end"])
def test_what_a_failed_transaction_left_claimed_is_resumed(
    bench: Bench, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database answers no more, after a claim was committed or as the run's failure is noted:
    the worker lives on and holds an entry that none of its threads runs."""
    bench.settings = bench.settings.model_copy(update={"lease": 0.5})
    work_id = bench.enqueue()
    faults = [fault]
    write = Database.write

    def write_then_fail(database: Database, work: Any, *args: Any, **kwargs: Any) -> Any:
        result = write(database, work, *args, **kwargs)
        if work.__name__ == "_begin" and faults == ["claim"]:
            faults.clear()
            raise OSError("the connection was lost")
        return result

    def fail_once(run: Run) -> None:
        if faults == ["end"]:
            raise OSError("no space")

    def fail_to_note(*args: Any) -> None:
        if faults:
            faults.clear()
            raise OSError("no space")
        retry_entry(*args)

    monkeypatch.setattr(Database, "write", write_then_fail)
    monkeypatch.setattr("entrepot.tasks.worker.retry_entry", fail_to_note)
    workflow = Recorder(fail_once)
    with capture_logs(), running(bench, workflow):
        wait_until(lambda: not bench.left(), "it is done")
    assert workflow.given_up == []
    assert workflow.ran[-1] == work_id


def test_work_whose_workers_die_each_time_is_given_up(bench: Bench) -> None:
    work_id = bench.enqueue()
    with bench.database.writing() as conn:
        conn.execute(update(queue_entries).values(lease=MAX_CLAIMS))
    workflow = Recorder()
    with running(bench, workflow):
        wait_until(lambda: not bench.left(), "it is given up")
    assert (workflow.given_up, workflow.ran) == ([work_id], [])


def test_an_interrupted_run_is_left_to_the_next_start(bench: Bench) -> None:
    began, stopped = threading.Event(), threading.Event()

    def work(run: Run) -> None:
        began.set()
        assert stopped.wait(PATIENCE)
        raise OSError("its sandbox process was ended")

    workflow = Recorder(work)
    work_id = bench.enqueue()
    worker = Worker(bench.database, bench.settings, "one", {KIND: workflow}, now, ProcessMetrics())
    worker.start()
    assert began.wait(PATIENCE)
    worker.stop(0)
    stopped.set()
    assert bench.waiting() == [work_id]  # at once, for any other worker
    again = Recorder()
    with running(bench, again, "two"):
        wait_until(lambda: not bench.left(), "it is resumed")
    assert (again.ran, workflow.given_up) == ([work_id], [])


@pytest.mark.both_databases
@pytest.mark.parametrize("moment", ["a statement", "the commit"])
def test_work_waits_while_the_database_is_full(
    bench: Bench, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is tried: it is not a failure of the work, which nobody would do again."""
    monkeypatch.setattr("entrepot.tasks.worker.FULL_PAUSE_SECONDS", 0.005)
    with bench.database.writing() as conn:
        conn.execute(text("CREATE TABLE things (name text)"))

    def insert(conn: WriteConnection) -> None:
        conn.execute(text("INSERT INTO things VALUES (:name)"), {"name": "x" * 100_000})

    tries: list[bool] = []

    def write(run: Run) -> None:
        try:
            run.end(insert)
        except DatabaseFull:
            tries.append(False)
            raise
        tries.append(True)

    workflow = Recorder(write)
    work_id = bench.enqueue()
    make_room = fill(bench.database, moment)
    with running(bench, workflow):
        wait_until(lambda: len(tries) > 2 * MAX_CLAIMS, "it is tried again and again")
        assert bench.left() == {work_id}
        make_room()
        wait_until(lambda: not bench.left(), "it is done")
    assert (tries[-1], workflow.given_up) == (True, [])
    with bench.database.reading() as conn:
        assert conn.scalar(text("SELECT count(*) FROM things")) == 1
