"""The chain of an account's record: one chain despite concurrent writers, with older rows in it
too."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from tests.support.wait import UNHURRIED

from entrepot.accounts.accounts import create_account
from entrepot.activity.chain import INITIAL_HASH, chain_all_rows, check_chains, hash_row
from entrepot.activity.record import record
from entrepot.blobs.disk import DiskStore
from entrepot.db.engine import Database
from entrepot.db.tables import activity, activity_heads
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.quotas.reserve import lock_accounts

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
THREADS, ROUNDS = 4, 10
EMPTY_STORE = DiskStore(Path("/nowhere"), 0)


def breaches(database: Database) -> list[str]:
    with database.reading() as conn:
        return list(check_chains(conn, EMPTY_STORE, NOW))


def record_change(conn: WriteConnection, *account_ids: UUID) -> None:
    for account_id in account_ids:
        record(conn, account_id, None, "file.change", NOW, detail={"name": "Zürich\u2028", "n": 1})


def test_those_who_write_at_once_make_one_chain(database: Database) -> None:
    one = database.write(create_account, "one", 10, NOW).id
    two = database.write(create_account, "two", 10, NOW).id

    def work(turn: int) -> None:
        # In both orders, which would be a deadlock if the heads were locked in the order of use.
        accounts = (one, two) if turn % 2 else (two, one)
        for _ in range(ROUNDS):
            database.write(record_change, *accounts)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(activity)) == 2 * THREADS * ROUNDS
    assert breaches(database) == []


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_who_waits_for_the_head_with_the_account_locked_stops_nobody(database: Database) -> None:
    """Who holds the head then adds a row that refers to the account: a deadlock, once."""
    account_id = database.write(create_account, "one", 10, NOW).id
    with ThreadPoolExecutor(1) as other, database.writing() as conn:
        lock_accounts(conn, account_id)
        other.submit(database.write, record_change, account_id).result(UNHURRIED)
        record_change(conn, account_id)
    assert breaches(database) == []


def test_what_is_rolled_back_leaves_no_row(database: Database) -> None:
    account_id = database.write(create_account, "one", 10, NOW).id

    def fail(conn: WriteConnection) -> None:
        record_change(conn, account_id)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        database.write(fail)
    database.write(record_change, account_id)
    with database.reading() as conn:
        assert conn.scalar(select(func.count()).select_from(activity)) == 1
    assert breaches(database) == []


def test_each_kind_of_tampering_is_found(database: Database) -> None:
    account_id = database.write(create_account, "one", 10, NOW).id
    other = database.write(create_account, "two", 10, NOW).id
    database.write(record_change, *[account_id] * 4, other)
    with database.reading() as conn:
        rows = [row._asdict() for row in conn.execute(select(activity).order_by(activity.c.id))]
    first, second, third, fourth, _ = rows
    same_account = activity.c.account_id == account_id

    def change_row(row: dict[str, Any], **values: Any) -> Any:
        return update(activity).where(activity.c.id == row["id"]).values(**values)

    values = {name: value for name, value in second.items() if name not in ("id", "hash")}
    for number, changes in enumerate(
        (
            [change_row(second, detail={"name": "another"})],
            [change_row(second, address="192.0.2.9")],
            [change_row(second, result="failed")],
            [delete(activity).where(activity.c.id == first["id"])],
            [delete(activity).where(activity.c.id == second["id"])],
            [delete(activity).where(activity.c.id >= third["id"], same_account)],
            [delete(activity).where(same_account)],
            [insert(activity).values(**fourth | {"id": fourth["id"] + 1000})],
            [insert(activity).values(**values, hash=hash_row(fourth["hash"], values))],
            [change_row(second, hash=third["hash"]), change_row(third, hash=second["hash"])],
            [
                change_row(second, id=9999),
                change_row(third, id=second["id"]),
                change_row(third | {"id": 9999}, hash=""),
            ],
            [change_row(second, account_id=other)],
            [update(activity_heads).where(head_of(account_id)).values(hash=INITIAL_HASH)],
            [delete(activity_heads).where(head_of(account_id))],
        )
    ):
        with database.engine.connect() as conn:  # never committed
            for change in changes:
                conn.execute(change)
            assert list(check_chains(ReadConnection(conn), EMPTY_STORE, NOW)) != [], number
    assert breaches(database) == []


def head_of(account_id: UUID) -> ColumnElement[bool]:
    return activity_heads.c.account_id == account_id


def test_older_rows_are_chained(database: Database) -> None:
    account_id = database.write(create_account, "one", 10, NOW).id
    database.write(record_change, *[account_id] * 1005)
    with database.writing() as conn:
        conn.execute(update(activity).values(hash=None))
        conn.execute(delete(activity_heads))
    assert breaches(database) != []
    database.write(chain_all_rows)
    assert breaches(database) == []
    database.write(record_change, account_id)
    assert breaches(database) == []


def test_a_hash_can_be_worked_out_by_others() -> None:
    """The form of the hash is public: users verify exported records with it."""
    row = {
        "at": NOW,
        "account_id": UUID(int=1),
        "user_id": None,
        "user_name": None,
        "key_id": None,
        "address": "192.0.2.7",
        "request_id": "0" * 32,
        "action": "file.define",
        "result": "done",
        "file_id": UUID(int=2),
        "version": 1,
        "detail": {"b": 1, "a": "é"},
    }
    expected = "61ae9d0bd2f77ba6df0f95b5fd351e2f508a1e8804caee2195b1976866745c25"
    assert hash_row(INITIAL_HASH, row) == expected
