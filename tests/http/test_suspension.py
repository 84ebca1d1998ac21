"""A suspended account: nothing is read or delivered, nothing is deleted, and it can be resumed."""

from collections.abc import Iterator
from uuid import UUID

import psutil
import pytest
from sqlalchemy import select
from tests.support.api import CSV, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import post_version, share

from entrepot.accounts.accounts import set_suspended
from entrepot.db.tables import tasks

pytestmark = pytest.mark.both_databases


def suspend(server: Server, account: TestAccount, suspended: bool = True) -> None:
    database, now = server.parts.database, server.parts.clock()
    database.write(set_suspended, account.name, suspended, now)


def test_nothing_is_read_or_delivered_until_it_is_resumed(
    server: Server, account: TestAccount
) -> None:
    guest = server.new_account().admin
    file_id = account.api.deliver(CSV)["file_id"]
    share(account.api, file_id, guest.user_name, "rw")
    own = guest.api.deliver(CSV)["file_id"]
    assert guest.api.get(f"/file/download/{file_id}").status_code == 200
    suspend(server, account)
    for path in ("/files", "/whoami", f"/file/download/{file_id}", f"/file/{file_id}/preview"):
        assert_problem(account.api.get(path), 403, "account-suspended")
    assert_problem(account.api.upload(CSV), 403, "account-suspended")
    for path in (f"/file/{file_id}", f"/file/download/{file_id}", f"/file/{file_id}/versions"):
        assert_problem(guest.api.get(path), 403, "account-suspended")
    assert_problem(post_version(guest.api, file_id, CSV), 403, "account-suspended")
    assert guest.api.get(f"/file/download/{own}").status_code == 200
    suspend(server, account)  # again: nothing changes
    suspend(server, account, suspended=False)
    assert account.api.get(f"/file/download/{file_id}").content == CSV
    assert guest.api.get(f"/file/download/{file_id}").content == CSV
    rows = account.api.json("/activity")["activity_list"]
    actions = [row["action"] for row in rows if row["action"].startswith("account.")]
    assert actions == ["account.resume", "account.suspend"]


@pytest.fixture
def stopped_workers(server: Server) -> Iterator[list[psutil.Process]]:
    """The workers stand still until the test or its end lets them continue."""
    workers = server.processes("worker")
    for worker in workers:
        server.suspend(worker)
    yield workers
    for worker in workers:
        worker.resume()


def test_background_work_waits_until_it_is_resumed(
    server: Server, account: TestAccount, stopped_workers: list[psutil.Process]
) -> None:
    other = server.new_account()
    waiting, done = (each.api.upload(CSV).json()["task_id"] for each in (account, other))
    suspend(server, account)
    for worker in stopped_workers:
        worker.resume()
    assert other.api.wait_task(done)["status"] == "succeeded"  # it came after the one that waits
    with server.parts.database.reading() as conn:
        status = conn.scalar(select(tasks.c.status).where(tasks.c.id == UUID(waiting)))
    assert status == "queued"
    suspend(server, account, suspended=False)
    assert account.api.wait_task(waiting)["status"] == "succeeded"
