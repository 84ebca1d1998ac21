"""Real parts for every test: a server on each database, clients, and the option `--long`."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import Server, TestAccount, make_server

DATABASES = ("sqlite", "postgres")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")


def pytest_configure(config: pytest.Config) -> None:
    """Generated cases are the same in each run, so that a change is judged by itself; `--long`
    looks for new ones."""
    settings.register_profile("same", derandomize=True)
    if not config.getoption("--long"):
        settings.load_profile("same")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="needs --long"))


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


@pytest.fixture(scope="session", params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Each database in turn: None is SQLite, else the address of an empty PostgreSQL database."""
    if request.param == "sqlite":
        return None
    running: Postgres = request.getfixturevalue("postgres")
    return running.new_database()


@pytest.fixture(scope="session")
def server(database_url: str | None) -> Iterator[Server]:
    """A ready server on each database, shared by the run's tests: use accounts of your own."""
    settings: dict[str, Any] = {} if database_url is None else {"database": database_url}
    made = make_server(**settings)
    try:
        yield made.start()
    finally:
        made.close()


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
