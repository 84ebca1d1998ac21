"""A migrated database of each kind, without a server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.postgres import Postgres

from entrepot.db.engine import Database, open_database
from entrepot.migrations.run import migrate
from entrepot.settings import read_settings


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = None
    if request.param == "postgres":
        running: Postgres = request.getfixturevalue("postgres")
        url = running.new_database()
    settings = read_settings(data=tmp_path, database=url)
    database = open_database(settings)
    migrate(database, settings.sqlite_file, datetime.now(UTC))
    yield database
    database.close()
