"""Conditional and repeated deliveries: If-Match and Idempotency-Key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select, update
from tests.http.test_versions import deliver, publish, rows
from tests.support.api import CSV, assert_problem
from tests.support.postgres import wait_for_blocked
from tests.support.raw import (
    CLOSING,
    MULTIPART,
    connect,
    file_part_head,
    form,
    head,
    read_answer,
    text_part,
)
from tests.support.server import Server, TestAccount
from tests.support.tus import HEADERS, Tus, create, metadata
from tests.support.wait import PATIENCE, wait_until

from entrepot.db.tables import replies, reservations
from entrepot.errors import RequestUnderWay
from entrepot.files.sweep import sweep
from entrepot.grants.access import access_deliverable
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Claim, claim_key, find_reply, save_reply

pytestmark = pytest.mark.both_databases

KEY = "Idempotency-Key"


def new_key() -> dict[str, str]:
    return {KEY: f'"{uuid4()}"'}


def etag_of(account: TestAccount, file_id: str) -> str:
    return str(account.api.get(f"/file/{file_id}").headers["etag"])


def figures(account: TestAccount) -> tuple[int, int, int]:
    result = account.api.account()
    return result["used"], result["reserved"], result["versions"]


def test_a_file_has_an_etag(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    tag = etag_of(account, file_id)
    assert tag.startswith('"')
    assert etag_of(account, file_id) == tag
    path = f"/file/{file_id}"
    unchanged = account.api.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    publish(account.api, file_id, rows(2))
    assert etag_of(account, file_id) != tag
    assert account.api.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_delivery_may_be_conditional(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    tag = etag_of(account, file_id)
    answer = deliver(account.api, file_id, rows(2), headers={"If-Match": tag})
    assert answer.status_code == 202
    # Also before that one is published: somebody was faster.
    stale = deliver(account.api, file_id, rows(3), headers={"If-Match": tag})
    assert_problem(stale, 412, "precondition-failed")
    account.api.wait_task(answer.json()["task_id"])
    assert figures(account) == (len(CSV) + len(rows(2)), 0, 2)
    for match, status in (("*", 202), (f"W/{etag_of(account, file_id)}", 412), ("nonsense", 412)):
        answer = deliver(account.api, file_id, headers={"If-Match": match})
        assert answer.status_code == status, match


def test_a_condition_tells_nothing_of_others_files(server: Server, account: TestAccount) -> None:
    theirs = server.new_account().api.deliver(CSV)["file_id"]
    for file_id in (theirs, str(uuid4())):
        answer = deliver(account.api, file_id, headers={"If-Match": '"x"'})
        assert_problem(answer, 404, "not-found")


def request_head(account: TestAccount, path: str, length: int, **headers: str) -> bytes:
    framing = {"Content-Type": MULTIPART, "Content-Length": str(length)}
    return head("POST", path, {**account.api.authorization, **framing, **headers})


def test_a_stale_delivery_is_refused_before_its_body(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    path = f"/api/v1/file/{file_id}/versions"
    with connect(account.api.endpoint) as sock:
        sock.sendall(request_head(account, path, 500_000, **{"If-Match": '"stale"'}))
        assert_problem(read_answer(sock), 412, "precondition-failed")
    assert figures(account) == (len(CSV), 0, 1)


@contextmanager
def half_sent(account: TestAccount, path: str, **headers: str) -> Iterator[tuple[Any, bytes]]:
    """An upload whose body lacks its end: the connection, and what is to be sent yet."""
    body = form(rows(4), file_size_limit="1000") if path.endswith("new") else form(rows(4))
    with connect(account.api.endpoint) as sock:
        sock.sendall(request_head(account, path, len(body), **headers) + body[:-20])
        yield sock, body[-20:]


def wait_reserved(server: Server, account: TestAccount) -> None:
    """Until an upload of the account is under way."""
    actor = server.actor(account.api_key)
    mine = select(reservations.c.id).where(reservations.c.account_id == actor.account_id)

    def begun() -> bool:
        with server.parts.database.reading() as conn:
            return conn.scalar(mine) is not None

    wait_until(begun, "an upload begins")


def test_a_file_that_changes_meanwhile_refuses_at_the_commit(
    server: Server, account: TestAccount
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    path, tag = f"/api/v1/file/{file_id}/versions", etag_of(account, file_id)
    with half_sent(account, path, **{"If-Match": tag}) as (sock, rest):
        wait_reserved(server, account)
        publish(account.api, file_id, rows(2))
        sock.sendall(rest)
        assert_problem(read_answer(sock), 412, "precondition-failed")
    assert figures(account) == (len(CSV) + len(rows(2)), 0, 2)
    assert account.api.get(f"/file/download/{file_id}").content == rows(2)


def test_the_same_request_has_the_same_task(account: TestAccount) -> None:
    api, key = account.api, new_key()
    sent = {"files": {"file": ("a.csv", CSV)}, "headers": key}
    first = api.post("/file/new", data={"file_size_limit": "1000"}, **sent)
    again = api.post("/files", data={"file_size_limit": "1000"}, **sent)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    file_id = api.wait_task(first.json()["task_id"])["file_id"]
    key = new_key()
    tag = {"If-Match": etag_of(account, file_id)}
    answers = [deliver(api, file_id, rows(2), headers={**key, **tag}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}  # the first made the tag stale
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert figures(account) == (len(CSV) + len(rows(2)), 0, 2)
    assert len(api.json("/files")["files_list"]) == 1


def test_a_repetition_needs_no_room(server: Server) -> None:
    account = server.new_account(quota=len(CSV) + 5)
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    key = new_key()
    tasks = {account.api.post("/file/new", headers=key, **sent).json()["task_id"] for _ in "ab"}
    assert len(tasks) == 1
    assert figures(account) == (len(CSV), 0, 1)


def test_another_request_with_the_key_is_refused(account: TestAccount) -> None:
    api, key = account.api, new_key()
    fields = {"file_size_limit": "1000"}
    first = api.post("/file/new", data=fields, files={"file": ("a.csv", CSV)}, headers=key)
    file_id = api.wait_task(first.json()["task_id"])["file_id"]
    others: list[Any] = [
        {"data": fields, "files": {"file": ("a.csv", CSV + b"5,6\n")}},
        {"data": fields, "files": {"file": ("b.csv", CSV)}},
        {"data": {"file_size_limit": "1001"}, "files": {"file": ("a.csv", CSV)}},
        {"data": {**fields, "file_description": "x"}, "files": {"file": ("a.csv", CSV)}},
    ]
    for other in others:
        answer = api.post("/file/new", headers=key, **other)
        assert_problem(answer, 422, "idempotency-key-reused")
    answer = deliver(api, file_id, CSV, name="a.csv", headers=key)
    assert_problem(answer, 422, "idempotency-key-reused")
    assert figures(account) == (len(CSV), 0, 1)


def test_a_key_is_its_users_own(server: Server, account: TestAccount) -> None:
    key = new_key()
    callers = [account.api, account.new_user().api, server.new_account().api]
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    tasks = {api.post("/file/new", headers=key, **sent).json()["task_id"] for api in callers}
    assert len(tasks) == 3


def test_a_request_that_failed_may_be_repeated(account: TestAccount) -> None:
    api, key = account.api, new_key()
    files = {"file": ("a.csv", CSV)}
    wrong = api.post("/file/new", data={"file_size_limit": "5"}, files=files, headers=key)
    assert_problem(wrong, 413, "file-too-large")
    right = api.post("/file/new", data={"file_size_limit": "500"}, files=files, headers=key)
    assert right.status_code == 202


@pytest.mark.parametrize("new", [True, False], ids=["file", "version"])
def test_a_request_under_way_is_told(server: Server, account: TestAccount, new: bool) -> None:
    key = new_key()
    file_id = None if new else account.api.deliver(CSV)["file_id"]
    path = "/api/v1/file/new" if new else f"/api/v1/file/{file_id}/versions"
    with half_sent(account, path, **key) as (sock, rest):
        wait_reserved(server, account)
        answer = account.api.post(path, files={"file": ("a.csv", CSV)}, headers=key)
        problem = assert_problem(answer, 409, "request-under-way")
        assert answer.headers["retry-after"] == str(problem["retry_after"])
        sock.sendall(rest)
        assert read_answer(sock).status == 202
    with half_sent(account, path, **key) as (sock, rest):
        sock.sendall(rest)
        assert read_answer(sock).status == 202
    assert account.api.account()["versions"] == (1 if new else 2)


def test_the_same_request_at_once_is_done_once(account: TestAccount) -> None:
    key = new_key()
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    with ThreadPoolExecutor(8) as pool:
        post = account.api.post
        answers = list(pool.map(lambda _: post("/file/new", headers=key, **sent), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({a.json()["task_id"] for a in answers if a.status_code == 202}) == 1
    assert figures(account)[1:] == (0, 1)


def test_a_claim_of_a_dead_upload_blocks_nobody(server: Server, account: TestAccount) -> None:
    key = f"of-the-dead-{uuid4()}"
    actor = server.actor(account.api_key)
    now = server.parts.clock()
    values = {"user_id": actor.user_id, "key": key, "reservation_id": uuid4()}
    with server.parts.database.writing() as conn:
        conn.execute(
            replies.insert().values(**values, created_at=now, expires_at=now + timedelta(hours=24))
        )
    fields = {"file_size_limit": "1000"}
    files = {"file": ("a.csv", CSV)}
    answer = account.api.post("/file/new", data=fields, files=files, headers={KEY: key})
    assert answer.status_code == 202


def test_a_key_is_of_one_kind_of_request(account: TestAccount) -> None:
    """Whether a form, an act or a resumable upload came with it first."""
    file_id, with_key = account.api.deliver(CSV)["file_id"], new_key()
    sent = deliver(account.api, file_id, headers=with_key)
    account.api.wait_task(sent.json()["task_id"])
    before = figures(account)
    begun = create(account.api, len(CSV), headers=with_key)
    assert_problem(begun, 422, "idempotency-key-reused")
    upload = Tus.begin(account.api, len(CSV), headers=(with_key := new_key()))
    refused = deliver(account.api, file_id, headers=with_key)
    assert_problem(refused, 422, "idempotency-key-reused")
    path = f"/file/{file_id}/versions/1/restore"
    refused = account.api.post(path, headers=with_key)
    assert_problem(refused, 422, "idempotency-key-reused")
    assert upload.delete().status_code == 204
    assert figures(account) == before
    restored = account.api.post(path, headers=with_key)  # its upload is forgotten
    assert account.api.wait_task(restored.json()["task_id"])["status"] == "succeeded"


def test_answers_are_kept_for_a_day(server: Server, account: TestAccount) -> None:
    api, key = account.api, f"daily-{uuid4()}"
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    first = api.post("/file/new", headers={KEY: key}, **sent).json()["task_id"]
    parts = server.parts
    mine = replies.c.key == key
    with parts.database.writing() as conn:
        kept = conn.execute(select(replies).where(mine)).one()
        assert kept.expires_at - parts.clock() > timedelta(hours=23, minutes=59)
        conn.execute(update(replies).where(mine).values(expires_at=parts.clock()))
    second = api.post("/file/new", headers={KEY: key}, **sent).json()["task_id"]
    assert second != first
    with parts.database.writing() as conn:
        conn.execute(update(replies).where(mine).values(expires_at=parts.clock()))
    assert sweep(parts.database, parts.store, parts.clock).replies >= 1
    with parts.database.reading() as conn:
        assert conn.execute(select(replies).where(mine)).one_or_none() is None


def test_a_quoted_key_and_a_bare_one_are_the_same(account: TestAccount) -> None:
    sent = {"data": {"file_size_limit": "1000"}, "files": {"file": ("a.csv", CSV)}}
    for value in ("abc", '"abc"'):
        assert account.api.post("/file/new", headers={KEY: value}, **sent).status_code == 202
    assert account.api.account()["versions"] == 1


@pytest.mark.parametrize("value", ["", '""', '"open', "two words", "x" * 256, 'a"b', "é"])
def test_what_is_no_key_is_refused(account: TestAccount, value: str) -> None:
    body = text_part("file_size_limit", "1000") + file_part_head("a.csv") + CSV + b"\r\n" + CLOSING
    with connect(account.api.endpoint) as sock:
        headers = request_head(account, "/api/v1/file/new", len(body), **{KEY: "@"})
        sock.sendall(headers.replace(b"@", value.encode()) + body)
        assert_problem(read_answer(sock), 422, "field-invalid", field=KEY)
    assert figures(account) == (0, 0, 0)


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_uploads_of_two_kinds_with_keys_never_wait_for_each_other(
    server: Server, account: TestAccount
) -> None:
    """One locks the keys of the user, then the file; the other one did it the other way round."""
    file_id = account.api.deliver(CSV)["file_id"]
    database, actor = server.parts.database, server.actor(account.api_key)
    begun = {**HEADERS, **new_key(), "Upload-Length": str(len(CSV))}
    begun["Upload-Metadata"] = metadata(filename="next.csv", file_id=file_id)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as conn:
            assert find_reply(conn, actor.user_id, str(uuid4()), server.parts.clock()) is None
            waiting = pool.submit(account.api.post, "/uploads", headers=begun)
            wait_for_blocked(database.engine)
            access_deliverable(conn, actor, UUID(file_id))
        assert waiting.result(PATIENCE).status_code == 201


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_an_answer_that_comes_while_one_looks_is_not_overseen(
    server: Server, account: TestAccount
) -> None:
    """SQLite's writers come one after another. Here the first request is answered right after the
    second one has looked for it."""
    database, now = server.parts.database, server.parts.clock()
    actor, key, one = server.actor(account.api_key), str(uuid4()), uuid4()
    claim = Claim(actor.user_id, key, one)
    held = {"id": one, "account_id": actor.account_id, "size": 0, "created_at": now}
    with database.writing() as conn:
        conn.execute(reservations.insert().values(**held, expires_at=now + timedelta(hours=1)))
        claim_key(conn, claim, now)

    answered: list[UUID] = []

    def answer(*reported: Any) -> None:
        if "FROM replies" in reported[2] and not answered:
            answered.append(one)
            with database.writing() as other:
                save_reply(other, claim, "0" * 64, TaskId(uuid4()), now)
                other.execute(reservations.delete().where(reservations.c.id == one))

    with database.writing() as looking:
        event.listen(looking, "after_cursor_execute", answer)
        with pytest.raises(RequestUnderWay):
            find_reply(looking, actor.user_id, key, now)
    with database.writing() as conn:
        assert find_reply(conn, actor.user_id, key, now) is not None
        conn.execute(replies.delete().where(replies.c.key == key))
    server.assert_sound()
