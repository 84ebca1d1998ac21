"""A few parsing processes, shared fairly between accounts, each call with a deadline."""

import asyncio
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from entrepot.errors import EntrepotError, SchemaTooCostly, TooManySchemas
from entrepot.http.limits.fair_slots import FairSlots
from entrepot.http.parsing.process import LENGTH_BYTES
from entrepot_client.counts import counted

P = ParamSpec("P")
R = TypeVar("R")

PROCESSES = 2
"""An account has one of them at most, so that its schemas wait for each other, not others'."""
SHORT_CHARS = 2_000
"""A text that is parsed where it is: measured, parsing takes up to 2 us for each character."""
WAIT_SECONDS = 60.0
READ_BYTES = 1 << 20
NOBODY = UUID(int=0)


class Parser:
    """Calls functions of `schemas` in processes, which start when they are first needed."""

    def __init__(self, max_per_account: int, seconds: float) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(PROCESSES, "parsers")
        self._processes = threading.local()
        self._slots = FairSlots(
            PROCESSES, max_per_account, WAIT_SECONDS, TooManySchemas, _refuse_wait
        )

    async def run(
        self,
        account_id: UUID | None,
        size: int,
        function: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """What `function`, a module's own one, returns or raises for `size` characters in all.

        Raises TooManySchemas, and SchemaTooCostly after the deadline.
        """
        assert not kwargs
        if size <= SHORT_CHARS:
            return function(*args, **kwargs)
        loop = asyncio.get_running_loop()
        async with self._slots.slot(account_id or NOBODY):
            result: R = await loop.run_in_executor(self._threads, self._call, function, args)
            return result

    def close(self) -> None:
        """End the processes, which end with the threads that started them."""
        self._threads.shutdown(wait=True)

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        process: ParsingProcess | None = getattr(self._processes, "current", None)
        if process is None or not process.is_alive():
            process = self._processes.current = ParsingProcess()
        try:
            is_result, value = process.call(function, args, self._seconds)
        except BaseException:
            process.end()
            raise
        if not is_result:
            raise value
        return value


class ParsingProcess:
    """One process; one thread uses it, and starts it: it ends with that thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "entrepot.http.parsing.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={},
        )

    def is_alive(self) -> bool:
        """Whether it can take another request."""
        return self._process.poll() is None

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float
    ) -> tuple[bool, Any]:
        """Whether it returned, and what it returned or raised. Raises SchemaTooCostly."""
        assert self._process.stdin is not None
        deadline = time.monotonic() + seconds
        request = pickle.dumps((function, args))
        try:
            data = memoryview(len(request).to_bytes(LENGTH_BYTES) + request)
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
            header = self._read(LENGTH_BYTES, deadline, seconds)
            answer = self._read(int.from_bytes(header), deadline, seconds)
        except BrokenPipeError:
            raise SchemaTooCostly(bound="the memory of a process") from None
        # Of our own process, which ran nothing of what it was given.
        outcome: tuple[bool, Any] = pickle.loads(answer)  # noqa: S301
        return outcome

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self, count: int, deadline: float, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        received = bytearray()
        while len(received) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise SchemaTooCostly(bound=f"{counted(seconds, 'second')}")
            piece = os.read(descriptor, min(READ_BYTES, count - len(received)))
            if not piece:
                raise BrokenPipeError
            received += piece
        return bytes(received)


def _refuse_wait() -> EntrepotError:
    return TooManySchemas(limit=PROCESSES)
