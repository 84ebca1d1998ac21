"""Reads on their way into the record: collected, restored, continued and ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select

from entrepot.accounts.accounts import create_account
from entrepot.activity.reads import (
    MAX_READ_DURATION,
    READ_MERGE_INTERVAL,
    Batch,
    Read,
    ReadBuffer,
    has_ended_reads,
    write_reads,
)
from entrepot.db.engine import Database
from entrepot.db.tables import activity, open_reads

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PROCESSES, ROUNDS, FILES = 4, 5, 20


def make_read(account_id: UUID, file_id: UUID | None = None) -> Read:
    user, file = UUID(int=1), file_id or UUID(int=2)
    return Read(account_id, user, "acme:anna", None, "192.0.2.7", file, 1, "original")


def make_batch(read: Read, now: datetime, size: int = 1) -> Batch:
    """The batch of a process that served one range."""
    buffer = ReadBuffer()
    buffer.add(read, uuid4().hex, now, kind="open", sent_bytes=size)
    return buffer.drain()


def activity_details(database: Database) -> list[dict[str, Any]]:
    with database.reading() as conn:
        return list(conn.scalars(select(activity.c.detail).order_by(activity.c.id)))


def count_open_reads(database: Database) -> int:
    with database.reading() as conn:
        return conn.scalar(select(func.count()).select_from(open_reads)) or 0


def test_what_could_not_be_written_is_noted_still() -> None:
    read, buffer = make_read(UUID(int=0)), ReadBuffer()
    buffer.add(read, "first", NOW, kind="single", sent_bytes=1)
    batch = buffer.drain()
    buffer.add(read, "second", NOW + SECOND, kind="single", sent_bytes=2)
    buffer.add(read, "third", NOW + SECOND, kind="open", sent_bytes=4)
    buffer.restore(batch)
    both = buffer.drain()
    single, ranged = both[read, "single"], both[read, "open"]
    assert (single.request_id, single.requests, single.bytes) == ("first", 2, 3)
    assert (single.began_at, single.last_at) == (NOW, NOW + SECOND)
    assert (ranged.request_id, ranged.requests, ranged.bytes) == ("third", 1, 4)
    assert buffer.drain() == {}


def test_a_read_ends_when_it_has_been_quiet(database: Database) -> None:
    read = make_read(database.write(create_account, "acme", 10, NOW).id)
    for seconds in (0, 59, 118):
        now = NOW + seconds * SECOND
        database.write(write_reads, make_batch(read, now), now)
    assert (count_open_reads(database), activity_details(database)) == (1, [])
    last = NOW + 118 * SECOND
    assert not database.read(has_ended_reads, last + READ_MERGE_INTERVAL - SECOND)
    assert database.read(has_ended_reads, last + READ_MERGE_INTERVAL)
    database.write(write_reads, {}, last + READ_MERGE_INTERVAL)
    detail = {
        "form": "original",
        "requests": 3,
        "bytes": 3,
        "until": last.isoformat("T", "microseconds"),
    }
    assert (count_open_reads(database), activity_details(database)) == (0, [detail])
    database.write(
        write_reads, make_batch(read, last + READ_MERGE_INTERVAL), last + READ_MERGE_INTERVAL
    )
    assert (count_open_reads(database), len(activity_details(database))) == (1, 1)


def test_a_read_without_end_is_written_each_hour(database: Database) -> None:
    read, now = make_read(database.write(create_account, "acme", 10, NOW).id), NOW
    while now < NOW + MAX_READ_DURATION:
        database.write(write_reads, make_batch(read, now), now)
        now += READ_MERGE_INTERVAL - SECOND
    database.write(write_reads, make_batch(read, now), now)
    (detail,) = activity_details(database)
    assert detail["requests"] == MAX_READ_DURATION // (READ_MERGE_INTERVAL - SECOND) + 2


def test_processes_share_their_reads(database: Database) -> None:
    """All processes add to the same reads in different orders, and each read ends once."""
    account_id = database.write(create_account, "acme", 10, NOW).id
    reads = [make_read(account_id, uuid4()) for _ in range(FILES)]

    def work(turn: int) -> None:
        for number in range(ROUNDS):
            batch: Batch = {}
            for read in reads if turn % 2 else reversed(reads):
                batch |= make_batch(read, NOW)
            # The last round ends what others still add to.
            end = NOW + 2 * READ_MERGE_INTERVAL if number == ROUNDS - 1 else NOW
            database.write(write_reads, batch, end)

    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(work, range(PROCESSES)))
    database.write(write_reads, {}, NOW + 2 * READ_MERGE_INTERVAL)
    assert count_open_reads(database) == 0
    assert (
        sum(detail["requests"] for detail in activity_details(database))
        == PROCESSES * ROUNDS * FILES
    )
