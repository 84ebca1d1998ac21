"""Downloads in another form and of an earlier version, and the profile, over real servers."""

import base64
import csv
import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update
from tests.support.api import Api, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.blobs.store import BlobId
from entrepot.db.tables import derivatives
from entrepot.files.derivative_space import UNUSED_LIFETIME
from entrepot.files.sweep import sweep

CONTENT = b'id;name;price;day\n1;"a;b";1,50;2024-03-01\n2;\xc3\xa4;22,25;2024-03-02\n3;;;\n'
ROWS = [["1", "a;b", "1,50", "2024-03-01"], ["2", "ä", "22,25", "2024-03-02"], ["3", "", "", ""]]
CANONICAL = b"id,amount\r\n1,2\r\n3,4\r\n"
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}


def profile_of(api: Api, file_id: str) -> dict[str, Any]:
    result: dict[str, Any] = api.json(f"/file/{file_id}/profile")
    assert result["columns_pending"] is False
    return result


@pytest.fixture(scope="module")
def holder(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def file_id(holder: TestAccount) -> str:
    task = holder.api.deliver(CONTENT, name="Preise.csv", enforce_schema="true")
    assert task["status"] == "succeeded"
    return str(task["file_id"])


def test_all_is_there_as_soon_as_the_task_has_succeeded(holder: TestAccount) -> None:
    task = holder.api.deliver(CONTENT, name="steps.csv")
    parquet = holder.api.get(f"/file/download/{task['file_id']}?format=parquet")
    assert (parquet.status_code, parquet.headers["entrepot-version"]) == (200, "1")
    preview = holder.api.get(f"/file/{task['file_id']}/preview")
    assert (preview.status_code, preview.headers["entrepot-version"]) == (200, "1")
    result = profile_of(holder.api, task["file_id"])
    assert result["table"]["rows"] == 3
    assert result["file"]["dialect"]["delimiter"] == ";"
    assert result["derivative"] == {"status": "ready"}
    assert result["version"] == 1
    price = result["columns"][2]
    assert (price["name"], price["type"], price["storedAs"]) == ("price", "number", "DECIMAL(4,2)")
    assert (price["nulls"], price["minimum"], price["maximum"]) == (1, 1.5, 22.25)
    assert result["columns"][0]["candidateKey"] is True


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "arrow"])
def test_each_form_is_a_representation_of_its_own(
    holder: TestAccount, file_id: str, form: str
) -> None:
    path = f"/file/download/{file_id}?format={form}"
    answer = holder.api.get(path)
    assert answer.status_code == 200
    headers, body = answer.headers, answer.content
    assert headers["content-type"] == MEDIA_TYPES[form]
    assert headers["content-length"] == str(len(body))
    digest = hashlib.sha256(body).digest()
    assert headers["etag"] == f'"{digest.hex()}"'
    assert headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert f'filename="Preise.{form}"' in headers["content-disposition"]
    head = holder.api.request("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == headers["etag"]
    part = holder.api.get(path, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, body[2:10])
    same = holder.api.get(path, headers={"If-None-Match": headers["etag"]})
    assert same.status_code == 304
    assert _rows(form, body)[0][:2] == [1, "a;b"]
    assert len(_rows(form, body)) == 3
    for each in (answer, head, part, same, original := holder.api.get(f"/file/download/{file_id}")):
        assert each.headers["entrepot-version"] == "1"
    assert original.content == CONTENT
    assert original.headers["etag"] != headers["etag"]


def _rows(form: str, body: bytes) -> list[list[Any]]:
    match form:
        case "csv":
            header, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
            assert header == ["id", "name", "price", "day"]
            assert rows == ROWS
            return [[int(row[0]), *row[1:]] for row in rows]
        case "jsonl":
            return [list(json.loads(line).values()) for line in body.splitlines()]
        case "parquet":
            return [list(row.values()) for row in pq.read_table(io.BytesIO(body)).to_pylist()]
        case _:
            table = pa.ipc.open_file(body).read_all()
            return [list(row.values()) for row in table.to_pylist()]


def test_what_is_canonical_is_answered_as_it_lies(holder: TestAccount) -> None:
    before = holder.api.account()["derivatives"]
    task = holder.api.deliver(CANONICAL)
    profile_of(holder.api, task["file_id"])
    parquet = holder.api.get(f"/file/download/{task['file_id']}?format=parquet")
    answer = holder.api.get(f"/file/download/{task['file_id']}?format=csv")
    assert answer.content == CANONICAL
    assert holder.api.account()["derivatives"] == before + len(parquet.content)


def test_derivatives_are_shown_beside_the_quota(server: Server) -> None:
    account = server.new_account()
    task = account.api.deliver(CONTENT)
    body = account.api.get(f"/file/download/{task['file_id']}?format=parquet").content
    document = account.api.account()
    assert (document["used"], document["derivatives"]) == (len(CONTENT), len(body))


def test_a_version_by_its_number(holder: TestAccount, file_id: str) -> None:
    plain = holder.api.get(f"/file/download/{file_id}?version=1")
    assert (plain.status_code, plain.content) == (200, CONTENT)
    assert_problem(holder.api.get(f"/file/download/{file_id}?version=2"), 404, "not-found")
    formed = f"/file/download/{file_id}?version=2&format=csv"
    assert_problem(holder.api.get(formed), 404, "not-found")
    for wrong in ("version=0", "version=x", "format=xml", "format=PARQUET", "format="):
        answer = holder.api.get(f"/file/download/{file_id}?{wrong}")
        assert_problem(answer, 422, "field-invalid", field=wrong.partition("=")[0])


def test_a_rejected_version_has_no_forms(holder: TestAccount) -> None:
    schema = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"boolean"}]}'
    task = holder.api.deliver(CANONICAL, enforce_schema=schema)
    assert task["status"] == "failed"
    path = f"/file/download/{task['file_id']}"
    assert_problem(holder.api.get(f"{path}?format=parquet"), 404, "no-published-version")
    assert_problem(holder.api.get(f"{path}?version=1&format=csv"), 404, "not-found")
    profile = holder.api.json(f"/file/{task['file_id']}/profile")
    assert (profile["columns"], profile["columns_pending"]) == ([], False)
    assert profile["derivative"] == {"status": "none"}


@pytest.mark.parametrize("form", sorted(MEDIA_TYPES))
def test_what_is_no_table_has_no_forms(holder: TestAccount, form: str) -> None:
    task = holder.api.deliver(b"\x89PNG\r\n\x1a\n\0\0", name="a.png")
    answer = holder.api.get(f"/file/download/{task['file_id']}?format={form}")
    assert_problem(answer, 422, "not-tabular", format=form, media_type="image/png")


@pytest.mark.parametrize("query", ["format=parquet", "format=csv", "version=1", "version=7"])
def test_anothers_file_is_not_there(server: Server, file_id: str, query: str) -> None:
    stranger = server.new_account().api
    theirs = stranger.get(f"/file/download/{file_id}?{query}")
    never = stranger.get(f"/file/download/00000000-0000-4000-8000-000000000000?{query}")
    assert_problem(theirs, 404, "not-found")
    assert len({_but_its_id(answer) for answer in (theirs, never)}) == 1


def _but_its_id(answer: httpx2.Response) -> str:
    return answer.text.replace(answer.headers["x-request-id"], "")


def test_a_key_without_read_gets_none(holder: TestAccount, file_id: str) -> None:
    writer = holder.new_key(("write",)).api
    answer = writer.get(f"/file/download/{file_id}?format=parquet")
    assert_problem(answer, 403, "scope-missing", required="read")


def test_a_failed_form_says_why_and_is_tried_again_later(server: Server) -> None:
    account = server.new_account()
    task = account.api.deliver(CONTENT)
    path = f"/file/download/{task['file_id']}?format=parquet"
    account.api.get(path)
    parts = server.parts
    error = {"code": "resource-limit", "detail": "It needs more than 7 bytes."}
    now = parts.clock()

    def fail(conn: Any, ended_at: Any) -> None:
        mine = derivatives.c.account_id == server.actor(account.api_key).account_id
        conn.execute(
            update(derivatives)
            .where(mine)
            .values(status="failed", blob_id=None, size=0, error=error, ended_at=ended_at)
        )

    parts.database.write(fail, now)
    problem = assert_problem(
        account.api.get(path), 409, "derivative-failed", cause="resource-limit", format="parquet"
    )
    assert "more than 7 bytes" in problem["detail"]
    assert 500 < problem["retry_after"] <= 600
    assert account.api.get(f"/file/download/{task['file_id']}").content == CONTENT
    answer = account.api.json(f"/file/{task['file_id']}/profile")
    assert answer["derivative"] == {"status": "failed", "error": error}
    failed_too = account.api.get(path.replace("parquet", "jsonl"))
    assert_problem(failed_too, 409, "derivative-failed", format="jsonl")
    parts.database.write(fail, now - timedelta(minutes=11))
    assert account.api.get(path).status_code == 200


def test_forms_that_nobody_uses_go_and_come_again(server: Server) -> None:
    account = server.new_account()
    task = account.api.deliver(CONTENT)
    path = f"/file/download/{task['file_id']}?format=jsonl"
    first = account.api.get(path).content
    parts = server.parts
    full = account.api.account()["derivatives"]
    mine = derivatives.c.account_id == server.actor(account.api_key).account_id
    with parts.database.reading() as conn:
        of_form = select(derivatives.c.blob_id).where(mine, derivatives.c.form == "jsonl")
        held = BlobId(conn.scalars(of_form).one())
    later = parts.clock() + UNUSED_LIFETIME + timedelta(hours=2)
    swept = sweep(parts.database, parts.store, lambda: later)
    assert swept.unused >= 1
    assert swept.released >= 1
    assert parts.store.stat(held) is None
    assert account.api.account()["derivatives"] == full - len(first)
    assert account.api.get(path).content == first


def test_an_accounts_derivatives_stay_within_its_quota(server: Server) -> None:
    """They count against no quota, but one account cannot fill the server with them."""
    account = server.new_account(quota=len(CONTENT) + 10)
    task = account.api.deliver(CONTENT, limit=1000)
    assert task["status"] == "succeeded"
    path = f"/file/download/{task['file_id']}?format=parquet"
    answer = account.api.get(path)
    assert_problem(answer, 409, "derivative-failed", cause="derivatives-full")
    # The profile is measured anyway.
    assert len(profile_of(account.api, task["file_id"])["columns"]) == 4
    assert account.api.account()["derivatives"] == 0


def test_the_work_is_in_no_list_of_tasks(holder: TestAccount, file_id: str) -> None:
    holder.api.get(f"/file/download/{file_id}?format=parquet")
    assert {task["kind"] for task in holder.api.json("/tasks")["tasks_list"]} == {"file.new"}


def test_nothing_is_broken_by_all_that(server: Server) -> None:
    server.assert_sound()
