"""A file gets another owner: within its account at once, in another one once that has accepted."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.support.api import CSV, assert_problem
from tests.support.paused_inspections import paused_inspections
from tests.support.raw import MULTIPART, connect, form, head, read_answer
from tests.support.server import Caller, Server, TestAccount
from tests.support.sharing import OTHER, deliver, listed, post_version, share
from tests.support.tus import HEADERS, Tus, metadata
from tests.support.wait import wait_until

from entrepot.db.tables import activity

pytestmark = pytest.mark.both_databases

BROKEN = b"id,amount\nx,2\n"


@pytest.fixture
def home(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture
def partner(server: Server) -> TestAccount:
    return server.new_account()


def give(api: Any, file_id: str, user_name: str) -> Any:
    return api.request("PATCH", f"/file/{file_id}", json={"user_name": user_name})


def offer(api: Any, file_id: str, user_name: str) -> Any:
    return api.request("PUT", f"/file/{file_id}/offer", json={"user_name": user_name})


def accept(api: Any, file_id: str) -> Any:
    return api.post(f"/file/{file_id}/offer/accept")


def used(account: TestAccount) -> tuple[int, int]:
    result = account.api.account()
    return result["used"], result["reserved"]


def test_within_the_account(home: TestAccount) -> None:
    owner, other = home.new_user(), home.new_user()
    task = owner.api.deliver(CSV)
    file_id = task["file_id"]
    share(owner.api, file_id, other.user_name, "r")
    before = used(home)
    assert give(owner.api, file_id, other.user_name).status_code == 204
    assert listed(other.api)[file_id]["user_name"] == other.user_name
    assert listed(other.api)[file_id]["entitlement"] == "rw"
    assert other.api.json(f"/file/{file_id}/entitlements")["entitlements_list"] == []
    assert_problem(owner.api.get(f"/file/{file_id}"), 404, "not-found")
    assert_problem(owner.api.get(f"/task/{task['task_id']}"), 404, "not-found")
    answer = give(home.api, file_id, owner.user_name)
    assert (answer.status_code, answer.json()["user_name"]) == (200, owner.user_name)
    assert give(home.api, file_id, owner.user_name).status_code == 200
    assert used(home) == before
    rows = [each for each in recorded(home, file_id) if each[0] == "file.transfer"]
    names = (owner.user_name, other.user_name)
    assert [each[1] for each in rows] == [
        {"from": first, "to": second} for first, second in (names, names[::-1])
    ]
    # Whoever owns nothing any more can be removed.
    assert home.api.request("DELETE", f"/user/{other.user_name}").status_code == 204
    home.server.assert_sound()


def test_who_may_hand_over_to_whom(home: TestAccount, partner: TestAccount) -> None:
    owner, other, off = home.new_user(), home.new_user(), home.new_user()
    file_id = owner.api.deliver(CSV)["file_id"]
    home.api.request("PATCH", f"/user/{off.user_name}", json={"disabled": True})
    for name in (partner.admin.user_name, f"{home.name}:nobody", off.user_name, "x", None):
        document = assert_problem(give(owner.api, file_id, name), 422, "field-invalid")
        assert document["field"] == "user_name"
    assert_problem(give(other.api, file_id, other.user_name), 404, "not-found")
    share(owner.api, file_id, other.user_name, "rw")
    assert_problem(give(other.api, file_id, other.user_name), 403, "not-allowed")
    assert listed(owner.api)[file_id]["user_name"] == owner.user_name


def test_to_another_account(server: Server, home: TestAccount, partner: TestAccount) -> None:
    """With all that counts: quarantined and deleted versions, and what is made of them."""
    owner, heir, supplier = home.new_user(), partner.new_user(), partner.new_user()
    file_id = owner.api.deliver(CSV, enforce_schema="true")["file_id"]
    share(owner.api, file_id, supplier.user_name, "w")
    deliver(owner, file_id)
    rejected = deliver(supplier, file_id, BROKEN)
    path = f"/file/{file_id}/report.csv?version=3"
    assert owner.api.get(path).status_code == 200
    assert owner.api.request("DELETE", f"/file/{file_id}/versions/1").status_code == 200
    server.wait_derived()
    size = len(CSV) + len(OTHER) + len(BROKEN)
    assert (used(home), used(partner)) == ((size, 0), (0, 0))

    made = offer(owner.api, file_id, heir.user_name)
    assert (made.status_code, made.json()["user_name"]) == (200, heir.user_name)
    assert offer(home.api, file_id, heir.user_name).json() == made.json()
    assert owner.api.json(f"/file/{file_id}")["offered_to"] == heir.user_name
    (offered,) = heir.api.json("/offers")["offers_list"]
    assert (offered["bytes"], offered["entitlements"]) == (size, 1)
    assert offered["user_name"] == owner.user_name
    # An offer alone shows nothing, not even to the account's admin.
    for api in (heir.api, partner.api):
        assert_problem(api.get(f"/file/{file_id}"), 404, "not-found")
    assert partner.api.json("/offers") == {"offers_list": []}
    assert_problem(accept(partner.api, file_id), 404, "not-found")

    answer = accept(heir.api, file_id)
    assert (answer.status_code, answer.json()["user_name"]) == (200, heir.user_name)
    assert (used(home), used(partner)) == ((0, 0), (size, 0))
    assert home.api.account()["derivatives"] == 0
    assert_problem(accept(heir.api, file_id), 404, "not-found")
    for api in (owner.api, home.api):
        assert_problem(api.get(f"/file/{file_id}"), 404, "not-found")
        assert_problem(api.get(f"/task/{rejected['task_id']}"), 404, "not-found")
        assert api.json("/tasks") == {"tasks_list": []}
    assert partner.api.task(rejected["task_id"])["status"] == "failed"
    assert heir.api.get(path).content.startswith(b"_row,")
    assert heir.api.post(f"/file/{file_id}/versions/1/undelete").status_code == 200
    assert deliver(supplier, file_id)["status"] == "succeeded"
    detail = {"from": owner.user_name, "to": heir.user_name, "bytes": size}
    for account in (home, partner):
        assert ("file.transfer", detail) in recorded(account, file_id)
    server.assert_sound()

    # And back again.
    assert offer(heir.api, file_id, owner.user_name).status_code == 200
    assert accept(owner.api, file_id).status_code == 200
    assert used(partner) == (0, 0)
    server.assert_sound()


def test_a_form_under_way_is_work_of_the_new_account(
    server: Server, home: TestAccount, partner: TestAccount
) -> None:
    """A suspension of the account before must not keep the form from the new one's readers."""
    file_id = home.api.deliver(CSV)["file_id"]
    path = f"/file/download/{file_id}?format=jsonl&version=1"
    with server.suspended_workers():
        assert home.api.get(path, headers={"Prefer": "wait=0"}).status_code == 503
        offer(home.api, file_id, partner.admin.user_name)
        assert accept(partner.api, file_id).status_code == 200
        server.assert_sound()
    assert partner.api.get(path).status_code == 200
    server.assert_sound()


def test_no_room_in_the_other_account(server: Server, home: TestAccount) -> None:
    narrow = server.new_account(quota=len(CSV) - 1)
    file_id = home.api.deliver(CSV)["file_id"]
    offer(home.api, file_id, narrow.admin.user_name)
    answer = accept(narrow.api, file_id)
    figures = {"limit": len(CSV) - 1, "used": 0, "reserved": 0, "requested": len(CSV)}
    assert_problem(answer, 413, "account-quota-exceeded", **figures)
    assert (used(home), used(narrow)) == ((len(CSV), 0), (0, 0))
    assert listed(home.api)[file_id]["user_name"] == home.admin.user_name
    assert len(narrow.api.json("/offers")["offers_list"]) == 1
    server.assert_sound()


def test_not_while_a_version_is_decided(
    server: Server, home: TestAccount, partner: TestAccount
) -> None:
    file_id = home.api.deliver(CSV)["file_id"]
    offer(home.api, file_id, partner.admin.user_name)
    with paused_inspections(server):
        task_id = post_version(home.api, file_id).json()["task_id"]
        answer = accept(partner.api, file_id)
        assert_problem(answer, 409, "file-busy", tasks=1)
        assert answer.headers["retry-after"] == "5"
    home.api.wait_task(task_id)
    assert accept(partner.api, file_id).status_code == 200
    server.assert_sound()


def test_an_upload_that_runs_meanwhile_is_refused(
    server: Server, home: TestAccount, partner: TestAccount
) -> None:
    """Its reservation was made in the account that the file has left, and is given back there."""
    file_id = home.api.deliver(CSV, limit=10_000_000)["file_id"]
    guest = partner.new_user()
    share(home.api, file_id, guest.user_name, "w")
    offer(home.api, file_id, partner.admin.user_name)
    body = form(CSV * 100_000)
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    target = f"/api/v1/file/{file_id}/versions"
    with connect(server.endpoint) as sock:
        sock.sendall(head("POST", target, guest.api.authorization | framing) + body[:-100])
        wait_until(lambda: used(home)[1], "the upload has begun")
        assert accept(partner.api, file_id).status_code == 200
        assert used(partner) == (len(CSV), 0)
        sock.sendall(body[-100:])
        assert_problem(read_answer(sock), 409, "upload-interrupted")
    wait_until(lambda: used(home) == (0, 0), "nothing is reserved any more")
    assert used(partner) == (len(CSV), 0)
    assert deliver(guest, file_id)["version"] == 2
    server.assert_sound()


def test_a_resumable_upload_goes_on_in_the_new_account_as_it_has_room(
    server: Server, home: TestAccount, partner: TestAccount
) -> None:
    """And its sender does not see the figures of an account that is not theirs."""
    file_id = home.api.deliver(CSV)["file_id"]
    guest, narrow = partner.new_user(), server.new_account(quota=len(CSV) + len(OTHER) - 1)
    share(home.api, file_id, guest.user_name, "rw")
    headers = {"Upload-Metadata": metadata(filename="next.csv", file_id=file_id)}
    begun = guest.api.post(
        "/uploads", headers=HEADERS | headers | {"Upload-Length": str(len(OTHER))}
    )
    upload = Tus.of(guest.api, begun)
    assert home.api.account()["reserved"] == len(OTHER)
    assert offer(home.api, file_id, narrow.admin.user_name).status_code == 200
    assert accept(narrow.api, file_id).status_code == 200
    document = assert_problem(upload.patch(OTHER, 0), 413, "account-quota-exceeded")
    assert not {"limit", "used", "reserved"} & set(document)
    assert document["requested"] == len(OTHER)
    assert upload.delete().status_code == 204
    assert (used(home), used(narrow)) == ((0, 0), (len(CSV), 0))
    server.assert_sound()


def test_offers_are_withdrawn_declined_and_replaced(
    home: TestAccount, partner: TestAccount
) -> None:
    owner, one, other = home.new_user(), partner.new_user(), partner.new_user()
    file_id = owner.api.deliver(CSV)["file_id"]
    path = f"/file/{file_id}/offer"
    offer(owner.api, file_id, one.user_name)
    offer(owner.api, file_id, other.user_name)
    assert one.api.json("/offers") == {"offers_list": []}
    assert_problem(accept(one.api, file_id), 404, "not-found")
    assert_problem(one.api.request("DELETE", path), 404, "not-found")
    assert other.api.request("DELETE", path).status_code == 204
    assert_problem(owner.api.request("DELETE", path), 404, "not-found")
    offer(owner.api, file_id, one.user_name)
    assert home.api.request("DELETE", path).status_code == 204
    assert_problem(accept(one.api, file_id), 404, "not-found")
    offer(owner.api, file_id, one.user_name)
    assert owner.api.request("DELETE", f"/file/{file_id}").status_code == 200
    assert one.api.json("/offers") == {"offers_list": []}
    assert_problem(accept(one.api, file_id), 404, "not-found")
    actions = [action for action, _ in recorded(home, file_id) if "version" not in action]
    ended = ["file.offer", "file.offer", "file.decline", "file.offer", "file.withdraw"]
    assert actions == ["file.define", *ended, "file.offer", "file.delete"]


def test_who_may_offer_to_whom(home: TestAccount, partner: TestAccount) -> None:
    owner, colleague = home.new_user(), home.new_user()
    file_id = owner.api.deliver(CSV)["file_id"]
    unknown = f"{partner.name}:nobody", "no-account:nobody"
    details = set()
    for name in unknown:
        document = assert_problem(offer(owner.api, file_id, name), 422, "field-invalid")
        details.add(document["detail"].replace(name, "NAME"))
    assert len(details) == 1
    for name in (f"{partner.name}:*", colleague.user_name, owner.user_name, "x"):
        document = assert_problem(offer(owner.api, file_id, name), 422, "field-invalid")
        assert document["field"] == "user_name"
    name = partner.admin.user_name
    assert_problem(offer(colleague.api, file_id, name), 404, "not-found")
    share(owner.api, file_id, colleague.user_name, "rw")
    assert_problem(offer(colleague.api, file_id, name), 403, "not-allowed")
    assert_problem(colleague.api.request("DELETE", f"/file/{file_id}/offer"), 403, "not-allowed")
    assert owner.api.json(f"/file/{file_id}")["offered_to"] is None


def test_what_somebody_validated_stays_with_them(
    server: Server, home: TestAccount, partner: TestAccount
) -> None:
    colleague: Caller = home.new_user()
    file_id = home.api.deliver(CSV, enforce_schema="true")["file_id"]
    share(home.api, file_id, colleague.user_name, "r")
    answer = colleague.api.upload(BROKEN, limit=None, path="/file/validate", file_id=file_id)
    task_id = colleague.api.wait_task(answer.json()["task_id"])["task_id"]
    assert home.api.task(task_id)["status"] == "failed"
    offer(home.api, file_id, partner.admin.user_name)
    assert accept(partner.api, file_id).status_code == 200
    assert colleague.api.task(task_id)["status"] == "failed"
    assert_problem(partner.api.get(f"/task/{task_id}"), 404, "not-found")
    server.assert_sound()


def recorded(account: TestAccount, file_id: str) -> list[tuple[str, Any]]:
    """What the account's record says of changes of the file, oldest first."""
    actor = account.server.actor(account.api_key)
    mine = activity.c.account_id == actor.account_id, activity.c.action != "version.read"
    query = select(activity).where(*mine)
    with account.server.parts.database.reading() as conn:
        rows = conn.execute(query.order_by(activity.c.id)).all()
    return [(row.action, row.detail) for row in rows if str(row.file_id) == file_id]
