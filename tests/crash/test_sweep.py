"""The sweep takes what is dead or expired, never what a running upload needs."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update
from tests.crash.house import House, Point, table
from tests.crash.test_exact_points import CONTENT, LIMIT, REMOVED, SCHEMA

from entrepot.blobs.store import BlobId
from entrepot.db.tables import tasks, versions
from entrepot.files.sweep import GRACE, Swept, sweep
from entrepot.quotas.reserve import LIFE, grow_reservation, open_reservation

NOTHING = Swept(0, 0, 0, 0, 0)


def swept(house: House, later: timedelta = timedelta(0), grace: timedelta = GRACE) -> Swept:
    """What a sweep does that runs `later` than now."""
    parts = house.server.parts

    def clock() -> datetime:
        return parts.clock() + later

    return sweep(parts.database, parts.store, clock, grace)


def refuse(house: House) -> int:
    """Have a delivery refused; the bytes that its quarantine uses."""
    sent = house.send(table(2_000), "failed", limit=LIMIT, enforce_schema=SCHEMA)
    assert house.api.wait_task(str(sent.task_id))["status"] == "failed"
    return len(sent.content)


def test_a_slow_upload_keeps_what_it_needs(house: House) -> None:
    with house.slow_upload(CONTENT) as upload:
        upload.send(1_200_000)
        reserved = house.wait_reserved()
        assert swept(house, LIFE - timedelta(minutes=5), timedelta(0)) == NOTHING
        assert house.api.account()["reserved"] == reserved
        assert upload.end() == 202
    house.check()


def test_a_dead_upload_is_cleaned_up(house: House) -> None:
    """What a dead host leaves beside a server that runs: a reservation and half a file."""
    parts = house.server.parts
    actor = house.server.actor(house.account.api_key)
    long_ago = parts.clock() - 2 * LIFE
    dead = parts.database.write(open_reservation, actor.account_id, 100, long_ago)
    parts.database.write(grow_reservation, actor.account_id, dead, 10, 10, long_ago)
    assert house.api.account()["reserved"] == 10
    half = house.server.settings.blobs / "incoming" / str(uuid4())
    half.write_bytes(b"half")
    fresh = half.with_name(str(uuid4()))
    fresh.write_bytes(b"fresh")
    os.utime(half, (1, 1))
    assert swept(house) == Swept(1, 1, 0, 0, 0)
    assert (half.exists(), fresh.exists()) == (False, True)
    fresh.unlink()
    house.check()


def test_quarantine_ends_after_seven_days(house: House) -> None:
    used = house.api.account()["used"]
    size = refuse(house)
    assert house.api.account()["used"] == used + size
    assert swept(house, timedelta(days=6, hours=23)) == NOTHING
    assert swept(house, timedelta(days=7, minutes=1)) == Swept(0, 0, 1, 0, 0)
    assert house.api.account()["used"] == used
    house.check()


def test_unnamed_bytes_go_after_their_grace(house: House) -> None:
    store = house.server.parts.store
    lost = BlobId(uuid4())
    writer = store.create(lost)
    writer.write(b"nobody's")
    writer.commit()
    assert swept(house, GRACE - timedelta(minutes=1)) == NOTHING
    assert store.stat(lost) is not None
    assert swept(house, GRACE + timedelta(minutes=1)) == Swept(0, 0, 0, 1, 0)
    assert store.stat(lost) is None
    house.check()


def test_a_removed_name_that_comes_back_goes_again(house: House) -> None:
    """A crash of the machine may bring back the name of bytes whose removal was noted."""
    refuse(house)
    swept(house, timedelta(days=8))
    parts = house.server.parts
    with parts.database.reading() as conn:
        gone = versions.select().where(versions.c.bytes_removed_at.is_not(None))
        blob_id = conn.execute(gone).first().id  # type: ignore[union-attr]
    writer = parts.store.create(blob_id)
    writer.write(b"back")
    writer.commit()
    assert swept(house, 2 * GRACE) == Swept(0, 0, 0, 1, 0)
    house.check()


def test_a_stranded_task_ends(house: House) -> None:
    refuse(house)
    with house.server.parts.database.engine.begin() as conn:
        failed = tasks.select().where(tasks.c.status == "failed")
        task_id = conn.execute(failed.order_by(tasks.c.created_at.desc())).first().id  # type: ignore[union-attr]
        mine = versions.c.task_id == task_id
        conn.execute(update(tasks).where(tasks.c.id == task_id).values(status="running"))
        conn.execute(update(versions).where(mine).values(status="inspecting"))
    assert [breach.name for breach in house.server.doctor()] == ["invariant: tasks"]
    assert swept(house) == Swept(0, 0, 0, 0, 1)
    task = house.api.task(str(task_id))
    assert (task["status"], task["error"]["code"]) == ("failed", "inspection-failed")
    assert house.server.doctor() == []


@pytest.mark.parametrize(
    "point",
    [
        Point("command", call, about, when)
        for call, about in (("unlink", ("/blobs/",)), ("commit", REMOVED))
        for when in ("before", "after")
    ],
    ids=str,
)
def test_a_killed_sweep_is_done_by_the_next(house: House, point: Point) -> None:
    swept(house, timedelta(days=8))  # what others left
    used = house.api.account()["used"]
    refuse(house)
    expire(house, house.server.parts.clock)
    house.arm(point)
    assert house.server.run("admin", "sweep").returncode == -signal.SIGKILL
    assert house.disarm()
    assert house.server.doctor() == []
    assert house.server.run("admin", "sweep").returncode == 0
    assert house.api.account()["used"] == used
    house.check()


def expire(house: House, clock: Callable[[], datetime]) -> None:
    """Let the time of all quarantined bytes be over."""
    with house.server.parts.database.engine.begin() as conn:
        waiting = versions.c.keep_until.is_not(None), versions.c.bytes_removed_at.is_(None)
        conn.execute(update(versions).where(*waiting).values(keep_until=clock()))
