"""Signals at any moment of a command. Each run is a process of its own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from client_peer import API_KEY, Peer

PROGRAM = "from entrepot_client.cli.entry_point import main; main()"
DEFAULT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "signal.signal(signal.SIGHUP, signal.SIG_DFL);"
)
"""A shell's background jobs ignore Ctrl-C, those of `nohup` SIGHUP, and so would the processes that
they start."""
SAID = {
    signal.SIGINT: b"Interrupted.\n",
    signal.SIGTERM: b"Ended by SIGTERM.\n",
    signal.SIGHUP: b"Ended by SIGHUP.\n",
}
SENT = """
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
"""
"""Sends a signal when a module is about to be imported."""
WRAPPED = """
import os, signal
import entrepot_client.cli.main as program
def wrap(path):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException as error:
        raise ValueError("a library's own") from error
program.ProgramGroup.load_all = program.ProgramGroup.main = lambda *_, **__: wrap(None)
"""
"""What pydantic does to an exception that comes while it builds a model."""


@pytest.fixture(params=SAID, ids=lambda number: number.name)
def number(request: pytest.FixtureRequest) -> signal.Signals:
    sent: signal.Signals = request.param
    return sent


@pytest.mark.parametrize("module", ["typer", "typer.core", "entrepot_client.cli.catalog"])
def test_a_signal_while_the_program_loads(number: signal.Signals, module: str) -> None:
    code = f"{DEFAULT}import os, sys\n{SENT}sys.meta_path.insert(0, Finder())\n{PROGRAM}"
    program = [sys.executable, "-c", code.format(module=module, number=int(number))]
    done = subprocess.run(program, check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (-number, b"", SAID[number])


def test_an_error_that_a_library_makes_of_an_interruption() -> None:
    code = f"{DEFAULT}{WRAPPED}{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", code, "files"], check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (-2, b"", b"Interrupted.\n")


@pytest.mark.parametrize("times", [1, 2])
def test_what_came_from_stdin_is_removed(
    peer: Peer, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    with _push_from_stdin(peer, tmp_path, DEFAULT + PROGRAM) as process:
        for _ in range(times):
            process.send_signal(number)
        process.wait(60)
        assert process.stderr is not None
        assert process.stderr.read() == SAID[number]
    assert process.returncode == -number
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so(peer: Peer, tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {PROGRAM}"
    with _push_from_stdin(peer, tmp_path, code) as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert [file.name for file in peer.files.values()] == ["a.csv"]


def _push_from_stdin(peer: Peer, folder: Path, code: str) -> subprocess.Popen[bytes]:
    """A push that has kept a part of what comes from its standard input, and waits for more."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, "push", "-", "--name", "a.csv"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={
            "ENTREPOT_ENDPOINT": peer.endpoint,
            "ENTREPOT_API_KEY": API_KEY,
            "TMPDIR": str(folder),
        },
    )
    assert process.stdin is not None
    process.stdin.write(b"a\n" * (1 << 20))
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in folder.glob("entrepot-*/stdin")):
        assert time.monotonic() < deadline, "nothing was kept within 60 s"
        time.sleep(0.02)
    return process
