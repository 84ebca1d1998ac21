"""How often somebody may try to sign in: from one address, and by one name from one address.

Counted by this process, in memory; what a name has from everywhere is in the database
(`accounts.sign_in`). Whether a name exists makes no difference here.
"""

from collections import OrderedDict
from hashlib import sha256

from entrepot.errors import TooManyAttempts
from entrepot.http.limits.rates import MAX_COUNTERS, Rate, client_network

MINUTES = 5
"""Minutes for which attempts count."""
OF_A_NAME = 5
"""Attempts in `MINUTES` by one name from one address."""


class Attempts:
    """Counts attempts. Used by the event loop's thread alone."""

    def __init__(self, of_an_address: int) -> None:
        self._of_addresses = Rate(of_an_address, of_an_address, MINUTES) if of_an_address else None
        self._of_names = Rate(OF_A_NAME, OF_A_NAME, MINUTES)
        self._successes: OrderedDict[str, int] = OrderedDict()

    def count(self, user_name: str, address: str) -> bool:
        """Count an attempt; whether the name has signed in from there before.

        Raises TooManyAttempts.
        """
        side = client_network(address)
        if self._of_addresses is not None:
            _take(self._of_addresses, side)
        pair = _pair(user_name, side)
        succeeded = self._successes.get(pair, 0)
        # Named by the successes too: after each of them all attempts are there again.
        _take(self._of_names, f"{pair} {succeeded}")
        return succeeded > 0

    def succeeded(self, user_name: str, address: str) -> None:
        """The name has signed in from this address, one of its own from now on."""
        pair = _pair(user_name, client_network(address))
        self._successes[pair] = self._successes.pop(pair, 0) + 1
        if len(self._successes) > MAX_COUNTERS:
            self._successes.popitem(last=False)


def _pair(user_name: str, side: str) -> str:
    # As long for a name of a megabyte as for any other.
    return sha256(f"{user_name}\0{side}".encode()).hexdigest()


def _take(rate: Rate, who: str) -> None:
    spent = rate.take(who)
    if spent.limited:
        raise TooManyAttempts(retry_after=spent.retry_after)
