"""One delivery as a form: streamed from disk, hashed on the way, never whole in memory."""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entrepot_client.connections import HttpAnswer, Timeouts
from entrepot_client.endpoint import API
from entrepot_client.errors import (
    BadAnswer,
    FileOverSizeLimit,
    LocalFileChanged,
    LocalFileSizeWrong,
)
from entrepot_client.models import Acknowledgement, ReadingOptions
from entrepot_client.transfers.resume import MIN_RESUMABLE_BYTES, ResumableUpload, UploadState
from entrepot_client.transfers.sources import LocalFile
from entrepot_client.transport import Transport

ProgressCallback = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in total (None: unknown)."""

BeginCallback = Callable[[int], None]
"""Called once, before bytes are sent, with how many an interrupted upload has sent before (0: there
is none; the size: all of them)."""

_MIN_DEFAULT_LIMIT_BYTES = 1_000_000
"""The smallest size limit that `push` chooses for a new file."""
_MAX_METADATA_BYTES = 8_000
"""Of the header Upload-Metadata: servers refuse heads of more than 8 to 16 KiB."""
_BLOCK_BYTES = 64 * 1024
# The server answers once the bytes are durable, which for a large file takes its disk a while.
_TIMEOUTS = Timeouts(read=600.0, write=120.0)


@dataclass(frozen=True)
class UploadOptions:
    """How a delivery is sent: `path_end` is the end of its route, `fields` those of its form.

    `resume_in` is a folder for the state of running uploads; with it a large file resumes after a
    lost connection. `repeatable`: the server recognizes a second request for the same delivery, so
    a lost answer is asked for again.
    """

    path_end: str
    fields: Mapping[str, str]
    progress: ProgressCallback | None = None
    resume_in: Path | None = None
    repeatable: bool = field(default=True)
    begin: BeginCallback | None = None


class _HashingFile(io.FileIO):
    """A file that counts and hashes the bytes read from it, and reports its `progress`.

    Reading it raises LocalFileChanged, LocalFileSizeWrong rather than give more or fewer bytes than
    `size`: the server would wait for those that never come, or take the rest for another request.
    """

    def __init__(self, path: Path, progress: ProgressCallback | None) -> None:
        super().__init__(path, "rb")
        self._path = path
        stat = os.fstat(self.fileno())
        self.size = stat.st_size
        self.changed_at = stat.st_mtime_ns
        self.digest = hashlib.sha256()
        self._progress = progress
        self._done = 0

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            data = super().read(-1 if size is None else size) or b""
        except OSError as error:
            error.filename = str(self._path)
            raise
        self.digest.update(data)
        self._done += len(data)
        if self._done > self.size or (not data and self._done < self.size):
            self.require_unchanged()
            raise LocalFileSizeWrong(self._path, self.size)
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

    def require_unchanged(self) -> None:
        """Raise LocalFileChanged unless size and time are those of when it was opened."""
        stat = os.fstat(self.fileno())
        if (stat.st_size, stat.st_mtime_ns) != (self.size, self.changed_at):
            raise LocalFileChanged(self._path)


def default_size_limit(size: int) -> int:
    """The limit for a file defined without one: bytes, at least twice its size.

    The limit applies to every later version, so it leaves room to grow: the next of 1, 2 or 5 times
    a power of ten, and no less than 1 MB.
    """
    minimum = max(2 * size, _MIN_DEFAULT_LIMIT_BYTES)
    power: int = 10 ** (len(str(minimum)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= minimum)


def contract_fields(
    description: str | None,
    size_limit: int | None,
    enforce_schema: bool | Mapping[str, Any] | None,
    reading: ReadingOptions,
    path: str | None = None,
) -> dict[str, str]:
    """The contract of a file, or of a validation, as fields of a form."""
    fields = reading.form_fields()
    if size_limit is not None:
        fields["file_size_limit"] = str(size_limit)
    if path is not None:
        fields["path"] = path
    if description is not None:
        fields["file_description"] = description
    if enforce_schema is not None:
        fields["enforce_schema"] = json.dumps(enforce_schema, ensure_ascii=False)
    return fields


def check_size(file: LocalFile, size_limit: int | None) -> int:
    """The size limit of a new file. Raises FileOverSizeLimit."""
    size = file.path.stat().st_size
    limit = default_size_limit(size) if size_limit is None else size_limit
    if size > limit:
        raise FileOverSizeLimit(size=size, limit=limit)
    return limit


def send_file(transport: Transport, file: LocalFile, options: UploadOptions) -> Acknowledgement:
    """Send one file. Raises LocalFileChanged, LocalFileSizeWrong, ProblemError, Unreachable,
    OSError."""
    with _HashingFile(file.path, options.progress) as content:
        if options.resume_in is not None and _is_resumable(content, options.fields):
            task_id = _send_resumable(transport, file, content, options)
        else:
            if options.begin is not None:
                options.begin(0)
            task_id = _task_id(transport, _send_form(transport, file, content, options))
        return Acknowledgement(task_id, content.size, content.digest.hexdigest())


def versions_path_end(file_id: str) -> str:
    """The end of the route that takes further versions of a file."""
    return f"{quote(file_id, safe='')}/versions"


def _is_resumable(content: _HashingFile, fields: Mapping[str, str]) -> bool:
    # A resumable upload sends the fields in a header, which proxies limit to some kilobytes.
    return (
        content.size >= MIN_RESUMABLE_BYTES
        and sum(map(len, fields.values())) <= _MAX_METADATA_BYTES
    )


def _send_resumable(
    transport: Transport, file: LocalFile, content: _HashingFile, options: UploadOptions
) -> str:
    metadata = {"filename": file.name, **options.fields}
    if options.path_end.endswith("/versions"):
        metadata["file_id"] = options.path_end.removesuffix("/versions")
    assert options.resume_in is not None
    state = UploadState.of(options.resume_in, transport.endpoint, file.path, metadata)
    upload = ResumableUpload(transport, content, metadata, state, options.begin)
    try:
        task_id = upload.send()
    except (LocalFileChanged, LocalFileSizeWrong):
        upload.give_up()
        raise
    content.require_unchanged()
    content.finish()
    return task_id


def _task_id(transport: Transport, answer: Any) -> str:
    task_id = answer.get("task_id") if isinstance(answer, dict) else None
    if not isinstance(task_id, str):
        raise BadAnswer(transport.endpoint, "the answer to an upload names no task.")
    return task_id


def _send_form(
    transport: Transport, file: LocalFile, content: _HashingFile, options: UploadOptions
) -> Any:
    boundary = uuid.uuid4().hex
    head, end = _form_around(boundary, file.name, content.size, options.fields)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + content.size + len(end)),
    }
    if options.repeatable:
        headers["Idempotency-Key"] = boundary

    def body() -> Iterator[bytes]:
        content.seek(0)
        # A small file goes with what is around it: one write, which the server reads as one.
        before, block = head, content.read(_BLOCK_BYTES)
        while following := content.read(_BLOCK_BYTES):
            yield before + block
            before, block = b"", following
        yield before + block + end

    def send_once() -> HttpAnswer:
        content.require_unchanged()
        return transport.request(
            "POST",
            f"{API}/file/{options.path_end}",
            content=body(),
            headers=headers,
            timeouts=_TIMEOUTS,
        )

    retry = transport.retry if options.repeatable else transport.retry_when_limited
    answer = retry(send_once)
    content.require_unchanged()
    return transport.json_of(answer)


def _form_around(
    boundary: str, name: str, size: int, fields: Mapping[str, str]
) -> tuple[bytes, bytes]:
    """A form's bytes before and after its file (RFC 7578, names as HTML says)."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'
        for field, text in fields.items()
    ]
    import mimetypes

    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    escaped = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    # With a length on the part the server reserves the exact size before the first byte.
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n'
        f"Content-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
