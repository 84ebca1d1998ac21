"""Move from SQLite to PostgreSQL: an exact copy, however often it is killed; the original stays."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.httpsession import URLLib3Session
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from tests.support.api import CSV
from tests.support.postgres import Postgres
from tests.support.seaweedfs import (
    BUCKET,
    SeaweedFS,
    new_prefix,
    open_test_bucket,
    without_conditions,
)
from tests.support.server import PROGRAM, READY_WITHIN, Server, TestAccount, make_server
from tests.support.tus import Tus

from entrepot.blobs.store import BlobStore
from entrepot.bootstrap.identity import check_identity
from entrepot.bootstrap.stores import store_location
from entrepot.cli.move import move_to_postgresql
from entrepot.db.engine import open_database
from entrepot.db.metadata import metadata
from entrepot.db.tables import activity
from entrepot.errors import StartRefused
from entrepot.files.named_blobs import list_named_blobs
from entrepot.migrations.revisions import UNFINISHED_MOVE
from entrepot.move.copy_tables import digest_table
from entrepot.settings import Settings, read_settings

BATCH_ROWS = 3
Origin = tuple[Server, TestAccount, str, str]
"""The server, an account, a file with two versions, and the address of an unfinished upload."""


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
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
        upload = Tus.begin(account.api, len(CSV))
        assert upload.patch(CSV[:4], 0).status_code == 204
        for _ in range(20):
            account.api.post("/key/new", json={"name": "k"})
        server.wait_derived()
        server.assert_sound()
        assert server.stop() == 0
        yield server, account, file_id, upload.address
    finally:
        server.close()


@pytest.fixture
def source(origin: Origin, tmp_path: Path) -> Settings:
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
    """Move in a process that is killed before its `at_commit`th commit of a transaction that may
    write; whether it was."""

    def run() -> None:
        die = death_at(at_commit)

        def watched(conn: Connection) -> None:
            if not conn.get_execution_options().get("entrepot_reads"):
                die(conn)

        event.listen(Engine, "commit", watched)
        move_to_postgresql(source, address, BATCH_ROWS)

    return dies(run, source, address)


def move_bytes_and_die(source: Settings, address: str, store: str, at_request: int) -> bool:
    """The same, before its `at_request`th request to S3."""

    def run() -> None:
        die, send = death_at(at_request), URLLib3Session.send

        def watched(session: URLLib3Session, request: Any) -> Any:
            die(request)
            return send(session, request)

        URLLib3Session.send = watched
        move_to_postgresql(source, address, store=store)

    return dies(run, source, address)


def death_at(number: int) -> Callable[[object], None]:
    """What kills its process at the `number`th call."""
    calls = count(1)

    def die(_: object) -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def dies(run: Callable[[], None], source: Settings, address: str) -> bool:
    """Whether a process that runs this is killed."""
    process = get_context("fork").Process(target=run)
    process.start()
    process.join()
    if process.exitcode == 1:  # the run before was killed after its last transaction
        assert "has finished" in refusal(source, address)
        return False
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def test_a_moved_installation_is_the_same_and_serves(
    origin: Origin, source: Settings, postgres: Postgres
) -> None:
    _, account, file_id, _ = origin
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


def blobs_in(store: BlobStore) -> dict[str, str]:
    """The digest of every blob, and of every draft that has bytes."""
    blobs = {str(s.blob_id): store.read(s.blob_id) for s in store.list()}
    drafts = {f"draft {s.blob_id}": store.drafts.read(s.blob_id) for s in store.drafts.list()}
    return {
        name: hashlib.sha256(b"".join(read)).hexdigest() for name, read in (blobs | drafts).items()
    }


@pytest.fixture
def new_store(s3: SeaweedFS) -> str:
    """The address of an empty prefix."""
    return f"s3://{BUCKET}/{new_prefix()}"


def store_at(source: Settings, address: str) -> BlobStore:
    return store_location(source.model_copy(update={"store": address})).open()


def test_bytes_move_to_s3_with_their_database(
    origin: Origin, source: Settings, postgres: Postgres, new_store: str
) -> None:
    _, account, file_id, upload = origin
    address, before = postgres.new_database(), contents(source.data)
    done = subprocess.run(
        [
            *(PROGRAM, "admin", "move", "--to", address, "--store", new_store),
            *("--data", source.data, "--format", "json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(json.loads(done.stdout)["blobs"]) > 3
    assert contents(source.data) == before
    assert_same(source, address)
    assert blobs_in(store_at(source, new_store)) == blobs_in(store_location(source).open())
    forgotten = make_server(database=address, data=source.data, preloaded=False)
    assert forgotten.spawn().wait(READY_WITHIN) == 1
    message = " ".join(forgotten.log_file.read_text().split())
    assert f"were moved to {new_store}" in message
    server = make_server(database=address, store=new_store, data=source.data)
    try:
        server.start()
        api = server.api(account.api_key)
        assert api.get(f"/file/download/{file_id}").content == CSV + b"5,6\n"
        assert api.get(f"/file/download/{file_id}?version=1").content == CSV
        resumed = Tus(api, upload)
        assert resumed.offset == 4
        assert api.wait_task(resumed.end(CSV))["status"] == "succeeded"
        server.wait_derived()
        server.assert_sound()
    finally:
        server.stop()
        if server._parts is not None:
            server._parts.close()


def test_a_move_of_bytes_that_is_killed_at_requests(
    source: Settings, postgres: Postgres, new_store: str
) -> None:
    """Each run finds what the ones before it have copied, and leaves nothing half copied. The
    original does not use the copy before its end, however early ENTREPOT_STORE names it."""
    address, before, kills = postgres.new_database(), contents(source.data), 0
    original = blobs_in(store_location(source).open())
    while move_bytes_and_die(source, address, new_store, at_request=3 + 5 * kills):
        kills += 1
        assert contents(source.data) == before
        early = source.model_copy(update={"store": new_store})
        with (
            closing(open_database(source, read_only=True)) as database,
            pytest.raises(StartRefused),
        ):
            check_identity(early, database)
        copied = blobs_in(store_at(source, new_store))
        assert {name for name in copied.items() if not name[0].startswith("draft")} <= {
            *original.items()
        }
        assert kills < 100
    assert kills > 3
    assert_same(source, address)
    assert blobs_in(store_at(source, new_store)) == original


@pytest.mark.parametrize("begun_with_store", [True, False])
def test_a_move_continues_with_the_store_that_it_was_begun_with(
    source: Settings, postgres: Postgres, new_store: str, begun_with_store: bool
) -> None:
    """Cut off at its very end, after the note in the data folder: before the last transaction."""
    address = postgres.new_database()
    begun, other = (new_store, None) if begun_with_store else (None, new_store)

    def cut_off(_: Connection) -> None:
        if (source.data / "moved").exists():
            raise BrokenPipeError

    event.listen(Engine, "commit", cut_off)
    try:
        with pytest.raises(BrokenPipeError):
            move_to_postgresql(source, address, store=begun)
    finally:
        event.remove(Engine, "commit", cut_off)
    note = (source.data / "moved").read_text()
    assert "was begun with" in refusal(source, address, other)
    assert (source.data / "moved").read_text() == note
    assert move_to_postgresql(source, address, store=begun).get("store") == begun
    assert_same(source, address)


def test_a_store_that_is_not_empty_is_refused(
    source: Settings, postgres: Postgres, new_store: str
) -> None:
    address, bucket = postgres.new_database(), open_test_bucket(new_store.rpartition("/")[2])
    bucket.put(bucket.key("blobs", uuid4()), b"somebody else's")
    assert "has 1 file" in refusal(source, address, new_store)
    store_location(source.model_copy(update={"store": new_store})).write_id(uuid4())
    assert "belongs to installation" in refusal(source, address, new_store)
    assert "absolute path" in refusal(source, address, "relative")
    assert "lower-case letters (a-z)" in refusal(source, address, "s3://no name/prefix")
    with engine_of(address).connect() as conn:
        assert inspect(conn).get_table_names() == []


def test_a_store_without_conditional_writes_is_refused(
    source: Settings, postgres: Postgres, s3: SeaweedFS
) -> None:
    del s3
    address, store = postgres.new_database(), f"s3://{BUCKET}/{new_prefix()}"
    assert "It answered 404 NoSuchBucket. Run" in refusal(source, address, "s3://no-such-bucket")
    with without_conditions():
        assert "no conditional writes" in refusal(source, address, store)
    assert store_location(source.model_copy(update={"store": store})).read_id() is None
    with engine_of(address).connect() as conn:
        assert inspect(conn).get_table_names() == []


@pytest.mark.parametrize("is_quarantined", [False, True])
@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_bytes_that_are_wrong_in_the_original_are_not_copied(
    source: Settings, postgres: Postgres, tmp_path: Path, fault: str, is_quarantined: bool
) -> None:
    with closing(open_database(source)) as database, database.reading() as conn:
        named = [*list_named_blobs(conn)]
    blob_id = next(n.blob_id for n in named if (n.keep_until is not None) == is_quarantined)
    (blob,) = (source.data / "store" / "blobs").rglob(str(blob_id))
    if fault == "missing":
        blob.unlink()
    else:
        content = bytearray(blob.read_bytes())
        content[-1] ^= 1
        blob.write_bytes(content)
    new_folder = tmp_path / "elsewhere"
    message = refusal(source, postgres.new_database(), str(new_folder))
    assert f"{blob.name} is {fault}" in message
    assert not [*new_folder.rglob(blob.name)]
    assert not (source.data / "moved").exists()


def test_sequences_go_on_after_the_copied_rows(source: Settings, postgres: Postgres) -> None:
    address = postgres.new_database()
    move_to_postgresql(source, address)
    with engine_of(address).begin() as conn:
        last = conn.scalar(select(func.max(activity.c.id)))
        following = conn.scalar(text("SELECT nextval(pg_get_serial_sequence('activity', 'id'))"))
    assert last is not None
    assert following == last + 1


def refusal(source: Settings, address: str, store: str | None = None) -> str:
    with pytest.raises(StartRefused) as refused:
        move_to_postgresql(source, address, store=store)
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
    for wrong in ("sqlite:///x", ""):
        assert "postgresql://" in refusal(source, wrong)
    assert "port is not a number" in refusal(source, "postgresql://a@h:port/d")
    for address in ("postgresql://a:secret@h/d", "postgresql://a@h/d?password=secret"):
        done = subprocess.run(
            [PROGRAM, "admin", "move", "--to", address, "--data", source.data],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "pgpass" in done.stderr
        assert "secret" not in done.stderr
    on_postgres = source.model_copy(
        update={"database": read_settings(database=postgres.new_database()).database}
    )
    assert "already" in refusal(on_postgres, postgres.new_database())
    nowhere = source.model_copy(update={"data": source.data.parent / "nothing"})
    assert "no installation" in refusal(nowhere, postgres.new_database())


def test_the_store_of_the_original_is_not_taken_for_a_new_one(
    source: Settings, postgres: Postgres, tmp_path: Path
) -> None:
    """Under each of its names: the move would replace drafts by themselves."""
    before, original = contents(source.data), blobs_in(store_location(source).open())
    (tmp_path / "link").symlink_to(source.blobs)
    for name in (tmp_path / "link", source.data / "." / ".." / "data" / "store"):
        assert "already" in refusal(source, postgres.new_database(), str(name))
    assert contents(source.data) == before
    assert blobs_in(store_location(source).open()) == original


def test_a_second_move_to_another_database_is_refused(source: Settings, postgres: Postgres) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    move_to_postgresql(source, first)
    assert "was moved to" in refusal(source, second)
    with engine_of(second).connect() as conn:
        assert inspect(conn).get_table_names() == []
