"""A store that has a fault: a relay before it that refuses, answers errors, waits or breaks off."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

PIECE = 65_536
ANSWERS = {
    "read-only": (403, "AccessDenied"),
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "full": (507, "InsufficientStorage"),
}
Fault = Literal["none", "gone", "silent", "truncated", "read-only", "500", "503", "full", "answer"]


@dataclass
class FaultProxy:
    """Relays to `target` while `fault` is "none". `truncated`: bytes of an answer that pass.
    `answer`: with the status and code that the field has.

    Errors for writes alone (`writes_only`) leave reads as they are.
    """

    target: int
    listener: socket.socket
    fault: Fault = "none"
    truncated_bytes: int = 100_000
    writes_only: bool = False
    answer: tuple[int, str] = (500, "InternalError")
    refused: int = 0
    sockets: list[socket.socket] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @contextmanager
    def failing(self, fault: Fault, writes_only: bool = False) -> Iterator[None]:
        """Have the fault for the block; connections that are open end first."""
        self._set(fault, writes_only)
        try:
            yield
        finally:
            self._set("none", False)

    def _set(self, fault: Fault, writes_only: bool) -> None:
        self.fault, self.writes_only = fault, writes_only
        self.released.set()
        self.released = threading.Event()
        _end(*self.sockets)
        self.sockets = []

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        fault, released = self.fault, self.released
        with contextlib.suppress(OSError):
            if fault == "gone":
                self.refused += 1
            elif fault == "silent":
                self.refused += 1
                released.wait(120)
            elif fault == "answer" or fault in ANSWERS:
                first = self._refuse(client, *ANSWERS.get(fault, self.answer))
                if first is not None:
                    self._relay(client, first, None)
            else:
                self._relay(client, b"", self.truncated_bytes if fault == "truncated" else None)
        _end(client)

    def _refuse(self, client: socket.socket, status: int, code: str) -> bytes | None:
        """Answer with the error; what came of a request that is to pass."""
        data = b""
        while b"\r\n\r\n" not in data and (piece := client.recv(PIECE)):
            data += piece
        head = data.partition(b"\r\n\r\n")[0]
        if self.writes_only and head.split(b" ", 1)[0] in (b"GET", b"HEAD"):
            # The next request of this connection may be a write, and nobody would look at it.
            return head + b"\r\nConnection: close\r\n\r\n"
        self.refused += 1
        body = f"<Error><Code>{code}</Code><Message>a fault of the tests</Message></Error>"
        if head.startswith(b"HEAD"):
            body = ""
        client.sendall(
            f"HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        client.settimeout(0.5)  # a reset would take the answer away from who still sends a body
        with contextlib.suppress(TimeoutError):
            while client.recv(PIECE):
                pass
        return None

    def _relay(self, client: socket.socket, first: bytes, limit: int | None) -> None:
        server = socket.create_connection(("127.0.0.1", self.target))
        self.sockets.append(server)
        server.sendall(first)
        upwards = threading.Thread(target=_copy, args=(client, server, None), daemon=True)
        upwards.start()
        _copy(server, client, limit)
        _end(client, server)

    def close(self) -> None:
        self.released.set()
        _end(self.listener, *self.sockets)


def _copy(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            if limit is not None and passed + len(piece) > limit:
                target.sendall(piece[: limit - passed])
                return
            passed += len(piece)
            target.sendall(piece)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def fault_proxy(port: int) -> Iterator[FaultProxy]:
    """A relay to that port of this machine for the length of the block."""
    proxy = FaultProxy(port, socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
