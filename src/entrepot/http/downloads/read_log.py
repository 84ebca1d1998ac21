"""Note who reads what, and write what was noted within the second (`activity.reads`)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from entrepot.activity.reads import Read, ReadBuffer, ReadKind, has_ended_reads, write_reads
from entrepot.files.versions import PublishedVersion
from entrepot.http.deps import UnitOfWork
from entrepot.http.runtime import Runtime

WRITE_SECONDS = 0.8
"""Seconds. With the time of one transaction it is below the second that a crash may lose."""
CHECK_ROUNDS = 10
"""Rounds of `WRITE_SECONDS` after which somebody looks for reads that have ended."""


@dataclass(slots=True)
class RecordedRead:
    """What one request reads, for who sends it to say how much."""

    work: UnitOfWork
    buffer: ReadBuffer
    read: Read

    def record_all(self, size: int) -> None:
        """All of it, `size` bytes, in one go."""
        self._record("single", sent=size)

    def record_part(self, size: int) -> None:
        """`size` bytes of it, as a range or a page; or 0, and `record_more` tells of further
        ones."""
        self._record("open", sent=size)

    def record_more(self, size: int) -> None:
        """Further bytes of the same request."""
        self._record("open", sent=size, requests=0)

    def record_abort(self) -> None:
        """The client has gone before it had all of it."""
        self._record("open", requests=0, broken_off=True)

    def record_redirect(self) -> None:
        """Its address in the store; whether that is used, nobody here sees."""
        self._record("redirected")

    def _record(
        self, kind: ReadKind, *, sent: int = 0, requests: int = 1, broken_off: bool = False
    ) -> None:
        request_origin = self.work.request_origin
        self.buffer.add(
            self.read,
            request_origin.request_id if request_origin else "",
            self.work.parts.clock(),
            kind,
            sent_bytes=sent,
            requests=requests,
            broken_off=broken_off,
        )


def start_recorded_read(work: UnitOfWork, version: PublishedVersion) -> RecordedRead:
    """What a request reads of a version, by who may."""
    reader = version.reader
    read = Read(
        version.account_id,
        reader.user_id,
        reader.user_name,
        reader.key_id,
        work.request_origin.address if work.request_origin else "",
        version.file_id,
        version.number,
        version.form,
    )
    return RecordedRead(work, work.runtime.reads, read)


class ReadWriter:
    """Writes what is noted, from the app's start to its end."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the event loop runs."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write the last ones and end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._write()

    async def _run(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            rounds += 1
            # In a task of its own: the end of this one must not leave a batch between two chairs.
            await asyncio.shield(self._write(check_ended=rounds % CHECK_ROUNDS == 0))

    async def _write(self, check_ended: bool = False) -> None:
        runtime = self._runtime
        database, now = runtime.parts.database, runtime.parts.clock()
        batch = runtime.reads.drain()
        try:
            if batch or (
                check_ended
                and await runtime.run_in_database_thread(database.read, has_ended_reads, now)
            ):
                runtime.changes.lend_connection()
                await runtime.run_in_database_thread(
                    runtime.changes.write_uncounted, write_reads, batch, now
                )
        except Exception:
            runtime.reads.restore(batch)
            structlog.get_logger(__name__).exception("reads could not be recorded; trying again")
        finally:
            runtime.changes.return_connection()
