"""Real parts for every test: a server on each database, clients, and the option `--long`."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import Server, TestAccount, make_server

from entrepot.db.engine import Database, open_database
from entrepot.settings import read_settings

DATABASES = ("sqlite", "postgres")
TESTS = Path(__file__).parent
REAL = re.compile(
    "(crash|e2e|http|http_parts|migrations|tasks)/|docs/test_lines"
    "|inspection/test_(hostile|pool|sandbox)"
)
"""Tests of real processes, which get a second try: see docs/decisions/0018."""
LONGEST = re.compile(f"{REAL.pattern}|test_house")
"""What takes longest and is begun first; the house's rules have mypy read everything."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")


def pytest_configure(config: pytest.Config) -> None:
    """Generated cases are the same in each run, so that a change is judged by itself; `--long`
    looks for new ones.

    What is compiled is kept, whatever the environment says: else each of some hundred servers
    compiles all that it imports anew, which takes longer than its start.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    settings.register_profile("same", derandomize=True)
    if not config.getoption("--long"):
        settings.load_profile("same")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _is_of(REAL, item):
            item.add_marker(pytest.mark.flaky(reruns=1))
    # One of xdist's workers has a whole file, and at the end the others wait for it.
    items.sort(key=lambda item: not _is_of(LONGEST, item))
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="needs --long"))


def _is_of(files: re.Pattern[str], item: pytest.Item) -> bool:
    return item.path.is_relative_to(TESTS) and bool(files.match(str(item.path.relative_to(TESTS))))


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


@pytest.fixture(params=DATABASES)
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


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """The running servers by their database, each started when it is first needed."""
    running: dict[str, Server] = {}
    yield running
    for each in running.values():
        each.close()


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Server]:
    """A ready server on each database, shared by all tests of the run (or of each of xdist's
    workers): use accounts of your own, and leave nothing running."""
    kind = request.param
    if kind not in servers or not servers[kind].runs():
        settings: dict[str, Any] = {}
        if kind == "postgres":
            running: Postgres = request.getfixturevalue("postgres")
            settings["database"] = running.new_database()
        if kind in servers:
            servers.pop(kind).close()  # a test has killed it: others get a sound one
        made = make_server(**settings)
        servers[kind] = made
        made.start()
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
