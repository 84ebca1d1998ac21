"""Take a request's body chunk by chunk, with patience for slow clients that has an end."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from entrepot.errors import BodyIncomplete, BodyTooLarge, ContentEncodingUnsupported, FieldInvalid
from entrepot.http.deps import get_runtime
from entrepot.http.parameters import CONTENT_LENGTH
from entrepot.http.uploads.pace import BodyPace, small_body_pace
from entrepot.settings import Settings

MAX_JSON_BYTES = 256 * 1024
"""Bytes of a body that is neither an upload nor a schema. A description of 10,000 characters, each
as two escapes, has 120 kB. Measured: to parse and check this much takes the event loop 5 ms."""


async def body_chunks(request: Request, pace: BodyPace) -> AsyncIterator[bytes]:
    """The body's chunks as they arrive. Raises BodyTooSlow, BodyIncomplete."""
    while True:
        async with pace.waiting():
            message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BodyIncomplete(received=pace.received_bytes)
        if chunk := message.get("body", b""):
            pace.note(chunk)
            yield chunk
        if not message.get("more_body", False):
            return


def reject_encoded(encodings: str) -> None:
    """Raise ContentEncodingUnsupported for a Content-Encoding but `identity` (RFC 9110, 8.4.1)."""
    if any(each.strip().lower() not in ("", "identity") for each in encodings.split(",")):
        raise ContentEncodingUnsupported(received=encodings[:100])


def content_length(request: Request) -> int | None:
    """The body's length in bytes as the request states it; None where it is chunked."""
    stated = request.headers.get("content-length")
    return CONTENT_LENGTH.require(stated, "Content-Length") if stated is not None else None


async def read_small_body(
    request: Request, settings: Settings, limit: int = MAX_JSON_BYTES
) -> bytes:
    """A whole small body. Raises BodyTooLarge beyond `limit` bytes, BodyTooSlow,
    BodyIncomplete."""
    body = bytearray()
    async for chunk in body_chunks(request, small_body_pace(settings)):
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit=limit)
    return bytes(body)


class SmallBodyRoute(APIRoute):
    """A route whose JSON body is bounded in size and in time; the framework's own is in neither.

    Raises BodyTooLarge and BodyTooSlow before anything of the body is looked at, and FieldInvalid
    for text that nobody could be shown.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, given a body that has been read within the bounds."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def handle(request: Request) -> Response:
            settings = get_runtime(request).parts.settings
            body = await read_small_body(request, settings)
            _reject_surrogates(body)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handler(Request(request.scope, replay))

        return handle


def _reject_surrogates(body: bytes) -> None:
    """Raise FieldInvalid for JSON with half a surrogate pair, which is not text in any answer."""
    if b"\\ud" not in body.lower():
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise FieldInvalid("body", "holds half a surrogate pair, which is not text.") from None
    except (ValueError, RecursionError):
        return  # no JSON that the framework takes; it says why
