"""The tus protocol's headers, version 1.0.0 (tus.io/protocols/resumable-upload).

By hand: the servers that exist for Python bring a store, locks and a life cycle of their own, and
the protocol itself is no more than what stands here.
"""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from entrepot.errors import (
    ChecksumUnsupported,
    EntrepotError,
    FieldInvalid,
    NotFound,
    TusVersionUnsupported,
)
from entrepot.files.delivery.upload_state import Upload
from entrepot.http.places import API
from entrepot.http.problems.handlers import answer_error

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "termination",
    "expiration",
    "checksum",
    "concatenation",
)
ALGORITHMS = ("sha256", "sha1", "sha512", "md5")
OFFSET_STREAM = "application/offset+octet-stream"
PATH = f"{API}/uploads"
MAX_PARTS = 1000
"""Partial uploads that are joined: one transaction reads and ends all of them."""
MAX_KEPT_CHARS = 4_096
"""Of the headers that an upload's row has until a day after its end, those are short that do not
become metadata of a file. All of them count as metadata of the account."""
MAX_BLANKS = 3
"""Blanks for each pair of Upload-Metadata."""
TASK_HEADER = "Entrepot-Task-Id"


class TusRoute(APIRoute):
    """A route that speaks the protocol: its version is checked first, and is in each answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, between the two checks; a refusal is answered here."""
        handler = super().get_route_handler()

        async def versioned(request: Request) -> Response:
            try:
                received = request.headers.get("tus-resumable", "")
                optional = request.method == "DELETE" and not received
                if received != VERSION and request.method != "OPTIONS" and not optional:
                    raise TusVersionUnsupported(received=received[:40], supported=VERSION)
                response = await handler(request)
            except (EntrepotError, RequestValidationError) as error:
                # Of what the framework checks there is only the id: a malformed one never existed.
                answered_error = error if isinstance(error, EntrepotError) else NotFound()
                response = await answer_error(request, answered_error)
                response.headers["Tus-Version"] = VERSION
            response.headers["Tus-Resumable"] = VERSION
            return response

        return versioned


@dataclass
class Checksum:
    """The checksum that a request states of its bytes, and the hash of those that have come."""

    algorithm: str
    expected: bytes
    _hash: "hashlib._Hash" = field(init=False)

    def __post_init__(self) -> None:
        self._hash = hashlib.new(self.algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Take the next bytes in."""
        self._hash.update(data)

    def matches(self) -> bool:
        """Whether the bytes so far have it."""
        return self._hash.digest() == self.expected


@dataclass(frozen=True)
class Concat:
    """Upload-Concat: whether the upload is a part, or which parts it is to be joined from."""

    partial: bool = False
    parts: tuple[UUID, ...] = ()


def read_checksum(request: Request) -> Checksum | None:
    """The header Upload-Checksum. Raises ChecksumUnsupported."""
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, digest = header.strip().partition(" ")
    try:
        raw = b64decode(digest.strip(), validate=True)
    except ValueError:  # not base64, or not even ASCII
        raw = b""
    if algorithm not in ALGORITHMS or not raw:
        raise ChecksumUnsupported(received=algorithm[:40], supported=", ".join(ALGORITHMS))
    return Checksum(algorithm, raw)


def read_metadata(header: str) -> dict[str, bytes]:
    """The pairs of an Upload-Metadata header: words, each with its value in base64, or without
    one. Raises FieldInvalid."""
    example = "Upload-Metadata: filename b3JkZXJzLmNzdg==,file_size_limit MTAwMDAw"
    metadata: dict[str, bytes] = {}
    if header.count(" ") + header.count("\t") > MAX_BLANKS * (header.count(",") + 1):
        raise FieldInvalid("Upload-Metadata", "has too many blanks.", example)
    for pair in header.split(",") if header.strip() else ():
        name, _, value = pair.strip().partition(" ")
        try:
            text = b64decode(value.strip(), validate=True)
        except ValueError:
            raise FieldInvalid(
                "Upload-Metadata", "has a value that is not base64.", example
            ) from None
        if not name or name in metadata:
            reason = "must be a list of different names, each with its value."
            raise FieldInvalid("Upload-Metadata", reason, example)
        metadata[name] = text
    return metadata


def read_part_metadata(header: str) -> None:
    """Check the Upload-Metadata of a part, which nobody uses. Raises FieldInvalid."""
    read_metadata(header)
    if len(header) > MAX_KEPT_CHARS:
        reason = f"is too long: that of a part may have at most {MAX_KEPT_CHARS:,} characters."
        raise FieldInvalid("Upload-Metadata", reason)


def read_if_match(request: Request) -> str | None:
    """The header If-Match, which is kept with the upload. Raises FieldInvalid."""
    header = request.headers.get("if-match")
    if header is not None and len(header) > MAX_KEPT_CHARS:
        raise FieldInvalid("If-Match", f"may have at most {MAX_KEPT_CHARS:,} characters.")
    return header


def read_concat(request: Request) -> Concat:
    """The header Upload-Concat. Raises FieldInvalid, and NotFound for parts that are none."""
    header = request.headers.get("upload-concat")
    if header is None:
        return Concat()
    if header.strip() == "partial":
        return Concat(partial=True)
    kind, _, address_list = header.partition(";")
    addresses = address_list.split()
    if kind.strip() != "final" or not 1 <= len(addresses) <= MAX_PARTS:
        example = f"Upload-Concat: final;{PATH}/a {PATH}/b"
        reason = f"is `partial`, or `final;` and 1 to {MAX_PARTS} addresses of partial uploads."
        raise FieldInvalid("Upload-Concat", reason, example)
    parts = tuple(_upload_id(address) for address in addresses)
    if len(set(parts)) < len(parts):
        raise FieldInvalid("Upload-Concat", "names a partial upload twice.")
    return Concat(parts=parts)


def upload_headers(upload: Upload, offset: int) -> dict[str, str]:
    """What every answer about an upload tells, of which `offset` bytes are durable."""
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Expires": format_datetime(upload.expires_at.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-store",
    }
    if upload.task_id is not None:
        headers[TASK_HEADER] = str(upload.task_id)
    return headers


def upload_description(upload: Upload) -> dict[str, str]:
    """What HEAD tells beyond the offset: length, metadata, parts."""
    headers = {"Upload-Length": str(upload.size)}
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    if upload.partial:
        headers["Upload-Concat"] = "partial"
    elif upload.concat == "final":
        headers["Upload-Concat"] = "final;" + " ".join(
            upload_address(part) for part in upload.parts
        )
    return headers


def upload_address(upload_id: UUID) -> str:
    """Where an upload is, from the root of the server."""
    return f"{PATH}/{upload_id}"


def capability_headers(max_bytes: int) -> dict[str, str]:
    """What OPTIONS tells."""
    return {
        "Tus-Version": VERSION,
        "Tus-Max-Size": str(max_bytes),
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def _upload_id(address: str) -> UUID:
    # Whatever host and prefix a client knows us by, the end of the path is ours.
    try:
        before, _, last = urlsplit(address).path.rpartition("/")
        if not before.endswith(PATH):
            raise ValueError
        return UUID(last)
    except ValueError:
        raise NotFound from None
