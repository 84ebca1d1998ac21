"""Who may have something done now by processes of which few run at once: places, and turns between
accounts.

An account never has more than half of the places, so that one whose filters or schemas take long
costs no other account its turn; whoever has the fewest comes next, and among those the one who has
waited longest.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from entrepot.errors import EntrepotError


class FairSlots:
    """`slots` for all, at most `max_per_account` for one account, running and waiting together.

    A request waits at most `timeout_seconds` for a slot. `too_many` and `timed_out` make the
    refusals. Use it from one event loop.
    """

    def __init__(
        self,
        slots: int,
        max_per_account: int,
        timeout_seconds: float,
        too_many: Callable[[int], EntrepotError],
        timed_out: Callable[[], EntrepotError],
    ) -> None:
        self._too_many = too_many
        self._timed_out = timed_out
        self._free = slots
        self._share = max(1, slots // 2)
        self._max_per_account = max_per_account
        self._timeout_seconds = timeout_seconds
        self._running: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def slot(self, account_id: UUID) -> AsyncIterator[None]:
        """A place for the length of the block. Raises the refusals."""
        waiting = sum(1 for each, _ in self._waiting if each == account_id)
        if self._running[account_id] + waiting >= self._max_per_account:
            raise self._too_many(self._max_per_account)
        assigned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((account_id, assigned))
        self._assign_slots()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await asyncio.shield(assigned)
        except TimeoutError:
            raise self._timed_out() from None
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
