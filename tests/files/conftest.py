"""Databases for tests that need no server."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.conftest import DATABASES
from tests.support.migrated import open_migrated

from entrepot.db.engine import Database
from entrepot.db.types import WriteConnection


@pytest.fixture(scope="module", params=DATABASES)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A migrated database of each kind, without a server."""
    running = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made, _ = open_migrated(tmp_path_factory.mktemp("lists"), running)
    yield made
    made.close()


class Undone(Exception):
    """Nothing that a test writes stays."""


@pytest.fixture
def conn(database: Database) -> Iterator[WriteConnection]:
    """A transaction that is never committed."""
    with suppress(Undone), database.writing() as connection:
        yield connection
        raise Undone
