"""Many small deliveries: how many a second are taken and published, and what each costs."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from tests.support.postgres import running_postgres

from bench.contenders import Entrepot, entrepot
from bench.pairs import Line, Spread, spread
from bench.processes import cpu_by_kind
from bench.trial import Trial
from entrepot.db.engine import Database, open_database
from entrepot.db.tables import derivatives
from entrepot.settings import Settings

ROWS = 200
SENDERS = 8
ROUNDS = 5
SCHEMA = (
    '{"fields":[{"name":"id","type":"integer"},{"name":"name","type":"string"},'
    '{"name":"day","type":"date"},{"name":"amount","type":"number"}]}'
)
PUBLISHED_PER_SECOND = 35.0
ACCEPTED_PER_SECOND = 150.0
CPU_MS = 45.0
ALONE_MS = 80.0
BURST_POLL_SECONDS, ALONE_POLL_SECONDS = 0.05, 0.005
"""Between two looks at what is published. A burst takes seconds, and each look a millisecond of the
processors that are measured."""
POSTGRESQL_SHARE = 0.7
"""PostgreSQL's rates, of SQLite's."""


@dataclass(frozen=True)
class Burst:
    """Deliveries a second that were answered, and published with their Parquet; milliseconds of
    CPU of each, by the kind of process."""

    accepted: float
    published: float
    cpu_ms: dict[str, float]


def table_file(path: Path) -> Path:
    """A table of some 5 kB that keeps the contract."""
    lines = ["id,name,day,amount"]
    lines += [
        f"{n},item {n % 97},2024-{n % 12 + 1:02}-{n % 28 + 1:02},{n * 7 % 1000}.5"
        for n in range(ROWS)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass(frozen=True)
class DeliveryFigures:
    """The bursts on one database, and the milliseconds of each delivery one by one."""

    bursts: list[Burst]
    alone_ms: list[float]

    @property
    def accepted(self) -> Spread:
        """Answered, a second."""
        return spread([burst.accepted for burst in self.bursts])

    def cpu_ms(self, kind: str) -> Spread:
        """Milliseconds of CPU of each delivery in processes of a kind."""
        return spread([burst.cpu_ms[kind] for burst in self.bursts])

    @property
    def published(self) -> Spread:
        """Published with their Parquet, a second."""
        return spread([burst.published for burst in self.bursts])


def deliveries(trial: Trial) -> list[Line]:
    """Small deliveries of one account with an enforced contract, 8 at once and one by one, on
    SQLite and on PostgreSQL."""
    on_sqlite = _measure(trial, "sqlite", None)
    with running_postgres() as postgres:
        postgres.sync_to_disk()  # as SQLite does
        on_postgresql = _measure(trial, "postgresql", postgres.new_database())
    cpu = spread([sum(burst.cpu_ms.values()) for burst in on_sqlite.bursts])
    kinds = on_sqlite.bursts[0].cpu_ms
    shares = {
        "published": on_postgresql.published.median / on_sqlite.published.median,
        "accepted": on_postgresql.accepted.median / on_sqlite.accepted.median,
    }
    return [
        _at_least("published with Parquet, a second", on_sqlite.published, PUBLISHED_PER_SECOND),
        _at_least("accepted, a second", on_sqlite.accepted, ACCEPTED_PER_SECOND),
        _at_most("CPU of all processes, ms a delivery", cpu, CPU_MS),
        *(
            Line(
                f"CPU, {kind}", f"{spread([burst.cpu_ms[kind] for burst in on_sqlite.bursts]):.1f}"
            )
            for kind in kinds
        ),
        _at_most("one by one, to published with Parquet, ms", spread(on_sqlite.alone_ms), ALONE_MS),
        Line("PostgreSQL, published a second", f"{on_postgresql.published:.1f}"),
        Line("PostgreSQL, accepted a second", f"{on_postgresql.accepted:.1f}"),
        *(
            Line(f"PostgreSQL ÷ SQLite, {what}", f"{share:.2f}", "≥ 0.7", share >= POSTGRESQL_SHARE)
            for what, share in shares.items()
        ),
    ]


def _measure(trial: Trial, name: str, database: str | None) -> DeliveryFigures:
    file = table_file(trial.folder / "rows.csv")
    count = max(2 * SENDERS, 4 * trial.small)
    folder = trial.folder / name
    with database_setting(database), entrepot(folder) as ours:
        counter = open_database(Settings(data=ours.data, database=database))
        _burst(ours, counter, file, count)  # warm
        bursts = [_burst(ours, counter, file, count) for _ in range(ROUNDS)]
        alone_ms = [_alone_ms(ours, counter, file) for _ in range(max(ROUNDS, trial.small))]
        counter.close()
    return DeliveryFigures(bursts, alone_ms)


@contextmanager
def database_setting(database: str | None) -> Iterator[None]:
    """The database of the programs that are started within the block."""
    if database is None:
        yield
        return
    os.environ["ENTREPOT_DATABASE"] = database
    try:
        yield
    finally:
        del os.environ["ENTREPOT_DATABASE"]


def _at_least(what: str, figures: Spread, target: float) -> Line:
    return Line(what, f"{figures:.1f}", f"≥ {target:g}", figures.median >= target)


def _at_most(what: str, figures: Spread, target: float) -> Line:
    return Line(what, f"{figures:.1f}", f"≤ {target:g}", figures.median <= target)


def _burst(ours: Entrepot, counter: Database, file: Path, count: int) -> Burst:
    ready = _count_ready(counter)
    cpu, began = cpu_by_kind(ours.pid), time.monotonic()

    def deliver(number: int) -> None:
        ours.upload(file, f"{number}.csv", fields={"enforce_schema": SCHEMA})

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(deliver, range(count)))
    answered = time.monotonic()
    _wait(lambda: _count_ready(counter) >= ready + count, BURST_POLL_SECONDS)
    ended = time.monotonic()
    used = {
        kind: (seconds - cpu[kind]) * 1000 / count
        for kind, seconds in cpu_by_kind(ours.pid).items()
    }
    return Burst(count / (answered - began), count / (ended - began), used)


def _alone_ms(ours: Entrepot, counter: Database, file: Path) -> float:
    """From the first byte to the publication with Parquet."""
    ready = _count_ready(counter)
    began = time.monotonic()
    ours.upload(file, "alone.csv", fields={"enforce_schema": SCHEMA})
    _wait(lambda: _count_ready(counter) > ready, ALONE_POLL_SECONDS)
    return (time.monotonic() - began) * 1000


def _wait(done: Callable[[], bool], poll_seconds: float) -> None:
    deadline = time.monotonic() + 120
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the deliveries were not published within 120 seconds")
        time.sleep(poll_seconds)


def _count_ready(counter: Database) -> int:
    """Versions that have their Parquet, by the database: asking costs the server nothing."""
    query = select(func.count()).where(
        derivatives.c.form == "parquet", derivatives.c.status == "ready"
    )
    with counter.reading() as conn:
        return conn.scalar(query) or 0
