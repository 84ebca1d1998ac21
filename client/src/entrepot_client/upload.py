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
from entrepot_client.errors import BadAnswer, FileChanged, SizeLimitTooSmall
from entrepot_client.models import Delivery
from entrepot_client.resume import RESUMABLE_FROM, Kept, ResumableUpload
from entrepot_client.transport import Transport

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all (None: unknown) as they move."""

_SMALLEST_DEFAULT_LIMIT = 1_000_000
_LARGEST_TOLD = 8_000
# The server answers once the bytes are durable, which for a large file takes its disk a while.
_TIMEOUT = httpx2.Timeout(connect=10.0, read=600.0, write=120.0, pool=10.0)


class _Reading(io.FileIO):
    """A file that counts and hashes what is read from it, and tells `progress`.

    An `io.FileIO` and not a wrapper: httpx2 asks its descriptor for the length and then reads it
    in pieces of 64 KiB, so the request has a Content-Length and bounded memory.
    """

    def __init__(self, path: Path, progress: Progress | None) -> None:
        super().__init__(path, "rb")
        found = os.fstat(self.fileno())
        self.size = found.st_size
        self.changed_at = found.st_mtime_ns
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

    def seek(self, offset: int, request_origin: int = os.SEEK_SET, /) -> int:
        if offset == 0 and request_origin == os.SEEK_SET:
            self.digest, self._done = hashlib.sha256(), 0
        position: int = super().seek(offset, request_origin)
        return position

    def finish(self) -> None:
        """Read what is left, for the hash alone."""
        while self.read(1 << 20):
            pass

    def unchanged(self) -> bool:
        """Whether the file still is what it was when it was opened."""
        found = os.fstat(self.fileno())
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed_at)


def default_size_limit(size: int) -> int:
    """The limit for a file defined without one: bytes, at least twice its size.

    The limit binds every later version, so it leaves room to grow: the next of 1, 2 or 5 times a
    power of ten, and no less than 1 MB.
    """
    wanted = max(2 * size, _SMALLEST_DEFAULT_LIMIT)
    power: int = 10 ** (len(str(wanted)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= wanted)


def push_file(
    transport: Transport,
    path: Path,
    description: str | None,
    size_limit: int | None,
    enforce_schema: bool | Mapping[str, Any] | None,
    progress: Progress | None,
    resume_in: Path | None = None,
) -> Delivery:
    """Define a file and upload its first version; see `Client.push`."""
    with _open(path, progress) as file:
        limit = default_size_limit(file.size) if size_limit is None else size_limit
        if file.size > limit:
            raise SizeLimitTooSmall(size=file.size, limit=limit)
        fields = {"file_size_limit": str(limit)}
        if description is not None:
            fields["file_description"] = description
        if enforce_schema is not None:
            fields["enforce_schema"] = json.dumps(enforce_schema, ensure_ascii=False)
        if resume_in is not None and _fits_resumption(file, fields):
            return _send_resumable(transport, path, file, fields, resume_in)
        return _delivered(transport, file, _send(transport, "new", path, file, fields))


def deliver_file(
    transport: Transport,
    path: Path,
    file_id: str,
    progress: Progress | None,
    resume_in: Path | None = None,
) -> Delivery:
    """Upload a further version of a file; see `Client.deliver`."""
    with _open(path, progress) as file:
        if resume_in is not None and _fits_resumption(file, {}):
            return _send_resumable(transport, path, file, {"file_id": file_id}, resume_in)
        act = f"{quote(file_id, safe='')}/versions"
        return _delivered(transport, file, _send(transport, act, path, file, {}))


def validate_file(
    transport: Transport,
    path: Path,
    enforce_schema: bool | Mapping[str, Any] | None,
    file_id: str | None,
    progress: Progress | None,
) -> Delivery:
    """Have a file judged and forgotten; see `Client.validate`."""
    with _open(path, progress) as file:
        fields = {}
        if file_id is not None:
            fields["file_id"] = file_id
        if enforce_schema is not None:
            fields["enforce_schema"] = json.dumps(enforce_schema, ensure_ascii=False)
        return _delivered(transport, file, _send(transport, "validate", path, file, fields))


def _fits_resumption(file: _Reading, fields: Mapping[str, str]) -> bool:
    # The fields travel in a header then, for which proxies and servers have some kilobytes.
    return file.size >= RESUMABLE_FROM and sum(map(len, fields.values())) <= _LARGEST_TOLD


def _send_resumable(
    transport: Transport, path: Path, file: _Reading, fields: dict[str, str], folder: Path
) -> Delivery:
    told = {"filename": path.name, **fields}
    kept = Kept.of(folder, transport.endpoint, path, told)
    upload = ResumableUpload(transport, file, told, kept)
    try:
        task_id = upload.send()
    except Exception as error:
        if not file.unchanged():
            upload.give_up()
            raise FileChanged(path) from error
        raise
    if not file.unchanged():
        raise FileChanged(path)
    file.finish()
    return Delivery(task_id=task_id, size=file.size, sha256=file.digest.hexdigest())


def _open(path: Path, progress: Progress | None) -> _Reading:
    if not path.is_file():
        # Opening a pipe would wait for its writer; a folder and nothing at all have no bytes.
        raise FileNotFoundError(errno.ENOENT, "There is no regular file", str(path))
    return _Reading(path, progress)


def _delivered(transport: Transport, file: _Reading, answer: Any) -> Delivery:
    task_id = answer.get("task_id") if isinstance(answer, dict) else None
    if not isinstance(task_id, str):
        raise BadAnswer(transport.endpoint, "the answer to an upload names no task.")
    return Delivery(task_id=task_id, size=file.size, sha256=file.digest.hexdigest())


def _send(
    transport: Transport, act: str, path: Path, file: _Reading, fields: dict[str, str]
) -> Any:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # The length on the part lets the server reserve the exact size before a byte has come.
    headers = {"Content-Length": str(file.size)}

    def one() -> httpx2.Response:
        file.seek(0)
        return transport.request(
            "POST",
            f"{API}/file/{act}",
            data=fields,
            files={"file": (path.name, file, media_type, headers)},
            timeout=_TIMEOUT,
        )

    try:
        response = transport.when_there_is_room(one)
    except Exception as error:
        # More or fewer bytes than announced: the connection is cut, and the server keeps nothing.
        if not file.unchanged():
            raise FileChanged(path) from error
        raise
    if not file.unchanged():
        raise FileChanged(path)
    return transport.json_of(response)
