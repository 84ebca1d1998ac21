"""How far an inspection has come, in bytes of its input, reported at most ten times a second.

A report comes at least once a second, whatever runs: where nothing measures the work, it is
estimated from the time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

REPORT_SECONDS = 0.1
"""Between two reports: quick enough for a moving bar, too rare to cost anything."""

ESTIMATE_SECONDS = 0.4
"""Without a report, until one is estimated."""

UNPACKED, SCANNED, NORMALIZED, JUDGED, CONVERTED = 0.1, 0.15, 0.5, 0.95, 2.0
"""The share of the judging at which each pass ends: unpacking, the scan of the bytes, writing an
irregular text again, and inference or checks; then the Parquet, which takes about as long as all of
them. What is left is the report and the places of its errors. Rough measures on texts: a bar must
move steadily, not be exact."""

EXPECTED_BYTES_PER_SECOND = 20_000_000
"""Of one pass: where nothing measures it, half of what is left is expected to be done by then."""
MIN_EXPECTED_SECONDS = 1.0
QUERY_SHARE = 0.7
"""Of what is left of a pass, for one query of the engine."""


class Progress:
    """Counts the passes over the file: each takes a share of the whole, in order.

    A pass that Python makes reports its position by `at`; during a pass of the engine a
    thread asks the engine (`watching`). The same thread estimates the position of a pass that
    reports nothing for a while, so that what is shown always moves, and never beyond the pass.
    `report_unpacked` gets the bytes of the content, as far as they are known. `last` is the
    share at which all is done: `CONVERTED` where forms are made too.
    """

    def __init__(
        self,
        size: int,
        report: Callable[[int, int], None] | None = None,
        report_unpacked: Callable[[int], None] | None = None,
        last: float = 1.0,
    ) -> None:
        self._last_share = last
        self._size = size
        self._report = report
        self._report_unpacked = report_unpacked
        self._unpacked = size
        self._lock = threading.Lock()
        self._start = self._end = 0.0
        self._highest = 0
        self._last = time.monotonic() - REPORT_SECONDS
        self._measured = (0.0, self._last)
        self._query = (0.0, 0.0)

    def next_pass(self, until: float) -> None:
        """The next pass ends at the share `until` of the judging. One that is beyond it already,
        since passes are made again, takes half of what is left."""
        self._start = float(self._highest)
        end = until / self._last_share * self._size
        self._end = end if end > self._start else self._start + (self._size - self._start) / 2
        self._measured = (self._start, time.monotonic())
        self._query = (0.0, self._start)
        self.at(0.0)

    def at(self, share: float) -> None:
        """The running pass has done `share` (0 to 1) of itself."""
        done = self._start + (self._end - self._start) * min(1.0, max(0.0, share))
        self._show(done, measured=True)

    def at_query(self, share: float) -> None:
        """The engine has done `share` of a query. More may follow in the same pass, so that each
        takes `QUERY_SHARE` of what is left of it."""
        last, start = self._query
        if share < last:
            start = float(self._highest)
        self._query = (share, start)
        self._show(start + (self._end - start) * QUERY_SHARE * min(1.0, share), measured=True)

    def unpacked(self, count: int) -> None:
        """The content has at least `count` bytes, of which the inspection's budget depends."""
        if self._report_unpacked is not None and count > self._unpacked:
            self._unpacked = count
            self._report_unpacked(count)

    def estimate(self) -> None:
        """Nothing was reported for a while: move on towards the end of the pass, ever slower."""
        now = time.monotonic()
        if now - self._last < ESTIMATE_SECONDS:
            return
        expected = max(MIN_EXPECTED_SECONDS, self._size / EXPECTED_BYTES_PER_SECOND)
        measured, since = self._measured
        share = (now - since) / (now - since + expected)
        done = max(measured + (self._end - measured) * share, self._highest + 1.0)
        if done < self._end:
            self._show(done)

    def _show(self, position: float, measured: bool = False) -> None:
        done, now = int(position), time.monotonic()
        if self._report is None or done <= self._highest or now - self._last < REPORT_SECONDS:
            return
        with self._lock:
            if done > self._highest:
                self._highest, self._last = done, now
                if measured:
                    self._measured = (position, now)
                self._report(done, self._size)

    @contextmanager
    def watching(self, engine: Any) -> Iterator[None]:
        """While the block runs, ask `engine` how far its query has come."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(REPORT_SECONDS):
                percent = engine.query_progress()
                if percent is not None and percent > 0:
                    self.at_query(percent / 100)
                self.estimate()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
