"""Downloads over the real server: whole, in part, conditionally; names in both forms.

The planning of ranges and conditions has unit tests of its own; this is what goes over the wire.
"""

import base64
import hashlib
import re
import secrets
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest
from tests.support.api import assert_problem
from tests.support.server import Server, TestAccount

CONTENT = b"n,word\n" + b"".join(b"%d,word%d\n" % (n, n) for n in range(3000))
NAME = 'Pläne "2024"; 100%.csv'
SHA = hashlib.sha256(CONTENT).digest()
ETAG = f'"{SHA.hex()}"'


@pytest.fixture(scope="module")
def holder(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def path(holder: TestAccount) -> str:
    task = holder.api.deliver(CONTENT, name=NAME.replace('"', "'"))
    assert task["status"] == "succeeded"
    return f"/file/download/{task['file_id']}"


def get(holder: TestAccount, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return holder.api.request(method, path, headers=named)


def test_the_whole(holder: TestAccount, path: str) -> None:
    answer = get(holder, path)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = answer.headers
    assert headers["content-length"] == str(len(CONTENT))
    assert headers["content-type"].startswith("text/csv")
    assert headers["etag"] == ETAG
    assert headers["repr-digest"] == f"sha-256=:{base64.b64encode(SHA).decode()}:"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert "private" in headers["cache-control"]
    parsedate_to_datetime(headers["last-modified"])


def test_the_name_in_both_forms(holder: TestAccount, path: str) -> None:
    disposition = get(holder, path).headers["content-disposition"]
    plain, _, extended = disposition.partition("; filename*=")
    assert plain == "attachment; filename=\"Plane '2024'; 100_.csv\""
    assert extended == "UTF-8''Pl%C3%A4ne%20%272024%27%3B%20100%25.csv"


def test_head_is_get_without_the_bytes(holder: TestAccount, path: str) -> None:
    whole, headed = get(holder, path), get(holder, path, "HEAD")
    assert (headed.status_code, headed.content) == (200, b"")
    own = ("x-request-id", "date")
    assert [h for h in headed.headers.items() if h[0] not in own] == [
        h for h in whole.headers.items() if h[0] not in own
    ]
    assert get(holder, path, "HEAD", Range="bytes=0-9").status_code == 200


@pytest.mark.parametrize(
    ("range_header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
        ("bytes=10-99999999", 10, len(CONTENT)),
        ("bytes=0-4,5-9", 0, 10),
    ],
)
def test_one_range(
    holder: TestAccount, path: str, range_header: str, start: int, stop: int
) -> None:
    answer = get(holder, path, Range=range_header)
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert answer.headers["etag"] == ETAG


def test_several_ranges(holder: TestAccount, path: str) -> None:
    answer = get(holder, path, Range="bytes=0-9,100-109,-3")
    assert answer.status_code == 206
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    assert int(answer.headers["content-length"]) == len(answer.content)
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parts: Any = BytesParser().parsebytes(head + answer.content).get_payload()
    assert [part["content-range"] for part in parts] == [
        f"bytes {span}/{len(CONTENT)}"
        for span in ("0-9", "100-109", f"{len(CONTENT) - 3}-{len(CONTENT) - 1}")
    ]
    assert re.findall(rb"\r\n\r\n(.*?)\r\n--", answer.content, re.DOTALL) == [
        CONTENT[:10],
        CONTENT[100:110],
        CONTENT[-3:],
    ]


def test_a_range_beyond_the_end(holder: TestAccount, path: str) -> None:
    for range_header in (f"bytes={len(CONTENT)}-", "bytes=-0", "bytes=99999999-999999999"):
        answer = get(holder, path, Range=range_header)
        assert_problem(answer, 416, "range-not-satisfiable", size=len(CONTENT))
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_ranges_that_are_none_are_ignored(holder: TestAccount, path: str) -> None:
    for range_header in (
        "lines=1-2",
        "bytes=x-y",
        "bytes=9-1",
        "bytes=",
        "bytes=" + "0-0,2-2," * 60,
    ):
        answer = get(holder, path, Range=range_header)
        assert (answer.status_code, answer.content) == (200, CONTENT)


def test_if_range(holder: TestAccount, path: str) -> None:
    modified = get(holder, path).headers["last-modified"]
    for condition, status in (
        (ETAG, 206),
        ('"other"', 200),
        (f"W/{ETAG}", 200),
        (modified, 206),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 200),
    ):
        answer = get(holder, path, Range="bytes=0-9", If_Range=condition)
        assert answer.status_code == status
        assert answer.content == (CONTENT[:10] if status == 206 else CONTENT)


def test_what_the_client_has_is_not_sent_again(holder: TestAccount, path: str) -> None:
    modified = get(holder, path).headers["last-modified"]
    for condition in (
        {"If_None_Match": ETAG},
        {"If_None_Match": f'"x", W/{ETAG}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": modified},
    ):
        for method in ("GET", "HEAD"):
            answer = get(holder, path, method, **condition)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == ETAG
    assert get(holder, path, If_None_Match='"x"').status_code == 200
    assert get(holder, path, If_None_Match='"x"', If_Modified_Since=modified).status_code == 200


def test_a_precondition_that_fails(holder: TestAccount, path: str) -> None:
    assert_problem(get(holder, path, If_Match='"x"'), 412, "precondition-failed")
    since = "Mon, 01 Jan 2001 00:00:00 GMT"
    assert_problem(get(holder, path, If_Unmodified_Since=since), 412, "precondition-failed")
    assert get(holder, path, If_Match=ETAG).status_code == 200


def test_the_error_of_a_head_has_no_body(holder: TestAccount) -> None:
    answer = get(holder, "/file/download/1dd1ce46-62cc-486e-9f47-1f96c1895b25", "HEAD")
    assert (answer.status_code, answer.content) == (404, b"")


def test_bytes_that_are_missing_say_so(server: Server) -> None:
    account = server.new_account()
    content = f"id\n{secrets.token_hex(16)}\n".encode()
    task = account.api.deliver(content, name="lost.csv")
    server.wait_derived()  # nothing else comes, goes or is read
    sha = account.api.json(f"/file/{task['file_id']}")["sha256"]
    (blob,) = (
        path
        for path in server.settings.blobs.rglob("*")
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha
    )
    kept = blob.read_bytes()
    blob.unlink()
    answer = account.api.get(f"/file/download/{task['file_id']}")
    document = assert_problem(answer, 500, "bytes-missing")
    assert "blob_id" not in document
    assert [result.name for result in server.doctor()] == ["invariant: bytes"]
    blob.write_bytes(kept)
    server.assert_sound()
