"""Deliveries whose bytes are the whole body, to a file or its address, and waiting for the verdict.

Their bytes pass through the same session as those of a form; what holds for that (pace, quota,
stalled bodies) is in the tests of forms.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import pytest
from tests.http.conftest import LONG_CSV
from tests.http.test_addresses import publish
from tests.support.api import CSV, Api, assert_problem
from tests.support.links import make_link
from tests.support.raw import connect, exchange, head, read_answer
from tests.support.server import Server, TestAccount
from tests.support.sharing import OTHER, share
from tests.support.together import all_at_once
from tests.support.wait import wait_until

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
BROKEN = b"id,amount\nx,2\n3,y\n"

pytestmark = pytest.mark.both_databases


@pytest.fixture
def account(server: Server) -> TestAccount:
    return server.new_account()


def put(api: Api, path: str, content: Any = OTHER, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.request("PUT", path, content=content, headers=names)


@pytest.fixture
def places(account: TestAccount) -> list[str]:
    """Where one file with a contract is delivered to."""
    fields = {
        "file_size_limit": "9999999",
        "path": "a/orders",
        "enforce_schema": json.dumps(SCHEMA),
    }
    sent = account.api.post("/file/new", data=fields, files={"file": ("orders.csv", CSV)})
    task = account.api.wait_task(sent.json()["task_id"])
    return [f"/file/{task['file_id']}", f"/d/{account.name}/a/orders"]


def test_the_record_has_the_name_of_an_address_and_none_for_an_id(
    account: TestAccount, places: list[str]
) -> None:
    for place in places:
        assert put(account.api, f"{place}?wait=60").status_code == 201
    rows = account.api.json(f"{places[0]}/activity?action=version.deliver")["activity_list"]
    assert [row["detail"]["file_name"] for row in rows] == ["orders", ""]


def test_who_waits_is_told_the_verdict(account: TestAccount, places: list[str]) -> None:
    api, number = account.api, 1
    for place in places:
        for query, headers in (("?wait=60", {}), ("", {"Prefer": "wait=60"})):
            number += 1
            sent = put(api, place + query, OTHER, **headers)
            assert sent.status_code == 201, sent.text
            published = sent.json()
            assert (published["version"], published["status"]) == (number, "published")
            version = api.json(sent.headers["location"])
            assert (version["version"], version["status"]) == (number, "published")
            assert sent.headers.get("preference-applied") == headers.get("Prefer")
            number += 1
            refused = assert_problem(
                put(api, place + query, BROKEN, **headers), 422, "schema-violation", version=number
            )
            assert refused["error_count"] == 2
            assert [error["rowNumber"] for error in refused["errors"]] == [2, 3]
            assert api.json(refused["report_url"])["stats"]["errors"] == 2
            assert api.get(f"/d/{account.name}/a/orders").content == OTHER
    garbage = put(api, f"{places[0]}?wait=60", b"\x00\x01\x02" * 99)
    assert garbage.status_code == 422
    assert garbage.json()["code"] in ("not-tabular", "source-error")


def test_a_delivery_that_may_only_define_a_file_makes_no_version(
    account: TestAccount, places: list[str]
) -> None:
    etag = account.api.get(places[0]).headers["etag"]
    for place in places:
        for none_match in ("*", etag, f'"a", {etag}'):
            sent = put(account.api, place, OTHER, **{"If-None-Match": none_match})
            assert_problem(sent, 412, "precondition-failed")
    new = f"/d/{account.name}/a/new?size_limit=999"
    assert put(account.api, new, OTHER, **{"If-None-Match": "*"}).status_code == 202
    assert_problem(
        put(account.api, new, OTHER, **{"If-None-Match": "*"}), 412, "precondition-failed"
    )
    absent = f"/d/{account.name}/a/absent?size_limit=999"
    assert put(account.api, absent, OTHER, **{"If-Match": "*"}).status_code == 404


def test_a_list_of_tags_may_be_on_several_lines(account: TestAccount, places: list[str]) -> None:
    etag = account.api.get(places[1]).headers["etag"]
    for place in places:
        for name, tags, status in (
            ("If-None-Match", ('"a"', etag), 412),
            ("If-None-Match", ('"a"', '"b"'), 201),
            ("If-Match", ('"a"', '"b"'), 412),
            ("If-Match", ('"a"', etag), 201),
        ):
            lines = [*account.api.authorization.items(), *((name, tag) for tag in tags)]
            sent = account.api.request("PUT", f"{place}?wait=60", content=CSV, headers=lines)
            assert sent.status_code == status, (place, name, tags, sent.text)


def test_a_delivery_may_depend_on_the_bytes_that_a_download_had(
    account: TestAccount, places: list[str]
) -> None:
    api, address = account.api, places[1]
    contents = iter((OTHER, CSV) * 2)
    for place in places:
        for etag_list in ("{}", '"a,b" , ,{}'):
            etag = api.get(address).headers["etag"]
            known, content = etag_list.format(etag), next(contents)
            for header, value in (
                ("If-None-Match", known), ("If-None-Match", f"W/{etag}"), ("If-Match", f"W/{etag}"),
                ("If-Match", f'"{etag}"'), ("If-Match", '"x"'),
            ):  # fmt: skip
                refused = put(api, place, content, **{header: value})
                assert_problem(refused, 412, "precondition-failed")
            sent = put(api, f"{place}?wait=60", content, **{"If-Match": known})
            assert sent.status_code == 201, sent.text
            lost = put(api, place, content, **{"If-Match": known})
            assert_problem(lost, 412, "precondition-failed")
            stale = put(api, f"{place}?wait=60", BROKEN, **{"If-None-Match": known})
            assert stale.status_code == 422  # other bytes now, and rejected: the same tag holds
            assert api.get(address).content == content


def test_of_two_deliveries_for_the_same_bytes_one_is_taken(
    account: TestAccount, places: list[str], held_places: None
) -> None:
    del held_places
    etag = account.api.get(places[1]).headers["etag"]
    sent = put(account.api, places[1], LONG_CSV, **{"If-Match": etag})
    assert sent.status_code == 202
    second = put(account.api, places[1], OTHER, **{"If-Match": etag})
    assert_problem(second, 412, "precondition-failed")
    account.api.post(f"/task/{sent.json()['task_id']}/cancel")


def test_without_waiting_or_when_the_time_is_up_the_task_is_answered(
    account: TestAccount, places: list[str], held_places: None
) -> None:
    del held_places
    for place in places:
        for query, headers in (
            ("", {}), ("?wait=0", {}), ("?wait=1", {}), ("", {"Prefer": "wait=1"}),
            ("?wait=0", {"Prefer": "wait=60"}), ("", {"Prefer": "wait=x"}),
        ):  # fmt: skip
            sent = put(account.api, place + query, LONG_CSV, **headers)
            assert sent.status_code == 202, sent.text
            assert sent.json() == {"task_id": sent.headers["location"].rpartition("/")[2]}
        for wrong in ("-1", "x", "86401", "1.5"):
            refused = put(account.api, f"{place}?wait={wrong}")
            assert_problem(refused, 422, "field-invalid")
    for task in account.api.json("/tasks?status=queued")["tasks_list"]:
        account.api.post(f"/task/{task['task_id']}/cancel")


def test_an_unknown_path_is_defined_by_a_size_limit(account: TestAccount) -> None:
    api, place = account.api, f"/d/{account.name}/in/new.csv"
    assert_problem(put(api, place), 404, "not-found")
    made = put(api, f"{place}?size_limit=100&wait=60")
    assert made.status_code == 201
    file = api.json(f"/file/{made.json()['file_id']}")
    assert (file["file_name"], file["path"]) == ("new.csv", "in/new.csv")
    assert (file["file_size_limit"], file["enforce_schema"]) == (100, False)
    again = put(api, f"{place}?size_limit=5&wait=60", CSV)  # the same line delivers from now on
    assert (again.json()["file_id"], again.json()["version"]) == (file["file_id"], 2)
    assert_problem(put(api, place, b"x" * 101), 413, "file-too-large", limit=100)
    for path in ("in/new", "in/NEW.csv"):
        refused = put(api, f"/d/{account.name}/{path}?size_limit=9")
        assert_problem(refused, 409, "path-taken", taken_by="in/new.csv")
    for path in ("a//b", "a/", "a@1", "-a", "a%2Fb", "datapackage.json"):
        refused = put(api, f"/d/{account.name}/{path}?size_limit=9")
        assert refused.status_code in (404, 422), path
    for wrong in ("0", "x", str(2**63), str(10**18)):
        assert_problem(put(api, f"{place}x?size_limit={wrong}"), 422, "field-invalid")
    assert api.account()["files"] == 1


def test_nobody_defines_a_file_in_another_account(account: TestAccount, server: Server) -> None:
    other = server.new_account()
    file_id = publish(account.api, "orders")
    for path in ("orders", "new"):
        answer = put(other.api, f"/d/{account.name}/{path}?size_limit=999&wait=9")
        assert_problem(answer, 404, "not-found")
    share(account.api, file_id, other.admin.user_name, "w")
    assert put(other.api, f"/d/{account.name}/orders?wait=60").status_code == 201
    refused = put(other.api, f"/d/{account.name}/orders?wait=60", b"x" * 2_000_000)
    assert_problem(refused, 413, "file-too-large")
    assert_problem(put(other.api, f"/d/{account.name}/new?size_limit=999"), 404, "not-found")


def test_of_two_who_define_a_path_at_the_same_time_no_bytes_are_lost(account: TestAccount) -> None:
    apis = [account.new_key().api for _ in range(2)]
    place = f"/d/{account.name}/orders?size_limit=99&wait=60"
    answers = all_at_once(*(partial(put, api, place) for api in apis))
    statuses = sorted(str(getattr(answer, "status_code", answer)) for answer in answers)
    assert statuses in (["201", "201"], ["201", "409"])
    account_figures = account.api.account()
    assert account_figures["files"] == 1
    assert account_figures["used"] == len(OTHER) * statuses.count("201")
    assert account_figures["reserved"] == 0


def test_a_request_with_a_key_is_done_once(account: TestAccount, places: list[str]) -> None:
    for place in places:
        first = put(account.api, f"{place}?wait=60", OTHER, Idempotency_Key=place)
        again = put(account.api, f"{place}?wait=60", OTHER, Idempotency_Key=place)
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        assert_problem(
            put(account.api, place, CSV, Idempotency_Key=place), 422, "idempotency-key-reused"
        )
    assert account.api.account()["versions"] == 3


def test_what_is_not_the_file_itself_is_refused(account: TestAccount, places: list[str]) -> None:
    api = account.api
    for place in places:
        form = api.request("PUT", place, files={"file": ("a.csv", CSV)})
        assert_problem(form, 415, "media-type-unsupported")
        encoded = put(api, place, CSV, Content_Encoding="gzip")
        assert_problem(encoded, 415, "content-encoding-unsupported")
        part = put(api, place, CSV, Content_Range="bytes 5-22/23")
        assert_problem(part, 422, "field-invalid", field="Content-Range")
        assert_problem(put(api, place, b""), 422, "field-invalid", field="body")
        wrong = put(api, place, CSV, Repr_Digest=f"sha-256=:{'A' * 43}=:")
        assert_problem(wrong, 422, "digest-mismatch")
        assert_problem(put(api, place, CSV, If_Match='"x"'), 412, "precondition-failed")
    assert api.account()["versions"] == 1
    assert api.account()["reserved"] == 0


def test_a_body_in_another_transfer_coding_is_refused(
    account: TestAccount, places: list[str]
) -> None:
    api, body = account.api, b"3\r\na,b\r\n0\r\n\r\n"
    link = make_link(api, places[0].rpartition("/")[2], "deliver")["path"]
    for place in (f"/api/v1{places[0]}", places[1], link):
        framing = {**api.authorization, "Transfer-Encoding": "gzip, chunked"}
        refused = exchange(api.endpoint, head("PUT", place, framing), [body])
        assert (refused.status, refused.json()["field"]) == (422, "Transfer-Encoding")
        both = {**api.authorization, "Transfer-Encoding": "chunked", "Content-Length": "9"}
        taken = exchange(api.endpoint, head("PUT", place, both), [body])
        # RFC 9112, section 6.3: the coding counts, and no further request is read.
        assert taken.status == 202
        assert taken.headers["connection"] == "close"
    sizes = {each["file_size"] for each in api.json(f"{places[0]}/versions")["versions_list"]}
    assert sizes == {3, len(CSV)}


def test_what_is_doomed_is_refused_before_its_body(account: TestAccount, places: list[str]) -> None:
    endpoint = account.api.endpoint
    waiting = {"Expect": "100-continue", **account.api.authorization}
    large = str(10**8)
    for place in (f"/api/v1{places[0]}", places[1]):
        refused = exchange(endpoint, head("PUT", place, {**waiting, "Content-Length": large}))
        assert (refused.status, refused.json()["code"]) == (413, "file-too-large")
        stranger = {"Expect": "100-continue", "Content-Length": "9"}
        assert exchange(endpoint, head("PUT", place, stranger)).status == 401
        with connect(endpoint) as sock:
            length = {"Content-Length": str(len(OTHER))}
            sock.sendall(head("PUT", f"{place}?wait=60", {**waiting, **length}))
            assert sock.recv(1024).startswith(b"HTTP/1.1 100")
            sock.sendall(OTHER)
            assert read_answer(sock).status == 201


def test_a_body_that_breaks_off_leaves_nothing(account: TestAccount, places: list[str]) -> None:
    def half() -> Iterator[bytes]:
        yield b"%x\r\n%s\r\n" % (len(CSV), CSV)

    for place in (f"/api/v1{places[0]}", places[1]):
        fields = {**account.api.authorization, "Transfer-Encoding": "chunked"}
        with connect(account.api.endpoint) as sock:
            sock.sendall(head("PUT", place, fields) + b"".join(half()))
    wait_until(lambda: account.api.account()["reserved"] == 0, "nothing is reserved")
    figures = account.api.account()
    assert (figures["versions"], figures["reserved"]) == (1, 0)
