"""Receive PostgreSQL's notifications of changes, in the event loop, by one connection."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

import structlog

from entrepot.http.follow.state_watch import StateWatch
from entrepot.tasks.changes import CHANNEL, read_changes
from entrepot.tasks.notify import connect_listening

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 2.0
"""Before another connection is tried."""


class ChangeListener:
    """Passes what is notified to the watches, until it is closed. It connects in one of the
    `threads`."""

    def __init__(self, url: str, watches: Iterable[StateWatch], threads: Executor) -> None:
        self._url = url
        self._watches = tuple(watches)
        self._threads = threads
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen. While it does not succeed, the watches look themselves."""
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connecting = loop.run_in_executor(
                    self._threads, connect_listening, self._url, CHANNEL
                )
                conn = await connecting
            except Exception as error:
                if type(error).__name__ != "OperationalError":  # psycopg is loaded for this alone
                    log.exception("changes are not listened to; trying again")
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            try:
                await self._receive(conn)
            finally:
                conn.close()

    async def _receive(self, conn: Any) -> None:
        """Receive until the connection is lost."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        descriptor = conn.fileno()  # a lost connection has none
        loop.add_reader(descriptor, self._read, conn, lost)
        for watch in self._watches:
            watch.set_notified(True)
        try:
            await lost
        finally:
            loop.remove_reader(descriptor)
            for watch in self._watches:
                watch.set_notified(False)

    def _read(self, conn: Any, lost: "asyncio.Future[None]") -> None:
        try:
            conn.pgconn.consume_input()
            while (notification := conn.pgconn.notifies()) is not None:
                for row_id, has_ended in read_changes(notification.extra).items():
                    for watch in self._watches:
                        watch.note_change(row_id, has_ended)
        except Exception as error:
            if not lost.done():
                log.warning("notifications of changes have ended", reason=str(error))
                lost.set_result(None)
