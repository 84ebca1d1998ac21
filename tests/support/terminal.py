"""The program in a pseudo-terminal of a certain width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import NamedTuple

from tests.support.server import PROGRAM

from entrepot_client.cli.main import run

ERASE = "\x1b[2K"
"""What erases the line in which the cursor is."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
"""What moves the cursor, hides it or sets a colour: none of it is text."""


class TerminalRun(NamedTuple):
    """The exit status, and what the terminal was sent, with `\\n` at line ends."""

    status: int
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines that stay on the screen: a bar of a program that took long is erased."""
        return [CONTROL.sub("", line.rpartition(ERASE)[2]) for line in self.text.split("\n")]

    @property
    def drawn(self) -> list[str]:
        """All lines that were on the screen, each state of a bar among them."""
        lines = self.text.replace(ERASE, "\n").split("\n")
        return [CONTROL.sub("", line) for line in lines]


def run_in_terminal(arguments: list[str], columns: int, environment: dict[str, str]) -> TerminalRun:
    """Run `entrepot ARGUMENTS` with both outputs on one terminal, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    settings = {**environment, "NO_COLOR": "1", "TERM": "xterm"}
    settings.pop("COLUMNS", None)
    with subprocess.Popen(
        [PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=settings
    ) as process:
        os.close(theirs)
        output = b""
        try:
            while piece := os.read(ours, 65_536):
                output += piece
        except OSError:
            pass  # Linux ends a pseudo-terminal whose other side is closed so.
        os.close(ours)
        status = process.wait(timeout=60)
    return TerminalRun(status, output.decode().replace("\r\n", "\n"))


def run_here_in_terminal(arguments: list[str], columns: int) -> TerminalRun:
    """Run the program in this process, with both outputs on one terminal and nobody to ask."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    pieces: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(ours, pieces))
    reader.start()
    try:
        with (
            os.fdopen(theirs, "w", encoding="utf-8") as terminal,
            open(os.devnull) as nothing,
            redirect_stdout(terminal),
            redirect_stderr(terminal),
        ):
            before, sys.stdin = sys.stdin, nothing
            try:
                status = run(arguments)
            finally:
                sys.stdin = before
    finally:
        reader.join()
        os.close(ours)
    return TerminalRun(status, b"".join(pieces).decode().replace("\r\n", "\n"))


def _read_all(terminal: int, pieces: list[bytes]) -> None:
    with suppress(OSError):  # Linux ends a pseudo-terminal whose other side is closed so.
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
