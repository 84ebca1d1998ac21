"""Sessions, links, and what must not come from another site; over HTTP."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

import httpx2
import psutil
import pytest
from sqlalchemy import select, update
from tests.e2e.conftest import PASSWORD, give_password
from tests.support.api import PLAIN, assert_problem
from tests.support.raw import connect, head, read_answer
from tests.support.server import Server, TestAccount, plays
from tests.support.wait import PATIENCE, wait_until

from entrepot.accounts.sign_in import (
    _DUMMY_HASH,
    LOCKOUT_WINDOW,
    MAX_FAILED_ATTEMPTS,
    SEEN_INTERVAL,
    SESSION_IDLE_TIMEOUT,
    SESSION_MAX_AGE,
    _hasher,
    create_link,
    get_password_hash,
)
from entrepot.accounts.users import find_user
from entrepot.db.tables import failed_sign_ins, sessions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import TooManyAttempts

Browse = Callable[..., httpx2.Client]
Serve = Callable[..., Server]


@pytest.fixture
def someone(server: Server, password_hash: str) -> TestAccount:
    account = server.new_account()
    give_password(server, account.admin, password_hash)
    return account


@pytest.fixture
def browse(server: Server) -> Iterator[Browse]:
    """`browse(**headers)` gives a client that sends what a browser sends with our own forms."""
    clients = []

    def one(endpoint: str = server.endpoint, **headers: str) -> httpx2.Client:
        usual = {"Accept": "text/html,*/*", "Sec-Fetch-Site": "same-origin"}
        client = httpx2.Client(
            base_url=endpoint,
            headers=usual | headers,
            timeout=2 * PATIENCE,
            trust_env=False,
            verify=PLAIN,
        )
        clients.append(client)
        return client

    yield one
    for client in clients:
        client.close()


def sign_in(client: httpx2.Client, account: TestAccount, **more: str) -> httpx2.Response:
    form = {"user_name": account.admin.user_name, "password": PASSWORD, **more}
    return client.post("/sign-in", data=form)


def test_the_cookie_is_kept_from_scripts_and_other_sites(
    browse: Browse, someone: TestAccount
) -> None:
    answer = sign_in(browse(), someone)
    assert (answer.status_code, answer.headers["location"]) == (303, "/files")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("entrepot=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie
    assert "secure" not in cookie


def test_the_cookie_is_bound_to_the_host_where_people_come_by_https(
    serve: Callable[..., Server], browse: Browse, password_hash: str
) -> None:
    server = serve(public_url="https://files.example.org")
    account = server.new_account()
    give_password(server, account.admin, password_hash)
    client = browse(server.endpoint)
    cookie = sign_in(client, account).headers["set-cookie"]
    assert cookie.startswith("__Host-entrepot=")
    assert "; Secure" in cookie
    token = cookie.partition(";")[0]
    answer = client.get("/endpoint", headers={"Cookie": token})
    assert "https://files.example.org/api/v1/files" in answer.text
    assert server.endpoint not in answer.text


def test_the_two_doors_stay_apart(server: Server, browse: Browse, someone: TestAccount) -> None:
    client = browse()
    sign_in(client, someone)
    assert client.get("/files").status_code == 200
    assert_problem(client.get("/api/v1/files"), 401, "not-authenticated")
    by_key = browse(Authorization=f"Bearer {someone.api_key}")
    refused = by_key.get("/files")
    assert (refused.status_code, refused.headers["location"]) == (303, "/sign-in?next=/files")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "own"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/keys", "/sign-in", "/sign-out", "/sign-in/link", "/theme"])
def test_a_form_from_elsewhere_is_refused(
    server: Server, browse: Browse, someone: TestAccount, headers: dict[str, str], path: str
) -> None:
    client = browse()
    sign_in(client, someone)
    del client.headers["Sec-Fetch-Site"]
    sent = {name: server.endpoint if v == "own" else v for name, v in headers.items()}
    form = {"scope": "read", "theme": "dark", "user_name": "a:b", "password": "c"}
    answer = client.post(path, data=form, headers=sent)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert len(someone.api.json("/keys")["keys_list"]) == 1


def test_an_upload_from_elsewhere_is_refused(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    sign_in(client, someone)
    form = {"file_size_limit": "1000"}
    files = {"file": ("a.csv", b"a\n1\n")}
    other = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/upload", data=form, files=files, headers=other).status_code == 403
    assert someone.api.json("/files")["files_list"] == []


def test_a_form_of_ours_is_known_by_its_origin_too(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    client = browse()
    del client.headers["Sec-Fetch-Site"]
    client.headers["Origin"] = server.endpoint
    assert sign_in(client, someone).status_code == 303


@pytest.mark.parametrize(
    "expected",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\tx", "javascript:1", "keys"],
)
def test_sign_in_leads_nowhere_else(browse: Browse, someone: TestAccount, expected: str) -> None:
    assert sign_in(browse(), someone, next=expected).headers["location"] == "/files"
    assert "evil" not in browse().get("/sign-in", params={"next": expected}).text


@pytest.mark.both_databases
def test_a_link_survives_being_looked_at_and_works_once(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    database, secret = server.parts.database, server.parts.secret
    user = database.read(find_user, someone.admin.user_name)
    token = database.write(create_link, secret, user, server.parts.clock())
    for _ in range(3):
        answer = browse().get("/sign-in", params={"link": token})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    client = browse()
    assert client.post("/sign-in/link", data={"link": token}).status_code == 303
    assert client.get("/files").status_code == 200
    again = browse().post("/sign-in/link", data={"link": token})
    assert again.status_code == 422
    assert "used before" in again.text


def guess(client: httpx2.Client, user_name: str, **headers: str) -> httpx2.Response:
    form = {"user_name": user_name, "password": "wrong"}
    return client.post("/sign-in", data=form, headers=headers)


@pytest.mark.both_databases
def test_guessing_is_slowed_down_alike_for_every_name(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    messages = []
    for name in (someone.admin.user_name, f"{someone.name}:nobody"):
        for _ in range(5):
            assert guess(client, name).status_code == 422
        locked = guess(client, name)
        assert locked.status_code == 429
        assert 0 < int(locked.headers["retry-after"]) <= 300
        messages.append(re.sub(r"\d+ (seconds|minutes)", "…", locked.text).replace(name, "NAME"))
    assert "Too many attempts to sign in. Try again in …" in messages[0]
    assert messages[0] == messages[1]
    right = sign_in(client, someone)
    assert right.status_code == 429


@pytest.mark.both_databases
def test_the_right_password_gives_all_attempts_back(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    for _ in range(3):
        for _ in range(3):
            assert guess(client, someone.admin.user_name).status_code == 422
        assert sign_in(client, someone).status_code == 303


def test_nobody_elsewhere_keeps_a_person_out(serve: Serve, password_hash: str) -> None:
    made = serve(trusted_proxies="127.0.0.1", sign_in_attempts_per_address=6)
    account = made.new_account()
    give_password(made, account.admin, password_hash)
    name = account.admin.user_name
    usual = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    with httpx2.Client(base_url=made.endpoint, headers=usual, verify=PLAIN) as client:
        client.timeout = httpx2.Timeout(2 * PATIENCE)
        for _ in range(5):
            guess(client, name, **{"X-Forwarded-For": "203.0.113.5"})
        assert guess(client, name, **{"X-Forwarded-For": "203.0.113.5"}).status_code == 429
        # That address has none left for any name; another one has, for the same name.
        assert guess(client, "a:b", **{"X-Forwarded-For": "203.0.113.5"}).status_code == 429
        client.headers["X-Forwarded-For"] = "203.0.113.6"
        assert sign_in(client, account).status_code == 303


@pytest.mark.both_databases
def test_a_name_has_so_many_attempts_from_everywhere(server: Server, someone: TestAccount) -> None:
    database, now = server.parts.database, server.parts.clock()
    for name in (someone.admin.user_name, f"{someone.name}:nobody"):
        for _ in range(MAX_FAILED_ATTEMPTS):
            database.write(get_password_hash, name, now)
        with pytest.raises(TooManyAttempts) as refused:
            database.write(get_password_hash, name, now + timedelta(seconds=10))
        assert refused.value.retry_after == 290
        database.write(get_password_hash, name, now, known_address=True)
    later = now + LOCKOUT_WINDOW + timedelta(seconds=1)
    database.write(get_password_hash, someone.admin.user_name, later)

    def kept(conn: ReadConnection) -> list[str]:
        return list(conn.scalars(select(failed_sign_ins.c.name)))

    names = database.read(kept)
    assert someone.admin.user_name in names
    assert f"{someone.name}:nobody" not in names


@pytest.mark.parametrize("user_name", ["", ":", "nobody", "a:\0b", "x" * 10_000, "ü:é"])
def test_odd_names_are_just_wrong(browse: Browse, user_name: str) -> None:
    answer = browse().post("/sign-in", data={"user_name": user_name, "password": "x"})
    assert answer.status_code == 422
    assert "do not belong together" in answer.text


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("column", "since"),
    [("seen_at", SESSION_IDLE_TIMEOUT + SEEN_INTERVAL), ("created_at", SESSION_MAX_AGE)],
)
def test_a_session_ends(
    server: Server, browse: Browse, someone: TestAccount, column: str, since: timedelta
) -> None:
    client = browse()
    sign_in(client, someone)
    user = server.parts.database.read(find_user, someone.admin.user_name)
    then = server.parts.clock() - since - timedelta(seconds=1)

    def age(conn: WriteConnection) -> None:
        mine = sessions.c.user_id == user.id
        conn.execute(update(sessions).where(mine).values({column: then}))

    server.parts.database.write(age)
    gone = client.get("/files")
    assert (gone.status_code, gone.headers["location"]) == (303, "/sign-in?next=/files")


def test_a_stream_in_a_forgotten_tab_keeps_no_session_alive(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    client = browse()
    sign_in(client, someone)
    task = someone.api.deliver()
    database = server.parts.database
    mine = sessions.c.user_id == database.read(find_user, someone.admin.user_name).id
    then = server.parts.clock() - timedelta(minutes=10)

    def age(conn: WriteConnection) -> None:
        conn.execute(update(sessions).where(mine).values(seen_at=then))

    def seen_at(conn: ReadConnection) -> datetime:
        return conn.execute(select(sessions.c.seen_at).where(mine)).scalar_one()

    database.write(age)
    stream = client.get(f"/tasks/{task['task_id']}/events", headers={"Accept": "text/event-stream"})
    assert "event: task" in stream.text
    assert "Published" in stream.text
    assert database.read(seen_at) == then
    client.get("/files")
    wait_until(lambda: database.read(seen_at) != then, "the session is seen")


def test_a_flood_of_passwords_is_held_off(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    """The server stands still while they come, so that it finds them all at once."""
    assert server.process is not None
    (api,) = (c for c in psutil.Process(server.process.pid).children() if plays(c, "api"))
    flood = []
    api.suspend()
    try:
        for number in range(60):
            form = urlencode({"user_name": f"nobody:{number}", "password": "x"}).encode()
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(form)),
                "Sec-Fetch-Site": "same-origin",
                "Connection": "close",
            }
            sock = connect(server.endpoint)
            sock.sendall(head("POST", "/sign-in", headers) + form)
            flood.append(sock)
    finally:
        api.resume()
    assert {read_answer(sock).status for sock in flood} == {422, 429}
    for sock in flood:
        sock.close()
    assert sign_in(browse(), someone).status_code == 303


def test_what_others_own_is_what_never_was(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    other = server.new_account()
    task = other.api.deliver()
    client = browse()
    sign_in(client, someone)
    nothing = "00000000-0000-4000-8000-000000000000"
    for path, theirs in (
        ("/files/{}", task["file_id"]),
        ("/files/{}/download", task["file_id"]),
        ("/files/{}/report.json", task["file_id"]),
        ("/files/{}/report.csv", task["file_id"]),
        ("/files/{}/schema.json", task["file_id"]),
        ("/files/{}/settings", task["file_id"]),
        ("/files/{}/schema", task["file_id"]),
        ("/files/{}/deleted", task["file_id"]),
        ("/tasks/{}/report.json", task["task_id"]),
        ("/tasks/{}", task["task_id"]),
        ("/keys/{}/revoke", str(other.admin.key.key.id)),
    ):
        result, never = client.get(path.format(theirs)), client.get(path.format(nothing))
        malformed = client.get(path.format("not-an-id"))
        assert result.status_code == never.status_code == malformed.status_code == 404
        assert _without_ids(result.text) == _without_ids(never.text)
    assert client.post(f"/tasks/{task['task_id']}/cancel").status_code == 404
    for act in ("settings", "owner", "delete", "undelete", "versions/1/delete"):
        form = {"file_name": "x", "file_size_limit": "9", "user_name": someone.admin.user_name}
        assert client.post(f"/files/{task['file_id']}/{act}", data=form).status_code == 404
    key_path = f"/keys/{other.admin.key.key.id}/revoke"
    assert client.post(key_path).status_code == 404
    assert other.api.get("/whoami").status_code == 200


def test_every_page_carries_its_headers(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    sign_in(client, someone)
    for path in ("/files", "/keys", "/docs", "/problems/not-found", "/sign-in?link=x", "/nope"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"] == "text/html; charset=utf-8"


def test_a_host_header_of_somebody_else_is_not_shown(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    client = browse()
    sign_in(client, someone)
    cookie = f"entrepot={client.cookies['entrepot']}"
    odd = client.get("/endpoint", headers={"Host": "x'$(id)", "Cookie": cookie})
    assert "$(id)" not in odd.text
    named = client.get("/endpoint", headers={"Host": "data.example.org:9000", "Cookie": cookie})
    assert "http://data.example.org:9000/api/v1/files" in named.text


def _without_ids(text: str) -> str:
    """A page without the ids of its address and its request."""
    return re.sub(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}", "", text)


def test_the_hash_of_nobody_costs_as_much_as_anybodys() -> None:
    """So that the time of a refusal does not tell which names there are."""
    assert not _hasher.check_needs_rehash(_DUMMY_HASH)
