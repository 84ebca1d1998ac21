"""Signing in: guesses, floods, links, passwords, and what the record says of it; over HTTP."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.e2e.conftest import PASSWORD, Browse, give_password, post_sign_in
from tests.support.api import PLAIN, assert_problem
from tests.support.loops import run_apart
from tests.support.server import Server, TestAccount
from tests.support.together import all_at_once
from tests.support.wait import PATIENCE, wait_until

from entrepot.accounts.links import create_link
from entrepot.accounts.passwords import DUMMY_HASH, _hasher
from entrepot.accounts.users import find_user
from entrepot.http.limits.password_checks import BROWSER_ATTEMPTS, BURST

Serve = Callable[..., Server]
AT_ONCE = 8
NEW_PASSWORD = "violet anchors mumble softly"


def guess(client: httpx2.Client, user_name: str, **headers: str) -> httpx2.Response:
    form = {"user_name": user_name, "password": "wrong"}
    return client.post("/sign-in", data=form, headers=headers)


def use(client: httpx2.Client, link: str, password: str = NEW_PASSWORD) -> httpx2.Response:
    (token,) = parse_qs(urlsplit(link).query)["link"]
    return client.post("/sign-in/link", data={"link": token, "password": password})


def actions(account: TestAccount, prefix: str) -> list[dict[str, Any]]:
    rows = account.api.json("/activity?limit=1000")["activity_list"]
    return [row for row in rows if row["action"].startswith(prefix)]


def make_link(account: TestAccount, user_name: str) -> str:
    answer = account.api.post(f"/user/{user_name}/link")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()) == ["user_name", "link", "expires_at"]
    link: str = answer.json()["link"]
    return link


@pytest.mark.both_databases
def test_wrong_passwords_at_once_do_not_keep_the_right_one_out(
    browse: Browse, someone: TestAccount
) -> None:
    """All from one address, in a browser that was never used before."""
    clients = [browse() for _ in range(BURST + 5)]
    wrong = [lambda client=client: guess(client, someone.admin.user_name) for client in clients]
    answers = all_at_once(*wrong, lambda: post_sign_in(browse(), someone))
    statuses = [answer.status_code for answer in answers if isinstance(answer, httpx2.Response)]
    assert statuses == [422] * len(wrong) + [303]
    assert len(actions(someone, "session.create")) == 1


def test_a_known_browser_is_not_kept_waiting(browse: Browse, someone: TestAccount) -> None:
    """While others use up all that the name has. Those who wait at the end hang up."""
    mine = browse()
    assert post_sign_in(mine, someone).status_code == 303

    async def beside_others() -> tuple[int, int]:
        """The status that the known browser is answered, and how many others still wait then."""
        form = {"user_name": someone.admin.user_name, "password": "wrong"}
        async with httpx2.AsyncClient(
            base_url=mine.base_url, headers=mine.headers, trust_env=False, verify=PLAIN
        ) as client:
            waiting = {
                asyncio.create_task(client.post("/sign-in", data=form, timeout=PATIENCE))
                for _ in range(BURST + 20)
            }
            others = set(waiting)
            while len(others) - len(waiting) < BURST:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert {each.result().status_code for each in done} == {422}
            answer = await asyncio.to_thread(post_sign_in, mine, someone)
            still_waiting = [each for each in waiting if not each.done()]
            for each in still_waiting:
                each.cancel()
            return answer.status_code, len(still_waiting)

    status, still_waiting = run_apart(beside_others())
    assert status == 303
    assert still_waiting > 0


def test_a_known_browser_has_attempts_of_its_own(browse: Browse, someone: TestAccount) -> None:
    mine = browse()
    assert post_sign_in(mine, someone).status_code == 303
    for _ in range(BROWSER_ATTEMPTS):
        assert guess(mine, someone.admin.user_name).status_code == 422
    refused = guess(mine, someone.admin.user_name)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert "Too many attempts to sign in. Try again in" in refused.text
    mine.cookies.clear()
    mine.cookies.set("entrepot-browser", "00.00")  # what nobody but the server can make
    assert post_sign_in(mine, someone).status_code == 303


def test_one_address_has_so_many_attempts(serve: Serve, password_hash: str) -> None:
    made = serve(trusted_proxies="127.0.0.1", sign_in_attempts_per_address=6)
    account = made.new_account()
    give_password(made, account.admin, password_hash)
    name = account.admin.user_name
    usual = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    with httpx2.Client(base_url=made.endpoint, headers=usual, verify=PLAIN) as client:
        client.timeout = httpx2.Timeout(2 * PATIENCE)
        for number in range(6):
            guess(client, f"{name}{number}", **{"X-Forwarded-For": "203.0.113.5"})
        refused = guess(client, name, **{"X-Forwarded-For": "203.0.113.5"})
        assert refused.status_code == 429
        client.headers["X-Forwarded-For"] = "203.0.113.6"
        assert post_sign_in(client, account).status_code == 303
    (row,) = actions(account, "session.create")
    assert row["address"] == "203.0.113.6"


@pytest.mark.parametrize("user_name", ["", ":", "nobody", "a:\0b", "x" * 10_000, "ü:é"])
def test_odd_names_are_just_wrong(browse: Browse, user_name: str) -> None:
    answer = browse().post("/sign-in", data={"user_name": user_name, "password": "x"})
    assert answer.status_code == 422
    assert "do not belong together" in answer.text


def test_the_hash_of_nobody_costs_as_much_as_anybodys() -> None:
    """So that the time of a refusal does not tell which names there are."""
    assert not _hasher.check_needs_rehash(DUMMY_HASH)


@pytest.mark.both_databases
def test_a_link_invites_and_resets(browse: Browse, account: TestAccount) -> None:
    user = account.new_user()
    link = make_link(account, user.user_name)
    for _ in range(3):  # mail programs look at it
        page = browse().get(link)
        assert page.status_code == 200
        assert user.user_name in page.text
        assert "set-cookie" not in page.headers
    client = browse()
    weak = use(client, link, "password1234")
    assert weak.status_code == 422
    assert "is easy to guess. This is a very common password. Add another word" in weak.text
    assert "must have 12 to 200 characters" in use(client, link, "x").text
    assert "must have 12 to 200 characters" in use(client, link, "x" * 201).text
    assert use(client, link).status_code == 303
    assert "Your password is set, and you are signed in." in client.get("/files").text
    for gone in (use(browse(), link), browse().get(link)):
        assert gone.status_code == 422
        assert "used before" in gone.text
        assert "<title>Error: Sign in · Entrepot</title>" in gone.text
    first = make_link(account, user.user_name)
    assert use(browse(), make_link(account, user.user_name), NEW_PASSWORD + "s").status_code == 303
    assert use(browse(), first).status_code == 422
    assert client.get("/files").status_code == 303  # the password changed: the session ended
    form = {"user_name": user.user_name, "password": NEW_PASSWORD}
    assert browse().post("/sign-in", data=form).status_code == 422
    assert [row["user_name"] for row in actions(account, "user.link")] == [
        account.admin.user_name
    ] * 3
    assert {row["user_name"] for row in actions(account, "user.password")} == {user.user_name}


@pytest.mark.both_databases
def test_one_link_used_at_once_makes_one_session(browse: Browse, account: TestAccount) -> None:
    link = make_link(account, account.new_user().user_name)
    clients = [browse() for _ in range(AT_ONCE)]
    answers = all_at_once(*(partial(use, client, link) for client in clients))
    statuses = [answer.status_code for answer in answers if isinstance(answer, httpx2.Response)]
    assert sorted(statuses) == [303] + [422] * (AT_ONCE - 1)
    assert sum(client.get("/files").status_code == 200 for client in clients) == 1
    assert len(actions(account, "session.create")) == 1


@pytest.mark.both_databases
def test_a_link_that_only_signs_in(server: Server, browse: Browse, someone: TestAccount) -> None:
    parts = server.parts
    user = parts.database.read(find_user, someone.admin.user_name)
    token, _ = parts.database.write(
        create_link, parts.secret, user, parts.clock(), sets_password=False
    )
    link = f"/sign-in?link={token}"
    assert "New password" not in browse().get(link).text
    client = browse()
    assert use(client, link, "ignored").status_code == 303
    assert client.get("/files").status_code == 200
    again, elsewhere = client.get(link), browse().get(link)
    assert (again.status_code, elsewhere.status_code) == (422, 422)
    assert "You are signed in as" in again.text
    assert 'href="/files">Open the files' in again.text
    assert "each start prints a new one" in elsewhere.text
    assert post_sign_in(browse(), someone).status_code == 303  # the password is as it was


def test_no_link_for_who_is_disabled(account: TestAccount, browse: Browse) -> None:
    user = account.new_user()
    link = make_link(account, user.user_name)
    path = f"/user/{user.user_name}"
    assert account.api.request("PATCH", path, json={"disabled": True}).status_code == 200
    assert_problem(account.api.post(f"{path}/link"), 422, "field-invalid", field="user_name")
    assert account.api.request("PATCH", path, json={"disabled": False}).status_code == 200
    assert use(browse(), link).status_code == 422


@pytest.mark.both_databases
def test_what_ends_sessions(browse: Browse, someone: TestAccount) -> None:
    name = someone.admin.user_name
    other = someone.new_user("admin", ("read", "write", "admin"))
    path = f"/user/{name}"

    def signed_in() -> httpx2.Client:
        client = browse()
        assert post_sign_in(client, someone).status_code == 303
        return client

    clients = [signed_in(), signed_in()]
    assert other.api.request("DELETE", f"{path}/sessions").status_code == 204
    assert [client.get("/files").status_code for client in clients] == [303, 303]
    client = signed_in()
    for disabled in (True, False):  # enabling the user brings no session back
        other.api.request("PATCH", path, json={"disabled": disabled})
    assert client.get("/files").status_code == 303
    client = signed_in()
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert someone.api.post("/password", json=body).status_code == 204
    assert client.get("/files").status_code == 303
    (row,) = actions(someone, "user.sign-out")
    assert row["detail"] == {"user_name": name, "sessions": 2}


def test_a_password_is_changed_by_who_knows_it(browse: Browse, someone: TestAccount) -> None:
    here, elsewhere = browse(), browse()
    for client in (here, elsewhere):
        post_sign_in(client, someone)
    assert here.get("/.well-known/change-password").headers["location"] == "/password"
    form = {"current_password": "wrong", "password": NEW_PASSWORD}
    wrong = here.post("/password", data=form)
    assert wrong.status_code == 422
    assert "<title>Error: Change your password" in wrong.text
    assert "This is not your password." in wrong.text
    weak = {"current_password": PASSWORD, "password": f"{someone.name}:admin"}
    assert "is easy to guess" in here.post("/password", data=weak).text
    changed = here.post("/password", data=form | {"current_password": PASSWORD})
    assert (changed.status_code, changed.headers["location"]) == (303, "/password?changed=yes")
    assert "Your password is changed" in here.get(changed.headers["location"]).text
    assert elsewhere.get("/files").status_code == 303


def test_a_password_is_changed_over_the_api(account: TestAccount, someone: TestAccount) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert_problem(account.api.post("/password", json=body), 403, "not-allowed")
    reader = someone.new_key(("read",))
    assert_problem(reader.api.post("/password", json=body), 403, "scope-missing")
    wrong = body | {"current_password": "x"}
    answer = someone.api.post("/password", json=wrong)
    assert_problem(answer, 422, "field-invalid", field="current_password")
    weak = body | {"new_password": "qwertyuiop12"}
    document = assert_problem(
        someone.api.post("/password", json=weak), 422, "field-invalid", field="new_password"
    )
    assert "easy to guess" in document["detail"]
    assert someone.api.post("/password", json=body).status_code == 204


@pytest.mark.both_databases
def test_the_record_has_who_came_in_and_who_did_not(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    for _ in range(BURST - 1):
        assert guess(client, someone.admin.user_name).status_code == 422
    assert guess(client, f"{someone.name}:nobody").status_code == 422
    wait_until(lambda: actions(someone, "session.fail"), "the first failure is recorded")
    assert post_sign_in(client, someone).status_code == 303
    assert client.post("/sign-out").status_code == 303
    (fail,) = actions(someone, "session.fail")
    assert (fail["result"], fail["detail"]) == ("failed", {"failures": 1})
    (create,) = actions(someone, "session.create")
    assert create["detail"]["with"] == "password"
    assert create["detail"]["failed_before"] == BURST - 1
    (end,) = actions(someone, "session.end")
    for row in (fail, create, end):
        assert (row["user_name"], row["address"]) == (someone.admin.user_name, "127.0.0.1")
        assert row["request_id"]


@pytest.mark.both_databases
def test_the_record_has_refused_access(account: TestAccount, server: Server) -> None:
    reader = account.new_key(("read",))
    for _ in range(12):
        assert_problem(reader.api.post("/key/new", json={"scopes": ["read"]}), 403, "scope-missing")
    revoked = account.new_key()
    account.api.request("DELETE", f"/key/{revoked.key.key.id}")
    for _ in range(3):
        assert_problem(revoked.api.get("/files"), 401, "not-authenticated")
    wait_until(lambda: len(actions(account, "access.refuse")) == 3, "they are recorded")
    rows = {(row["key_id"], row["detail"]["refusals"]) for row in actions(account, "access.refuse")}
    reader_id, revoked_id = str(reader.key.key.id), str(revoked.key.key.id)
    assert rows == {(reader_id, 1), (reader_id, 10), (revoked_id, 1)}
    del server


def test_the_first_use_of_a_key_from_a_network_is_recorded(serve: Serve) -> None:
    account = serve(trusted_proxies="127.0.0.1").new_account()
    for address in ("203.0.113.5", "203.0.113.5", "2001:db8::1", "2001:db8::2", "203.0.113.6"):
        account.api.get("/whoami", headers={"X-Forwarded-For": address})
    expected = ["203.0.113.6", "2001:db8::1", "203.0.113.5"]

    def recorded() -> list[str]:
        rows = actions(account, "key.first-use")
        return [row["address"] for row in rows if row["address"] != "127.0.0.1"]

    wait_until(lambda: recorded() == expected, recorded)
    row = actions(account, "key.first-use")[0]
    assert row["key_id"] == str(account.admin.key.key.id)
    assert re.fullmatch("epk_.{4}", row["detail"]["prefix"])
