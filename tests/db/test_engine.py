"""The package `db` on both databases: transactions, times, and the statements that a list takes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import IntegrityError, InternalError, StatementError
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.wait import PATIENCE

from entrepot.accounts.accounts import create_account, get_account
from entrepot.db.engine import Database, open_database, sqlite_module
from entrepot.db.tables import accounts, users
from entrepot.db.types import WriteConnection
from entrepot.errors import NotFound
from entrepot.files.processing.cancel import actor_to_viewer
from entrepot.files.queries.lists import list_files
from entrepot.settings import Settings, read_settings
from entrepot.tasks.records import list_tasks

pytestmark = pytest.mark.both_databases

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@pytest.fixture
def database(migrated: tuple[Database, Settings]) -> Database:
    """A migrated database of each kind."""
    return migrated[0]


def test_a_unit_of_work_is_committed_or_leaves_nothing(database: Database) -> None:
    database.write(create_account, "kept", 10, NOW)

    def fail(conn: WriteConnection) -> None:
        create_account(conn, "lost", 10, NOW)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        database.write(fail)
    assert database.read(get_account, "kept").quota == 10
    with pytest.raises(NotFound):
        database.read(get_account, "lost")


def test_who_waits_for_each_other_is_run_again(database: Database) -> None:
    """SQLite has one writer at a time: there the second waits for the first."""
    first, second = (
        database.write(create_account, name, 10, NOW).id for name in ("first", "second")
    )
    both_hold_one = Barrier(2)
    attempts: list[UUID] = []

    def add_to_both(conn: WriteConnection, one: UUID, other: UUID) -> None:
        attempts.append(one)
        for account_id in (one, other):
            added = update(accounts).where(accounts.c.id == account_id)
            conn.execute(added.values(quota=accounts.c.quota + 1))
            if account_id == one and attempts.count(one) == 1 and not database.embedded:
                both_hold_one.wait(PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        pairs = ((first, second), (second, first))
        list(threads.map(lambda pair: database.write(add_to_both, *pair), pairs))
    assert [database.read(get_account, name).quota for name in ("first", "second")] == [12, 12]
    assert len(attempts) == (2 if database.embedded else 3)


def test_what_only_reads_changes_nothing(database: Database) -> None:
    """PostgreSQL does not even take it."""
    refusal = nullcontext() if database.embedded else pytest.raises(InternalError)
    with refusal, database.reading() as conn:
        create_account(WriteConnection(conn), "lost", 10, NOW)
    with pytest.raises(NotFound):
        database.read(get_account, "lost")


def test_what_is_read_together_is_of_one_state(database: Database) -> None:
    """Also after another transaction has committed."""
    names = select(accounts.c.name)
    with database.reading() as conn:
        assert list(conn.scalars(names)) == []
        database.write(create_account, "acme", 10, NOW)
        assert list(conn.scalars(names)) == []
    with database.reading() as conn:
        assert list(conn.scalars(names)) == ["acme"]


def test_times_come_back_as_they_went_in(database: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    database.write(create_account, "acme", 10, elsewhere)
    created_at = database.read(get_account, "acme").created_at
    assert (created_at, created_at.tzinfo) == (NOW, UTC)
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="without a zone"):
        database.write(create_account, "other", 10, naive)


def test_the_database_itself_holds_the_line(database: Database) -> None:
    database.write(create_account, "acme", 10, NOW)

    def overuse(conn: WriteConnection) -> None:
        conn.execute(accounts.update().values(used=7, reserved=4))

    def orphan(conn: WriteConnection) -> None:
        conn.execute(
            insert(users).values(
                id=uuid4(), account_id=uuid4(), name="x", role="member", created_at=NOW
            )
        )

    for work in (overuse, orphan):
        with pytest.raises(IntegrityError):
            database.write(work)


def test_errors_tell_no_values(database: Database) -> None:
    def twice(conn: WriteConnection) -> None:
        for _ in range(2):
            row = {"id": uuid4(), "name": "secret-name", "quota": 1, "created_at": NOW}
            conn.execute(insert(accounts).values(row))

    with pytest.raises(IntegrityError) as caught:
        database.write(twice)
    assert "[parameters" not in str(caught.value)


def test_sqlite_is_as_durable_as_it_gets(tmp_path: Path) -> None:
    database = open_database(read_settings(data=tmp_path))
    with database.reading() as conn:
        pragmas = {
            name: conn.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    assert sqlite_module().sqlite_version_info >= (3, 40)


@contextmanager
def recorded_statements(database: Database) -> Iterator[list[str]]:
    """The statements that run on the database within the block."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT")):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_a_list_takes_as_many_statements_however_long(server: Server, account: TestAccount) -> None:
    actor = server.actor(account.api_key)
    database = server.parts.database
    viewer = actor_to_viewer(actor)
    for deliveries in (1, 5):
        for _ in range(deliveries):
            account.api.deliver(CSV, enforce_schema="true")
        with recorded_statements(database) as statements:
            assert database.read(list_files, actor, 100)
        assert len(statements) == 2, statements  # the first checks whether anything is shared
        with recorded_statements(database) as statements:
            assert database.read(list_tasks, viewer, 100)
        assert len(statements) == 1, statements


def test_authentication_takes_one_statement(server: Server, account: TestAccount) -> None:
    server.actor(account.api_key)
    with recorded_statements(server.parts.database) as statements:
        server.actor(account.api_key)
    assert len(statements) == 1, statements
    with server.parts.database.reading() as conn:
        assert conn.scalar(select(accounts.c.name).where(accounts.c.name == account.name))
