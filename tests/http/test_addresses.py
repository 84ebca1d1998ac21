"""Files by their addresses: paths, forms by extension, versions, and who reads them."""

import hashlib
import io
from functools import partial
from typing import Any

import httpx2
import pyarrow.parquet
import pytest
from tests.support.api import CSV, PLAIN, Api, assert_problem
from tests.support.raw import exchange, head
from tests.support.server import Server, TestAccount
from tests.support.sharing import OTHER, deliver, share
from tests.support.together import all_at_once

EXCEL_LIKE = "id;amount\r\n1;2\r\n".encode("utf-16")
"""A table whose canonical CSV is another than its bytes."""
MALFORMED = (
    "", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".hidden", "a/.b", "a.", "a./b", "-a",
    "a b", "a@2", "a%2Fb", "ä", "ａ", "a\\b", "a\n", "a\0", "a:b", "a" * 256, "datapackage.json",
    "sales/DataPackage.json",
)  # fmt: skip
"""Paths that no file gets."""


@pytest.fixture
def account(server: Server) -> TestAccount:
    return server.new_account()


def publish(api: Api, path: str, content: bytes = CSV, name: str = "orders.csv") -> str:
    """A file with this path, published; its id."""
    fields = {"file_size_limit": "1000000", "path": path}
    sent = api.post("/file/new", data=fields, files={"file": (name, content)})
    assert sent.status_code == 202, sent.text
    task = api.wait_task(sent.json()["task_id"])
    assert task["status"] == "succeeded", task
    return str(task["file_id"])


def rows(parquet: bytes) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(io.BytesIO(parquet)).to_pylist()


@pytest.mark.both_databases
def test_an_address_serves_the_bytes_the_forms_and_the_versions(
    account: TestAccount, server: Server
) -> None:
    api, base = account.api, f"/d/{account.name}/sales/2026/orders"
    file_id = publish(api, "sales/2026/orders", EXCEL_LIKE)
    deliver(account.admin, file_id, OTHER)
    server.wait_derived()
    newest = api.get(base)
    assert (newest.content, newest.headers["entrepot-version"]) == (OTHER, "2")
    assert newest.headers["etag"] == f'"{hashlib.sha256(OTHER).hexdigest()}"'
    assert api.get(f"{base}@1").content == EXCEL_LIKE
    assert api.get(f"{base}.csv@1").content == b"id,amount\r\n1,2\r\n"
    assert rows(api.get(f"{base}.parquet@1").content) == [{"id": 1, "amount": 2}]
    assert api.get(f"{base}.jsonl@1").content == b'{"id":1,"amount":2}\n'
    assert api.get(f"{base}.arrow@1").content[:6] == b"ARROW1"
    part = api.get(base, headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, OTHER[:2])
    same = api.get(base, headers={"If-None-Match": newest.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    head = api.request("HEAD", f"{base}.parquet")
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"])
    for answer in (newest, same):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Authorization, Cookie"


def test_a_download_with_a_name_serves_the_form_of_its_extension(
    account: TestAccount, server: Server
) -> None:
    api = account.api
    file_id = api.deliver(EXCEL_LIKE, name="orders.txt")["file_id"]
    server.wait_derived()
    base = f"/file/download/{file_id}"
    assert api.get(f"{base}/any.csv").content == b"id,amount\r\n1,2\r\n"
    assert rows(api.get(f"{base}/orders.parquet").content) == [{"id": 1, "amount": 2}]
    assert api.get(f"{base}/orders.parquet?version=1").status_code == 200
    assert api.get(f"{base}/ORDERS.TXT").content == EXCEL_LIKE
    refused = assert_problem(api.get(f"{base}/orders.xlsx"), 422, "field-invalid", field="name")
    assert ".txt" in refused["detail"]
    assert ".parquet" in refused["detail"]
    assert_problem(api.get(f"{base}/txt"), 422, "field-invalid", field="name")
    assert_problem(api.get(f"{base}/orders.csv?version=2"), 404, "not-found")
    stranger = server.new_account().api
    for name in ("orders.csv", "orders.parquet", "orders.xlsx", "orders.txt"):
        assert_problem(stranger.get(f"{base}/{name}"), 404, "not-found")


def test_a_path_is_set_changed_shown_and_taken_away(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    assert api.json(f"/file/{file_id}")["path"] is None
    changed = api.request("PATCH", f"/file/{file_id}", json={"path": "a/orders"})
    assert changed.json()["path"] == "a/orders"
    assert api.get(f"/d/{account.name}/a/orders").content == CSV
    assert [f["file_id"] for f in api.json("/files?path=a/orders")["files_list"]] == [file_id]
    assert api.json("/files?path=a/order")["files_list"] == []
    assert api.json("/files")["files_list"][0]["path"] == "a/orders"
    assert api.request("PATCH", f"/file/{file_id}", json={"path": "b"}).status_code == 200
    assert_problem(api.get(f"/d/{account.name}/a/orders"), 404, "not-found")
    api.request("PATCH", f"/file/{file_id}", json={"path": None})
    assert_problem(api.get(f"/d/{account.name}/b"), 404, "not-found")
    recorded = api.json(f"/file/{file_id}/activity?action=file.change")["activity_list"]
    assert {"from": "b", "to": None} in [row["detail"]["path"] for row in recorded]


@pytest.mark.parametrize("path", MALFORMED)
def test_a_path_that_can_be_misread_is_refused(account: TestAccount, path: str) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    refused = account.api.request("PATCH", f"/file/{file_id}", json={"path": path})
    assert_problem(refused, 422, "field-invalid", field="path")
    if path:
        sent = account.api.post(
            "/file/new", data={"file_size_limit": "9999", "path": path}, files={"file": ("a", CSV)}
        )
        assert_problem(sent, 422, "field-invalid", field="path")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("orders", "orders"), ("orders", "Orders"), ("a/orders", "a/orders.parquet"),
        ("orders.csv", "orders"), ("ORDERS.JSONL", "orders"), ("orders", "orders.Arrow"),
    ],
)  # fmt: skip
def test_a_path_that_collides_with_another_files_address_is_refused(
    account: TestAccount, first: str, second: str
) -> None:
    api = account.api
    publish(api, first)
    fields = {"file_size_limit": "99", "path": second}
    sent = api.post("/file/new", data=fields, files={"file": ("a.csv", CSV)})
    assert_problem(sent, 409, "path-taken", path=second, taken_by=first)
    other_id = api.deliver(CSV)["file_id"]
    refused = api.request("PATCH", f"/file/{other_id}", json={"path": second})
    assert_problem(refused, 409, "path-taken", taken_by=first)
    assert api.account()["reserved"] == 0


@pytest.mark.both_databases
def test_of_two_who_claim_colliding_paths_one_is_refused(account: TestAccount) -> None:
    files = [account.api.deliver(CSV)["file_id"] for _ in range(2)]
    apis = [account.new_key().api for _ in files]

    def claim(turn: int, at: int) -> httpx2.Response:
        path = f"orders{turn}" + (".parquet" if at else "")
        return apis[at].request("PATCH", f"/file/{files[at]}", json={"path": path})

    for turn in range(5):
        answers = all_at_once(partial(claim, turn, 0), partial(claim, turn, 1))
        statuses = [getattr(answer, "status_code", answer) for answer in answers]
        assert sorted(map(str, statuses)) == ["200", "409"], statuses


def test_paths_that_only_look_alike_are_others(account: TestAccount, server: Server) -> None:
    publish(account.api, "orders.csv")
    publish(account.api, "orders.parquet", OTHER)
    publish(account.api, "orders.xlsx", b"id\n9\n")
    base = f"/d/{account.name}"
    assert account.api.get(f"{base}/orders.parquet").content == OTHER
    assert account.api.get(f"{base}/orders.xlsx").content == b"id\n9\n"
    assert_problem(account.api.get(f"{base}/orders"), 404, "not-found")
    publish(server.new_account().api, "orders.csv")  # one of its own in each account


@pytest.mark.both_databases
def test_a_deleted_file_gives_its_path_away_and_has_it_back_if_it_is_free(
    account: TestAccount,
) -> None:
    api, base = account.api, f"/d/{account.name}/orders"
    first = publish(api, "orders")
    api.request("DELETE", f"/file/{first}")
    assert_problem(api.get(base), 404, "not-found")
    second = publish(api, "orders", OTHER)
    assert api.get(base).content == OTHER
    assert_problem(api.post(f"/file/{first}/undelete"), 409, "path-taken", taken_by="orders")
    api.request("PATCH", f"/file/{second}", json={"path": None})
    assert api.post(f"/file/{first}/undelete").json()["path"] == "orders"
    assert api.get(base).content == CSV


@pytest.mark.both_databases
def test_a_file_that_goes_to_another_account_leaves_its_path(
    account: TestAccount, server: Server
) -> None:
    other = server.new_account()
    publish(other.api, "orders", OTHER)
    file_id = publish(account.api, "orders")
    offered = {"user_name": other.admin.user_name}
    account.api.request("PUT", f"/file/{file_id}/offer", json=offered)
    accepted = other.api.post(f"/file/{file_id}/offer/accept")
    assert (accepted.status_code, accepted.json()["path"]) == (200, None)
    assert other.api.get(f"/d/{other.name}/orders").content == OTHER
    assert_problem(account.api.get(f"/d/{account.name}/orders"), 404, "not-found")


def test_a_withdrawn_version_is_gone(account: TestAccount) -> None:
    api, base = account.api, f"/d/{account.name}/orders"
    file_id = publish(api, "orders")
    api.post(f"/file/{file_id}/versions/1/withdraw", json={"reason": "Wrong"})
    for address in (base, f"{base}@1", f"{base}.parquet", f"{base}.csv@1"):
        assert_problem(api.get(address), 410, "version-withdrawn")
    name = f"/file/download/{file_id}/orders.csv"
    assert_problem(api.get(name), 410, "version-withdrawn")


@pytest.mark.both_databases
def test_what_one_may_not_read_is_what_never_was(account: TestAccount, server: Server) -> None:
    file_id = publish(account.api, "orders")
    guests = server.new_account()
    reader, deliverer = guests.new_user(), guests.new_user()
    share(account.api, file_id, reader.user_name, "r")
    share(account.api, file_id, deliverer.user_name, "w")
    base = f"/d/{account.name}/orders"
    assert reader.api.get(base).content == CSV
    assert_problem(deliverer.api.get(base), 403, "not-allowed")
    answers = set()
    for address in (
        base, f"{base}@1", f"{base}.csv", f"{base}@2", f"/d/{account.name}/other",
        "/d/nobody/orders", f"/d/{account.name.upper()}/orders", f"{base}@0", f"{base}@01",
        f"{base}@-1", f"{base}@x", f"{base}@", f"{base}@99999999999", f"{base}@1@1",
        f"{base}.csv.csv", f"{base}/", f"{base}.", f"/d/{account.name}//orders",
        f"/d/{account.name}/ORDERS", f"/d/{account.name}/%EF%BC%AFrders", f"{base}%00",
        f"{base}%0a",
    ):  # fmt: skip
        answer = guests.api.get(address)
        request_id = answer.headers["x-request-id"]
        answers.add((answer.status_code, answer.text.replace(request_id, "")))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    # Of these the owner finds no more than others do.
    for address in (f"{base}/", f"/d/{account.name}//orders", f"{base}@01", f"{base}.csv.csv"):
        assert_problem(account.api.get(address), 404, "not-found")


@pytest.mark.parametrize(
    "target",
    ["/d/{0}/a%2Forders", "/d/{0}/a%2forders", "/d/{0}/x/../a/orders", "/d/{0}/a/%2e%2e/a/orders"],
)
def test_an_address_is_taken_as_it_is_sent(account: TestAccount, target: str) -> None:
    publish(account.api, "a/orders")
    api = account.api
    assert api.get(f"/d/{account.name}/a/orders").status_code == 200
    answer = exchange(api.endpoint, head("GET", target.format(account.name), api.authorization))
    assert answer.status == 404


def test_an_at_sign_may_be_escaped(account: TestAccount) -> None:
    publish(account.api, "orders")
    url = f"{account.api.endpoint}/d/{account.name}/orders%401"
    answer = httpx2.get(url, headers=account.api.authorization, trust_env=False, verify=PLAIN)
    assert answer.content == CSV


@pytest.mark.parametrize(
    ("method", "name", "known"),
    [("GET", "version", "orders.csv@3"), ("PUT", "enforce_schema", "size_limit"),
     ("PUT", "Wait", "wait"), ("GET", "a\0", "orders.csv@3")],
)  # fmt: skip
def test_a_parameter_that_would_have_no_effect_is_refused(
    account: TestAccount, method: str, name: str, known: str
) -> None:
    """It was ignored: the answer was the newest version, or a contract without a schema."""
    file_id = publish(account.api, "orders")
    for address in (f"/d/{account.name}/orders", f"/api/v1/file/{file_id}"):
        if method == "GET" and address.startswith("/api"):
            continue
        answer = account.api.request(method, address, params={name: "1"}, content=CSV)
        assert_problem(answer, 422, "field-invalid", field=name.rstrip("\0"))
        if address.startswith("/d"):
            assert known in answer.json()["detail"]
    assert len(account.api.json("/tasks")["tasks_list"]) == 1
