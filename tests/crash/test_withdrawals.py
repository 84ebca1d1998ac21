"""A purge that is killed between any two lines is done or not, and what was purged goes."""

from uuid import UUID

import pytest
from sqlalchemy import select
from tests.crash.installation import Installation, table
from tests.crash.points import Point, both, everywhere, long
from tests.crash.test_deletions import two_versions
from tests.crash.test_exact_points import REMOVED

from entrepot.db.tables import versions

WITHDRAWN = ("UPDATE versions SET status", "withdrawn", "INSERT INTO activity")
RELEASED = ("DELETE FROM released_blobs",)
REASON = {"reason": "Another customer's prices", "purge": True}
POINTS = [
    *both("api", "commit", WITHDRAWN),
    Point("api", "unlink", ("/blobs/",), "after"),
    Point("api", "commit", REMOVED, "before"),
    *long([Point("api", "unlink", ("/blobs/",), "before")]),
    *long([Point("api", "commit", REMOVED, "after")]),
    *long(both("api", "commit", RELEASED)),
]


@pytest.mark.parametrize("point", everywhere(POINTS), ids=str)
def test_a_purge_is_killed(installation: Installation, point: Point) -> None:
    file_id = two_versions(installation)
    installation.arm(point)
    assert not installation.post(f"/file/{file_id}/versions/1/withdraw", REASON)
    installation.wait_dead()
    assert installation.disarm()
    installation.server.assert_sound()
    installation.server.start()
    details = installation.api.json(f"/file/{file_id}/versions/1")
    is_done = (point.call, point.when, point.about) != ("commit", "before", WITHDRAWN)
    assert details["status"] == ("withdrawn" if is_done else "published")
    if not is_done:
        download = installation.api.get(f"/file/download/{file_id}", params={"version": 1})
        assert download.content == table(2_000)
        path = f"/file/{file_id}/versions/1/withdraw"
        assert installation.api.post(path, json=REASON).status_code == 200
    assert installation.server.run("admin", "sweep").returncode == 0
    with installation.server.parts.database.reading() as conn:
        mine = versions.c.file_id == UUID(file_id), versions.c.number == 1
        row = conn.execute(select(versions).where(*mine)).one()
    assert row.purged
    assert row.bytes_removed_at is not None
    assert installation.server.parts.store.stat(row.id) is None
    assert list(installation.server.parts.store.list_trash()) == []
    installation.check()
