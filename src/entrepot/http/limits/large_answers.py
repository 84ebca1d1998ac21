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
        answer = _Answer(self._memory, self._refuse, scope, receive, send)
        await self._app(scope, receive, answer.send)


class _Answer:
    """What the app sends for one request."""

    __slots__ = ("_memory", "_receive", "_refuse", "_refused", "_scope", "_send", "_start")

    def __init__(
        self, memory: AnswerMemory, refuse: Refuse, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._memory = memory
        self._refuse = refuse
        self._scope = scope
        self._receive = receive
        self._send = send
        self._start: Message | None = None
        self._refused = False

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, or keep it until it is known whether a large body follows."""
        if self._start is not None or self._refused or _announces_large_body(message):
            return self._send_large(message)
        return self._send(message)

    async def _send_large(self, message: Message) -> None:
        if self._refused:
            return
        head, self._start = self._start, None
        if head is None:
            self._start = message
        elif not _is_large_body(message):
            await self._send(head)
            await self._send(message)
        else:
            await self._send_in_blocks(head, message["body"])

    async def _send_in_blocks(self, head: Message, body: bytes) -> None:
        count, is_read = unread_bytes(SMALL_BYTES, len(body)), self._scope["method"] == "GET"
        try:
            with large_answer(self._memory, self._scope, count, refuse=is_read):
                await self._send(head)
                await _send_blocks(body, self._send)
        except (TooManyDownloads, TooMuchUnread, AnswerMemoryFull) as error:
            self._refused = True
            await self._refuse(error, self._scope, self._receive, self._send)


def _announces_large_body(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    for name, value in message["headers"]:
        if name == b"content-length":
            return int(value) > SMALL_BYTES
    return False


def _is_large_body(message: Message) -> bool:
    return not message.get("more_body", False) and len(message.get("body", b"")) > SMALL_BYTES


async def _send_blocks(body: bytes, send: Send) -> None:
    for begin in range(0, len(body), SMALL_BYTES):
        block = body[begin : begin + SMALL_BYTES]
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await wait_until_taken(send)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
