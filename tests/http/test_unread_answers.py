"""Clients that ask for much and read nothing: what the server keeps for them is counted."""

import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from tests.http.test_large_schemas import large_schema
from tests.support.api import API, CSV, assert_problem
from tests.support.raw import head
from tests.support.server import Server, TestAccount, make_server
from tests.support.wait import PATIENCE, wait_until

from entrepot.http.limits.blocks import BLOCK_STEPS, SMALL_BYTES, block_bytes

Serve = Callable[..., Server]

MIB = 1024 * 1024
SIZE = 12 * MIB
PLACES = 6
MANY_RANGES = "bytes=" + ",".join(f"{n * 200_000}-{n * 200_000 + 39_999}" for n in range(50))
"""2 MB in all."""


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with few places for the downloads of an account."""
    made = make_server(downloads_per_account=PLACES, send_timeout=600)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def account(narrow: Server) -> TestAccount:
    return narrow.new_account()


def unread(account: TestAccount, path: str, stack: ExitStack, headers: dict[str, str]) -> bytes:
    """Ask for something on a connection that takes next to nothing; the status, and no more, is
    read."""
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.settimeout(PATIENCE)
    parts = urlsplit(account.api.endpoint)
    sock.connect((parts.hostname, parts.port))
    sock.sendall(head("GET", API + path, account.api.authorization | headers))
    return sock.recv(12)[-3:]


def api_memory(server: Server) -> int:
    """Bytes of memory that the API process has."""
    (api,) = server.processes("api")
    return int(api.memory_info().rss)


@pytest.mark.parametrize("ranges", ["bytes=1-8388608", "bytes=0-1048575", MANY_RANGES])
def test_unread_ranges_count_until_they_are_taken(account: TestAccount, ranges: str) -> None:
    """200 of them took 1.1 GB: up to 1 MiB, and many small ones, counted for nobody."""
    file_id = account.api.deliver(os.urandom(SIZE), name="l.bin", limit=SIZE)["file_id"]
    path = f"/file/download/{file_id}"
    before = api_memory(account.server)
    with ExitStack() as stack:
        seen: Counter[bytes] = Counter()
        while not seen[b"429"]:
            seen[unread(account, path, stack, {"Range": ranges})] += 1
            assert sum(seen.values()) <= 2 * PLACES
        assert seen[b"206"] >= PLACES
        refused = account.api.get(path, headers={"Range": ranges})
        assert_problem(refused, 429, "too-many-downloads", limit=PLACES)
        small = account.api.get(path, headers={"Range": f"bytes=0-{SMALL_BYTES - 1}"})
        assert (small.status_code, len(small.content)) == (206, SMALL_BYTES)
        assert api_memory(account.server) - before < PLACES * 10 * MIB
    whole = {"Range": "bytes=0-"}
    wait_until(lambda: account.api.get(path, headers=whole).status_code == 206, "a place is free")


@pytest.mark.long
def test_200_unread_ranges_take_little_memory(serve: Serve) -> None:
    """1.1 GB, before they were counted; with blocks of 1 MiB still 266 MiB."""
    server = serve(send_timeout=600)
    account = server.new_account()
    file_id = account.api.deliver(os.urandom(SIZE), name="l.bin", limit=SIZE)["file_id"]
    before = api_memory(server)
    with ExitStack() as stack:
        path, ranges = f"/file/download/{file_id}", {"Range": "bytes=1-8388608"}
        seen = Counter(unread(account, path, stack, ranges) for _ in range(200))
        assert seen == {b"206": 100, b"429": 100}
        assert api_memory(server) - before < 150 * MIB


def test_large_answers_come_whole_and_count_as_downloads(account: TestAccount) -> None:
    text = large_schema()
    task = account.api.deliver(CSV, enforce_schema=text)
    path = f"/file/{task['file_id']}/schema"
    answer = account.api.get(path)
    assert len(answer.content) == int(answer.headers["content-length"]) > 10 * SMALL_BYTES
    assert len(answer.json()["schema"]["fields"]) == len(json.loads(text)["fields"])
    with ExitStack() as stack:
        seen: Counter[bytes] = Counter()
        while not seen[b"429"]:
            seen[unread(account, path, stack, {})] += 1
            assert sum(seen.values()) <= 2 * PLACES
        refused = account.api.get(path)
        assert_problem(refused, 429, "too-many-downloads", limit=PLACES)
        assert refused.headers["retry-after"]
        assert refused.headers["content-type"] == "application/problem+json"
        assert account.api.get("/files").status_code == 200
    wait_until(lambda: account.api.get(path).status_code == 200, "a place is free")


def test_blocks_are_the_smaller_the_more_are_under_way() -> None:
    sizes = [block_bytes(number) for number in range(1, 100)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (BLOCK_STEPS[0][1], SMALL_BYTES)
    assert sizes.count(sizes[0]) == BLOCK_STEPS[0][0]
