"""One process of the server is killed, and the others carry on or end with it."""

import socket
import time
from contextlib import closing

import psutil
from tests.crash.installation import Installation, open_installation, table
from tests.crash.test_exact_points import CONTENT, LIMIT
from tests.support.processes import is_running, wait_ended
from tests.support.wait import PATIENCE, wait_until

FORK_SERVER = "entrepot.inspection.sandbox.forkserver"


def test_the_api_is_started_again(installation: Installation) -> None:
    supervisor = installation.server.process
    with installation.slow_upload(CONTENT) as upload:
        upload.send(1_200_000)
        installation.wait_reserved()
        old = installation.part("api").pid
        installation.part("api").kill()
    wait_until(lambda: installation.part_pid("api") not in (None, old), "another api")
    installation.server.wait_ready()
    assert installation.server.process is supervisor
    installation.check()  # the dead upload's reservation and bytes went at once
    assert installation.send(CONTENT, limit=LIMIT).task_id
    installation.check()


def test_a_killed_worker_resumes_its_task(installation: Installation) -> None:
    installation.freeze_inspectors()
    sent = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(sent.task_id), {"running"})
    old = installation.part("worker").pid
    installation.part("worker").kill()
    wait_until(lambda: installation.part_pid("worker") not in (None, old), "another worker")
    assert installation.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    installation.check()


def test_the_worker_may_die_again_and_again(installation: Installation) -> None:
    """A process that nobody waits for any more must not die of that."""
    for _ in range(3):
        old = installation.part_pid("worker")
        installation.part("worker").kill()
        wait_until(
            lambda old=old: installation.part_pid("worker") not in (None, old), "another worker"
        )
        sent = installation.send(table(10), limit=LIMIT)
        assert installation.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    new = installation.part_pid("worker")
    time.sleep(0.5)
    assert installation.part_pid("worker") == new


def test_a_killed_inspection_is_tried_again(installation: Installation) -> None:
    installation.freeze_inspectors()
    sent = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(sent.task_id), {"running"})
    for child in installation.inspectors():
        child.kill()
    assert installation.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    installation.check()


def test_a_fork_server_ends_with_its_worker() -> None:
    """The supervisor has started it, and no other process keeps its socket open."""
    with closing(open_installation(workers=2)) as installation:
        assert installation.server.process is not None
        supervisor = psutil.Process(installation.server.process.pid)
        started = [each for each in supervisor.children() if FORK_SERVER in each.cmdline()]
        assert len(started) == 2
        for left, worker in enumerate(reversed(installation.server.processes("worker"))):
            worker.kill()
            wait_until(lambda left=1 - left: sum(map(is_running, started)) == left, "one has ended")
        assert len(installation.server.processes("worker")) == 2
        sent = installation.send(table(10), limit=LIMIT)
        assert installation.api.wait_task(str(sent.task_id))["status"] == "succeeded"
        wait_until(lambda: not any(each.is_running() for each in started), "none is a zombie")


def test_all_die_with_the_supervisor(installation: Installation) -> None:
    assert installation.server.process is not None
    sent = installation.send(CONTENT, limit=LIMIT)
    family = psutil.Process(installation.server.process.pid).children(recursive=True)
    assert len(family) >= 3
    installation.server.process.kill()
    installation.server.process.wait(PATIENCE)
    wait_ended(family)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", installation.server.overrides["port"]))
    installation.server.start()  # the folder's lock is free too
    assert installation.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    installation.check()
