"""The program in a pseudo-terminal of a certain width."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from typing import NamedTuple

from tests.support.server import PROGRAM


class TerminalRun(NamedTuple):
    """The exit status, and what the terminal shows, with `\\n` at line ends."""

    status: int
    text: str


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
