"""Wait for what other processes do: for a condition, never for a time."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds. What is waited for comes within one; a loaded machine may stand still for many."""

UNHURRIED = 180.0
"""Seconds for what the server does at low priority, such as making another form of a file."""


def wait_until(
    condition: Callable[[], object],
    what: str | Callable[[], str],
    seconds: float = PATIENCE,
    longest_pause: float = 0.25,
) -> None:
    """Until `condition` is true; else the test fails with `what`, such as "a worker starts".

    What is true for a short time only needs a `longest_pause` (seconds) that is shorter still.
    """
    deadline, pause = time.monotonic() + seconds, 0.01
    while not condition():
        if time.monotonic() > deadline:
            description = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {description}")
        time.sleep(pause)
        # What takes longer is asked for less often: the asking takes the processor from it.
        pause = min(1.3 * pause, longest_pause)
