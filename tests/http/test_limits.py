"""Size limit and quota bind while bytes stream in, exactly, however many come at once."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import repeat
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from tests.support.api import CSV, assert_problem
from tests.support.raw import (
    MULTIPART,
    RawAnswer,
    chunked,
    connect,
    exchange,
    file_part_head,
    form,
    head,
    read_answer,
    text_part,
)
from tests.support.server import Server, TestAccount, make_server
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.tus import HEADERS, STREAM, Tus
from tests.support.wait import PATIENCE, wait_until

from entrepot.db.tables import reservations
from entrepot.quotas.reserve import ReservationId, release_reservation

pytestmark = pytest.mark.both_databases

MIB = 1024 * 1024
SHAPES = ("with a length", "chunked", "file first")
ROWS = b"a,b\n" + (b"1," + b"x" * 97 + b"\n") * 3_000
"""A table of 300,004 bytes, in few rows: none of these tests is about what is inspected."""


def upload_head(account: TestAccount, length: int | None) -> bytes:
    framing = {"Content-Length": str(length)} if length is not None else {}
    if length is None:
        framing = {"Transfer-Encoding": "chunked"}
    headers = {**account.api.authorization, "Content-Type": MULTIPART, **framing}
    return head("POST", "/api/v1/file/new", headers)


def assert_nothing_reserved(account: TestAccount, used: int = 0) -> None:
    """Check that `used` bytes are counted and none reserved, at once or within moments."""

    def held() -> tuple[int, int]:
        result = account.api.account()
        return result["used"], result["reserved"]

    wait_until(lambda: held() == (used, 0), lambda: f"{used} used, 0 reserved: {held()}")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_size_limit_binds_to_the_byte(account: TestAccount, shape: str) -> None:
    for size, status in ((len(ROWS), 202), (len(ROWS) - 1, 413)):
        body = form(ROWS, file_first=shape == "file first", file_size_limit=str(size))
        answer = send(account, body, shape)
        assert answer.status == status, answer.body
        if status == 413:
            assert_problem(answer, 413, "file-too-large", limit=size)
        else:
            account.api.wait_task(answer.json()["task_id"])
    assert_nothing_reserved(account, used=len(ROWS))


def send(account: TestAccount, body: bytes, shape: str) -> RawAnswer:
    pieces = [body[at : at + 64 * 1024] for at in range(0, len(body), 64 * 1024)]
    endpoint = account.server.endpoint
    if shape == "with a length":
        return exchange(endpoint, upload_head(account, len(body)), pieces)
    return exchange(endpoint, upload_head(account, None), chunked(pieces))


def endless_body(limit: int | None, chunk: bool) -> Iterator[bytes]:
    """A form whose file does not end: 400 MiB of it."""
    start = text_part("file_size_limit", str(limit)) if limit is not None else b""
    pieces = iter([start + file_part_head(), *repeat(ROWS, 400 * MIB // len(ROWS))])
    yield from chunked(pieces) if chunk else pieces


@pytest.mark.parametrize("limit", [1, 1_000_000, None])
@pytest.mark.parametrize("chunk", [True, False])
def test_an_endless_body_is_cut_off(server: Server, limit: int | None, chunk: bool) -> None:
    account = server.new_account(quota=3_000_000)
    length = None if chunk else 10**12
    if limit is None and not chunk:
        length = 2_500_000  # a lie that the quota would still bear
    answer = exchange(server.endpoint, upload_head(account, length), endless_body(limit, chunk))
    bound = 3_000_000 if limit is None else limit
    if chunk:
        code = "account-quota-exceeded" if limit is None else "file-too-large"
        document = assert_problem(answer, 413, code, limit=bound)
        assert bound < document["requested"] <= bound + 2 * MIB
    elif limit is None:
        assert_problem(answer, 422, "form-malformed")
    else:
        assert_problem(answer, 413, "account-quota-exceeded")
    # What is dropped after the answer, so that the client gets to read it, is bounded too.
    assert answer.sent < bound + 100 * MIB
    assert_nothing_reserved(account)


def test_a_length_that_is_too_short_is_a_truncated_form(account: TestAccount) -> None:
    body = form(ROWS, file_size_limit="1000000")
    for stated in (len(body) - 3, len(body) // 2, 1, 0):
        answer = exchange(account.server.endpoint, upload_head(account, stated), [body])
        assert_problem(answer, 422, "form-malformed")
    assert_nothing_reserved(account)
    assert account.api.account()["files"] == 0


@pytest.mark.parametrize("end", [b"zz\r\nabc", b"3\r\nabcdef\r\n", b""])
def test_a_chunked_body_that_breaks_off_is_called_so(account: TestAccount, end: bytes) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    tus = Tus.begin(account.api, len(ROWS))
    ways = {
        "POST /api/v1/file/new": (MULTIPART, text_part("file_size_limit", "9") + file_part_head()),
        f"PUT /api/v1/file/{file_id}": ("text/csv", CSV),
        f"PUT /d/{account.name}/x.csv?size_limit=999": ("text/csv", CSV),
        f"PATCH {tus.address}": (STREAM["Content-Type"], CSV),
        "POST /api/v1/key/new": ("application/json", b"{"),
    }
    for way, (media_type, sent) in ways.items():
        headers = account.api.authorization | HEADERS | {"Upload-Offset": "0"}
        headers |= {"Content-Type": media_type, "Transfer-Encoding": "chunked"}
        broken = b"%x\r\n%s\r\n" % (len(sent), sent) + end
        request = head(*way.split(), headers)
        answer = exchange(account.server.endpoint, request, [broken], end=not end)
        # Of a chunk that breaks off within itself, the server may have passed on its beginning.
        document = assert_problem(answer, 400, "body-incomplete")
        assert len(sent) <= document["received"] <= len(sent) + 3
    tus.delete()
    assert_nothing_reserved(account, used=len(CSV))


def test_a_length_that_is_too_long_ends_with_the_connection(account: TestAccount) -> None:
    body = form(ROWS, file_size_limit="1000000")
    with connect(account.server.endpoint) as sock:
        sock.sendall(upload_head(account, len(body) + 10) + body)
        sock.shutdown(socket.SHUT_WR)
        assert b" 202 " not in sock.recv(200)
    assert_nothing_reserved(account)
    assert account.api.account()["files"] == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "+5", "9" * 40, "5, 6"])
def test_a_length_that_is_no_number_is_refused(account: TestAccount, length: str) -> None:
    headers = {**account.api.authorization, "Content-Type": MULTIPART, "Content-Length": length}
    answer = exchange(account.server.endpoint, head("POST", "/api/v1/file/new", headers), [b"x"])
    assert 400 <= answer.status < 500
    assert_nothing_reserved(account)


def test_a_doomed_upload_is_refused_before_its_body(account: TestAccount) -> None:
    headers = {**account.api.authorization, "Content-Type": MULTIPART}
    for more, status in (
        ({"Content-Length": str(10**13), "Expect": "100-continue"}, 413),
        ({"Content-Length": "9", "Expect": "100-continue", "Authorization": "Bearer x"}, 401),
        ({"Content-Length": "9", "Expect": "100-continue", "Content-Type": "text/csv"}, 415),
    ):
        with connect(account.server.endpoint) as sock:
            sock.sendall(head("POST", "/api/v1/file/new", headers | more))
            first = sock.recv(12)
            assert first == f"HTTP/1.1 {status}".encode()
    assert_nothing_reserved(account)


def test_a_sound_upload_is_told_to_continue(account: TestAccount) -> None:
    body = form(CSV, file_size_limit="1000")
    headers = {
        **account.api.authorization,
        "Content-Type": MULTIPART,
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    with connect(account.server.endpoint) as sock:
        sock.sendall(head("POST", "/api/v1/file/new", headers))
        interim = sock.recv(25)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read_answer(sock).status == 202


def test_the_quota_binds_to_the_byte(server: Server) -> None:
    account = server.new_account(quota=2 * len(ROWS))
    account.api.deliver(ROWS)
    answer = account.api.upload(ROWS + b"1,2\n")
    assert_problem(
        answer,
        413,
        "account-quota-exceeded",
        limit=2 * len(ROWS),
        used=len(ROWS),
        requested=len(ROWS) + 4,
    )
    account.api.deliver(ROWS)
    result = account.api.account()
    assert (result["used"], result["free"]) == (2 * len(ROWS), 0)
    assert_problem(account.api.upload(b"a\n1\n"), 413, "account-quota-exceeded")
    assert_nothing_reserved(account, used=2 * len(ROWS))


@pytest.mark.parametrize(
    ("shape", "room"),
    [
        *((shape, 10.0) for shape in SHAPES),
        ("chunked", 10.5),
        *(
            pytest.param(shape, 10.5, marks=pytest.mark.long)
            for shape in SHAPES
            if shape != "chunked"
        ),
    ],
)
def test_as_many_get_in_at_once_as_fit(server: Server, shape: str, room: float) -> None:
    account = server.new_account(quota=int(room * len(ROWS)))
    body = form(ROWS, file_first=shape == "file first", file_size_limit="1000000")
    half = len(body) // 2
    together = threading.Barrier(64, timeout=2 * PATIENCE)

    def pieces() -> Iterator[bytes]:
        yield body[:half]
        together.wait()
        yield body[half:]

    def upload(_: int) -> RawAnswer:
        if shape == "with a length":
            return exchange(
                server.endpoint, upload_head(account, len(body)), pieces(), 3 * PATIENCE
            )
        return exchange(
            server.endpoint, upload_head(account, None), chunked(pieces()), 3 * PATIENCE
        )

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(upload, range(64)))
    accepted = [answer for answer in answers if answer.status == 202]
    for answer in answers:
        if answer.status != 202:
            assert_problem(answer, 413, "account-quota-exceeded", limit=int(room * len(ROWS)))
    assert len(accepted) == 10
    assert_nothing_reserved(account, used=10 * len(ROWS))
    for answer in accepted:
        assert account.api.wait_task(answer.json()["task_id"])["status"] == "succeeded"
    assert len(account.api.json("/files")["files_list"]) == 10
    assert_nothing_reserved(account, used=10 * len(ROWS))
    server.assert_sound()


SHORT = 5
"""Seconds without a byte after which the server gives a client up. Those who do move pause for
much less, so that a loaded machine does not make them look as if they stood still."""


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server that has little patience."""
    made = make_server(
        body_timeout=SHORT,
        body_rate=20,
        send_timeout=SHORT,
        header_timeout=2,
        inspection_seconds=0.2,
    )
    try:
        yield made.start()
    finally:
        made.close()


def test_a_body_that_comes_too_slowly(strict: Server) -> None:
    account = strict.new_account()
    body = form(CSV, file_size_limit="1000")
    headers = {**account.api.authorization, "Content-Type": "application/json"}
    request = head("POST", "/api/v1/key/new", headers | {"Content-Length": "100"})
    began = time.monotonic()
    with ThreadPoolExecutor(1) as threads:  # both wait at the same time
        json_answer = threads.submit(exchange, strict.endpoint, request, [b"{"])
        answer = exchange(strict.endpoint, upload_head(account, len(body)), [body[:-10]])
        assert time.monotonic() - began > SHORT - 0.5
        document = assert_problem(answer, 408, "body-too-slow", received=len(body) - 10)
        assert document["seconds"] >= SHORT
        assert_problem(json_answer.result(), 408, "body-too-slow")
    assert_nothing_reserved(account)


def test_a_slow_body_that_moves_is_borne(strict: Server) -> None:
    account = strict.new_account()
    body = form(CSV, file_size_limit="1000")

    def slow_body() -> Iterator[bytes]:
        step = len(body) // 12
        for at in range(0, len(body), step):
            yield body[at : at + step]
            time.sleep(0.5)

    began = time.monotonic()
    assert exchange(strict.endpoint, upload_head(account, len(body)), slow_body()).status == 202
    assert time.monotonic() - began > SHORT


def test_a_head_that_comes_too_slowly(strict: Server) -> None:
    with connect(strict.endpoint) as sock:
        sock.sendall(b"GET /api/v1/files HTTP/1.1\r\nHost: localhost\r\n")
        assert sock.recv(100)[:12] in (b"", b"HTTP/1.1 408")


@pytest.fixture(scope="module")
def heavy(strict: Server) -> tuple[TestAccount, dict[int, str]]:
    """An account with a file that the server sends by itself, and one sent in blocks."""
    account = strict.new_account()
    sizes = {8_000_000: "", 64_000_000: ""}
    for size in sizes:
        task = account.api.deliver(b"\0" * size, limit=size, name=f"{size}.bin")
        sizes[size] = task["file_id"]
    return account, sizes


def taking(endpoint: str, account: TestAccount, file_id: str) -> socket.socket:
    """A connection on which a download begins, and little is taken before the client asks."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sock.settimeout(PATIENCE)
    parts = urlsplit(endpoint)
    sock.connect((parts.hostname, parts.port))
    sock.sendall(head("GET", f"/api/v1/file/download/{file_id}", account.api.authorization))
    return sock


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux ends such connections")
def test_a_client_that_takes_nothing_of_its_download(
    strict: Server, heavy: tuple[TestAccount, dict[int, str]]
) -> None:
    account, file_ids = heavy
    with ExitStack() as stack:  # both wait at the same time
        socks = {
            size: stack.enter_context(taking(strict.endpoint, account, file_id))
            for size, file_id in file_ids.items()
        }
        for sock in socks.values():
            assert sock.recv(12) == b"HTTP/1.1 200"
        for size, sock in socks.items():
            mine = sock.getsockname()[1]
            wait_until(lambda mine=mine: mine not in strict.clients(), "the server waits no more")
            taken = 0
            with suppress(ConnectionError):
                while piece := sock.recv(1_000_000):
                    taken += len(piece)
            assert taken < size
    assert account.api.get("/whoami").status_code == 200


def test_a_client_that_takes_its_download_slowly_is_borne(
    strict: Server, heavy: tuple[TestAccount, dict[int, str]]
) -> None:
    account, file_ids = heavy
    with ExitStack() as stack:  # both are taken at the same time
        socks = {
            size: stack.enter_context(taking(strict.endpoint, account, file_id))
            for size, file_id in file_ids.items()
        }
        began, taken = time.monotonic(), dict.fromkeys(socks, 0)
        for _ in range(20):
            for size, sock in socks.items():
                taken[size] += len(sock.recv(300_000))
            time.sleep(0.3)
        assert time.monotonic() - began > SHORT
        for size, sock in socks.items():
            assert taken[size] < size
            while taken[size] < size and (piece := sock.recv(1_000_000)):
                taken[size] += len(piece)
            assert taken[size] > size


def test_an_inspection_that_takes_too_long(strict: Server) -> None:
    account = strict.new_account()
    task = account.api.deliver(slow_table(), limit=10**9, enforce_schema=json.dumps(SLOW_SCHEMA))
    assert (task["status"], task["error"]["code"]) == ("failed", "resource-limit")
    assert task["error"]["status"] == 422


def test_an_upload_that_was_given_up_as_dead(account: TestAccount, server: Server) -> None:
    """The sweep took its reservation for that of a process that died."""
    actor = server.actor(account.api_key)
    body = form(ROWS * 8, file_size_limit="10000000")
    with connect(server.endpoint) as sock:
        sock.sendall(upload_head(account, len(body)) + body[:-100_000])
        wait_until(lambda: account.api.account()["reserved"], "the upload has begun")
        with server.parts.database.reading() as conn:
            mine = reservations.c.account_id == actor.account_id
            which = ReservationId(conn.scalars(select(reservations.c.id).where(mine)).one())
        server.parts.database.write(release_reservation, actor.account_id, which)
        sock.sendall(body[-100_000:])
        assert_problem(read_answer(sock), 409, "upload-interrupted")
    assert_nothing_reserved(account)
    assert account.api.account()["files"] == 0
