"""The key as the password of HTTP Basic, for tools that know nothing else, and what browsers do."""

import base64
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.http.test_addresses import publish
from tests.support.api import CSV, PLAIN, assert_problem
from tests.support.server import Server, TestAccount

from entrepot.accounts.sessions import open_session
from entrepot.accounts.users import find_user

BOTH = 'Bearer realm="entrepot", Basic realm="entrepot", charset="UTF-8"'


def basic(key: str, user: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}


def ask(server: Server, method: str, path: str, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    url = server.endpoint + path
    return httpx2.request(method, url, headers=names, trust_env=False, verify=PLAIN)


@pytest.fixture(scope="module")
def holder(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def places(holder: TestAccount) -> list[str]:
    """Where one file is read: by its id, by a name, and by its address."""
    file_id = publish(holder.api, "orders")
    download = f"/api/v1/file/download/{file_id}"
    return [download, f"{download}/orders.txt", f"/d/{holder.name}/orders"]


@pytest.mark.parametrize("user", ["", "anybody", "demo:account", "ä"])
def test_the_key_is_taken_as_a_password_of_any_user(
    server: Server, holder: TestAccount, places: list[str], user: str
) -> None:
    for place in (places[0], places[2], "/api/v1/whoami"):
        answer = ask(server, "GET", place, **basic(holder.api_key, user))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic OjE=", "Basic ZXBrXw==", "Basic " + "A" * 4000, "Bearer",
     "Digest a", "Basic //79", "Basic Og=="],
)  # fmt: skip
def test_a_wrong_password_is_answered_with_both_challenges(
    server: Server, places: list[str], header: str
) -> None:
    for place in places:
        answer = ask(server, "GET", place, Authorization=header)
        assert_problem(answer, 401, "not-authenticated")
        assert answer.headers["www-authenticate"] == BOTH
        assert answer.headers.get_list("www-authenticate")[0].startswith("Bearer")
        assert answer.headers["cache-control"] == "no-store"
    elsewhere = ask(server, "GET", "/api/v1/files", Authorization=header)
    assert elsewhere.headers["www-authenticate"] == 'Bearer realm="entrepot"'


def test_a_key_is_not_taken_from_the_address(
    server: Server, holder: TestAccount, places: list[str]
) -> None:
    for place in places:
        for name in ("api_key", "key", "token", "access_token", "password"):
            answer = ask(server, "GET", f"{place}?{name}={holder.api_key}")
            assert_problem(answer, 401, "not-authenticated")


def test_a_void_password_is_recorded_as_a_void_key_is(server: Server) -> None:
    account = server.new_account()
    revoked = account.new_key()
    account.api.request("DELETE", f"/key/{revoked.key.key.id}")
    answer = ask(server, "GET", "/api/v1/whoami", **basic(revoked.api_key))
    assert_problem(answer, 401, "not-authenticated")
    rows = account.api.json("/activity?action=access.refuse")["activity_list"]
    assert [row["detail"]["prefix"] for row in rows] == [revoked.key.key.prefix]


@pytest.mark.parametrize(
    "sent",
    [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
     {"Origin": "https://evil.example"}, {"Origin": "null"}],
)  # fmt: skip
def test_another_site_cannot_use_a_password_that_a_browser_keeps(
    server: Server, sent: dict[str, str]
) -> None:
    account = server.new_account()
    file_id = publish(account.api, "orders")
    password = basic(account.api_key)
    for method, path in (
        ("DELETE", f"/api/v1/file/{file_id}"), ("POST", "/api/v1/file/new"),
        ("POST", f"/api/v1/file/{file_id}/undelete"),
    ):  # fmt: skip
        refused = ask(server, method, path, **sent, **password)
        assert_problem(refused, 403, "not-allowed")
    # A bearer token is sent by nobody but the page that has it.
    bearer = account.api.authorization
    assert ask(server, "DELETE", f"/api/v1/file/{file_id}", **sent, **bearer).status_code == 200
    assert ask(server, "POST", f"/api/v1/file/{file_id}/undelete", **password).status_code == 200


def test_a_browser_is_sent_to_sign_in(
    server: Server, holder: TestAccount, places: list[str]
) -> None:
    user = server.parts.database.read(find_user, holder.admin.user_name)
    now, secret = server.parts.clock(), server.parts.secret
    token = server.parts.database.write(open_session, secret, user, None, now, "password")
    session = {"Cookie": f"entrepot={token}"}
    browser = {"Sec_Fetch_Mode": "navigate", "Accept": "text/html"}
    for place in [*places, f"{places[0]}?format=csv", f"{places[0]}/orders.csv?version=1"]:
        sent = ask(server, "GET", place, **browser)
        assert sent.status_code == 303, place
        assert "www-authenticate" not in sent.headers
        assert sent.headers["cache-control"] == "no-store"
        target = urlsplit(sent.headers["location"])
        assert target.path == "/sign-in"
        read = ask(server, "GET", parse_qs(target.query)["next"][0], **browser, **session)
        body = CSV.replace(b"\n", b"\r\n") if "csv" in place else CSV
        assert (read.status_code, read.content) == (200, body), place
    # The session is not valid on the API, and reads an address without changing anything.
    for place in places[:2]:
        sent = ask(server, "GET", place, **browser, **session)
        assert sent.status_code == 303
        assert "set-cookie" not in sent.headers  # it stays signed in
    assert ask(server, "GET", places[2], **session).content == CSV
    missing = ask(server, "GET", f"{places[2]}x", **browser, **session)
    assert missing.status_code == 404
    assert missing.headers["content-type"].startswith("text/html")
    nonsense = ask(server, "GET", "/api/v1/file/download/..%2f..//evil.example", **browser)
    assert nonsense.headers["location"] == "/sign-in?next=/files"
