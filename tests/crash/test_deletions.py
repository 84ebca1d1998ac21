"""A deletion that is killed is done or not, and what goes afterwards goes whole."""

import signal

import pytest
from tests.crash.house import House, Point, table
from tests.crash.test_exact_points import LIMIT, REMOVED, both, long

FIRST, SECOND = table(2_000), table(1_000, "y")
DELETED = ("UPDATE versions SET status='deleted'", "INSERT INTO activity")
HIDDEN = ("UPDATE files SET", "deleted_at", "INSERT INTO activity")
PURGED = ("UPDATE files SET", "purged_at")
UNDERIVED = ("DELETE FROM derivatives",)
SWEEPING = [
    Point("command", "commit", PURGED, "after"),
    Point("command", "commit", UNDERIVED, "after"),
    Point("command", "unlink", ("/blobs/",), "after"),
    *long([Point("command", "commit", PURGED, "before")]),
    *long([Point("command", "commit", UNDERIVED, "before")]),
    *long([Point("command", "unlink", ("/blobs/",), "before")]),
    *long(both("command", "commit", REMOVED)),
]


def two_versions(house: House) -> str:
    """A file with two versions, which the house's check takes for one with the second."""
    sent = house.send(FIRST, limit=LIMIT)
    file_id = str(house.api.wait_task(str(sent.task_id))["file_id"])
    house.api.wait_task(str(house.send_version(file_id, SECOND)))
    house.wait_derived()
    sent.content = SECOND
    return file_id


@pytest.mark.parametrize("point", both("api", "commit", DELETED), ids=str)
def test_the_deletion_of_a_version_is_killed(house: House, point: Point) -> None:
    file_id = two_versions(house)
    house.arm(point)
    assert not house.delete(f"/file/{file_id}/versions/1")
    house.wait_dead()
    assert house.disarm()
    house.server.start()
    house.check()
    found = house.api.json(f"/file/{file_id}/versions/1")
    assert found["status"] == ("deleted" if point.when == "after" else "published")
    if point.when == "after":
        assert house.api.post(f"/file/{file_id}/versions/1/undelete").status_code == 200
    download = house.api.get(f"/file/download/{file_id}", params={"version": 1})
    assert download.content == FIRST
    house.check()


@pytest.mark.parametrize("point", both("api", "commit", HIDDEN), ids=str)
def test_the_deletion_of_a_file_is_killed(house: House, point: Point) -> None:
    file_id = two_versions(house)
    house.arm(point)
    assert not house.delete(f"/file/{file_id}")
    house.wait_dead()
    assert house.disarm()
    house.server.start()
    hidden = house.api.get(f"/file/{file_id}").status_code == 404
    assert hidden == (point.when == "after")
    if hidden:
        assert house.api.post(f"/file/{file_id}/undelete").status_code == 200
    house.check()


@pytest.mark.parametrize("point", SWEEPING, ids=str)
def test_the_sweep_of_a_deleted_file_is_killed(house: House, point: Point) -> None:
    house.server.run("admin", "sweep")
    used = house.api.account()["used"]
    file_id = two_versions(house)
    assert house.delete(f"/file/{file_id}")
    house.deliveries.pop()
    house.make_old()
    house.arm(point)
    assert house.server.run("admin", "sweep").returncode == -signal.SIGKILL
    assert house.disarm()
    assert house.server.doctor() == []
    assert house.server.run("admin", "sweep").returncode == 0
    assert house.api.account()["used"] == used
    house.check()
