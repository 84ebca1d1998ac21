"""Download a file's bytes: resumed after a break, verified, and put in place in one step.

During the download, `NAME` is `NAME.part`, and `NAME.part.json` stores to which representation
(file and ETag) its bytes belong. A part is continued with `Range` and `If-Range` (RFC 9110), so
that bytes of two versions never mix. The whole is compared with the server's `Repr-Digest` (RFC
9530) before it gets its name.
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
from urllib.parse import quote

from entrepot_client.connections import HttpAnswer, OpenAnswer
from entrepot_client.endpoint import API
from entrepot_client.errors import (
    BadAnswer,
    DownloadCorrupted,
    ProblemError,
    RemoteFileChanged,
    ServerFailed,
    TargetExists,
    Unreachable,
)
from entrepot_client.paths import with_query
from entrepot_client.transfers.filenames import name_from_disposition, safe_name
from entrepot_client.transfers.part_file import PartFile
from entrepot_client.transfers.upload import ProgressCallback
from entrepot_client.transport import NOT_READY, Transport

T = TypeVar("T")

MAX_PAUSE_SECONDS = 60.0
"""The longest pause between two requests for a format that the server is making."""
_SHA256 = re.compile(r"(?:^|[,\s])sha-256=:([A-Za-z0-9+/=]+):")
_RANGE_START = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
# Bytes as they are stored: length, range and digest refer to those.
_IDENTITY_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class DownloadResult:
    """The result of a download: bytes in total, their SHA-256 in hex, and their path.

    `version` is None if the server did not name it. `path` is None for a stream. `resumed_from` is
    the number of bytes that an earlier run had left. `verified` is False if the server gave no
    digest to compare with.
    """

    path: Path | None
    version: int | None
    size: int
    sha256: str
    resumed_from: int
    verified: bool


@dataclass(frozen=True)
class _Representation:
    """The representation that a response describes. `size` in bytes, `digest` SHA-256 in hex."""

    etag: str | None
    size: int | None
    digest: str | None
    name: str | None
    version: int | None


class _ByteSink(Protocol):
    """A destination for bytes. `received` counts its bytes of the representation `etag`."""

    received: int
    etag: str | None

    def begin(self, etag: str | None) -> None:
        """Start over with the bytes of another representation."""

    def write(self, block: bytes) -> None:
        """Take the next bytes."""


@dataclass(frozen=True)
class DownloadRequest:
    """Which bytes of a file: by default those of the newest version as delivered.

    `form` is csv, jsonl, parquet or arrow, None for the bytes as delivered. `on_wait` is called
    with the seconds before each pause in which the server makes the format.
    """

    file_id: str
    version: int | None = None
    form: str | None = None
    on_wait: Callable[[float], None] | None = None

    @property
    def path(self) -> str:
        """The API path of the bytes; a file id cannot lead to another path."""
        parameters = {"version": self.version, "format": self.form}
        return with_query(f"{API}/file/download/{quote(self.file_id, safe='')}", parameters)

    def wait_for_format(self, request: Callable[[], T]) -> T:
        """Call `request` until the format exists, with the pauses that the server asks for."""
        while True:
            try:
                return request()
            except ServerFailed as problem:
                if problem.code != NOT_READY:
                    raise
                pause = min(problem.retry_after or 1.0, MAX_PAUSE_SECONDS)
            if self.on_wait is not None:
                self.on_wait(pause)
            time.sleep(pause)


def download_file(
    transport: Transport,
    request: DownloadRequest,
    target: Path,
    overwrite: bool,
    progress: ProgressCallback | None,
) -> DownloadResult:
    """Fetch to a file; see `Client.download`."""
    path, file_id = request.path, request.file_id
    head = request.wait_for_format(lambda: _head(transport, path))
    if target.is_dir():
        target = target / safe_name(head.name, fallback=file_id)
    if target.exists() and not overwrite:
        raise TargetExists(target)
    with PartFile(target, file_id, head.etag) as part:
        resumed_from = part.received
        representation = head
        if head.size is None or part.received != head.size or part.etag is None:
            representation = _receive(transport, path, part, progress)
        verified = _verify(part.digest.hexdigest(), representation, on_mismatch=part.discard)
        part.publish(overwrite)
        return DownloadResult(
            target,
            representation.version,
            part.received,
            part.digest.hexdigest(),
            resumed_from,
            verified,
        )


def download_to_stream(
    transport: Transport,
    request: DownloadRequest,
    stream: BinaryIO,
    progress: ProgressCallback | None,
) -> DownloadResult:
    """Fetch to a stream that cannot go back; see `Client.download_to`."""
    sink = _StreamSink(stream)
    representation = request.wait_for_format(
        lambda: _receive(transport, request.path, sink, progress)
    )
    stream.flush()
    digest = sink.digest.hexdigest()
    verified = _verify(digest, representation, on_mismatch=lambda: None)
    return DownloadResult(None, representation.version, sink.received, digest, 0, verified)


def fetch_range(transport: Transport, request: DownloadRequest, start: int, end: int) -> bytes:
    """The bytes from `start` to before `end`; see `Client.read_range`."""
    headers = {**_IDENTITY_HEADERS, "Range": f"bytes={start}-{end - 1}"}
    answer = transport.retry(lambda: transport.request("GET", request.path, headers=headers))
    if answer.status_code == 200:  # a proxy may take the range away
        return answer.content[start:end]
    if _range_start(answer) != start:
        raise BadAnswer(transport.endpoint, "it sent another range than the one asked for.")
    return answer.content


def _head(transport: Transport, path: str) -> _Representation:
    def by_get() -> _Representation:
        # A response to HEAD has no body. GET gives the same problem with its explanation.
        with transport.stream(path, _IDENTITY_HEADERS) as response:
            return _representation(response)

    def attempt() -> _Representation:
        try:
            return _representation(transport.request("HEAD", path, headers=_IDENTITY_HEADERS))
        except ServerFailed:  # which may be a format that is being made
            return by_get()

    try:
        return transport.retry(attempt)
    except ProblemError as problem:
        if problem.code:
            raise
        return by_get()


def _receive(
    transport: Transport, path: str, sink: _ByteSink, progress: ProgressCallback | None
) -> _Representation:
    """Fill the sink. Every attempt that brings bytes resets the count of retries."""
    while True:
        representation = transport.retry(lambda: _attempt(transport, path, sink, progress))
        if representation is not None:
            return representation


def _attempt(
    transport: Transport, path: str, sink: _ByteSink, progress: ProgressCallback | None
) -> _Representation | None:
    """Receive up to the end and return the representation; None if the connection broke after some
    bytes."""
    received_before = sink.received
    headers = dict(_IDENTITY_HEADERS)
    if received_before and sink.etag is not None:
        headers |= {"Range": f"bytes={received_before}-", "If-Range": sink.etag}
    try:
        with transport.stream(path, headers) as response:
            representation = _representation(response)
            if response.status_code != 206:
                sink.begin(representation.etag)
            elif _range_start(response) != sink.received:
                raise BadAnswer(transport.endpoint, "it sent another range than the one asked for.")
            # Blocks as they arrive: with a fixed size, a break would lose the incomplete block.
            for block in response.blocks():
                sink.write(block)
                if progress is not None:
                    progress(sink.received, representation.size)
            return representation
    except ProblemError as problem:
        if problem.status != 416:
            raise
        sink.begin(None)
        return None
    except Unreachable:
        if sink.received > received_before:
            return None
        raise


def _range_start(response: HttpAnswer | OpenAnswer) -> int | None:
    match = _RANGE_START.fullmatch(response.headers.get("content-range") or "")
    return int(match[1]) if match else None


def _representation(response: HttpAnswer | OpenAnswer) -> _Representation:
    headers = response.headers
    size = headers.get("content-length")
    if response.status_code == 206:
        size = (headers.get("content-range") or "").rpartition("/")[2]
    redirect_headers = response.redirect_headers if isinstance(response, OpenAnswer) else None
    if redirect_headers is not None and "repr-digest" in redirect_headers:
        # The bytes come from the server's store, which has another ETag and no digest.
        headers = redirect_headers
    etag = headers.get("etag")
    version = headers.get("entrepot-version")
    return _Representation(
        # Only a strong validator may continue a range.
        etag=etag if etag and not etag.startswith("W/") else None,
        size=int(size) if size and size.isdigit() else None,
        digest=_parse_digest(headers.get("repr-digest") or ""),
        name=name_from_disposition(headers.get("content-disposition")),
        version=int(version) if version and version.isdigit() else None,
    )


def _parse_digest(header: str) -> str | None:
    match = _SHA256.search(header)
    try:
        return base64.b64decode(match[1], validate=True).hex() if match else None
    except binascii.Error:
        return None


def _verify(
    actual_digest: str, representation: _Representation, on_mismatch: Callable[[], None]
) -> bool:
    if representation.digest is None:
        return False
    if representation.digest != actual_digest:
        on_mismatch()
        raise DownloadCorrupted(expected=representation.digest, actual=actual_digest)
    return True


class _StreamSink:
    """Bytes that cannot be taken back once written: a new representation cannot replace them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.received = 0
        self.etag: str | None = None
        self.digest = hashlib.sha256()
        self._stream = stream

    def begin(self, etag: str | None) -> None:
        if self.received:
            raise RemoteFileChanged(self.received)
        self.etag = etag

    def write(self, block: bytes) -> None:
        self._stream.write(block)
        self.digest.update(block)
        self.received += len(block)
