"""Metadata counts against the quota as a part of its own; long texts are recorded as digests."""

import json

import pytest
from sqlalchemy import func, insert, select
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, post_version, share
from tests.support.tus import Tus, create

from entrepot.activity.metadata import FREE_BYTES
from entrepot.db.change_sums import COMPACT_ROWS
from entrepot.db.tables import metadata_changes

MIB = 1 << 20


def describe(api: Api, file_id: str, text: str) -> int:
    body = {"file_description": text}
    return api.request("PATCH", f"/file/{file_id}", json=body).status_code


def add_metadata(account: TestAccount, count: int) -> None:
    """As if the account had that many bytes more, until it is called with as many less."""
    actor = account.server.actor(account.api_key)
    with account.server.parts.database.writing() as conn:
        conn.execute(insert(metadata_changes).values(account_id=actor.account_id, bytes=count))


@pytest.mark.both_databases
def test_descriptions_count_and_their_changes_are_recorded_as_digests(
    account: TestAccount,
) -> None:
    """1,159 changes of a description filled 269 MiB outside the quota."""
    file_id = account.api.deliver()["file_id"]
    assert account.api.account()["metadata"] == 0, "the first MiB does not count"
    actor = account.server.actor(account.api_key)
    same_account = metadata_changes.c.account_id == actor.account_id
    total = select(func.sum(metadata_changes.c.bytes)).where(same_account)
    rows = select(func.count()).select_from(metadata_changes).where(same_account)
    with account.server.parts.database.reading() as conn:
        before = int(conn.scalar(total) or 0)
    changes = COMPACT_ROWS
    for number in range(changes):
        assert describe(account.api, file_id, str(number % 10) * 10_000) == 200
    with account.server.parts.database.reading() as conn:
        growth = int(conn.scalar(total) or 0) - before
        assert (conn.scalar(rows) or 0) <= COMPACT_ROWS + 10
    assert 10_000 + changes * 256 < growth < 10_000 + changes * 700
    newest = account.api.json(f"/file/{file_id}/activity?limit=1")["activity_list"][0]
    detail = newest["detail"]["file_description"]
    assert set(detail) == {"from", "to"}
    assert all(each.startswith("sha256:") and "10,000 char" in each for each in detail.values())
    account.server.assert_sound()


@pytest.mark.both_databases
def test_an_upload_sums_up_what_many_deliveries_left(account: TestAccount) -> None:
    """Each delivery adds some changes: without this every later one would add up all of them."""
    actor = account.server.actor(account.api_key)
    same_account = metadata_changes.c.account_id == actor.account_id
    total = select(func.sum(metadata_changes.c.bytes)).where(same_account)
    rows = select(func.count()).select_from(metadata_changes).where(same_account)
    many = [{"account_id": actor.account_id, "bytes": 7}] * (COMPACT_ROWS + 1)
    with account.server.parts.database.writing() as conn:
        conn.execute(insert(metadata_changes), many)
        before = int(conn.scalar(total) or 0)
    account.api.deliver()
    with account.server.parts.database.reading() as conn:
        assert (conn.scalar(rows) or 0) < COMPACT_ROWS
        assert int(conn.scalar(total) or 0) > before
    add_metadata(account, -7 * len(many))
    account.server.assert_sound()


@pytest.mark.both_databases
def test_metadata_beyond_the_quota_stops_what_adds_some_but_no_report(server: Server) -> None:
    account = server.new_account(quota=10 * MIB)
    guest = server.new_account().new_user()
    file_id = account.api.deliver(limit=MIB)["file_id"]
    share(account.api, file_id, guest.user_name, "rw")
    extra = FREE_BYTES + 10 * MIB
    add_metadata(account, extra)
    figures = account.api.account()
    assert figures["free"] == 0
    assert figures["used"] + figures["reserved"] + figures["metadata"] > figures["quota"]
    api, path = account.api, f"/file/{file_id}"
    grant = {"entitlement": "r"}
    for answer in (
        api.request("PATCH", path, json={"file_description": "longer"}),
        api.request("PUT", f"{path}/entitlements/{guest.user_name}", json=grant),
        api.request("PUT", f"{path}/schema?breaking=accept", json={"fields": [{"name": "id"}]}),
        api.upload(CSV),
    ):
        problem = assert_problem(answer, 413, "account-quota-exceeded", limit=10 * MIB)
        assert problem["metadata"] >= 10 * MIB
    hidden = assert_problem(post_version(guest.api, file_id, CSV), 413, "account-quota-exceeded")
    assert "metadata" not in hidden
    assert api.get(f"/file/download/{file_id}").status_code == 200
    unshared = api.request("DELETE", f"{path}/entitlements/{guest.user_name}")
    assert unshared.status_code == 204
    assert api.request("DELETE", path).status_code == 200
    assert_problem(api.post(f"{path}/undelete"), 413, "account-quota-exceeded")
    add_metadata(account, -extra)
    assert api.post(f"{path}/undelete").status_code == 200
    server.assert_sound()


@pytest.mark.both_databases
def test_no_actions_that_undo_each_other_go_on_above_the_quota(server: Server) -> None:
    """Each adds rows to the record, which are kept permanently: on the disk of all accounts."""
    account, partner = server.new_account(quota=10 * MIB), server.new_account()
    api, user = account.api, account.new_user()
    other, file_id = account.new_user(), account.api.deliver()["file_id"]
    share(partner.api, partner.api.deliver()["file_id"], account.admin.user_name, "r")
    key = api.post("/key/new", json={"name": "one"}).json()
    extra = FREE_BYTES + 10 * MIB
    sender, person = f"/sender/{partner.name}", f"/user/{user.user_name}"
    withdrawal = f"/file/{file_id}/versions/1/withdraw"
    assert api.request("PUT", sender, json={"decision": "accepted"}).status_code == 200
    add_metadata(account, extra)
    ended: tuple[tuple[str, str, object], ...] = (
        ("DELETE", f"/key/{key['key_id']}", None),
        ("PATCH", person, {"disabled": True}),
        ("PUT", sender, {"decision": "blocked"}),
        ("POST", withdrawal, {"reason": "wrong"}),
    )
    for method, path, body in ended:
        assert api.request(method, path, json=body).status_code < 300, path
    recorded = len(api.json("/activity?limit=1000"))
    for method, path, body in ended[1:3]:  # it is so already
        assert api.request(method, path, json=body).status_code == 200, path
    refused: tuple[tuple[str, str, object], ...] = (
        ("POST", "/key/new", {"name": "two"}),
        ("POST", "/user/new", {"user_name": f"{account.name}:new"}),
        ("POST", f"/user/{other.user_name}/link", None),
        ("PATCH", person, {"disabled": False}),
        ("PATCH", person, {"role": "admin"}),
        ("PUT", sender, {"decision": "accepted"}),
        ("PUT", sender, {"decision": None}),
        ("DELETE", f"{withdrawal}al", None),
        ("PATCH", f"/file/{file_id}", {"user_name": other.user_name}),
    )
    for method, path, body in refused:
        answer = api.request(method, path, json=body)
        assert_problem(answer, 413, "account-quota-exceeded", limit=10 * MIB)
    assert len(api.json("/activity?limit=1000")) == recorded
    add_metadata(account, -extra)
    for method, path, body in refused:
        assert api.request(method, path, json=body).status_code < 300, path
    server.assert_sound()


@pytest.mark.both_databases
def test_the_metadata_of_uploads_under_way_counts(server: Server) -> None:
    """1,000 uploads of a byte with a description of 40,000 bytes each could keep 53 MB."""
    account = server.new_account(quota=MIB)
    extra = FREE_BYTES + MIB - 20_000
    add_metadata(account, extra)
    begun = Tus.begin(account.api, 1, file_description="x" * 10_000)
    refused = create(account.api, 1, file_description="x" * 10_000)
    assert_problem(refused, 413, "account-quota-exceeded", limit=MIB)
    assert begun.delete().status_code == 204
    Tus.begin(account.api, 1, file_description="x" * 10_000)
    add_metadata(account, -extra)
    server.assert_sound()


@pytest.mark.both_databases
def test_a_report_is_written_above_the_quota(server: Server) -> None:
    account = server.new_account(quota=MIB)
    schema = {"fields": [{"name": "id", "type": "integer"}]}
    file_id = account.api.deliver(b"id\n1\n", enforce_schema=json.dumps(schema))["file_id"]
    sent = post_version(account.api, file_id, b"id\n" + b"x\n" * 900)
    add_metadata(account, FREE_BYTES + 2 * MIB)
    task = account.api.wait_task(sent.json()["task_id"])
    assert task["error"]["code"] == "schema-violation"
    report = account.api.json(f"/file/{file_id}/report?version=2")
    assert report["valid"] is False
    add_metadata(account, -FREE_BYTES - 2 * MIB)
    server.assert_sound()


@pytest.mark.both_databases
def test_a_transfer_takes_the_metadata_along(server: Server) -> None:
    first, second = server.new_account(), server.new_account()
    file_id = first.api.deliver(file_description="x" * 9_000, enforce_schema="true")["file_id"]
    deliver(first.api, file_id, CSV)
    offer = {"user_name": second.admin.user_name}
    assert first.api.request("PUT", f"/file/{file_id}/offer", json=offer).status_code == 200
    server.wait_derived()
    assert second.api.post(f"/file/{file_id}/offer/accept").status_code == 200
    assert second.api.request("DELETE", f"/file/{file_id}").status_code == 200
    server.assert_sound()


@pytest.mark.parametrize("size", [300, 301])
def test_short_texts_are_recorded_as_they_are(account: TestAccount, size: int) -> None:
    file_id = account.api.deliver()["file_id"]
    assert describe(account.api, file_id, "x" * size) == 200
    newest = account.api.json(f"/file/{file_id}/activity?limit=1")["activity_list"][0]
    recorded = newest["detail"]["file_description"]["to"]
    assert recorded.startswith("xxx" if size == 300 else "sha256:")
