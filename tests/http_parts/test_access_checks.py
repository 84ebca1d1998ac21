"""Open event streams check their access together: a query for all keys, one for each user."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from tests.support.loops import run_apart

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import SCOPES, Actor
from entrepot.accounts.keys import KeyCredential, create_key, key_digest, revoke_key
from entrepot.accounts.users import create_user, find_user
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection
from entrepot.errors import NotAuthenticated, NotFound
from entrepot.http.access_checks import MOMENTS, AccessChecks, seconds_until_due
from entrepot.http.run_unit import Authentication
from entrepot.settings import Settings

SECRET = b"secret"
ROWS = [uuid4() for _ in range(20)]
HIDDEN = uuid4()
USERS, KEYS = 3, 10
Keys = dict[bytes, UUID]
"""The keyed hashes of keys, and their ids."""


def all_but_hidden(conn: ReadConnection, actor: Actor, row_ids: list[UUID]) -> set[UUID]:
    """One query, and what it says."""
    conn.exec_driver_sql("SELECT 1")
    assert actor.key_id is None
    return set(row_ids) - {HIDDEN}


@pytest.fixture
def database(migrated: tuple[Database, Settings]) -> Database:
    return migrated[0]


@pytest.fixture
def keys(database: Database) -> Keys:
    """Some keys of each user."""
    now, made = datetime.now(UTC), {}
    database.write(create_account, "acme", 10**9, now)
    for number in range(USERS):
        name = f"acme:user{number}"
        database.write(create_user, name, "member", now)
        user = database.read(find_user, name)
        for _ in range(KEYS):
            new = database.write(create_key, SECRET, user, "k", SCOPES[:2], now)
            made[key_digest(SECRET, new.api_key)] = new.key.id
    return made


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that run within the block."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


def check_all(database: Database, keys: Keys, row_ids: list[UUID]) -> list[Actor | BaseException]:
    """What each key gets for each row, all asked for at the same moment."""

    async def ask() -> list[Actor | BaseException]:
        with ThreadPoolExecutor(1) as threads:
            checks = AccessChecks(database, threads)
            now = datetime.now(UTC)
            return await asyncio.gather(
                *(
                    checks.check(
                        digest,
                        Authentication(KeyCredential(digest), None, now, None),
                        all_but_hidden,
                        row_id,
                    )
                    for digest in keys
                    for row_id in row_ids
                ),
                return_exceptions=True,
            )

    return run_apart(ask())


def test_many_streams_are_checked_with_few_queries(database: Database, keys: Keys) -> None:
    with counted(database) as statements:
        actors = check_all(database, keys, ROWS)
    assert [actor.key_id for actor in actors if isinstance(actor, Actor)] == [
        key_id for key_id in keys.values() for _ in ROWS
    ]
    assert len(statements) <= 1 + USERS + 1, "the keys, what each user sees, and the beginning"


def test_each_stream_gets_its_own_refusal(database: Database, keys: Keys) -> None:
    revoked = next(iter(keys))
    user = database.read(KeyCredential(revoked), datetime.now(UTC))
    database.write(revoke_key, user, keys[revoked], datetime.now(UTC))
    answers = check_all(database, keys, [ROWS[0], HIDDEN])
    kinds = [type(answer) for answer in answers]
    assert kinds == [NotAuthenticated] * 2 + [Actor, NotFound] * (len(keys) - 1)


def test_the_checks_of_one_key_are_due_together_and_in_time() -> None:
    interval = 1000.0
    due = [seconds_until_due(b"key", interval) for _ in range(2)]
    assert 0 < due[1] <= due[0] <= interval
    assert due[0] - due[1] < interval / MOMENTS
    others = {round(seconds_until_due(n, interval) * MOMENTS / interval) for n in range(MOMENTS)}
    assert len(others) >= MOMENTS - 1, "different keys are spread"
