"""A small HTTP/1.1 client over a plain socket, the same for every contender.

Ours rather than a library's: on a machine of few cores the client takes its share, so it sends
files with sendfile(2) and drops what it downloads from one buffer, which costs next to nothing.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

PATIENCE = 300.0
"""Seconds that a contender may stay silent."""
BUFFER = 1024 * 1024


@dataclass(frozen=True)
class WireResponse:
    """One response: `headers` by lower-case name; `size` counts the body's bytes."""

    status: int
    headers: dict[str, str]
    body: bytes
    size: int


class UnexpectedResponse(Exception):
    """A contender answered something that is not what the measure is about."""


class WireConnection:
    """One connection to a contender on loopback; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> "WireConnection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(
        self, head: bytes, file: Path | None = None, times: int = 1, tail: bytes = b""
    ) -> None:
        """Send a head, then a file `times` over, then what follows it."""
        self._socket.sendall(head)
        if file is not None:
            with file.open("rb") as source:
                size = os.fstat(source.fileno()).st_size
                for _ in range(times):
                    self._send_file(source.fileno(), size)
        if tail:
            self._socket.sendall(tail)

    def send_part(self, file: BinaryIO, start: int, size: int) -> None:
        """Send `size` bytes of a file from `start` on."""
        self._socket.sendfile(file, start, size)

    def _send_file(self, source: int, size: int) -> None:
        # Through the socket's own time-out: os.sendfile alone would not wait for room.
        with os.fdopen(os.dup(source), "rb") as file:
            file.seek(0)
            self._socket.sendfile(file, 0, size)

    def answer(self, keep: bool = True) -> WireResponse:
        """Read one response; with `keep` false the body is dropped and only counted."""
        status, headers = self._head()
        if headers.get("transfer-encoding") == "chunked":
            raise UnexpectedResponse("a chunked body where a length was expected")
        length = int(headers.get("content-length", "0"))
        if not keep:
            self._drop(length)
            return WireResponse(status, headers, b"", length)
        body = bytearray(self._rest[:length])
        self._rest = self._rest[length:]
        while len(body) < length:
            body += self._receive()
        return WireResponse(status, headers, bytes(body), length)

    def stream(self) -> Iterator[bytes]:
        """Read a response without end piece by piece, chunk framing included."""
        status, _ = self._head()
        if status != 200:
            raise UnexpectedResponse(f"status {status}")
        if self._rest:
            yield self._rest
        while True:
            yield self._receive()

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        return int(first.split(" ", 2)[1]), headers

    def _drop(self, length: int) -> None:
        left = length - len(self._rest)
        self._rest = b""
        into = memoryview(bytearray(BUFFER))
        while left > 0:
            got = self._socket.recv_into(into, min(left, BUFFER))
            if not got:
                raise UnexpectedResponse(f"the connection ended {left:,} bytes early")
            left -= got

    def _receive(self) -> bytes:
        piece = self._socket.recv(BUFFER)
        if not piece:
            raise UnexpectedResponse("the connection ended early")
        return piece


def request_head(
    method: str, path: str, headers: dict[str, str] | None = None, length: int | None = None
) -> bytes:
    """The bytes of a request's head."""
    fields = {"Host": "127.0.0.1", "Accept": "application/json", **(headers or {})}
    if length is not None:
        fields["Content-Length"] = str(length)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def form(fields: dict[str, str], file_field: str, file_name: str) -> tuple[bytes, bytes, str]:
    """What goes before and after a file in a multipart form, and the form's content type."""
    boundary = "----entrepot-bench-boundary"
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{file_field}"; '
        f'filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    before = "".join(lines).encode()
    return before, f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
