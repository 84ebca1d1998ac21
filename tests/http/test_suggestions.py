"""The way out of a rejection: shown in its report, accepted by the file's owner."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.http.test_quarantine import accept, end_quarantine
from tests.http.test_versions import BROKEN, deliver, publish
from tests.support.api import Api, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.db.tables import inspections, versions
from entrepot.files.sweep import sweep
from entrepot.texts.json_text import to_json_text

FIRST = b"id,amount\n1,2\n3,4\n"
NUMBERS = b"id,amount\n1,2.5\n3,NA\n"
FOOTED = b"id,amount\n1,2\nTotal,2\n"
TITLED = b"A report\nid,amount\n1,2\n"
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}


@pytest.fixture
def file_id(account: TestAccount) -> str:
    """A file whose second version was rejected, with a suggestion."""
    made: str = account.api.deliver(FIRST, enforce_schema=json.dumps(SCHEMA))["file_id"]
    publish(account.api, made, NUMBERS, "failed")
    return made


def accept_suggestion(api: Api, file_id: str, number: int = 2, **kwargs: Any) -> Any:
    return api.post(f"/file/{file_id}/versions/{number}/accept-suggestion", **kwargs)


def forge_suggestion(server: Server, file_id: str, forged: dict[str, Any]) -> None:
    """Have the report of the file's rejected version suggest something else."""
    with server.parts.database.writing() as conn:
        rejected = versions.c.file_id == UUID(file_id), versions.c.status == "rejected"
        version_id = conn.scalar(select(versions.c.id).where(*rejected))
        this = inspections.c.version_id == version_id
        report = json.loads(conn.execute(select(inspections.c.report).where(this)).scalar_one())
        report = {**report, "suggested": {**report["suggested"], **forged}}
        conn.execute(update(inspections).where(this).values(report=to_json_text(report)))


def suggested(api: Api, file_id: str, number: int = 2) -> Any:
    report = api.json(f"/file/{file_id}/report", params={"version": number})
    return report.get("suggested")


def published(api: Api, file_id: str, number: int = 2) -> Any:
    """Accept the suggestion and wait for its task; the version that it published."""
    answer = accept_suggestion(api, file_id, number)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
    task = api.wait_task(answer.json()["task_id"])
    assert (task["kind"], task["status"]) == ("version.accept-suggestion", "succeeded"), task
    return api.json(f"/file/{file_id}/versions/{task['version']}")


def test_a_report_suggests_the_way_out(account: TestAccount, file_id: str) -> None:
    suggestion = suggested(account.api, file_id)
    assert list(suggestion) == ["schema", "dialect", "changes"]
    fields = suggestion["schema"]["fields"]
    assert fields[0] == SCHEMA["fields"][0]
    assert (fields[1]["type"], fields[1]["missingValues"]) == ("number", ["", "NA"])
    assert [change["pointer"] for change in suggestion["changes"]] == [
        "/schema/fields/1/type",
        "/schema/fields/1/missingValues",
    ]
    assert {change["effect"] for change in suggestion["changes"]} == {"compatible"}
    publish(account.api, file_id, BROKEN, "failed")
    assert suggested(account.api, file_id, 3) is None


@pytest.mark.both_databases
def test_the_owner_accepts_it(server: Server, account: TestAccount, file_id: str) -> None:
    api = account.api
    version = published(api, file_id)
    assert (version["version"], version["status"], version["replaces"]) == (3, "published", 2)
    assert (version["accepted_from"], version["reason"]) == (None, None)
    assert api.get(f"/file/download/{file_id}").content == NUMBERS
    assert api.json(f"/file/{file_id}/report")["valid"] is True
    assert api.json(f"/file/{file_id}")["exception"] is None
    schema = api.json(f"/file/{file_id}/schema")
    assert (schema["revision"], schema["source"], schema["effect"]) == (2, "given", "compatible")
    assert schema["schema"]["fields"][1]["type"] == "number"
    assert [change["pointer"] for change in schema["changes"]] == [
        "/fields/1/missingValues",
        "/fields/1/type",
        "/fields/1/entrepot:finite",
    ]
    newest = api.json(f"/file/{file_id}/activity")["activity_list"]
    done = [(row["action"], row["version"]) for row in newest]
    assert ("version.accept-suggestion", 3) in done
    assert ("schema.change", 1) in done
    sweep(server.parts.database, server.parts.store, server.parts.clock)
    assert api.json(f"/file/{file_id}/versions/2")["quarantined_until"] is None
    assert api.account()["used"] == len(FIRST) + len(NUMBERS)
    publish(api, file_id, NUMBERS)
    publish(api, file_id, FIRST)
    server.assert_sound()


def test_it_may_change_the_dialect(server: Server, account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(FIRST, enforce_schema=json.dumps(SCHEMA))["file_id"]
    publish(api, file_id, FOOTED, "failed")
    assert suggested(api, file_id)["dialect"] == {"entrepot:footer": "Total"}
    assert published(api, file_id)["row_count"] == 1
    publish(api, file_id, FOOTED)
    publish(api, file_id, FIRST)
    publish(api, file_id, TITLED, "failed")  # other versions have their header in record 1
    assert suggested(api, file_id, 6) is None
    server.assert_sound()


def test_a_first_version_below_titles(server: Server, account: TestAccount) -> None:
    api = account.api
    task = api.deliver(TITLED, enforce_schema=json.dumps(SCHEMA))
    file_id = task["file_id"]
    assert suggested(api, file_id, 1)["dialect"] == {"headerRows": [2]}
    assert published(api, file_id, 1)["version"] == 2
    publish(api, file_id, TITLED)
    server.assert_sound()


def test_what_is_accepted_all_the_same_needs_no_way_out(account: TestAccount, file_id: str) -> None:
    api = account.api
    task = api.wait_task(accept(api, file_id).json()["task_id"])
    assert task["status"] == "succeeded"
    report = api.json(f"/file/{file_id}/report", params={"version": 3})
    assert (report["valid"], report.get("suggested")) == (False, None)
    assert_problem(accept_suggestion(api, file_id, 3), 409, "version-not-rejected")


def test_validation_suggests_too(account: TestAccount, file_id: str) -> None:
    files = {"file": ("next.csv", NUMBERS)}
    answer = account.api.post("/file/validate", files=files, data={"file_id": file_id})
    task = account.api.wait_task(answer.json()["task_id"])
    report = account.api.json(f"/task/{task['task_id']}/report")
    assert report["suggested"]["schema"]["fields"][1]["type"] == "number"


@pytest.mark.both_databases
def test_what_cannot_be_accepted(server: Server, account: TestAccount, file_id: str) -> None:
    api = account.api
    problem = assert_problem(accept_suggestion(api, file_id, 1), 409, "version-not-rejected")
    assert (problem["version"], problem["version_status"]) == (1, "published")
    assert_problem(accept_suggestion(api, file_id, 9), 404, "not-found")
    assert_problem(accept_suggestion(api, str(uuid4())), 404, "not-found")
    publish(api, file_id, BROKEN, "failed")
    problem = assert_problem(accept_suggestion(api, file_id, 3), 409, "no-suggestion")
    assert problem["version"] == 3
    answer = accept_suggestion(api, file_id, headers={"If-Match": '"another"'})
    assert_problem(answer, 412, "precondition-failed")
    titled = {**SCHEMA, "title": "Amounts"}
    answer = api.request("PUT", f"/file/{file_id}/schema", json=titled)
    assert api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
    problem = assert_problem(accept_suggestion(api, file_id), 409, "suggestion-outdated")
    assert (problem["version"], problem["revision"], problem["current_revision"]) == (2, 1, 2)
    end_quarantine(server, file_id)
    assert_problem(accept_suggestion(api, file_id), 409, "quarantine-ended")
    assert len(api.json(f"/file/{file_id}/versions")["versions_list"]) == 3
    assert api.json(f"/file/{file_id}/schema")["revision"] == 2
    server.assert_sound()


def test_only_who_manages_the_file_may(account: TestAccount, file_id: str) -> None:
    other, mate = account.server.new_account(), account.new_user()
    assert_problem(accept_suggestion(other.api, file_id), 404, "not-found")
    path = f"/file/{file_id}/entitlements/{mate.user_name}"
    account.api.request("PUT", path, json={"entitlement": "rw"})
    assert_problem(accept_suggestion(mate.api, file_id), 403, "not-allowed")
    assert account.api.json(f"/file/{file_id}/schema")["revision"] == 1


def test_what_the_current_version_holds_is_not_told_to_who_may_only_deliver(
    account: TestAccount,
) -> None:
    """Whether another dialect keeps it depends on its last rows: that would tell of them."""
    api, sender = account.api, account.server.new_account()
    file_id = api.deliver(FIRST, enforce_schema=json.dumps(SCHEMA))["file_id"]
    path = f"/file/{file_id}/entitlements/{sender.admin.user_name}"
    api.request("PUT", path, json={"entitlement": "w"})
    task = publish(sender.api, file_id, FOOTED, "failed")
    assert suggested(sender.api, file_id) is None
    assert "suggested" not in sender.api.json(f"/task/{task['task_id']}/report")
    assert suggested(api, file_id)["dialect"] == {"entrepot:footer": "Total"}
    publish(sender.api, file_id, NUMBERS, "failed")
    assert suggested(sender.api, file_id, 3)["schema"]["fields"][1]["type"] == "number"


@pytest.mark.both_databases
def test_it_is_accepted_once(server: Server, account: TestAccount, file_id: str) -> None:
    """By requests at the same time, too: one has the version made, the others find that done."""
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: accept_suggestion(account.api, file_id), range(3)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "suggestion-outdated")
        else:
            account.api.wait_task(answer.json()["task_id"])
    assert len(account.api.json(f"/file/{file_id}/versions")["versions_list"]) == 3
    server.assert_sound()


def test_a_repeated_request_has_the_same_answer(account: TestAccount, file_id: str) -> None:
    headers = {"Idempotency-Key": f'"{uuid4()}"'}
    first = accept_suggestion(account.api, file_id, headers=headers)
    again = accept_suggestion(account.api, file_id, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    account.api.wait_task(first.json()["task_id"])


@pytest.mark.both_databases
def test_acceptance_needs_room(server: Server) -> None:
    account = server.new_account(quota=len(FIRST) + 2 * len(NUMBERS) - 1)
    api = account.api
    file_id = api.deliver(FIRST, enforce_schema=json.dumps(SCHEMA))["file_id"]
    publish(api, file_id, NUMBERS, "failed")
    assert_problem(accept_suggestion(api, file_id), 413, "account-quota-exceeded")
    assert api.json(f"/file/{file_id}/schema")["revision"] == 1
    assert len(api.json(f"/file/{file_id}/versions")["versions_list"]) == 2
    server.assert_sound()


@pytest.mark.parametrize(
    "forged",
    [
        {"schema": {"fields": [{"name": "id"}, {"name": "amount"}]}},  # texts, which is breaking
        {"schema": {"fields": []}},
        {"dialect": {"delimiter": ""}},
    ],
)
def test_what_a_sandbox_says_is_checked(
    server: Server, account: TestAccount, file_id: str, forged: dict[str, Any]
) -> None:
    """A report is made of an untrusted file: a suggestion in it may not be sound."""
    forge_suggestion(server, file_id, forged)
    assert_problem(accept_suggestion(account.api, file_id), 409, "no-suggestion")
    assert account.api.json(f"/file/{file_id}/schema")["revision"] == 1


def test_an_earlier_delivery_that_waits_is_judged_by_the_new_contract(
    account: TestAccount, file_id: str
) -> None:
    api = account.api
    accepted = accept_suggestion(api, file_id).json()["task_id"]
    answer = deliver(api, file_id, NUMBERS)
    assert api.wait_task(accepted)["status"] == "succeeded"
    assert api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
