"""Fetch a file's bytes: resumed where they broke off, verified, and put in place in one step.

While it comes in, `NAME` is `NAME.part`, and `NAME.part.json` beside it says which
representation (file and ETag) its bytes belong to. A part is continued with `Range` and
`If-Range` (RFC 9110), so that bytes of two versions never mix. The whole is compared with the
server's `Repr-Digest` (RFC 9530) before it gets its name.
"""

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar
from urllib.parse import quote, urlencode

import httpx2

from entrepot_client.endpoint import API
from entrepot_client.errors import (
    BadAnswer,
    Conflict,
    DigestMismatch,
    Problem,
    SourceChanged,
    TargetExists,
)
from entrepot_client.filenames import name_from_disposition, safe_name
from entrepot_client.part_file import PartFile
from entrepot_client.transport import Transport
from entrepot_client.upload import Progress

T = TypeVar("T")

LONGEST_PAUSE = 60.0
"""Seconds between two looks at whether the server has made a form."""
_SHA256 = re.compile(r"(?:^|[,\s])sha-256=:([A-Za-z0-9+/=]+):")
_RANGE_START = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
# Bytes as they are stored: a length, a range and a digest speak of nothing else.
_PLAIN = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Downloaded:
    """What a download brought: bytes in all, their SHA-256 in hex, and where they are.

    `path` is None for a stream. `resumed_from` is the bytes that an earlier run had left.
    `verified` is False when the server gave no digest to compare with.
    """

    path: Path | None
    size: int
    sha256: str
    resumed_from: int
    verified: bool


@dataclass(frozen=True)
class _Representation:
    """Which bytes an answer speaks of. `size` in bytes, `digest` SHA-256 in hex."""

    etag: str | None
    size: int | None
    digest: str | None
    name: str | None


class _Sink(Protocol):
    """Where bytes go. `received` counts those that it holds of the representation `etag`."""

    received: int
    etag: str | None

    def begin(self, etag: str | None) -> None:
        """Start over with the bytes of another representation."""

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""


@dataclass(frozen=True)
class DownloadRequest:
    """Which bytes of a file: by default those delivered last. `form` is csv, jsonl, parquet or
    arrow, None for the bytes as they were delivered; `on_wait` is called with the seconds before
    each pause in which the server makes the form."""

    file_id: str
    version: int | None = None
    form: str | None = None
    on_wait: Callable[[float], None] | None = None

    @property
    def path(self) -> str:
        """The API path of the bytes; an id from outside cannot reach another path."""
        asked = {"version": self.version, "format": self.form}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        path = f"{API}/file/download/{quote(self.file_id, safe='')}"
        return f"{path}?{query}" if query else path

    def once_made(self, act: Callable[[], T]) -> T:
        """Call `act` until the form is there, with the pauses that the server asks for."""
        while True:
            try:
                return act()
            except Conflict as problem:
                if problem.code != "derivative-pending":
                    raise
                pause = min(problem.retry_after or 1.0, LONGEST_PAUSE)
            if self.on_wait is not None:
                self.on_wait(pause)
            time.sleep(pause)


def download_file(
    transport: Transport,
    wanted: DownloadRequest,
    target: Path,
    overwrite: bool,
    progress: Progress | None,
) -> Downloaded:
    """Fetch to a file; see `Client.download`."""
    path, file_id = wanted.path, wanted.file_id
    head = wanted.once_made(lambda: _head(transport, path))
    if target.is_dir():
        target = target / safe_name(head.name, fallback=file_id)
    if target.exists() and not overwrite:
        raise TargetExists(target)
    with PartFile(target, file_id, head.etag) as part:
        resumed_from = part.received
        whole = head
        if head.size is None or part.received != head.size or part.etag is None:
            whole = _receive(transport, path, part, progress)
        verified = _verify(part.digest.hexdigest(), whole, on_mismatch=part.discard)
        part.publish(overwrite)
        return Downloaded(target, part.received, part.digest.hexdigest(), resumed_from, verified)


def download_to_stream(
    transport: Transport, wanted: DownloadRequest, stream: BinaryIO, progress: Progress | None
) -> Downloaded:
    """Fetch to a stream that cannot go back; see `Client.download_to`."""
    sink = _StreamSink(stream)
    whole = wanted.once_made(lambda: _receive(transport, wanted.path, sink, progress))
    stream.flush()
    digest = sink.digest.hexdigest()
    verified = _verify(digest, whole, on_mismatch=lambda: None)
    return Downloaded(None, sink.received, digest, 0, verified)


def _head(transport: Transport, path: str) -> _Representation:
    try:
        answer = transport.retrying(lambda: transport.request("HEAD", path, headers=_PLAIN))
    except Problem:
        # An answer to HEAD explains nothing. GET gives the same refusal in words.
        with transport.stream(path, _PLAIN) as response:
            return _representation(response)
    return _representation(answer)


def _receive(
    transport: Transport, path: str, sink: _Sink, progress: Progress | None
) -> _Representation:
    """Fill the sink. Every attempt that brings bytes starts the patience of retries anew."""
    while True:
        whole = transport.retrying(lambda: _attempt(transport, path, sink, progress))
        if whole is not None:
            return whole


def _attempt(
    transport: Transport, path: str, sink: _Sink, progress: Progress | None
) -> _Representation | None:
    """Receive until the end (and say of what) or until it breaks after some bytes (None)."""
    had = sink.received
    headers = dict(_PLAIN)
    if had and sink.etag is not None:
        headers |= {"Range": f"bytes={had}-", "If-Range": sink.etag}
    try:
        with transport.stream(path, headers) as response:
            whole = _representation(response)
            if response.status_code != 206:
                sink.begin(whole.etag)
            elif _start_of(response) != sink.received:
                raise BadAnswer(transport.endpoint, "it sent another range than the one asked for.")
            # Pieces as they come: a size asked for would hold bytes back that a break loses.
            for piece in response.iter_raw():
                sink.write(piece)
                if progress is not None:
                    progress(sink.received, whole.size)
            return whole
    except Problem as problem:
        if problem.status != 416:
            raise
        sink.begin(None)
        return None
    except httpx2.TransportError as error:
        if sink.received > had:
            return None
        raise transport.unreachable(error) from error


def _start_of(response: httpx2.Response) -> int | None:
    match = _RANGE_START.fullmatch(response.headers.get("content-range", ""))
    return int(match[1]) if match else None


def _representation(response: httpx2.Response) -> _Representation:
    headers = response.headers
    etag = headers.get("etag")
    size = headers.get("content-length")
    if response.status_code == 206:
        size = headers.get("content-range", "").rpartition("/")[2]
    return _Representation(
        # Only a strong validator may continue a range.
        etag=etag if etag and not etag.startswith("W/") else None,
        size=int(size) if size and size.isdigit() else None,
        digest=_digest_in(headers.get("repr-digest", "")),
        name=name_from_disposition(headers.get("content-disposition")),
    )


def _digest_in(header: str) -> str | None:
    match = _SHA256.search(header)
    try:
        return base64.b64decode(match[1], validate=True).hex() if match else None
    except binascii.Error:
        return None


def _verify(actual: str, whole: _Representation, on_mismatch: Callable[[], None]) -> bool:
    if whole.digest is None:
        return False
    if whole.digest != actual:
        on_mismatch()
        raise DigestMismatch(expected=whole.digest, actual=actual)
    return True


class _StreamSink:
    """Bytes that are gone once written: a new representation cannot replace them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.received = 0
        self.etag: str | None = None
        self.digest = hashlib.sha256()
        self._stream = stream

    def begin(self, etag: str | None) -> None:
        if self.received:
            raise SourceChanged(self.received)
        self.etag = etag

    def write(self, piece: bytes) -> None:
        self._stream.write(piece)
        self.digest.update(piece)
        self.received += len(piece)
