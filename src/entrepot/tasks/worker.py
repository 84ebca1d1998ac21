"""A worker: takes tasks from the durable queue, runs them, and takes over from dead workers.

DBOS does the durable part. We add three things, each for a measured reason
(`docs/decisions/0003-background-work.md`): the queue's polling loop runs on a stop event that can
be woken, so that an idle queue needs few polls; executor ids are leased, since DBOS recovers only
what its own executor left; and the queue's partition key is the account.
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
from entrepot.tasks.leases import drop_lease, find_expired_leases, renew_lease
from entrepot.tasks.notify import WakeableEvent, listen_local, listen_postgres
from entrepot.tasks.queue import (
    APPLICATION,
    BACKGROUND_QUEUE,
    PROTOCOL_VERSION,
    TASK_QUEUE,
    queue_engine,
)

log = structlog.get_logger(__name__)

Workflow = Callable[[UUID], None]
Clock = Callable[[], datetime]

UNUSED_POLL_SECONDS = 60.0
"""Pause between polls of the parts of DBOS that we do not use (notifications, schedules)."""
BACKGROUND_BURST_INTERVAL_SECONDS = 0.1
"""Pause between two quick polls of the background queue."""


class Worker:
    """The queue runner of one worker process.

    `executor_id` must be stable over restarts of the same worker on the same host: what a killed
    run of it left is resumed at its start. What a worker left that never comes back is resumed by
    any other worker once its lease has expired.

    `workflows` run on the task queue, `background_workflows` on the queue of work that nobody waits
    for, one at a time.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        executor_id: str,
        workflows: dict[str, Workflow],
        background_workflows: dict[str, Workflow],
        clock: Clock,
    ) -> None:
        self._database = database
        self._settings = settings
        self._executor_id = executor_id
        self._workflows = workflows
        self._background_workflows = background_workflows
        self._clock = clock
        self._stop = WakeableEvent()
        self._stop_background = WakeableEvent(burst_interval=BACKGROUND_BURST_INTERVAL_SECONDS)
        self._running: set[str] = set()
        self._running_background: set[str] = set()
        self._lease = timedelta(seconds=settings.lease)

    def start(self) -> None:
        """Launch DBOS, resume what this executor left, and begin to take tasks."""
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": queue_engine(self._database, self._settings.sqlite_file),
                "application_version": PROTOCOL_VERSION,
                "executor_id": self._executor_id,
                "run_migrations": False,
                "log_level": "WARNING",
                "use_listen_notify": not self._database.embedded,
                "notification_listener_polling_interval_sec": UNUSED_POLL_SECONDS,
                "scheduler_polling_interval_sec": UNUSED_POLL_SECONDS,
                # The background task, and DBOS's own loops.
                "max_executor_threads": self._settings.inspections_at_once + 5,
            }
        )
        for name, workflow in self._workflows.items():
            DBOS.workflow(name=name)(self._runner(name, workflow, self._running))
        for name, workflow in self._background_workflows.items():
            DBOS.workflow(name=name)(self._runner(name, workflow, self._running_background))
        DBOS.listen_queues([])
        self._database.write(renew_lease, self._executor_id, self._clock())
        DBOS.launch()
        task_queue = self._queue(TASK_QUEUE, self._settings.inspections_at_once)
        background_queue = self._queue(BACKGROUND_QUEUE, 1)
        self._start_thread("wake-ups", self._listen)
        self._start_thread("leases", self._renew_lease_until_stopped)
        self._start_thread("queue", lambda: self._poll(task_queue, self._stop))
        self._start_thread("later", lambda: self._poll(background_queue, self._stop_background))
        self._wake()

    def stop(self, timeout: float) -> None:
        """Take no more tasks, give running ones `timeout` seconds, leave the rest to be resumed.

        Background work is not waited for.

        The process ends after this: DBOS's own shutdown would wait for its sleeping threads, which
        hold nothing. A task interrupted here runs again at the next start and finds what it did.
        """
        self._stop.set()
        self._stop_background.set()
        deadline = time.monotonic() + timeout
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)
        if not self._running and not self._running_background:
            self._database.write(drop_lease, self._executor_id)
        # else the lease stays and expires: another worker takes over if this one never comes back
        # (fewer workers, another host).

    def _queue(self, name: str, concurrency: int) -> Queue:
        return DBOS.register_queue(
            name,
            worker_concurrency=concurrency,
            partition_concurrency=1,
            polling_interval_sec=self._settings.queue_poll,
        )

    def _wake(self) -> None:
        self._stop.wake()
        self._stop_background.wake()

    def _runner(self, name: str, workflow: Workflow, running: set[str]) -> Callable[[str], None]:
        def run(task_id: str) -> None:
            with structlog.contextvars.bound_contextvars(task_id=task_id):
                running.add(task_id)
                try:
                    workflow(UUID(task_id))
                finally:
                    running.discard(task_id)
                    # A slot is free, and this run may have enqueued background work: poll now,
                    # not at the next slow poll.
                    self._wake()

        run.__qualname__ = run.__name__ = name.replace(".", "_")
        return run

    def _poll(self, queue: Queue, stop: WakeableEvent) -> None:
        # DBOS runs the same loop, but with an event that cannot be woken.
        queue_worker_thread(stop, _instance(), queue)

    def _listen(self) -> None:
        if self._database.embedded:
            folder: Path = self._settings.data / "run"
            listen_local(folder, self._executor_id, self._wake, self._stop)
        elif self._settings.database is not None:
            url = self._settings.database.get_secret_value()
            listen_postgres(url, self._wake, self._stop)

    def _renew_lease_until_stopped(self) -> None:
        pause = threading.Event()
        while not self._stop.is_set():
            try:
                self._database.write(renew_lease, self._executor_id, self._clock())
                self._recover_dead_workers()
            except Exception:
                log.exception("lease not renewed; trying again")
            pause.wait(self._settings.lease / 3)

    def _recover_dead_workers(self) -> None:
        for executor_id in self._database.read(find_expired_leases, self._clock(), self._lease):
            if executor_id == self._executor_id:
                continue
            log.warning("taking over from a dead worker", executor_id=executor_id)
            DBOS._recover_pending_workflows([executor_id])
            self._database.write(drop_lease, executor_id)
            self._wake()

    def _start_thread(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=f"entrepot-{name}", daemon=True).start()


def _instance() -> Any:
    from dbos._dbos import _get_dbos_instance

    return _get_dbos_instance()
