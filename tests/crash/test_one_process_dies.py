"""One process of the server is killed, and the others carry on or end with it."""

import socket
import time

import psutil
from tests.crash.house import House, table
from tests.crash.test_exact_points import CONTENT, LIMIT
from tests.support.wait import PATIENCE, wait_until


def test_the_api_is_started_again(house: House) -> None:
    supervisor = house.server.process
    with house.slow_upload(CONTENT) as upload:
        upload.send(1_200_000)
        house.wait_reserved()
        old = house.part("api").pid
        house.part("api").kill()
    wait_until(lambda: house.part_pid("api") not in (None, old), "another api")
    house.server.wait_ready()
    assert house.server.process is supervisor
    house.check()  # the dead upload's reservation and bytes went at once
    assert house.send(CONTENT, limit=LIMIT).task_id
    house.check()


def test_a_killed_worker_resumes_its_task(house: House) -> None:
    house.freeze_inspectors()
    sent = house.send(CONTENT, limit=LIMIT)
    house.api.wait_status(str(sent.task_id), {"running"})
    old = house.part("worker").pid
    house.part("worker").kill()
    wait_until(lambda: house.part_pid("worker") not in (None, old), "another worker")
    assert house.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    house.check()


def test_the_worker_may_die_again_and_again(house: House) -> None:
    """A process that nobody waits for any more must not die of that."""
    for _ in range(3):
        old = house.part_pid("worker")
        house.part("worker").kill()
        wait_until(lambda old=old: house.part_pid("worker") not in (None, old), "another worker")
        sent = house.send(table(10), limit=LIMIT)
        assert house.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    new = house.part_pid("worker")
    time.sleep(0.5)
    assert house.part_pid("worker") == new


def test_a_killed_inspection_is_tried_again(house: House) -> None:
    house.freeze_inspectors()
    sent = house.send(CONTENT, limit=LIMIT)
    house.api.wait_status(str(sent.task_id), {"running"})
    for child in house.inspectors():
        child.kill()
    assert house.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    house.check()


def test_all_die_with_the_supervisor(house: House) -> None:
    assert house.server.process is not None
    sent = house.send(CONTENT, limit=LIMIT)
    family = psutil.Process(house.server.process.pid).children(recursive=True)
    assert len(family) >= 3
    house.server.process.kill()
    house.server.process.wait(PATIENCE)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", house.server.given["port"]))
    house.server.start()  # the folder's lock is free too
    assert house.api.wait_task(str(sent.task_id))["status"] == "succeeded"
    house.check()
