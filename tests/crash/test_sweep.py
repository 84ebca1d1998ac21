"""The sweep takes what is dead or expired, never what a running upload needs."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.crash.house import Delivery, House, Point, table
from tests.crash.test_exact_points import CONTENT, LIMIT, REMOVED, SCHEMA, long
from tests.support.wait import UNHURRIED, wait_until

from entrepot.activity.chain import chain_whole
from entrepot.blobs.store import BlobId
from entrepot.db.tables import activity, derivatives, files, tasks, versions
from entrepot.files.read_form import TRY_AGAIN
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
    with house.server.parts.database.writing() as conn:
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


def test_a_stranded_derivation_ends_and_is_made_on_demand(house: House) -> None:
    sent = house.send(table(10), limit=LIMIT)
    task = house.api.wait_task(str(sent.task_id))
    house.wait_derived()
    parts = house.server.parts
    with parts.database.writing() as conn:
        mine = versions.select().where(versions.c.task_id == UUID(str(sent.task_id)))
        version_id = conn.execute(mine).one().id
        row = derivatives.c.version_id == version_id
        blob_id = BlobId(conn.execute(derivatives.select().where(row)).one().blob_id)
        lost = {"status": "pending", "blob_id": None, "run_id": uuid4()}
        conn.execute(update(derivatives).where(row).values(**lost))
    parts.store.delete(blob_id)
    assert [breach.name for breach in house.server.doctor()] == ["invariant: derivatives"]
    assert swept(house) == Swept(0, 0, 0, 0, 1)
    path = f"/file/download/{task['file_id']}?format=parquet"
    answer = house.api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "derivative-failed")
    with parts.database.writing() as conn:
        long_ago = parts.clock() - TRY_AGAIN
        conn.execute(update(derivatives).where(row).values(ended_at=long_ago))
    wait_until(lambda: house.api.get(path).status_code == 200, "it is made", UNHURRIED)
    house.check()


def test_a_versions_derivatives_go_before_its_bytes(house: House) -> None:
    """Nothing published is ever removed yet; the rows are doomed by hand."""
    sent = house.send(table(20), limit=LIMIT)
    house.api.wait_task(str(sent.task_id))
    house.wait_derived()
    parts = house.server.parts
    with parts.database.writing() as conn:
        mine = versions.c.task_id == UUID(str(sent.task_id))
        version_id = conn.execute(versions.select().where(mine)).one().id
        row = derivatives.select().where(derivatives.c.version_id == version_id)
        blob_id = BlobId(conn.execute(row).one().blob_id)
        past = parts.clock() - timedelta(minutes=1)
        conn.execute(update(versions).where(mine).values(keep_until=past))
    assert swept(house) == Swept(0, 0, 1, 0, 0)
    assert parts.store.stat(blob_id) is None
    assert parts.store.stat(BlobId(version_id)) is None
    with parts.database.writing() as conn:
        assert conn.execute(row).all() == []
        # As if it had been refused, so that what follows finds a sound installation.
        conn.execute(update(versions).where(mine).values(status="refused"))
        hidden = {"current_version": None, "current_size": -1}
        conn.execute(update(files).where(files.c.name == sent.name).values(**hidden))
        conn.execute(
            update(tasks).where(tasks.c.id == UUID(str(sent.task_id))).values(status="failed")
        )
        refused = activity.c.action == "version.publish", activity.c.file_id == _file_of(sent)
        conn.execute(update(activity).where(*refused).values(action="version.refuse"))
        chain_whole(conn)
    house.deliveries.remove(sent)
    house.check()


def _file_of(sent: Delivery) -> Any:
    return select(files.c.id).where(files.c.name == sent.name).scalar_subquery()


@pytest.mark.parametrize(
    "point",
    [
        Point("command", "unlink", ("/blobs/",), "after"),
        Point("command", "commit", REMOVED, "after"),
        *long([Point("command", "unlink", ("/blobs/",), "before")]),
        *long([Point("command", "commit", REMOVED, "before")]),
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
    with house.server.parts.database.writing() as conn:
        waiting = versions.c.keep_until.is_not(None), versions.c.bytes_removed_at.is_(None)
        conn.execute(update(versions).where(*waiting).values(keep_until=clock()))
