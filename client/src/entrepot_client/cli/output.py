"""Results on stdout, everything else on stderr, in the requested format.

A command takes `ctx: typer.Context` and prints through `output_of(ctx)`:

- `human`: tables and `name: value` lines; colour only on a terminal and without `NO_COLOR`;
- `json`: the value as JSON, one document;
- `quiet`: only the main value (an id, a key), alone on its line.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

import typer

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.terminal_table import table_lines

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(?:\+0000|\+00:00|Z)")
_Line = Sequence[tuple[str, str]]  # texts and their styles
_STYLES = {"bold": "1", "dim": "2", "bold red": "1;31", "yellow": "33"}


class Format(StrEnum):
    """How results are printed."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


class Output:
    """The output of one run of the program; commands get it from `output_of`.

    `failed_status` is the exit status of a failure that has none of its own.
    """

    def __init__(
        self,
        format: Format = Format.HUMAN,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.format = format
        self.debug = False
        self.failed_status = ExitStatus.FAILED
        self._stdout = stdout
        self._stderr = stderr

    @property
    def out(self) -> TextIO:
        """The stream of results."""
        return self._stdout or sys.stdout

    @property
    def err(self) -> TextIO:
        """The stream of notes, progress and errors."""
        return self._stderr or sys.stderr

    @property
    def shows_progress(self) -> bool:
        """Whether stderr is a terminal, so that a progress bar can move on it."""
        return self.err.isatty() and os.environ.get("TERM") != "dumb"

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
            lines = (
                [(label.ljust(width), "dim"), (_indented(short_time(text), width), "")]
                for label, text in shown.items()
            )
            _print(self.out, *lines)

    def records(
        self,
        values: Iterable[Mapping[str, Any]],
        *,
        quiet: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        empty: str,
        wraps_last: bool = False,
    ) -> None:
        """Print a list.

        `values` are the whole items (for `json`, printed as one array), `quiet` the key of each
        item's main value. `columns` and `rows` are the table for people; `empty` is the note for
        them if there is no row. With `wraps_last` a narrow terminal wraps the texts of the last
        column, which are never cut or left out.
        """
        if self.format is Format.JSON:
            self.json(list(values))
        elif self.format is Format.QUIET:
            self._write("".join(f"{value[quiet]}\n" for value in values))
        else:
            self._table(columns, list(rows), empty, wraps_last)

    def _table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        empty: str,
        wraps_last: bool,
    ) -> None:
        if not rows:
            self.note(empty)
            return
        cells = [[printable(short_time(cell)) for cell in row] for row in rows]
        # A pipe has no width: nothing is cut there.
        width = shutil.get_terminal_size().columns if self.out.isatty() else None
        table = table_lines([printable(name) for name in columns], cells, width, wraps_last)
        header, *lines = table.lines
        _print(self.out, [(header, "bold")], *([(line, "")] for line in lines))
        if table.left_out:
            names = ", ".join(f"`{name}`" for name in table.left_out)
            columns = "column" if len(table.left_out) == 1 else "columns"
            self.note(
                f"Left out, because the terminal is narrow: {columns} {names}."
                " `--format json` has everything."
            )

    def json(self, value: object) -> None:
        """Print a value as one JSON document, whatever the format."""
        self.line(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def line(self, text: str) -> None:
        """Print one line of results as it is, without colour or wrapping."""
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()

    def note(self, text: str) -> None:
        """Print a note for people on stderr; it is not part of the result."""
        if self.format is Format.HUMAN:
            _print(self.err, [(text, "")])

    def warning(self, text: str) -> None:
        """Warn on stderr, in every format."""
        _print(self.err, [(text, "yellow")])

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
            self.err.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
            return
        lines: list[_Line] = [[("Error: ", "bold red"), (failure.what, "")]]
        lines += [[(f"  {line}", "")] for line in failure.lines]
        if failure.do:
            lines.append([(failure.do, "")])
        _print(self.err, *lines)


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
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("�", text)


def short_time(text: str) -> str:
    """A time of the API for people, to the minute (UTC): `2023-11-25 13:25`. Other texts stay."""
    match = _TIME.fullmatch(text)
    return f"{match[1]} {match[2]}" if match else text


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


def _print(stream: TextIO, *lines: _Line) -> None:
    """Print lines, never cut or wrapped, and all at once: a reader such as `head -n 1` may close
    the pipe as soon as it has its line, and would make a program fail that writes on."""
    colour = _has_colour(stream)
    stream.write("".join(_styled(line, colour) + "\n" for line in lines))
    stream.flush()


def _styled(line: _Line, colour: bool) -> str:
    return "".join(
        f"\x1b[{_STYLES[style]}m{printable(text)}\x1b[0m" if style and colour else printable(text)
        for text, style in line
    )


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32" and not os.environ.get("WT_SESSION"):
        return False  # an old console shows the codes
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
