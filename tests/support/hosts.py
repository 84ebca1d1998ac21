"""Several hosts of one installation: a server each with its own data folder, one database, and one
store that all of them see."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, make_url, select, text
from tests.support.server import READY_WITHIN, Server, make_server
from tests.support.wait import wait_until

from entrepot.db.tables import queue_entries, worker_leases
from entrepot.migrations.run import ADVISORY_LOCK_ID

SECRET = "the-secret-that-all-hosts-have"
LEASE = 3
PIECE = 65_536


@dataclass
class Hosts:
    """The hosts by their names; `add` prepares one, `start` starts some together."""

    database: str
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="eh-")))
    servers: dict[str, Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "shared").mkdir(mode=0o700)
        url = make_url(self.database).set(drivername="postgresql+psycopg")
        self.engine: Engine = create_engine(url)

    def add(self, name: str, role: str, shared: bool = True, **settings: Any) -> Server:
        """A host that is not started yet; with `shared` its store is the one of all."""
        data = self.root / name / "data"
        data.mkdir(mode=0o700, parents=True)
        if shared:
            (data / "store").symlink_to(self.root / "shared")
        chosen = {"database": self.database, "secret": SECRET, "lease": LEASE, **settings}
        self.servers[name] = make_server(role=role, data=data, **chosen)
        return self.servers[name]

    def start(self, *names: str) -> None:
        """Start these hosts and wait until each is ready."""
        for name in names:
            self.servers[name].spawn()
        for name in names:
            self.wait_ready(name)

    def start_together(self, *names: str) -> None:
        """Start them so that all of them want to prepare the database at the same moment."""
        with self.engine.connect() as conn:
            conn.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK_ID})"))
            for name in names:
                self.servers[name].spawn()
            waiting = text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            wait_until(lambda: conn.scalar(waiting) == len(names), "all wait", READY_WITHIN)
            conn.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK_ID})"))
        for name in names:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        """Until it answers, or its worker has a lease."""
        server = self.servers[name]
        if server.overrides["role"] == "api":
            server.wait_ready()
        else:
            wait_until(lambda: self._has_lease(server), server.log_file.read_text, READY_WITHIN)

    def _has_lease(self, server: Server) -> bool:
        assert server.runs(), server.log_file.read_text()
        node = server.data / "node"
        if not node.exists():
            return False
        with self.engine.connect() as conn:
            name = worker_leases.c.executor_id == self.worker_name(server)
            return conn.scalar(select(worker_leases.c.executor_id).where(name)) is not None

    def worker_name(self, server: Server) -> str:
        """The name of the server's one worker."""
        return f"{(server.data / 'node').read_text()}-0"

    def owner(self, task_id: str) -> str | None:
        """The worker that holds the task's entry; None if none does, or it has ended."""
        with self.engine.connect() as conn:
            query = select(queue_entries.c.owner)
            return conn.scalar(query.where(text(f"id = '{task_id}'")))

    def worker(self, name: str) -> psutil.Process:
        """The process of the host's worker."""
        (worker,) = self.servers[name].processes("worker")
        return worker

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """While the workers of these hosts stand still, outside of any transaction."""
        for name in names:
            self.servers[name].suspend(self.worker(name))
        try:
            yield
        finally:
            for name in names:
                self.worker(name).resume()

    def close(self) -> None:
        """End all of them."""
        for server in self.servers.values():
            if server.runs():
                for child in psutil.Process(server.process.pid).children(recursive=True):  # type: ignore[union-attr]
                    with suppress(psutil.NoSuchProcess):
                        child.resume()
            server.close()
        self.engine.dispose()
        shutil.rmtree(self.root, ignore_errors=True)


@dataclass
class Relay:
    """A network to PostgreSQL that can be cut: nothing passes then, and no end sees it."""

    target: str
    listener: socket.socket
    flowing: threading.Event = field(default_factory=threading.Event)
    refusing: threading.Event = field(default_factory=threading.Event)
    sockets: list[socket.socket] = field(default_factory=list)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.refusing.is_set():
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                self.sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def refuse(self) -> None:
        """End every connection and take no other, like a PostgreSQL that was stopped."""
        self.refusing.set()
        for each in self.sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept_again(self) -> None:
        """Take connections again."""
        self.refusing.clear()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                self.flowing.wait()
                target.sendall(piece)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(database: str) -> Iterator[tuple[Relay, str]]:
    """A relay to the PostgreSQL of that address, and the address that leads through it."""
    url = make_url(database)
    folder = str(url.query["host"])
    (path,) = (
        name for name in os.listdir(folder) if name.startswith(".s.PGSQL.") and name[9:].isdigit()
    )
    relay = Relay(f"{folder}/{path}", socket.create_server(("127.0.0.1", 0)))
    relay.flowing.set()
    threading.Thread(target=relay.serve, daemon=True).start()
    through = url.set(host="127.0.0.1", port=relay.listener.getsockname()[1], query={})
    try:
        yield relay, through.render_as_string(hide_password=False)
    finally:
        relay.flowing.set()
        for each in (relay.listener, *relay.sockets):
            each.close()
