"""How much of one kind an account has under way in this process: uploads, downloads, streams."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal
from uuid import UUID

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from entrepot.errors import EntrepotError
from entrepot.quotas.shares import guest_limit, guests_limit

Party = tuple[UUID, UUID | None]
"""An account, and whose places in it: the senders' account, or None for all guests'."""


class ConcurrencyLimit:
    """At most `max_per_account` of one kind for each account, and shares of that for its guests
    (`quotas.shares`). Use it from the event loop's thread.

    Exact, since nothing waits between the check and the count. A slot is free again when its block
    ends, even with an error.
    """

    def __init__(self, max_per_account: int, error: Callable[[int], EntrepotError]) -> None:
        self._max_per_account = max_per_account
        self._error = error
        self._active: Counter[Party] = Counter()
        self._total = 0

    @property
    def total(self) -> int:
        """How many places of all accounts are held."""
        return self._total

    @contextmanager
    def slot(self, account_id: UUID, sender_account: UUID | None = None) -> Iterator[int]:
        """Hold a place for the length of the block, which gets how many of all accounts are held.
        Raises the refusal, with the limit.

        `sender_account` is a guest's, who takes none of the places of the account's own people.
        """
        parties: dict[Party, int] = {(account_id, account_id): self._max_per_account}
        if sender_account not in (None, account_id):
            parties = {
                (account_id, sender_account): guest_limit(self._max_per_account),
                (account_id, None): guests_limit(self._max_per_account),
            }
        for party, limit in parties.items():
            if self._active[party] >= limit:
                raise self._error(limit)
        self._active.update(list(parties))
        self._total += 1
        try:
            yield self._total
        finally:
            self._total -= 1
            self._active.subtract(list(parties))
            for party in parties:
                if not self._active[party]:
                    del self._active[party]


def account_slot(
    kind: Literal["streams", "downloads", "form_waits"], scope: Scope
) -> AbstractContextManager[int]:
    """A place of the account that a unit of work has noted in the request's scope; of those for
    guests, if the request was made with a link.

    Raises the refusal when it is entered. Where nobody acts for an account, nothing is counted.
    """
    account_id = scope.get("account_id")
    if account_id is None:
        return nullcontext(1)
    limit: ConcurrencyLimit = getattr(scope["app"].state.runtime, kind)
    return limit.slot(account_id, scope.get("link_id"))


class EventStream(StreamingResponse):
    """Server-sent events, for which their account needs a place.

    Raises what `ConcurrencyLimit.slot` raises when it is sent, before any header has gone out.
    """

    media_type = "text/event-stream"

    def init_headers(self, headers: object = None) -> None:
        """Have nobody on the way keep or collect what is sent."""
        del headers
        super().init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the client goes."""
        with account_slot("streams", scope):
            await super().__call__(scope, receive, send)
