"""Processes that read pages of rows: how many run at once, and for whom."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog

from entrepot.bootstrap.parts import Parts
from entrepot.bootstrap.workers import build_preview_pool
from entrepot.errors import PreviewUnavailable, TooManyPreviews
from entrepot.http.limits.fair_slots import FairSlots
from entrepot.inspection.results import InspectionFailed, Preview, PreviewRequest

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 2
"""A child that was killed from outside says nothing of the request."""


class Previewer:
    """Makes previews, each in a process of its own, a bounded number at once; one for the app.

    What the processes are forked from is loaded when the first preview is wanted, and stays: it
    holds some 100 MB, which a server that nobody looks into has better uses for.
    """

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._pool = build_preview_pool(parts)
        self._start_lock = threading.Lock()
        self._started = False
        self._threads = ThreadPoolExecutor(settings.previews_at_once, "previews")
        self._slots = FairSlots(
            settings.previews_at_once,
            settings.previews_per_account,
            settings.preview_seconds,
            TooManyPreviews,
            PreviewUnavailable,
        )

    async def page(self, account_id: UUID, request: PreviewRequest) -> Preview:
        """One page. Raises TooManyPreviews, PreviewTooCostly and PreviewUnavailable."""
        loop = asyncio.get_running_loop()
        async with self._slots.slot(account_id):
            return await loop.run_in_executor(self._threads, self._run, request)

    def close(self) -> None:
        """End all previews and what they are forked from."""
        self._pool.close()
        self._threads.shutdown(wait=True)

    def _run(self, request: PreviewRequest) -> Preview:
        for _ in range(MAX_ATTEMPTS):
            try:
                self._start()
                return self._pool.preview(request)
            except InspectionFailed as failure:
                log.warning("a preview failed", reason=str(failure))
        raise PreviewUnavailable

    def _start(self) -> None:
        with self._start_lock:
            if not self._started:
                self._pool.start()
                self._started = True
