"""The chain of an account's record: one line, whoever writes at once, and older rows in it too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update
from tests.support.postgres import Postgres

from entrepot.accounts.accounts import create_account
from entrepot.activity.chain import START, chain_whole, chains_are_whole, seal
from entrepot.activity.record import record
from entrepot.blobs.disk import DiskStore
from entrepot.db.engine import Database, open_database
from entrepot.db.tables import activity, activity_heads
from entrepot.db.types import Writing
from entrepot.migrations.run import migrate
from entrepot.settings import read_settings

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
AT_ONCE, EACH = 4, 10


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = None
    if request.param == "postgres":
        running: Postgres = request.getfixturevalue("postgres")
        url = running.new_database()
    settings = read_settings(data=tmp_path, database=url)
    database = open_database(settings)
    migrate(database, settings.sqlite_file, NOW)
    yield database
    database.close()


def breaches(database: Database) -> list[str]:
    with database.reading() as conn:
        return list(chains_are_whole(conn, DiskStore(Path("/nowhere"), 0), NOW))


def note(conn: Writing, *account_ids: UUID) -> None:
    for account_id in account_ids:
        record(conn, account_id, None, "file.change", NOW, detail={"name": "Zürich\u2028", "n": 1})


def test_those_who_write_at_once_make_one_chain(database: Database) -> None:
    one = database.write(create_account, "one", 10, NOW).id
    two = database.write(create_account, "two", 10, NOW).id

    def work(turn: int) -> None:
        # In either order, which would be a deadlock if the heads were locked as they come.
        accounts = (one, two) if turn % 2 else (two, one)
        for _ in range(EACH):
            database.write(note, *accounts)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(work, range(AT_ONCE)))
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(activity)) == 2 * AT_ONCE * EACH
    assert breaches(database) == []


def test_what_is_rolled_back_leaves_no_row(database: Database) -> None:
    account_id = database.write(create_account, "one", 10, NOW).id

    def fail(conn: Writing) -> None:
        note(conn, account_id)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        database.write(fail)
    database.write(note, account_id)
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(activity)) == 1
    assert breaches(database) == []


def test_older_rows_are_chained(database: Database) -> None:
    account_id = database.write(create_account, "one", 10, NOW).id
    database.write(note, *[account_id] * 1005)
    with database.writing() as conn:
        conn.execute(update(activity).values(hash=None))
        conn.execute(delete(activity_heads))
    assert breaches(database) != []
    database.write(chain_whole)
    assert breaches(database) == []
    database.write(note, account_id)
    assert breaches(database) == []


def test_a_hash_can_be_worked_out_by_others() -> None:
    """The form of it is a promise: every hash that was ever exported stands on it."""
    said = {
        "at": NOW,
        "account_id": UUID(int=1),
        "user_id": None,
        "key_id": None,
        "action": "file.define",
        "file_id": UUID(int=2),
        "version": 1,
        "detail": {"b": 1, "a": "é"},
    }
    expected = "942218794dcb2a5d38876a128f6f852ca52f2a37197d479874df400b9977eb1f"
    assert seal(START, said) == expected
