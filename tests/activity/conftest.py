"""A migrated database of each kind, without a server."""

import pytest

from entrepot.db.engine import Database
from entrepot.settings import Settings


@pytest.fixture
def database(migrated: tuple[Database, Settings]) -> Database:
    return migrated[0]
