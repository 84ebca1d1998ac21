"""The bytes of forms are counted by triggers, and those who add some at the same time stay within
the account's quota, however many versions there were before."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, event, func, insert, select, update

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import AccountId
from entrepot.accounts.users import create_user
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.change_sums import COMPACT_ROWS
from entrepot.db.engine import Database
from entrepot.db.tables import (
    ALL_ACCOUNTS,
    derivative_changes,
    derivatives,
    files,
    installation,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.derivative_space import account_derivative_bytes
from entrepot.files.derivatives import NewForm, add_derivative
from entrepot.files.invariants.derivative_bytes import derivatives_are_counted

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
QUOTA, SERVER_BYTES = 1_000_000, 10**9
FORM_BYTES = 100


@dataclass(frozen=True)
class Owner:
    """An account with a file."""

    account_id: AccountId
    file_id: UUID
    user_id: UUID


def make_owner(conn: WriteConnection, quota: int = QUOTA) -> Owner:
    if conn.scalar(select(func.count()).select_from(installation)) == 0:
        values = {"id": uuid4(), "secret_digest": b"0" * 32, "created_at": NOW}
        conn.execute(insert(installation).values(values))
    name = f"a{uuid4().hex[:12]}"
    create_account(conn, name, quota, NOW)
    user = create_user(conn, f"{name}:admin", "admin", NOW)
    owner = Owner(AccountId(user.account_id), uuid4(), user.id)
    values = {
        "id": owner.file_id,
        "account_id": owner.account_id,
        "owner_id": owner.user_id,
        "name": "a.csv",
        "name_key": "a.csv",
        "description": "",
        "size_limit": 1_000,
        "enforcement": "none",
        "created_at": NOW,
        "updated_at": NOW,
    }
    conn.execute(insert(files).values(values))
    return owner


def add_versions(conn: WriteConnection, owner: Owner, first: int, count: int) -> list[BlobId]:
    ids = [BlobId(uuid4()) for _ in range(count)]
    rows = [
        {
            "id": version_id,
            "file_id": owner.file_id,
            "account_id": owner.account_id,
            "number": first + at,
            "status": "published",
            "size": 10,
            "sha256": "0" * 64,
            "media_type": "text/csv",
            "created_by": owner.user_id,
            "created_at": NOW,
            "task_id": uuid4(),
        }
        for at, version_id in enumerate(ids)
    ]
    conn.execute(insert(versions), rows)
    return ids


def add_form(
    conn: WriteConnection, owner: Owner, version_id: BlobId, size: int = FORM_BYTES
) -> bool:
    form = NewForm("parquet", BlobId(uuid4()), StoredBlob(size, "1" * 64))
    return add_derivative(conn, version_id, owner.account_id, form, SERVER_BYTES, NOW)


def count_changes(conn: ReadConnection, account_id: UUID) -> int:
    query = select(func.count()).where(derivative_changes.c.account_id == account_id)
    return conn.scalar(query) or 0


def breaches(conn: ReadConnection) -> list[str]:
    return list(derivatives_are_counted(conn, None, NOW))  # type: ignore[arg-type]


def test_each_change_of_a_form_is_counted(conn: WriteConnection) -> None:
    owner, other = make_owner(conn), make_owner(conn)
    before = account_derivative_bytes(conn, ALL_ACCOUNTS)
    first, second, third = add_versions(conn, owner, 1, 3)
    for version_id, size in ((first, 100), (second, 20), (third, 3)):
        assert add_form(conn, owner, version_id, size)
    assert account_derivative_bytes(conn, owner.account_id) == 123
    expired = {"status": "expired", "blob_id": None, "size": 0}
    conn.execute(update(derivatives).where(derivatives.c.version_id == second).values(expired))
    conn.execute(delete(derivatives).where(derivatives.c.version_id == third))
    assert account_derivative_bytes(conn, owner.account_id) == 100
    moved = {"account_id": other.account_id}
    conn.execute(update(derivatives).where(derivatives.c.version_id == first).values(moved))
    assert account_derivative_bytes(conn, owner.account_id) == 0
    assert account_derivative_bytes(conn, other.account_id) == 100
    assert account_derivative_bytes(conn, ALL_ACCOUNTS) == before + 100
    assert breaches(conn) == []


def test_a_form_whose_bytes_are_the_versions_own_takes_none(conn: WriteConnection) -> None:
    owner = make_owner(conn)
    (version_id,) = add_versions(conn, owner, 1, 1)
    form = NewForm("parquet", version_id, StoredBlob(10, "1" * 64))
    assert add_derivative(conn, version_id, owner.account_id, form, SERVER_BYTES, NOW)
    assert account_derivative_bytes(conn, owner.account_id) == 0
    assert breaches(conn) == []


def test_doctor_notices_what_is_counted_wrong(conn: WriteConnection) -> None:
    owner = make_owner(conn)
    conn.execute(insert(derivative_changes).values(account_id=owner.account_id, bytes=7))
    (breach,) = breaches(conn)
    assert breach == f"account {owner.account_id}: 7 bytes of forms are counted, the sum is 0"


def test_many_changes_become_one(conn: WriteConnection) -> None:
    owner = make_owner(conn)
    for version_id in add_versions(conn, owner, 1, 2 * COMPACT_ROWS):
        assert add_form(conn, owner, version_id)
        assert count_changes(conn, owner.account_id) <= COMPACT_ROWS + 2
        assert count_changes(conn, ALL_ACCOUNTS) <= COMPACT_ROWS + 2
    assert account_derivative_bytes(conn, owner.account_id) == 2 * COMPACT_ROWS * FORM_BYTES
    assert breaches(conn) == []


@pytest.mark.parametrize("earlier", [100, 250])
def test_a_form_takes_as_many_statements_whatever_came_before(
    conn: WriteConnection, earlier: int
) -> None:
    owner = make_owner(conn)
    *before, last = add_versions(conn, owner, 1, earlier + 1)
    for version_id in before:
        add_form(conn, owner, version_id)
    ran: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        ran.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    add_form(conn, owner, last)
    event.remove(conn, "before_cursor_execute", note)
    assert len(ran) <= 3, ran
    assert all("sum(derivatives" not in statement for statement in ran)


def test_of_two_forms_at_once_only_one_gets_the_last_bytes(database: Database) -> None:
    owner = database.write(make_owner, 150)
    one, two = database.write(add_versions, owner, 1, 2)
    second: list[bool] = []
    with database.writing() as conn:
        # The first keeps its lock until the other one is about to ask for room.
        assert add_form(conn, owner, one)
        conn.execute(update(files).where(files.c.id == owner.file_id).values(current_version=1))
        thread = threading.Thread(
            target=lambda: second.append(database.write(add_form, owner, two))
        )
        thread.start()
        thread.join(0.2)
        assert thread.is_alive(), "the second did not wait for the first"
    thread.join()
    assert second == [False]
    assert database.read(account_derivative_bytes, owner.account_id) == FORM_BYTES
    assert database.read(breaches) == []
