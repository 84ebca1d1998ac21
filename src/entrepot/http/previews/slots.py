"""Who may have a preview made now: places, and turns between accounts.

Previews are read by processes of their own, of which few run at once. An account never has more
than half of the places, so that one whose filters take long costs no other account its pages;
whoever has the fewest comes next, and among those the one who has waited longest.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from entrepot.errors import PreviewUnavailable, TooManyPreviews


class PreviewSlots:
    """`slots` for all, at most `max_per_account` for one account, running and waiting together.

    A request waits at most `timeout_seconds` for a slot. Use it from one event loop.
    """

    def __init__(self, slots: int, max_per_account: int, timeout_seconds: float) -> None:
        self._free = slots
        self._share = max(1, slots // 2)
        self._max_per_account = max_per_account
        self._timeout_seconds = timeout_seconds
        self._running: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def slot(self, account_id: UUID) -> AsyncIterator[None]:
        """A place for one preview. Raises TooManyPreviews, and PreviewUnavailable after long."""
        waiting = sum(1 for each, _ in self._waiting if each == account_id)
        if self._running[account_id] + waiting >= self._max_per_account:
            raise TooManyPreviews(limit=self._max_per_account)
        assigned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((account_id, assigned))
        self._assign_slots()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await asyncio.shield(assigned)
        except TimeoutError:
            raise PreviewUnavailable from None
        else:
            yield
        finally:
            self._release(account_id, assigned)

    def _release(self, account_id: UUID, assigned: asyncio.Future[None]) -> None:
        if (account_id, assigned) in self._waiting:
            self._waiting.remove((account_id, assigned))
            return
        self._free += 1
        self._running[account_id] -= 1
        if not self._running[account_id]:
            del self._running[account_id]
        self._assign_slots()

    def _assign_slots(self) -> None:
        while self._free:
            eligible = [each for each in self._waiting if self._running[each[0]] < self._share]
            if not eligible:
                return
            account_id, assigned = entry = min(eligible, key=lambda each: self._running[each[0]])
            self._waiting.remove(entry)
            self._free -= 1
            self._running[account_id] += 1
            assigned.set_result(None)
