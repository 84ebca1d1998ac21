"""Whole downloads that are redirected to S3, by setting: who is, to what, and for how long."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.http.test_seed import DOWNLOAD, run
from tests.support.api import PLAIN
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.seaweedfs import (
    BUCKET,
    CREDENTIALS,
    SeaweedFS,
    environment,
    new_prefix,
    s3_environment,
)
from tests.support.server import PROGRAM, Server, TestAccount, make_server
from tests.support.wait import wait_until

from entrepot.errors import StartRefused
from entrepot.http.downloads.presigned import MIN_BYTES
from entrepot.settings import read_settings
from entrepot_client import Client

ROWS = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n * n) for n in range(100_000))
assert len(ROWS) > MIN_BYTES
SECONDS = 30


@pytest.fixture(scope="module")
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    """The way to the store that clients take; the server has its own."""
    with fault_proxy(seaweedfs.port) as made:
        yield made


@pytest.fixture(scope="module")
def redirecting(seaweedfs: SeaweedFS, proxy: FaultProxy) -> Iterator[Server]:
    settings = {
        "store": f"s3://{BUCKET}/{new_prefix()}",
        "presigned_seconds": SECONDS,
        "presigned_endpoint": proxy.endpoint,
    }
    server = make_server(**settings)
    with environment(s3_environment(seaweedfs.endpoint)):
        server.start()
        yield server
        server.close()


@pytest.fixture(scope="module")
def account(redirecting: Server) -> TestAccount:
    return redirecting.new_account()


@pytest.fixture(scope="module")
def file_id(account: TestAccount) -> str:
    task = account.api.deliver(ROWS, name='größe "1".csv', limit=10_000_000)
    return str(task["file_id"])


def ask(account: TestAccount, file_id: str, **headers: str) -> httpx2.Response:
    """What the server itself answers."""
    return account.api.get(f"/file/download/{file_id}", headers=headers)


def fetch(address: str) -> httpx2.Response:
    """What the store answers to somebody without any key."""
    return httpx2.get(address, trust_env=False, verify=PLAIN)


def reads(account: TestAccount) -> list[tuple[str, int]]:
    """The results of the recorded reads and the bytes that the server sent, the newest first."""
    rows = account.api.json("/activity?action=version.read")["activity_list"]
    return [(row["result"], row["detail"]["bytes"]) for row in rows]


def test_the_address_gives_the_bytes_as_the_server_would(
    account: TestAccount, file_id: str, proxy: FaultProxy
) -> None:
    redirect = ask(account, file_id)
    assert redirect.status_code == 307
    assert redirect.headers["cache-control"] == "no-store"
    assert redirect.headers["entrepot-version"] == "1"
    address = redirect.headers["location"]
    assert address.startswith(proxy.endpoint)
    assert parse_qs(urlsplit(address).query)["X-Amz-Expires"] == [str(SECONDS)]
    from_store = fetch(address)
    assert (from_store.status_code, from_store.content) == (200, ROWS)
    whole = ask(account, file_id, Range="bytes=0-")
    assert (whole.status_code, whole.content) == (206, ROWS)
    for name in ("content-type", "content-disposition"):
        assert from_store.headers[name] == whole.headers[name]
    for name in ("etag", "repr-digest", "last-modified"):
        assert redirect.headers[name] == whole.headers[name]


def test_forms_are_redirected_too(account: TestAccount, file_id: str) -> None:
    path = f"/file/download/{file_id}?format=jsonl"
    redirect = account.api.get(path)
    assert redirect.status_code == 307
    from_store = fetch(redirect.headers["location"])
    assert from_store.content.startswith(b'{"id":0,')
    assert from_store.headers["content-type"] == "application/x-ndjson"


def test_the_server_sends_heads_ranges_conditions_and_small_files(
    account: TestAccount, file_id: str
) -> None:
    path = f"/file/download/{file_id}"
    head = account.api.request("HEAD", path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(ROWS)))
    part = ask(account, file_id, Range="bytes=8-20")
    assert (part.status_code, part.content) == (206, ROWS[8:21])
    etag = head.headers["etag"]
    assert ask(account, file_id, **{"If-None-Match": etag}).status_code == 304
    assert ask(account, file_id, **{"If-None-Match": '"other"'}).content == ROWS
    assert ask(account, file_id, **{"If-Match": etag}).content == ROWS
    small = account.api.deliver(ROWS[: MIN_BYTES - 1], limit=10_000_000)["file_id"]
    assert ask(account, small).content == ROWS[: MIN_BYTES - 1]


def test_who_may_not_read_gets_no_address(
    redirecting: Server, account: TestAccount, file_id: str
) -> None:
    stranger, unknown = redirecting.new_account().api, redirecting.api(None)
    for api, status in ((stranger, 404), (unknown, 401)):
        answer = api.get(f"/file/download/{file_id}")
        assert answer.status_code == status
        assert "location" not in answer.headers


def test_no_secret_is_in_the_address_or_the_log(
    redirecting: Server, account: TestAccount, file_id: str
) -> None:
    address = ask(account, file_id).headers["location"]
    signature = parse_qs(urlsplit(address).query)["X-Amz-Signature"][0]
    for secret in (CREDENTIALS["secretKey"], account.api_key):
        assert secret not in address
    log = redirecting.log_file.read_text() + redirecting.output_file.read_text()
    for secret in (CREDENTIALS["secretKey"], signature, "X-Amz-"):
        assert secret not in log


def test_an_address_gives_nothing_but_its_blob(account: TestAccount, file_id: str) -> None:
    address = ask(account, file_id).headers["location"]
    other = account.api.deliver(ROWS + b"1,2\n", limit=10_000_000)["file_id"]
    other_key = urlsplit(ask(account, other).headers["location"]).path
    moved = urlsplit(address)._replace(path=other_key).geturl()
    assert fetch(moved).status_code == 403
    longer = address.replace(f"X-Amz-Expires={SECONDS}", "X-Amz-Expires=3600")
    assert fetch(longer).status_code == 403
    assert httpx2.put(address, content=b"x", trust_env=False, verify=PLAIN).status_code == 403


def test_a_withdrawn_version_is_not_redirected_to(account: TestAccount) -> None:
    file_id = account.api.deliver(ROWS, limit=10_000_000)["file_id"]
    address = ask(account, file_id).headers["location"]
    body = {"reason": "Another customer's prices", "purge": True}
    withdrawn = account.api.post(f"/file/{file_id}/versions/1/withdraw", json=body)
    assert withdrawn.status_code == 200
    for query in ("", "?version=1"):
        refused = account.api.get(f"/file/download/{file_id}{query}")
        assert refused.status_code in (404, 410)
        assert "location" not in refused.headers
    wait_until(lambda: fetch(address).status_code == 404, "a purge ends what was given out")


def test_the_published_curl_line_follows(
    redirecting: Server, account: TestAccount, file_id: str
) -> None:
    """curl sends the key to no other host or port."""
    assert run(DOWNLOAD, redirecting, account.api_key, **{"FILE ID": file_id}) == ROWS


def test_the_client_verifies_what_comes_from_the_store(
    redirecting: Server, proxy: FaultProxy, tmp_path: Path
) -> None:
    account = redirecting.new_account()
    file_id = account.api.deliver(ROWS, limit=10_000_000)["file_id"]
    with Client(redirecting.endpoint, account.api_key) as client:
        whole = client.download(file_id, tmp_path / "whole.csv")
        assert (whole.verified, whole.version) == (True, 1)
        wait_until(lambda: reads(account) == [("redirected", 0)], "the store has sent it")
        assert (tmp_path / "whole.csv").read_bytes() == ROWS
        with proxy.failing("truncated"):
            broken = client.download(file_id, tmp_path / "broken.csv")
        assert (broken.verified, broken.version) == (True, 1)
        assert (tmp_path / "broken.csv").read_bytes() == ROWS


def test_the_program_streams_from_the_store(
    redirecting: Server, account: TestAccount, file_id: str
) -> None:
    done = subprocess.run(
        [PROGRAM, "pull", file_id, "-o", "-"],
        env={"ENTREPOT_ENDPOINT": redirecting.endpoint, "ENTREPOT_API_KEY": account.api_key},
        capture_output=True,
        check=True,
    )
    assert done.stdout == ROWS


def test_the_record_says_that_the_server_did_not_send_it(redirecting: Server) -> None:
    account = redirecting.new_account()
    file_id = account.api.deliver(ROWS, limit=10_000_000)["file_id"]
    assert ask(account, file_id).status_code == 307
    wait_until(lambda: reads(account) == [("redirected", 0)], "the redirect is recorded")


@pytest.mark.parametrize(
    "setting", [{"presigned_seconds": 30}, {"presigned_endpoint": "https://s3.example.com"}]
)
def test_a_folder_cannot_be_redirected_to(setting: dict[str, Any]) -> None:
    with pytest.raises(StartRefused, match="needs a store in S3"):
        read_settings(**setting)


def test_the_address_of_the_store_has_no_path() -> None:
    with pytest.raises(StartRefused, match="nothing after the host"):
        read_settings(store="s3://bucket", presigned_endpoint="https://example.com/s3")
