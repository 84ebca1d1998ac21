"""Real parts for every test: a server on each database, clients, and which tests a run has."""

import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from tests.support.memory_folder import use_memory_folder
from tests.support.migrated import new_migrated_url, open_migrated
from tests.support.postgres import Postgres, running_postgres
from tests.support.seaweedfs import SeaweedFS, environment, running_seaweedfs
from tests.support.selection import (
    FAST_PATHS,
    GroupScheduling,
    is_selected,
    load_profile,
    run_order,
)
from tests.support.server import Server, TestAccount, make_server

from entrepot.db.engine import Database, open_database
from entrepot.settings import Settings, read_settings

if TYPE_CHECKING:
    from xdist.remote import Producer

DATABASES = ("sqlite", "postgres")
MAX_SHARED_VERSIONS = 200
"""Of a server that modules share. To look at all of an installation, as `assert_sound` does, takes
0.8 s of processor time where it has the versions of all tests, and 0.1 s where it has so many; to
start another one takes 0.2 s."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run everything: see docs/testing.md")
    parser.addoption("--fast", action="store_true", help="run the part that takes under a minute")


def pytest_configure(config: pytest.Config) -> None:
    """What is compiled is kept, whatever the environment says: else each of some hundred servers
    compiles all that it imports again, which takes longer than its start.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    use_memory_folder()
    long, fast = config.getoption("--long"), config.getoption("--fast")
    if long and fast:
        raise pytest.UsageError("--long and --fast exclude each other.")
    load_profile(long)
    if fast and config.args_source == pytest.Config.ArgsSource.TESTPATHS:
        config.args[:] = [str(config.rootpath / path) for path in FAST_PATHS]


def pytest_xdist_make_scheduler(
    config: pytest.Config, log: "Producer | None"
) -> GroupScheduling | None:
    """Groups that are finer than files, so that no worker is left with a long one at the end."""
    return GroupScheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Modules that load leave no garbage: to look for it takes time, then and later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run does not have, and begin with what takes longest."""
    left_out = [item for item in items if not is_selected(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if is_selected(item)]
    items.sort(key=run_order)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """Tests see no setting but those that they give."""
    for name in [name for name in os.environ if name.startswith("ENTREPOT_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, one for the run (or for each of xdist's workers)."""
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    """A running S3-compatible store, one for the run (or for each of xdist's workers)."""
    with running_seaweedfs() as running:
        yield running


@pytest.fixture
def s3(seaweedfs: SeaweedFS) -> Iterator[SeaweedFS]:
    """The running S3-compatible store, which this test's clients find by their environment."""
    with environment(seaweedfs.environment):
        yield seaweedfs


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of a test's database."""
    return str(request.param)


@pytest.fixture
def empty(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> Iterator[tuple[Database, Path]]:
    """An empty database of each kind, and where SQLite's file would be."""
    url = None
    if database_kind == "postgres":
        running: Postgres = request.getfixturevalue("postgres")
        url = running.new_database()
    settings = read_settings(data=tmp_path, database=url)
    database = open_database(settings)
    yield database, settings.sqlite_file
    database.close()


@pytest.fixture
def migrated(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> Iterator[tuple[Database, Settings]]:
    """A migrated database of each kind, without rows, and the settings that name it."""
    running = request.getfixturevalue("postgres") if database_kind == "postgres" else None
    database, settings = open_migrated(tmp_path, running, pool_size=8)
    yield database, settings
    database.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """The running servers by their database, each started when it is first needed."""
    running: dict[str, Server] = {}
    yield running
    for each in running.values():
        each.close()


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Server]:
    """A ready server on each database, shared by the tests of many modules (of each of xdist's
    workers): use accounts of your own, and leave nothing running.

    The first one is the installed program. A sound one follows a server that a test has killed,
    and an empty one a server with many versions.
    """
    kind = request.param
    shared = servers.get(kind)
    if shared is None or not shared.runs() or shared.versions_count() > MAX_SHARED_VERSIONS:
        settings: dict[str, Any] = {}
        if kind == "postgres":
            settings["database"] = new_migrated_url(request.getfixturevalue("postgres"))
        if shared is not None:
            servers.pop(kind).close()
        servers[kind] = make_server(preloaded=shared is not None, **settings)
        servers[kind].start()
    with servers[kind].clients_of_a_while():
        yield servers[kind]


@pytest.fixture(autouse=True)
def _logs_of_this_test() -> Iterator[None]:
    """A command that runs in this process has its logs go to the test's stderr, which is closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _clients_of_this_test(request: pytest.FixtureRequest) -> Iterator[None]:
    shared = request.getfixturevalue("server") if "server" in request.fixturenames else None
    with shared.clients_of_a_while() if isinstance(shared, Server) else nullcontext():
        yield


@pytest.fixture
def account(server: Server) -> TestAccount:
    """A fresh account on the shared server, with an admin who holds every scope."""
    return server.new_account()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(**settings)` starts a further server on SQLite; `start=False` leaves that to you."""
    made: list[Server] = []

    def start_one(start: bool = True, **settings: Any) -> Server:
        one = make_server(**settings)
        made.append(one)
        return one.start() if start else one

    yield start_one
    for one in made:
        one.close()
