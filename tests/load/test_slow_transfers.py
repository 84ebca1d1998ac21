"""A thousand clients that send and take a few bytes a second leave the server to the others."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from tests.support.api import CSV, Api
from tests.support.loops import run_apart
from tests.support.server import Server, TestAccount, make_server

ACCOUNTS, UPLOADS, DOWNLOADS = 10, 50, 50
"""Of each account at once; the settings allow 100 of each kind."""
SECONDS = 90.0
BLOCK_BYTES, TAKEN_BYTES = 2_048, 16_384
"""What a client sends and takes each second."""
CONTENT = b"id,amount\n" + b"".join(b"%d,%d\n" % (n, n * 7) for n in range(6_000))
LARGE = b"id,amount\n" + b"".join(b"%d,%d\n" % (n, n * 7) for n in range(1_400_000))
"""Larger than what is sent at once as a small file."""
SLOWER, SPARE_SECONDS = 3.0, 0.5
"""What the others may wait longer than without slow clients: these use the machine too."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = make_server(preloaded=False, log_level="warning")
    try:
        yield server.start()
    finally:
        server.close()


class SlowClients:
    """They send and take until `ends`, by `time.monotonic`; `statuses` counts the answers."""

    def __init__(self, server: Server, ends: float) -> None:
        address = urlsplit(server.endpoint)
        assert address.hostname is not None
        self._host, self._port = address.hostname, address.port
        self.ends = ends
        self.statuses: Counter[str] = Counter()

    async def deliver(self, account: TestAccount, file_id: str) -> None:
        """Deliver one version after the other, each in half a minute."""
        head = _head("PUT", f"/api/v1/file/{file_id}", account.api, len(CONTENT))
        while time.monotonic() < self.ends:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            writer.write(head)
            for start in range(0, len(CONTENT), BLOCK_BYTES):
                writer.write(CONTENT[start : start + BLOCK_BYTES])
                await writer.drain()
                await asyncio.sleep(1.0)
            self.statuses[f"delivery {await _status(reader)}"] += 1
            writer.close()

    async def download(self, account: TestAccount, file_id: str) -> None:
        """Take the large file, and leave before its end."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=TAKEN_BYTES)
        writer.write(_head("GET", f"/api/v1/file/download/{file_id}", account.api, 0))
        self.statuses[f"download {await _status(reader)}"] += 1
        while time.monotonic() < self.ends:
            assert await reader.read(TAKEN_BYTES), "the server ended a download"
            await asyncio.sleep(1.0)
        writer.transport.abort()


def _head(method: str, path: str, api: Api, size: int) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.api_key}\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


async def _status(reader: asyncio.StreamReader) -> int:
    return int((await reader.readuntil(b"\r\n\r\n")).split()[1])


def asked(api: Api, file_id: str) -> list[float]:
    """Seconds of a list, a small download and a delivery."""
    requests: list[Callable[[], object]] = [
        lambda: api.json("/files"),
        lambda: api.get(f"/file/download/{file_id}").raise_for_status(),
        lambda: api.deliver(CSV, path=f"/file/{file_id}/versions", limit=None),
    ]
    seconds = []
    for request in requests:
        began = time.monotonic()
        request()
        seconds.append(time.monotonic() - began)
    return seconds


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_a_thousand_slow_clients(server: Server) -> None:
    accounts = [server.new_account() for _ in range(ACCOUNTS)]
    small = [each.api.deliver(CONTENT)["file_id"] for each in accounts]
    large = [each.api.deliver(LARGE, limit=len(LARGE))["file_id"] for each in accounts]
    other = server.new_account().api
    file_id = other.deliver(CSV)["file_id"]
    server.wait_derived()
    before = [asked(other, file_id) for _ in range(20)]
    slow = SlowClients(server, time.monotonic() + SECONDS)

    async def run() -> list[list[float]]:
        async with asyncio.TaskGroup() as group:
            for account, little, much in zip(accounts, small, large, strict=True):
                for _ in range(UPLOADS):
                    group.create_task(slow.deliver(account, little))
                for _ in range(DOWNLOADS):
                    group.create_task(slow.download(account, much))
            during = []
            await asyncio.sleep(5.0)
            while time.monotonic() < slow.ends:
                during.append(await asyncio.to_thread(asked, other, file_id))
                await asyncio.sleep(1.0)
            return during

    during = run_apart(run())
    print(f"\n{dict(slow.statuses)}")
    for at, kind in enumerate(("list", "download", "delivery")):
        alone, beside = ([each[at] for each in some] for some in (before, during))
        p50, p95 = statistics.median(beside), statistics.quantiles(beside, n=20)[-1]
        usual = statistics.median(alone)
        print(f"{kind}: {usual:.3f} s alone; {p50:.3f} beside slow clients, p95 {p95:.3f}")
        assert p50 <= SLOWER * usual + SPARE_SECONDS
    assert set(slow.statuses) == {"delivery 202", "download 200"}, slow.statuses
    assert slow.statuses["download 200"] == ACCOUNTS * DOWNLOADS
    for account in accounts:
        assert account.api.json("/account")["reserved"] == 0
    server.wait_derived()
    server.assert_sound()
