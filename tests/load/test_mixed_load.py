"""At 80 % of the rate that it can serve, a server answers as fast and as small at the end as at the
beginning, and refuses nothing but honestly."""

import time
from collections.abc import Iterator

import pytest
from tests.load.mixed_load import (
    HONEST,
    KINDS,
    Answered,
    LoadResult,
    ask_as_fast_as_answered,
    ask_at_rate,
    percentiles,
    prepare,
    report,
)
from tests.support.hosts import Hosts
from tests.support.postgres import Postgres
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix
from tests.support.server import Server, make_server

from entrepot.cli.process import SWEEP_INTERVAL_SECONDS

SHARE = 0.8
MEASURE_SECONDS, WINDOW_SECONDS, LOAD_SECONDS = 180.0, 30.0, 600.0
SHORT_SECONDS = 4.0
CLIENTS = 8
WARM_UP_SECONDS = SWEEP_INTERVAL_SECONDS + 60.0
"""From the start of the workers until the growth of memory counts: after the first sweep.

A worker on PostgreSQL and S3 that got small files as fast as it answered had 79.5 MiB at first,
82.2 after 1,000 tasks and 84.0 after 4,000, with as many blocks of Python as after 250. In the
minute of its first sweep it got 9,000 blocks, and had 87.5. With two workers that fell into the
second half of a load of ten minutes, and was taken for 100 MiB an hour. After 9,000 tasks it had
90.8, with fewer blocks and as much of malloc in use: 18 MiB an hour at 7 tasks a second, all of it
free in malloc's arenas or between the blocks.
"""
SUCCESSES = (200, 201, 202)
SLOWER, SPARE_MS = 2.0, 100.0
"""What the last third may be slower than the first: others use the machine too."""
GROWN = 64 * 2**20
"""Bytes of memory that all processes of a kind may get more within an hour."""


@pytest.fixture
def one_folder() -> Iterator[list[Server]]:
    """SQLite and a disk."""
    server = make_server(preloaded=False, log_level="warning")
    try:
        yield [server.start()]
    finally:
        server.close()


@pytest.fixture
def many_hosts(postgres: Postgres, seaweedfs: SeaweedFS) -> Iterator[list[Server]]:
    """PostgreSQL and S3, with two hosts that answer and two that work."""
    hosts = Hosts(postgres.new_database())
    store = f"s3://{BUCKET}/{new_prefix()}"
    roles = {"api-1": "api", "api-2": "api", "worker-1": "worker", "worker-2": "worker"}
    with environment(seaweedfs.environment):
        try:
            for name, role in roles.items():
                more = {"store": store, "log_level": "warning"}
                hosts.add(name, role, shared=False, **more).preloaded = False
            hosts.start(*roles)
            yield list(hosts.servers.values())
        finally:
            hosts.close()


def load(servers: list[Server], measure: float, seconds: float, warm_up: float = 0.0) -> LoadResult:
    """Measure the rate, then ask at a share of it for `seconds` after a warm-up, which begins
    now; everything is sound afterwards."""
    began = time.monotonic()
    endpoints = [each.endpoint for each in servers if each.overrides.get("role") != "worker"]
    target = prepare(servers[0], endpoints)
    fastest = ask_as_fast_as_answered(target, measure, CLIENTS)
    held = fastest.slowest_rate(WINDOW_SECONDS)
    print(f"\nas fast as answered: {fastest.rate:.1f} a second, {held:.1f} in the slowest window")
    print(f"statuses {dict(fastest.statuses())}")
    warm_up = max(0.0, began + warm_up - time.monotonic())
    measured = ask_at_rate(target, SHARE * held, warm_up + seconds, warm_up, servers)
    print(report(measured))
    servers[0].wait_derived()
    servers[0].assert_sound()
    return measured


def assert_only_honest(measured: LoadResult) -> None:
    others = set(measured.statuses()) - {*SUCCESSES, *HONEST}
    assert not others, measured.statuses()


def assert_flat(measured: LoadResult) -> None:
    for kind in ("download", "list", "delivery"):
        first, last = (percentiles(measured.latencies(kind, third)) for third in (0, 2))
        assert last[0] <= SLOWER * first[0] + SPARE_MS, (kind, first, last)
        assert last[1] <= SLOWER * first[1] + SPARE_MS, (kind, first, last)
    for kind in KINDS:
        assert measured.grown(kind) <= GROWN, kind


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_folder_under_a_mixed_load_stays_as_it_was(one_folder: list[Server]) -> None:
    measured = load(one_folder, MEASURE_SECONDS, LOAD_SECONDS, WARM_UP_SECONDS)
    assert_only_honest(measured)
    assert_flat(measured)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_many_hosts_under_a_mixed_load_stay_as_they_were(many_hosts: list[Server]) -> None:
    measured = load(many_hosts, MEASURE_SECONDS, LOAD_SECONDS, WARM_UP_SECONDS)
    assert_only_honest(measured)
    assert_flat(measured)


def test_the_slowest_window_counts() -> None:
    answers = [Answered("list", due, 0.5, 200) for due in (0.0, 1.0, 2.0, 9.0, 12.0, 13.0)]
    assert LoadResult(20.0, answers=answers).slowest_rate(10.0) == 0.2
    assert LoadResult(5.0, answers=answers[:3]).slowest_rate(10.0) == 0.6


def test_a_folder_answers_a_short_mixed_load(one_folder: list[Server]) -> None:
    assert_only_honest(load(one_folder, SHORT_SECONDS, 2 * SHORT_SECONDS))
