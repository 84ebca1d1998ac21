"""`/metrics` for Prometheus: what the processes of this server counted, and what the database has.

A process of its own answers it, on a listener of its own (ADR 0055): the API spends nothing on it,
a server without the API has it too, and nobody who reaches only the API can read it.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_wsgi_server
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text

from entrepot import __version__
from entrepot.accounts.accounts import Account, list_accounts
from entrepot.blobs.location import DiskLocation
from entrepot.bootstrap.parts import Parts
from entrepot.bootstrap.stores import store_location
from entrepot.db.types import ReadConnection
from entrepot.inspection.sandbox.lockdown import sandbox_status
from entrepot.tasks.leases import count_live_workers
from entrepot.tasks.queue_state import QueueLevel, read_queue_levels

log = structlog.get_logger(__name__)


def serve_metrics(parts: Parts) -> Callable[[], None]:
    """Answer `/metrics` in a thread; returns what ends it."""
    settings = parts.settings
    assert settings.metrics_port is not None
    registry = CollectorRegistry(auto_describe=False)
    collector: Any = MultiProcessCollector  # the library has no types here
    collector(registry, str(settings.metrics_folder))
    registry.register(InstallationCollector(parts))
    server, thread = start_wsgi_server(settings.metrics_port, settings.metrics_host, registry)

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return stop


class InstallationCollector:
    """What is read at each scrape: queue, workers, accounts, space, sandbox.

    All servers of an installation say the same of its database: take `max by` of them, not a sum.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sandbox = {name: state.startswith("on") for name, state in sandbox_status().items()}

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known without a scrape (`describe_installation`)."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything; what does not answer is left out, and `entrepot_database_up` is 0."""
        parts = self._parts
        yield InfoMetricFamily("entrepot_build", BUILD, value={"version": __version__})
        yield from self._describe_sandbox()
        yield from self._describe_disk()
        up = GaugeMetricFamily("entrepot_database_up", DATABASE_UP)
        try:
            families = parts.database.read(self._read)
        except Exception:
            log.exception("the metrics could not be read from the database")
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families

    def _read(self, conn: ReadConnection) -> list[Metric]:
        settings, now = self._parts.settings, self._parts.clock()
        workers = GaugeMetricFamily("entrepot_workers", WORKERS)
        workers.add_metric([], count_live_workers(conn, now, timedelta(seconds=settings.lease)))
        size = GaugeMetricFamily("entrepot_database_bytes", DATABASE_BYTES)
        size.add_metric([], self._database_bytes(conn))
        families: list[Metric] = [workers, size, *_queue_families(read_queue_levels(conn, now))]
        if settings.metrics_by_account:
            families.append(_account_family(list_accounts(conn)))
        return families

    def _database_bytes(self, conn: ReadConnection) -> int:
        settings = self._parts.settings
        if not settings.embedded:
            return int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        files = (Path(f"{settings.sqlite_file}{suffix}") for suffix in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _describe_sandbox(self) -> Iterator[Metric]:
        layers = GaugeMetricFamily("entrepot_sandbox_layer", SANDBOX_LAYER, labels=["layer"])
        for name, is_on in self._sandbox.items():
            layers.add_metric([name], int(is_on))
        yield layers

    def _describe_disk(self) -> Iterator[Metric]:
        settings = self._parts.settings
        free = GaugeMetricFamily("entrepot_disk_free_bytes", DISK_FREE, labels=["place"])
        reserve = GaugeMetricFamily("entrepot_disk_reserve_bytes", DISK_RESERVE, labels=["place"])
        is_local = isinstance(store_location(settings), DiskLocation)
        # Of a store in S3 this host has the cache, which keeps the same reserve.
        local = settings.blobs if is_local else settings.data
        places = {"store" if is_local else "cache": (local, settings.disk_reserve)}
        if settings.embedded:
            places["database"] = (settings.data, settings.database_reserve)
        for place, (folder, kept) in places.items():
            reserve.add_metric([place], kept)
            try:
                free.add_metric([place], shutil.disk_usage(os.fspath(folder)).free)
            except OSError:
                log.exception("the free space could not be read", place=place)
        yield free
        yield reserve


def _queue_families(levels: list[QueueLevel]) -> list[Metric]:
    labels = ["kind", "state"]
    entries = GaugeMetricFamily("entrepot_queue_entries", QUEUE_ENTRIES, labels=labels)
    oldest = GaugeMetricFamily("entrepot_queue_oldest_seconds", QUEUE_OLDEST, labels=labels)
    for level in levels:
        entries.add_metric([level.kind, level.state], level.entries)
        oldest.add_metric([level.kind, level.state], level.oldest_seconds)
    return [entries, oldest]


def _account_family(accounts: list[Account]) -> Metric:
    labels = ["account", "part"]
    family = GaugeMetricFamily("entrepot_account_bytes", ACCOUNT_BYTES, labels=labels)
    for account in accounts:
        family.add_metric([account.name, "quota"], account.quota)
        family.add_metric([account.name, "used"], account.used)
        family.add_metric([account.name, "reserved"], account.reserved)
    return family


BUILD = "The version of this server."
DATABASE_UP = "1 if the database answered this scrape."
WORKERS = "Workers of the installation that had a heartbeat within a lease."
DATABASE_BYTES = "Size of the database, with its indexes."
SANDBOX_LAYER = "1 if this host has the layer of the sandbox."
DISK_FREE = "Bytes that are free on the disk of the store, and of the embedded database."
DISK_RESERVE = "Bytes of it that are kept free: uploads get 507 before they are touched."
QUEUE_ENTRIES = "Entries of the queue now, by kind of work and state."
QUEUE_OLDEST = "Seconds since the oldest of these entries was enqueued."
ACCOUNT_BYTES = "Bytes of an account: quota, used, reserved (setting `metrics_by_account`)."
