"""Cancel: soon while it runs, at once while it waits, also while no worker lives."""

from tests.crash.installation import Installation
from tests.crash.test_exact_points import CONTENT, LIMIT
from tests.support.wait import wait_until


def test_a_running_task_ends_whatever_its_inspector_does(installation: Installation) -> None:
    used = installation.api.account()["used"]
    installation.freeze_inspectors()
    sent = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(sent.task_id), {"running"})
    assert installation.cancel(sent)
    ended = installation.api.wait_task(str(sent.task_id))
    assert ended["status"] == "canceled"
    wait_until(lambda: installation.api.account()["used"] == used, "the quota is given back")
    installation.check()


def test_a_waiting_task_ends_at_once(installation: Installation) -> None:
    installation.freeze_inspectors()
    first = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(first.task_id), {"running"})
    waiting = installation.send(CONTENT, limit=LIMIT)
    assert installation.cancel(waiting)
    assert installation.api.task(str(waiting.task_id))["status"] == "canceled"
    assert installation.cancel(first)
    installation.check()


def test_a_task_whose_worker_is_dead_is_canceled_when_one_starts(
    installation: Installation,
) -> None:
    installation.freeze_inspectors()
    sent = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(sent.task_id), {"running"})
    old = installation.part("worker")
    installation.server.suspend(old)  # as dead as can be without being started again
    assert installation.cancel(sent)
    old.kill()
    assert installation.api.wait_task(str(sent.task_id))["status"] == "canceled"
    installation.check()
