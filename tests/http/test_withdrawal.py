"""A version is withdrawn: readers see why and what to use; undone, or purged permanently."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.http.test_deletions import actions, run_sweep, states, two_versions
from tests.http.test_schema import change
from tests.http.test_versions import publish, rows
from tests.support.api import CSV, Api, assert_problem
from tests.support.raw import connect, head
from tests.support.server import Caller, Server, TestAccount
from tests.support.sharing import deliver, share
from tests.support.wait import wait_until

from entrepot.db.tables import derivatives, files, inspections, versions
from entrepot.errors import NotAllowed
from entrepot.files.queries.gone import require_kept

pytestmark = pytest.mark.both_databases
REASON = "Prices of another customer were in it."
LONG = timedelta(days=8)
SECRET = "price of another"
SECRET_CSV = f"id,amount\n1,{SECRET}\n".encode()
READS = (
    "/file/download/{}?version={}", "/file/download/{}?version={}&format=parquet",
    "/file/{}/report?version={}", "/file/{}/profile?version={}", "/file/{}/preview?version={}",
)  # fmt: skip
"""Every address that shows a version's content, with its number."""


def withdraw(api: Api, file_id: str, number: int, **body: Any) -> Any:
    path = f"/file/{file_id}/versions/{number}/withdraw"
    return api.post(path, json={"reason": REASON} | body)


def undo(api: Api, file_id: str, number: int) -> Any:
    return api.request("DELETE", f"/file/{file_id}/versions/{number}/withdrawal")


def shared_with(account: TestAccount, server: Server, file_id: str, what: str) -> Caller:
    guest = server.new_account().new_user()
    share(account.api, file_id, guest.user_name, what)
    return guest


def age(server: Server, file_id: str) -> None:
    """Have everything that was withdrawn of the file been withdrawn long ago."""
    long_ago = server.parts.clock() - LONG
    mine = versions.c.file_id == UUID(file_id), versions.c.status == "withdrawn"
    with server.parts.database.writing() as conn:
        values = {"withdrawn_at": long_ago, "keep_until": long_ago}
        conn.execute(update(versions).where(*mine).values(**values))


def blobs(server: Server, file_id: str) -> list[UUID]:
    """The ids of all bytes of a file, its forms included."""
    with server.parts.database.reading() as conn:
        ids = list(conn.scalars(select(versions.c.id).where(versions.c.file_id == UUID(file_id))))
        made = derivatives.c.version_id.in_(ids), derivatives.c.blob_id.is_not(None)
        return ids + list(conn.scalars(select(derivatives.c.blob_id).where(*made)))


def test_readers_get_the_newest_version_that_is_not_withdrawn(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api)
    reader = shared_with(account, server, file_id, "r")
    server.wait_derived()
    answer = withdraw(account.api, file_id, 2)
    assert answer.status_code == 200
    details = answer.json()
    assert (details["status"], details["copies"]) == ("withdrawn", [])
    assert details["withdrawal"]["reason"] == REASON
    assert details["withdrawal"]["user_name"] == account.admin.user_name
    assert details["undo_until"] is not None
    assert states(reader.api, file_id) == ["published", "withdrawn"]
    for caller in (account.api, reader.api):
        assert caller.get(f"/file/download/{file_id}").content == CSV
        assert caller.json(f"/file/{file_id}")["version"] == 1
        for read in READS:
            path = read.format(file_id, 2)
            problem = assert_problem(caller.get(path), 410, "version-withdrawn", version=2)
            assert problem["withdrawal_reason"] == REASON
            assert problem["withdrawn_at"] == details["withdrawal"]["withdrawn_at"]
            assert problem["current_version"] == 1
            assert caller.request("HEAD", path).status_code == 410
    compared = reader.api.post(f"/file/{file_id}/compare", json={"before": 1, "after": 2})
    assert_problem(compared, 410, "version-withdrawn")
    assert actions(server, file_id)[-1] == "version.withdraw"
    server.assert_sound()


def test_a_file_of_which_all_is_withdrawn_is_still_seen_by_who_may_read_it(
    server: Server, account: TestAccount
) -> None:
    file_id = str(account.api.deliver(CSV)["file_id"])
    reader = shared_with(account, server, file_id, "r")
    stranger, writer = server.new_account(), shared_with(account, server, file_id, "w")
    assert withdraw(account.api, file_id, 1).status_code == 200
    for path in (f"/file/download/{file_id}", f"/file/{file_id}/preview"):
        figures = {"version": 1, "current_version": None, "withdrawal_reason": REASON}
        problem = assert_problem(reader.api.get(path), 410, "version-withdrawn")
        assert {name: problem.get(name) for name in figures} == figures
        assert_problem(stranger.api.get(path), 404, "not-found")
        assert_problem(writer.api.get(path), 403, "not-allowed")
    (listed,) = reader.api.json("/files")["files_list"]
    assert (listed["file_id"], listed["version"]) == (file_id, None)
    assert_problem(stranger.api.get(f"/file/{file_id}/versions/1"), 404, "not-found")
    publish(account.api, file_id, rows(4))
    assert reader.api.get(f"/file/download/{file_id}").content == rows(4)
    server.assert_sound()


def test_who_may_only_deliver_learns_only_that_it_was_withdrawn(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api)
    writer = shared_with(account, server, file_id, "w")
    delivered = deliver(writer, file_id, rows(5))
    assert withdraw(account.api, file_id, 3).status_code == 200
    details = writer.api.json(f"/file/{file_id}/versions/3")
    assert (details["status"], details["withdrawal"]) == ("withdrawn", None)
    assert (details["undo_until"], details["reason"]) == (None, None)
    for path in (f"/file/{file_id}/report?version=3", f"/task/{delivered['task_id']}/report"):
        refused = writer.api.get(path)
        assert_problem(refused, 404, "not-found")
        assert REASON not in refused.text
    assert_problem(writer.api.get(f"/file/{file_id}/versions/2"), 404, "not-found")


def test_a_withdrawal_is_undone_within_seven_days(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    used = account.api.account()["used"]
    withdraw(account.api, file_id, 2)
    usage = account.api.account()
    assert (usage["used"], usage["used_by"]["withdrawn"]) == (used, len(rows(3)))
    answer = undo(account.api, file_id, 2)
    assert (answer.status_code, answer.json()["status"]) == (200, "published")
    assert account.api.get(f"/file/download/{file_id}").content == rows(3)
    assert_problem(undo(account.api, file_id, 2), 409, "nothing-to-undo")
    withdraw(account.api, file_id, 1)
    assert account.api.json(f"/file/{file_id}")["version"] == 2
    age(server, file_id)
    assert_problem(undo(account.api, file_id, 1), 409, "nothing-to-undo")
    run_sweep(server)
    assert account.api.account()["used"] == len(rows(3))
    with server.parts.database.reading() as conn:
        reports = select(inspections.c.version_id).join(versions)
        gone = versions.c.file_id == UUID(file_id), versions.c.number == 1
        assert conn.execute(reports.where(*gone)).all() == []
    assert_problem(account.api.get(f"/file/download/{file_id}?version=1"), 410, "version-withdrawn")
    server.assert_sound()


def test_what_is_purged_is_gone_and_never_in_the_trash(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api, enforce_schema="true")
    api = account.api
    first_task = api.json(f"/file/{file_id}/versions/1")["task_id"]
    compared = api.post(f"/file/{file_id}/compare", json={"before": 1, "after": 2}).json()
    api.wait_task(compared["task_id"])
    api.get(f"/file/{file_id}/report.csv?version=1")
    api.get(f"/file/download/{file_id}?version=1&format=jsonl")
    server.wait_derived()
    before = set(blobs(server, file_id))
    schema = api.json(f"/file/{file_id}/schema")["schema"]
    used = api.account()["used"]
    answer = withdraw(api, file_id, 1, purge=True)
    assert answer.json()["withdrawal"]["purged"] is True
    assert answer.json()["undo_until"] is None
    store = server.parts.store
    after = set(blobs(server, file_id))
    assert len(before - after) >= 2  # its forms, which no row names any more
    with server.parts.database.reading() as conn:
        mine = versions.c.file_id == UUID(file_id), versions.c.number == 1
        version_id = conn.execute(select(versions.c.id).where(*mine)).scalar_one()
    for blob_id in {*(before - after), version_id}:
        assert store.stat(blob_id) is None
    assert list(store.list_trash()) == []
    assert api.account()["used"] == used - len(CSV)
    for path in (
        *(read.format(file_id, 1) for read in READS),
        f"/task/{first_task}/report", f"/task/{compared['task_id']}/comparison",
        f"/file/{file_id}/report.csv?version=1",
    ):  # fmt: skip
        assert_problem(api.get(path), 410, "version-withdrawn")
    assert_problem(undo(api, file_id, 1), 409, "nothing-to-undo")
    # What others deliver and read by stays, and so does the record.
    assert api.json(f"/file/{file_id}/schema")["schema"] == schema
    assert api.json(f"/file/{file_id}/versions/1")["sha256"]
    recorded = api.json(f"/file/{file_id}/activity?action=version.withdraw")["activity_list"]
    assert recorded[0]["detail"] == {"reason": REASON, "purge": True}
    server.assert_sound()


def test_a_purge_takes_what_was_found_before_the_version_was_accepted(
    server: Server, account: TestAccount
) -> None:
    api = account.api
    file_id = str(api.deliver(CSV, enforce_schema="true")["file_id"])
    rejected = publish(api, file_id, SECRET_CSV, "failed")
    body = {"reason": "It is right."}
    accepted = api.post(f"/file/{file_id}/versions/2/accept", json=body).json()["task_id"]
    assert api.wait_task(accepted)["version"] == 3
    assert SECRET in api.get(f"/file/{file_id}/report?version=2").text
    assert withdraw(api, file_id, 3, purge=True).status_code == 200
    for path in (f"/file/{file_id}/report?version=2", f"/task/{rejected['task_id']}/report"):
        assert_problem(api.get(path), 404, "not-found")
    rows = api.get(f"/file/{file_id}/report.csv?version=2")
    assert_problem(rows, 409, "quarantine-ended", accepted_as=None)
    task = api.task(rejected["task_id"])
    assert task["error"]["code"] == "schema-violation"
    assert SECRET not in str(task)
    assert api.account()["used"] == len(CSV)
    store = server.parts.store
    assert [store.stat(blob) is None for blob in blobs(server, file_id)].count(True) == 2
    server.assert_sound()


@pytest.mark.parametrize("purge", [False, True])
def test_no_check_of_a_schema_shows_what_was_withdrawn(
    server: Server, account: TestAccount, purge: bool
) -> None:
    api = account.api
    file_id = str(api.deliver(CSV)["file_id"])
    publish(api, file_id, SECRET_CSV)
    reader = shared_with(account, server, file_id, "r")
    schema = {"fields": [{"name": n, "type": "integer"} for n in ("id", "amount")]}
    task = change(api, file_id, schema, "accept")
    task_id = task["task_id"]
    assert task["status"] == "failed"
    paths = f"/task/{task_id}", f"/task/{task_id}/report"
    assert all(SECRET in api.get(path).text for path in paths)
    assert withdraw(api, file_id, 2, purge=purge).status_code == 200
    for caller in (api, reader.api):
        assert not any(SECRET in caller.get(path).text for path in paths)
    assert api.task(task_id)["error"]["code"] == "schema-violation"
    server.assert_sound()


@pytest.mark.both_databases
def test_no_check_of_a_schema_shows_what_was_deleted(server: Server, account: TestAccount) -> None:
    """Also where a file's retention deletes it. Reports on other versions stay."""
    api = account.api
    file_id = str(api.deliver(CSV)["file_id"])
    publish(api, file_id, SECRET_CSV)
    schema = {"fields": [{"name": n, "type": "integer"} for n in ("id", "amount")]}
    first = change(api, file_id, schema, "accept")["task_id"]
    publish(api, file_id, SECRET_CSV)
    second = change(api, file_id, schema, "accept")["task_id"]
    publish(api, file_id, CSV)
    assert api.request("DELETE", f"/file/{file_id}/versions/2").status_code == 200
    paths = {each: (f"/task/{each}", f"/task/{each}/report") for each in (first, second)}
    assert not any(SECRET in api.get(path).text for path in paths[first])
    assert all(SECRET in api.get(path).text for path in paths[second])
    body = {"retention": {"keep_last": 1}}
    assert api.request("PATCH", f"/file/{file_id}", json=body).status_code == 200
    publish(api, file_id, CSV)
    assert not any(SECRET in api.get(path).text for path in paths[second])
    assert server.doctor() == []


def test_no_check_of_a_schema_of_a_deleted_file_is_read(
    server: Server, account: TestAccount
) -> None:
    file_id = str(account.api.deliver(SECRET_CSV)["file_id"])
    schema = {"fields": [{"name": n, "type": "integer"} for n in ("id", "amount")]}
    task_id = change(account.api, file_id, schema, "accept")["task_id"]
    path = f"/task/{task_id}/report"
    assert SECRET in account.api.get(path).text
    assert account.api.request("DELETE", f"/file/{file_id}").status_code == 200
    assert_problem(account.api.get(path), 404, "not-found")
    assert account.api.post(f"/file/{file_id}/undelete").status_code == 200
    assert SECRET in account.api.get(path).text


@pytest.mark.both_databases
def test_a_deleted_version_can_be_purged(server: Server, account: TestAccount) -> None:
    """Without being published in between."""
    file_id = two_versions(account.api)
    before = account.api.account()["used"]
    assert account.api.request("DELETE", f"/file/{file_id}/versions/1").status_code == 200
    assert_problem(withdraw(account.api, file_id, 1), 409, "version-not-published")
    purged = withdraw(account.api, file_id, 1, purge=True)
    assert (purged.status_code, purged.json()["status"]) == (200, "withdrawn")
    assert account.api.account()["used"] < before
    path = f"/file/download/{file_id}?version=1"
    assert_problem(account.api.get(path), 410, "version-withdrawn")
    undeleted = account.api.post(f"/file/{file_id}/versions/1/undelete")
    assert_problem(undeleted, 409, "nothing-to-undo")
    assert account.api.json(f"/file/{file_id}")["version"] == 2
    assert server.doctor() == []


def test_long_reports_of_drift_are_renewed_outside_the_transaction(
    server: Server, account: TestAccount
) -> None:
    """Two wide tables, whose profiles are longer than what a transaction parses."""
    header = ",".join(f"a_column_with_a_long_name_{n}" for n in range(120))
    row, odd_row = ",".join(["1"] * 120), ",".join(["1000"] * 120)
    first = f"{header}\n{odd_row}\n{odd_row}\n".encode()
    file_id = str(account.api.deliver(first, enforce_schema="true", limit=10**6)["file_id"])
    publish(account.api, file_id, f"{header}\n{row}\n{row}\n".encode())
    publish(account.api, file_id, first)

    def drift() -> Any:
        report = account.api.json(f"/file/{file_id}/report", params={"version": 3})
        return report["tasks"][0].get("drift")

    server.wait_derived()
    with_drift = drift()
    assert with_drift
    assert withdraw(account.api, file_id, 2).status_code == 200
    assert drift() is None
    assert undo(account.api, file_id, 2).status_code == 200
    assert drift() == with_drift


def test_a_withdrawn_version_can_be_purged_later(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    withdraw(account.api, file_id, 2)
    assert_problem(withdraw(account.api, file_id, 2), 409, "version-not-published")
    assert withdraw(account.api, file_id, 2, purge=True).json()["withdrawal"]["purged"]
    assert_problem(withdraw(account.api, file_id, 2, purge=True), 409, "version-not-published")
    assert account.api.account()["used"] == len(CSV)
    server.assert_sound()


def test_what_was_withdrawn_is_not_restored(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    withdraw(account.api, file_id, 1)
    restored = account.api.post(f"/file/{file_id}/versions/1/restore")
    assert_problem(restored, 409, "version-not-published", version_status="withdrawn")
    refused = account.api.request("DELETE", f"/file/{file_id}/versions/1")
    assert_problem(refused, 409, "version-not-published")


def test_copies_are_named(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    restored = account.api.post(f"/file/{file_id}/versions/1/restore").json()["task_id"]
    assert account.api.wait_task(restored)["version"] == 3
    assert withdraw(account.api, file_id, 1, purge=True).json()["copies"] == [3]
    assert account.api.get(f"/file/download/{file_id}").content == CSV


def test_a_copy_under_way_of_what_is_withdrawn_is_not_published(
    server: Server, account: TestAccount
) -> None:
    file_id = two_versions(account.api)
    with server.suspended_workers():
        restored = account.api.post(f"/file/{file_id}/versions/1/restore").json()["task_id"]
        assert withdraw(account.api, file_id, 1).status_code == 200
    assert account.api.wait_task(restored)["status"] == "canceled"
    assert account.api.get(f"/file/download/{file_id}").content == rows(3)
    assert states(account.api, file_id) == ["withdrawn", "published", "canceled"]


def test_only_who_manages_the_file_withdraws(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    partner = shared_with(account, server, file_id, "rw")
    assert_problem(withdraw(partner.api, file_id, 2), 403, "not-allowed")
    assert_problem(undo(partner.api, file_id, 2), 403, "not-allowed")
    other = server.new_account().api
    assert_problem(withdraw(other, file_id, 2), 404, "not-found")
    assert_problem(withdraw(account.api, file_id, 2, reason=" "), 422, "field-invalid")
    assert_problem(withdraw(account.api, file_id, 2, purge="yes"), 422, "field-invalid")
    assert_problem(withdraw(account.api, file_id, 9), 404, "not-found")
    etag = {"If-Match": '"other"'}
    path, body = f"/file/{file_id}/versions/2/withdraw", {"reason": REASON}
    refused = account.api.post(path, json=body, headers=etag)
    assert_problem(refused, 412, "precondition-failed")
    assert states(account.api, file_id) == ["published", "published"]


def test_a_deleted_version_says_so_to_readers_alone(server: Server, account: TestAccount) -> None:
    file_id = two_versions(account.api)
    reader = shared_with(account, server, file_id, "r")
    writer, stranger = shared_with(account, server, file_id, "w"), server.new_account()
    account.api.request("DELETE", f"/file/{file_id}/versions/1")
    for path in (*(read.format(file_id, 1) for read in READS), f"/file/{file_id}/versions/1"):
        problem = assert_problem(reader.api.get(path), 410, "version-deleted", version=1)
        assert problem["current_version"] == 2
        assert_problem(stranger.api.get(path), 404, "not-found")
        assert writer.api.get(path).status_code in (403, 404)


def test_drift_from_a_withdrawn_version_is_forgotten(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = str(api.deliver(rows(4), enforce_schema="true")["file_id"])
    publish(api, file_id, rows(400))
    server.wait_derived()
    report = f"/file/{file_id}/report?version=2"
    assert "drift" in api.json(report)["tasks"][0]
    withdraw(api, file_id, 1)
    assert "drift" not in api.json(report)["tasks"][0]
    undo(api, file_id, 1)
    assert "drift" in api.json(report)["tasks"][0]


def test_a_download_under_way_ends(server: Server, account: TestAccount) -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(32_000_000)  # not a table, which takes long to inspect
    file_id = str(account.api.deliver(content, limit=100_000_000, name="a.png")["file_id"])
    path = f"/api/v1/file/download/{file_id}"
    with connect(server.endpoint) as sock:
        sock.sendall(head("GET", path, account.api.authorization))
        received = len(sock.recv(65_536))
        assert withdraw(account.api, file_id, 1, purge=True).status_code == 200
        time.sleep(1.2)  # as long as the server may wait before it asks again
        while block := sock.recv(1 << 20):
            received += len(block)
    assert received < len(content)
    server.assert_sound()


def test_a_read_under_way_ends_with_the_right_to_read(server: Server, account: TestAccount) -> None:
    """Also where a right to deliver is left, which lets them read their own."""
    file_id = str(account.api.deliver(CSV, enforce_schema="true")["file_id"])
    partner = shared_with(account, server, file_id, "rw")
    rejected = deliver(partner, file_id, SECRET_CSV)["version"]
    others = publish(account.api, file_id, SECRET_CSV, "failed")["version"]
    read, actor = server.parts.database.read, server.actor(partner.api_key)
    read(require_kept, actor, UUID(file_id), 1)
    share(account.api, file_id, partner.user_name, "w")
    read(require_kept, actor, UUID(file_id), rejected)
    for number in (1, others):
        with pytest.raises(NotAllowed):
            read(require_kept, actor, UUID(file_id), number)


def test_the_file_says_whether_anything_is_left(server: Server, account: TestAccount) -> None:
    file_id = str(account.api.deliver(CSV)["file_id"])
    withdraw(account.api, file_id, 1)

    def withdrawn_at() -> Any:
        with server.parts.database.reading() as conn:
            query = select(files.c.withdrawn_at).where(files.c.id == UUID(file_id))
            return conn.scalar(query)

    assert withdrawn_at() is not None
    undo(account.api, file_id, 1)
    wait_until(lambda: withdrawn_at() is None, "it is published again")


def test_no_condition_gives_cells_of_a_withdrawn_version(
    server: Server, account: TestAccount
) -> None:
    """A reader who has the withdrawn version gets neither more of it nor "not modified"."""
    api = account.api
    file_id = two_versions(api)
    with server.parts.database.writing() as conn:  # a date has whole seconds
        first = versions.c.file_id == UUID(file_id), versions.c.number == 1
        earlier = server.parts.clock() - timedelta(hours=1)
        conn.execute(update(versions).where(*first).values(decided_at=earlier))
    path = f"/file/download/{file_id}"
    withdrawn = api.get(path)
    etag, modified = withdrawn.headers["etag"], withdrawn.headers["last-modified"]
    assert withdraw(api, file_id, 2).status_code == 200
    remaining = api.get(path, params={"version": 1}).content
    assert remaining != withdrawn.content
    for headers in (
        {"If-None-Match": etag},
        {"If-Modified-Since": modified},
        {"Range": "bytes=0-", "If-Range": etag},
        {"Range": "bytes=0-", "If-Range": modified},
    ):
        newest = api.get(path, headers=headers)
        assert newest.content == remaining, (headers, newest.status_code)
        named = api.get(path, params={"version": 2}, headers=headers)
        assert_problem(named, 410, "version-withdrawn")
    for headers in ({"If-Match": etag}, {"If-Unmodified-Since": modified}):
        refused = api.get(path, headers=headers)
        assert withdrawn.content not in refused.content
