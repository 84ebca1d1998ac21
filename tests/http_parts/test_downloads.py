"""Downloads over a real Granian, asked by curl and by plain sockets."""

import base64
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.support.ports import free_port
from tests.support.server import READY_WITHIN
from tests.support.wait import PATIENCE, wait_until

from entrepot.blobs import BlobId, DiskStore

HERE = Path(__file__).parent
MIB = 1024 * 1024
# The same in every process of a run: its digest stands in the names of tests.
DATA = random.Random(7).randbytes(2 * MIB + 77)
NAME = "Überfällig 2023.csv"
AT = "Sat, 25 Nov 2023 13:25:00 GMT"


@dataclass(frozen=True)
class DownloadResponse:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class DownloadServer:
    port: int
    store: DiskStore
    root: Path
    log: Path

    def add(self, data: bytes) -> str:
        blob_id = BlobId(uuid4())
        writer = self.store.create(blob_id)
        writer.write(data)
        described = {
            "size": len(data),
            "sha256": writer.commit().sha256,
            "media_type": "text/csv",
            "file_name": NAME,
            "modified": datetime(2023, 11, 25, 13, 25, 0, 5, UTC).isoformat(),
        }
        (self.root / f"{blob_id}.json").write_text(json.dumps(described))
        return str(blob_id)

    def curl(self, path: str, *options: str, code: int = 0) -> DownloadResponse:
        url = f"http://127.0.0.1:{self.port}/{path}"
        command = ["curl", "-sS", "-i", "--max-time", "60", *options, url]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = (line.split(": ", 1) for line in lines[1:])
        headers = {name.lower(): value for name, value in fields}
        return DownloadResponse(int(lines[0].split()[1]), headers, body)

    def descriptors(self) -> int:
        return int(self.curl("descriptors").body)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DownloadServer]:
    root = tmp_path_factory.mktemp("store")
    port = free_port()
    log = root / "log"
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port)]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*command, "download_app:app"],
            cwd=HERE,
            env={**os.environ, "BLOB_ROOT": str(root), "PYTHONPATH": str(HERE)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: accepts(port), "it listens", READY_WITHIN)
        yield DownloadServer(port, DiskStore(root, reserve=0), root, log)
    finally:
        child.terminate()
        child.wait(PATIENCE)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def blob(server: DownloadServer) -> str:
    return server.add(DATA)


@pytest.fixture(params=["", "?stream"], ids=["pathsend", "streamed"])
def path(request: pytest.FixtureRequest, blob: str) -> str:
    return f"{blob}{request.param}"


ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
DIGEST = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
ALWAYS = {
    "etag": ETAG,
    "last-modified": AT,
    "cache-control": "private, no-cache",
}
CONTENT = {
    **ALWAYS,
    "accept-ranges": "bytes",
    "repr-digest": f"sha-256=:{DIGEST}:",
    "content-disposition": 'attachment; filename="Uberfallig 2023.csv"; '
    "filename*=UTF-8''%C3%9Cberf%C3%A4llig%202023.csv",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
}


def test_the_whole(server: DownloadServer, path: str) -> None:
    answer = server.curl(path)
    assert answer.status == 200
    assert answer.body == DATA
    expected = {**CONTENT, "content-type": "text/csv", "content-length": str(len(DATA))}
    assert expected.items() <= answer.headers.items()
    assert "transfer-encoding" not in answer.headers
    assert "content-range" not in answer.headers


def test_head_has_the_same_headers_and_no_body(server: DownloadServer, path: str) -> None:
    get, head = server.curl(path), server.curl(path, "--head")
    get.headers.pop("date")
    head.headers.pop("date")
    assert head == DownloadResponse(200, get.headers, b"")
    assert server.curl(path, "--head", "-r", "0-9").status == 200  # Range is for GET alone


@pytest.mark.parametrize(
    ("range_header", "start", "stop"),
    [
        ("0-", 0, len(DATA)),
        ("0-99999999", 0, len(DATA)),
        ("1-", 1, len(DATA)),
        ("0-0", 0, 1),
        ("-1", len(DATA) - 1, len(DATA)),
        ("1048575-1048576", MIB - 1, MIB + 1),
        ("1000-1048999,2000-", 1000, len(DATA)),
    ],
)
def test_one_range(
    server: DownloadServer, path: str, range_header: str, start: int, stop: int
) -> None:
    answer = server.curl(path, "-r", range_header)
    assert answer.status == 206
    assert answer.body == DATA[start:stop]
    expected = {
        **CONTENT,
        "content-type": "text/csv",
        "content-length": str(stop - start),
        "content-range": f"bytes {start}-{stop - 1}/{len(DATA)}",
    }
    assert expected.items() <= answer.headers.items()


def test_several_ranges(server: DownloadServer, path: str) -> None:
    answer = server.curl(path, "-r", "5-9,-3,100-1200000,50-60")
    spans = [(5, 10), (len(DATA) - 3, len(DATA)), (100, 1_200_001), (50, 61)]
    assert answer.status == 206
    assert CONTENT.items() <= answer.headers.items()
    assert answer.headers["content-length"] == str(len(answer.body))
    assert "content-range" not in answer.headers
    media_type = answer.headers["content-type"]
    assert media_type.startswith("multipart/byteranges; boundary=")
    boundary = media_type.partition("=")[2].encode()
    assert boundary not in DATA
    _, *parts, end = answer.body.split(b"--" + boundary)
    assert end == b"--\r\n"
    assert len(parts) == len(spans)
    for part, (start, stop) in zip(parts, spans, strict=True):
        head, _, content = part.partition(b"\r\n\r\n")
        fields = BytesParser().parsebytes(head.strip())
        assert fields["Content-Type"] == "text/csv"
        assert fields["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
        assert content == DATA[start:stop] + b"\r\n"


def test_a_range_outside(server: DownloadServer, path: str) -> None:
    answer = server.curl(path, "-r", f"{len(DATA)}-")
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("field", ["bytes=2-1", "rows=0-1", "bytes=" + "0-0,2-2," * 50])
def test_a_range_to_ignore(server: DownloadServer, path: str, field: str) -> None:
    answer = server.curl(path, "-H", f"Range: {field}")
    assert answer.status == 200
    assert answer.body == DATA


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(ETAG, 206), (AT, 206), (f"W/{ETAG}", 200), ('"other"', 200)],
)
def test_if_range(server: DownloadServer, path: str, if_range: str, status: int) -> None:
    answer = server.curl(path, "-r", "5-6", "-H", f"If-Range: {if_range}")
    assert answer.status == status
    assert answer.body == (DATA[5:7] if status == 206 else DATA)


def test_a_range_outside_of_something_newer_sends_all(server: DownloadServer, path: str) -> None:
    answer = server.curl(path, "-r", "99999999-", "-H", 'If-Range: "other"')
    assert answer.status == 200


@pytest.mark.parametrize(
    "fields",
    [
        [f"If-None-Match: {ETAG}"],
        [f"If-None-Match: W/{ETAG}"],
        ["If-None-Match: *"],
        [f"If-Modified-Since: {AT}"],
        ['If-None-Match: "other"', f"If-None-Match: {ETAG}"],
        [f"If-None-Match: {ETAG}", "Range: bytes=0-1"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified(server: DownloadServer, path: str, fields: list[str], method: str) -> None:
    options = [option for field in fields for option in ("-H", field)]
    answer = server.curl(path, *options, *(["--head"] if method == "HEAD" else []))
    assert answer.status == 304
    assert answer.body == b""
    assert ALWAYS.items() <= answer.headers.items()
    assert "content-type" not in answer.headers


def test_a_failed_precondition(server: DownloadServer, path: str) -> None:
    assert server.curl(path, "-H", 'If-Match: "other"').status == 412
    assert server.curl(path, "-H", f"If-Match: {ETAG}", "--head").status == 200


@pytest.mark.parametrize("options", [[], ["-r", "0-"], ["--head"]])
def test_an_empty_file(server: DownloadServer, options: list[str]) -> None:
    answer = server.curl(server.add(b""), *options)
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize("query", ["", "?stream"])
@pytest.mark.parametrize("options", [[], ["-r", "0-"], ["-r", "1-"], ["-r", "0-1,5-6"]])
@pytest.mark.parametrize("fault", ["gone", "short"])
def test_missing_bytes_are_said_before_any_header(
    server: DownloadServer, query: str, options: list[str], fault: str
) -> None:
    blob_id = server.add(b"x" * 1000)
    file = server.store.path(BlobId(UUID(blob_id)))
    if fault == "gone":
        file.unlink()
    else:
        os.truncate(file, 999)
    answer = server.curl(blob_id + query, *options)
    assert (answer.status, answer.body) == (500, b"missing")
    assert f"missing {blob_id}" in server.log.read_text()


def request_of(
    server: DownloadServer, path: str, *fields: str, receive_buffer: int = 0
) -> socket.socket:
    """A connection on which the request is sent and nothing is read yet."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    lines = [f"GET /{path} HTTP/1.1", "Host: x", *fields, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def test_a_client_that_goes_away_stops_the_reads(server: DownloadServer) -> None:
    blob_id = server.add(bytes(64 * MIB))
    for path in (blob_id, f"{blob_id}?stream"):
        for fields in ([], ["Range: bytes=1-"]):
            connection = request_of(server, path, *fields, receive_buffer=4096)
            assert connection.recv(10) == b"HTTP/1.1 2"
            wait_until(lambda: server.descriptors() == 1, "the file is open")
            connection.close()
            wait_until(lambda: server.descriptors() == 0, "the file is closed")
    assert "Traceback" not in server.log.read_text()


def test_a_slow_client_holds_back_the_reads(server: DownloadServer) -> None:
    blob_id = server.add(os.urandom(64 * MIB))
    connection = request_of(server, blob_id, "Range: bytes=1-", receive_buffer=4096)
    wait_until(lambda: server.descriptors() == 1, "the file is open")
    time.sleep(1)
    assert server.descriptors() == 1  # read to its end, it would be closed
    connection.close()
    wait_until(lambda: server.descriptors() == 0, "the file is closed")


def test_a_body_that_breaks_off_is_seen_by_the_client(server: DownloadServer) -> None:
    blob_id = server.add(os.urandom(64 * MIB))
    file = server.store.path(BlobId(UUID(blob_id)))
    connection = request_of(server, blob_id, "Range: bytes=1-", receive_buffer=4096)
    wait_until(lambda: server.descriptors() == 1, "the file is open")
    time.sleep(0.5)
    os.truncate(file, 30 * MIB)
    received = 0
    while block := connection.recv(MIB):  # a hang would end in a time-out
        received += len(block)
    assert received < 31 * MIB
    connection.close()
    wait_until(lambda: server.descriptors() == 0, "the file is closed")


def test_one_connection_serves_one_after_another(server: DownloadServer, blob: str) -> None:
    url = f"http://127.0.0.1:{server.port}/{blob}"
    command = ["curl", "-sS", "-r", "1-", url, url + "?stream", "-w", "%{num_connects}"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == (DATA[1:] + b"1") + (DATA[1:] + b"0")
