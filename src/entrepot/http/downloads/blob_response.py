"""The ASGI side of a download: bytes from a store to the client, no faster than it takes them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import Protocol

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from entrepot.blobs import BlobId, BlobStore
from entrepot.errors import BlobMissing, EntrepotError
from entrepot.http.downloads.ranges import Span
from entrepot.http.limits.answer_memory import large_answer, unread_bytes
from entrepot.http.limits.blocks import SMALL_BYTES, block_bytes, wait_until_taken
from entrepot.http.raw_headers import RawHeaders
from entrepot.http.runtime import Runtime

MAX_IN_MEMORY_BYTES = 256 * 1024
"""Bytes up to which a file is sent from memory if it lies in the page cache."""


MAX_PATHSEND_BYTES = 16 * 1024 * 1024
"""Bytes up to which the server sends a whole file by itself. It costs no memory here, but at
1 GiB it is slower than our own blocks (0.57 of nginx's rate against 0.91)."""


CHECK_SECONDS = 1.0
"""Seconds after which a body that is being sent asks again whether its client may have it."""

CheckAccess = Callable[[], Awaitable[timedelta | None]]
"""How long the key or link of the reader is still valid (None: without an end). Raises what ends
a read that is under way."""


@dataclass(frozen=True)
class BlobPart:
    """A piece of a body: the bytes `prefix`, then that `span` of the blob, if any."""

    prefix: bytes
    span: Span | None

    def __len__(self) -> int:
        return len(self.prefix) + (len(self.span) if self.span else 0)


class ReadRecorder(Protocol):
    """Takes note of what is sent, right before it is: a client that goes then may have had it."""

    def record_all(self, size: int) -> None:
        """All of the blob at once."""
        ...

    def record_part(self, size: int) -> None:
        """A part of it, or the beginning of what comes in blocks."""
        ...

    def record_more(self, size: int) -> None:
        """A further block."""
        ...

    def record_abort(self) -> None:
        """The client has gone before the end."""
        ...


@dataclass(slots=True)
class KeptBytes:
    """All bytes of a small blob once they were sent, for as long as this object is kept.

    They count by `take_bytes`, which says whether there is room for so many.
    """

    take_bytes: Callable[[int], bool]
    body: bytes | None = None

    def keep(self, body: bytes) -> None:
        """Have them sent from memory the next time."""
        if self.body is None and self.take_bytes(len(body)):
            self.body = body


class BlobResponse(Response):
    """A response whose body is made of a blob's bytes, opened when it is sent.

    Raises `BlobMissing`, before any header is out, when the blob is not there or does not have
    `size` bytes, and what `large_answer` raises where it takes a while.
    A body that breaks off later ends the connection, so that the client sees fewer bytes than
    Content-Length announced.
    """

    def __init__(
        self,
        status_code: int,
        headers: RawHeaders,
        *,
        blob: BlobStore,
        blob_id: BlobId,
        size: int,
        parts: tuple[BlobPart, ...],
    ) -> None:
        self.status_code = status_code
        self.background = None
        self.body = b""
        self._blob = blob
        self._blob_id = blob_id
        self._size = size
        self._parts = parts
        self.recorder: ReadRecorder | None = None
        self.kept_bytes: KeptBytes | None = None
        self.check_access: CheckAccess | None = None
        self.raw_headers = [*headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it: from memory, by the server itself where it offers to, or in blocks."""
        try:
            await self._send_blob(scope, receive, send)
        except BlobMissing:
            if self.check_access is not None:
                await self.check_access()  # says so if the version was purged since the look-up
            raise
        if self.background is not None:
            await self.background()

    async def _send_blob(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        kept_bytes = self.kept_bytes if self._is_whole() else None
        if kept_bytes is not None and kept_bytes.body is not None:
            await self._send_body(start, kept_bytes.body, send)
            return
        file = self._whole_file(scope)
        body = b"" if not self._parts else _small_and_cached(file, self._size) if file else None
        if body is None and not file and sum(map(len, self._parts)) <= SMALL_BYTES:
            # One call, one message: 2,150 a second of 64 KiB, 32 at once; 1,600 streamed.
            body = await asyncio.to_thread(lambda: b"".join(self._body(SMALL_BYTES, self._parts)))
        if body is not None:
            if kept_bytes is not None:
                kept_bytes.keep(body)
            await self._send_body(start, body, send)
        elif file is not None and self._size <= MAX_PATHSEND_BYTES:
            self._require_size(file)
            self._record_all()
            await send(start)
            await send({"type": "http.response.pathsend", "path": str(file)})
        else:
            runtime: Runtime = scope["app"].state.runtime
            size = block_bytes(runtime.downloads.total + 1)
            with large_answer(runtime.answer_memory, scope, unread_bytes(size)):
                await self._stream(start, receive, send, size)

    async def _send_body(self, start: Message, body: bytes, send: Send) -> None:
        self._record_all()
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _record_all(self) -> None:
        """Record what is sent at once: the whole blob, or ranges of it."""
        if self.recorder is not None:
            sent = sum(len(part.span) for part in self._parts if part.span is not None)
            record = (
                self.recorder.record_part if self.status_code == 206 else self.recorder.record_all
            )
            record(sent)

    def _whole_file(self, scope: Scope) -> Path | None:
        """The file that is exactly the body, if the server sends files by itself.

        A single range over all of it, as resuming clients ask for first, is such a body too.
        """
        if "http.response.pathsend" in scope.get("extensions", {}) and self._is_whole():
            return self._blob.path(self._blob_id)
        return None

    def _is_whole(self) -> bool:
        if len(self._parts) != 1:
            return False
        part = self._parts[0]
        return not part.prefix and part.span is not None and len(part.span) == self._size

    def _require_size(self, file: Path) -> None:
        """Raise BlobMissing unless the file is there as it should be.

        Looked at in the event loop: one stat costs less than a call in a thread. Should the file
        go between this look and the server's own opening, Granian answers a bare 404.
        """
        try:
            size = file.stat().st_size
        except OSError as error:
            self._blob.stat(self._blob_id)  # raises `StoreUnavailable` where the store is gone
            raise BlobMissing(blob_id=self._blob_id) from error
        if size != self._size:
            raise BlobMissing(blob_id=self._blob_id)

    async def _stream(self, start: Message, receive: Receive, send: Send, size: int) -> None:
        # A server need not tell through `send` that the client has gone: Granian does not.
        disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
        clock = asyncio.get_running_loop().time
        check_at = clock() + CHECK_SECONDS
        try:
            async with aclosing(self._blocks(size)) as blocks:
                async for block in blocks:
                    is_due, access_ended = clock() > check_at, False
                    if is_due:
                        access_ended = await self._has_access_ended()
                        check_at = clock() + CHECK_SECONDS
                    if disconnected.done() or access_ended:
                        if self.recorder is not None:
                            self.recorder.record_abort()
                        return
                    if self.recorder is not None:
                        (self.recorder.record_part if start else self.recorder.record_more)(
                            len(block)
                        )
                    if start:
                        await send(start)
                        start = {}
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await wait_until_taken(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            disconnected.cancel()

    async def _has_access_ended(self) -> bool:
        """Whether the client may have no more of it: the right ended, or the version is gone."""
        if self.check_access is None:
            return False
        try:
            await self.check_access()
        except EntrepotError:
            return True
        return False

    async def _blocks(self, size: int) -> AsyncGenerator[bytes | bytearray, None]:
        """The body in blocks of about `size` bytes. Raises `BlobMissing` where bytes are missing.

        One span of a local file is read in the event loop as long as it lies in the page cache: it
        takes less than a call in a thread for each block (a quarter of a download's CPU).
        """
        parts = self._parts
        file = self._blob.path(self._blob_id)
        if file is not None and len(parts) == 1 and parts[0].span and not parts[0].prefix:
            start, stop = parts[0].span.start, parts[0].span.stop
            # To open it may wait for a mount, which to read what is cached does not.
            opened = await asyncio.to_thread(_open_file, file, self._size)
            with opened or nullcontext():
                while opened and start < stop:
                    block = bytearray(min(size, stop - start))
                    if not _read_cached(opened, start, block):
                        break
                    start += len(block)
                    yield block
            if start == stop:
                return
            parts = (BlobPart(b"", Span(start, stop)),)
        async with aclosing(_read_ahead(_join(self._body(size, parts), size))) as blocks:
            async for each in blocks:
                yield each

    def _body(self, size: int, parts: tuple[BlobPart, ...]) -> Iterator[bytes]:
        """These parts, read as they are asked for in blocks of at most `size` bytes. Raises
        `BlobMissing` where bytes are missing."""
        for part in parts:
            blocks = self._open(part.span, size) if part.span is not None else ()
            if part.prefix:
                yield part.prefix
            if part.span is not None:
                missing = len(part.span)
                for block in blocks:
                    missing -= len(block)
                    yield block
                if missing:
                    raise BlobMissing(blob_id=self._blob_id)

    def _open(self, span: Span, size: int) -> Iterator[bytes]:
        return self._blob.read(self._blob_id, span.start, span.stop, size, self._size)


def _small_and_cached(file: Path, size: int) -> bytes | None:
    """A small file's bytes if they lie in the page cache: the server's own sending of a file costs
    two calls in its threads."""
    opened = _open_file(file, size) if size <= MAX_IN_MEMORY_BYTES else None
    if opened is None:
        return None
    body = bytearray(size)
    with opened:
        return bytes(body) if _read_cached(opened, 0, body) else None


def _open_file(file: Path, size: int) -> FileIO | None:
    """A file that has `size` bytes, or None: whoever looks next says why."""
    try:
        opened = FileIO(file)
    except OSError:
        return None
    if os.fstat(opened.fileno()).st_size == size:
        return opened
    opened.close()
    return None


def _read_cached(file: FileIO, start: int, block: bytearray) -> bool:
    """Fill `block` with the bytes of a file from `start` on if they lie in the page cache; False
    where reading might wait for a disk. `RWF_NOWAIT` (preadv2(2), Linux) never waits, so that the
    event loop may do it."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return os.preadv(file.fileno(), [block], start, os.RWF_NOWAIT) == len(block)
    except OSError:  # not in the cache, or a file system that cannot tell
        return False


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _join(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Join small pieces, as many ranges in one answer have, to blocks of less than twice `size`."""
    block: list[bytes] = []
    for piece in pieces:
        block.append(piece)
        if sum(map(len, block)) >= size:
            yield b"".join(block)
            block = []
    if block:
        yield b"".join(block)


async def _read_ahead(blocks: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The blocks, each read by a thread while the one before it is being sent.

    When the reader goes away a read that is under way is left to finish by itself; the
    iterator is closed as its last holder lets go of it.
    """
    loop = asyncio.get_running_loop()
    ahead = loop.run_in_executor(None, next, blocks, None)
    while (block := await asyncio.shield(ahead)) is not None:
        ahead = loop.run_in_executor(None, next, blocks, None)
        yield block
