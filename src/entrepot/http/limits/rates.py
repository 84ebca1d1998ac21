"""How many requests come from one side in a time: the generic cell rate algorithm, in memory.

Counted by this process alone (docs/decisions/0024-limits.md). What nobody asks for goes, and beyond
`MAX_COUNTERS` the one that was asked for longest ago: so made-up addresses take no memory without
end.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from throttled import MemoryStore, RateLimiterRegistry, RateLimiterType, per_duration

MAX_COUNTERS = 10_000
"""Keys, addresses or names of which one rate keeps the count at once."""

_ALGORITHM = RateLimiterRegistry.get(RateLimiterType.GCRA.value)


@dataclass(frozen=True)
class RateState:
    """What is left after a request. Times are whole seconds, rounded up.

    `full_after`: until all is there again; `retry_after`: until one more may come, 0 for now.
    """

    limited: bool
    remaining: int
    full_after: int
    retry_after: int


class Rate:
    """At most `burst` requests in a row, and `requests` in each `minutes` minutes."""

    def __init__(self, requests: int, burst: int, minutes: int = 1) -> None:
        self.burst = burst
        self.window = max(1, math.ceil(burst * 60 * minutes / requests))
        quota = per_duration(timedelta(minutes=minutes), requests, burst)
        self._limiter = _ALGORITHM(quota, MemoryStore(options={"MAX_SIZE": MAX_COUNTERS}))

    def take(self, key: str) -> RateState:
        """Count a request of `key`, unless it is one too many."""
        result = self._limiter.limit(key)
        state = result.state
        wait = math.ceil(state.retry_after)
        return RateState(
            result.limited,
            state.remaining,
            math.ceil(state.reset_after),
            max(1, wait) if result.limited else 0,
        )


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
