"""Links to files: who makes them, what ends them, and how they are counted."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select
from tests.support.api import CSV, Api, assert_problem
from tests.support.links import listed_links, make_link, post_link, revoke, uses
from tests.support.server import Server, TestAccount
from tests.support.sharing import OTHER, deliver, in_a_while, share
from tests.support.together import all_at_once
from tests.support.wait import PATIENCE, wait_until

from entrepot.accounts.accounts import set_suspended
from entrepot.db.tables import file_links, queue_entries
from entrepot.grants.file_links import MAX_LINKS_PER_FILE

PASSWORD = "violet harbour eleven kites"
SCHEMA = '{"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}'
BROKEN = b"id,amount\nx,2\n"


@pytest.fixture
def account(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture
def guest(server: Server) -> Api:
    """Somebody without a key."""
    return server.api(None)


def activity(api: Api, file_id: str, action: str) -> list[dict[str, Any]]:
    """What is recorded of a file under an action."""
    rows = api.json(f"/file/{file_id}/activity")["activity_list"]
    return [row for row in rows if row["action"] == action]


def status(guest: Api, link: dict[str, Any], **options: Any) -> int:
    return guest.get(link["path"], **options).status_code


@pytest.mark.both_databases
def test_a_link_reads_one_file_without_a_key(account: TestAccount, guest: Api) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    link = make_link(account.api, file_id, "read", name="for Ö. & partners")
    assert link["url"].endswith("/orders.csv")
    answer = guest.get(link["path"])
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    details = listed_links(account.api, file_id)[0]
    assert "url" not in details
    assert (details["state"], details["uses"], details["prefix"]) == ("valid", 1, link["prefix"])
    lifetime = datetime.strptime(details["expires_at"], "%Y-%m-%dT%H:%M:%S%z") - datetime.now(UTC)
    assert timedelta(days=29) < lifetime <= timedelta(days=30)
    deliver(account.admin, file_id, OTHER)
    assert guest.get(link["path"]).content == OTHER, "the newest version"
    answer = guest.request("PUT", link["path"], content=CSV)
    assert_problem(answer, 403, "not-allowed")


def test_the_secret_is_stored_as_a_keyed_hash_alone(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read", password=PASSWORD)
    secret = link["path"].split("/")[2]
    assert len(secret) == 4 + 43 + 6
    with server.parts.database.reading() as conn:
        row = conn.execute(select(file_links).where(file_links.c.file_id == UUID(file_id))).one()
    stored = [value for value in row if value is not None]
    assert secret[:8] == row.prefix
    assert not any(secret[8:] in str(value) or PASSWORD in str(value) for value in stored)
    assert row.password_hash.startswith("$argon2id$")
    # Nor is it anywhere in what the server wrote: its log, its database, its output.
    guest.get(link["path"], auth=("", PASSWORD))
    guest.get(link["path"] + "x")
    guest.get(f"/l/{secret}/a/b")
    assert server.files_with(secret[8:]) == []
    assert server.files_with(file_id)
    logged = [line["path"] for line in server.logged() if line.get("path", "").startswith("/l/")]
    assert "/l/[secret]/orders.csv" in logged
    by_link = [line for line in server.logged() if line.get("link_id") == link["link_id"]]
    assert by_link


def test_a_link_to_one_form_of_one_version(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    deliver(account.admin, file_id, OTHER)
    server.wait_derived()
    fixed = make_link(account.api, file_id, "read", version=1)
    jsonl = make_link(account.api, file_id, "read", format="jsonl", version=1)
    assert guest.get(fixed["path"]).content == CSV
    assert jsonl["url"].endswith("/orders.jsonl")
    assert guest.get(jsonl["path"]).content == b'{"id":1,"amount":2}\n{"id":3,"amount":4}\n'
    renamed = jsonl["path"].rpartition("/")[0]
    for name in ("", "/", "/anything.csv"):
        assert guest.get(renamed + name).content.startswith(b'{"id"'), "the name changes nothing"
    assert_problem(post_link(account.api, file_id, "read", version=9), 404, "not-found")
    account.api.request("DELETE", f"/file/{file_id}/versions/1")
    assert_problem(guest.get(fixed["path"]), 410, "link-ended")
    refused = post_link(account.api, file_id, "read", version=1)
    assert_problem(refused, 409, "version-not-published")


def test_wrong_terms_name_their_field(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    for field, kind, terms in (
        ("expires_at", "read", {"expires_at": in_a_while(seconds=-1)}),
        ("expires_at", "read", {"expires_at": in_a_while(days=367)}),
        ("format", "deliver", {"format": "csv"}),
        ("version", "deliver", {"version": 1}),
        ("name", "read", {"name": "a\nb"}),
        ("password", "read", {"password": "12345678"}),
        ("password", "read", {"password": ""}),
        ("max_uses", "read", {"max_uses": 0}),
        ("kind", "write", {}),
        ("more", "read", {"more": 1}),
    ):
        answer = post_link(account.api, file_id, kind, **terms)
        problem = assert_problem(answer, 422, "field-invalid")
        assert problem["field"] == field, problem
    assert listed_links(account.api, file_id) == []


def test_a_file_has_a_hundred_links_at_most(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    made = [make_link(account.api, file_id, "read") for _ in range(MAX_LINKS_PER_FILE)]
    answer = post_link(account.api, file_id, "read")
    assert_problem(answer, 409, "too-many-links", limit=MAX_LINKS_PER_FILE)
    page = account.api.get(f"/file/{file_id}/links?limit=60")
    rest = account.api.get(page.links["next"]["url"])
    ids = [each["link_id"] for each in (page.json()["links_list"] + rest.json()["links_list"])]
    assert ids == [each["link_id"] for each in made]
    revoke(account.api, file_id, made[0])
    assert post_link(account.api, file_id, "read").status_code == 201


@pytest.mark.both_databases
def test_what_ends_a_link(account: TestAccount, guest: Api, server: Server) -> None:
    """Each of them answers the same words, but what never was a link."""
    owner = account.new_user()
    file_id = owner.api.deliver(CSV)["file_id"]
    key = account.new_key(user_name=owner.user_name)
    links = {
        name: make_link(api, file_id, "read", **terms)
        for name, api, terms in (
            ("revoked", owner.api, {}),
            ("of a revoked key", key.api, {}),
            ("used up", owner.api, {"max_uses": 1}),
            ("of a former admin", account.api, {}),
            ("of the owner", owner.api, {}),
        )
    }
    assert {status(guest, link) for link in links.values()} == {200}
    revoke(owner.api, file_id, links["revoked"])
    owner.api.request("DELETE", f"/key/{key.key.key.id}")
    second = server.new_caller(f"{account.name}:second", "admin", ("read", "write", "admin"))
    named = f"/user/{account.admin.user_name}"
    assert second.api.request("PATCH", named, json={"role": "member"}).status_code == 200
    bodies = set()
    for name, link in links.items():
        answer = guest.get(link["path"])
        if name == "of the owner":
            assert answer.status_code == 200
            continue
        problem = assert_problem(answer, 410, "link-ended")
        assert answer.headers["cache-control"] == "no-store"
        bodies.add(str({**problem, "request_id": ""}))
    assert len(bodies) == 1
    states = {each["link_id"]: each["state"] for each in listed_links(second.api, file_id)}
    assert states[links["of a former admin"]["link_id"]] == "void"
    assert states[links["of a revoked key"]["link_id"]] == "void"
    assert states[links["used up"]["link_id"]] == "used_up"
    assert links["revoked"]["link_id"] not in states
    last = links["of the owner"]
    for disabled, expected in ((True, 410), (False, 200)):
        second.api.request("PATCH", f"/user/{owner.user_name}", json={"disabled": disabled})
        assert status(guest, last) == expected
    second.api.request("DELETE", f"/file/{file_id}")
    assert_problem(guest.get(last["path"]), 410, "link-ended")
    second.api.post(f"/file/{file_id}/undelete")
    assert status(guest, last) == 200
    second.api.request("PATCH", f"/file/{file_id}", json={"user_name": second.user_name})
    assert_problem(guest.get(last["path"]), 410, "link-ended")
    assert second.api.get(f"/file/{file_id}/links").json() == {"links_list": []}
    never = last["path"].replace("epl_", "epl_0")
    assert_problem(guest.get(never), 404, "not-found")
    assert_problem(guest.get("/l/"), 404, "not-found")
    server.assert_sound()


def test_a_link_expires_with_its_time_and_with_the_key_that_made_it(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    key = account.new_key(expires_in=timedelta(days=2))
    link = make_link(key.api, file_id, "read")
    assert link["expires_at"] < make_link(account.api, file_id, "read")["expires_at"]
    with server.parts.database.writing() as conn:
        past = server.parts.clock() - timedelta(seconds=1)
        of_file = file_links.c.file_id == UUID(file_id)
        conn.execute(file_links.update().where(of_file).values(expires_at=past))
    assert_problem(guest.get(link["path"]), 410, "link-ended")
    assert {each["state"] for each in listed_links(account.api, file_id)} == {"expired"}


def test_a_withdrawn_version_ends_its_link_until_it_is_back(
    account: TestAccount, guest: Api
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    links = [make_link(account.api, file_id, "read", version=v) for v in (1, None)]
    path = f"/file/{file_id}/versions/1"
    account.api.post(f"{path}/withdraw", json={"reason": "names of patients"})
    for link in links:
        problem = assert_problem(guest.get(link["path"]), 410, "link-ended")
        assert "patients" not in str(problem)
    account.api.request("DELETE", f"{path}/withdrawal")
    assert [status(guest, link) for link in links] == [200, 200]


def test_a_key_makes_no_link_that_may_do_more(account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    writes = account.new_key(("write",))
    answer = post_link(writes.api, file_id, "read")
    assert_problem(answer, 403, "scope-missing", required="read")
    assert post_link(writes.api, file_id, "deliver").status_code == 201


def test_a_suspended_accounts_links_answer_as_ended(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read")
    server.parts.database.write(set_suspended, account.name, True, server.parts.clock())
    assert_problem(guest.get(link["path"]), 410, "link-ended")


@pytest.mark.both_databases
def test_only_begun_downloads_count(account: TestAccount, guest: Api) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read", max_uses=2)
    path = link["path"]
    etag = guest.request("HEAD", path).headers["etag"]
    assert guest.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert guest.get(path, headers={"If-Match": '"x"'}).status_code == 412
    assert guest.get(path, headers={"Range": "bytes=999-"}).status_code == 416
    assert uses(account.api, file_id) == [0]
    for start in (0, 4, 8):
        part = guest.get(path, headers={"Range": f"bytes={start}-"})
        assert (part.status_code, part.content) == (206, CSV[start:])
    assert uses(account.api, file_id) == [1], "parts of one download"
    assert guest.get(path).status_code == 200
    assert_problem(guest.get(path), 410, "link-ended")
    resumed = guest.get(path, headers={"Range": "bytes=4-"})
    assert (resumed.status_code, resumed.content) == (206, CSV[4:]), "the last one is resumed"
    revoke(account.api, file_id, link)
    assert_problem(guest.get(path, headers={"Range": "bytes=4-"}), 410, "link-ended")


@pytest.mark.both_databases
def test_the_last_download_is_given_once(account: TestAccount, guest: Api, server: Server) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read", max_uses=3)
    answers = all_at_once(*[lambda: status(guest, link)] * 8)
    assert sorted(map(str, answers)) == ["200"] * 3 + ["410"] * 5
    assert uses(account.api, file_id) == [3]
    server.assert_sound()


def test_guessing_a_password_is_slow_and_says_nothing(server: Server) -> None:
    account, guest = server.new_account(), server.api(None)
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read", password=PASSWORD)
    path = link["path"]
    for auth in (None, ("", "wrong"), ("anna", "wrong")):
        answer = guest.get(path, auth=auth)
        assert_problem(answer, 401, "link-password-required")
        assert answer.headers["www-authenticate"].startswith('Basic realm="link"')
    for user in ("", "anna"):
        assert guest.get(path, auth=(user, PASSWORD)).content == CSV
    assert_problem(server.api("epk_x").get(path), 401, "link-password-required")
    # A program that sends the right one with each of many parts is not slowed down.
    parts = [
        guest.get(path, auth=("", PASSWORD), headers={"Range": "bytes=0-1"}) for _ in range(30)
    ]
    assert {part.status_code for part in parts} == {206}


@pytest.mark.both_databases
def test_a_guest_delivers_and_gets_the_verdict(
    account: TestAccount, guest: Api, server: Server
) -> None:
    first = account.api.deliver(CSV, name="orders.csv", enforce_schema=SCHEMA)
    file_id = first["file_id"]
    link = make_link(account.api, file_id, "deliver", name="Supplier", max_uses=2)
    path = link["path"]
    assert link["url"].endswith("/"), "curl -T appends the name of the file"
    about = guest.get(path).json()
    assert about["file_name"] == "orders.csv"
    assert (about["uses_left"], about["schema"]["fields"][0]["name"]) == (2, "id")
    assert account.name not in str(about)
    bad = guest.request("PUT", f"{path}mine.csv?wait=60", content=BROKEN)
    problem = assert_problem(bad, 422, "schema-violation", version=2)
    assert "integer" in problem["detail"]
    report = guest.get(problem["report_url"])
    assert report.json()["tasks"][0]["rowsRejected"] == 1
    good = guest.request("PUT", f"{path}mine.csv?wait=60", content=OTHER)
    assert (good.status_code, good.json()["status"]) == (201, "published")
    assert "file_id" not in good.json()
    seen = guest.get(good.headers["location"])
    assert (seen.json()["status"], seen.json()["error"]) == ("succeeded", None)
    assert account.name not in seen.text
    assert account.api.get(f"/file/download/{file_id}").content == OTHER
    waits = guest.request("PUT", path, content=OTHER)
    assert waits.status_code == 202
    assert_problem(guest.request("PUT", path, content=OTHER), 410, "link-ended")
    assert uses(account.api, file_id) == [2], "what was rejected left the link its use"
    rows = activity(account.api, file_id, "version.deliver")
    assert {row["user_name"] for row in rows} == {f"link “Supplier” ({link['link_id'][:8]})"}
    assert {row["detail"]["file_name"] for row in rows} == {"mine.csv", "orders.csv"}
    newest = account.api.json(f"/file/{file_id}/versions/2")
    assert (newest["link_id"], newest["user_name"]) == (link["link_id"], account.admin.user_name)
    # What others delivered, by another link or by themselves, is not there for this one.
    other = make_link(account.api, file_id, "deliver")["path"].split("/")[2]
    task_id = good.json()["task_id"]
    for address in (
        f"/l/{other}/deliveries/{task_id}",
        f"/l/{path.split('/')[2]}/deliveries/{first['task_id']}",
    ):
        assert_problem(guest.get(address), 404, "not-found")
        assert_problem(guest.get(f"{address}/report.json"), 404, "not-found")
    account.api.wait_task(waits.json()["task_id"])
    server.wait_derived()
    server.assert_sound()


def test_a_guests_delivery_has_the_bounds_of_any_other(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV, limit=30)["file_id"]
    path = make_link(account.api, file_id, "deliver")["path"]
    answer = guest.request("PUT", path, content=b"id\n" * 20)
    assert_problem(answer, 413, "file-too-large", limit=30)
    assert_problem(guest.request("PUT", path, content=b""), 422, "field-invalid")
    for header in ("Idempotency-Key", "If-Match"):
        answer = guest.request("PUT", path, content=CSV, headers={header: '"x"'})
        assert_problem(answer, 422, "field-invalid", field=header.lower())
    multipart = guest.request("PUT", path, files={"file": ("a.csv", CSV)})
    assert multipart.status_code == 415
    small = server.new_account(quota=40)
    full = small.api.deliver(CSV, limit=1000)["file_id"]
    path = make_link(small.api, full, "deliver")["path"]
    answer = guest.request("PUT", path, content=CSV * 3)
    problem = assert_problem(answer, 413, "account-quota-exceeded")
    assert "used" not in problem, "the owner's figures are hidden"
    assert small.api.account()["reserved"] == 0


@pytest.mark.both_databases
def test_the_last_delivery_is_taken_once(account: TestAccount, guest: Api, server: Server) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    path = make_link(account.api, file_id, "deliver", max_uses=2)["path"]

    def send() -> httpx2.Response:
        return guest.request("PUT", path, content=OTHER)

    answers = all_at_once(*[send] * 6)
    statuses = sorted(getattr(answer, "status_code", 0) for answer in answers)
    assert statuses == [202] * 2 + [410] * 4, answers
    server.wait_derived()
    assert len(account.api.json(f"/file/{file_id}/versions")["versions_list"]) == 3
    assert uses(account.api, file_id) == [2]
    server.assert_sound()


def test_a_link_shows_its_file_alone(account: TestAccount, guest: Api) -> None:
    """Not even with the link's rights: no other route knows links."""
    file_id = account.api.deliver(CSV)["file_id"]
    secret = make_link(account.api, file_id, "read")["path"].split("/")[2]
    for headers in ({"Authorization": f"Bearer {secret}"}, {}):
        assert guest.get(f"/file/download/{file_id}", headers=headers).status_code == 401
        assert guest.get("/files", headers=headers).status_code == 401
    assert guest.get(f"/file/download/{file_id}", auth=("", secret)).status_code == 401
    member = account.new_user()
    share(account.api, file_id, member.user_name, "rw")
    assert_problem(post_link(member.api, file_id, "read"), 403, "not-allowed")
    assert_problem(member.api.get(f"/file/{file_id}/links"), 403, "not-allowed")


def test_reads_are_recorded_as_made_by_the_link(account: TestAccount, guest: Api) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "read", name="Auditors")
    guest.get(link["path"])
    wait_until(lambda: bool(activity(account.api, file_id, "version.read")), "it is recorded")
    row = activity(account.api, file_id, "version.read")[0]
    assert row["user_name"] == f"link “Auditors” ({link['link_id'][:8]})"
    created = activity(account.api, file_id, "link.create")[0]
    assert created["user_name"] == account.admin.user_name
    assert created["detail"]["link_id"] == link["link_id"]
    revoke(account.api, file_id, link)
    assert activity(account.api, file_id, "link.revoke")[0]["detail"]["link_name"] == "Auditors"


def test_a_browser_gets_pages_which_name_nothing_else(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv", enforce_schema=SCHEMA)["file_id"]
    browser = {"Accept": "text/html,*/*;q=0.8"}
    reading = make_link(account.api, file_id, "read", max_uses=5)["path"]
    page_address = reading.rpartition("/")[0]
    page = guest.client.get(page_address, headers=browser)
    assert page.headers["content-type"].startswith("text/html")
    assert f'href="{reading}"' in page.text
    assert uses(account.api, file_id) == [0], "to look at the page is not a download"
    assert guest.client.get(reading, headers=browser).content == CSV
    secret = make_link(account.api, file_id, "deliver")["path"].split("/")[2]
    form = guest.client.get(f"/l/{secret}", headers=browser)
    assert "amount" in form.text
    wrong = guest.client.post(f"/l/{secret}", headers=browser, files={"file": ("a.csv", b"")})
    assert wrong.status_code == 422
    assert "Error: Deliver" in wrong.text
    unknown = guest.client.get("/l/epl_nothing", headers=browser)
    assert unknown.status_code == 404
    assert "This link does not work" in unknown.text
    assert "To the files" not in unknown.text
    sent = guest.client.post(f"/l/{secret}", headers=browser, files={"file": ("a.csv", BROKEN)})
    assert sent.status_code == 303
    verdict_address = sent.headers["location"]
    account.api.wait_task(verdict_address.rpartition("/")[2])
    verdict = guest.client.get(verdict_address, headers=browser)
    assert "Deliver a correction" in verdict.text
    assert "is not an integer" in verdict.text
    refused = guest.client.get("/l/epl_x", headers=browser)
    assert refused.status_code == 404
    for answer in (page, form, wrong, verdict, refused):
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert account.name not in answer.text
        assert file_id not in answer.text
        assert "set-cookie" not in answer.headers


def test_too_many_wrong_passwords_are_refused(serve: Callable[..., Server]) -> None:
    server = serve(sign_in_attempts_per_address=3)
    account, guest = server.new_account(), server.api(None)
    file_id = account.api.deliver(CSV)["file_id"]
    path = make_link(account.api, file_id, "read", password=PASSWORD)["path"]
    for _ in range(3):
        assert_problem(guest.get(path, auth=("", "wrong")), 401, "link-password-required")
    refused = guest.get(path, auth=("", PASSWORD))
    problem = assert_problem(refused, 429, "too-many-attempts")
    assert refused.headers["retry-after"] == str(problem["retry_after"])


def test_revoking_ends_an_upload_under_way(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV, limit=10**8)["file_id"]
    link = make_link(account.api, file_id, "deliver")
    begun, revoked = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield b"id,amount\n" + b"1,2\n" * 500_000  # more than one block, so that it is reserved
        begun.set()
        assert revoked.wait(PATIENCE)
        yield b"3,4\n"

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(guest.request, "PUT", link["path"], content=body())
        assert begun.wait(PATIENCE)
        wait_until(lambda: account.api.account()["reserved"] > 0, "a block is reserved")
        under_way = account.api.json("/uploads")["uploads_list"]
        assert [each["file_id"] for each in under_way] == [file_id]
        revoke(account.api, file_id, link)
        assert account.api.account()["reserved"] == 0
        revoked.set()
        assert_problem(answer.result(), 410, "link-ended")
    assert len(account.api.json(f"/file/{file_id}/versions")["versions_list"]) == 1
    server.assert_sound()


def test_each_link_is_a_sender_of_its_own_in_the_queue(
    account: TestAccount, guest: Api, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    link = make_link(account.api, file_id, "deliver")
    with server.suspended_workers():
        task_id = guest.request("PUT", link["path"], content=OTHER).json()["task_id"]
        with server.parts.database.reading() as conn:
            entry = queue_entries.c.id == UUID(task_id)
            sender = conn.scalar(select(queue_entries.c.user_id).where(entry))
    assert str(sender) == link["link_id"]
    assert account.api.wait_task(task_id)["status"] == "succeeded"
