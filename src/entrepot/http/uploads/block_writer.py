"""Collect bytes that arrive into blocks, and write each in a thread while the next one arrives."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

BLOCK = 1024 * 1024
"""Bytes that are collected before they are written."""


class BlockWriter:
    """The blocks of one upload: `add` bytes, `flush` what was collected, `wait` for its writing.

    One block is written at a time, in one of the `threads`. Used by the event loop's thread alone.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._pieces: list[memoryview | bytes] = []
        self._collected = 0
        self._written: asyncio.Future[None] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is collected."""
        return not self._pieces

    @property
    def full(self) -> bool:
        """Whether what is collected is to be flushed."""
        return self._collected >= BLOCK

    def add(self, data: memoryview | bytes) -> None:
        """Collect the next bytes, which stay as they are until they are written."""
        self._pieces.append(data)
        self._collected += len(data)

    async def flush(self, write: Callable[[bytes], None]) -> None:
        """Begin to `write` what was collected, once the block before it is written.

        Raises what the writing of that one raised.
        """
        if self.empty:
            return
        pieces, self._pieces, self._collected = self._pieces, [], 0
        # As bytes, which nobody can change: so the store hashes them beside its writing.
        is_bytes = len(pieces) == 1 and isinstance(pieces[0], bytes)
        block = bytes(pieces[0]) if is_bytes else b"".join(pieces)
        await self.wait()
        loop = asyncio.get_running_loop()
        self._written = loop.run_in_executor(self._threads, write, block)

    async def wait(self) -> None:
        """Until the last block is written. Raises what its writing raised, once."""
        if self._written is not None:
            # A thread continues although its waiter is canceled; then `settle` still waits for it.
            await asyncio.wait([self._written])
            written, self._written = self._written, None
            written.result()

    async def settle(self) -> None:
        """Until no block is being written, also after a failed one."""
        if self._written is not None:
            await asyncio.wait([self._written])
