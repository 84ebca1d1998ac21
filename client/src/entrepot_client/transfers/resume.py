"""One delivery as a resumable upload (tus 1.0.0): bytes that arrived are not sent again.

After a lost connection the server states its offset, and the rest is sent. After this program was
ended, the next push of the same file finds the upload through a small file in the user's state
folder. We do not use `tuspy`: it has had no release since 2024, adds `requests`, does not honour
`Retry-After`, and holds each part in memory.
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from entrepot_client.connections import HttpAnswer, Timeouts
from entrepot_client.endpoint import API
from entrepot_client.errors import BadAnswer, Conflict, ProblemError, ResourceNotFound, Unreachable
from entrepot_client.transport import Transport

MIN_RESUMABLE_BYTES = 8 * 1024 * 1024
"""Smaller files are not worth the two additional requests."""

_BLOCK_BYTES = 256 * 1024
_STATE_RETENTION_DAYS = 7
"""Days for which the state of an upload is kept; the server may have dropped its bytes earlier."""
_HEADERS = {"Tus-Resumable": "1.0.0"}
# Seconds. The server answers the last part after it made all bytes durable and read them again.
_TIMEOUTS = Timeouts(read=600.0)


class UploadSource(Protocol):
    """An open file of `size` bytes, no more and no fewer, that reports its progress."""

    size: int

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Start again, with 0."""
        ...


@dataclass(frozen=True)
class UploadState:
    """The file that stores the address of one upload between two runs of the program."""

    file: Path

    @classmethod
    def of(
        cls, folder: Path, endpoint: str, path: Path, metadata: Mapping[str, str]
    ) -> "UploadState":
        """The state file for this file, as it is now, this endpoint and this metadata."""
        stat = path.stat()
        identity = [
            endpoint,
            str(path.resolve()),
            stat.st_size,
            stat.st_mtime_ns,
            sorted(metadata.items()),
        ]
        return cls(folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()}.json")

    def read(self) -> str | None:
        """The upload's address; None if there is none that can be read."""
        try:
            address = json.loads(self.file.read_text(encoding="utf-8"))["address"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # Only paths of our own endpoint, whatever the file says: the request carries the key.
        return (
            address if isinstance(address, str) and address.startswith(f"{API}/uploads/") else None
        )

    def write(self, address: str) -> None:
        """Store an address, and delete the addresses that are a week old."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        oldest = time.time() - _STATE_RETENTION_DAYS * 86_400
        for other_file in self.file.parent.glob("*.json"):
            if other_file.stat().st_mtime < oldest:
                other_file.unlink(missing_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=self.file.parent, prefix=".upload-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"address": address}, file)
        Path(draft).replace(self.file)

    def forget(self) -> None:
        """Delete the address: the upload is complete or gone."""
        self.file.unlink(missing_ok=True)


class ResumableUpload:
    """The upload of one file; `send` returns once it was delivered."""

    def __init__(
        self,
        transport: Transport,
        source: UploadSource,
        metadata: Mapping[str, str],
        state: UploadState,
        begin: Callable[[int], None] | None = None,
    ) -> None:
        self._transport = transport
        self._source = source
        self._metadata = metadata
        self._state = state
        self._address = state.read()
        self._key = uuid.uuid4().hex  # without it, a repeated request would reserve quota twice
        self._acknowledged = 0
        self._begin = begin

    def send(self) -> str:
        """Send the missing bytes until the upload is complete; returns the task's id.

        Any number of lost connections is accepted as long as bytes arrive in between. Raises
        ProblemError, Unreachable, BadAnswer.
        """
        while True:
            acknowledged = self._acknowledged
            try:
                task_id = self._transport.retry(self._resume, attempt_factor=2)
            except (Unreachable, ProblemError) as error:
                is_final = isinstance(error, ProblemError) and error.status < 500
                if is_final or self._acknowledged <= acknowledged:
                    raise
            else:
                self._state.forget()
                return task_id

    def give_up(self) -> None:
        """Delete the upload on the server, if it can be reached."""
        self._state.forget()
        if self._address is not None:
            try:
                self._transport.request("DELETE", self._address, headers=_HEADERS)
            except (ProblemError, Unreachable):
                return  # it expires

    def _resume(self) -> str:
        """Get the upload's offset and send the rest in one request; returns the task's id."""
        offset, task_id = self._get_offset()
        while task_id is None:
            self._acknowledged = max(self._acknowledged, offset)
            try:
                answer = self._send_from(offset)
            except Conflict as conflict:
                # A request that we had given up brought more bytes after we got the offset.
                if conflict.code != "offset-mismatch" or conflict.figures.get("offset") == offset:
                    raise
                offset, task_id = self._get_offset()
                continue
            task_id = answer.headers.get("entrepot-task-id")
            if task_id is None:
                raise BadAnswer(self._transport.endpoint, "the answer to an upload names no task.")
        self._acknowledged = self._source.size
        return task_id

    def _get_offset(self) -> tuple[int, str | None]:
        """The number of bytes that the server has, and the task's id if it has all of them."""
        if self._address is not None:
            try:
                answer = self._transport.request("HEAD", self._address, headers=_HEADERS)
            except ResourceNotFound:
                # It has expired, or was refused in the end.
                self._address, self._key = None, uuid.uuid4().hex
            else:
                offset, task_id = self._parse_offset(answer), answer.headers.get("entrepot-task-id")
                self._begun(offset if task_id is None else self._source.size)
                return offset, task_id
        self._begun(0)
        pairs = (
            f"{name} {b64encode(text.encode()).decode()}" for name, text in self._metadata.items()
        )
        headers = {
            "Upload-Length": str(self._source.size),
            "Upload-Metadata": ",".join(pairs),
            "Idempotency-Key": self._key,
        }
        answer = self._transport.request("POST", f"{API}/uploads", headers=_HEADERS | headers)
        address = urlsplit(answer.headers.get("location") or "").path
        _, api, upload = address.rpartition(f"{API}/uploads/")
        if not api or not upload:
            raise BadAnswer(self._transport.endpoint, "it names no address for an upload.")
        self._address = api + upload
        self._state.write(self._address)
        return 0, None

    def _begun(self, arrived: int) -> None:
        begin, self._begin = self._begin, None
        if begin is not None:
            begin(arrived)

    def _send_from(self, offset: int) -> HttpAnswer:
        self._source.seek(0)
        remaining = offset
        while remaining > 0:  # reads for the hash, and so that the progress begins at the offset
            remaining -= len(self._source.read(min(remaining, _BLOCK_BYTES)))
        headers = {
            **_HEADERS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self._source.size - offset),
            "Upload-Offset": str(offset),
        }
        assert self._address is not None
        return self._transport.request(
            "PATCH", self._address, headers=headers, content=self._blocks(), timeouts=_TIMEOUTS
        )

    def _blocks(self) -> Iterator[bytes]:
        while block := self._source.read(_BLOCK_BYTES):
            yield block

    def _parse_offset(self, answer: HttpAnswer) -> int:
        header = answer.headers.get("upload-offset") or ""
        if not header.isdigit():
            raise BadAnswer(self._transport.endpoint, "it does not say how much it has.")
        return int(header)
