"""SIGINT (Ctrl-C), SIGTERM and SIGHUP end a command alike: what it began is cleaned away first.

By default SIGTERM and SIGHUP end Python at once, and temporary files stay. `entry_point` begins to
listen before it imports anything else. A command that serves has handlers of its own.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""
REPEATED_SECONDS = 1.0
"""Signals that follow the first within this time are the same wish: `timeout` sends two, and people
press Ctrl-C twice. They must not end what cleans."""

_received: list[tuple[int, float]] = []


def listen() -> None:
    """Raise KeyboardInterrupt in the main thread at each of these signals, as far as they are
    handled."""
    handle_stop_signals(_interrupt)


def handle_stop_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Call `handler` at each of these signals. One that is ignored, as SIGHUP is under `nohup`,
    stays so."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def is_interrupted() -> bool:
    """Whether a signal has come. The exception that reaches a caller may be another: libraries
    catch KeyboardInterrupt and raise their own."""
    return bool(_received)


def stop_listening() -> None:
    """Let a signal end the process at once again: the command has ended."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)


def end_by_signal() -> NoReturn:
    """Say which signal came first, and end the process by it: a shell's loop stops at
    Ctrl-C only if its command died of it. `$?` is 128 and the number of the signal.

    Source: https://www.cons.org/cracauer/sigint.html
    """
    number = signal.Signals(_received[0][0])
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    text = "Interrupted." if number == signal.SIGINT else f"Ended by {number.name}."
    with suppress(OSError):  # the terminal may be gone
        print(text, file=sys.stderr, flush=True)
        sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the first process of a container does not die of it


def _interrupt(number: int, _frame: object) -> None:
    now = time.monotonic()
    if _received and now - _received[-1][1] < REPEATED_SECONDS:
        return
    _received.append((number, now))
    raise KeyboardInterrupt
