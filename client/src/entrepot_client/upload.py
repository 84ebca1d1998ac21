"""One delivery as a form: streamed from disk, hashed on the way, never whole in memory."""

import errno
import hashlib
import io
import json
import mimetypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from entrepot_client.endpoint import API
from entrepot_client.errors import BadAnswer, FileOverSizeLimit, LocalFileChanged
from entrepot_client.models import Delivery, ReadingOptions
from entrepot_client.resume import MIN_RESUMABLE_BYTES, ResumableUpload, UploadState
from entrepot_client.transport import Transport

ProgressCallback = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in total (None: unknown)."""

_MIN_DEFAULT_LIMIT_BYTES = 1_000_000
"""The smallest size limit that `push` chooses for a new file."""
_MAX_METADATA_BYTES = 8_000
"""Of the header Upload-Metadata: servers refuse heads of more than 8 to 16 KiB."""
# The server answers once the bytes are durable, which for a large file takes its disk a while.
_TIMEOUT = httpx2.Timeout(connect=10.0, read=600.0, write=120.0, pool=10.0)


class _HashingFile(io.FileIO):
    """A file that counts and hashes the bytes read from it, and reports its `progress`.

    A subclass of `io.FileIO`, not a wrapper: httpx2 gets the length from its descriptor and then
    reads it in blocks of 64 KiB, so the request has a Content-Length and bounded memory.
    """

    def __init__(self, path: Path, progress: ProgressCallback | None) -> None:
        super().__init__(path, "rb")
        stat = os.fstat(self.fileno())
        self.size = stat.st_size
        self.changed_at = stat.st_mtime_ns
        self.digest = hashlib.sha256()
        self._progress = progress
        self._done = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.digest.update(data)
        self._done += len(data)
        if data and self._progress is not None:
            self._progress(self._done, self.size)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if offset == 0 and whence == os.SEEK_SET:
            self.digest, self._done = hashlib.sha256(), 0
        position: int = super().seek(offset, whence)
        return position

    def finish(self) -> None:
        """Read the rest, only for the hash."""
        while self.read(1 << 20):
            pass

    def unchanged(self) -> bool:
        """Whether the file has the same size and time as when it was opened."""
        stat = os.fstat(self.fileno())
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.changed_at)


def default_size_limit(size: int) -> int:
    """The limit for a file defined without one: bytes, at least twice its size.

    The limit applies to every later version, so it leaves room to grow: the next of 1, 2 or 5 times
    a power of ten, and no less than 1 MB.
    """
    minimum = max(2 * size, _MIN_DEFAULT_LIMIT_BYTES)
    power: int = 10 ** (len(str(minimum)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= minimum)


def push_file(
    transport: Transport,
    path: Path,
    description: str | None,
    size_limit: int | None,
    enforce_schema: bool | Mapping[str, Any] | None,
    reading: ReadingOptions,
    progress: ProgressCallback | None,
    resume_in: Path | None = None,
) -> Delivery:
    """Define a file and upload its first version; see `Client.push`."""
    with _open(path, progress) as file:
        limit = default_size_limit(file.size) if size_limit is None else size_limit
        if file.size > limit:
            raise FileOverSizeLimit(size=file.size, limit=limit)
        fields = {"file_size_limit": str(limit), **reading.form_fields()}
        if description is not None:
            fields["file_description"] = description
        if enforce_schema is not None:
            fields["enforce_schema"] = json.dumps(enforce_schema, ensure_ascii=False)
        if resume_in is not None and _is_resumable(file, fields):
            return _send_resumable(transport, path, file, fields, resume_in)
        return _make_delivery(transport, file, _send(transport, "new", path, file, fields))


def deliver_file(
    transport: Transport,
    path: Path,
    file_id: str,
    reading: ReadingOptions,
    progress: ProgressCallback | None,
    resume_in: Path | None = None,
) -> Delivery:
    """Upload a new version of a file; see `Client.deliver`."""
    fields = reading.form_fields()
    with _open(path, progress) as file:
        if resume_in is not None and _is_resumable(file, fields):
            metadata = {"file_id": file_id, **fields}
            return _send_resumable(transport, path, file, metadata, resume_in)
        path_end = f"{quote(file_id, safe='')}/versions"
        return _make_delivery(transport, file, _send(transport, path_end, path, file, fields))


def validate_file(
    transport: Transport,
    path: Path,
    enforce_schema: bool | Mapping[str, Any] | None,
    file_id: str | None,
    reading: ReadingOptions,
    progress: ProgressCallback | None,
) -> Delivery:
    """Validate a file without storing it; see `Client.validate`."""
    with _open(path, progress) as file:
        fields = reading.form_fields()
        if file_id is not None:
            fields["file_id"] = file_id
        if enforce_schema is not None:
            fields["enforce_schema"] = json.dumps(enforce_schema, ensure_ascii=False)
        return _make_delivery(transport, file, _send(transport, "validate", path, file, fields))


def _is_resumable(file: _HashingFile, fields: Mapping[str, str]) -> bool:
    # A resumable upload sends the fields in a header, which proxies limit to some kilobytes.
    return (
        file.size >= MIN_RESUMABLE_BYTES and sum(map(len, fields.values())) <= _MAX_METADATA_BYTES
    )


def _send_resumable(
    transport: Transport, path: Path, file: _HashingFile, fields: dict[str, str], folder: Path
) -> Delivery:
    metadata = {"filename": path.name, **fields}
    state = UploadState.of(folder, transport.endpoint, path, metadata)
    upload = ResumableUpload(transport, file, metadata, state)
    try:
        task_id = upload.send()
    except Exception as error:
        if not file.unchanged():
            upload.give_up()
            raise LocalFileChanged(path) from error
        raise
    if not file.unchanged():
        raise LocalFileChanged(path)
    file.finish()
    return Delivery(task_id=task_id, size=file.size, sha256=file.digest.hexdigest())


def _open(path: Path, progress: ProgressCallback | None) -> _HashingFile:
    if not path.is_file():
        # Opening a pipe would wait for its writer, and a folder has no bytes.
        raise FileNotFoundError(errno.ENOENT, "There is no regular file", str(path))
    return _HashingFile(path, progress)


def _make_delivery(transport: Transport, file: _HashingFile, answer: Any) -> Delivery:
    task_id = answer.get("task_id") if isinstance(answer, dict) else None
    if not isinstance(task_id, str):
        raise BadAnswer(transport.endpoint, "the answer to an upload names no task.")
    return Delivery(task_id=task_id, size=file.size, sha256=file.digest.hexdigest())


def _send(
    transport: Transport, path_end: str, path: Path, file: _HashingFile, fields: dict[str, str]
) -> Any:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # With a length on the part the server reserves the exact size before the first byte.
    headers = {"Content-Length": str(file.size)}

    def send_once() -> httpx2.Response:
        file.seek(0)
        return transport.request(
            "POST",
            f"{API}/file/{path_end}",
            data=fields,
            files={"file": (path.name, file, media_type, headers)},
            timeout=_TIMEOUT,
        )

    try:
        response = transport.retry_when_limited(send_once)
    except Exception as error:
        # More or fewer bytes than announced break the connection, and the server keeps nothing.
        if not file.unchanged():
            raise LocalFileChanged(path) from error
        raise
    if not file.unchanged():
        raise LocalFileChanged(path)
    return transport.json_of(response)
