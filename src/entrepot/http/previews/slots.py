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


class PreviewPlaces:
    """`places` for all, at most `most` for one account, running and waiting together.

    `patience` is the seconds that one waits for a place. Of one event loop.
    """

    def __init__(self, places: int, most: int, patience: float) -> None:
        self._free = places
        self._share = max(1, places // 2)
        self._most = most
        self._patience = patience
        self._running: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, account_id: UUID) -> AsyncIterator[None]:
        """A place for one preview. Raises TooManyPreviews, and PreviewUnavailable after long."""
        waiting = sum(1 for each, _ in self._waiting if each == account_id)
        if self._running[account_id] + waiting >= self._most:
            raise TooManyPreviews(limit=self._most)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((account_id, turn))
        self._give()
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(turn)
        except TimeoutError:
            raise PreviewUnavailable from None
        else:
            yield
        finally:
            self._leave(account_id, turn)

    def _leave(self, account_id: UUID, turn: asyncio.Future[None]) -> None:
        if (account_id, turn) in self._waiting:
            self._waiting.remove((account_id, turn))
            return
        self._free += 1
        self._running[account_id] -= 1
        if not self._running[account_id]:
            del self._running[account_id]
        self._give()

    def _give(self) -> None:
        while self._free:
            able = [each for each in self._waiting if self._running[each[0]] < self._share]
            if not able:
                return
            account_id, turn = chosen = min(able, key=lambda each: self._running[each[0]])
            self._waiting.remove(chosen)
            self._free -= 1
            self._running[account_id] += 1
            turn.set_result(None)
