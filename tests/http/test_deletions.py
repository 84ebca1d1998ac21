"""Versions and files are deleted so that it can be undone; retention; changes of a file."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.http.test_idempotency import etag_of
from tests.http.test_versions import BROKEN, SCHEMA, deliver, publish, rows
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.db.tables import activity, files, inspections, versions
from entrepot.files.sweep import sweep

LONG = timedelta(days=8)


def remove(api: Api, path: str, **kwargs: Any) -> Any:
    return api.request("DELETE", path, **kwargs)


def change(api: Api, file_id: str, body: Any, **kwargs: Any) -> Any:
    return api.request("PATCH", f"/file/{file_id}", json=body, **kwargs)


def states(api: Api, file_id: str) -> list[str]:
    """Of each version, the first one first."""
    items = api.json(f"/file/{file_id}/versions")["versions_list"]
    return [version["status"] for version in reversed(items)]


def actions(server: Server, file_id: str) -> list[str]:
    """The recorded changes of a file; reads are recorded later than they are made."""
    mine = activity.c.file_id == UUID(file_id), activity.c.action != "version.read"
    of_file = select(activity.c.action).where(*mine)
    with server.parts.database.reading() as conn:
        return list(conn.scalars(of_file.order_by(activity.c.id)))


def age(server: Server, file_id: str) -> None:
    """Have everything that was deleted of the file been deleted long ago."""
    gone = versions.c.file_id == UUID(file_id), versions.c.status == "deleted"
    long_ago = server.parts.clock() - LONG
    with server.parts.database.writing() as conn:
        conn.execute(update(versions).where(*gone).values(deleted_at=long_ago, keep_until=long_ago))
        deleted = files.c.id == UUID(file_id), files.c.deleted_at.is_not(None)
        conn.execute(update(files).where(*deleted).values(deleted_at=long_ago))


def run_sweep(server: Server) -> None:
    """Tests look at what is left, not at what this sweep did: the workers sweep too."""
    sweep(server.parts.database, server.parts.store, server.parts.clock)


def two_versions(api: Api, **fields: str) -> str:
    file_id = str(api.deliver(CSV, **fields)["file_id"])
    publish(api, file_id, rows(3))
    return file_id


@pytest.mark.both_databases
def test_a_version_is_deleted_and_had_back(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    answer = remove(api, f"/file/{file_id}/versions/1")
    assert answer.status_code == 200
    assert answer.json() == api.json(f"/file/{file_id}/versions/1")
    assert answer.json()["status"] == "deleted"
    assert answer.json()["undo_until"].endswith("+0000")
    download = api.get(f"/file/download/{file_id}", params={"version": 1})
    assert_problem(download, 410, "version-deleted", version=1, current_version=2)
    for what in ("report", "profile"):
        result = api.get(f"/file/{file_id}/{what}", params={"version": 1})
        assert_problem(result, 410, "version-deleted")
    task_id = answer.json()["task_id"]
    assert_problem(api.get(f"/task/{task_id}/report"), 410, "version-deleted")
    restored = api.post(f"/file/{file_id}/versions/1/restore")
    assert_problem(restored, 409, "version-not-published", version_status="deleted")
    assert api.account()["used"] == len(CSV) + len(rows(3))  # it can be undone
    server.assert_sound()
    back = api.post(f"/file/{file_id}/versions/1/undelete")
    assert (back.status_code, back.json()["status"]) == (200, "published")
    assert back.json()["undo_until"] is None
    assert api.get(f"/file/download/{file_id}", params={"version": 1}).content == CSV
    assert actions(server, file_id)[-2:] == ["version.delete", "version.undelete"]


def test_a_version_with_rejected_rows_is_deleted(server: Server, account: TestAccount) -> None:
    """It was published without a contract, so its rejected rows are a form of a deleted version."""
    file_id = account.api.deliver(CSV + b"5\n")["file_id"]
    publish(account.api, file_id, CSV)
    rejected_rows = account.api.get(f"/file/{file_id}/report.csv", params={"version": 1})
    assert (rejected_rows.status_code, rejected_rows.text.count("\n")) == (200, 2)
    assert remove(account.api, f"/file/{file_id}/versions/1").status_code == 200
    server.assert_sound()


@pytest.mark.both_databases
def test_the_bytes_go_once_it_cannot_be_undone(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    server.wait_derived()
    remove(api, f"/file/{file_id}/versions/1")
    run_sweep(server)
    assert api.account()["used"] == len(CSV) + len(rows(3))
    age(server, file_id)
    late = api.post(f"/file/{file_id}/versions/1/undelete")
    assert_problem(late, 409, "nothing-to-undo")
    run_sweep(server)
    assert api.account()["used"] == len(rows(3))
    assert states(api, file_id) == ["deleted", "published"]
    first = select(versions.c.id).where(versions.c.file_id == UUID(file_id), versions.c.number == 1)
    with server.parts.database.reading() as conn:
        (version_id,) = conn.scalars(first)
        result = inspections.c.version_id == version_id
        assert conn.scalar(select(inspections.c.version_id).where(result)) is None
    assert server.parts.store.stat(version_id) is None
    server.assert_sound()


def test_a_restored_version_outlives_what_it_was_restored_from(
    server: Server, account: TestAccount
) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    answer = api.post(f"/file/{file_id}/versions/1/restore")
    api.wait_task(answer.json()["task_id"])
    remove(api, f"/file/{file_id}/versions/1")
    age(server, file_id)
    run_sweep(server)
    assert api.account()["used"] == len(CSV)
    assert api.get(f"/file/download/{file_id}").content == CSV
    server.wait_derived()
    server.assert_sound()


def test_versions_that_cannot_be_deleted(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api, enforce_schema=SCHEMA)
    publish(api, file_id, BROKEN, "failed")
    path = f"/file/{file_id}/versions"
    assert_problem(remove(api, f"{path}/2"), 409, "version-is-current", version=2)
    rejected = {"version": 3, "version_status": "rejected"}
    assert_problem(remove(api, f"{path}/3"), 409, "version-not-published", **rejected)
    assert_problem(api.post(f"{path}/1/undelete"), 409, "nothing-to-undo")
    theirs = two_versions(server.new_account().api)
    bodies = set()
    for other, number in ((theirs, 1), (str(uuid4()), 1), (file_id, 9), ("x", 1)):
        one = f"/file/{other}/versions/{number}"
        for answer in (remove(api, one), api.post(f"{one}/undelete")):
            bodies.add(str({**assert_problem(answer, 404, "not-found"), "request_id": ""}))
    assert len(bodies) == 1
    reader = account.new_key(("read",)).api
    assert_problem(remove(reader, f"{path}/1"), 403, "scope-missing")
    assert states(api, file_id) == ["published", "published", "rejected"]


def test_a_file_is_deleted_and_had_back(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    answer = remove(api, f"/file/{file_id}")
    assert answer.status_code == 200
    assert list(answer.json()) == ["file_id", "undo_until"]
    never = assert_problem(api.get(f"/file/{uuid4()}"), 404, "not-found")
    for path in ("", "/versions", "/versions/1", "/schema", "/report", "/profile"):
        gone = assert_problem(api.get(f"/file/{file_id}{path}"), 404, "not-found")
        assert {**gone, "request_id": ""} == {**never, "request_id": ""}
    for path in (f"/file/download/{file_id}", f"/file/download/{file_id}?version=1"):
        assert_problem(api.get(path), 404, "not-found")
    assert_problem(deliver(api, file_id), 404, "not-found")
    assert_problem(change(api, file_id, {"file_name": "x"}), 404, "not-found")
    assert_problem(remove(api, f"/file/{file_id}"), 404, "not-found")
    assert api.json("/files")["files_list"] == []
    figures = api.account()
    assert (figures["files"], figures["used"]) == (0, len(CSV) + len(rows(3)))
    server.assert_sound()
    back = api.post(f"/file/{file_id}/undelete")
    assert (back.status_code, back.json()["version"]) == (200, 2)
    assert api.get(f"/file/download/{file_id}").content == rows(3)
    assert_problem(api.post(f"/file/{file_id}/undelete"), 409, "nothing-to-undo")
    assert actions(server, file_id)[-2:] == ["file.delete", "file.undelete"]


@pytest.mark.both_databases
def test_a_deleted_files_bytes_go(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    server.wait_derived()
    remove(api, f"/file/{file_id}")
    run_sweep(server)
    assert api.account()["used"] == len(CSV) + len(rows(3))
    age(server, file_id)
    assert_problem(api.post(f"/file/{file_id}/undelete"), 404, "not-found")
    for _ in range(2):
        run_sweep(server)
        assert api.account()["used"] == 0
        assert actions(server, file_id).count("file.purge") == 1
        assert actions(server, file_id)[-1] == "file.purge"
    server.assert_sound()


def test_a_deletion_of_others_files(server: Server, account: TestAccount) -> None:
    theirs = server.new_account().api
    file_id = theirs.deliver(CSV)["file_id"]
    for path in (f"/file/{file_id}", f"/file/{uuid4()}", "/file/x"):
        assert_problem(remove(account.api, path), 404, "not-found")
        assert_problem(account.api.post(f"{path}/undelete"), 404, "not-found")
    remove(theirs, f"/file/{file_id}")
    assert_problem(account.api.post(f"/file/{file_id}/undelete"), 404, "not-found")
    member = account.new_user().api
    mine = account.api.deliver(CSV)["file_id"]
    assert_problem(remove(member, f"/file/{mine}"), 404, "not-found")
    remove(account.api, f"/file/{mine}")
    assert_problem(member.post(f"/file/{mine}/undelete"), 404, "not-found")


def test_a_delivery_under_way_to_a_deleted_file_leaves_nothing(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    stale = remove(api, f"/file/{file_id}", headers={"If-Match": '"stale"'})
    assert_problem(stale, 412, "precondition-failed")
    tag = {"If-Match": etag_of(account, file_id)}
    assert remove(api, f"/file/{file_id}", headers=tag).status_code == 200


def test_the_last_versions_are_kept(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    answer = change(api, file_id, {"retention": {"keep_last": 2}})
    assert answer.json()["retention"] == {"keep_last": 2}
    assert states(api, file_id) == ["published", "published"]
    publish(api, file_id, rows(4))
    assert states(api, file_id) == ["deleted", "published", "published"]
    publish(api, file_id, rows(5))
    assert states(api, file_id) == ["deleted", "deleted", "published", "published"]
    # What was undeleted is spared, also by the sweep.
    assert api.post(f"/file/{file_id}/versions/2/undelete").status_code == 200
    run_sweep(server)
    assert states(api, file_id) == ["deleted", "published", "published", "published"]
    change(api, file_id, {"retention": {"keep_last": 1}})
    run_sweep(server)
    assert states(api, file_id) == ["deleted", "published", "deleted", "published"]
    assert api.get(f"/file/download/{file_id}").content == rows(5)
    change(api, file_id, {"retention": None})
    publish(api, file_id, rows(6))
    assert states(api, file_id)[-2:] == ["published", "published"]
    server.assert_sound()


def test_versions_are_kept_for_days(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    change(api, file_id, {"retention": {"days": 3}})
    run_sweep(server)
    assert states(api, file_id) == ["published", "published"]
    old = versions.c.file_id == UUID(file_id)
    with server.parts.database.writing() as conn:
        conn.execute(update(versions).where(old).values(decided_at=server.parts.clock() - LONG))
    run_sweep(server)
    assert states(api, file_id) == ["deleted", "published"]  # the current one stays, however old


def test_a_file_is_changed(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    tag = etag_of(account, file_id)
    body = {"file_name": "new.csv", "file_description": "Better", "file_size_limit": len(CSV)}
    answer = change(api, file_id, body, headers={"If-Match": tag})
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == body
    assert answer.headers["etag"] == etag_of(account, file_id) != tag
    assert api.json(f"/file/{file_id}") == answer.json()
    stale = change(api, file_id, {"file_name": "x"}, headers={"If-Match": tag})
    assert_problem(stale, 412, "precondition-failed")
    of_file = activity.c.file_id == UUID(file_id), activity.c.action == "file.change"
    with server.parts.database.reading() as conn:
        (detail,) = conn.scalars(select(activity.c.detail).where(*of_file))
    assert detail["file_name"] == {"from": "orders.csv", "to": "new.csv"}
    assert change(api, file_id, body).status_code == 200  # no change, nothing recorded
    assert actions(server, file_id).count("file.change") == 1
    assert_problem(deliver(api, file_id, CSV + b"5,6\n"), 413, "file-too-large", limit=len(CSV))


def test_a_limit_below_the_current_version_is_refused(account: TestAccount) -> None:
    api = account.api
    file_id = two_versions(api)
    size = len(rows(3))
    answer = change(api, file_id, {"file_size_limit": size - 1, "file_name": "x"})
    figures = {"requested": size - 1, "file_size": size, "version": 2}
    assert_problem(answer, 409, "size-limit-too-small", **figures)
    assert api.json(f"/file/{file_id}")["file_name"] == "orders.csv"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"file_name": ""}, "file_name"),
        ({"file_name": "a/b"}, "file_name"),
        ({"file_name": None}, "file_name"),
        ({"file_description": "\0"}, "file_description"),
        ({"file_description": "x" * 10_001}, "file_description"),
        ({"file_size_limit": 0}, "file_size_limit"),
        ({"file_size_limit": -1}, "file_size_limit"),
        ({"file_size_limit": "5"}, "file_size_limit"),
        ({"file_size_limit": 2**63}, "file_size_limit"),
        ({"retention": {}}, "retention"),
        ({"retention": {"keep_last": 0}}, "retention.keep_last"),
        ({"retention": {"days": 0}}, "retention.days"),
        ({"retention": {"days": 1, "keep_last": 1}}, "retention"),
        ({"enforce_schema": True}, "enforce_schema"),
    ],
    ids=str,
)
def test_unsound_changes_are_refused(account: TestAccount, body: Any, field: str) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    before = account.api.json(f"/file/{file_id}")
    assert_problem(change(account.api, file_id, body), 422, "field-invalid", field=field)
    assert account.api.json(f"/file/{file_id}") == before


def test_changes_of_others_files(server: Server, account: TestAccount) -> None:
    theirs = server.new_account().api.deliver(CSV)["file_id"]
    for file_id in (theirs, str(uuid4()), "x"):
        answer = change(account.api, file_id, {"file_name": "mine.csv"})
        assert_problem(answer, 404, "not-found")
    mine = account.api.deliver(CSV)["file_id"]
    reader = account.new_key(("read",)).api
    assert_problem(change(reader, mine, {"file_name": "x"}), 403, "scope-missing")
