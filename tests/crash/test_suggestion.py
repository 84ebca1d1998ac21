"""The acceptance of a suggestion is killed: contract and version are both there, or neither."""

import json

import pytest
from tests.crash.installation import Installation, table
from tests.crash.points import Point, everywhere, long
from tests.crash.test_exact_points import LIMIT, PUBLISH, die_and_check

FIRST, NUMBERS = table(2_000), table(1_000).replace(b"17,", b"17.5,", 1)
SUGGESTED = ("INSERT INTO schema_revisions", "INSERT INTO versions", "INSERT INTO tasks")


POINTS = [
    Point("api", "commit", SUGGESTED, "after"),
    Point("api", "commit", SUGGESTED, "before"),
    *long([Point("worker", "commit", PUBLISH, "before")]),
    *long([Point("worker", "commit", PUBLISH, "after")]),
]


@pytest.mark.parametrize("point", everywhere(POINTS), ids=str)
def test_an_acceptance_is_killed(installation: Installation, point: Point) -> None:
    first = installation.send(FIRST, limit=LIMIT, enforce_schema="true")
    file_id = installation.api.wait_task(str(first.task_id))["file_id"]
    task_id = installation.send_version(file_id, NUMBERS)
    assert installation.api.wait_task(str(task_id))["status"] == "failed"
    installation.wait_derived()
    installation.arm(point)
    installation.begin(f"/file/{file_id}/versions/2/accept-suggestion")
    committed = point.role == "worker" or point.when == "after"
    first.content = NUMBERS if committed else FIRST
    die_and_check(installation, str(point))
    assert installation.api.json(f"/file/{file_id}")["version"] == (3 if committed else 1)
    schema = installation.api.json(f"/file/{file_id}/schema")
    assert schema["revision"] == (2 if committed else 1)
    assert ("number" in json.dumps(schema["schema"]["fields"])) is committed
