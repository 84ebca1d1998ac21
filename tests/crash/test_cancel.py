"""Cancel: soon while it runs, at once while it waits, also while no worker lives."""

from tests.crash.house import House
from tests.crash.test_exact_points import CONTENT, LIMIT
from tests.support.wait import wait_until


def test_a_running_task_ends_whatever_its_inspector_does(house: House) -> None:
    used = house.api.account()["used"]
    house.freeze_inspectors()
    sent = house.send(CONTENT, limit=LIMIT)
    house.api.wait_status(str(sent.task_id), {"running"})
    assert house.cancel(sent)
    ended = house.api.wait_task(str(sent.task_id))
    assert ended["status"] == "canceled"
    wait_until(lambda: house.api.account()["used"] == used, "the quota is given back")
    house.check()


def test_a_waiting_task_ends_at_once(house: House) -> None:
    house.freeze_inspectors()
    first = house.send(CONTENT, limit=LIMIT)
    house.api.wait_status(str(first.task_id), {"running"})
    waiting = house.send(CONTENT, limit=LIMIT)
    assert house.cancel(waiting)
    assert house.api.task(str(waiting.task_id))["status"] == "canceled"
    assert house.cancel(first)
    house.check()


def test_a_task_whose_worker_is_dead_is_canceled_when_one_starts(house: House) -> None:
    house.freeze_inspectors()
    sent = house.send(CONTENT, limit=LIMIT)
    house.api.wait_status(str(sent.task_id), {"running"})
    old = house.part("worker")
    house.server.suspend(old)  # as dead as can be without being started again
    assert house.cancel(sent)
    old.kill()
    assert house.api.wait_task(str(sent.task_id))["status"] == "canceled"
    house.check()
