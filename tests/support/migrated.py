"""Migrated databases for tests: one of each kind is migrated, the others are copies of it.

A migration from nothing takes a fifth of a second. Tests of migrations and of the program's first
start do not use this.
"""

import os
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tests.support.postgres import Postgres

from entrepot.db.engine import Database, open_database
from entrepot.migrations.run import migrate
from entrepot.settings import Settings, read_settings


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(data=Path(folder))
        _migrate(settings)
        return settings.sqlite_file.read_bytes()


@cache
def _migrated_database(postgres: Postgres) -> str:
    url = postgres.new_database()
    with tempfile.TemporaryDirectory() as folder:
        _migrate(read_settings(data=Path(folder), database=url))
    return url


def _migrate(settings: Settings) -> None:
    database = open_database(settings)
    migrate(database, settings.sqlite_file, datetime.now(UTC))
    database.close()


def place_migrated_file(settings: Settings) -> None:
    """Make the embedded database of an installation, as its first start would."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(settings.sqlite_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_migrated_file())


def new_migrated_url(postgres: Postgres) -> str:
    """The address of a migrated database of PostgreSQL, without rows."""
    return postgres.copy_database(_migrated_database(postgres))


def open_migrated(
    folder: Path, postgres: Postgres | None = None, pool_size: int = 4
) -> tuple[Database, Settings]:
    """A migrated database without rows, in PostgreSQL or else in `folder`. Close it."""
    if postgres is None:
        settings = read_settings(data=folder)
        place_migrated_file(settings)
    else:
        url = new_migrated_url(postgres)
        settings = read_settings(data=folder, database=url)
    return open_database(settings, pool_size=pool_size), settings
