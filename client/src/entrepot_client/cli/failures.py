"""Exit statuses, and the two sentences of a failed command.

A command (the client's own or a plug-in's) raises `Failure`; `entrepot_client.cli.main` prints it
on stderr and ends the program with its status. Nothing else decides how a failure looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple


class ExitStatus(IntEnum):
    """The program's exit statuses."""

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
    """Ctrl-C, as shells number it (128 + SIGINT), or a question was not answered."""


class DetailTable(NamedTuple):
    """Details of a failure in columns; the first is always shown, whatever the width."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(eq=False)
class Failure(Exception):
    """A command failed.

    `what` is one sentence about what happened, `do` one about what to do (empty if nothing can be
    done), both with their full stops. `lines` are details printed between the two, such as the
    first errors of a rejected delivery, and `table` such details in columns. `figures` are added to
    the JSON that `--format json` prints.
    """

    what: str
    do: str = ""
    status: ExitStatus = ExitStatus.FAILED
    lines: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    table: DetailTable | None = None

    def __str__(self) -> str:
        return self.what
