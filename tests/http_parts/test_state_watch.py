"""Whoever waits for a row is woken by a notification, or by a look if that was lost."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from tests.support.loops import run_apart
from tests.support.wait import PATIENCE

from entrepot.db.change_counter import ChangeCounter
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.http.follow import change_listener, state_watch
from entrepot.http.follow.change_listener import ChangeListener
from entrepot.http.follow.state_watch import StateWatch
from entrepot.settings import Settings
from entrepot.tasks.changes import IDS_PER_NOTIFICATION, RowState, note_change

on_postgres = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
NEVER = 1_000.0
"""Seconds."""
ROW = uuid4()
RUNNING, ENDED = RowState(2, False), RowState(3, True)
LISTENERS = text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"
    " AND state = 'idle'"
)
"""Those whose LISTEN is committed: what is notified from then on reaches them."""


class Rows:
    """What looks at the database find, and how often there was one."""

    def __init__(self) -> None:
        self.states: dict[UUID, RowState] = {ROW: RUNNING}
        self.looks = 0

    def read(self, conn: ReadConnection, row_ids: list[UUID]) -> dict[UUID, RowState]:
        conn.scalar(text("SELECT 1"))
        self.looks += 1
        return {row_id: self.states[row_id] for row_id in row_ids if row_id in self.states}


@pytest.fixture
def only_notified(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look comes by itself."""
    for name in ("NOTIFIED_POLL_SECONDS", "FAST_POLL_SECONDS", "SLOW_POLL_SECONDS"):
        monkeypatch.setattr(state_watch, name, NEVER)


@asynccontextmanager
async def watching(
    migrated: tuple[Database, Settings], rows: Rows
) -> AsyncIterator[tuple[StateWatch, ChangeListener | None]]:
    """A watch on the rows, notified if the database does it."""
    database, settings = migrated
    with ThreadPoolExecutor(2) as threads:
        changes = ChangeCounter(database)
        watch, listener = StateWatch(database, threads, changes, rows.read), None
        if settings.database is not None:
            url = settings.database.get_secret_value()
            listener = ChangeListener(url, [watch], threads)
            listener.start()
            await until_notified(watch)
        yield watch, listener
        if listener is not None:
            await listener.close()
        changes.close()


async def until_notified(watch: StateWatch) -> None:
    """Until the watch knows that it is notified: it looks at the rows of those who follow then."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if watch._is_notified:
                return
            await asyncio.sleep(0.01)


async def until_listening(database: Database, other_than: int | None = None) -> int:
    """The process of the database that serves the listener, once there is one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with database.reading() as conn:
                pids = [pid for pid in conn.scalars(LISTENERS) if pid != other_than]
            if pids:
                return int(pids[0])
            await asyncio.sleep(0.01)


def change(database: Database, *row_ids: UUID, has_ended: bool = False) -> None:
    """A transaction that changes rows."""

    def work(conn: WriteConnection) -> None:
        for row_id in row_ids:
            note_change(conn, row_id, has_ended)

    database.write(work)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    run_apart(coroutine)


@on_postgres
@pytest.mark.usefixtures("only_notified")
def test_a_notification_wakes_those_whom_it_concerns(migrated: tuple[Database, Settings]) -> None:
    async def follow() -> None:
        rows, database = Rows(), migrated[0]
        async with watching(migrated, rows) as (watch, _):
            with watch.follow(ROW, 1) as stream, watch.follow_end(ROW) as waiter:
                change(database, *(uuid4() for _ in range(IDS_PER_NOTIFICATION)), ROW)
                assert await stream.wait(PATIENCE)
                assert not waiter.changed.is_set(), "the row has not ended"
                change(database, ROW, has_ended=True)
                assert await waiter.wait(PATIENCE)
                assert await stream.wait(PATIENCE)
        assert rows.looks == 0

    run(follow())


@on_postgres
@pytest.mark.usefixtures("only_notified")
def test_what_was_notified_before_somebody_follows_counts(
    migrated: tuple[Database, Settings],
) -> None:
    async def follow() -> None:
        async with watching(migrated, Rows()) as (watch, _):
            first = uuid4()
            with watch.follow_end(first) as follower:
                change(migrated[0], ROW, first, has_ended=True)
                assert await follower.wait(PATIENCE)
            with watch.follow_end(ROW) as late:
                assert await late.wait(PATIENCE)

    run(follow())


@on_postgres
@pytest.mark.usefixtures("only_notified")
def test_what_is_rolled_back_is_not_notified(migrated: tuple[Database, Settings]) -> None:
    def fail(conn: WriteConnection) -> None:
        note_change(conn, ROW, has_ended=True)
        raise RuntimeError

    async def follow() -> None:
        async with watching(migrated, Rows()) as (watch, _):
            with watch.follow_end(ROW) as undone, watch.follow_end(other := uuid4()) as done:
                with pytest.raises(RuntimeError):
                    migrated[0].write(fail)
                change(migrated[0], other, has_ended=True)
                assert await done.wait(PATIENCE)
                assert not undone.changed.is_set()

    run(follow())


@pytest.mark.both_databases
def test_a_lost_notification_is_made_up_for_by_a_look(
    migrated: tuple[Database, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_watch, "NOTIFIED_POLL_SECONDS", 0.05)

    async def follow() -> None:
        rows = Rows()
        async with watching(migrated, rows) as (watch, _):
            with watch.follow_end(ROW) as follower:
                rows.states[ROW] = ENDED
                assert await follower.wait(PATIENCE)

    run(follow())


@pytest.mark.both_databases
def test_a_change_is_seen_once_the_database_answers_again(
    migrated: tuple[Database, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_watch, "NOTIFIED_POLL_SECONDS", 0.05)

    async def follow() -> None:
        rows = Rows()
        rows.states = {}
        async with watching(migrated, rows) as (watch, _):
            with watch.follow(ROW, 2) as follower:
                read, failed = rows.read, asyncio.Event()
                loop = asyncio.get_running_loop()

                def fail(conn: ReadConnection, row_ids: list[UUID]) -> dict[UUID, RowState]:
                    loop.call_soon_threadsafe(failed.set)
                    raise ConnectionError

                watch._read_states = fail
                await asyncio.wait_for(failed.wait(), PATIENCE)
                rows.states[ROW], watch._read_states = ENDED, read
                assert await follower.wait(PATIENCE)

    run(follow())


@on_postgres
def test_a_lost_connection_is_made_again(
    migrated: tuple[Database, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_listener, "RECONNECT_SECONDS", 0.05)
    monkeypatch.setattr(state_watch, "NOTIFIED_POLL_SECONDS", NEVER)

    async def follow() -> None:
        database, rows = migrated[0], Rows()
        async with watching(migrated, rows) as (watch, _):
            pid = await until_listening(database)
            with watch.follow_end(ROW) as follower:
                with database.reading() as conn:
                    conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
                await until_listening(database, other_than=pid)
                rows.states[ROW] = ENDED
                change(database, ROW, has_ended=True)
                assert await follower.wait(PATIENCE)

    run(follow())


@on_postgres
def test_a_failed_notification_does_not_undo_a_commit(migrated: tuple[Database, Settings]) -> None:
    database = migrated[0]
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE kept (id int)"))
        driver: Any = conn.connection.driver_connection
        driver.run_after_commit("SELECT 1 / 0")
        driver.run_after_commit("SELECT 1")
    with database.reading() as conn:
        assert conn.scalar(text("SELECT count(*) FROM kept")) == 0
