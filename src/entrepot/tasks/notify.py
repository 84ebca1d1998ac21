"""Wake sleeping workers when work was enqueued, so that an idle queue needs few polls.

On the embedded database workers listen on Unix datagram sockets in the data folder. On PostgreSQL
the enqueueing transaction notifies right behind its commit (`NOTIFY`). A lost wake-up delays a
task by one poll interval, nothing else.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from entrepot.db.engine import CONNECTION

CHANNEL = "entrepot_tasks"
SOCKET_PREFIX, SOCKET_SUFFIX = "worker-", ".sock"


def wake_local_workers(folder: Path) -> None:
    """Wake every worker that listens in this folder; never fails, never blocks."""
    with (
        contextlib.suppress(OSError),  # no descriptor left, for instance
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)
        for name in os.listdir(folder):
            if not (name.startswith(SOCKET_PREFIX) and name.endswith(SOCKET_SUFFIX)):
                continue
            with contextlib.suppress(OSError), _socket_address(folder / name) as address:
                sender.sendto(b"w", address)


def listen_local(
    folder: Path, name: str, on_wake: Callable[[], None], stop: threading.Event
) -> None:
    """Call `on_wake` for each datagram until `stop`; runs in its own thread."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{SOCKET_PREFIX}{name}{SOCKET_SUFFIX}"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        with _socket_address(path) as address:
            receiver.bind(address)
        os.chmod(path, 0o600)
        while not stop.is_set():
            receiver.recv(64)
            on_wake()


def listen_postgres(url: str, on_wake: Callable[[], None], stop: threading.Event) -> None:
    """Call `on_wake` for each notification until `stop`; reconnects after a lost connection."""
    import psycopg

    while not stop.is_set():
        try:
            with connect_listening(url, CHANNEL) as conn:
                on_wake()
                while not stop.is_set():
                    # A minute, after which `stop` is looked at although nobody notifies.
                    for _ in conn.notifies(timeout=60, stop_after=1):
                        on_wake()
        except psycopg.OperationalError:
            stop.wait(2)


def connect_listening(url: str, channel: str) -> Any:
    """A connection of psycopg that receives the notifications of a channel. Raises its errors."""
    import psycopg  # a twentieth of each start, which SQLite does not need

    address = make_url(url)
    parameters: dict[str, Any] = {
        name: value for name, value in CONNECTION.items() if name not in address.query
    }
    dsn = address.set(drivername="postgresql").render_as_string(hide_password=False)
    conn = psycopg.connect(dsn, autocommit=True, **parameters)
    try:
        conn.execute(f"LISTEN {channel}")
    except psycopg.Error:
        conn.close()
        raise
    return conn


@contextlib.contextmanager
def _socket_address(path: Path) -> Iterator[str]:
    """The path as a socket address, which may have some 100 bytes at most (`unix(7)`)."""
    text = str(path)
    if len(text.encode()) <= 100:
        yield text
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
