"""An answer that comes before the body was read leaves the connection fit for the next request."""

import pytest
from tests.support.raw import connect, head, read_answer
from tests.support.server import Server, TestAccount
from tests.support.tus import HEADERS, STREAM, Tus

BODY = bytes(200_000)


def test_refused_before_its_body(server: Server, account: TestAccount) -> None:
    upload = Tus.begin(account.api, len(BODY))
    refused = {**account.api.authorization, **STREAM, "Upload-Offset": "7"}
    asking = {**account.api.authorization, **HEADERS}
    with connect(server.endpoint) as sock:
        for _ in range(20):
            length = {"Content-Length": str(len(BODY))}
            sock.sendall(head("PATCH", upload.address, {**refused, **length}) + BODY)
            assert read_answer(sock).status == 409
            sock.sendall(head("HEAD", upload.address, asking))
            assert read_answer(sock, method="HEAD").status == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/nothing", 404), ("/api/v1/file/new", 415), ("/nothing", 404)]
)
def test_what_nobody_wanted(server: Server, account: TestAccount, path: str, status: int) -> None:
    headers = {**account.api.authorization, "Content-Length": str(len(BODY))}
    with connect(server.endpoint) as sock:
        for _ in range(5):
            sock.sendall(head("POST", path, headers) + BODY)
            assert read_answer(sock).status == status
            sock.sendall(head("GET", "/healthz", {}))
            assert read_answer(sock).status == 200


def test_who_waits_to_be_asked_is_told_that_it_ends(server: Server) -> None:
    """They may send the body anyway, or not: nobody could tell what follows."""
    headers = {"Expect": "100-continue", "Content-Length": str(len(BODY))}
    with connect(server.endpoint) as sock:
        sock.sendall(head("POST", "/api/v1/file/new", headers))
        answer = read_answer(sock)
    assert (answer.status, answer.headers["connection"]) == (401, "close")
