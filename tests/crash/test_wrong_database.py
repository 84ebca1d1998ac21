"""A database that is not the one of the data folder changes nothing in the folder."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import inspect, make_url
from tests.crash.installation import ArmedServer, Installation, open_installation, table
from tests.support.postgres import Postgres

from entrepot.db.engine import open_database
from entrepot.migrations.run import migrate
from entrepot.settings import read_settings

COMMANDS = (
    ("serve", "--port", "0"),
    ("demo", "--port", "0"),
    ("doctor",),
    ("admin", "account", "create", "acme", "--quota", "1GB"),
    ("admin", "account", "list"),
    ("admin", "sweep"),
    ("admin", "sweep", "--max-orphans", "1000"),
    ("admin", "migrate"),
)
"""Those that open the installation; what is about users and keys opens it as the accounts do."""


@pytest.fixture(scope="module")
def installation(postgres: Postgres) -> Iterator[Installation]:
    """An installation on PostgreSQL with a version, a draft, and an upload that was cut off; it
    does not run."""
    opened = open_installation(database=postgres.new_database())
    try:
        opened.send(table(10))
        opened.check()
        writer = opened.server.parts.store.drafts.append(uuid4())
        writer.write(b"half")
        writer.close()
        (opened.server.settings.blobs / "incoming" / str(uuid4())).write_bytes(b"half")
        yield opened
    finally:
        opened.close()


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below the folder with its size and time."""
    result = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in result}


def run_on(server: ArmedServer, database: str | None, *command: str) -> tuple[int, str]:
    """Run a command with another database, or none set; its exit status and its messages."""
    settings = {name: value for name, value in server.overrides.items() if name != "database"}
    settings |= {"database": database} if database else {}
    done: subprocess.CompletedProcess[bytes] = replace(server, overrides=settings).run(*command)
    return done.returncode, " ".join(done.stderr.decode().split())


def stop(installation: Installation) -> ArmedServer:
    server = installation.server
    assert isinstance(server, ArmedServer)
    if server.runs():
        server.stop()
    return server


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_empty_database_beside_a_store_is_refused(
    installation: Installation, command: tuple[str, ...]
) -> None:
    server = stop(installation)
    before = contents(server.data)
    status, output = run_on(server, None, *command)
    assert status == 1, output
    # Two blobs, the version and its Parquet, a draft and half an upload.
    assert f"The store {server.settings.blobs} has 4 files" in output
    assert f"sqlite:///{server.settings.sqlite_file} has no accounts" in output
    assert "Set ENTREPOT_DATABASE" in output
    assert contents(server.data) == before
    assert not server.settings.sqlite_file.exists()


def test_a_command_beside_a_running_server_is_refused_too(installation: Installation) -> None:
    server = installation.server
    assert isinstance(server, ArmedServer)
    if not server.runs():
        server.start()
    stored = contents(server.settings.blobs)
    status, output = run_on(server, None, "admin", "sweep")
    assert (status, "has no accounts" in output) == (1, True)
    assert not server.settings.sqlite_file.exists()
    assert contents(server.settings.blobs) == stored


def test_an_empty_postgresql_database_is_refused(
    installation: Installation, postgres: Postgres
) -> None:
    server = stop(installation)
    before = contents(server.data)
    other = postgres.new_database()
    status, output = run_on(server, other, "admin", "sweep")
    assert (status, "has no accounts" in output) == (1, True)
    assert f"/{make_url(other).database}?" in output
    assert contents(server.data) == before
    database = open_database(read_settings(data=server.data, database=other))
    assert inspect(database.engine).get_table_names() == []
    database.close()


def test_a_database_that_an_earlier_release_left_behind_is_refused(
    installation: Installation,
) -> None:
    """Such a start made a SQLite database beside the store."""
    server = stop(installation)
    stored = contents(server.settings.blobs)
    left = read_settings(data=server.data)
    try:
        database = open_database(left)
        migrate(database, left.sqlite_file, datetime.now(UTC))
        database.close()
        status, output = run_on(server, None, "admin", "sweep")
        assert (status, "has no accounts" in output) == (1, True)
    finally:
        for path in left.data.glob(f"{left.sqlite_file.name}*"):
            path.unlink()
    assert contents(server.settings.blobs) == stored


def test_the_right_database_loses_nothing(installation: Installation) -> None:
    server = stop(installation)
    assert server.run("admin", "sweep").returncode == 0
    server.start()
    incoming = server.settings.blobs / "incoming"
    for path in incoming.iterdir():
        path.unlink()  # younger than the sweep's time of grace
    installation.check()
