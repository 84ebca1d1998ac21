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
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, TextIO

import typer

from entrepot_client.cli.failures import DetailTable, ExitStatus, Failure
from entrepot_client.cli.terminal.columns import LISTS, ZONE, ColumnRules
from entrepot_client.cli.terminal.table import table_lines
from entrepot_client.cli.terminal.wrapping import wrap

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(?:\+0000|\+00:00|Z)")
_Line = Sequence[tuple[str, str]]  # texts and their styles
_To = Literal["out", "err"]
_WHOLE_FIELDS = frozenset(
    {"address", "data folder", "file", "link", "name", "page", "path", "report", "snapshot"}
)
"""Fields of a record that people copy, and that may have blanks: they are never wrapped."""
_USUAL_WIDTH = 80
_ERROR = "Error: "
_DETAIL = "  "
"""Before each detail of a failure."""
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
        self.lock = threading.RLock()
        """Held while something is printed, and while a bar begins or ends: a bar takes the place of
        the standard streams."""

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
            self._print("out", *self._fields(shown, width))

    def _fields(self, shown: Mapping[str, str], indent: int) -> Iterator[_Line]:
        """The labelled lines; a value of several lines continues below its beginning."""
        columns = terminal_width(self.out)
        for label, text in shown.items():
            value = short_time(printable(text), " UTC")
            if columns is None or label in _WHOLE_FIELDS:
                lines = value.split("\n")
            else:
                lines = wrap(value, columns - indent)
            yield [(label.ljust(indent), "dim"), (lines[0], "")]
            for line in lines[1:]:
                yield [(" " * indent, ""), (line, "")]

    def records(
        self,
        values: Iterable[Mapping[str, Any]],
        *,
        quiet: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        empty: str,
        rules: ColumnRules = LISTS,
    ) -> None:
        """Print a list.

        `values` are the whole items (for `json`, printed as one array), `quiet` the key of each
        item's main value. `columns` and `rows` are the table for people; `empty` is the note for
        them if there is no row. On a narrow terminal the `rules` say which columns give way.
        """
        if self.format is Format.JSON:
            self.json(list(values))
        elif self.format is Format.QUIET:
            self._write("".join(f"{value[quiet]}\n" for value in values))
        else:
            self._table(columns, list(rows), empty, rules)

    def _table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        empty: str,
        rules: ColumnRules,
    ) -> None:
        if not rows:
            self.note(empty)
            return
        cells = [[printable(short_time(cell)) for cell in row] for row in rows]
        width = terminal_width(self.out)  # a pipe has none: nothing is cut there
        headings = [
            f"{name}{ZONE}" if any(_TIME.fullmatch(row[at]) for row in rows) else name
            for at, name in enumerate(map(printable, columns))
        ]
        table = table_lines(headings, cells, width, rules)
        header, *lines = table.lines
        self._print("out", [(header, "bold")], *([(line, "")] for line in lines))
        if table.left_out:
            left_out = ", ".join(f"`{name.removesuffix(ZONE)}`" for name in table.left_out)
            noun = "column" if len(table.left_out) == 1 else "columns"
            self.note(
                f"Left out, because the terminal is narrow: {noun} {left_out}."
                " `--format json` has everything."
            )

    def json(self, value: object) -> None:
        """Print a value as one JSON document, whatever the format."""
        self.line(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def line(self, text: str) -> None:
        """Print one line of results as it is, without colour or wrapping."""
        self._write(text + "\n")

    def text(self, text: str) -> None:
        """Print a sentence of results for people, wrapped on a terminal."""
        self._prose("out", text)

    def _write(self, text: str, to: _To = "out") -> None:
        """Write text as it is, and all at once: a reader such as `head -n 1` may close the pipe as
        soon as it has its line, and would make a program fail that writes on."""
        with self.lock:
            stream = self._stream(to)
            stream.write(text)
            stream.flush()

    def note(self, text: str) -> None:
        """Print a note for people on stderr; it is not part of the result."""
        if self.format is Format.HUMAN:
            self._prose("err", text)

    def warning(self, text: str) -> None:
        """Warn on stderr, in every format."""
        self._prose("err", text, "yellow")

    def failure(self, failure: Failure) -> None:
        """Print on stderr why the command failed: in words, or as one JSON document."""
        if self.format is Format.JSON:
            document = {
                "error": failure.what,
                "advice": failure.do,
                "exit_status": int(failure.status),
                "lines": [*failure.lines, *_table_lines(failure.table, None)],
                **failure.figures,
            }
            text = json.dumps(document, ensure_ascii=False, default=str)
            self._write(f"{text}\n", "err")
            return
        first, *more = self._wrapped("err", f"{_ERROR}{failure.what}")
        lines: list[_Line] = [[(_ERROR, "bold red"), (first.removeprefix(_ERROR), "")]]
        lines += [[(line, "")] for line in more]
        lines += [[(line, "")] for detail in failure.lines for line in self._detail(detail)]
        width = terminal_width(self.err)
        table = _table_lines(failure.table, width and width - len(_DETAIL))
        lines += [[(_DETAIL + line, "")] for line in table]
        if failure.do:
            lines += [[(line, "")] for line in self._wrapped("err", failure.do)]
        self._print("err", *lines)

    def _detail(self, text: str) -> list[str]:
        """A detail of a failure: indented, and what continues it as well."""
        return self._wrapped("err", _DETAIL + text)

    def _prose(self, to: _To, text: str, style: str = "") -> None:
        self._print(to, *([(line, style)] for line in self._wrapped(to, text)))

    def _wrapped(self, to: _To, text: str) -> list[str]:
        """A sentence in lines that the terminal has room for; a pipe gets it as it is."""
        width = terminal_width(self._stream(to))
        text = printable(text)
        return text.split("\n") if width is None else wrap(text, width)

    def _print(self, to: _To, *lines: _Line) -> None:
        colour = _has_colour(self._stream(to))
        self._write("".join(_styled(line, colour) + "\n" for line in lines), to)

    def _stream(self, to: _To) -> TextIO:
        return self.out if to == "out" else self.err


def _table_lines(table: DetailTable | None, width: int | None) -> list[str]:
    if table is None:
        return []
    rows = [[printable(cell) for cell in row] for row in table.rows]
    return table_lines(table.columns, rows, width, LISTS).lines


def terminal_width(stream: TextIO) -> int | None:
    """How many cells a line of the terminal has; None for a pipe or a file."""
    if not stream.isatty():
        return None
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or _USUAL_WIDTH


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


def short_time(text: str, zone: str = "") -> str:
    """A time of the API for people, to the minute: `2023-11-25 13:25`, with `zone` behind it where
    nothing else says that it is UTC. Other texts stay."""
    match = _TIME.fullmatch(text)
    return f"{match[1]} {match[2]}{zone}" if match else text


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
