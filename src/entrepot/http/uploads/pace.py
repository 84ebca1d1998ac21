"""How slowly a client may send a body: with pauses that end, and no slower than a least rate.

Only the time that is spent waiting for the client counts, not the time that this server takes to
store what came.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from entrepot.errors import BodyTooSlow
from entrepot.settings import Settings


@dataclass
class BodyPace:
    """The time that one body has left.

    `pause_seconds`: a pause of the client, and the time that it may take beyond its bytes at
    `min_bytes_per_second`. Without such a rate `pause_seconds` is the time for the whole body.
    """

    pause_seconds: float
    min_bytes_per_second: float | None = None
    waited_seconds: float = 0.0
    received_bytes: int = 0

    @property
    def seconds_left(self) -> float:
        """Until the next chunk has to be there."""
        earned = 0.0
        if self.min_bytes_per_second is not None:
            earned = self.received_bytes / self.min_bytes_per_second
        return min(self.pause_seconds, self.pause_seconds + earned - self.waited_seconds)

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[asyncio.Timeout]:
        """Wait for the next chunk within the block. Raises BodyTooSlow when its time is over."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(max(0.0, self.seconds_left)) as timeout:
                yield timeout
        except TimeoutError:
            raise BodyTooSlow(
                seconds=round(self.waited_seconds + clock() - started, 1),
                received=self.received_bytes,
            ) from None
        finally:
            self.waited_seconds += clock() - started

    def note(self, chunk: bytes) -> None:
        """Count what came."""
        self.received_bytes += len(chunk)


def upload_pace(settings: Settings) -> BodyPace:
    """The pace of a body with a file."""
    return BodyPace(settings.body_timeout, settings.body_rate)


def small_body_pace(settings: Settings) -> BodyPace:
    """The pace of any other body, which has one deadline for the whole."""
    return BodyPace(settings.body_timeout)
