"""What runs next, as a pure function: fair shares by used time, and a place for short work."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from entrepot.inspection.sandbox.process import priority_of
from entrepot.tasks.places import Places
from entrepot.tasks.schedule import (
    BATCH_ENTRIES,
    BATCH_SECONDS,
    HALF_LIFE_SECONDS,
    SHORT_BATCH_SECONDS,
    SHORT_BYTES,
    SHORT_CLOCK_SECONDS,
    SHORT_SECONDS,
    FreePlaces,
    Pace,
    UsedTime,
    WaitingEntry,
    choose_entries,
    is_short,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ANNA, BEN = UUID(int=1), UUID(int=2)
ACME, ZETA = UUID(int=11), UUID(int=12)
INSPECT = "inspect"
LARGE = 700_000_000


def entry(
    number: int, account: UUID = ACME, user: UUID = ANNA, size: int = 8, kind: str = INSPECT
) -> WaitingEntry:
    """The entry that was enqueued `number` seconds after the first."""
    enqueued_at = NOW + timedelta(seconds=number)
    return WaitingEntry(
        UUID(int=1000 + number), kind, account, user, size, is_short(size), enqueued_at
    )


def numbers(
    waiting: list[WaitingEntry], free: FreePlaces, used: dict[tuple[UUID, UUID], float]
) -> list[int]:
    """Which of the entries are chosen."""
    assignments = choose_entries(waiting, free, used)
    return [each.id.int - 1000 for one in assignments for each in one.entries]


def test_an_account_alone_uses_every_place_in_order() -> None:
    waiting = [entry(number) for number in range(9, -1, -1)]
    assert numbers(waiting, FreePlaces(2, 1), {}) == [0, 1, 2]


def test_who_used_less_time_goes_first() -> None:
    waiting = [*(entry(number) for number in range(1000)), entry(1000, ZETA)]
    assert numbers(waiting, FreePlaces(0, 1), {(ACME, ANNA): 0.1}) == [1000]
    assert numbers(waiting, FreePlaces(0, 1), {(ZETA, ANNA): 0.1}) == [0]


def test_the_senders_of_an_account_share_its_time() -> None:
    waiting = [entry(0), entry(1, user=BEN), entry(2, ZETA)]
    used = {(ACME, ANNA): 3.0, (ACME, BEN): 1.0, (ZETA, ANNA): 5.0}
    assert numbers(waiting, FreePlaces(0, 1), used) == [1]


def test_an_account_gains_nothing_by_many_senders() -> None:
    waiting = [entry(number, user=UUID(int=number + 1)) for number in range(50)]
    waiting += [entry(number, ZETA) for number in range(50, 100)]
    chosen = numbers(waiting, FreePlaces(20, 0), {})
    assert Counter(number >= 50 for number in chosen) == {False: 10, True: 10}


def test_long_work_leaves_the_place_for_short_work() -> None:
    waiting = [entry(number, size=LARGE) for number in range(5)]
    assert numbers(waiting, FreePlaces(1, 1), {}) == [0]
    assert numbers([*waiting, entry(9)], FreePlaces(1, 1), {}) == [9, 0]
    assert numbers([*waiting, entry(9)], FreePlaces(0, 1), {}) == [9]


@pytest.mark.parametrize(("size", "short"), [(SHORT_BYTES, True), (SHORT_BYTES + 1, False)])
def test_what_is_short(size: int, short: bool) -> None:
    assert is_short(size) == short


@pytest.mark.parametrize("job", ["inspect", "compare", "derive"])
def test_what_may_hold_the_place_for_short_work_gives_way_to_no_long_work(job: str) -> None:
    """Others would wait for it as long as that takes the processor."""
    assert priority_of(job, SHORT_BYTES) <= priority_of("inspect", LARGE)
    assert priority_of("derive", LARGE) > priority_of("inspect", LARGE)


def test_used_time_is_forgotten() -> None:
    used = UsedTime()
    used.add((ACME, ANNA), 8.0, 100.0)
    assert used.by_sender(100.0 + HALF_LIFE_SECONDS) == {(ACME, ANNA): pytest.approx(4.0)}
    assert used.by_sender(100.0 + 30 * HALF_LIFE_SECONDS) == {}


def test_a_run_of_several_takes_one_sender_and_its_share() -> None:
    waiting = [entry(number, user=BEN if number % 2 else ANNA) for number in range(100)]
    waiting += [entry(200, size=LARGE), entry(201, kind="compare")]
    assignments = choose_entries(waiting, FreePlaces(1, 1), {}, frozenset({INSPECT}))
    assert [len(each.entries) for each in assignments] == [BATCH_ENTRIES, BATCH_ENTRIES]
    assert [len({one.sender for one in each.entries}) for each in assignments] == [1, 1]
    assert {one.kind for each in assignments for one in each.entries} == {INSPECT}
    estimated = sum(one.estimated_seconds for one in assignments[0].entries)
    assert estimated <= BATCH_SECONDS
    few = choose_entries(waiting[:4:2], FreePlaces(1, 1), {}, frozenset({INSPECT}))
    assert [len(each.entries) for each in few] == [1, 1]


@pytest.mark.parametrize("limit", ["cpu", "clock"])
def test_a_run_that_is_not_short_leaves_its_place_or_moves(limit: str) -> None:
    now, cpu, run_id = 0.0, 0.0, uuid4()
    places = Places(FreePlaces(1, 1), lambda: now)
    short, general = places.take("short"), places.take("general")
    assert short
    assert general
    assert short.exceeded_by(run_id, cpu) is None
    cpu, now = SHORT_SECONDS, SHORT_CLOCK_SECONDS
    assert short.exceeded_by(run_id, cpu) is None
    cpu, now = (cpu + 0.1, 0.0) if limit == "cpu" else (cpu, now + 0.1)
    assert short.exceeded_by(run_id, cpu) == limit
    general.leave()
    assert short.exceeded_by(run_id, cpu) is None  # it continues in the other place
    assert places.free == FreePlaces(0, 1)
    cpu, now = cpu + 1000, now + 1000
    assert short.exceeded_by(run_id, cpu) is None
    assert places.take("general") is None  # whoever saw it free before that comes again
    assert places.free == FreePlaces(0, 1)
    short.leave()
    assert places.free == FreePlaces(1, 1)


def test_the_time_in_the_place_for_short_work_counts_for_each_run_of_a_batch() -> None:
    """On a slow machine a batch is ended between two of its runs, and none of them is stopped."""
    now = 0.0
    places = Places(FreePlaces(1, 1), lambda: now)
    general, short = places.take("general"), places.take("short")
    assert short
    assert general
    for _ in range(2):
        run_id = uuid4()
        assert not short.is_overdue()
        assert short.exceeded_by(run_id, 0.0) is None
        now += 0.8 * SHORT_BATCH_SECONDS
        assert short.exceeded_by(run_id, 0.8 * SHORT_SECONDS) is None
    assert short.is_overdue()
    general.leave()
    assert not short.is_overdue()  # the rest continues in the other place
    assert places.free == FreePlaces(0, 1)


def test_what_waited_behind_others_of_its_batch_runs_alone() -> None:
    waiting = [replace(entry(number), alone=number < 2) for number in range(6)]
    assignments = choose_entries(waiting, FreePlaces(3, 0), {}, frozenset({INSPECT}))
    chosen = [[one.id.int - 1000 for one in each.entries] for each in assignments]
    assert chosen == [[0], [1], [2, 3, 4, 5]]


def test_a_slow_machine_has_smaller_batches() -> None:
    pace, waiting = Pace(), [entry(number) for number in range(100)]
    sizes = []
    for seconds in (0.04, 0.4, 0.4, 4000.0, *[0.0] * 5):
        pace.note(0.04, seconds)
        (run,) = choose_entries(
            waiting, FreePlaces(1, 0), {}, frozenset({INSPECT}), pace.batch_seconds
        )
        sizes.append(len(run.entries))
    assert sizes[0] == sizes[-1] == BATCH_ENTRIES
    assert sizes[1:4] == [4, 4, 4]
