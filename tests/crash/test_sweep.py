"""The sweep takes what is dead or expired, never what a running upload needs."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update
from tests.crash.installation import Installation, SentUpload, table
from tests.crash.points import Point, everywhere, long
from tests.crash.test_exact_points import CONTENT, LIMIT, REMOVED, SCHEMA
from tests.support.wait import UNHURRIED, wait_until

from entrepot.activity.chain import chain_all_rows
from entrepot.blobs.store import BlobId
from entrepot.db.tables import activity, derivatives, files, reservations, tasks, versions
from entrepot.files.forms.read_form import RETRY_INTERVAL
from entrepot.files.sweep import GRACE_PERIOD, SweepResult, sweep
from entrepot.quotas.reserve import RESERVATION_LIFETIME, grow_reservation, open_reservation

NOTHING = SweepResult(0, 0, 0, 0, 0)
KILLED = [
    Point("command", "unlink", ("/blobs/",), "after"),
    Point("command", "commit", REMOVED, "after"),
    *long([Point("command", "unlink", ("/blobs/",), "before")]),
    *long([Point("command", "commit", REMOVED, "before")]),
]


def swept(
    installation: Installation, later: timedelta = timedelta(0), grace: timedelta = GRACE_PERIOD
) -> SweepResult:
    """What a sweep does that runs `later` than now."""
    parts = installation.server.parts

    def clock() -> datetime:
        return parts.clock() + later

    return sweep(parts.database, parts.store, clock, grace)


def reject(installation: Installation) -> int:
    """Have a delivery rejected; the bytes that its quarantine uses."""
    sent = installation.send(table(2_000), "failed", limit=LIMIT, enforce_schema=SCHEMA)
    assert installation.api.wait_task(str(sent.task_id))["status"] == "failed"
    return len(sent.content)


def test_a_slow_upload_keeps_what_it_needs(installation: Installation) -> None:
    with installation.slow_upload(CONTENT) as upload:
        upload.send(1_200_000)
        reserved = installation.wait_reserved()
        assert (
            swept(installation, RESERVATION_LIFETIME - timedelta(minutes=1), timedelta(0))
            == NOTHING
        )
        assert installation.api.account()["reserved"] == reserved
        assert upload.end() == 202
    installation.check()


def test_an_upload_renews_its_reservation_while_nothing_comes(installation: Installation) -> None:
    """Else a sweep, or a request with the same key, took it for dead."""
    parts = installation.server.parts
    with installation.slow_upload(CONTENT) as upload:
        upload.send(1_200_000)
        installation.wait_reserved()
        soon = parts.clock() + timedelta(seconds=90)
        with parts.database.writing() as conn:
            conn.execute(update(reservations).values(expires_at=soon))

        def is_renewed() -> bool:
            with parts.database.reading() as conn:
                return bool(conn.scalar(select(reservations.c.expires_at)) > soon)

        wait_until(is_renewed, "the reservation is renewed")
        assert upload.end() == 202
    installation.check()


def test_a_dead_upload_is_cleaned_up(installation: Installation) -> None:
    """What a dead host leaves beside a server that runs: a reservation and half a file."""
    parts = installation.server.parts
    actor = installation.server.actor(installation.account.api_key)
    long_ago = parts.clock() - 2 * RESERVATION_LIFETIME
    dead = parts.database.write(open_reservation, actor.account_id, 100, long_ago)
    parts.database.write(grow_reservation, actor.account_id, dead, 10, 10, long_ago)
    assert installation.api.account()["reserved"] == 10
    half = installation.server.settings.blobs / "incoming" / str(uuid4())
    half.write_bytes(b"half")
    fresh = half.with_name(str(uuid4()))
    fresh.write_bytes(b"fresh")
    os.utime(half, (1, 1))
    assert swept(installation) == SweepResult(1, 1, 0, 0, 0)
    assert (half.exists(), fresh.exists()) == (False, True)
    fresh.unlink()
    installation.check()


def test_quarantine_ends_after_seven_days(installation: Installation) -> None:
    used = installation.api.account()["used"]
    size = reject(installation)
    assert installation.api.account()["used"] == used + size
    assert swept(installation, timedelta(days=6, hours=23)) == NOTHING
    assert swept(installation, timedelta(days=7, minutes=1)) == SweepResult(0, 0, 1, 0, 0)
    assert installation.api.account()["used"] == used
    installation.check()


def test_unnamed_bytes_go_after_their_grace(installation: Installation) -> None:
    store = installation.server.parts.store
    lost = BlobId(uuid4())
    writer = store.create(lost)
    writer.write(b"nobody's")
    writer.commit()
    assert swept(installation, GRACE_PERIOD - timedelta(minutes=1)) == NOTHING
    assert store.stat(lost) is not None
    assert swept(installation, GRACE_PERIOD + timedelta(minutes=1)) == SweepResult(0, 0, 0, 1, 0)
    assert store.stat(lost) is None
    installation.check()


def test_a_removed_name_that_comes_back_goes_again(installation: Installation) -> None:
    """A crash of the machine may bring back the name of bytes whose removal was noted."""
    reject(installation)
    swept(installation, timedelta(days=8))
    parts = installation.server.parts
    with parts.database.reading() as conn:
        gone = versions.select().where(versions.c.bytes_removed_at.is_not(None))
        blob_id = conn.execute(gone).first().id  # type: ignore[union-attr]
    writer = parts.store.create(blob_id)
    writer.write(b"back")
    writer.commit()
    assert swept(installation, 2 * GRACE_PERIOD) == SweepResult(0, 0, 0, 1, 0)
    installation.check()


def test_a_stranded_task_ends(installation: Installation) -> None:
    """The rejected rows go too: their row comes with the verdict, which a stranded task lacks."""
    reject(installation)
    with installation.server.parts.database.writing() as conn:
        failed = tasks.select().where(tasks.c.status == "failed")
        task_id = conn.execute(failed.order_by(tasks.c.created_at.desc())).first().id  # type: ignore[union-attr]
        mine = versions.c.task_id == task_id
        conn.execute(update(tasks).where(tasks.c.id == task_id).values(status="running"))
        conn.execute(update(versions).where(mine).values(status="inspecting"))
        version_id = conn.execute(versions.select().where(mine)).one().id
        rows = derivatives.c.version_id == version_id
        blob_id = BlobId(conn.execute(derivatives.select().where(rows)).one().blob_id)
        conn.execute(delete(derivatives).where(rows))
    installation.server.parts.store.delete(blob_id)
    assert [breach.name for breach in installation.server.doctor()] == ["invariant: queue"]
    assert swept(installation) == SweepResult(0, 0, 0, 0, 1)
    task = installation.api.task(str(task_id))
    assert (task["status"], task["error"]["code"]) == ("failed", "inspection-failed")
    installation.server.assert_sound()


def test_a_stranded_derivation_ends_and_is_made_on_demand(installation: Installation) -> None:
    sent = installation.send(table(10), limit=LIMIT)
    task = installation.api.wait_task(str(sent.task_id))
    installation.wait_derived()
    parts = installation.server.parts
    with parts.database.writing() as conn:
        mine = versions.select().where(versions.c.task_id == UUID(str(sent.task_id)))
        version_id = conn.execute(mine).one().id
        row = derivatives.c.version_id == version_id
        blob_id = BlobId(conn.execute(derivatives.select().where(row)).one().blob_id)
        lost = {"status": "pending", "blob_id": None, "run_id": uuid4()}
        conn.execute(update(derivatives).where(row).values(**lost))
    parts.store.delete(blob_id)
    assert [breach.name for breach in installation.server.doctor()] == ["invariant: queue"]
    assert swept(installation) == SweepResult(0, 0, 0, 0, 1)
    path = f"/file/download/{task['file_id']}?format=parquet"
    answer = installation.api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "derivative-failed")
    with parts.database.writing() as conn:
        long_ago = parts.clock() - RETRY_INTERVAL
        conn.execute(update(derivatives).where(row).values(ended_at=long_ago))
    wait_until(lambda: installation.api.get(path).status_code == 200, "it is made", UNHURRIED)
    installation.check()


def test_a_versions_derivatives_go_before_its_bytes(installation: Installation) -> None:
    """Nothing published is ever removed yet; the rows are doomed by hand."""
    sent = installation.send(table(20), limit=LIMIT)
    installation.api.wait_task(str(sent.task_id))
    installation.wait_derived()
    parts = installation.server.parts
    with parts.database.writing() as conn:
        mine = versions.c.task_id == UUID(str(sent.task_id))
        version_id = conn.execute(versions.select().where(mine)).one().id
        row = derivatives.select().where(derivatives.c.version_id == version_id)
        blob_id = BlobId(conn.execute(row).one().blob_id)
        past = parts.clock() - timedelta(minutes=1)
        conn.execute(update(versions).where(mine).values(keep_until=past))
    assert swept(installation) == SweepResult(0, 0, 1, 0, 0)
    assert parts.store.stat(blob_id) is None
    assert parts.store.stat(BlobId(version_id)) is None
    with parts.database.writing() as conn:
        assert conn.execute(row).all() == []
        # As if it had been rejected, so that what follows finds a sound installation.
        conn.execute(update(versions).where(mine).values(status="rejected"))
        hidden = {"current_version": None, "current_size": -1}
        conn.execute(update(files).where(files.c.name == sent.name).values(**hidden))
        conn.execute(
            update(tasks).where(tasks.c.id == UUID(str(sent.task_id))).values(status="failed")
        )
        published = activity.c.action == "version.publish", activity.c.file_id == _file_of(sent)
        conn.execute(update(activity).where(*published).values(action="version.reject"))
        chain_all_rows(conn)
    installation.deliveries.remove(sent)
    installation.check()


def _file_of(sent: SentUpload) -> Any:
    return select(files.c.id).where(files.c.name == sent.name).scalar_subquery()


@pytest.mark.parametrize("point", everywhere(KILLED), ids=str)
def test_a_killed_sweep_is_done_by_the_next(installation: Installation, point: Point) -> None:
    swept(installation, timedelta(days=8))  # what others left
    used = installation.api.account()["used"]
    reject(installation)
    expire(installation, installation.server.parts.clock)
    installation.arm(point)
    assert installation.server.run("admin", "sweep").returncode == -signal.SIGKILL
    assert installation.disarm()
    installation.server.assert_sound()
    assert installation.server.run("admin", "sweep").returncode == 0
    assert installation.api.account()["used"] == used
    installation.check()


def expire(installation: Installation, clock: Callable[[], datetime]) -> None:
    """Let the time of all quarantined bytes be over."""
    with installation.server.parts.database.writing() as conn:
        waiting = versions.c.keep_until.is_not(None), versions.c.bytes_removed_at.is_(None)
        conn.execute(update(versions).where(*waiting).values(keep_until=clock()))
