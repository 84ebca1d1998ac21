"""Whether the process that holds a file's lock lives: it touches the file now and then.

The kernel keeps a lock for a process that is stopped, and a shared folder may keep it for a host
that is cut off. Whoever waits for such a lock sees by the file that nothing happens.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TOUCH_SECONDS = 2.0
"""Seconds between two touches of a file whose lock is held."""
FROZEN_SECONDS = 10.0
"""Seconds without a touch after which the holder of a lock counts as frozen. A later one loses
nothing but its work: see `blobs.disk_drafts`."""


class LifeSigns:
    """Touches the files that this process holds locks on, in a thread of its own."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self, descriptor: int) -> None:
        """Touch the file now, and again until `end`."""
        os.utime(descriptor)
        with self._changed:
            self._held.add(descriptor)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._touch_until_none, name="entrepot-life", daemon=True
                )
                self._thread.start()

    def end(self, descriptor: int) -> None:
        """Touch the file no more. Idempotent."""
        with self._changed:
            self._held.discard(descriptor)
            if not self._held:
                self._changed.notify()

    def _touch_until_none(self) -> None:
        with self._changed:
            while self._held:
                # Not without the lock: a file that is closed meanwhile has its number taken over.
                for descriptor in self._held:
                    with suppress(OSError):  # then its writer gets the same error
                        os.utime(descriptor)
                self._changed.wait(TOUCH_SECONDS)
            self._thread = None


class FrozenLocks:
    """Finds locks whose holders give no sign of life, by the files at several looks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Path, tuple[object, float, float]] = {}
        self._lock = threading.Lock()

    def is_frozen(self, path: Path, status: os.stat_result) -> bool:
        """Whether the file, whose lock another process holds now, has been the same for so long."""
        now, state = self._clock(), (status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            # What nobody waits for any more says nothing of who holds the lock later.
            before = {p: seen for p, seen in self._seen.items() if now - seen[2] < FROZEN_SECONDS}
            last, since, _ = before.get(path, (None, now, now))
            since = since if last == state else now
            self._seen = before | {path: (state, since, now)}
        return now - since >= FROZEN_SECONDS
