"""How much memory this process keeps for answers that clients have not taken yet, and for whom.

A party is an account, or the network of a client without one. What one may hold is what is still
free (the dynamic threshold of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998): a
single party gets half of the memory at most, and of n parties that hold all they can get, each has
one part in n + 1, so that as much is left for the next one.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from uuid import UUID

from starlette.types import Scope

from entrepot.errors import AnswerMemoryFull, TooMuchUnread
from entrepot.http.limits.blocks import KIB, QUEUED_MESSAGES
from entrepot.http.limits.concurrency_limits import account_slot
from entrepot.http.limits.rates import client_network

SENT_BYTES = 400 * KIB
"""What the server keeps of the messages that it took from its queue (hyper's `max_buf_size`)."""


def unread_bytes(block: int, body: int = 0) -> int:
    """What an answer in blocks of that size takes while its client reads nothing; `body` are bytes
    that were made whole."""
    return body + (QUEUED_MESSAGES + 2) * block + SENT_BYTES


class AnswerMemory:
    """At most `max_bytes` for all answers. Use it from the event loop's thread."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[UUID | str] = Counter()
        self._total = 0

    @contextmanager
    def hold(self, party: UUID | str, count: int, *, refuse: bool = True) -> Iterator[None]:
        """Count `count` bytes of a party for the length of the block.

        Unless it is not to `refuse`, raises TooMuchUnread if the party would have more than is left
        for others, and AnswerMemoryFull if it has nothing and there is not enough for it.
        """
        # One answer that is larger than a party's share could never be sent.
        count = min(count, self._max_bytes // 2)
        free = self._max_bytes - self._total - count
        if refuse and self._held[party] + count > free:
            if self._held[party]:
                raise TooMuchUnread(held=self._held[party])
            raise AnswerMemoryFull(limit=self._max_bytes)
        self._held[party] += count
        self._total += count
        try:
            yield
        finally:
            self._total -= count
            self._held[party] -= count
            if not self._held[party]:
                del self._held[party]


@contextmanager
def large_answer(
    memory: AnswerMemory, scope: Scope, count: int, *, refuse: bool = True
) -> Iterator[None]:
    """A place among the downloads of the account that a unit of work has noted in the request's
    scope, and `count` bytes of memory of that account's, or of the network of a client without one.

    Raises TooManyDownloads, TooMuchUnread and AnswerMemoryFull, unless it is not to `refuse`.
    """
    party = scope.get("account_id")
    if party is None or scope.get("link_id") is not None:
        client = scope.get("client")
        party = client_network(client[0]) if client else ""
    place = account_slot("downloads", scope) if refuse else nullcontext(1)
    with place, memory.hold(party, count, refuse=refuse):
        yield
