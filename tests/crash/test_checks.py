"""Killed at any moment, a validation leaves no byte and a change of a schema is whole or not there.

As in `test_exact_points`: a real server dies by SIGKILL before or after one call, is started
again, and everything must hold.
"""

import json
from contextlib import suppress

import pytest
from sqlalchemy import func, select
from tests.crash.installation import GONE, Installation, table
from tests.crash.points import Point, both, everywhere, long
from tests.crash.test_exact_points import (
    ASKED,
    BEGIN,
    CONTENT,
    LIMIT,
    OUTCOME,
    SCHEMA,
    die_and_check,
)

from entrepot.db.tables import checks

TAKE = ("INSERT INTO checks", "INSERT INTO tasks")
JUDGED = ("UPDATE checks SET .*report", "UPDATE tasks SET status='failed'")
GIVEN_UP = ("UPDATE checks SET decided_at", "UPDATE tasks SET status='canceled'")
REMOVED = ("UPDATE checks SET bytes_removed_at",)
CHANGED = ("INSERT INTO schema_revisions", "UPDATE checks")

VALIDATION = [
    Point("api", "commit", TAKE, "after"),
    *both("worker", "commit", JUDGED),
    Point("worker", "unlink", ("/blobs/",), "after"),
    *long([Point("api", "commit", TAKE, "before"), *both("worker", "commit", BEGIN)]),
    *long([Point("worker", "unlink", ("/blobs/",), "before"), *both("worker", "commit", REMOVED)]),
    *long(both("worker", "commit", OUTCOME)),
]
CANCELATION = [
    Point("api", "commit", ASKED, "after"),
    *both("worker", "commit", GIVEN_UP),
    *long(both("worker", "commit", REMOVED)),
]
CHANGE = [
    Point("api", "commit", TAKE, "after"),
    *both("worker", "commit", CHANGED),
    *long([Point("api", "commit", TAKE, "before"), *both("worker", "commit", BEGIN)]),
    *long(both("worker", "commit", OUTCOME)),
]
FIRST, WIDER = (
    {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "amount", "type": kind},
            {"name": "note", "type": "string"},
        ]
    }
    for kind in ("integer", "number")
)


def validate(installation: Installation) -> str | None:
    """Send a table that breaks its contract; the task's id, if the server lived to tell it."""
    with suppress(*GONE):
        answer = installation.api.upload(
            CONTENT, limit=LIMIT, path="/file/validate", enforce_schema=SCHEMA
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])
    return None


def check_nothing_is_left(installation: Installation) -> None:
    """No check holds bytes any more, and `used` is what versions hold."""
    kept = select(func.count()).where(checks.c.size > 0, checks.c.bytes_removed_at.is_(None))
    with installation.server.parts.database.reading() as conn:
        assert conn.scalar(kept) == 0
        undecided = select(func.count()).where(checks.c.decided_at.is_(None))
        assert conn.scalar(undecided) == 0


@pytest.mark.parametrize("point", everywhere(VALIDATION), ids=str)
def test_a_validation_is_killed(installation: Installation, point: Point) -> None:
    installation.arm(point)
    task_id = validate(installation)
    die_and_check(installation, str(point))
    check_nothing_is_left(installation)
    if task_id is not None:
        task = installation.api.task(task_id)
        assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
        assert installation.api.json(task["report_url"])["valid"] is False
    else:
        assert point.role == "api"


@pytest.mark.parametrize("point", everywhere(CANCELATION), ids=str)
def test_the_cancelation_of_a_validation_is_killed(
    installation: Installation, point: Point
) -> None:
    installation.freeze_inspectors()
    task_id = validate(installation)
    assert task_id is not None
    installation.api.wait_status(task_id, {"running"})
    installation.arm(point)
    with suppress(*GONE):
        installation.api.post(f"/task/{task_id}/cancel")
    die_and_check(installation, str(point))
    check_nothing_is_left(installation)
    assert installation.api.task(task_id)["status"] == "canceled"


@pytest.mark.parametrize("point", everywhere(CHANGE), ids=str)
def test_a_change_of_a_schema_is_killed(installation: Installation, point: Point) -> None:
    sent = installation.send(table(2_000), limit=LIMIT, enforce_schema=json.dumps(FIRST))
    file_id = installation.api.wait_task(str(sent.task_id))["file_id"]
    installation.arm(point)
    task_id = None
    with suppress(*GONE):
        answer = installation.api.request("PUT", f"/file/{file_id}/schema", json=WIDER)
        assert answer.status_code == 202, answer.text
        task_id = answer.json()["task_id"]
    die_and_check(installation, str(point))
    check_nothing_is_left(installation)
    result = installation.api.json(f"/file/{file_id}/schema")
    committed = point.role == "worker" or point.when == "after"
    assert result["schema"] == (WIDER if committed else FIRST)
    assert len(result["revisions_list"]) == (2 if committed else 1)
    if task_id is not None:
        assert installation.api.task(task_id)["status"] == "succeeded"


def test_the_sweep_removes_what_a_check_left(installation: Installation) -> None:
    """Killed between a verdict and the removal, and never run again: the sweep does it."""
    point = Point("worker", "unlink", ("/blobs/",), "before")
    installation.arm(point)
    validate(installation)
    try:
        installation.wait_dead()
    finally:
        assert installation.disarm()
    done = installation.server.run("admin", "sweep", "--data", str(installation.server.data))
    assert done.returncode == 0, done.stderr
    check_nothing_is_left(installation)
    installation.server.start()
    installation.check()
