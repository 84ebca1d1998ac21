"""What happens to a version at the very moment at which it is purged: one transaction waits for the
other, and nothing of what was purged is left."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.http.test_deletions import remove, states, two_versions
from tests.http.test_versions import publish, rows
from tests.http.test_withdrawal import REASON, withdraw
from tests.support.postgres import wait_for_blocked
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

from entrepot.blobs.store import StoredBlob
from entrepot.db.tables import comparisons, derivatives, released_blobs, tasks, versions
from entrepot.db.types import WriteConnection
from entrepot.errors import VersionWithdrawn
from entrepot.files.cleanup.withdraw import NewWithdrawal, withdraw_version
from entrepot.files.derivatives import begin_derivation, save_derivative
from entrepot.files.forms.read_form import request_form
from entrepot.files.processing.compare import end_comparison
from entrepot.inspection.results import Comparison

pytestmark = pytest.mark.both_databases
Work = Callable[[WriteConnection], Any]


def one_after_the_other(server: Server, first: Work, second: Work) -> Any:
    """Begin `second` while the transaction of `first` is open; what it returns or raises."""
    database = server.parts.database
    with ThreadPoolExecutor(1) as threads:
        with database.writing() as conn:
            first(conn)
            future: Future[Any] = threads.submit(database.write, second)
            if not database.embedded:  # SQLite's writer is alone
                wait_for_blocked(database.engine)
        return future.exception() or future.result()


def purging(server: Server, account: TestAccount, file_id: str, number: int) -> Work:
    parts, actor = server.parts, server.actor(account.api_key)
    return lambda conn: withdraw_version(
        conn, actor, UUID(file_id), number, NewWithdrawal(REASON, purge=True), {}, parts.clock()
    )


def test_no_form_is_planned_of_what_is_being_purged(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    parts, actor = server.parts, server.actor(account.api_key)

    def ask(conn: WriteConnection) -> Any:
        return request_form(conn, actor, UUID(file_id), "csv", 1, parts.queue, parts.clock())

    refused = one_after_the_other(server, purging(server, account, file_id, 1), ask)
    assert isinstance(refused, VersionWithdrawn)
    server.assert_sound()


def test_the_bytes_of_a_form_that_is_named_during_a_purge_are_released(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api)
    parts, blob_id = server.parts, uuid4()
    with server.suspended_workers():
        requested = account.api.get(
            f"/file/download/{file_id}?version=1&format=csv", headers={"Prefer": "wait=0"}
        )
        assert requested.status_code == 503
        with parts.database.reading() as conn:
            pending = derivatives.c.status == "pending", versions.c.file_id == UUID(file_id)
            run_id = conn.scalar(select(derivatives.c.run_id).join(versions).where(*pending))
        assert run_id is not None
        derivation = parts.database.write(begin_derivation, run_id, parts.clock())
        assert derivation is not None

        def save(conn: WriteConnection) -> None:
            stored = StoredBlob(8, "00" * 32)
            # The server's own bound: what it has made for other tests counts too.
            space = parts.settings.derivative_space
            assert save_derivative(conn, derivation, blob_id, stored, None, space, parts.clock())

        one_after_the_other(server, save, purging(server, account, file_id, 1))
    with parts.database.reading() as conn:
        assert blob_id in set(conn.scalars(select(released_blobs.c.blob_id)))
    server.assert_sound()


def test_a_comparison_that_ends_during_a_purge_leaves_nothing(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api)
    with server.suspended_workers():
        body = {"before": 1, "after": 2}
        requested = account.api.post(f"/file/{file_id}/compare", json=body)
        task_id = UUID(requested.json()["task_id"])

        def end(conn: WriteConnection) -> None:
            conn.execute(update(tasks).where(tasks.c.id == task_id).values(status="running"))
            end_comparison(conn, task_id, Comparison("compared", "secret"), server.parts.clock())

        assert one_after_the_other(server, purging(server, account, file_id, 1), end) is None
    with server.parts.database.reading() as conn:
        of_task = comparisons.c.task_id == task_id
        assert conn.scalar(select(comparisons.c.result).where(of_task)) is None
    server.assert_sound()


def test_a_version_had_back_is_current_if_newer_ones_were_withdrawn(
    server: Server, account: TestAccount
) -> None:
    api = account.api
    file_id = two_versions(api)
    publish(api, file_id, rows(5))
    assert remove(api, f"/file/{file_id}/versions/2").status_code == 200
    assert withdraw(api, file_id, 3).status_code == 200
    assert withdraw(api, file_id, 1).status_code == 200
    assert api.post(f"/file/{file_id}/versions/2/undelete").status_code == 200
    assert api.get(f"/file/download/{file_id}").content == rows(3)
    assert states(api, file_id) == ["withdrawn", "published", "withdrawn"]
    server.assert_sound()


def test_the_bytes_of_a_copy_under_way_go_with_its_cancelation(
    server: Server, account: TestAccount
) -> None:
    """It has the bytes of what was purged, by a name of its own."""
    file_id = two_versions(account.api)
    with server.suspended_workers():
        restored = account.api.post(f"/file/{file_id}/versions/1/restore").json()["task_id"]
        assert withdraw(account.api, file_id, 1, purge=True).status_code == 200
    assert account.api.wait_task(restored)["status"] == "canceled"
    parts = server.parts
    with parts.database.reading() as conn:
        of_file = versions.c.file_id == UUID(file_id), versions.c.number != 2
        ids = list(conn.scalars(select(versions.c.id).where(*of_file)))
    wait_until(lambda: not any(parts.store.stat(id_) for id_ in ids), "its bytes went")
    used = len(rows(3))
    wait_until(lambda: account.api.account()["used"] == used, "they count no more")
