"""Statements whose answers nobody needs: sent later, in their order, and never lost unnoticed."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, InternalError

from entrepot.db.engine import Database, open_database
from entrepot.db.inserts import insert_row
from entrepot.db.tables import accounts
from entrepot.db.types import WriteConnection
from entrepot.settings import Settings

pytestmark = pytest.mark.both_databases

NOW = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.fixture
def database(migrated: tuple[Database, Settings]) -> Database:
    return migrated[0]


def add(conn: WriteConnection, name: str, account_id: UUID | None = None) -> None:
    values: dict[str, Any] = {"id": account_id or uuid4(), "name": name, "quota": 10}
    insert_row(conn, accounts, **values, created_at=NOW)


def names(database: Database) -> list[str]:
    with database.reading() as conn:
        return sorted(conn.scalars(select(accounts.c.name)))


def test_a_statement_sees_what_was_run_before_it(database: Database) -> None:
    with database.writing() as conn:
        add(conn, "one")
        assert list(conn.scalars(select(accounts.c.name))) == ["one"]
        add(conn, "two")
    assert names(database) == ["one", "two"]


def test_an_error_of_the_last_statement_is_that_of_the_commit(database: Database) -> None:
    database.write(add, "one")
    with pytest.raises(IntegrityError):
        database.write(lambda conn: [add(conn, name) for name in ("two", "one", "three")])
    assert names(database) == ["one"]


def test_an_error_is_raised_by_the_next_statement_at_the_latest(database: Database) -> None:
    database.write(add, "one")
    reached = []

    def repeat(conn: WriteConnection) -> None:
        add(conn, "one")
        conn.execute(select(accounts.c.name))
        reached.append(True)

    with pytest.raises(IntegrityError):
        database.write(repeat)
    assert not reached
    database.write(add, "two")
    assert names(database) == ["one", "two"]


def test_what_is_rolled_back_is_not_sent_later(database: Database) -> None:
    def fail(conn: WriteConnection) -> None:
        add(conn, "lost")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.write(fail)
    database.write(add, "kept")
    assert names(database) == ["kept"]


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_failed_transaction_is_never_taken_for_a_committed_one(database: Database) -> None:
    """PostgreSQL answers ROLLBACK to a COMMIT of it, which is not an error."""

    def go_on_after_an_error(conn: WriteConnection) -> None:
        add(conn, "one", account_id := uuid4())
        add(conn, "two", account_id)
        with pytest.raises(IntegrityError):
            conn.execute(select(accounts.c.name))

    with pytest.raises(InternalError, match="rolled back"):
        database.write(go_on_after_an_error)
    assert names(database) == []


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_connections_that_the_server_has_ended_are_replaced(
    database: Database, migrated: tuple[Database, Settings]
) -> None:
    with database.reading() as conn:
        pid = conn.scalar(text("SELECT pg_backend_pid()"))
    end = text("SELECT pg_terminate_backend(:pid, 5000)")
    with closing(open_database(migrated[1])) as other, other.reading() as conn:
        assert conn.scalar(end, {"pid": pid})
    for number in range(9):  # as many as there may be in the pool
        database.write(add, str(number))


@pytest.mark.parametrize(("length", "is_prepared"), [(10, True), (150, False)])
def test_a_statement_with_a_long_list_is_not_prepared(
    database: Database, length: int, is_prepared: bool
) -> None:
    """Each length is another statement, of which a connection would keep hundreds."""
    if database.embedded:
        return  # it has no prepared statements of its own
    ids = [uuid4() for _ in range(length)]
    query = select(accounts.c.id).where(accounts.c.id.in_(ids))
    with database.reading() as conn:
        assert [conn.scalars(query).all() for _ in range(10)] == [[]] * 10
        prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE :query"
        count = conn.scalar(text(prepared), {"query": "%accounts.id IN%"})
    assert (count == 1) == is_prepared
