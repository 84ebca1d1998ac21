"""Granian's embedded server on a listening socket with bounds for clients that do not read."""

import socket
from typing import Any

from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.embed import Server

UNSENT_BYTES = 128 * 1024
"""What the kernel takes beyond what is on its way to the client. Without a bound it is 4 MiB a
connection, and an answer counts as sent while the client has read nothing of it. What is on its way
stays unbounded, so that long lines are filled."""


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
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        finally:
            listener.detach()
