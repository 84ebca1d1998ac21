"""A real server for tests: `entrepot serve` in a process of its own, on a folder of its own."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import psutil
from sqlalchemy import func, select, text
from tests.support.api import PLAIN, Api
from tests.support.migrated import place_migrated_file
from tests.support.ports import free_port
from tests.support.preloaded import PreloadedProcess, run_preloaded
from tests.support.processes import wait_playing
from tests.support.wait import PATIENCE, UNHURRIED, wait_until

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import SCOPES, Scope
from entrepot.accounts.keys import NewKey, authenticate, create_key
from entrepot.accounts.users import User, create_user, find_user
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.doctor import CheckResult, check_invariants
from entrepot.db.engine import sqlite_module
from entrepot.db.tables import derivatives, tasks, versions
from entrepot.files.orphans import find_orphans
from entrepot.settings import Settings, read_settings

PROGRAM = Path(sys.executable).with_name("entrepot")
READY_WITHIN = 180.0
GIGABYTE = 1_000_000_000
RATES = (
    "requests_per_minute",
    "request_burst",
    "stranger_requests_per_minute",
    "sign_in_attempts_per_address",
)


@dataclass
class Caller:
    """A user with a key, and a client that uses it."""

    user_name: str
    key: NewKey
    api: Api

    @property
    def api_key(self) -> str:
        return self.key.api_key


@dataclass
class TestAccount:
    """An account with an admin (`admin`, whose key has every scope) and ways to add people."""

    __test__ = False

    server: "Server"
    name: str
    admin: Caller

    @property
    def api(self) -> Api:
        """The admin's client."""
        return self.admin.api

    @property
    def api_key(self) -> str:
        return self.admin.api_key

    def new_user(
        self, role: str = "member", scopes: tuple[Scope, ...] = ("read", "write")
    ) -> Caller:
        """A further user of the account, with a key."""
        return self.server.new_caller(f"{self.name}:u{secrets.token_hex(4)}", role, scopes)

    def new_key(
        self,
        scopes: tuple[Scope, ...] = ("read", "write"),
        expires_in: timedelta | None = None,
        user_name: str | None = None,
    ) -> Caller:
        """A further key of the admin, or of `user_name`."""
        return self.server.new_key(user_name or self.admin.user_name, scopes, expires_in)


@dataclass
class Server:
    """One server; `start` it, and `close` it at the end. `overrides` are settings by name.

    Unless it is `preloaded`, a start runs the installed program and migrates an empty database,
    which takes 1.2 s more of processor time: for tests of the start and the end.
    """

    overrides: dict[str, Any]
    data: Path
    command: tuple[str, ...] = ("serve",)
    process: subprocess.Popen[bytes] | PreloadedProcess | None = None
    umask: int = -1
    preloaded: bool = True
    _parts: Parts | None = None
    _apis: list[Api] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What the server runs with."""
        return read_settings(**self.overrides, data=self.data)

    @property
    def endpoint(self) -> str:
        """Where it listens, whatever its public address is."""
        return f"http://127.0.0.1:{self.overrides['port']}"

    def derivatives(self, status: str) -> list[tuple[UUID, dict[str, Any] | None]]:
        """The versions that have derivatives in that state, and what went wrong with them."""
        query = select(derivatives.c.version_id, derivatives.c.error)
        with self.parts.database.reading() as conn:
            rows = conn.execute(query.where(derivatives.c.status == status))
            return [(row.version_id, row.error) for row in rows]

    def versions_count(self) -> int:
        """The versions that it has, of any status."""
        with self.parts.database.reading() as conn:
            return conn.scalar(select(func.count()).select_from(versions)) or 0

    def wait_derived(self, seconds: float = UNHURRIED) -> None:
        """Until every task has ended and no derivative is to be made any more."""
        wait_until(lambda: not self._pending(), lambda: f"not made: {self._pending()}", seconds)

    def _pending(self) -> list[Any]:
        return self._unfinished() or self.derivatives("pending")

    def _unfinished(self) -> list[UUID]:
        with self.parts.database.reading() as conn:
            return list(conn.scalars(select(tasks.c.id).where(tasks.c.finished_at.is_(None))))

    @property
    def parts(self) -> Parts:
        """Its database and store, opened in this process."""
        if self._parts is None:
            self._parts = build_parts(self.settings)
        return self._parts

    @property
    def log_file(self) -> Path:
        return self.data.parent / "log"

    @property
    def output_file(self) -> Path:
        return self.data.parent / "output"

    def logged(self) -> list[dict[str, Any]]:
        """The log's lines that are JSON."""
        lines = self.log_file.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def spawn(self) -> subprocess.Popen[bytes] | PreloadedProcess:
        """Start the process without waiting for it."""
        self.log_file.touch()
        if self.preloaded:
            if self.settings.embedded and not self.data.exists():
                place_migrated_file(self.settings)
            self.process = run_preloaded(
                self.command, self._environment(), self.output_file, self.log_file, self.umask
            )
            return self.process
        with self.log_file.open("ab") as log, self.output_file.open("ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, *self.command],
                stdout=output,
                stderr=log,
                env=self._environment(),
                umask=self.umask,
            )
        return self.process

    def runs(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def processes(self, role: str) -> list[psutil.Process]:
        """Its processes with that role (`api`, `worker`, `metrics`), once all of them run."""
        assert self.process is not None
        settings = self.settings
        counts = {
            "api": int(settings.role in ("all", "api")),
            "worker": settings.workers if settings.role in ("all", "worker") else 0,
            "metrics": int(settings.metrics_port is not None),
        }
        return wait_playing(self.process.pid, role, counts[role])

    def start(self) -> "Server":
        """Start it and wait until it is ready."""
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Until it answers that it is; it must not have ended."""
        wait_until(self._ready, self.log_file.read_text, READY_WITHIN)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            answer = httpx2.get(f"{self.endpoint}/readyz", trust_env=False, verify=PLAIN)
            return answer.status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self, seconds: float = PATIENCE) -> int:
        """SIGTERM, and wait for the end; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL; its other processes die with it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def restart(self) -> None:
        """Stop it in order if it still runs, and start it again."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove its folder."""
        for api in self._apis:
            api.close()
        if self._parts is not None:
            self._parts.close()
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.data.parent, ignore_errors=True)

    @contextmanager
    def clients_of_a_while(self) -> Iterator[None]:
        """Those made within the block are closed at its end: a run makes some thousands."""
        before = len(self._apis)
        yield
        for api in self._apis[before:]:
            api.close()
        del self._apis[before:]

    def api(self, api_key: str | None) -> Api:
        """A client with that key."""
        made = Api(self.endpoint, api_key)
        self._apis.append(made)
        return made

    def new_account(self, quota: int = GIGABYTE, name: str | None = None) -> TestAccount:
        """An account of `quota` bytes with an admin."""
        name = name or f"t{secrets.token_hex(5)}"
        self.parts.database.write(create_account, name, quota, self.parts.clock())
        return TestAccount(self, name, self.new_caller(f"{name}:admin", "admin", SCOPES))

    def new_caller(self, user_name: str, role: str, scopes: tuple[Scope, ...]) -> Caller:
        """A new user of an account that is there, with a key."""
        self.parts.database.write(create_user, user_name, role, self.parts.clock())
        return self.new_key(user_name, scopes)

    def new_key(
        self, user_name: str, scopes: tuple[Scope, ...], expires_in: timedelta | None = None
    ) -> Caller:
        """A further key of a user; with a negative `expires_in` it expired long ago."""
        now = self.parts.clock()
        until = now + expires_in if expires_in is not None else None
        made_at = until - timedelta(days=1) if until is not None and until <= now else now
        user: User = self.parts.database.read(find_user, user_name)
        made = self.parts.database.write(
            create_key, self.parts.secret, user, "test", scopes, made_at, until
        )
        return Caller(user_name, made, self.api(made.api_key))

    def actor(self, api_key: str) -> Any:
        """The actor behind a key, for calls of the packages' functions."""
        return self.parts.database.read(
            authenticate, self.parts.secret, api_key, self.parts.clock()
        )

    def suspend(self, process: psutil.Process) -> None:
        """Let one of its processes stand still, but not within a transaction: one that never
        ends would hold up everybody else's."""

        def is_paused_outside_transaction() -> bool:
            process.suspend()
            if self._can_be_written():
                return True
            process.resume()
            return False

        wait_until(is_paused_outside_transaction, "it is caught outside of a transaction")

    @contextmanager
    def suspended_workers(self) -> Iterator[None]:
        """While none of its workers does anything."""
        workers = self.processes("worker")
        for worker in workers:
            self.suspend(worker)
        try:
            yield
        finally:
            for worker in workers:
                worker.resume()

    def _can_be_written(self) -> bool:
        if self.parts.database.embedded:
            file = str(self.settings.sqlite_file)
            with closing(sqlite_module().connect(file, timeout=2, isolation_level=None)) as conn:
                try:
                    conn.execute("BEGIN IMMEDIATE")
                    conn.execute("ROLLBACK")
                except sqlite_module().OperationalError:
                    return False
            return True
        locking = text(  # those that have written or locked anything
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%' AND backend_xid IS NOT NULL"
        )
        for _ in range(20):  # those of processes that run end by themselves
            with self.parts.database.reading() as conn:
                if conn.scalar(locking) == 0:
                    return True
            time.sleep(0.05)
        return False

    def clients(self) -> set[int]:
        """The ports of those who are connected now, as the server's processes see them."""
        assert self.process is not None
        held = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # an inspection's, which has just ended
                held += [c for c in child.net_connections("tcp") if c.raddr]
        return {connection.raddr.port for connection in held}

    def files_with(self, text: str) -> list[str]:
        """The files with `text` in them: the log, the output, and all in the data folder.

        Another process reads them. Whoever opens and closes a file of SQLite's drops the locks
        that its own process holds on it, and the database is damaged by two who write at once
        (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        """
        folders = [str(path) for path in (self.log_file, self.output_file, self.data)]
        command = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings"]
        command += ["--", text, *folders]
        searched = subprocess.run(command, check=False, capture_output=True, text=True)
        assert searched.returncode in (0, 1), searched.stderr
        return searched.stdout.splitlines()

    def assert_sound(self) -> None:
        """Check that every invariant holds, or does once what is under way has ended.

        An entry of the queue is removed in a transaction after the one that ends its task.
        """
        wait_until(lambda: not self.doctor(), lambda: f"sound: {self.doctor()}")

    def orphans(self) -> set[BlobId]:
        """The blobs that no row names now, however young they are."""
        parts = self.parts
        later = parts.clock() + timedelta(hours=1)
        return set(find_orphans(parts.database, parts.store, later).blob_ids)

    def doctor(self) -> list[CheckResult]:
        """The invariants that do not hold now."""
        return [result for result in check_invariants(self.parts) if not result.ok]

    def _environment(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
        variables = {
            f"ENTREPOT_{name.upper()}": str(value) for name, value in self.overrides.items()
        }
        return plain | variables | {"ENTREPOT_DATA": str(self.data)}


def make_server(
    command: tuple[str, ...] = ("serve",), preloaded: bool = True, **settings: Any
) -> Server:
    """A server that is not started yet, with a short path for its sockets' sake."""
    usual: dict[str, Any] = {"port": free_port(), "log_format": "json", "drain_timeout": 5}
    usual["event_heartbeat"] = 1  # what ends with the next heartbeat is not waited for long
    # Counted as usual, but so that no fast machine runs into a limit that the test is not about.
    usual |= dict.fromkeys(RATES, 10**9)
    data = settings.pop("data", None) or Path(tempfile.mkdtemp(prefix="ep-")) / "data"
    return Server(usual | settings, Path(data), command, preloaded=preloaded)
