"""The acceptance of a refused version is killed: it is published whole, or refused as before."""

import pytest
from tests.crash.house import House, Point, table
from tests.crash.test_exact_points import ACCEPT, LIMIT, PUBLISH, die_and_check, long

FIRST, BROKEN = table(2_000), table(1_000).replace(b"17,", b"seventeen,", 1)
QUARANTINE_ENDS = (*PUBLISH, "UPDATE versions SET keep_until")


POINTS = [
    Point("api", "commit", ACCEPT, "after"),
    Point("worker", "commit", QUARANTINE_ENDS, "before"),
    *long([Point("api", "commit", ACCEPT, "before")]),
    *long([Point("worker", "commit", QUARANTINE_ENDS, "after")]),
]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_an_acceptance_is_killed(house: House, point: Point) -> None:
    first = house.send(FIRST, limit=LIMIT, enforce_schema="true")
    file_id = house.api.wait_task(str(first.task_id))["file_id"]
    task_id = house.send_version(file_id, BROKEN)
    assert house.api.wait_task(str(task_id))["status"] == "failed"
    house.wait_derived()
    house.arm(point)
    house.begin(f"/file/{file_id}/versions/2/accept", json={"reason": "agreed"})
    committed = point.role == "worker" or point.when == "after"
    first.content = BROKEN if committed else FIRST
    die_and_check(house, str(point))
    assert house.api.json(f"/file/{file_id}")["version"] == (3 if committed else 1)
    held = house.api.json(f"/file/{file_id}/versions/2")["quarantined_until"]
    download = house.api.get(f"/file/download/{file_id}", params={"version": 2})
    assert download.status_code == (404 if committed else 200)
    assert committed or held is not None
