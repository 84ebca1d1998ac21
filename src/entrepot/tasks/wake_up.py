"""Wake sleeping workers when work was enqueued, so that an idle queue is polled slowly.

On the embedded database workers listen on Unix datagram sockets in the data folder; on
PostgreSQL the enqueueing transaction itself notifies (`NOTIFY`, delivered at its commit). A lost
wake-up costs one poll interval and nothing else.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from sqlalchemy import make_url

CHANNEL = "entrepot_tasks"
HOT = 0.5
"""Seconds of quick polling after a wake-up: the row may be visible a moment later."""
QUICK = 0.02
"""Seconds between two quick polls."""


class Wakeable(threading.Event):
    """A stop event whose `wait` also ends when `wake` is called.

    The queue's polling loop sleeps in `stop_event.wait(interval)`; it has no hook to end that
    sleep early, so this event is that hook.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, quick: float = QUICK) -> None:
        super().__init__()
        self._woken = threading.Event()
        self._clock = clock
        self._quick = quick
        self._hot_until = 0.0

    def wake(self) -> None:
        """End the present sleep and poll quickly for a moment."""
        self._hot_until = self._clock() + HOT
        self._woken.set()

    def set(self) -> None:
        """Stop for good."""
        super().set()
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until stopped, woken or `timeout` seconds have gone; True once stopped."""
        if self.is_set():
            return True
        if self._clock() < self._hot_until:
            timeout = self._quick if timeout is None else min(timeout, self._quick)
        self._woken.wait(timeout)
        if not self.is_set():
            self._woken.clear()
        return self.is_set()


def wake_local(folder: Path) -> None:
    """Tell every worker that listens in this folder; never fails, never blocks."""
    with (
        contextlib.suppress(OSError),  # no descriptor left, for instance
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)
        for path in folder.glob("worker-*.sock"):
            with contextlib.suppress(OSError), _address(path) as address:
                sender.sendto(b"w", address)


def listen_local(folder: Path, name: str, woken: Callable[[], None], stop: threading.Event) -> None:
    """Call `woken` for each datagram until `stop`; runs in a thread of its own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"worker-{name}.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        with _address(path) as address:
            receiver.bind(address)
        os.chmod(path, 0o600)
        while not stop.is_set():
            receiver.recv(64)
            woken()


def listen_postgres(url: str, woken: Callable[[], None], stop: threading.Event) -> None:
    """Call `woken` for each notification until `stop`; reconnects after a lost connection."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    while not stop.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True) as conn:
                conn.execute(f"LISTEN {CHANNEL}")
                woken()
                while not stop.is_set():
                    for _ in conn.notifies(timeout=60, stop_after=1):
                        woken()
        except psycopg.OperationalError:
            stop.wait(2)


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path as a socket address, which may have at most some 100 bytes (`unix(7)`)."""
    text = str(path)
    if len(text.encode()) <= 100:
        yield text
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
