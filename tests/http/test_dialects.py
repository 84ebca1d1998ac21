"""A Table Dialect and an encoding are parts of a contract, which can be stated at any time."""

import json
from base64 import b64encode
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.http.conftest import holding_places
from tests.http.test_schema import change, get_schema, put
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

from entrepot.db.tables import inspections, versions
from entrepot.tasks.schedule import SHORT_BYTES

DIALECT = {"delimiter": ";", "header": True}
TITLED = b"Report\nid,name\n1,Ada\n2,Bob\n"
NAMED = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}
THIRD_RECORD = {"headerRows": [2]}


def deliver(api: Api, file_id: str, content: bytes, **fields: str) -> Any:
    path = f"/file/{file_id}/versions"
    return api.post(path, data=fields, files={"file": ("a.csv", content)})


def ended(api: Api, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return api.wait_task(answer.json()["task_id"])


@pytest.fixture
def rejected(account: TestAccount) -> str:
    """A file whose first version was rejected: its header is below a title."""
    task = account.api.deliver(TITLED, enforce_schema=json.dumps(NAMED))
    assert '"headerRows": [2]' in task["error"]["detail"]
    return str(task["file_id"])


def test_it_is_kept_with_the_contract_and_shown(account: TestAccount) -> None:
    dialect = json.dumps(DIALECT)
    task = account.api.deliver(b"id;amount\n1;2,5\n", table_dialect=dialect, encoding="Latin1")
    assert task["status"] == "succeeded"
    result = account.api.json(f"/file/{task['file_id']}")
    assert (result["table_dialect"], result["encoding"]) == (DIALECT, "iso8859-1")
    values = get_schema(account.api, task["file_id"])
    assert (values["dialect"], values["encoding"]) == (DIALECT, "iso8859-1")
    without = account.api.deliver(CSV, table_dialect=" ", encoding=" ")
    result = account.api.json(f"/file/{without['file_id']}")
    assert (result["table_dialect"], result["encoding"]) == (None, None)


@pytest.mark.parametrize("path", ["/file/new", "/files", "/file/validate"])
@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"delimiter": ""}', "/delimiter"),
        ('{"quoteChar": "ab"}', "/quoteChar"),
        ('{"headerRows": [2, 1]}', "/headerRows"),
        ('{"entrepot:footer": "(?=Total)"}', "/entrepot:footer"),
        ('{"table": "orders"}', "/table"),
        ('{"delimeter": ";"}', "/delimeter"),
        ("[]", ""),
        ("nonsense", ""),
        ('{"header": true, "header": false}', ""),
    ],
)
def test_a_wrong_one_is_refused(account: TestAccount, path: str, text: str, pointer: str) -> None:
    answer = account.api.upload(CSV, path=path, table_dialect=text)
    problem = assert_problem(answer, 422, "dialect-invalid", pointer=pointer)
    assert problem["detail"].startswith("table_dialect: at ")
    assert account.api.json("/tasks")["tasks_list"] == []


def test_an_unknown_encoding_is_refused(account: TestAccount) -> None:
    for path in ("/file/new", "/files", "/file/validate"):
        for name in ("klingon", "rot13", "x" * 200, "utf-8\0", "é"):
            answer = account.api.upload(CSV, path=path, encoding=name)
            problem = assert_problem(answer, 422, "field-invalid", field="encoding")
            assert "cp1252, " in problem["detail"]


@pytest.mark.both_databases
def test_the_next_delivery_may_state_it_until_one_is_published(
    server: Server, account: TestAccount, rejected: str
) -> None:
    api, dialect = account.api, json.dumps(THIRD_RECORD)
    task = ended(api, deliver(api, rejected, TITLED, table_dialect=dialect))
    assert (task["status"], task["error"]) == ("succeeded", None)
    result = get_schema(api, rejected)
    assert (result["revision"], result["source"], result["dialect"]) == (2, "given", THIRD_RECORD)
    assert result["effect"] == "compatible"  # nothing was published under the old one
    assert [each["dialect"] for each in result["revisions_list"]] == [THIRD_RECORD, None]
    same = deliver(api, rejected, TITLED, table_dialect=dialect)
    assert ended(api, same)["status"] == "succeeded"
    other = deliver(api, rejected, TITLED, table_dialect='{"headerRows": [3]}')
    problem = assert_problem(other, 422, "field-invalid", field="table_dialect")
    assert "PUT" in problem["detail"]
    answer = deliver(api, rejected, TITLED, encoding="cp1252")
    assert_problem(answer, 422, "field-invalid", field="encoding")
    server.assert_sound()


def test_only_who_manages_the_file_states_it(server: Server, account: TestAccount) -> None:
    file_id, guest = account.api.deliver(CSV)["file_id"], server.new_account()
    share(account.api, file_id, guest.admin.user_name, "rw")
    answer = deliver(guest.api, file_id, CSV, table_dialect=json.dumps(THIRD_RECORD))
    assert_problem(answer, 403, "not-allowed")
    assert_problem(deliver(guest.api, file_id, CSV, encoding="cp1252"), 403, "not-allowed")
    assert account.api.json(f"/file/{file_id}")["encoding"] is None


def test_what_waits_is_read_as_it_is_stated_meanwhile(server: Server, account: TestAccount) -> None:
    """A first version may wait for its inspection while the next one states how both are read."""
    api = account.api
    with holding_places(server, api):
        long = TITLED + b"3,Eve\n" * (SHORT_BYTES // 4)
        first = api.upload(long, limit=10_000_000, enforce_schema="true").json()["task_id"]
        file_id = api.task(first)["file_id"]
        stated = json.dumps({"headerRows": [1], "delimiter": ","})
        table = b"id,name\n1,Ada\n"
        second = deliver(api, file_id, table, table_dialect=stated, encoding="utf-8")
        assert api.task(first)["status"] == "queued"
    assert api.wait_task(first)["status"] == "failed"  # a title is not a header of two columns
    assert ended(api, second)["status"] == "succeeded"
    result = get_schema(api, file_id)
    assert (result["revision"], result["encoding"]) == (1, "utf-8")
    assert result["dialect"] == json.loads(stated)
    server.assert_sound()


def test_resumable_uploads_state_it(account: TestAccount, rejected: str) -> None:
    api = account.api

    def create(**fields: str) -> Any:
        pairs = (f"{name} {b64encode(text.encode()).decode()}" for name, text in fields.items())
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(TITLED)),
            "Upload-Metadata": ",".join(pairs),
            "Content-Type": "application/offset+octet-stream",
        }
        return api.post("/uploads", headers=headers, content=TITLED)

    dialect = json.dumps(THIRD_RECORD)
    fields = {"filename": "a.csv", "file_id": rejected}
    assert_problem(create(**fields, encoding="klingon"), 422, "field-invalid", field="encoding")
    assert_problem(create(**fields, table_dialect="[]"), 422, "dialect-invalid")
    created = create(**fields, table_dialect=dialect, encoding="utf-8")
    assert created.status_code == 201, created.text
    assert api.wait_task(created.headers["entrepot-task-id"])["status"] == "succeeded"
    result = get_schema(api, rejected)
    assert (result["dialect"], result["encoding"]) == (THIRD_RECORD, "utf-8")
    late = create(**fields, table_dialect='{"headerRows": [3]}')
    assert_problem(late, 422, "field-invalid", field="table_dialect")
    new = create(filename="b.csv", file_size_limit="999", encoding="cp1252", table_dialect=dialect)
    file_id = api.wait_task(new.headers["entrepot-task-id"])["file_id"]
    assert api.json(f"/file/{file_id}")["encoding"] == "cp1252"


def test_a_validation_is_read_as_it_states_or_as_its_file(account: TestAccount) -> None:
    api, schema, dialect = account.api, json.dumps(NAMED), json.dumps(THIRD_RECORD)
    fields = {"path": "/file/validate", "limit": None, "enforce_schema": schema}
    assert ended(api, api.upload(TITLED, **fields))["status"] == "failed"
    done = ended(api, api.upload(TITLED, **fields, table_dialect=dialect))
    assert done["status"] == "succeeded"
    file_id = api.deliver(TITLED, enforce_schema=schema, table_dialect=dialect)["file_id"]
    by_file = {"path": "/file/validate", "limit": None, "file_id": file_id}
    assert ended(api, api.upload(TITLED, **by_file))["status"] == "succeeded"
    assert ended(api, api.upload(b"id,name\n1,Ada\n", **by_file))["status"] == "failed"
    wrong = api.upload(TITLED, **by_file, encoding="utf-8")
    assert_problem(wrong, 422, "field-invalid", field="encoding")


def test_bytes_that_are_not_of_the_encoding_are_rejected_with_their_place(
    account: TestAccount,
) -> None:
    schema = json.dumps(NAMED)
    task = account.api.deliver(
        b"id,name\n1,Ada\n2,\xe9t\xe9\n", enforce_schema=schema, encoding="utf-8"
    )
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    (error,) = task["error"]["errors"]
    assert (error["type"], error["rowNumber"], error["lineNumber"]) == ("encoding-error", 3, 3)
    marked = account.api.deliver(b"\xef\xbb\xbf" + CSV, enforce_schema=schema, encoding="cp1252")
    assert (
        "byte order mark is that of utf-8, the contract states cp1252"
        in (marked["error"]["detail"])
    )


def test_what_the_format_lacks_rejects_with_its_own_code(account: TestAccount) -> None:
    lines = b'{"rows": []}\n{"rows": []}\n'
    dialect = json.dumps({"property": "rows"})
    task = account.api.deliver(lines, enforce_schema=json.dumps(NAMED), table_dialect=dialect)
    assert task["error"]["code"] == "dialect-unsupported"
    assert task["error"]["type"] == "/problems/dialect-unsupported"


@pytest.mark.both_databases
def test_a_schema_a_dialect_and_an_encoding_are_one_revision(
    server: Server, account: TestAccount
) -> None:
    api = account.api
    file_id = api.deliver(TITLED, enforce_schema="true")["file_id"]
    result = get_schema(api, file_id)
    assert (result["revision"], result["dialect"], result["encoding"]) == (1, THIRD_RECORD, None)
    new = {"dialect": {**THIRD_RECORD, "skipBlankRows": True}, "encoding": "latin-1"}
    problem = assert_problem(put(api, file_id, new), 409, "breaking-change")
    effects = {each["pointer"]: each["effect"] for each in problem["changes"]}
    assert effects == {"/dialect/skipBlankRows": "compatible", "/encoding": "breaking"}
    assert change(api, file_id, new, "accept")["status"] == "succeeded"
    result = get_schema(api, file_id)
    assert (result["revision"], result["encoding"]) == (2, "iso8859-1")
    assert result["schema"]["fields"][0]["name"] == "id"  # what is left out stays
    assert api.json(f"/file/{file_id}")["table_dialect"] == new["dialect"]
    bare = {"fields": [*NAMED["fields"]], "title": "People"}
    assert change(api, file_id, bare, "accept")["status"] == "succeeded"
    assert get_schema(api, file_id)["dialect"] == new["dialect"]
    ended_again = change(api, file_id, {"encoding": None})
    assert ended_again["status"] == "succeeded"
    result = get_schema(api, file_id)
    assert (result["revision"], result["encoding"], result["effect"]) == (4, None, "compatible")
    assert [each["encoding"] for each in result["revisions_list"]] == [
        None, "iso8859-1", "iso8859-1", None,
    ]  # fmt: skip
    server.assert_sound()


def test_the_current_version_is_held_against_a_dialect_too(account: TestAccount) -> None:
    file_id = account.api.deliver(TITLED, enforce_schema="true")["file_id"]
    task = change(account.api, file_id, {"dialect": None}, "accept")
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    assert get_schema(account.api, file_id)["dialect"] == THIRD_RECORD


def test_a_contract_without_a_schema_needs_one(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    answer = put(account.api, file_id, {"dialect": DIALECT}, "accept")
    assert_problem(answer, 422, "schema-invalid", pointer="/schema")


def test_a_version_keeps_how_it_was_read(server: Server, account: TestAccount) -> None:
    """By its own contract are its forms made, and two versions compared."""
    api = account.api
    schema = json.dumps({"fields": [{"name": "id"}, {"name": "name"}]})
    dialect = '{"delimiter": "|"}'
    old = b"id|name\n1|a,b\n"
    file_id = api.deliver(old, enforce_schema=schema, table_dialect=dialect)["file_id"]
    assert change(api, file_id, {"dialect": None}, "accept")["status"] == "succeeded"
    assert ended(api, deliver(api, file_id, b"id,name\n1,a|b\n"))["status"] == "succeeded"
    by_version = select(versions.c.number, inspections.c.dialect).join(
        inspections, inspections.c.version_id == versions.c.id
    )
    with server.parts.database.reading() as conn:
        rows = conn.execute(by_version.where(versions.c.file_id == UUID(file_id))).all()
    assert {row.number: row.dialect for row in rows} == {1: {"delimiter": "|"}, 2: None}
    reported = {"before": 1, "after": 2, "examples": 5}
    answer = api.post(f"/file/{file_id}/compare", json=reported)
    task = ended(api, answer)
    compared = api.json(task["report_url"])
    assert (compared["columns_added"], compared["columns_removed"]) == ([], [])
