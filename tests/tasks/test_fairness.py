"""An account with many deliveries does not keep another account's one delivery waiting."""

import psutil
import pytest
from tests.crash.installation import table
from tests.support.server import Server, plays
from tests.support.wait import PATIENCE

pytestmark = pytest.mark.both_databases

MANY = 24


def test_one_delivery_overtakes_many_of_another_account(server: Server) -> None:
    """Enqueued last of 25, it begins among the first quarter."""
    busy, quiet = server.new_account(), server.new_account()
    assert server.process is not None
    worker = next(
        child for child in psutil.Process(server.process.pid).children() if plays(child, "worker")
    )
    server.suspend(worker)
    try:
        answers = [busy.api.upload(table(200)) for _ in range(MANY)]
        answers.append(quiet.api.upload(table(200)))
    finally:
        worker.resume()
    task_ids = [answer.json()["task_id"] for answer in answers]
    single = task_ids[-1]
    quick = quiet.api.wait_task(single)
    others = [busy.api.wait_task(task_id, 3 * PATIENCE) for task_id in task_ids[:-1]]
    assert {task["status"] for task in (quick, *others)} == {"succeeded"}
    earlier = [task for task in others if task["started_at"] < quick["started_at"]]
    assert len(earlier) <= MANY // 4
