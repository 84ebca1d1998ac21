"""One delivery as a resumable upload (tus 1.0.0): what arrived is not sent again.

After a lost connection the server says how far it is, and the rest is sent; after the program's own
end the next push of the same file finds the upload by a small file in the user's state folder.
By hand, on the connection that all else uses: `tuspy` has had no release since 2024, brings
`requests` along, and neither retries by `Retry-After` nor streams a part without holding it.
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx2

from entrepot_client.endpoint import API
from entrepot_client.errors import BadAnswer, Conflict, NotFound, Problem, Unreachable
from entrepot_client.transport import Transport

RESUMABLE_FROM = 8 * 1024 * 1024
"""Bytes from which on a file is worth the two more requests."""

_BLOCK = 256 * 1024
_KEPT_DAYS = 7
_HEADERS = {"Tus-Resumable": "1.0.0"}
# Seconds. The server answers the last part once all bytes are durable and read once more.
_TIMEOUT = httpx2.Timeout(connect=10.0, read=600.0, write=60.0, pool=10.0)


class UploadSource(Protocol):
    """An open file that tells its progress while it is read."""

    size: int

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, offset: int, request_origin: int = 0, /) -> int:
        """Begin anew, with 0."""
        ...


@dataclass(frozen=True)
class Kept:
    """Where the address of one upload is kept between two runs of the program."""

    file: Path

    @classmethod
    def of(cls, folder: Path, endpoint: str, path: Path, told: Mapping[str, str]) -> "Kept":
        """The place of this file, as it is now, on its way to this endpoint for this purpose."""
        found = path.stat()
        what = [
            endpoint,
            str(path.resolve()),
            found.st_size,
            found.st_mtime_ns,
            sorted(told.items()),
        ]
        return cls(folder / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()}.json")

    def read(self) -> str | None:
        """The upload's address; None where there is none that can be read."""
        try:
            address = json.loads(self.file.read_text(encoding="utf-8"))["address"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # Below our own endpoint, whatever stands in the file: the key goes with the request.
        return (
            address if isinstance(address, str) and address.startswith(f"{API}/uploads/") else None
        )

    def write(self, address: str) -> None:
        """Keep an address; those that nobody asked for in a week go."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = time.time() - _KEPT_DAYS * 86_400
        for other in self.file.parent.glob("*.json"):
            if other.stat().st_mtime < old:
                other.unlink(missing_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=self.file.parent, prefix=".upload-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"address": address}, file)
        Path(draft).replace(self.file)

    def forget(self) -> None:
        """There is nothing to go on with any more."""
        self.file.unlink(missing_ok=True)


class ResumableUpload:
    """One file on its way; `send` returns when it was delivered."""

    def __init__(
        self, transport: Transport, source: UploadSource, told: Mapping[str, str], kept: Kept
    ) -> None:
        self._transport = transport
        self._source = source
        self._told = told
        self._kept = kept
        self._address = kept.read()
        self._key = uuid.uuid4().hex  # an upload that is begun twice would hold its quota twice
        self._arrived = 0

    def send(self) -> str:
        """Send what is missing until all is there; the task. As long as bytes arrive in between,
        any number of lost connections is no error. Raises Problem, Unreachable, BadAnswer.
        """
        while True:
            began = self._arrived
            try:
                task_id = self._transport.retrying(self._go_on, patience=2)
            except (Unreachable, Problem) as failure:
                lasting = isinstance(failure, Problem) and failure.status < 500
                if lasting or self._arrived <= began:
                    raise
            else:
                self._kept.forget()
                return task_id

    def give_up(self) -> None:
        """Have the server forget what it got, if it can be reached."""
        self._kept.forget()
        if self._address is not None:
            try:
                self._transport.request("DELETE", self._address, headers=_HEADERS)
            except (Problem, Unreachable):
                return  # it expires

    def _go_on(self) -> str:
        """Ask how far the upload is, send the rest in one request; the task."""
        offset, task_id = self._ask()
        while task_id is None:
            self._arrived = max(self._arrived, offset)
            try:
                answer = self._send_from(offset)
            except Conflict as moved:
                # More came in than the server could tell us, by a request that we had given up.
                if moved.code != "offset-mismatch" or moved.figures.get("offset") == offset:
                    raise
                offset, task_id = self._ask()
                continue
            task_id = answer.headers.get("entrepot-task-id")
            if task_id is None:
                raise BadAnswer(self._transport.endpoint, "the answer to an upload names no task.")
        self._arrived = self._source.size
        return task_id

    def _ask(self) -> tuple[int, str | None]:
        """The bytes that the server has, and the task if it has all of them."""
        if self._address is not None:
            try:
                answer = self._transport.request("HEAD", self._address, headers=_HEADERS)
            except NotFound:
                # It has expired, or was refused in the end.
                self._address, self._key = None, uuid.uuid4().hex
            else:
                return self._offset_of(answer), answer.headers.get("entrepot-task-id")
        pairs = (f"{name} {b64encode(text.encode()).decode()}" for name, text in self._told.items())
        given = {
            "Upload-Length": str(self._source.size),
            "Upload-Metadata": ",".join(pairs),
            "Idempotency-Key": self._key,
        }
        answer = self._transport.request("POST", f"{API}/uploads", headers=_HEADERS | given)
        address = httpx2.URL(answer.headers.get("location", "")).path
        _, api, upload = address.rpartition(f"{API}/uploads/")
        if not api or not upload:
            raise BadAnswer(self._transport.endpoint, "it names no address for an upload.")
        self._address = api + upload
        self._kept.write(self._address)
        return 0, None

    def _send_from(self, offset: int) -> httpx2.Response:
        self._source.seek(0)
        left = offset
        while left > 0:  # for its hash; and so the progress begins where the server is
            left -= len(self._source.read(min(left, _BLOCK))) or left
        headers = {
            **_HEADERS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self._source.size - offset),
            "Upload-Offset": str(offset),
        }
        assert self._address is not None
        return self._transport.request(
            "PATCH", self._address, headers=headers, content=self._blocks(), timeout=_TIMEOUT
        )

    def _blocks(self) -> Iterator[bytes]:
        while block := self._source.read(_BLOCK):
            yield block

    def _offset_of(self, answer: httpx2.Response) -> int:
        stated = answer.headers.get("upload-offset", "")
        if not stated.isdigit():
            raise BadAnswer(self._transport.endpoint, "it does not say how much it has.")
        return int(stated)
