"""Clients that send slowly, or nothing, hold up nobody else."""

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.support.api import CSV, assert_problem
from tests.support.raw import MULTIPART, connect, exchange, form, head, read_answer
from tests.support.server import Server

Serve = Callable[..., Server]

PAUSE_SECONDS = 2
ADDRESSES_BODIES = 4


@pytest.fixture
def open_files() -> Iterator[None]:
    """As many open files as the system allows, for a client with many connections."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_body_that_never_pauses_but_is_too_slow_is_cut_off(serve: Serve) -> None:
    server = serve(body_timeout=PAUSE_SECONDS, body_rate=10_000)
    account = server.new_account()
    body = form(CSV * 100, file_size_limit="100000")
    headers = {**account.api.authorization, "Content-Type": MULTIPART}
    request = head("POST", "/api/v1/file/new", headers | {"Content-Length": str(len(body))})

    def trickle() -> Iterator[bytes]:
        for at in range(40):
            yield body[at : at + 1]
            time.sleep(PAUSE_SECONDS / 10)

    document = assert_problem(exchange(server.endpoint, request, trickle()), 408, "body-too-slow")
    assert document["received"] < 40
    assert document["seconds"] >= PAUSE_SECONDS * 0.9
    assert account.api.account()["reserved"] == 0


def test_no_body_is_read_for_a_request_without_a_valid_key(server: Server) -> None:
    for path in ("/api/v1/key/new", "/api/v1/user/new"):
        for fields in ({}, {"Authorization": "Bearer epk_wrong"}):
            headers = {"Content-Type": "application/json", "Content-Length": "500000", **fields}
            with connect(server.endpoint) as sock:
                sock.sendall(head("POST", path, headers))
                assert_problem(read_answer(sock), 401, "not-authenticated")


def test_bodies_of_strangers_are_bounded_for_each_address(serve: Serve) -> None:
    server = serve(anonymous_bodies_per_address=ADDRESSES_BODIES)
    account = server.new_account()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Content-Length": "100",
        "Sec-Fetch-Site": "same-origin",
    }  # fmt: skip
    request = head("POST", "/sign-in", headers)
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(server.endpoint)) for _ in range(ADDRESSES_BODIES)]
        for sock in sockets:
            sock.sendall(request + b"a=")
        while True:  # until the server has taken the heads of all of them
            answer = exchange(server.endpoint, request, [])
            if answer.status == 429:
                break
            sockets.append(stack.enter_context(connect(server.endpoint)))
            sockets[-1].sendall(request + b"a=")
            assert len(sockets) < 10 * ADDRESSES_BODIES
        assert_problem(answer, 429, "too-many-bodies", limit=ADDRESSES_BODIES)
        assert account.api.get("/files").status_code == 200
        assert account.api.deliver(CSV)["status"] == "succeeded"


@pytest.mark.parametrize("connections", [1_200, pytest.param(3_000, marks=pytest.mark.long)])
@pytest.mark.usefixtures("open_files")
def test_connections_that_send_nothing_more_leave_others_their_answers(
    serve: Serve, connections: int
) -> None:
    server = serve(anonymous_bodies_per_address=100_000)
    account = server.new_account()
    headers = {"Content-Type": MULTIPART, "Content-Length": "100000"}
    starts = (
        b"GET /api/v1/files HTTP/1.1\r\n",
        head("POST", "/api/v1/file/new", {**account.api.authorization, **headers})[:-2],
        head("POST", "/sign-in", headers) + b"a=",
    )
    with ExitStack() as stack:
        for number in range(connections):
            sock: socket.socket = stack.enter_context(connect(server.endpoint))
            sock.sendall(starts[number % len(starts)])
        for _ in range(20):
            assert account.api.get("/files").status_code == 200
        assert account.api.deliver(CSV)["status"] == "succeeded"
