"""Results on stdout, everything else on stderr, in the requested format.

A command takes `ctx: typer.Context` and prints through `output_of(ctx)`:

- `human`: tables and `name: value` lines; colour only on a terminal and without `NO_COLOR`;
- `json`: the value as JSON, one document;
- `quiet`: only the main value (an id, a key), alone on its line.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

import typer

from entrepot_client.cli.failures import Failure

if TYPE_CHECKING:
    # rich is loaded when something is printed for people: it takes 0.1 s.
    from rich.console import Console

# A pipe has no width: a table must not be cut or wrapped there.
_PIPE_WIDTH = 10_000
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Format(StrEnum):
    """How results are printed."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


class Output:
    """The output of one run of the program; commands get it from `output_of`."""

    def __init__(
        self,
        format: Format = Format.HUMAN,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.format = format
        self.debug = False
        self._stdout = stdout
        self._stderr = stderr

    @property
    def out(self) -> "Console":
        """The console of results."""
        return _console(self._stdout or sys.stdout)

    @property
    def err(self) -> "Console":
        """The console of notes, progress and errors."""
        return _console(self._stderr or sys.stderr)

    @property
    def shows_progress(self) -> bool:
        """Whether stderr is a terminal, so that a progress bar can move on it."""
        # Not the console's own answer: FORCE_COLOR makes it take a pipe for a terminal.
        return (self._stderr or sys.stderr).isatty() and os.environ.get("TERM") != "dumb"

    def record(self, value: Mapping[str, Any], *, quiet: str, shown: Mapping[str, str]) -> None:
        """Print one thing.

        `value` is the whole of it (for `json`), `quiet` the key of its main value, and `shown` the
        labelled lines for people.
        """
        if self.format is Format.JSON:
            self.json(value)
        elif self.format is Format.QUIET:
            self.line(str(value[quiet]))
        else:
            width = max((len(label) for label in shown), default=0) + 2
            for label, text in shown.items():
                lines = text.replace("\n", "\n" + " " * width)
                _print(self.out, (label.ljust(width), "dim"), (lines, ""))

    def records(
        self,
        values: Iterable[Mapping[str, Any]],
        *,
        quiet: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        empty: str,
    ) -> None:
        """Print a list.

        `values` are the whole items (for `json`, printed as one array), `quiet` the key of each
        item's main value. `columns` and `rows` are the table for people; `empty` is the note for
        them if there is no row.
        """
        if self.format is Format.JSON:
            self.json(list(values))
        elif self.format is Format.QUIET:
            for value in values:
                self.line(str(value[quiet]))
        else:
            self._table(columns, list(rows), empty)

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        from rich.table import Table
        from rich.text import Text

        if not rows:
            self.note(empty)
            return
        table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self.out.print(table)

    def json(self, value: object) -> None:
        """Print a value as one JSON document, whatever the format."""
        self.line(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def line(self, text: str) -> None:
        """Print one line of results as it is, without colour or wrapping."""
        stream = self._stdout or sys.stdout
        stream.write(text + "\n")
        stream.flush()

    def note(self, text: str) -> None:
        """Print a note for people on stderr; it is not part of the result."""
        if self.format is Format.HUMAN:
            _print(self.err, (text, ""))

    def warning(self, text: str) -> None:
        """Warn on stderr, in every format."""
        _print(self.err, (text, "yellow"))

    def failure(self, failure: Failure) -> None:
        """Print on stderr why the command failed: in words, or as one JSON document."""
        if self.format is Format.JSON:
            document = {
                "error": failure.what,
                "advice": failure.do,
                "exit_status": int(failure.status),
                "lines": list(failure.lines),
                **failure.figures,
            }
            stream = self._stderr or sys.stderr
            stream.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
            return
        _print(self.err, ("Error: ", "bold red"), (failure.what, ""))
        for line in failure.lines:
            _print(self.err, (f"  {line}", ""))
        if failure.do:
            _print(self.err, (failure.do, ""))


def output_of(ctx: typer.Context) -> Output:
    """The output of this run, shared by the program and all its commands."""
    output = ctx.find_object(Output)
    if output is None:
        raise TypeError("Commands of entrepot run under entrepot_client.cli.main.run.")
    return output


def printable(text: str) -> str:
    """`text` with control and bidirectional characters shown as `�`; newline and tab stay.

    Names and messages come from other people; none may move the cursor or rewrite a terminal.
    """
    return _UNPRINTABLE.sub("�", text)


def _print(console: "Console", *parts: tuple[str, str]) -> None:
    """Print one line of (text, style) parts, never cut or wrapped."""
    from rich.text import Text

    line = Text.assemble(*((printable(text), style) for text, style in parts))
    console.print(line, soft_wrap=True)


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, highlight=False, emoji=False, markup=False, width=width)
