"""How the program writes its results."""

import io

import pytest

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
