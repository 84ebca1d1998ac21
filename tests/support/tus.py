"""Resumable uploads as a test sends them: each step by itself, also the wrong ones."""

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import new
from typing import Any

import httpx2
from tests.support.api import Api
from tests.support.raw import connect, head
from tests.support.together import all_at_once

HEADERS = {"Tus-Resumable": "1.0.0"}
STREAM = {**HEADERS, "Content-Type": "application/offset+octet-stream"}


def metadata(**fields: str | bytes) -> str:
    """The value of Upload-Metadata."""
    pairs = ((k, v if isinstance(v, bytes) else v.encode()) for k, v in fields.items())
    return ",".join(f"{name} {b64encode(value).decode()}" for name, value in pairs)


def checksum(content: bytes, algorithm: str = "sha1") -> dict[str, str]:
    """The header that states the checksum of `content`."""
    digest = b64encode(new(algorithm, content).digest()).decode()
    return {"Upload-Checksum": f"{algorithm} {digest}"}


def create(
    api: Api,
    size: int,
    name: str = "orders.csv",
    limit: int = 100_000_000,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
    **fields: str,
) -> httpx2.Response:
    """Ask for an upload that becomes a file; with `content` its first bytes go with it."""
    about = metadata(filename=name, file_size_limit=str(limit), **fields)
    upload_headers = {"Upload-Length": str(size), "Upload-Metadata": about, **(headers or {})}
    kind = STREAM if content is not None else HEADERS
    return api.post("/uploads", headers=kind | upload_headers, content=content)


@dataclass
class Tus:
    """One upload under its address."""

    api: Api
    address: str

    @classmethod
    def of(cls, api: Api, answer: httpx2.Response) -> "Tus":
        assert answer.status_code == 201, answer.text
        assert answer.headers["tus-resumable"] == "1.0.0"
        return cls(api, answer.headers["location"])

    @classmethod
    def begin(cls, api: Api, size: int, **kwargs: Any) -> "Tus":
        return cls.of(api, create(api, size, **kwargs))

    @classmethod
    def part(cls, api: Api, content: bytes) -> "Tus":
        """A partial upload with all its bytes."""
        headers = {"Upload-Concat": "partial", "Upload-Length": str(len(content))}
        made = cls.of(api, api.post("/uploads", headers=HEADERS | headers))
        if content:
            assert made.patch(content, 0).status_code == 204
        return made

    def patch(self, content: bytes, offset: int, **headers: Any) -> httpx2.Response:
        fields = STREAM | {"Upload-Offset": str(offset)} | headers
        return self.api.request("PATCH", self.address, headers=fields, content=content)

    def head(self) -> httpx2.Response:
        return self.api.request("HEAD", self.address, headers=HEADERS)

    def delete(self) -> httpx2.Response:
        return self.api.request("DELETE", self.address, headers=HEADERS)

    @property
    def offset(self) -> int:
        answer = self.head()
        assert answer.status_code == 200, answer.headers
        assert answer.headers["cache-control"] == "no-store"
        return int(answer.headers["upload-offset"])

    def cut(self, content: bytes, offset: int, sent: int) -> None:
        """Send only the first `sent` bytes of the rest, then close the connection."""
        with suppress(OSError), self.stalled(content, offset, sent):
            pass

    def stalled(self, content: bytes, offset: int, sent: int, **more: str) -> Any:
        """A connection on which `sent` bytes of the rest went out, and then nothing more."""
        headers = {
            **self.api.authorization,
            **STREAM,
            **more,
            "Upload-Offset": str(offset),
            "Content-Length": str(len(content) - offset),
        }
        sock = connect(self.api.endpoint)
        try:
            sock.sendall(head("PATCH", self.address, headers))
            sock.sendall(content[offset : offset + sent])
        except OSError:
            sock.close()
            raise
        return sock

    def end(self, content: bytes) -> str:
        """Send what is missing; the task.

        A request that was given up may reach the server after the next one: then that one is
        refused (409, 423), and one asks again.
        """
        for _ in range(20):
            document = self.head()
            if "entrepot-task-id" in document.headers:
                break
            offset = int(document.headers["upload-offset"])
            answer = self.patch(content[offset:], offset)
            assert answer.status_code in (204, 409, 423), answer.text
        return str(document.headers["entrepot-task-id"])


def compete(*hosts: Api) -> None:
    """Bring different bytes of one upload to several hosts together, several times: one of them
    takes its bytes each time, and its bytes are what is delivered."""
    contents = [b"id\n1\n%s\n" % (b"%d" % number * 9) for number in range(1, len(hosts) + 1)]
    for end in (10, 15) * 4:
        upload = Tus.begin(hosts[0], 15)
        assert upload.patch(contents[0][:5], 0).status_code == 204
        answers = all_at_once(
            *(
                partial(Tus(api, upload.address).patch, content[5:end], 5)
                for api, content in zip(hosts, contents, strict=True)
            )
        )
        codes = [getattr(answer, "status_code", answer) for answer in answers]
        assert set(codes) <= {204, 409, 423}
        assert codes.count(204) == 1
        content = contents[codes.index(204)]
        file_id = hosts[0].wait_task(upload.end(content))["file_id"]
        assert hosts[0].get(f"/file/download/{file_id}").content == content
