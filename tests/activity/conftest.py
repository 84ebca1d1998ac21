"""A migrated database of each kind, without a server."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from entrepot.db.engine import Database
from entrepot.migrations.run import migrate


@pytest.fixture
def database(empty: tuple[Database, Path]) -> Database:
    database, sqlite_file = empty
    migrate(database, sqlite_file, datetime.now(UTC))
    return database
