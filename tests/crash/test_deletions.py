"""A deletion that is killed is done or not, and what goes afterwards goes whole."""

import signal

import pytest
from tests.crash.installation import Installation, table
from tests.crash.points import Point, both, everywhere, long
from tests.crash.test_exact_points import LIMIT, REMOVED

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


def two_versions(installation: Installation) -> str:
    """A file with two versions, which the invariants' check takes for one with the second."""
    sent = installation.send(FIRST, limit=LIMIT)
    file_id = str(installation.api.wait_task(str(sent.task_id))["file_id"])
    installation.api.wait_task(str(installation.send_version(file_id, SECOND)))
    installation.wait_derived()
    sent.content = SECOND
    return file_id


@pytest.mark.parametrize("point", everywhere(both("api", "commit", DELETED)), ids=str)
def test_the_deletion_of_a_version_is_killed(installation: Installation, point: Point) -> None:
    file_id = two_versions(installation)
    installation.arm(point)
    assert not installation.delete(f"/file/{file_id}/versions/1")
    installation.wait_dead()
    assert installation.disarm()
    installation.server.start()
    installation.check()
    result = installation.api.json(f"/file/{file_id}/versions/1")
    assert result["status"] == ("deleted" if point.when == "after" else "published")
    if point.when == "after":
        assert installation.api.post(f"/file/{file_id}/versions/1/undelete").status_code == 200
    download = installation.api.get(f"/file/download/{file_id}", params={"version": 1})
    assert download.content == FIRST
    installation.check()


@pytest.mark.parametrize("point", everywhere(both("api", "commit", HIDDEN)), ids=str)
def test_the_deletion_of_a_file_is_killed(installation: Installation, point: Point) -> None:
    file_id = two_versions(installation)
    installation.arm(point)
    assert not installation.delete(f"/file/{file_id}")
    installation.wait_dead()
    assert installation.disarm()
    installation.server.start()
    hidden = installation.api.get(f"/file/{file_id}").status_code == 404
    assert hidden == (point.when == "after")
    if hidden:
        assert installation.api.post(f"/file/{file_id}/undelete").status_code == 200
    installation.check()


@pytest.mark.parametrize("point", everywhere(SWEEPING), ids=str)
def test_the_sweep_of_a_deleted_file_is_killed(installation: Installation, point: Point) -> None:
    installation.server.run("admin", "sweep")
    used = installation.api.account()["used"]
    file_id = two_versions(installation)
    assert installation.delete(f"/file/{file_id}")
    installation.deliveries.pop()
    installation.make_old()
    installation.arm(point)
    assert installation.server.run("admin", "sweep").returncode == -signal.SIGKILL
    assert installation.disarm()
    installation.server.assert_sound()
    assert installation.server.run("admin", "sweep").returncode == 0
    assert installation.api.account()["used"] == used
    installation.check()
