"""Bound the unfinished bodies of requests without a valid key, for each address."""

from collections import Counter

from starlette.types import Message, Receive


class AnonymousBodies:
    """How many bodies of strangers are under way. Use it from the event loop's thread."""

    def __init__(self, max_per_address: int) -> None:
        self.max_per_address = max_per_address
        self._open: Counter[str] = Counter()

    def is_full(self, address: str) -> bool:
        """Whether one more body of this address is one too many."""
        return self._open[address] >= self.max_per_address

    def track(self, address: str, receive: Receive) -> "TrackedBody":
        """Count a body until it has come whole, or its request has ended."""
        self._open[address] += 1
        return TrackedBody(self, address, receive)

    def release(self, address: str) -> None:
        """One body less."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class TrackedBody:
    """The receiving side of one request whose body is counted."""

    def __init__(self, bodies: AnonymousBodies, address: str, receive: Receive) -> None:
        self._bodies, self._address, self._receive = bodies, address, receive
        self._counted = True

    async def receive(self) -> Message:
        """The next message; the last one of a body ends the count."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.close()
        return message

    def close(self) -> None:
        """End the count. Idempotent."""
        if self._counted:
            self._counted = False
            self._bodies.release(self._address)
