"""Move from SQLite to PostgreSQL: an exact copy, however often it is killed; the original stays."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, func, inspect, make_url, select, text
from tests.support.api import CSV
from tests.support.postgres import Postgres
from tests.support.server import PROGRAM, READY_WITHIN, Server, TestAccount, make_server
from tests.support.tus import Tus

from entrepot.cli.move import move_to_postgresql
from entrepot.db.engine import open_database
from entrepot.db.metadata import metadata
from entrepot.db.tables import activity
from entrepot.errors import StartRefused
from entrepot.migrations.revisions import UNFINISHED_MOVE
from entrepot.move.copy_tables import digest_table
from entrepot.settings import Settings, read_settings

BATCH_ROWS = 3


@pytest.fixture(scope="module")
def origin() -> Iterator[tuple[Server, TestAccount, str]]:
    """A server that was stopped, after it had a bit of everything."""
    server = make_server()
    server.start()
    try:
        account, other = server.new_account(), server.new_account()
        reader = account.new_user()
        schema = json.dumps({"fields": [{"name": "id", "type": "integer"}, {"name": "amount"}]})
        first = account.api.deliver(CSV, enforce_schema=schema)
        assert first["status"] == "succeeded", first
        file_id = first["file_id"]
        second = account.api.deliver(CSV + b"5,6\n", path=f"/file/{file_id}/versions", limit=None)
        assert second["status"] == "succeeded", second
        rejected = b"id,amount\nnot a number,1\n"
        account.api.deliver(rejected, path=f"/file/{file_id}/versions", limit=None)
        for name in (reader.user_name, other.admin.user_name):
            grant = {"entitlement": "r"}
            path = f"/file/{file_id}/entitlements/{name}"
            answer = account.api.request("PUT", path, json=grant)
            assert answer.status_code == 201, answer.text
        assert account.api.get(f"/file/download/{file_id}").status_code == 200
        Tus.begin(account.api, 10)
        for _ in range(20):
            account.api.post("/key/new", json={"name": "k"})
        server.wait_derived()
        server.assert_sound()
        assert server.stop() == 0
        yield server, account, file_id
    finally:
        server.close()


@pytest.fixture
def source(origin: tuple[Server, TestAccount, str], tmp_path: Path) -> Settings:
    """A copy of the stopped installation, for a move of its own."""
    unlinked = shutil.ignore_patterns("run")  # sockets cannot be copied
    shutil.copytree(origin[0].data, tmp_path / "data", symlinks=True, ignore=unlinked)
    return read_settings(data=tmp_path / "data")


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file but of those that a move may write, and of an empty log."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in ("lock", "moved", "entrepot.db-shm")
        and not (path.name == "entrepot.db-wal" and not path.stat().st_size)
    }


def engine_of(address: str) -> Engine:
    return create_engine(make_url(address).set(drivername="postgresql+psycopg"))


def assert_same(source: Settings, address: str) -> None:
    """Every row of every table is the same, and the folder of the original too."""
    target = source.model_copy(update={"database": read_settings(database=address).database})
    with (
        closing(open_database(source, read_only=True)) as original,
        closing(open_database(target)) as copy,
    ):
        for table in metadata.sorted_tables:
            assert copy.read(digest_table, table) == original.read(digest_table, table), table.name
        assert original.read(lambda conn: digest_table(conn, activity)).rows > 20
        assert not copy.read(lambda conn: inspect(conn).has_table(UNFINISHED_MOVE))


def move_and_die(source: Settings, address: str, at_commit: int) -> bool:
    """Move in a process that is killed before its `at_commit`th commit; whether it was."""

    def run() -> None:
        count = 0

        def die(_: object) -> None:
            nonlocal count
            count += 1
            if count == at_commit:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "commit", die)
        move_to_postgresql(source, address, BATCH_ROWS)

    process = get_context("fork").Process(target=run)
    process.start()
    process.join()
    if process.exitcode == 1:  # the run before was killed after its last transaction
        assert "has finished" in refusal(source, address)
        return False
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def test_a_moved_installation_is_the_same_and_serves(
    origin: tuple[Server, TestAccount, str], source: Settings, postgres: Postgres
) -> None:
    _, account, file_id = origin
    address = postgres.new_database()
    before = contents(source.data)
    done = subprocess.run(
        [PROGRAM, "admin", "move", "--to", address, "--data", source.data, "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["tables"] == str(len(metadata.sorted_tables))
    assert contents(source.data) == before
    assert_same(source, address)
    server = make_server(database=address, data=source.data)
    try:
        server.start()
        api = server.api(account.api_key)
        assert api.get(f"/file/download/{file_id}").content == CSV + b"5,6\n"
        assert api.post("/key/new", json={"name": "after"}).status_code == 201
        assert api.deliver(CSV)["status"] == "succeeded"
        server.assert_sound()
    finally:
        server.stop()
        if server._parts is not None:
            server._parts.close()
    refused = subprocess.run(
        [PROGRAM, "serve", "--data", source.data, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=READY_WITHIN,
    )
    assert refused.returncode == 1
    message = " ".join(refused.stderr.split())
    assert "was moved to postgresql://" in message
    assert str(source.data / "moved") in message


def test_a_move_that_is_killed_at_every_commit(source: Settings, postgres: Postgres) -> None:
    """Each run comes a bit further than the one before; the copy is exact in the end."""
    address = postgres.new_database()
    before, kills = contents(source.data), 0
    while move_and_die(source, address, at_commit=3 + kills % 4):
        kills += 1
        assert contents(source.data) == before
        assert kills < 500
    assert kills > 10
    assert_same(source, address)


@pytest.mark.parametrize("at_commit", [1, 2, 3, 4, 5, 12])
def test_nothing_serves_an_unfinished_copy(
    source: Settings, postgres: Postgres, at_commit: int
) -> None:
    address = postgres.new_database()
    assert move_and_die(source, address, at_commit)
    with engine_of(address).connect() as conn:
        begun = inspect(conn).has_table(UNFINISHED_MOVE)
    assert begun == (at_commit > 2)
    if begun:
        for command in (["serve", "--port", "0"], ["doctor"]):
            refused = subprocess.run(
                [PROGRAM, *command, "--data", source.data],
                env={**os.environ, "ENTREPOT_DATABASE": address},
                capture_output=True,
                text=True,
                check=False,
                timeout=READY_WITHIN,
            )
            assert refused.returncode == 1, command
            assert "unfinished copy" in " ".join(refused.stderr.split())
    move_to_postgresql(source, address)
    assert_same(source, address)


def test_sequences_go_on_after_the_copied_rows(source: Settings, postgres: Postgres) -> None:
    address = postgres.new_database()
    move_to_postgresql(source, address)
    with engine_of(address).begin() as conn:
        last = conn.scalar(select(func.max(activity.c.id)))
        following = conn.scalar(text("SELECT nextval(pg_get_serial_sequence('activity', 'id'))"))
    assert last is not None
    assert following == last + 1


def refusal(source: Settings, address: str) -> str:
    with pytest.raises(StartRefused) as refused:
        move_to_postgresql(source, address)
    return str(refused.value)


def test_a_target_that_is_not_empty_is_refused(source: Settings, postgres: Postgres) -> None:
    address = postgres.new_database()
    with engine_of(address).begin() as conn:
        conn.execute(text("CREATE TABLE somebody_elses (id integer)"))
    assert "somebody_elses" in refusal(source, address)
    with engine_of(address).connect() as conn:
        assert inspect(conn).get_table_names() == ["somebody_elses"]
    assert not (source.data / "moved").exists()


def test_the_copy_of_another_installation_is_refused(source: Settings, postgres: Postgres) -> None:
    address = postgres.new_database()
    assert move_and_die(source, address, 6)
    with engine_of(address).begin() as conn:
        conn.execute(text(f"UPDATE {UNFINISHED_MOVE} SET installation = gen_random_uuid()"))
    assert "another installation" in refusal(source, address)


def test_a_copy_that_differs_is_found(source: Settings, postgres: Postgres) -> None:
    address = postgres.new_database()
    assert move_and_die(source, address, 12)
    with engine_of(address).begin() as conn:
        changed = conn.execute(text("UPDATE accounts SET quota = quota + 1"))
        assert changed.rowcount
    assert "The table accounts differs" in refusal(source, address)
    assert not (source.data / "moved").exists()


def test_wrong_addresses_are_refused(source: Settings, postgres: Postgres) -> None:
    assert "postgresql://" in refusal(source, "sqlite:///x")
    done = subprocess.run(
        [PROGRAM, "admin", "move", "--to", "postgresql://a:secret@h/d", "--data", source.data],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pgpass" in done.stderr
    on_postgres = source.model_copy(
        update={"database": read_settings(database=postgres.new_database()).database}
    )
    assert "already" in refusal(on_postgres, postgres.new_database())
    nowhere = source.model_copy(update={"data": source.data.parent / "nothing"})
    assert "no installation" in refusal(nowhere, postgres.new_database())
