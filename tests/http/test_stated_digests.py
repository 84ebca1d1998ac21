"""The digests that a request states of its bytes, on each way to upload."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from tests.http.test_addresses import publish
from tests.support.api import Api, assert_problem
from tests.support.links import make_link
from tests.support.server import Server, TestAccount
from tests.support.sharing import OTHER
from tests.support.tus import Tus, create

LARGE = OTHER + b"1,2\n" * 50_000
"""More than a small upload, and than the event loop hashes itself."""
Send = Callable[[bytes, dict[str, str]], httpx2.Response]


@pytest.fixture
def account(server: Server) -> TestAccount:
    return server.new_account()


def value(algorithm: str, content: bytes, form: str = "{}=:{}:") -> str:
    digest = hashlib.new(algorithm.replace("-", ""), content, usedforsecurity=False).digest()
    return form.format(algorithm, base64.b64encode(digest).decode())


def stated(content: bytes) -> list[dict[str, str]]:
    """Headers that state digests of this content, each in a way of its own."""
    dictionary, old = "{}=:{}:", "{}={}"
    return [
        {"Content-MD5": value("md5", content, "{1}")},
        {"Digest": f"{value('sha-256', content, old)},unixsum=30637"},
        {"Digest": value("md5", content, old)},
        *(
            {field: value(algorithm, content, dictionary)}
            for field in ("Repr-Digest", "Content-Digest")
            for algorithm in ("sha-256", "sha-512")
        ),
        {"Content-Digest": f"sha-3=:AAAA:, {value('sha-512', content)}"},
    ]


MALFORMED = [
    {"Content-MD5": "AAAA"},
    {"Content-MD5": "=A"},
    {"Digest": "md5=:AAAA:"},
    {"Repr-Digest": "sha-256=:AAAA:"},
    {"Content-Digest": value("sha-256", OTHER, "{}={}")},
    {"Content-Digest": "sha-512"},
]


def ways(account: TestAccount, guest: Api) -> dict[str, Send]:
    """How bytes with headers are delivered, by each way to do so."""
    api = account.api
    file_id = publish(api, "orders")
    link = make_link(api, file_id, "deliver")["path"]

    def form(content: bytes, headers: dict[str, str]) -> httpx2.Response:
        part: Any = ("orders.csv", content, "text/csv", headers)
        return api.post(f"/file/{file_id}/versions", files={"file": part})

    def resumable(content: bytes, headers: dict[str, str]) -> httpx2.Response:
        upload = Tus.begin(api, len(content))
        answer = upload.patch(content, 0, **headers)
        if answer.status_code != 204:
            assert upload.head().headers["upload-offset"] == "0"
            assert upload.delete().status_code == 204
        return answer

    def put(sender: Api, path: str) -> Send:
        return lambda content, headers: sender.request(
            "PUT", path, content=content, headers=headers
        )

    return {
        "raw": put(api, f"/file/{file_id}"),
        "address": put(api, f"/d/{account.name}/orders"),
        "link": put(guest, link),
        "form": form,
        "resumable": resumable,
        "resumable with its creation": lambda content, headers: create(
            api, len(content), content=content, headers=headers
        ),
    }


@pytest.mark.parametrize("content", [OTHER, LARGE], ids=["small", "large"])
def test_bytes_that_differ_from_their_digest_are_not_delivered(
    account: TestAccount, server: Server, content: bytes
) -> None:
    api, taken = account.api, 0
    for way, send in ways(account, server.api(None)).items():
        for wrong in stated(content + b"x"):
            answer = send(content, wrong)
            problem = assert_problem(answer, 422, "digest-mismatch", field=next(iter(wrong)))
            algorithm = problem["algorithm"].replace("-", "")
            assert problem["received"] == hashlib.new(algorithm, content).hexdigest(), way
        for malformed in MALFORMED:
            refused = send(content, malformed)
            assert_problem(refused, 422, "field-invalid", field=next(iter(malformed)))
        both = send(content, stated(content)[0] | stated(content + b"x")[3])
        assert_problem(both, 422, "digest-mismatch")
        assert api.account()["reserved"] == 0
        assert api.account()["versions"] == 1 + taken, way
        for right in stated(content):
            answer = send(content, right)
            assert answer.status_code in (201, 202, 204), (way, right, answer.text)
            taken += 1


def test_a_digest_is_of_the_whole_body(account: TestAccount) -> None:
    """A form has one of its own, and a body that does not come has that of no bytes."""
    form = {"file": ("orders.csv", OTHER)}
    refused = account.api.post(
        "/file/new", data={"file_size_limit": "999"}, files=form, headers=stated(OTHER)[0]
    )
    assert_problem(refused, 422, "digest-mismatch")
    assert_problem(create(account.api, 9, headers=stated(OTHER)[0]), 422, "digest-mismatch")
    upload = Tus.of(account.api, create(account.api, 9, headers=stated(b"")[0]))
    assert upload.delete().status_code == 204
    assert account.api.account()["files"] == 0
