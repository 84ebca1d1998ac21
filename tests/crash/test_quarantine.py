"""The acceptance of a rejected version is killed: it is published whole, or rejected as before."""

import pytest
from tests.crash.installation import Installation, table
from tests.crash.points import Point, everywhere, long
from tests.crash.test_exact_points import ACCEPT, LIMIT, PUBLISH, die_and_check

FIRST, BROKEN = table(2_000), table(1_000).replace(b"17,", b"seventeen,", 1)
QUARANTINE_ENDS = (*PUBLISH, "UPDATE versions SET keep_until")


POINTS = [
    Point("api", "commit", ACCEPT, "after"),
    Point("worker", "commit", QUARANTINE_ENDS, "before"),
    *long([Point("api", "commit", ACCEPT, "before")]),
    *long([Point("worker", "commit", QUARANTINE_ENDS, "after")]),
]


@pytest.mark.parametrize("point", everywhere(POINTS), ids=str)
def test_an_acceptance_is_killed(installation: Installation, point: Point) -> None:
    first = installation.send(FIRST, limit=LIMIT, enforce_schema="true")
    file_id = installation.api.wait_task(str(first.task_id))["file_id"]
    task_id = installation.send_version(file_id, BROKEN)
    assert installation.api.wait_task(str(task_id))["status"] == "failed"
    installation.wait_derived()
    installation.arm(point)
    installation.begin(f"/file/{file_id}/versions/2/accept", json={"reason": "agreed"})
    committed = point.role == "worker" or point.when == "after"
    first.content = BROKEN if committed else FIRST
    die_and_check(installation, str(point))
    assert installation.api.json(f"/file/{file_id}")["version"] == (3 if committed else 1)
    held = installation.api.json(f"/file/{file_id}/versions/2")["quarantined_until"]
    download = installation.api.get(f"/file/download/{file_id}", params={"version": 2})
    assert download.status_code == (404 if committed else 200)
    assert committed or held is not None
