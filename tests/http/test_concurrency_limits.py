"""How much an account may have under way at once: uploads of each kind, streams, downloads."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.http.conftest import upload_endless
from tests.support.api import API, CSV, Api, assert_problem
from tests.support.raw import MULTIPART, connect, form, head, read_answer
from tests.support.server import Server, TestAccount, make_server
from tests.support.tus import STREAM, Tus, create
from tests.support.wait import PATIENCE, wait_until

pytestmark = pytest.mark.both_databases

PLACES = 5
LARGE = 48 * 1024 * 1024
"""More bytes than the server and the sockets between take up for a client that reads nothing."""


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with few places for an account."""
    made = make_server(
        uploads_per_account=PLACES, streams_per_account=2, downloads_per_account=2, send_timeout=600
    )
    try:
        yield made.start()
    finally:
        made.close()


def begun(api: Api, path: str = "/file/new", fields: dict[str, str] | None = None) -> socket.socket:
    """A connection on which a form was sent but for its last ten bytes."""
    body = whole(fields)
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    sock = connect(api.endpoint)
    sock.sendall(head("POST", API + path, api.authorization | framing) + body[:-10])
    return sock


def taken(api: Api, method: str, path: str, framing: dict[str, str]) -> socket.socket:
    """A connection on which the server asks for a body: its place is taken by then."""
    expecting = api.authorization | framing | {"Expect": "100-continue"}
    sock = connect(api.endpoint)
    sock.sendall(head(method, path if path.startswith(API) else API + path, expecting))
    assert sock.recv(4096).startswith(b"HTTP/1.1 100")
    return sock


def whole(fields: dict[str, str] | None = None) -> bytes:
    return form(CSV, **({"file_size_limit": "1000"} if fields is None else fields))


def answered(socks: list[socket.socket]) -> list[socket.socket]:
    """Those on which an answer has come."""
    return select.select(socks, [], [], 0)[0]


def test_fifty_at_once_are_exactly_as_many_as_may(narrow: Server) -> None:
    account = narrow.new_account()
    with ExitStack() as stack:
        socks = [stack.enter_context(begun(account.api)) for _ in range(50)]
        wait_until(lambda: len(answered(socks)) == 50 - PLACES, "the rest is refused")
        refused = answered(socks)
        for sock in refused:
            answer = read_answer(sock)
            assert_problem(answer, 429, "too-many-uploads", limit=PLACES)
            assert int(answer.headers["retry-after"]) >= 1
        running = [sock for sock in socks if sock not in refused]
        for sock in running:
            sock.sendall(whole()[-10:])
        assert [read_answer(sock).status for sock in running] == [202] * PLACES
    assert account.api.account()["files"] == PLACES


def test_every_kind_of_upload_takes_a_place(narrow: Server) -> None:
    account = narrow.new_account()
    file_id = account.api.deliver(CSV)["file_id"]
    rows = CSV * 10
    going, next_one = Tus.begin(account.api, len(rows)), Tus.begin(account.api, len(rows))
    with ExitStack() as stack:
        form_of_some = {"Content-Type": MULTIPART, "Content-Length": "1000"}
        for path in ("/file/new", "/files", "/file/validate", f"/file/{file_id}/versions"):
            stack.enter_context(taken(account.api, "POST", path, form_of_some))
        rest = STREAM | {"Upload-Offset": "0", "Content-Length": str(len(rows))}
        stack.enter_context(taken(account.api, "PATCH", going.address, rest))
        for answer in (
            account.api.upload(CSV),
            account.api.upload(CSV, path="/files"),
            account.api.upload(CSV, path="/file/validate"),
            account.api.upload(CSV, path=f"/file/{file_id}/versions", limit=None),
            next_one.patch(rows, 0),
            create(account.api, len(rows), content=rows),
        ):
            assert_problem(answer, 429, "too-many-uploads", limit=PLACES)
            assert answer.headers["retry-after"]
        assert create(account.api, len(rows)).status_code == 201  # brings nothing yet
        assert narrow.new_account().api.upload(CSV).status_code == 202
    # Their connections are cut now.
    wait_until(lambda: next_one.patch(rows, next_one.offset).status_code == 204, "a place is free")
    wait_until(lambda: not _reserved_by_forms(account, rows), "nothing else is reserved")
    for _ in range(PLACES + 1):
        assert account.api.upload(CSV).status_code == 202


def _reserved_by_forms(account: TestAccount, rows: bytes) -> bool:
    return bool(account.api.account()["reserved"] % len(rows))


def test_event_streams_have_an_end(narrow: Server) -> None:
    account = narrow.new_account()
    task_id = upload_endless(account.api)
    path = f"{API}/task/{task_id}/events"
    try:
        with account.api.client.stream("GET", path) as first:
            assert first.status_code == 200
            with account.api.client.stream("GET", path) as second:
                assert second.status_code == 200
                refused = account.api.get(path)
                assert_problem(refused, 429, "too-many-streams", limit=2)
                assert refused.headers["retry-after"]
                assert account.api.get(f"/task/{task_id}").status_code == 200

            def room() -> bool:
                with account.api.client.stream("GET", path) as third:
                    return third.status_code == 200

            wait_until(room, "a place is free")
    finally:
        account.api.post(f"/task/{task_id}/cancel")


def test_slow_downloads_have_an_end(narrow: Server) -> None:
    account = narrow.new_account()
    file_id = account.api.deliver(os.urandom(LARGE), name="large.bin", limit=LARGE)["file_id"]
    target = f"{API}/file/download/{file_id}"
    with ExitStack() as stack:
        for _ in range(2):
            sock = stack.enter_context(connect(narrow.endpoint, PATIENCE))
            sock.sendall(head("GET", target, account.api.authorization))
            assert sock.recv(12).endswith(b"200")
        for _ in range(2):  # also what is asked again, which is answered from memory
            refused = account.api.get(target)
            assert_problem(refused, 429, "too-many-downloads", limit=2)
            assert refused.headers["retry-after"]
        small = account.api.get(target, headers={"Range": "bytes=0-99"})
        assert (small.status_code, len(small.content)) == (206, 100)
    wait_until(lambda: account.api.get(target).status_code == 200, "a place is free")
