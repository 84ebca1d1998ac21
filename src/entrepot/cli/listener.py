"""Granian's embedded server on a listening socket with a send timeout."""

import socket
from typing import Any

from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.embed import Server


class SendTimeoutServer(Server):
    """Closes a connection whose client has read nothing for `send_timeout` seconds.

    The kernel does this (`TCP_USER_TIMEOUT`, tcp(7), of RFC 5482), because the bytes for a client
    that does not read wait in three places: our generator, the server's queue, the socket. Accepted
    connections inherit the option. macOS has no such option: there the server waits for such a
    client.
    """

    def __init__(self, target: Any, send_timeout: float, **options: Any) -> None:
        super().__init__(target, **options)
        self._send_timeout = send_timeout

    def _init_shared_socket(self) -> None:
        # Like Granian where its workers share one socket: on Linux each would open its own.
        spec: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = spec, spec.get_fd()
        if not hasattr(socket, "TCP_USER_TIMEOUT"):
            return
        listener = socket.socket(fileno=self._sfd)
        try:
            milliseconds = max(1, int(self._send_timeout * 1000))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        finally:
            listener.detach()
