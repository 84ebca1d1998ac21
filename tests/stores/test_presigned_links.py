"""Links whose downloads are redirected to S3: what is counted, and how long an address is valid."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.support.api import PLAIN, Api, assert_problem
from tests.support.links import make_link, revoke, uses
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix, s3_environment
from tests.support.server import Server, TestAccount, make_server
from tests.support.wait import PATIENCE, wait_until

from entrepot.http.downloads.presigned import MIN_BYTES

ROWS = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n * n) for n in range(100_000))
assert len(ROWS) > MIN_BYTES
SECONDS = 60
PASSWORD = "violet harbour eleven kites"


@pytest.fixture(scope="module")
def redirecting(seaweedfs: SeaweedFS) -> Iterator[Server]:
    store = f"s3://{BUCKET}/{new_prefix()}"
    server = make_server(store=store, presigned_seconds=SECONDS)
    with environment(s3_environment(seaweedfs.endpoint)):
        server.start()
        yield server
        server.close()


@pytest.fixture(scope="module")
def account(redirecting: Server) -> TestAccount:
    return redirecting.new_account()


@pytest.fixture(scope="module")
def guest(redirecting: Server) -> Api:
    return redirecting.api(None)


@pytest.fixture
def file_id(account: TestAccount) -> str:
    return str(account.api.deliver(ROWS, limit=10_000_000)["file_id"])


def fetch(address: str) -> httpx2.Response:
    """What the store answers to somebody without any key."""
    return httpx2.get(address, trust_env=False, verify=PLAIN)


def lifetime(answer: httpx2.Response) -> int:
    """Seconds that the address of a redirect is valid."""
    assert answer.status_code == 307, answer.text
    return int(parse_qs(urlsplit(answer.headers["location"]).query)["X-Amz-Expires"][0])


def results(account: TestAccount, file_id: str) -> list[str]:
    """The results of the recorded reads of a file."""
    rows = account.api.json(f"/file/{file_id}/activity?action=version.read")["activity_list"]
    return [row["result"] for row in rows]


def ends_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def link_to(account: TestAccount, file_id: str, **terms: Any) -> dict[str, Any]:
    return make_link(account.api, file_id, "read", **terms)


def test_each_address_is_one_download(account: TestAccount, guest: Api, file_id: str) -> None:
    """Whoever has the address can use it again while it is valid: the store does not count."""
    link = link_to(account, file_id, max_uses=1)
    first = guest.get(link["path"])
    assert lifetime(first) == SECONDS
    assert first.headers["referrer-policy"] == "no-referrer"
    assert uses(account.api, file_id) == [1]
    assert_problem(guest.get(link["path"]), 410, "link-ended")
    for _ in range(2):
        assert fetch(first.headers["location"]).content == ROWS
    assert uses(account.api, file_id) == [1]
    wait_until(lambda: results(account, file_id) == ["redirected"], "the redirect is recorded")


def test_the_secret_of_the_link_stays_with_the_server(
    account: TestAccount, guest: Api, file_id: str, redirecting: Server
) -> None:
    link = link_to(account, file_id)
    secret = link["path"].split("/")[2]
    answer = guest.get(link["path"])
    assert secret not in answer.headers["location"]
    assert secret not in redirecting.log_file.read_text() + redirecting.output_file.read_text()


def test_the_password_comes_before_the_address(
    account: TestAccount, guest: Api, file_id: str
) -> None:
    link = link_to(account, file_id, password=PASSWORD)
    refused = guest.get(link["path"])
    assert_problem(refused, 401, "link-password-required")
    assert "location" not in refused.headers
    assert uses(account.api, file_id) == [0]
    answer = guest.get(link["path"], auth=("any", PASSWORD))
    assert fetch(answer.headers["location"]).content == ROWS
    assert uses(account.api, file_id) == [1]


def test_no_address_outlives_its_link(account: TestAccount, guest: Api, file_id: str) -> None:
    for seconds in (5, 60):  # the longer one where the machine stood still meanwhile
        until = datetime.now(UTC) + timedelta(seconds=seconds - 1)
        link = link_to(account, file_id, expires_at=ends_in(seconds))
        answer = guest.get(link["path"])
        address = answer.headers.get("location", "")
        fetched = fetch(address).status_code if address else None
        if datetime.now(UTC) < until:
            break
    assert 1 <= lifetime(answer) <= seconds
    assert fetched == 200
    expired = 2 * PATIENCE
    wait_until(lambda: guest.get(link["path"]).status_code == 410, "the link has expired", expired)
    wait_until(lambda: fetch(address).status_code == 403, "so has the address", expired)


def test_no_address_outlives_its_key(
    redirecting: Server, account: TestAccount, file_id: str
) -> None:
    body = {"name": "short", "scopes": ["read"], "expires_at": ends_in(20)}
    key = account.api.post("/key/new", json=body).json()["api_key"]
    answer = redirecting.api(key).get(f"/file/download/{file_id}")
    assert 1 <= lifetime(answer) <= 20


def test_a_revoked_link_gives_no_address(account: TestAccount, guest: Api, file_id: str) -> None:
    """What was given out before lives for its seconds; a purge alone ends it."""
    link = link_to(account, file_id)
    address = guest.get(link["path"]).headers["location"]
    revoke(account.api, file_id, link)
    refused = guest.get(link["path"])
    assert_problem(refused, 410, "link-ended")
    assert "location" not in refused.headers
    assert fetch(address).status_code == 200
    other = account.api.deliver(b"id,name\n1,a\n", path=f"/file/{file_id}/versions", limit=None)
    assert other["status"] == "succeeded"
    body = {"reason": "Another customer's prices", "purge": True}
    purged = account.api.post(f"/file/{file_id}/versions/1/withdraw", json=body)
    assert purged.status_code == 200, purged.text
    wait_until(lambda: fetch(address).status_code == 404, "the bytes are gone")


def test_a_form_and_a_part_of_a_link(account: TestAccount, guest: Api, file_id: str) -> None:
    """The server itself answers parts, which read a file whose address is redirected."""
    link = link_to(account, file_id, format="jsonl")
    answer = guest.get(link["path"])
    assert fetch(answer.headers["location"]).content.startswith(b'{"id":0,')
    part = guest.get(link["path"], headers={"Range": "bytes=1-4"})
    assert (part.status_code, part.content) == (206, b'"id"')
    assert uses(account.api, file_id) == [1], "a part of what was counted is free"
