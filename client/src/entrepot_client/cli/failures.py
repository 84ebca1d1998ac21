"""Exit statuses, and the two sentences with which a command fails.

A command (the client's own or a plug-in's) raises `Failure`; `entrepot_client.cli.main` prints it
on stderr and ends the program with its status. Nothing else decides how a failure looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class ExitStatus(IntEnum):
    """What the program's exit status tells a script."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    NOT_ALLOWED = 3
    """Not signed in, or signed in and not allowed."""
    NOT_FOUND = 4
    REJECTED = 5
    """The file's contract rejected the delivery."""
    OVER_LIMIT = 6
    """Over a file's size limit, the account's quota or a rate limit."""
    INTERRUPTED = 130
    """Ctrl-C, as shells number it (128 + SIGINT)."""


@dataclass(eq=False)
class Failure(Exception):
    """A command could not do its work.

    `what` is one sentence of what happened, `do` one of what to do about it (may be empty when
    nothing can be done), both with their full stops. `lines` are details printed between the
    two, such as the first rows that a contract rejected. `figures` go into the machine-readable
    form that `--format json` prints.
    """

    what: str
    do: str = ""
    status: ExitStatus = ExitStatus.FAILED
    lines: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.what
