"""Reads on their way into the record: noted, given back, going on, and ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select

from entrepot.accounts.accounts import create_account
from entrepot.activity.reads import (
    LONGEST,
    QUIET,
    Batch,
    Read,
    ReadBuffer,
    any_ended,
    write_reads,
)
from entrepot.db.engine import Database
from entrepot.db.tables import activity, open_reads

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PROCESSES, ROUNDS, FILES = 4, 5, 20


def read_of(account_id: UUID, file_id: UUID | None = None) -> Read:
    user, file = UUID(int=1), file_id or UUID(int=2)
    return Read(account_id, user, "acme:anna", None, "192.0.2.7", file, 1, "original")


def part(read: Read, now: datetime, size: int = 1) -> Batch:
    """What a process notes of one range."""
    buffer = ReadBuffer()
    buffer.note(read, uuid4().hex, now, goes_on=True, sent=size)
    return buffer.take()


def details(database: Database) -> list[dict[str, Any]]:
    with database.reading() as conn:
        return list(conn.scalars(select(activity.c.detail).order_by(activity.c.id)))


def going_on(database: Database) -> int:
    with database.reading() as conn:
        return conn.scalar(select(func.count()).select_from(open_reads)) or 0


def test_what_could_not_be_written_is_noted_still() -> None:
    read, buffer = read_of(UUID(int=0)), ReadBuffer()
    buffer.note(read, "first", NOW, goes_on=False, sent=1)
    batch = buffer.take()
    buffer.note(read, "second", NOW + SECOND, goes_on=False, sent=2)
    buffer.note(read, "third", NOW + SECOND, goes_on=True, sent=4)
    buffer.give_back(batch)
    both = buffer.take()
    whole, ranged = both[read, False], both[read, True]
    assert (whole.request_id, whole.requests, whole.bytes) == ("first", 2, 3)
    assert (whole.began_at, whole.last_at) == (NOW, NOW + SECOND)
    assert (ranged.request_id, ranged.requests, ranged.bytes) == ("third", 1, 4)
    assert buffer.take() == {}


def test_a_read_ends_when_it_has_been_quiet(database: Database) -> None:
    read = read_of(database.write(create_account, "acme", 10, NOW).id)
    for seconds in (0, 59, 118):
        now = NOW + seconds * SECOND
        database.write(write_reads, part(read, now), now)
    assert (going_on(database), details(database)) == (1, [])
    last = NOW + 118 * SECOND
    assert not database.read(any_ended, last + QUIET - SECOND)
    assert database.read(any_ended, last + QUIET)
    database.write(write_reads, {}, last + QUIET)
    told = {
        "form": "original",
        "requests": 3,
        "bytes": 3,
        "until": last.isoformat("T", "microseconds"),
    }
    assert (going_on(database), details(database)) == (0, [told])
    database.write(write_reads, part(read, last + QUIET), last + QUIET)
    assert (going_on(database), len(details(database))) == (1, 1)


def test_a_read_without_end_is_written_each_hour(database: Database) -> None:
    read, now = read_of(database.write(create_account, "acme", 10, NOW).id), NOW
    while now < NOW + LONGEST:
        database.write(write_reads, part(read, now), now)
        now += QUIET - SECOND
    database.write(write_reads, part(read, now), now)
    (told,) = details(database)
    assert told["requests"] == LONGEST // (QUIET - SECOND) + 2


def test_processes_share_their_reads(database: Database) -> None:
    """Each adds to the same ones, in an order of its own, and any of them ends them once."""
    account_id = database.write(create_account, "acme", 10, NOW).id
    reads = [read_of(account_id, uuid4()) for _ in range(FILES)]

    def work(turn: int) -> None:
        for number in range(ROUNDS):
            batch: Batch = {}
            for read in reads if turn % 2 else reversed(reads):
                batch |= part(read, NOW)
            # The last round ends what others still add to.
            late = NOW + 2 * QUIET if number == ROUNDS - 1 else NOW
            database.write(write_reads, batch, late)

    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(work, range(PROCESSES)))
    database.write(write_reads, {}, NOW + 2 * QUIET)
    assert going_on(database) == 0
    assert sum(told["requests"] for told in details(database)) == PROCESSES * ROUNDS * FILES
