"""What an account, a file, a version and a reading cost: bytes in the database and in the store,
and CPU, on SQLite and on PostgreSQL."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
from sqlalchemy import func, select, text
from tests.support.postgres import running_postgres

from bench.contenders import Entrepot, entrepot
from bench.delivering import SCHEMA, database_setting, table_file
from bench.pairs import Line
from bench.processes import cpu_seconds, tree
from bench.trial import Trial
from entrepot.accounts.accounts import create_account
from entrepot.accounts.keys import create_key
from entrepot.accounts.users import create_user, find_user
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.db.tables import derivatives
from entrepot.settings import read_settings

ACCOUNTS = 500
READS = 2_000
GIGABYTE = 1_000_000_000


def costs(trial: Trial) -> list[Line]:
    """Of 500 accounts with a user and a key, of files and versions of 5 kB with a contract and
    their Parquet, and of downloads."""
    lines = _measure(trial, "SQLite", None)
    with running_postgres() as postgres:
        return lines + _measure(trial, "PostgreSQL", postgres.new_database())


def _measure(trial: Trial, name: str, database: str | None) -> list[Line]:
    file = table_file(trial.folder / "rows.csv")
    count = max(100, 4 * trial.small)
    with database_setting(database), entrepot(trial.folder / name) as ours:
        settings = read_settings(data=ours.data)
        with closing(build_parts(settings)) as parts:
            bench = _Costs(ours, parts, file)
            bench.deliver(20)  # warm: pages of the database that begin empty
            accounts = bench.bytes_of(ACCOUNTS, bench.make_accounts)
            files = bench.bytes_of(count, bench.deliver)
            versions = bench.bytes_of(count, bench.deliver_versions)
            reads = bench.bytes_of(READS, bench.read)
    labels = {"account": accounts, "file": files, "version": versions, "reading": reads}
    lines = []
    for label, (in_database, in_store, cpu_ms) in labels.items():
        lines.append(Line(f"{name}, {label}: bytes in the database", f"{in_database:,.0f}"))
        lines.append(Line(f"{name}, {label}: bytes in the store", f"{in_store:,.0f}"))
        lines.append(Line(f"{name}, {label}: CPU of the server, ms", f"{cpu_ms:.2f}"))
    return lines


class _Costs:
    def __init__(self, ours: Entrepot, parts: Parts, file: Path) -> None:
        self._ours = ours
        self._parts = parts
        self._file = file
        self._file_ids: list[str] = []

    def bytes_of(self, count: int, act: Callable[[int], None]) -> tuple[float, float, float]:
        """Bytes in database and store, and CPU ms of the server, for each of `count`."""
        database, store = self._database_bytes(), self._store_bytes()
        cpu = cpu_seconds(tree(self._ours.pid))
        act(count)
        used = cpu_seconds(tree(self._ours.pid)) - cpu
        grown = self._database_bytes() - database, self._store_bytes() - store
        return grown[0] / count, grown[1] / count, 1000 * used / count

    def make_accounts(self, count: int) -> None:
        """Each with an admin and a key."""
        parts, now = self._parts, self._parts.clock()
        for number in range(count):
            name = f"account{number}"
            parts.database.write(create_account, name, GIGABYTE, now)
            parts.database.write(create_user, f"{name}:admin", "admin", now)
            user = parts.database.read(find_user, f"{name}:admin")
            parts.database.write(create_key, parts.secret, user, "", ("read", "write"), now, None)

    def deliver(self, count: int) -> None:
        """New files with an enforced contract, to the publication with Parquet."""
        ready, fields = self._count_ready(), {"enforce_schema": SCHEMA}
        tasks = [
            self._ours.upload(self._file, f"{number}.csv", fields=fields).task_id
            for number in range(count)
        ]
        self._wait(ready + count)
        self._file_ids += [str(self._ours.wait_task(task)["file_id"]) for task in tasks]

    def deliver_versions(self, count: int) -> None:
        """New versions of those files, which keep their contract."""
        ready, content = self._count_ready(), self._file.read_bytes()
        for file_id in self._file_ids[-count:]:
            answer = httpx2.post(
                f"http://127.0.0.1:{self._ours.port}/api/v1/file/{file_id}/versions",
                headers=self._ours.headers(),
                files={"file": ("rows.csv", content)},
                trust_env=False,
            )
            answer.raise_for_status()
        self._wait(ready + count)

    def read(self, count: int) -> None:
        """Downloads of these files, each of which is recorded."""
        for number in range(count):
            file_id = self._file_ids[number % len(self._file_ids)]
            self._ours.get(f"/api/v1/file/download/{file_id}")
        time.sleep(2)  # the record is written within a second

    def _count_ready(self) -> int:
        query = select(func.count()).where(
            derivatives.c.form == "parquet", derivatives.c.status == "ready"
        )
        with self._parts.database.reading() as conn:
            return conn.scalar(query) or 0

    def _wait(self, count: int) -> None:
        deadline = time.monotonic() + 600
        while self._count_ready() < count:
            if time.monotonic() > deadline:
                raise TimeoutError("the deliveries were not published within 10 minutes")
            time.sleep(0.05)

    def _database_bytes(self) -> int:
        size = (
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
            if self._parts.database.embedded
            else "SELECT pg_database_size(current_database())"
        )
        with self._parts.database.reading() as conn:
            return int(conn.scalar(text(size)) or 0)

    def _store_bytes(self) -> int:
        places = os.walk(self._parts.settings.blobs)
        return sum(
            os.stat(os.path.join(place, name)).st_blocks * 512
            for place, _, names in places
            for name in names
        )
