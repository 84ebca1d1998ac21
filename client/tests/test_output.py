"""How the program writes its results."""

import fcntl
import io
import os
import pty
import struct
import termios
from contextlib import suppress

import pytest

from entrepot_client.cli.failures import Failure
from entrepot_client.cli.output import Format, Output

USERS = [{"user_name": "anna", "admin": True}, {"user_name": "ben", "admin": False}]


class _Pipe(io.RawIOBase):
    """A pipe's writing end that keeps what each system call would have written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written.append(bytes(data))
        return len(data)


@pytest.mark.parametrize("form", Format)
def test_a_list_is_written_at_once(form: Format) -> None:
    """`| head -n 1` closes the pipe after its line; a second write would end the program."""
    pipe = _Pipe()
    output = Output(form, stdout=io.TextIOWrapper(io.BufferedWriter(pipe), "utf-8"))

    output.records(
        USERS,
        quiet="user_name",
        columns=["name", "admin"],
        rows=[["anna", "yes"], ["ben", "no"]],
        empty="no users",
    )

    (written,) = pipe.written
    assert b"anna" in written
    assert b"ben" in written


def test_a_record_is_written_at_once() -> None:
    pipe = _Pipe()
    output = Output(stdout=io.TextIOWrapper(io.BufferedWriter(pipe), "utf-8"))

    output.record(USERS[0], quiet="user_name", shown={"name": "anna", "admin": "yes"})

    assert pipe.written == [b"name   anna\nadmin  yes\n"]


@pytest.mark.parametrize("columns", [None, 60, 80])
def test_every_text_is_wrapped_in_a_terminal_and_whole_in_a_pipe(
    columns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever prints it: there is one place through which all of it goes."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    sentence = "A sentence of about sixty cells that says what happened here. " * 3
    ours, theirs = pty.openpty() if columns else os.pipe()
    if columns:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        output = Output(stdout=stream, stderr=stream)
        output.note(sentence)
        output.warning(sentence)
        output.text(sentence)
        output.record({"a": 1}, quiet="a", shown={"description": sentence})
        output.failure(Failure(sentence, sentence, lines=(sentence, sentence)))
    written = _read_all(ours)
    lines = written.replace("\r\n", "\n").splitlines()
    assert len(lines) == 8 if columns is None else max(map(len, lines)) <= columns
    assert " ".join(written.split()).count("what happened here") == 3 * 8


def _read_all(ours: int) -> str:
    written = b""
    with suppress(OSError):  # Linux ends a pseudo-terminal whose other side is closed so.
        while piece := os.read(ours, 1 << 16):
            written += piece
    os.close(ours)
    return written.decode()
