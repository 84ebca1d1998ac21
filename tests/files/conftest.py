"""Databases for tests that need no server."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from tests.conftest import DATABASES
from tests.support.postgres import Postgres

from entrepot.db.engine import Database, open_database
from entrepot.db.types import WriteConnection
from entrepot.migrations.run import migrate
from entrepot.settings import read_settings

MIGRATED = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module", params=DATABASES)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A migrated database of each kind, without a server."""
    url = None
    if request.param == "postgres":
        running: Postgres = request.getfixturevalue("postgres")
        url = running.new_database()
    settings = read_settings(data=tmp_path_factory.mktemp("lists"), database=url)
    made = open_database(settings)
    migrate(made, settings.sqlite_file, MIGRATED)
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
