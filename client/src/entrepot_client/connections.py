"""HTTP/1.1 requests to one server: connections that are reused, and answers.

Built on `http.client`: loading it takes a third of the time of a full HTTP library, which counts
for a program that starts again for each command (ADR 0049). What it lacks is here: reuse by several
threads, the test whether an idle connection still lives, proxies, and an error for a body that ends
early.
"""

import http.client
import json
import os
import select
import socket
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_BLOCK_BYTES = 64 * 1024
_MAX_IDLE_CONNECTIONS = 16


class Timeouts(NamedTuple):
    """Seconds until a connection stands, a block is sent, and the next bytes of an answer come."""

    connect: float = 10.0
    write: float = 60.0
    read: float = 60.0


class ExchangeFailed(Exception):
    """No complete answer came. `was_sent`: the server may have received the request.

    `refused`: nothing listens at the address.
    """

    def __init__(self, reason: str, *, was_sent: bool, refused: bool = False) -> None:
        super().__init__(reason)
        self.was_sent = was_sent
        self.refused = refused


class BodyFailed(Exception):
    """The body could not be read to be sent, by `error`: the server has no part in it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer. `headers` finds a name in any case; `target` is the path that was asked."""

    status_code: int
    headers: http.client.HTTPMessage
    content: bytes
    target: str

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.content)


class OpenAnswer:
    """An answer whose body is read while it arrives.

    `redirect_headers` are those of the redirect that led to it, of the endpoint's own server.
    """

    redirect_headers: http.client.HTTPMessage | None = None

    def __init__(self, response: http.client.HTTPResponse, target: str) -> None:
        self.status_code = response.status
        self.headers = response.headers
        self.target = target
        self._response = response

    def blocks(self) -> Iterator[bytes]:
        """The body in blocks as they arrive. Raises ExchangeFailed if it ends early."""
        with _reading():
            while block := self._response.read1(_BLOCK_BYTES):
                yield block
            if self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)

    def lines(self) -> Iterator[str]:
        """The body's lines, without their ends. Raises ExchangeFailed."""
        with _reading():
            while line := self._response.readline():
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def whole(self) -> HttpAnswer:
        """The answer with its whole body. Raises ExchangeFailed if it ends early."""
        with _reading():
            content = self._response.read()
        return HttpAnswer(self.status_code, self.headers, content, self.target)

    @property
    def reusable(self) -> bool:
        """Whether the connection can have another request."""
        return self._response.isclosed() and not self._response.will_close


class _reading:  # noqa: N801  # a context manager, which a generator cannot be in a generator
    """Turns what can go wrong while an answer is read into ExchangeFailed."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: object) -> None:
        if isinstance(error, OSError | http.client.HTTPException | ValueError):
            raise ExchangeFailed(describe_failure(error), was_sent=True) from error


class ConnectionPool:
    """Connections to one server (`https://host:port`), for any number of threads."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._scheme, self._host = parts.scheme, parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._proxy = _find_proxy(parts.scheme, parts.netloc)
        # A request to a proxy names the whole address, unless it is a tunnel.
        self._prefix = origin if self._proxy and parts.scheme == "http" else ""
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        timeouts: Timeouts,
    ) -> HttpAnswer:
        """One request and its whole answer. Raises ExchangeFailed, BodyFailed."""
        with self.open(method, target, headers, body, timeouts) as answer:
            return answer.whole()

    def open(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        timeouts: Timeouts,
    ) -> "_HttpExchange":
        """One request, as a context with its OpenAnswer. Raises ExchangeFailed, BodyFailed.

        `body` has the length that the headers state.
        """
        return _HttpExchange(self, (method, self._prefix + target, headers, body), timeouts)

    def take(self, timeouts: Timeouts) -> http.client.HTTPConnection:
        """A connection that stands. Raises ExchangeFailed."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect(timeouts)
            if _is_alive(connection):
                return connection
            connection.close()

    def put_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection for the next request."""
        with self._lock:
            if len(self._idle) < _MAX_IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self, timeouts: Timeouts) -> http.client.HTTPConnection:
        host, port = self._proxy or (self._host, self._port)
        connection: http.client.HTTPConnection
        if self._scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=timeouts.connect, context=self._tls_context()
            )
            if self._proxy:
                connection.set_tunnel(self._host, self._port)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeouts.connect)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ExchangeFailed(
                describe_failure(error),
                was_sent=False,
                refused=isinstance(error, ConnectionRefusedError),
            ) from error
        # Head and body are sent apart; waiting to join them would cost 40 ms for each upload.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                import truststore

                self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return self._tls


class _HttpExchange:
    """One request on one connection, which goes back to its pool if its answer was read."""

    def __init__(self, pool: ConnectionPool, request: tuple[Any, ...], timeouts: Timeouts) -> None:
        self._pool = pool
        self._request = request
        self._timeouts = timeouts

    def __enter__(self) -> OpenAnswer:
        method, target, headers, body = self._request
        self._connection = connection = self._pool.take(self._timeouts)
        try:
            connection.sock.settimeout(self._timeouts.write)
            failed_sending = None
            try:
                if body is not None and not isinstance(body, bytes):
                    body = _telling_apart(body)
                connection.request(method, target, body=body, headers=dict(headers))
            except (BrokenPipeError, ConnectionResetError) as error:
                # A server that refuses an upload answers and closes before it has read it all.
                failed_sending = error
            connection.sock.settimeout(self._timeouts.read)
            try:
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise failed_sending or error from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ExchangeFailed(describe_failure(error), was_sent=True) from error
        except BaseException:
            connection.close()
            raise
        self._answer = OpenAnswer(response, target)
        self._failed_sending = failed_sending is not None
        return self._answer

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._answer.reusable and not self._failed_sending:
            self._pool.put_back(self._connection)
        else:
            self._connection.close()


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "nothing listens there"),
    (socket.gaierror, "its name cannot be resolved"),
    (ssl.SSLError, "it does not speak TLS as expected"),
    (TimeoutError, "it took too long"),
    (http.client.IncompleteRead, "the answer ended early"),
    (ConnectionError, "the connection was closed"),
    (http.client.HTTPException, "its answer is not valid HTTP"),
)
"""The first that matches is the reason."""


def describe_failure(error: BaseException) -> str:
    """Why no answer came, as part of a sentence, in our own words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {error.verify_message}"
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return getattr(error, "strerror", None) or "the connection failed"


def _telling_apart(body: Iterable[bytes]) -> Iterator[bytes]:
    """A body whose own errors are not taken for those of the connection. Raises BodyFailed."""
    try:
        yield from body
    except Exception as error:
        raise BodyFailed(error) from error


def _is_alive(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection is still open: a closed one can be read, and has nothing."""
    if connection.sock is None:
        return False
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            return not poll.poll(0)
        return not select.select([connection.sock], [], [], 0)[0]
    except (OSError, ValueError):
        return False


def _find_proxy(scheme: str, netloc: str) -> tuple[str, int] | None:
    """The proxy of the environment or the system for this server, if there is one."""
    if sys.platform not in ("win32", "darwin") and not any(
        name.lower() in (f"{scheme}_proxy", "all_proxy") for name in os.environ
    ):
        return None  # the import costs more than the rest of a start
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or proxy_bypass(netloc):
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return (parts.hostname, parts.port or 8080) if parts.hostname else None
