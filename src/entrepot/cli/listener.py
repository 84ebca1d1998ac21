"""Granian's embedded server on a listening socket whose connections do not wait for ever."""

import socket
from typing import Any

from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.embed import Server


class PatientServer(Server):
    """Ends a connection whose client has taken nothing for `send_timeout` seconds.

    By the kernel (`TCP_USER_TIMEOUT`, tcp(7), of RFC 5482), because bytes wait in three places
    on their way to a client who does not read: our generator, the server's queue, the socket.
    Accepted connections inherit it. macOS has no such option: there such a client is waited for.
    """

    def __init__(self, target: Any, send_timeout: float, **options: Any) -> None:
        super().__init__(target, **options)
        self._send_timeout = send_timeout

    def _init_shared_socket(self) -> None:
        # As Granian does where workers share one socket: on Linux each would open its own.
        holder: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = holder, holder.get_fd()
        if not hasattr(socket, "TCP_USER_TIMEOUT"):
            return
        listener = socket.socket(fileno=self._sfd)
        try:
            milliseconds = max(1, int(self._send_timeout * 1000))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        finally:
            listener.detach()
