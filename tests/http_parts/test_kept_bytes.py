"""A small blob that was sent is sent from memory again, as long as its bytes are kept."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope
from tests.support.loops import run_apart

from entrepot.blobs import BlobId, DiskStore
from entrepot.errors import BlobMissing
from entrepot.http.downloads.blob_response import BlobResponse, KeptBytes
from entrepot.http.downloads.response import Representation, download_response

DATA = b"0123456789" * 1000
SCOPE: Scope = {"type": "http"}


async def receive_nothing() -> Message:
    raise AssertionError("no body is asked for")


class DownloadsInMemory:
    """Downloads of one blob, with bytes that are kept from one to the next."""

    def __init__(self, store: DiskStore, room: int) -> None:
        self.store, self.blob_id = store, BlobId(uuid4())
        writer = store.create(self.blob_id)
        writer.write(DATA)
        sha256 = writer.commit().sha256
        moment = datetime(2026, 12, 1, tzinfo=UTC)
        self.representation = Representation(len(DATA), sha256, "text/csv", "a.csv", moment)
        self.kept = KeptBytes(lambda count: count <= room)

    def send(self, method: str = "GET", **headers: str) -> bytes:
        """The body of one answer."""
        response = download_response(
            method, Headers(headers), self.store, self.blob_id, self.representation
        )
        assert isinstance(response, BlobResponse)
        response.kept_bytes = self.kept
        return run_apart(_body_of(response, receive_nothing))


async def _body_of(response: BlobResponse, receive: Receive) -> bytes:
    messages: list[Any] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await response(SCOPE, receive, send)
    return b"".join(each.get("body", b"") for each in messages)


@pytest.mark.parametrize("first", [{}, {"range": "bytes=0-"}])
def test_what_was_sent_whole_needs_no_file(tmp_path: Path, first: dict[str, str]) -> None:
    downloads = DownloadsInMemory(DiskStore(tmp_path, reserve=0), len(DATA))
    assert downloads.send(**first) == DATA
    downloads.store.path(downloads.blob_id).unlink()
    assert downloads.send() == downloads.send(range="bytes=0-") == DATA
    assert downloads.send("HEAD") == b""
    with pytest.raises(BlobMissing):
        downloads.send(range="bytes=1-5")


@pytest.mark.parametrize(
    ("room", "method", "headers"),
    [
        (len(DATA) - 1, "GET", {}),
        (len(DATA), "HEAD", {}),
        (len(DATA), "GET", {"range": "bytes=1-5"}),
    ],
)
def test_what_has_no_room_or_was_not_sent_whole_is_not_kept(
    tmp_path: Path, room: int, method: str, headers: dict[str, str]
) -> None:
    downloads = DownloadsInMemory(DiskStore(tmp_path, reserve=0), room)
    downloads.send(method, **headers)
    assert downloads.kept.body is None
