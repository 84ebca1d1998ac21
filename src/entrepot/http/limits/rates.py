"""How many requests come from one side in a time: the generic cell rate algorithm, in memory.

Counted by this process alone (docs/decisions/0024-limits.md). What nobody asks for goes, and beyond
`MAX_COUNTERS` the one that was asked for longest ago: so made-up addresses take no memory without
end.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

MAX_COUNTERS = 10_000
"""Keys, addresses or names of which one rate keeps the count at once."""


class RateState(NamedTuple):
    """What is left after a request. Times are whole seconds, rounded up.

    `full_after`: until all is there again; `retry_after`: until one more may come, 0 for now.
    """

    limited: bool
    remaining: int
    full_after: int
    retry_after: int


class Rate:
    """At most `burst` requests in a row, and `requests` in each `minutes` minutes.

    Ours rather than a library's: throttled-py, which was here, took 4 of the 49 us of a small
    download (ADR 0070). Use it from the event loop's thread.
    """

    def __init__(self, requests: int, burst: int, minutes: int = 1) -> None:
        self.burst = burst
        self.window = max(1, math.ceil(burst * 60 * minutes / requests))
        self._interval = 60 * minutes / requests
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> RateState:
        """Count a request of `key`, unless it is one too many."""
        now, interval, full_at = time.monotonic(), self._interval, self._full_at
        full_after = max(0.0, full_at.get(key, now) - now)
        remaining = self.burst - 1 - math.ceil(full_after / interval)
        limited = remaining < 0
        if not limited:
            full_after += interval
        full_at[key] = now + full_after
        full_at.move_to_end(key)
        if len(full_at) > MAX_COUNTERS:
            full_at.popitem(last=False)
        if limited:
            wait = math.ceil(full_after - (self.burst - 1) * interval)
            return RateState(True, 0, math.ceil(full_after), max(1, wait))
        return RateState(False, remaining, math.ceil(full_after), 0)


@lru_cache(MAX_COUNTERS)
def client_network(address: str) -> str:
    """What counts as one address: of IPv6 a network of 64 bits, which one host is given whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:45]  # as many characters as the longest IPv6 address has
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
