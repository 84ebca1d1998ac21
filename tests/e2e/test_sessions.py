"""Sessions, links, and what must not come from another site; over HTTP."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from tests.e2e.conftest import Browse, give_password, post_sign_in
from tests.support.api import assert_problem
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

from entrepot.accounts.sessions import SEEN_INTERVAL, SESSION_IDLE_TIMEOUT, SESSION_MAX_AGE
from entrepot.accounts.users import find_user
from entrepot.db.tables import sessions
from entrepot.db.types import ReadConnection, WriteConnection

Serve = Callable[..., Server]


def test_the_cookie_is_kept_from_scripts_and_other_sites(
    browse: Browse, someone: TestAccount
) -> None:
    answer = post_sign_in(browse(), someone)
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
    cookie = post_sign_in(client, account).headers["set-cookie"]
    assert cookie.startswith("__Host-entrepot=")
    assert "; Secure" in cookie
    token = cookie.partition(";")[0]
    answer = client.get("/endpoint", headers={"Cookie": token})
    assert "https://files.example.org/api/v1/files" in answer.text
    assert server.endpoint not in answer.text


def test_the_two_doors_stay_apart(server: Server, browse: Browse, someone: TestAccount) -> None:
    client = browse()
    post_sign_in(client, someone)
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
@pytest.mark.parametrize(
    "path", ["/keys", "/sign-in", "/sign-out", "/sign-in/link", "/password", "/theme"]
)
def test_a_form_from_elsewhere_is_refused(
    server: Server, browse: Browse, someone: TestAccount, headers: dict[str, str], path: str
) -> None:
    client = browse()
    post_sign_in(client, someone)
    del client.headers["Sec-Fetch-Site"]
    sent = {name: server.endpoint if v == "own" else v for name, v in headers.items()}
    form = {"scope": "read", "theme": "dark", "user_name": "a:b", "password": "c"}
    answer = client.post(path, data=form, headers=sent)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert len(someone.api.json("/keys")["keys_list"]) == 1


def test_an_upload_from_elsewhere_is_refused(browse: Browse, someone: TestAccount) -> None:
    client = browse()
    post_sign_in(client, someone)
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
    assert post_sign_in(client, someone).status_code == 303


@pytest.mark.parametrize(
    "expected",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\tx", "javascript:1", "keys"],
)
def test_sign_in_leads_nowhere_else(browse: Browse, someone: TestAccount, expected: str) -> None:
    assert post_sign_in(browse(), someone, next=expected).headers["location"] == "/files"
    assert "evil" not in browse().get("/sign-in", params={"next": expected}).text


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
    post_sign_in(client, someone)
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
    post_sign_in(client, someone)
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


def test_what_others_own_is_what_never_was(
    server: Server, browse: Browse, someone: TestAccount
) -> None:
    other = server.new_account()
    task = other.api.deliver()
    client = browse()
    post_sign_in(client, someone)
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
    post_sign_in(client, someone)
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
    post_sign_in(client, someone)
    cookie = f"entrepot={client.cookies['entrepot']}"
    odd = client.get("/endpoint", headers={"Host": "x'$(id)", "Cookie": cookie})
    assert "$(id)" not in odd.text
    named = client.get("/endpoint", headers={"Host": "data.example.org:9000", "Cookie": cookie})
    assert "http://data.example.org:9000/api/v1/files" in named.text


def _without_ids(text: str) -> str:
    """A page without the ids of its address and its request."""
    return re.sub(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}", "", text)
