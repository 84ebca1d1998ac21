"""A worker: takes tasks from the durable queue, runs them, and takes over from dead workers.

DBOS does the durable part. Three things of ours surround it, each for a measured reason
(`docs/decisions/0003-background-work.md`): the queue's polling loop runs on a stop event that can
be woken, so that an idle queue is polled slowly; executor ids are leased, since DBOS recovers
only what its own executor left; and the queue's partition key is the account.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from dbos import DBOS, Queue
from dbos._queue import queue_worker_thread

from entrepot.db.engine import Database
from entrepot.settings import Settings
from entrepot.tasks.leases import beat, drop_lease, expired_leases
from entrepot.tasks.queue import APPLICATION, LATER, PROTOCOL, QUEUE, queue_engine
from entrepot.tasks.wake_up import Wakeable, listen_local, listen_postgres

log = structlog.get_logger(__name__)

Workflow = Callable[[UUID], None]
Clock = Callable[[], datetime]

SELDOM = 60.0
"""Seconds between polls of DBOS's parts that we do not use (notifications, schedules)."""
UNHURRIED = 0.1
"""Seconds between two quick polls of the queue of work that nobody waits for."""


class Worker:
    """One worker process's queue runner.

    `executor_id` must be stable over restarts of the same worker on the same host: what a killed
    run of it left is then resumed at its start. What a worker that never comes back left is
    resumed by any other once its lease has expired.

    `workflows` are what the tasks' queue runs; `later` what the queue of work that nobody waits
    for does, one at a time.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        executor_id: str,
        workflows: dict[str, Workflow],
        later: dict[str, Workflow],
        clock: Clock,
    ) -> None:
        self._database = database
        self._settings = settings
        self._executor_id = executor_id
        self._workflows = workflows
        self._later = later
        self._clock = clock
        self._stop = Wakeable()
        self._stop_later = Wakeable(quick=UNHURRIED)
        self._running: set[str] = set()
        self._running_later: set[str] = set()
        self._lease = timedelta(seconds=settings.lease)

    def start(self) -> None:
        """Launch DBOS, resume what this executor left, and begin to take tasks."""
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": queue_engine(self._database, self._settings.sqlite_file),
                "application_version": PROTOCOL,
                "executor_id": self._executor_id,
                "run_migrations": False,
                "log_level": "WARNING",
                "use_listen_notify": not self._database.embedded,
                "notification_listener_polling_interval_sec": SELDOM,
                "scheduler_polling_interval_sec": SELDOM,
                "max_executor_threads": self._settings.inspections_at_once + 5,
            }
        )
        for name, work in self._workflows.items():
            DBOS.workflow(name=name)(self._runner(name, work, self._running))
        for name, work in self._later.items():
            DBOS.workflow(name=name)(self._runner(name, work, self._running_later))
        DBOS.listen_queues([])
        self._database.write(beat, self._executor_id, self._clock())
        DBOS.launch()
        queue = self._queue(QUEUE, self._settings.inspections_at_once)
        later = self._queue(LATER, 1)
        self._spawn("wake-ups", self._listen)
        self._spawn("leases", self._keep_lease)
        self._spawn("queue", lambda: self._poll(queue, self._stop))
        self._spawn("later", lambda: self._poll(later, self._stop_later))
        self._wake()

    def stop(self, timeout: float) -> None:
        """Take no more tasks, give running ones `timeout` seconds, leave the rest to be resumed.

        What nobody waits for is not waited for here either.

        The process ends after this: DBOS's own end would wait for its sleeping threads, which
        hold nothing. A task cut off here runs again at the next start and finds what it did.
        """
        self._stop.set()
        self._stop_later.set()
        deadline = time.monotonic() + timeout
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)
        if not self._running and not self._running_later:
            self._database.write(drop_lease, self._executor_id)
        # else the lease stays and expires: another worker takes over should this one never
        # come back (one worker fewer, another host).

    def _queue(self, name: str, at_once: int) -> Queue:
        return DBOS.register_queue(
            name,
            worker_concurrency=at_once,
            partition_concurrency=1,
            polling_interval_sec=self._settings.queue_poll,
        )

    def _wake(self) -> None:
        self._stop.wake()
        self._stop_later.wake()

    def _runner(self, name: str, work: Workflow, running: set[str]) -> Callable[[str], None]:
        def run(task_id: str) -> None:
            with structlog.contextvars.bound_contextvars(task_id=task_id):
                running.add(task_id)
                try:
                    work(UUID(task_id))
                finally:
                    running.discard(task_id)
                    # A free place, and perhaps work that this one has left for later: look at
                    # once, not at the next slow poll.
                    self._wake()

        run.__qualname__ = run.__name__ = name.replace(".", "_")
        return run

    def _poll(self, queue: Queue, stop: Wakeable) -> None:
        # DBOS would run this same loop with an event that nothing can wake.
        queue_worker_thread(stop, _instance(), queue)

    def _listen(self) -> None:
        if self._database.embedded:
            folder: Path = self._settings.data / "run"
            listen_local(folder, self._executor_id, self._wake, self._stop)
        elif self._settings.database is not None:
            url = self._settings.database.get_secret_value()
            listen_postgres(url, self._wake, self._stop)

    def _keep_lease(self) -> None:
        pause = threading.Event()
        while not self._stop.is_set():
            try:
                self._database.write(beat, self._executor_id, self._clock())
                self._take_over()
            except Exception:
                log.exception("lease not renewed; trying again")
            pause.wait(self._settings.lease / 3)

    def _take_over(self) -> None:
        for dead in self._database.read(expired_leases, self._clock(), self._lease):
            if dead == self._executor_id:
                continue
            log.warning("taking over from a dead worker", executor_id=dead)
            DBOS._recover_pending_workflows([dead])
            self._database.write(drop_lease, dead)
            self._wake()

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=f"entrepot-{name}", daemon=True).start()


def _instance() -> Any:
    from dbos._dbos import _get_dbos_instance

    return _get_dbos_instance()
