"""Requests that no decent client would send: bytes on a socket, and the answer that comes back."""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.support.wait import PATIENCE

BOUNDARY = "----entrepot-test-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came; `headers` have lower-case names, `sent` is what the server took."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int

    def json(self) -> Any:
        return json.loads(self.body)


def connect(endpoint: str, timeout: float = PATIENCE) -> socket.socket:
    """A connection to the server."""
    parts = urlsplit(endpoint)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=timeout)


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def exchange(
    endpoint: str,
    first: bytes,
    body: Iterable[bytes] = (),
    timeout: float = PATIENCE,
    end: bool = False,
    most: int | None = None,
) -> RawAnswer:
    """Send a head, then the body's pieces until the server answers or hangs up; its answer.

    `end` closes our side after the last piece. `most` stops sending after this many bytes.
    Raises ConnectionError or HTTPException if no answer comes.
    """
    with connect(endpoint, timeout) as sock:
        sock.sendall(first)
        sent = _send(sock, body, most)
        if end:
            sock.shutdown(socket.SHUT_WR)
        return read_answer(sock, sent)


def read_answer(sock: socket.socket, sent: int = 0, method: str = "GET") -> RawAnswer:
    """Read one answer from a connection."""
    answer = HTTPResponse(sock, method=method)
    answer.begin()
    try:
        content = answer.read()
    except HTTPException as broken:
        raise ConnectionError(f"the answer was cut off: {broken!r}") from broken
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return RawAnswer(answer.status, headers, content, sent)


def chunked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """A body in the chunked coding (RFC 9112, section 7.1)."""
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def text_part(name: str, value: str) -> bytes:
    """A form field."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n".encode()


def file_part_head(file_name: str = "orders.csv", name: str = "file", more: str = "") -> bytes:
    """The beginning of a file part; its bytes and CR LF follow."""
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\n{more}\r\n".encode("utf-8", "surrogateescape")


CLOSING = f"--{BOUNDARY}--\r\n".encode()


def form(
    content: bytes, file_name: str = "orders.csv", file_first: bool = False, **fields: str
) -> bytes:
    """A whole form with one file."""
    file = file_part_head(file_name) + content + b"\r\n"
    texts = b"".join(text_part(name, value) for name, value in fields.items())
    return (file + texts if file_first else texts + file) + CLOSING


def _send(sock: socket.socket, body: Iterable[bytes], most: int | None) -> int:
    sent = 0
    for piece in body:
        try:
            sock.sendall(piece)
        except (ConnectionError, TimeoutError):
            break  # the server has hung up; what it said is read next
        sent += len(piece)
        if most is not None and sent >= most:
            break
    return sent
