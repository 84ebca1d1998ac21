"""Several workers on one PostgreSQL: what one leaves, another does."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psutil
import pytest
from sqlalchemy import select
from tests.crash.installation import ENDED, Installation, open_installation, table
from tests.support.postgres import Postgres
from tests.support.wait import wait_until

from entrepot.db.tables import queue_entries

LEASE = 2
WORKER = """
import pickle, sys
from entrepot.cli.process import run_worker
run_worker(*pickle.load(sys.stdin.buffer))
"""


@pytest.fixture(scope="module")
def installation(postgres: Postgres) -> Iterator[Installation]:
    opened = open_installation(database=postgres.new_database(), lease=LEASE)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def worker_by_hand(installation: Installation, name: str) -> Iterator[psutil.Process]:
    """A worker on the same database and store that no supervisor starts again."""
    ready, child_end = os.pipe()
    os.set_inheritable(child_end, True)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        pass_fds=(child_end,),
        start_new_session=True,
    )
    os.close(child_end)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps((installation.server.settings, child_end, name, None)))
    process.stdin.close()
    try:
        assert os.read(ready, 16) == b"ready\n"
        yield psutil.Process(process.pid)
    finally:
        os.close(ready)
        process.kill()
        process.wait()


def owner_of(installation: Installation, task_id: str) -> str:
    """Who has the task's entry in the queue; "None" once it has ended."""
    query = select(queue_entries.c.owner).where(queue_entries.c.id == UUID(task_id))
    with installation.server.parts.database.reading() as conn:
        return str(conn.scalar(query))


def wait_taken_over(installation: Installation, task_id: str, owner: str) -> None:
    wait_until(lambda: owner_of(installation, task_id) != owner, "another worker has it")


def test_another_worker_resumes_what_a_killed_one_left(installation: Installation) -> None:
    supervised = installation.part("worker")
    with worker_by_hand(installation, "by-hand") as other:
        wait_until(other.children, "it has a fork server")
        installation.server.suspend(supervised)  # so that the other takes the task
        try:
            for child in other.children():
                child.suspend()
                installation.frozen.append(child)  # it may not have set its parent-death signal yet
            uploads = installation.send(table(100))
            installation.api.wait_status(str(uploads.task_id), {"running"})
            assert owner_of(installation, str(uploads.task_id)) == "by-hand"
            other.kill()
        finally:
            supervised.resume()
        wait_taken_over(installation, str(uploads.task_id), "by-hand")
        ended = installation.api.wait_task(str(uploads.task_id))
    assert ended["status"] == "succeeded"
    assert owner_of(installation, str(uploads.task_id)) != "by-hand"
    installation.server.assert_sound()


def test_a_worker_that_was_only_slow_does_no_harm(installation: Installation) -> None:
    """Taken for dead and taken over from, it wakes up and finds its work done."""
    with worker_by_hand(installation, "slow") as other:
        wait_until(other.children, "it has a fork server")
        installation.server.suspend(installation.part("worker"))
        try:
            for child in other.children():
                child.suspend()
                installation.frozen.append(child)  # it may not have set its parent-death signal yet
            uploads = installation.send(table(100))
            installation.api.wait_status(str(uploads.task_id), {"running"})
            installation.server.suspend(other)
        finally:
            installation.part("worker").resume()
        wait_taken_over(installation, str(uploads.task_id), "slow")
        assert installation.api.wait_task(str(uploads.task_id))["status"] == "succeeded"
        for child in other.children():
            child.resume()
        other.resume()
        next_one = installation.send(table(100))
        assert installation.api.wait_task(str(next_one.task_id))["status"] == "succeeded"
    assert installation.api.task(str(uploads.task_id))["status"] == "succeeded"
    installation.server.assert_sound()


def test_two_workers_under_one_supervisor(postgres: Postgres) -> None:
    installation = open_installation(database=postgres.new_database(), lease=LEASE, workers=2)
    try:
        uploads = [installation.send(table(100)) for _ in range(6)]
        installation.part("worker", 1).kill()
        uploads += [installation.send(table(100)) for _ in range(6)]
        for delivery in uploads:
            task = installation.api.wait_task(str(delivery.task_id))
            assert task["status"] in ENDED
            assert task["status"] == "succeeded"
        installation.server.assert_sound()
    finally:
        installation.close()
