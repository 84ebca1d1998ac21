"""A file's schema over time: get_schema, compared, checked against the current version, changed."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.http.conftest import LONG_CSV, holding_places
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

from entrepot.db.tables import activity
from entrepot.schemas.lexical import MISSING_MARKS

NUMERIC = {"missingValues": list(MISSING_MARKS), "entrepot:leadingZeros": False}
"""What inference says of an integer, and what stays of that where it becomes a number."""


def schema(*types: str, **more: Any) -> dict[str, Any]:
    """A schema like an inferred one, of columns that have values."""
    fields = [
        {
            "name": name,
            "type": field_type,
            **(NUMERIC if field_type in ("integer", "number") else {}),
            "entrepot:notEmpty": True,
        }
        for name, field_type in zip(("id", "amount", "note"), types, strict=False)
    ]
    return {"fields": fields, "entrepot:minRows": 1, **more}


INTEGERS, WIDER, TEXT = (
    schema("integer", "integer"),
    schema("integer", "number"),
    schema("integer", "string"),
)


def put(api: Api, file_id: str, document: Any, breaking: str | None = None, **kwargs: Any) -> Any:
    params = {"breaking": breaking} if breaking else {}
    return api.request("PUT", f"/file/{file_id}/schema", json=document, params=params, **kwargs)


def change(api: Api, file_id: str, document: Any, breaking: str | None = None) -> dict[str, Any]:
    """Change a schema and wait; the task."""
    answer = put(api, file_id, document, breaking)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/task/{answer.json()['task_id']}"
    return api.wait_task(answer.json()["task_id"])


def get_schema(api: Api, file_id: str, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = api.json(f"/file/{file_id}/schema", params=params)
    return result


@pytest.fixture
def frozen(account: TestAccount) -> str:
    """A file whose schema was inferred and frozen: two integers."""
    return str(account.api.deliver(CSV, enforce_schema="true")["file_id"])


@pytest.mark.both_databases
def test_the_frozen_schema_is_the_first_revision(account: TestAccount, frozen: str) -> None:
    result = get_schema(account.api, frozen)
    (revision,) = result["revisions_list"]
    assert (result["revision"], result["source"], result["version"]) == (1, "inferred", 1)
    assert (result["effect"], result["changes"], result["enforced"]) == (None, None, True)
    assert result["user_name"] == account.admin.user_name
    assert [field["type"] for field in result["schema"]["fields"]] == ["integer", "integer"]
    assert "schema" not in revision
    assert revision["created_at"].endswith("+0000")


def test_a_compatible_change_takes_effect(
    server: Server, account: TestAccount, frozen: str
) -> None:
    task = change(account.api, frozen, WIDER)
    assert (task["status"], task["kind"], task["error"]) == ("succeeded", "schema.change", None)
    assert (task["file_id"], task["version"]) == (frozen, None)
    assert account.api.json(task["report_url"])["valid"] is True
    result = get_schema(account.api, frozen)
    assert (result["revision"], result["source"], result["effect"]) == (2, "given", "compatible")
    assert result["schema"] == WIDER
    assert result["changes"] == [
        {
            "pointer": "/fields/1/type",
            "change": "`amount`: integer → number",
            "effect": "compatible",
            "reason": "every integer is a number",
        }
    ]
    assert result["version"] == 1
    assert account.api.json(f"/file/{frozen}")["schema"] == WIDER
    assert [each["revision"] for each in result["revisions_list"]] == [2, 1]
    first = get_schema(account.api, frozen, revision=1)
    assert (first["revision"], first["schema"]["fields"][1]["type"]) == (1, "integer")
    with server.parts.database.reading() as conn:
        rows = conn.execute(
            select(activity.c.action, activity.c.user_id, activity.c.key_id, activity.c.detail)
            .where(activity.c.action.like("schema.%"))
            .where(activity.c.account_id == server.actor(account.api_key).account_id)
            .order_by(activity.c.id)
        ).all()
    assert [row.action for row in rows] == ["schema.propose", "schema.change"]
    assert rows[1].user_id == rows[0].user_id == server.actor(account.api_key).user_id
    assert rows[1].key_id == rows[0].key_id is not None
    assert rows[1].detail["revision"] == 2
    server.assert_sound()


def test_a_breaking_change_has_to_be_accepted(account: TestAccount, frozen: str) -> None:
    problem = assert_problem(put(account.api, frozen, TEXT), 409, "breaking-change")
    assert {each["effect"] for each in problem["changes"]} == {"breaking"}
    assert "`amount`: integer → string" in str(problem["changes"])
    assert get_schema(account.api, frozen)["revision"] == 1
    assert change(account.api, frozen, TEXT, "accept")["status"] == "succeeded"
    assert get_schema(account.api, frozen)["effect"] == "breaking"


def test_what_the_current_version_breaks_does_not_take_effect(
    server: Server, account: TestAccount, frozen: str
) -> None:
    low = schema("integer", "integer")
    low["fields"][1]["constraints"] = {"maximum": 3}
    task = change(account.api, frozen, low, "accept")
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    assert task["error"]["detail"] == (
        "1 of 2 rows breaks the contract. Line 3, column `amount`: `4` is more than 3. Expected 3"
        " or less, such as 1."
    )
    report = account.api.json(task["report_url"])
    assert [error["rowNumber"] for error in report["tasks"][0]["errors"]] == [3]
    assert task["report_url"] == f"/api/v1/task/{task['task_id']}/report"
    assert get_schema(account.api, frozen)["revision"] == 1
    assert account.api.get(f"/file/download/{frozen}").content == CSV
    server.assert_sound()


def test_an_unenforced_file_becomes_enforced(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    result = get_schema(account.api, file_id)
    assert (result["revision"], result["revisions_list"], result["enforced"]) == (None, [], False)
    assert result["schema"] == INTEGERS  # what was inferred for the current version
    refused = assert_problem(put(account.api, file_id, result), 422, "field-invalid")
    assert refused["field"] == "enforced"
    assert "Set it to true to enforce this schema" in refused["detail"]
    enforced = {**result, "enforced": True}
    assert_problem(put(account.api, file_id, enforced), 409, "breaking-change")
    problem = assert_problem(put(account.api, file_id, INTEGERS), 409, "breaking-change")
    assert problem["changes"][0]["change"] == "enforcement: none → given"
    assert change(account.api, file_id, enforced, "accept")["status"] == "succeeded"
    result = get_schema(account.api, file_id)
    assert (result["revision"], result["enforced"], result["version"]) == (1, True, 1)
    assert change(account.api, file_id, result)["status"] == "succeeded"
    assert get_schema(account.api, file_id)["revision"] == 1  # it came back as it went
    assert account.api.json(f"/file/{file_id}")["enforce_schema"] is True


def test_who_may_only_deliver_sees_no_inferred_schema(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    guest = server.new_account()
    share(account.api, file_id, guest.admin.user_name, "w")
    result = get_schema(guest.api, file_id)
    assert (result["schema"], result["enforced"]) == (None, False)


def test_a_picture_does_not_become_a_table(account: TestAccount) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    file_id = account.api.deliver(picture, name="a.png")["file_id"]
    task = change(account.api, file_id, INTEGERS, "accept")
    assert (task["status"], task["error"]["code"]) == ("failed", "not-tabular")
    assert get_schema(account.api, file_id)["enforced"] is False


def test_without_a_published_version_there_is_nothing_to_hold_against_it(
    account: TestAccount,
) -> None:
    task = account.api.deliver(b"id,amount\n1,x\n", enforce_schema=_json(INTEGERS))
    assert task["status"] == "failed"
    done = change(account.api, task["file_id"], TEXT, "accept")
    assert (done["status"], done["report_url"]) == ("succeeded", None)
    assert_problem(account.api.get(f"/task/{done['task_id']}/report"), 404, "not-found")
    result = get_schema(account.api, task["file_id"])
    assert (result["revision"], result["version"]) == (2, None)


def test_the_same_schema_again_makes_no_revision(account: TestAccount, frozen: str) -> None:
    assert change(account.api, frozen, WIDER)["status"] == "succeeded"
    assert change(account.api, frozen, WIDER)["status"] == "succeeded"
    assert get_schema(account.api, frozen)["revision"] == 2


@pytest.mark.both_databases
def test_two_changes_at_once_are_one(account: TestAccount, frozen: str) -> None:
    """One of them was compared with a schema that is no longer the file's."""
    titled = {**WIDER, "title": "Orders"}
    sent = [put(account.api, frozen, each) for each in (WIDER, titled)]
    assert [answer.status_code for answer in sent] == [202, 202], sent[-1].text
    ended = [account.api.wait_task(answer.json()["task_id"]) for answer in sent]
    states = [(task["status"], (task["error"] or {}).get("code")) for task in ended]
    # Either may end first, and the other may have been sent after that had taken effect.
    changed = states.count(("succeeded", None))
    assert changed >= 1
    assert states.count(("failed", "schema-changed")) == 2 - changed
    assert get_schema(account.api, frozen)["revision"] == 1 + changed


def test_a_change_may_be_conditional(account: TestAccount, frozen: str) -> None:
    etag = account.api.get(f"/file/{frozen}/schema").headers["etag"]
    headers = {"If-Match": etag}
    answer = put(account.api, frozen, WIDER, headers=headers)
    assert account.api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
    refused = put(account.api, frozen, TEXT, "accept", headers=headers)
    assert_problem(refused, 412, "precondition-failed")
    assert account.api.get(f"/file/{frozen}/schema").headers["etag"] != etag


def test_a_later_validation_is_judged_by_the_new_schema(account: TestAccount, frozen: str) -> None:
    content = b"id,amount\n1,2.5\n"
    before = account.api.upload(content, limit=None, path="/file/validate", file_id=frozen)
    assert account.api.wait_task(before.json()["task_id"])["status"] == "failed"
    change(account.api, frozen, WIDER)
    after = account.api.upload(content, limit=None, path="/file/validate", file_id=frozen)
    assert account.api.wait_task(after.json()["task_id"])["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "code", "member", "value"),
    [
        (b'{"fields":[{"name":"a","type":"magic"}]}', "schema-invalid", "pointer",
         "/fields/0/type"),
        (b'{"fields":[]}', "schema-invalid", "pointer", "/fields"),
        (b"[]", "schema-invalid", "pointer", ""),
        (b"true", "schema-invalid", "pointer", ""),
        (b"nonsense", "schema-invalid", "pointer", ""),
        (b"", "schema-invalid", "pointer", ""),
        (b'"\xff"', "field-invalid", "field", "body"),
        (b'{"schema":{"fields":[{"name":"a","type":"magic"}]}}', "schema-invalid", "pointer",
         "/schema/fields/0/type"),
        (b'{"dialect":{"delimiter":""}}', "dialect-invalid", "pointer", "/dialect/delimiter"),
        (b'{"dialect":{"delimeter":";"}}', "dialect-invalid", "pointer", "/dialect/delimeter"),
        (b'{"dialect":[]}', "dialect-invalid", "field", "dialect"),
        (b'{"encoding":"klingon"}', "field-invalid", "field", "encoding"),
        (b'{"encoding":7}', "field-invalid", "field", "encoding"),
        (b'{"schema":null,"enforced":"yes"}', "field-invalid", "field", "enforced"),
        (b'{"schema":null,"colour":1}', "field-invalid", "field", "colour"),
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused_at_once(
    account: TestAccount, frozen: str, body: bytes, code: str, member: str, value: str
) -> None:
    answer = account.api.request("PUT", f"/file/{frozen}/schema", content=body)
    assert_problem(answer, 422, code, **{member: value})
    assert len(account.api.json("/tasks")["tasks_list"]) == 1


def test_wrong_parameters(account: TestAccount, frozen: str) -> None:
    assert_problem(put(account.api, frozen, WIDER, "perhaps"), 422, "field-invalid")
    path = f"/file/{frozen}/schema"
    too_large = b'{"fields":[{"name":"' + b"x" * (1 << 20) + b'"}]}'
    assert_problem(account.api.request("PUT", path, content=too_large), 413, "body-too-large")
    assert_problem(account.api.get(path, params={"revision": 9}), 404, "not-found")
    assert_problem(account.api.get(path, params={"revision": 0}), 422, "field-invalid")


def test_a_change_can_be_canceled_before_it_begins(server: Server, account: TestAccount) -> None:
    delivered = account.api.deliver(LONG_CSV, limit=10_000_000, enforce_schema="true")
    file_id = delivered["file_id"]
    with holding_places(server, account.api):
        task_id = put(account.api, file_id, WIDER).json()["task_id"]
        assert account.api.post(f"/task/{task_id}/cancel").json()["status"] == "canceled"
    assert get_schema(account.api, file_id)["revision"] == 1


def _json(document: Any) -> str:
    import json

    return json.dumps(document)
