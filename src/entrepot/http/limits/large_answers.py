"""Send large answers in blocks, count those to a GET as downloads of their account, and their
memory for whoever asked.

Lists, previews, reports and pages are made whole in memory. One that nobody reads would keep all of
it there, for as long as the client likes, and count nowhere. What changes something is never
refused here, since it is done by then.
"""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.errors import AnswerMemoryFull, EntrepotError, TooManyDownloads, TooMuchUnread
from entrepot.http.limits.answer_memory import AnswerMemory, large_answer, unread_bytes
from entrepot.http.limits.blocks import SMALL_BYTES, wait_until_taken

Refuse = Callable[[EntrepotError, Scope, Receive, Send], Awaitable[None]]


class LargeAnswers:
    """Stands around the app. What the app sends in blocks by itself passes through."""

    def __init__(self, app: ASGIApp, refuse: Refuse, memory: AnswerMemory) -> None:
        self._app = app
        self._refuse = refuse
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        refused = False
        is_read = scope["method"] == "GET"

        async def send_in_blocks(message: Message) -> None:
            nonlocal start, refused
            if refused:
                return
            if message["type"] == "http.response.start" and _announces_large_body(message):
                start = message
                return
            head, start = start, None
            if head is None:
                await send(message)
            elif not _is_large_body(message):
                await send(head)
                await send(message)
            else:
                body = message["body"]
                count = unread_bytes(SMALL_BYTES, len(body))
                try:
                    with large_answer(self._memory, scope, count, refuse=is_read):
                        await send(head)
                        await _send_blocks(body, send)
                except (TooManyDownloads, TooMuchUnread, AnswerMemoryFull) as error:
                    refused = True
                    await self._refuse(error, scope, receive, send)

        await self._app(scope, receive, send_in_blocks)


def _announces_large_body(start: Message) -> bool:
    return any(
        name == b"content-length" and int(value) > SMALL_BYTES for name, value in start["headers"]
    )


def _is_large_body(message: Message) -> bool:
    return not message.get("more_body", False) and len(message.get("body", b"")) > SMALL_BYTES


async def _send_blocks(body: bytes, send: Send) -> None:
    for begin in range(0, len(body), SMALL_BYTES):
        block = body[begin : begin + SMALL_BYTES]
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await wait_until_taken(send)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
