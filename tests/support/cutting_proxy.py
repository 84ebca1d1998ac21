"""A bad connection: a relay before a server that cuts or stops after this many bytes."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PIECE = 65_536


@dataclass
class CuttingProxy:
    """`cuts` are bytes towards the server after which a connection ends, one for each that brings
    more than so many; `stops` likewise, but it stays open and nothing continues."""

    target: tuple[str, int]
    listener: socket.socket
    cuts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    sent: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                self.sockets += [client, server]
                threading.Thread(target=self._upwards, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := client.recv(PIECE):
                passed += len(piece)
                self.sent += len(piece)
                server.sendall(piece)
                if self.cuts and passed >= self.cuts[0]:
                    self.cuts.pop(0)
                    break
                if self.stops and passed >= self.stops[0]:
                    self.stops.pop(0)
                    self.stopped.set()
                    return
        self._end(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(PIECE):
                client.sendall(piece)
        self._end(client, server)

    def _end(self, *both: socket.socket) -> None:
        for one in both:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        self._end(self.listener, *self.sockets)


@contextmanager
def cutting_proxy(endpoint: str, **how: Any) -> Iterator[CuttingProxy]:
    """A relay to that server for the length of the block."""
    parts = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0))
    line = CuttingProxy((str(parts.hostname), int(parts.port or 80)), listener, **how)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join(10)
