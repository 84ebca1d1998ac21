"""Rejected and failed versions: their bytes for their sender, corrections, acceptance."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.http.test_versions import BROKEN, SCHEMA, deliver, publish, rows
from tests.support.api import CSV, Api, assert_problem
from tests.support.loops import run_apart
from tests.support.paused_inspections import fail_inspection
from tests.support.server import Server, TestAccount
from tests.support.wait import UNHURRIED, wait_until

from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import authenticate
from entrepot.blobs.store import BlobId
from entrepot.cli.doctor import CheckResult, run_checks
from entrepot.db.tables import versions
from entrepot.db.types import ReadConnection
from entrepot.errors import QuarantineEnded
from entrepot.files.sweep import sweep
from entrepot.http.api.restoration import accept as accept_it
from entrepot.http.deps import UnitOfWork
from entrepot.http.runtime import open_runtime

REASON = "The supplier's system was replaced this week."


@pytest.fixture
def file_id(account: TestAccount) -> str:
    """A file whose first version is published and whose second one was rejected."""
    made: str = account.api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    publish(account.api, made, BROKEN, "failed")
    return made


def accept(api: Api, file_id: str, number: int = 2, reason: Any = REASON, **kwargs: Any) -> Any:
    return api.post(f"/file/{file_id}/versions/{number}/accept", json={"reason": reason}, **kwargs)


def accepted(api: Api, file_id: str, number: int = 2) -> Any:
    """Accept a version and wait for its task, which publishes it; the new version."""
    answer = accept(api, file_id, number)
    assert answer.status_code == 202, answer.text
    task = api.wait_task(answer.json()["task_id"])
    assert (task["kind"], task["status"]) == ("version.accept", "succeeded"), task
    return api.json(f"/file/{file_id}/versions/{task['version']}")


def end_quarantine(server: Server, file_id: str) -> None:
    """As if seven days had passed since the rejection."""
    with server.parts.database.writing() as conn:
        rejected = versions.c.file_id == UUID(file_id), versions.c.status == "rejected"
        past = server.parts.clock() - timedelta(seconds=1)
        conn.execute(update(versions).where(*rejected).values(keep_until=past))


def test_the_sender_may_have_rejected_bytes_back(account: TestAccount, file_id: str) -> None:
    api = account.api
    answer = api.get(f"/file/download/{file_id}", params={"version": 2})
    assert (answer.status_code, answer.content) == (200, BROKEN)
    part = {"Range": "bytes=3-8"}
    answer = api.get(f"/file/download/{file_id}", params={"version": 2}, headers=part)
    assert (answer.status_code, answer.content) == (206, BROKEN[3:9])
    assert api.get(f"/file/download/{file_id}").content == CSV
    listed = api.json(f"/file/{file_id}/versions/2")
    assert listed["status"] == "rejected"
    assert listed["quarantined_until"] is not None
    query = {"version": 2, "format": "csv"}
    assert_problem(api.get(f"/file/download/{file_id}", params=query), 404, "not-found")


def test_nobody_else_may(account: TestAccount, file_id: str) -> None:
    """Not even an admin of the account, who sees the report."""
    other = account.new_user("admin").api
    assert other.get(f"/file/{file_id}/report", params={"version": 2}).status_code == 200
    answer = other.get(f"/file/download/{file_id}", params={"version": 2})
    assert_problem(answer, 404, "not-found")


def test_a_correction_names_what_it_replaces(
    server: Server, account: TestAccount, file_id: str
) -> None:
    api = account.api
    answer = deliver(api, file_id, rows(3), data={"replaces": "2"})
    assert answer.status_code == 202, answer.text
    task = api.wait_task(answer.json()["task_id"])
    assert (task["status"], task["version"]) == ("succeeded", 3)
    listed = api.json(f"/file/{file_id}/versions")["versions_list"]
    assert [each["replaces"] for each in listed] == [2, None, None]
    sweep(server.parts.database, server.parts.store, server.parts.clock)
    assert api.json(f"/file/{file_id}/versions/2")["quarantined_until"] is None
    answer = api.get(f"/file/download/{file_id}", params={"version": 2})
    assert_problem(answer, 404, "not-found")
    assert api.account()["used"] == len(CSV) + len(rows(3))
    assert api.json(f"/file/{file_id}/report", params={"version": 2})["valid"] is False
    account.server.assert_sound()


def test_a_correction_that_is_rejected_too_leaves_both(account: TestAccount, file_id: str) -> None:
    api = account.api
    answer = deliver(api, file_id, BROKEN, data={"replaces": "2"})
    assert api.wait_task(answer.json()["task_id"])["status"] == "failed"
    for number in (2, 3):
        assert api.json(f"/file/{file_id}/versions/{number}")["quarantined_until"] is not None


@pytest.mark.parametrize("text", ["0", "-1", "two", "2.0", "99999999999", "9" * 16])
def test_what_is_replaced_is_a_number(account: TestAccount, file_id: str, text: str) -> None:
    answer = deliver(account.api, file_id, data={"replaces": text})
    problem = assert_problem(answer, 422, "field-invalid")
    assert problem["field"] == "replaces"
    assert len(account.api.json(f"/file/{file_id}/versions")["versions_list"]) == 2


def test_only_a_rejected_version_of_ones_own_is_replaced(
    account: TestAccount, file_id: str
) -> None:
    api = account.api
    problem = assert_problem(
        deliver(api, file_id, data={"replaces": "1"}), 409, "version-not-rejected"
    )
    assert (problem["version"], problem["version_status"]) == (1, "published")
    problem = assert_problem(deliver(api, file_id, data={"replaces": "9"}), 422, "field-invalid")
    assert problem["field"] == "replaces"
    assert api.account()["used"] == len(CSV) + len(BROKEN)


def test_the_owner_accepts_a_rejected_version(
    server: Server, account: TestAccount, file_id: str
) -> None:
    api = account.api
    result = accepted(api, file_id)
    assert (result["version"], result["status"]) == (3, "published")
    assert (result["accepted_from"], result["reason"]) == (2, REASON)
    assert api.get(f"/file/download/{file_id}").content == BROKEN
    assert api.json(f"/file/{file_id}")["exception"]["reason"] == REASON
    report = api.json(f"/file/{file_id}/report")
    assert report["valid"] is False
    assert report["stats"]["errors"] == 2
    path = f"/file/download/{file_id}?format=jsonl"
    wait_until(lambda: api.get(path).status_code == 200, "it is made", UNHURRIED)
    table = api.get(path)
    assert [json.loads(line) for line in table.text.splitlines()] == [{"id": "x", "amount": "y"}]
    sweep(server.parts.database, server.parts.store, server.parts.clock)
    assert api.account()["used"] == len(CSV) + len(BROKEN)
    publish(api, file_id, rows(3))
    assert api.json(f"/file/{file_id}")["exception"] is None
    assert api.json(f"/file/{file_id}/versions/3")["reason"] == REASON
    account.server.assert_sound()


def test_a_first_version_is_accepted_too(account: TestAccount) -> None:
    """What is not a table stays none, and the next table's schema is still to be inferred."""
    api = account.api
    file_id = api.deliver(b"%PDF-1.7 not a table", enforce_schema="true")["file_id"]
    assert accepted(api, file_id, 1)["version"] == 2
    again = assert_problem(accept(api, file_id, 1), 409, "quarantine-ended", accepted_as=2)
    assert again["detail"] == "Version 1 was accepted as version 2."
    rows_again = api.get(f"/file/{file_id}/report.csv?version=1")
    assert_problem(rows_again, 409, "quarantine-ended", accepted_as=2)
    assert api.json(f"/file/{file_id}")["media_type"] == "application/pdf"
    publish(api, file_id, CSV)
    assert api.json(f"/file/{file_id}/schema")["schema"]["fields"][0]["name"] == "id"
    publish(api, file_id, b"other\n1\n", "failed")


def test_an_accepted_first_version_freezes_where_its_header_is(account: TestAccount) -> None:
    api, title = account.api, b"Report of May\n\nid,amount\n1,2.5\n"
    file_id = api.deliver(title + b"2,3.5,too many\n", enforce_schema="true")["file_id"]
    assert accepted(api, file_id, 1)["version"] == 2
    publish(api, file_id, title)
    publish(api, file_id, b"id,amount\n1,2.5\n", "failed")


def test_only_a_rejected_version_is_accepted(
    server: Server, account: TestAccount, file_id: str
) -> None:
    api = account.api
    problem = assert_problem(accept(api, file_id, 1), 409, "version-not-rejected")
    assert (problem["version"], problem["version_status"]) == (1, "published")
    assert_problem(accept(api, file_id, 9), 404, "not-found")
    assert_problem(accept(api, str(uuid4())), 404, "not-found")
    end_quarantine(server, file_id)
    problem = assert_problem(accept(api, file_id, 2), 409, "quarantine-ended")
    assert problem["version"] == 2
    answer = api.get(f"/file/download/{file_id}", params={"version": 2})
    assert_problem(answer, 404, "not-found")
    assert api.json(f"/file/{file_id}")["version"] == 1


@pytest.mark.both_databases
def test_bytes_that_go_while_a_version_is_accepted(
    server: Server, account: TestAccount, file_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly between the look at them and their link: that is not a fault of ours."""
    parts = server.parts
    really = parts.store.link

    def late(source: BlobId, blob_id: BlobId, size: int | None = None) -> None:
        end_quarantine(server, file_id)
        sweep(parts.database, parts.store, parts.clock)
        really(source, blob_id, size)

    def who(conn: ReadConnection, now: datetime) -> Actor:
        return authenticate(conn, parts.secret, account.api_key, now)

    async def accept_late() -> None:
        runtime = open_runtime(parts)
        work = UnitOfWork(runtime, who, "write", parts.clock())
        with pytest.raises(QuarantineEnded):
            await accept_it(work, UUID(file_id), 2, REASON)
        runtime.read_cache.close()
        runtime.database_threads.shutdown()

    monkeypatch.setattr(parts.store, "link", late)
    before = account.api.account()
    run_apart(accept_late())
    after = account.api.account()
    assert after["used"] == before["used"] - len(BROKEN)
    assert after["used_by"]["quarantined"] == 0


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\0b", 7, None])
def test_a_reason_is_required(account: TestAccount, file_id: str, reason: Any) -> None:
    answer = accept(account.api, file_id, reason=reason)
    assert "reason" in assert_problem(answer, 422, "field-invalid")["field"]
    assert len(account.api.json(f"/file/{file_id}/versions")["versions_list"]) == 2


@pytest.mark.both_databases
def test_acceptance_needs_room_and_the_state_that_was_seen(
    server: Server,
) -> None:
    account = server.new_account(quota=len(CSV) + 2 * len(BROKEN) - 1)
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    publish(api, file_id, BROKEN, "failed")
    answer = accept(api, file_id, headers={"If-Match": '"another"'})
    assert_problem(answer, 412, "precondition-failed")
    problem = assert_problem(accept(api, file_id), 413, "account-quota-exceeded")
    assert problem["requested"] == len(BROKEN)
    assert len(api.json(f"/file/{file_id}/versions")["versions_list"]) == 2
    server.assert_sound()


def inspections_result(server: Server) -> CheckResult:
    """What `entrepot doctor` says of inspections."""
    (result,) = [
        each for each in run_checks(server.parts, deep=False) if each.name == "inspections"
    ]
    return result


def test_a_version_that_could_not_be_inspected_is_failed_and_kept_for_its_sender(
    server: Server, account: TestAccount, file_id: str
) -> None:
    api = account.api
    with capture_logs() as logs:
        task = fail_inspection(server, account.api, file_id, rows(3))
    assert (task["status"], task["error"]["code"]) == ("failed", "inspection-failed")
    detail = task["error"]["detail"]
    assert "Its bytes are kept for who delivered them for 7 days" in detail
    assert "no need to deliver the same file again" in detail
    (entry,) = [each for each in logs if each["event"] == "a version could not be inspected"]
    assert (entry["log_level"], entry["file_id"], entry["version"]) == ("critical", file_id, 3)
    result = api.json(f"/file/{file_id}/versions/3")
    assert result["status"] == "failed"
    assert result["quarantined_until"] is not None
    assert api.json(f"/file/{file_id}")["version"] == 1
    assert api.get(f"/file/download/{file_id}", params={"version": 3}).content == rows(3)
    other = account.new_user("admin").api
    answer = other.get(f"/file/download/{file_id}", params={"version": 3})
    assert_problem(answer, 404, "not-found")
    answer = api.get(f"/file/{file_id}/report", params={"version": 3})
    assert_problem(answer, 404, "not-found")
    held = api.account()
    assert (held["quarantined"], held["used_by"]["quarantined"]) == (2, len(BROKEN) + len(rows(3)))
    newest = api.json(f"/file/{file_id}/activity")["activity_list"]
    decided = [(row["action"], row["result"]) for row in newest if row["version"] == 3]
    assert ("version.fail", "failed") in decided
    server.assert_sound()


def test_doctor_names_a_failed_version_until_it_is_delivered_again(
    server: Server, account: TestAccount, file_id: str
) -> None:
    fail_inspection(server, account.api, file_id, rows(3))
    result = inspections_result(server)
    assert not result.ok
    assert f"version 3 of file {file_id}" in result.detail
    answer = deliver(account.api, file_id, rows(3), data={"replaces": "3"})
    assert account.api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
    assert file_id not in inspections_result(server).detail
    server.assert_sound()


def test_without_a_contract_it_is_published_with_a_warning_though_its_inspection_failed(
    server: Server, account: TestAccount
) -> None:
    api = account.api
    file_id = api.deliver(b"%PDF-1.7 1", name="paper.pdf")["file_id"]
    with capture_logs() as logs:
        task = fail_inspection(server, api, file_id, b"%PDF-1.7 2")
    assert task["status"] == "succeeded"
    result = api.json(f"/file/{file_id}")
    assert (result["version"], result["media_type"]) == (2, "application/pdf")
    assert api.get(f"/file/download/{file_id}").content == b"%PDF-1.7 2"
    (warning,) = api.json(f"/file/{file_id}/report")["tasks"][0]["warnings"]
    assert "nothing in it was looked at" in warning
    alarms = [(line["event"], line["version"]) for line in logs if line["log_level"] == "critical"]
    assert alarms == [("a version was published without an inspection", 2)]
    assert file_id not in inspections_result(server).detail
    server.assert_sound()


def test_the_owner_accepts_a_failed_version(
    server: Server, account: TestAccount, file_id: str
) -> None:
    api = account.api
    fail_inspection(server, account.api, file_id, rows(3))
    result = accepted(api, file_id, 3)
    assert (result["version"], result["status"], result["accepted_from"]) == (4, "published", 3)
    assert api.get(f"/file/download/{file_id}").content == rows(3)
    assert api.json(f"/file/{file_id}/report")["valid"] is True  # inspected at last
    sweep(server.parts.database, server.parts.store, server.parts.clock)
    assert api.json(f"/file/{file_id}/versions/3")["quarantined_until"] is None
    server.assert_sound()
