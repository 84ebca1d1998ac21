"""What the tests of migrations share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.postgres import Postgres

from entrepot.db.engine import Database, open_database
from entrepot.settings import read_settings


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Path]]:
    """An empty database of each kind, and where SQLite's file would be."""
    url = None
    if request.param == "postgres":
        running: Postgres = request.getfixturevalue("postgres")
        url = running.new_database()
    settings = read_settings(data=tmp_path, database=url)
    database = open_database(settings)
    yield database, settings.sqlite_file
    database.close()
