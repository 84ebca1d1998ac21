"""A start that is refused makes nothing, or removes what it made."""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.support.postgres import Postgres
from tests.support.preloaded import run_preloaded
from tests.support.wait import PATIENCE

from entrepot.blobs.store import BlobId
from entrepot.bootstrap.backup_mark import OWNER_FILE
from entrepot.bootstrap.parts import build_parts
from entrepot.bootstrap.restoring import MARK
from entrepot.cli.data_folder import hold_data_folder
from entrepot.cli.start import create_installation, prepare_installation
from entrepot.db.engine import open_database
from entrepot.errors import StartRefused
from entrepot.settings import Settings, read_settings

COMMANDS = (("serve", "--port", "0"), ("demo", "--port", "0"), ("admin", "init"))
NOWHERE = "postgresql://maria@127.0.0.1:1/nowhere"
STOPPED_SERVERS = ("run", "scratch", "lock", "node")
"""What a server makes for itself: a folder that was restored has none of it."""


def store_blob(settings: Settings) -> None:
    with closing(build_parts(settings)) as parts:
        writer = parts.store.create(BlobId(UUID(int=1)))
        writer.write(b"a\n1\n")
        writer.commit()


@dataclass
class Start:
    """One that is about to be refused: how it differs from others, and what is open until then."""

    folder: Path
    request: pytest.FixtureRequest
    variables: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def data(self) -> Path:
        return self.folder / "new" / "data"

    def install(self) -> Settings:
        """An installation with a blob, as if it had just been restored."""
        settings = read_settings(data=self.data)
        create_installation(settings)
        store_blob(settings)
        for name in STOPPED_SERVERS:
            path = self.data / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return settings

    def run(self, command: tuple[str, ...]) -> tuple[int, str]:
        log = self.folder / "log"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.variables}
        arguments = (*command, "--data", str(self.data), *self.options)
        process = run_preloaded(arguments, environment, log, log, -1)
        try:
            return process.wait(PATIENCE), log.read_text()
        finally:
            process.kill()
            process.wait()
            log.unlink()


def used_port(start: Start) -> None:
    taken = start.stack.enter_context(socket.socket())
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    start.options = ("--port", str(taken.getsockname()[1]))


def used_port_of_metrics(start: Start) -> None:
    used_port(start)
    start.variables["ENTREPOT_METRICS_PORT"], start.options = start.options[1], ()


def used_port_of_an_installation(start: Start) -> None:
    start.install()
    used_port(start)


def unknown_setting(start: Start) -> None:
    start.variables["ENTREPOT_COLOUR"] = "red"


def worker_without_postgresql(start: Start) -> None:
    start.variables["ENTREPOT_ROLE"] = "worker"


def unreachable_database(start: Start) -> None:
    start.variables["ENTREPOT_DATABASE"] = NOWHERE


def folder_of_backups(start: Start) -> None:
    start.data.mkdir(parents=True)
    (start.data / OWNER_FILE).write_text(str(UUID(int=1)))


def file_in_place_of_the_folder(start: Start) -> None:
    start.data.parent.write_text("")


def folder_that_cannot_be_written(start: Start) -> None:
    start.data.parent.mkdir()
    start.data.symlink_to(start.folder / "gone" / "data")


def store_that_cannot_be_made(start: Start) -> None:
    start.variables["ENTREPOT_STORE"] = str(start.folder / "file" / "store")
    (start.folder / "file").write_text("")


def store_that_cannot_be_made_with_postgresql(start: Start) -> None:
    store_that_cannot_be_made(start)
    postgres: Postgres = start.request.getfixturevalue("postgres")
    start.variables["ENTREPOT_DATABASE"] = postgres.new_database()


def store_that_is_a_file(start: Start) -> None:
    start.variables["ENTREPOT_STORE"] = str(start.folder / "file")
    (start.folder / "file").write_text("")


def store_of_a_link_to_nothing(start: Start) -> None:
    start.variables["ENTREPOT_STORE"] = str(start.folder / "link")
    (start.folder / "link").symlink_to(start.folder / "gone" / "store")


def store_in_no_bucket(start: Start) -> None:
    start.variables["ENTREPOT_STORE"] = "s3://UPPER-CASE"


def store_of_nobody(start: Start) -> None:
    start.install().sqlite_file.unlink()


def newer_database(start: Start) -> None:
    with closing(open_database(start.install())) as database, database.writing() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def lost_secret(start: Start) -> None:
    start.install()
    (start.data / "secret").unlink()


def other_secret(start: Start) -> None:
    start.install()
    start.variables["ENTREPOT_SECRET"] = "another" * 8


def other_store(start: Start) -> None:
    settings = start.install()
    (settings.blobs / "installation").write_text(str(UUID(int=2)))


def damaged_id(start: Start) -> None:
    settings = start.install()
    (settings.blobs / "installation").write_text("damaged")


def unfinished_restoration(start: Start) -> None:
    start.install()
    (start.data / MARK).write_text("2026-01-01")


def moved_database(start: Start) -> None:
    start.install()
    (start.data / "moved").write_text(f'{{"database": "{NOWHERE}", "store": null}}')


def running_server(start: Start) -> None:
    start.install()
    descriptor = os.open(start.data / "lock", os.O_RDWR | os.O_CREAT)
    start.stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, b'{"pid": %d}' % os.getpid())


OF_SERVERS = {used_port, used_port_of_metrics, used_port_of_an_installation}
OF_SERVERS |= {worker_without_postgresql}
"""What a command that serves nothing is not refused for."""
SITUATIONS: tuple[Callable[[Start], None], ...] = (
    *(used_port, used_port_of_metrics, used_port_of_an_installation, unknown_setting),
    *(worker_without_postgresql, unreachable_database, folder_of_backups),
    *(file_in_place_of_the_folder, folder_that_cannot_be_written),
    *(store_that_cannot_be_made, store_that_cannot_be_made_with_postgresql, store_of_nobody),
    *(store_that_is_a_file, store_of_a_link_to_nothing, store_in_no_bucket),
    *(newer_database, lost_secret, other_secret, other_store, damaged_id),
    *(unfinished_restoration, moved_database, running_server),
)


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    with ExitStack() as stack:
        yield Start(tmp_path, request, stack=stack)


def names_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
def test_a_refused_start_leaves_nothing_behind(
    start: Start, situation: Callable[[Start], None]
) -> None:
    situation(start)
    before = names_below(start.folder)
    for command in COMMANDS[: 2 if situation in OF_SERVERS else 3]:
        status, printed = start.run(command)
        assert status not in (0, None), printed
        assert "Traceback" not in printed
        assert names_below(start.folder) == before, (command, printed)


def test_a_start_after_a_refused_one_works(start: Start) -> None:
    """Also where the refused one was the first, and has removed its folder."""
    used_port(start)
    assert start.run(COMMANDS[0])[0] != 0
    assert not start.data.exists()
    start.options = ()
    assert start.run(COMMANDS[2])[0] == 0
    assert (start.data / "entrepot.db").is_file()


@pytest.mark.parametrize("has_bytes", [True, False])
def test_bytes_stay_where_the_database_was_lost_meanwhile(start: Start, has_bytes: bool) -> None:
    """A server that made its installation may end by an error long after its start."""
    settings = read_settings(data=start.data)

    def serve_and_fail() -> None:
        with hold_data_folder(settings, "a server", datetime.now(UTC)):
            prepare_installation(settings)
            if has_bytes:
                store_blob(settings)
            settings.sqlite_file.unlink()
            raise StartRefused(reason="It ended.")

    with pytest.raises(StartRefused, match="ended"):
        serve_and_fail()
    assert start.data.exists() == has_bytes
    if has_bytes:
        assert names_below(start.data / "store")
        assert (start.data / "secret").is_file()
