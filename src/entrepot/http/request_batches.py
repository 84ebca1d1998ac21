"""Do once for many requests what each of them would do with a lock or a system call."""

import asyncio
import math
from collections.abc import Callable

INTERVAL_SECONDS = 0.01
"""Least seconds between two batches. That is what a process that is killed has not written."""


class RequestBatches:
    """Calls each of `flushes` soon after a request has ended.

    In the next turn of the event loop if the last batch is long ago, else with those of all that
    end until its time. A system call gives the interpreter's lock away, to a thread of the server
    that waits for it (ADR 0070).
    Use it from the event loop's thread.
    """

    def __init__(self, *flushes: Callable[[], None]) -> None:
        self._flushes = flushes
        self._interval = INTERVAL_SECONDS
        self._last = -math.inf
        self._is_expected = False

    def expect(self) -> None:
        """Something is to be flushed."""
        if self._is_expected:
            return
        self._is_expected = True
        loop = asyncio.get_running_loop()
        wait = self._last + self._interval - loop.time()
        if wait > 0:
            loop.call_later(wait, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_expected = False
        self._last = asyncio.get_running_loop().time()
        for flush in self._flushes:
            flush()

    def close(self) -> None:
        """Flush now, and let nothing wait from here on: the event loop is about to end."""
        self._interval = 0.0
        self._flush()
