"""Check passwords so that guessing is slow, and nobody's guesses keep the right person out.

Counted by this process, in memory. Whether a name exists makes no difference here.

- A browser in which this user has signed in before (`KnownBrowser`) has attempts of its own, and
  is not kept waiting by others.
- All others take turns: on one name one attempt a second, after a few that come at once. Those who
  wait are served in turn by their networks, so that many attempts from one network delay one from
  another by one turn. An attempt is refused only if it would wait too long.
- One address has a number of attempts in five minutes for all names together.
- The attempts of others use one thread at a time: a flood of them never keeps a known browser
  waiting for more than one check.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque

from fastapi.concurrency import run_in_threadpool

from entrepot.accounts.passwords import verify_password
from entrepot.errors import TooManyAttempts
from entrepot.http.limits.rates import MAX_COUNTERS, Rate, client_network

MINUTES = 5
"""Minutes for which the attempts of an address or a known browser count."""
BROWSER_ATTEMPTS = 10
"""Attempts of one known browser in `MINUTES`."""
BURST = 10
"""Attempts on one name that need not wait."""
SECONDS_EACH = 1.0
"""Seconds between two attempts on one name after those: 86,400 a day. A password that we accept
takes 10^8 guesses or more."""
WAIT_SECONDS = 30.0
"""How long an attempt waits for its turn before it is refused."""
MAX_WAITING = 100
"""Attempts on one name that wait for one network, and networks that wait for one name."""
MAX_CHECKS = 20
"""Attempts of one network that wait for a thread."""
THREADS = 2
"""Passwords that are checked at the same time: each check takes 64 MiB and 100 ms of a core."""


class PasswordChecks:
    """Checks passwords. Used by the event loop's thread alone."""

    def __init__(self, attempts_per_address: int) -> None:
        per_address = attempts_per_address
        self._of_addresses = Rate(per_address, per_address, MINUTES) if per_address else None
        self._of_browsers = Rate(BROWSER_ATTEMPTS, BROWSER_ATTEMPTS, MINUTES)
        self._lines: OrderedDict[str, AttemptsOnName] = OrderedDict()
        self._threads = asyncio.Semaphore(THREADS)
        self._unknown_threads = asyncio.Semaphore(THREADS - 1)
        self._checks: Counter[str] = Counter()

    async def verify(
        self, user_name: str, password_hash: str, password: str, address: str, browser: str | None
    ) -> bool:
        """Whether the password fits the hash. `browser` names a browser that the user is known to
        use; None for any other. Raises TooManyAttempts.
        """
        if browser is not None:
            _take(self._of_browsers, browser)
            return await self._check(password_hash, password)
        network = client_network(address)
        if self._of_addresses is not None:
            _take(self._of_addresses, network)
        await self._line(user_name).turn(network)
        if self._checks[network] >= MAX_CHECKS:
            raise TooManyAttempts(retry_after=math.ceil(MAX_CHECKS / 10))
        self._checks[network] += 1
        try:
            async with self._unknown_threads:
                return await self._check(password_hash, password)
        finally:
            self._checks[network] -= 1
            if not self._checks[network]:
                del self._checks[network]

    async def _check(self, password_hash: str, password: str) -> bool:
        async with self._threads:
            return await run_in_threadpool(verify_password, password_hash, password)

    def _line(self, user_name: str) -> "AttemptsOnName":
        # As long for a name of a megabyte as for any other: no user name has more characters.
        name = user_name[:140]
        line = self._lines.pop(name, None) or AttemptsOnName()
        self._lines[name] = line
        if len(self._lines) > MAX_COUNTERS:
            idle = next((each for each, line in self._lines.items() if not line.waits), None)
            if idle is not None and idle != name:
                del self._lines[idle]
        return line


class AttemptsOnName:
    """The attempts on one name: `BURST` of them at once, then one each `SECONDS_EACH`.

    The pace is that of the generic cell rate algorithm. Those who wait are released in turn by
    their networks, and in order within one.
    """

    def __init__(self) -> None:
        self._full_at = 0.0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._releasing: asyncio.Task[None] | None = None

    @property
    def waits(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    async def turn(self, network: str) -> None:
        """Wait for this attempt's turn. Raises TooManyAttempts."""
        if not self._waiting and self._delay() <= 0:
            self._take()
            return
        if network not in self._waiting and len(self._waiting) >= MAX_WAITING:
            raise TooManyAttempts(retry_after=math.ceil(WAIT_SECONDS))
        queue = self._waiting.setdefault(network, deque())
        if len(queue) >= MAX_WAITING:
            raise TooManyAttempts(retry_after=math.ceil(WAIT_SECONDS))
        released = asyncio.get_running_loop().create_future()
        queue.append(released)
        if self._releasing is None:
            self._releasing = asyncio.create_task(self._release())
        try:
            await asyncio.wait_for(released, WAIT_SECONDS)
        except TimeoutError:
            raise TooManyAttempts(retry_after=math.ceil(WAIT_SECONDS)) from None

    async def _release(self) -> None:
        while self._waiting:
            if (delay := self._delay()) > 0:
                await asyncio.sleep(delay)
            network, queue = self._waiting.popitem(last=False)
            released = queue.popleft()
            if queue:
                self._waiting[network] = queue
            if not released.done():  # else it has waited too long, or its client is gone
                self._take()
                released.set_result(None)
        self._releasing = None

    def _delay(self) -> float:
        """Seconds until the next attempt may be made."""
        return self._full_at - (BURST - 1) * SECONDS_EACH - time.monotonic()

    def _take(self) -> None:
        self._full_at = max(self._full_at, time.monotonic()) + SECONDS_EACH


def _take(rate: Rate, who: str) -> None:
    state = rate.take(who)
    if state.limited:
        raise TooManyAttempts(retry_after=state.retry_after)
