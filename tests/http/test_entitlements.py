"""Sharing: what `r`, `w` and `rw` allow, to whom, until when, and how it ends at once."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.support.api import CSV, Event, assert_problem
from tests.support.paused_inspections import paused_inspections
from tests.support.postgres import wait_for_blocked
from tests.support.raw import MULTIPART, connect, form, head, read_answer
from tests.support.server import Caller, Server, TestAccount
from tests.support.sharing import (
    OTHER,
    deliver,
    entitle,
    in_a_while,
    listed,
    post_version,
    share,
    unshare,
)
from tests.support.tus import HEADERS, Tus, metadata
from tests.support.wait import UNHURRIED, wait_until

from entrepot.db.tables import activity
from entrepot.errors import NotFound
from entrepot.grants.access import access_deliverable
from entrepot.grants.entitlements import revoke_entitlement

pytestmark = pytest.mark.both_databases

BROKEN = b"id,amount\nx,2\n"
FIGURES = ("version", "file_size", "media_type", "sha256", "row_count", "updated_at")


@pytest.fixture(scope="module")
def partner(server: Server) -> TestAccount:
    """Another account, whose people files are shared with."""
    return server.new_account()


@pytest.fixture(scope="module")
def home(server: Server) -> TestAccount:
    """The account whose files are shared."""
    return server.new_account()


@pytest.fixture
def owner(home: TestAccount) -> Caller:
    return home.new_user()


@pytest.fixture
def file_id(owner: Caller) -> str:
    """An enforced file with one published version."""
    result: str = owner.api.deliver(CSV, enforce_schema="true")["file_id"]
    return result


def test_a_reader_of_another_account(owner: Caller, file_id: str, partner: TestAccount) -> None:
    reader = partner.new_user()
    assert file_id not in listed(reader.api)
    share(owner.api, file_id, reader.user_name, "r")
    seen = listed(reader.api)[file_id]
    assert (seen["entitlement"], seen["version"]) == ("r", 1)
    own = listed(owner.api)[file_id]
    assert seen == {**own, "entitlement": "r", "from_other_account": True}
    assert reader.api.get(f"/file/download/{file_id}").content == CSV
    assert "columns" in reader.api.json(f"/file/{file_id}/profile")
    assert "offered_to" not in reader.api.json(f"/file/{file_id}")
    assert_problem(post_version(reader.api, file_id), 403, "not-allowed")
    restored = reader.api.post(f"/file/{file_id}/versions/1/restore")
    assert_problem(restored, 403, "not-allowed")
    for colleague in (partner.admin, partner.new_user()):
        assert_problem(colleague.api.get(f"/file/{file_id}"), 404, "not-found")


def test_a_reader_sees_nothing_that_was_not_published(
    owner: Caller, file_id: str, partner: TestAccount
) -> None:
    reader = partner.new_user()
    share(owner.api, file_id, reader.user_name, "r")
    before = reader.api.get(f"/file/{file_id}")
    rejected = deliver(owner, file_id, BROKEN)
    assert rejected["status"] == "failed"
    assert reader.api.get(f"/file/{file_id}").headers["etag"] == before.headers["etag"]
    assert numbers(reader, file_id) == [1]
    assert reader.api.json(f"/file/{file_id}/report")["valid"]
    for path in ("versions/2", "report?version=2", "report.csv?version=2", "profile?version=2"):
        assert_problem(reader.api.get(f"/file/{file_id}/{path}"), 404, "not-found")
    assert_problem(reader.api.get(f"/file/{file_id}/report.csv"), 403, "not-allowed")
    assert_problem(reader.api.get(f"/task/{rejected['task_id']}"), 404, "not-found")
    assert reader.api.json("/tasks")["tasks_list"] == []
    assert numbers(owner, file_id) == [2, 1]


def test_a_drop_box(owner: Caller, file_id: str, partner: TestAccount) -> None:
    """Who may only deliver sees the contract and their own deliveries, and nothing else."""
    supplier, rival = partner.new_user(), partner.new_user()
    share(owner.api, file_id, supplier.user_name, "w")
    share(owner.api, file_id, rival.user_name, "w")
    document = supplier.api.json(f"/file/{file_id}")
    assert (document["entitlement"], document["file_size_limit"]) == ("w", 1_000_000)
    assert document["schema"]["fields"]
    listing = listed(supplier.api)[file_id]
    assert [listing[name] for name in FIGURES] == [None] * len(FIGURES)
    assert numbers(supplier, file_id) == []
    revision = supplier.api.json(f"/file/{file_id}/schema")
    assert (revision["revision"], revision["version"]) == (1, None)

    tag = supplier.api.get(f"/file/{file_id}").headers["etag"]
    others = deliver(rival, file_id)
    assert others["status"] == "succeeded"
    assert supplier.api.get(f"/file/{file_id}").headers["etag"] == tag
    answer = post_version(supplier.api, file_id, BROKEN, **{"If-Match": tag})
    task = supplier.api.wait_task(answer.json()["task_id"])
    assert (task["status"], task["version"]) == ("failed", 3)
    again = post_version(supplier.api, file_id, BROKEN, **{"If-Match": tag})
    assert_problem(again, 412, "precondition-failed")

    assert numbers(supplier, file_id) == [3]
    assert not supplier.api.json(task["report_url"].removeprefix("/api/v1"))["valid"]
    assert not supplier.api.json(f"/task/{task['task_id']}/report")["valid"]
    assert supplier.api.json(f"/file/{file_id}/versions/3")["user_name"] == supplier.user_name
    for path in ("versions/1", "versions/2", "report?version=2", "report.csv?version=1"):
        assert_problem(supplier.api.get(f"/file/{file_id}/{path}"), 404, "not-found")
    for path in ("profile", "profile?version=3"):
        assert_problem(supplier.api.get(f"/file/{file_id}/{path}"), 403, "not-allowed")
    for path in ("", "?version=1", "?version=2", "?version=9", "?format=csv"):
        answer = supplier.api.get(f"/file/download/{file_id}{path}")
        assert_problem(answer, 403, "not-allowed")
    # What was rejected is kept for the one who delivered it.
    assert supplier.api.get(f"/file/download/{file_id}?version=3").content == BROKEN
    assert_problem(rival.api.get(f"/file/download/{file_id}?version=3"), 403, "not-allowed")
    accept = supplier.api.post(f"/file/{file_id}/versions/3/accept", json={"reason": "x"})
    assert_problem(accept, 403, "not-allowed")
    for number, status in ((2, 422), (9, 422), (3, 202)):
        form_with = {"data": {"replaces": str(number)}, "files": {"file": ("x.csv", BROKEN)}}
        answer = supplier.api.post(f"/file/{file_id}/versions", **form_with)
        assert answer.status_code == status, answer.text
    supplier.api.wait_task(answer.json()["task_id"])
    answer = supplier.api.post(f"/file/{file_id}/versions/2/restore")
    assert_problem(answer, 403, "not-allowed")
    assert_problem(supplier.api.get(f"/task/{others['task_id']}"), 404, "not-found")
    tasks = supplier.api.json("/tasks")["tasks_list"]
    assert [each["version"] for each in tasks] == [4, 3]
    assert owner.api.task(task["task_id"])["user_name"] == supplier.user_name


def test_who_may_read_no_more_has_brought_nothing_by_restoring(
    owner: Caller, partner: TestAccount
) -> None:
    """What they restored while they could read is the content of others, published or rejected."""
    guest = partner.new_user()
    words = b"id,amount\n1,words\n"
    file_id = owner.api.deliver(words)["file_id"]
    share(owner.api, file_id, guest.user_name, "rw")
    assert deliver(guest, file_id, CSV)["version"] == 2
    restorations = []
    for status in ("succeeded", "failed"):
        task_id = guest.api.post(f"/file/{file_id}/versions/1/restore").json()["task_id"]
        assert guest.api.wait_task(task_id)["status"] == status
        restorations.append(task_id)
        schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "date"}]}
        assert deliver(guest, file_id, b"id,amount\n1,2026-01-31\n")["status"] == "succeeded"
        path = f"/file/{file_id}/schema?breaking=accept"
        change = owner.api.request("PUT", path, json=schema)
        if change.status_code == 202:
            assert owner.api.wait_task(change.json()["task_id"])["status"] == "succeeded"
    assert numbers(guest, file_id) == [6, 5, 4, 3, 2, 1]
    assert guest.api.get(f"/file/download/{file_id}?version=5").content == words
    share(owner.api, file_id, guest.user_name, "w")
    assert numbers(guest, file_id) == [6, 4, 2]
    for number in (3, 5):
        answer = guest.api.get(f"/file/download/{file_id}?version={number}")
        assert_problem(answer, 403, "not-allowed")
        for suffix in (f"versions/{number}", f"report?version={number}"):
            assert_problem(guest.api.get(f"/file/{file_id}/{suffix}"), 404, "not-found")
    for task_id in restorations:
        for suffix in ("", "/report", "/events"):
            assert_problem(guest.api.get(f"/task/{task_id}{suffix}"), 404, "not-found")
        assert_problem(guest.api.post(f"/task/{task_id}/cancel"), 404, "not-found")
    assert {task["kind"] for task in guest.api.json("/tasks")["tasks_list"]} == {"version.new"}


def test_who_may_deliver_no_more_brings_no_more_bytes(
    owner: Caller, file_id: str, partner: TestAccount
) -> None:
    """Else they could keep the quota of the file's account for ever, by a byte now and then."""
    guest = partner.new_user()
    before = owner.api.account()["reserved"]
    headers = {"Upload-Length": str(len(OTHER))}
    headers |= {"Upload-Metadata": metadata(filename="x.csv", file_id=file_id)}

    def begun() -> Tus:
        upload = Tus.of(guest.api, guest.api.post("/uploads", headers=HEADERS | headers))
        assert upload.patch(OTHER[:3], 0).status_code == 204
        assert owner.api.account()["reserved"] == before + len(OTHER)
        return upload

    share(owner.api, file_id, guest.user_name, "w")
    upload = begun()
    share(owner.api, file_id, guest.user_name, "r")
    assert_problem(upload.patch(OTHER[3:6], 3), 404, "not-found")
    assert owner.api.account()["reserved"] == before
    share(owner.api, file_id, guest.user_name, "w")
    task_id = begun().end(OTHER)
    assert guest.api.wait_task(task_id)["status"] == "succeeded"
    for rest in (b"", OTHER[3:6]):
        upload = begun()
        unshare(owner.api, file_id, guest.user_name)
        assert_problem(upload.patch(rest, 3), 404, "not-found")
        assert owner.api.account()["reserved"] == before
        share(owner.api, file_id, guest.user_name, "w")
        assert_problem(upload.patch(OTHER[3:], 3), 404, "not-found")


def test_both_to_read_and_to_deliver(
    owner: Caller, file_id: str, partner: TestAccount, server: Server
) -> None:
    both = partner.new_user()
    share(owner.api, file_id, both.user_name, "rw")
    rejected = deliver(both, file_id, BROKEN)
    assert numbers(both, file_id) == [2, 1]
    rows = both.api.get(f"/file/{file_id}/report.csv", params={"version": rejected["version"]})
    assert rows.status_code in (200, 409)
    assert deliver(both, file_id)["status"] == "succeeded"
    answer = both.api.post(f"/file/{file_id}/versions/1/restore")
    task = both.api.wait_task(answer.json()["task_id"])
    assert (task["status"], task["version"]) == ("succeeded", 4)
    answer = both.api.post(f"/file/{file_id}/versions/2/restore")
    assert_problem(answer, 409, "version-not-published")
    deliver(owner, file_id, BROKEN)
    assert_problem(both.api.post(f"/file/{file_id}/versions/5/restore"), 404, "not-found")
    # Forms that they have made count where the file is, not where they are.
    for form_asked in ("csv", "jsonl"):
        path = f"/file/download/{file_id}?format={form_asked}"
        wait_until(lambda path=path: both.api.get(path).status_code == 200, "it is made", UNHURRIED)
    server.wait_derived()
    server.assert_sound()


MANAGING: list[tuple[str, str, Any]] = [
    ("GET", "/entitlements", None),
    ("PUT", "/entitlements/nobody:nobody", {"entitlement": "r"}),
    ("DELETE", "/entitlements/nobody:nobody", None),
    ("PUT", "/offer", {"user_name": "nobody:nobody"}),
    ("PATCH", "", {"file_name": "x.csv"}),
    ("DELETE", "", None),
    ("POST", "/undelete", None),
    ("PUT", "/schema", {"fields": [{"name": "id", "type": "string"}]}),
    ("DELETE", "/versions/1", None),
    ("POST", "/versions/1/undelete", None),
]


def test_only_the_owner_and_the_accounts_admins_manage(
    owner: Caller, file_id: str, home: TestAccount, partner: TestAccount
) -> None:
    """An admin of another account is not an admin here, whatever they are entitled to."""
    share(owner.api, file_id, partner.admin.user_name, "rw")
    for method, path, body in MANAGING:
        address = f"/file/{file_id}{path}"
        assert_problem(partner.api.request(method, address, json=body), 403, "not-allowed")
        stranger = home.new_user().api.request(method, address, json=body)
        assert_problem(stranger, 404, "not-found")
    mine = home.api.json(f"/file/{file_id}/entitlements")["entitlements_list"]
    assert mine == owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"]
    (entry,) = mine
    assert list(entry) == ["user_name", "entitlement", "expires_at", "granted_by", "created_at"]
    assert (entry["user_name"], entry["granted_by"]) == (partner.admin.user_name, owner.user_name)
    unshare(home.api, file_id, partner.admin.user_name)
    assert_problem(partner.api.get(f"/file/{file_id}"), 404, "not-found")


def test_a_whole_account(owner: Caller, file_id: str, partner: TestAccount) -> None:
    share(owner.api, file_id, f"{partner.name}:*", "r")
    later = partner.new_user()
    for api in (partner.api, later.api):
        assert listed(api)[file_id]["entitlement"] == "r"
    share(owner.api, file_id, later.user_name, "w")
    assert listed(later.api)[file_id]["entitlement"] == "rw"
    assert later.api.get(f"/file/download/{file_id}").content == CSV
    unshare(owner.api, file_id, f"{partner.name}:*")
    assert listed(later.api)[file_id]["entitlement"] == "w"
    assert file_id not in listed(partner.api)


def test_ones_own_account_as_a_whole(owner: Caller, file_id: str, home: TestAccount) -> None:
    colleague = home.new_user()
    share(owner.api, file_id, f"{home.name}:*", "r")
    assert listed(colleague.api)[file_id]["entitlement"] == "r"
    assert listed(owner.api)[file_id]["entitlement"] == "rw"
    assert len([f for f in owner.api.json("/files")["files_list"] if f["file_id"] == file_id]) == 1


def test_granting_again_replaces(owner: Caller, file_id: str, partner: TestAccount) -> None:
    name = partner.new_user().user_name
    until = in_a_while(days=1)
    first = entitle(owner.api, file_id, name, "r", expires_at=until)
    assert (first.status_code, first.json()["entitlement"]) == (201, "r")
    same = entitle(owner.api, file_id, name, "r", expires_at=until)
    assert (same.status_code, same.json()) == (200, first.json())
    other = entitle(owner.api, file_id, name, "rw")
    assert (other.status_code, other.json()["expires_at"]) == (200, None)
    (entry,) = owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"]
    assert entry == other.json()
    unshare(owner.api, file_id, name)
    answer = owner.api.request("DELETE", f"/file/{file_id}/entitlements/{name}")
    assert_problem(answer, 404, "not-found")
    assert owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"] == []


def test_names_that_nothing_can_be_shared_with(
    owner: Caller, file_id: str, partner: TestAccount
) -> None:
    """No account and no user in an account are one and the same answer."""
    details = set()
    for name in (f"{partner.name}:nobody", "no-account:nobody", "no-account:*"):
        document = assert_problem(
            entitle(owner.api, file_id, name, "r"), 422, "field-invalid", field="user_name"
        )
        details.add(re.sub(r"(user|account) `.*`", "NAME", document["detail"]))
    assert len(details) == 1
    for name in (owner.user_name, "x", ":", "acme:", "Acme:Anna", "*:*", "*"):
        answer = entitle(owner.api, file_id, name, "r")
        assert_problem(answer, 422, "field-invalid", field="user_name")
    name = partner.admin.user_name
    past = entitle(owner.api, file_id, name, "r", expires_at=in_a_while(seconds=-5))
    assert_problem(past, 422, "field-invalid", field="expires_at")
    for beyond in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"):
        answer = entitle(owner.api, file_id, name, "r", expires_at=beyond)
        assert_problem(answer, 422, "field-invalid", field="expires_at")
    for body in ({}, {"entitlement": "x"}, {"entitlement": "r", "expires_at": "2030-01-01"}):
        path = f"/file/{file_id}/entitlements/{name}"
        assert_problem(owner.api.request("PUT", path, json=body), 422, "field-invalid")
    assert owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"] == []


def test_nothing_is_shared_before_it_is_published(owner: Caller, partner: TestAccount) -> None:
    schema = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'
    new = owner.api.deliver(BROKEN, enforce_schema=schema)["file_id"]
    guest = partner.new_user()
    share(owner.api, new, guest.user_name, "rw")
    assert_problem(guest.api.get(f"/file/{new}"), 404, "not-found")
    assert_problem(post_version(guest.api, new), 404, "not-found")
    assert (listed(owner.api)[new]["version"], new in listed(guest.api)) == (None, False)
    deliver(owner, new)
    assert listed(guest.api)[new]["version"] == 2


def test_an_entitlement_ends_by_itself(owner: Caller, file_id: str, partner: TestAccount) -> None:
    """Also for a download that is answered from memory, although nothing is committed."""
    guest = partner.new_user()
    path = f"/file/download/{file_id}"
    for seconds in (1, 5, 60):  # the longer ones where the machine stood still meanwhile
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        share(owner.api, file_id, guest.user_name, "r", expires_at=until.isoformat())
        answers = [guest.api.get(path) for _ in range(2)]
        if datetime.now(UTC) < until:
            break
    assert [answer.content for answer in answers] == [CSV, CSV]
    wait_until(lambda: guest.api.get(path).status_code != 200, "it has ended")
    assert_problem(guest.api.get(path), 404, "not-found")
    assert file_id not in listed(guest.api)
    entries = owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"]
    assert [entry["user_name"] for entry in entries] == [guest.user_name]
    share(owner.api, file_id, guest.user_name, "r")
    assert guest.api.get(path).content == CSV


def test_a_revocation_counts_from_the_next_request_on(
    owner: Caller, file_id: str, partner: TestAccount
) -> None:
    guest = partner.new_user()
    share(owner.api, file_id, guest.user_name, "rw")
    task = deliver(guest, file_id)
    for _ in range(3):
        ranged = guest.api.get(f"/file/download/{file_id}", headers={"Range": "bytes=0-1"})
        assert ranged.status_code == 206
    unshare(owner.api, file_id, guest.user_name)
    paths = [f"/file/download/{file_id}", f"/file/{file_id}", f"/task/{task['task_id']}"]
    for path in [*paths, f"/task/{task['task_id']}/report", f"/task/{task['task_id']}/events"]:
        assert_problem(guest.api.get(path), 404, "not-found")
    assert guest.api.json("/tasks")["tasks_list"] == []
    # The version stays, and says who delivered it.
    assert owner.api.json(f"/file/{file_id}/versions/2")["user_name"] == guest.user_name


@pytest.mark.parametrize("left", ["nothing", "r"])
def test_a_revocation_stops_an_upload_that_runs(
    owner: Caller, file_id: str, home: TestAccount, partner: TestAccount, left: str
) -> None:
    guest = partner.new_user()
    share(owner.api, file_id, guest.user_name, "rw")
    before = counted(home)
    body = form(CSV * 100_000)
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    target = f"/api/v1/file/{file_id}/versions"
    home.api.request("PATCH", f"/file/{file_id}", json={"file_size_limit": 10_000_000})
    with connect(home.server.endpoint) as sock:
        sock.sendall(head("POST", target, guest.api.authorization | framing) + body[:-100])
        wait_reserved(home)
        if left == "r":
            share(owner.api, file_id, guest.user_name, "r")
        else:
            unshare(owner.api, file_id, guest.user_name)
        sock.sendall(body[-100:])
        status, code = (403, "not-allowed") if left == "r" else (404, "not-found")
        assert_problem(read_answer(sock), status, code)
    wait_reserved(home, False)
    assert counted(home) == before
    assert numbers(owner, file_id) == [1]
    home.server.assert_sound()


def test_a_revocation_ends_event_streams(
    owner: Caller, file_id: str, partner: TestAccount, server: Server
) -> None:
    guest = partner.new_user()
    share(owner.api, file_id, guest.user_name, "w")
    with paused_inspections(server):
        task_id = post_version(guest.api, file_id).json()["task_id"]
        stream = guest.api.events(task_id)
        assert isinstance(next(stream), Event)
        unshare(owner.api, file_id, guest.user_name)
        rest = [event for event in stream if isinstance(event, Event)]
        assert all(event.data["status"] in ("queued", "running") for event in rest)
    assert owner.api.wait_task(task_id)["status"] == "succeeded"


def test_who_waited_for_a_revocation_is_told_of_it(
    owner: Caller, file_id: str, partner: TestAccount, server: Server
) -> None:
    """PostgreSQL had found the file, with an entitlement, before it waited for the lock."""
    guest = partner.new_user()
    share(owner.api, file_id, guest.user_name, "rw")
    database, now = server.parts.database, server.parts.clock()
    actors = server.actor(owner.api_key), server.actor(guest.api_key)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as conn:
            revoke_entitlement(conn, actors[0], UUID(file_id), guest.user_name, now)
            waiting = pool.submit(database.write, access_deliverable, actors[1], UUID(file_id))
            if not database.embedded:  # SQLite's writer is alone
                wait_for_blocked(database.engine)
        with pytest.raises(NotFound):
            waiting.result(60)


def test_what_others_deliver_takes_the_owners_quota(server: Server, partner: TestAccount) -> None:
    """And a refusal does not tell another account's figures."""
    home = server.new_account(quota=len(CSV) + len(OTHER))
    file_id = home.api.deliver(CSV)["file_id"]
    guest = partner.new_user()
    share(home.api, file_id, guest.user_name, "rw")
    deliver(guest, file_id)
    assert home.api.account()["free"] == 0
    begun = {"Upload-Length": str(len(CSV)), **HEADERS}
    begun["Upload-Metadata"] = metadata(filename="next.csv", file_id=file_id)
    refused = [
        post_version(guest.api, file_id),
        guest.api.post("/uploads", headers=begun),
        guest.api.post(f"/file/{file_id}/versions/1/restore"),
        post_version(guest.api, file_id, b"a\n" * 1_500_000),
    ]
    for answer in refused[:-1]:
        document = assert_problem(answer, 413, "account-quota-exceeded")
        assert not {"limit", "used", "reserved"} & set(document)
        assert document["requested"] == len(CSV)
    assert_problem(refused[-1], 413, "file-too-large")
    mine = post_version(home.api, file_id)
    assert_problem(mine, 413, "account-quota-exceeded", limit=home.api.account()["quota"])
    assert partner.api.account()["reserved"] == 0
    server.assert_sound()


@pytest.mark.parametrize("what", ["r", "w"])
def test_validating_by_a_file_of_others(
    owner: Caller, file_id: str, server: Server, what: str
) -> None:
    """What a user sends is their own: it counts there, and the file's owner sees nothing of it."""
    other = server.new_account()
    guest = other.new_user()
    share(owner.api, file_id, guest.user_name, what)
    answer = guest.api.upload(BROKEN, limit=None, path="/file/validate", file_id=file_id)
    task = guest.api.wait_task(answer.json()["task_id"])
    assert (task["status"], task["error"]["code"]) == ("failed", "schema-violation")
    for api in (owner.api, other.new_user().api, other.api):
        assert_problem(api.get(f"/task/{task['task_id']}"), 404, "not-found")
    server.assert_sound()


def test_a_removed_user_takes_their_entitlements_along(
    owner: Caller, file_id: str, home: TestAccount, partner: TestAccount
) -> None:
    guest = partner.new_user()
    share(owner.api, file_id, guest.user_name, "rw")
    deliver(guest, file_id)
    assert partner.api.request("DELETE", f"/user/{guest.user_name}").status_code == 204
    assert owner.api.json(f"/file/{file_id}/entitlements")["entitlements_list"] == []
    actions = recorded(home, file_id)
    assert actions[-1] == ("entitlement.revoke", {"user_name": guest.user_name})


def test_every_change_is_recorded(
    owner: Caller, file_id: str, home: TestAccount, partner: TestAccount
) -> None:
    name = f"{partner.name}:*"
    share(owner.api, file_id, name, "w")
    share(owner.api, file_id, name, "w")
    unshare(owner.api, file_id, name)
    rows = [each for each in recorded(home, file_id) if each[0].startswith("entitlement")]
    granted = {"user_name": name, "entitlement": "w", "expires_at": None}
    assert rows == [("entitlement.grant", granted), ("entitlement.revoke", {"user_name": name})]


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_lists_of_ones_own_and_others_files_are_paged(
    home: TestAccount, server: Server, sort: str
) -> None:
    partner = server.new_account()
    guest = partner.new_user()
    mine, theirs = [], []
    for n in range(4):
        mine.append(guest.api.deliver(CSV, name=f"{n}.csv")["file_id"])
        theirs.append(home.api.deliver(CSV, name=f"{n}.csv")["file_id"])
        share(home.api, theirs[-1], guest.user_name, "r")
    share(home.api, theirs[0], f"{partner.name}:*", "r")
    home.api.request("DELETE", f"/file/{theirs.pop(2)}")
    whole = guest.api.json("/files", params={"sort": sort, "limit": 100})["files_list"]
    seen: list[str] = []
    target = f"/files?limit=3&sort={sort}"
    while target:
        answer = guest.api.get(target)
        seen += [each["file_id"] for each in answer.json()["files_list"]]
        target = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == [each["file_id"] for each in whole]
    assert sorted(seen) == sorted(mine + theirs)


def numbers(caller: Caller, file_id: str) -> list[int]:
    items = caller.api.json(f"/file/{file_id}/versions")["versions_list"]
    return [version["version"] for version in items]


def counted(account: TestAccount) -> list[int]:
    return [account.api.account()[name] for name in ("used", "reserved", "files", "versions")]


def wait_reserved(account: TestAccount, some: bool = True) -> None:
    wait_until(
        lambda: bool(account.api.account()["reserved"]) == some, f"something is reserved: {some}"
    )


def recorded(account: TestAccount, file_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The changes of a file in its account's record, oldest first."""
    return list(_rows(account, file_id))


def _rows(account: TestAccount, file_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    actor = account.server.actor(account.api_key)
    query = select(activity).where(activity.c.account_id == actor.account_id)
    with account.server.parts.database.reading() as conn:
        for row in conn.execute(query.order_by(activity.c.id)):
            if str(row.file_id) == file_id and row.action != "version.read":
                yield row.action, row.detail
