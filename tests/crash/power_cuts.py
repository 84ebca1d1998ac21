"""A server whose system calls are recorded, and what it acknowledged meanwhile."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.api import Api
from tests.support.apt import installed_program
from tests.support.replayed_disk import Loss, ReplayedDisk, Step, replay, strace_options
from tests.support.server import PROGRAM, Server, make_server
from tests.support.wait import wait_until

Check = Callable[[Api], None]


def strace() -> str:
    """The program that records system calls."""
    return installed_program("strace", package="strace")


@dataclass
class RecordedServer(Server):
    """A server that runs below strace, with the pid that it would have without."""

    @property
    def calls_file(self) -> Path:
        return self.data.parent / "calls"

    def spawn(self) -> subprocess.Popen[bytes]:
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [strace(), *strace_options(self.calls_file), PROGRAM, *self.command],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=self._environment(),
            )
        self.process = process
        return process

    def stop(self, seconds: float = 60.0) -> int:
        """Stop it in order; then the log is complete."""
        assert self.process is not None
        status = super().stop(seconds)
        end = f"{self.process.pid} +++ exited".encode()
        wait_until(
            lambda: any(end in b" ".join(line.split()) for line in _last_lines(self.calls_file)),
            "strace has written the end",
        )
        return status


@dataclass
class Story:
    """What one client asks for, one request after another, and what must hold after a cut.

    `answers` counts all that it got; what was asked for and not answered may or may not be done.
    """

    api: Api
    answers: int = 0
    claims: list[tuple[int, str, Check | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api.client.event_hooks["response"].append(self._count)

    def _count(self, _: Any) -> None:
        self.answers += 1

    def ask(self, about: str) -> None:
        """From now on nothing is sure about this."""
        self.claims.append((self.answers, about, None))

    def claim(self, about: str, check: Check) -> None:
        """The last answer acknowledged this."""
        self.claims.append((self.answers, about, check))

    def due(self, answers: int) -> dict[str, Check]:
        """What must hold where this many answers had been sent."""
        due: dict[str, Check] = {}
        for count, about, check in self.claims:
            if count <= answers and check is not None:
                due[about] = check
            elif count <= answers:
                due.pop(about, None)
        return due


@dataclass
class Recording:
    """The folder `data` of a recorded server, its copy from `before`, the calls, and the story."""

    data: Path
    before: Path
    calls: Path
    story: Story
    api_key: str

    def replay(self) -> Iterator[tuple[ReplayedDisk, Step, int]]:
        """Each step, with the disk after it and how many of the story's answers came before it."""
        # The start has answered other requests before the story began.
        earlier = [step.answers for step in replay(self.calls, self._disk())][-1]
        earlier -= self.story.answers
        disk = self._disk()
        for step in replay(self.calls, disk):
            yield disk, step, step.answers - earlier

    def _disk(self) -> ReplayedDisk:
        return ReplayedDisk(self.data, self.before)

    def check(self, disk: ReplayedDisk, answers: int, loss: Loss, seed: int = 0) -> None:
        """Start the program on a state that a cut leaves; what is due then must hold."""
        folder = Path(tempfile.mkdtemp(prefix="ep-"))
        disk.save(folder / "data", loss, seed)
        server = make_server(data=folder / "data", log_level="warning")
        try:
            server.start()
            api = server.api(self.api_key)
            for check in self.story.due(answers).values():
                check(api)
            server.wait_derived()
            server.assert_sound()
        finally:
            server.close()


def _last_lines(file: Path) -> list[bytes]:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 2000))
        return opened.read().splitlines()


def record_command(calls: Path, *arguments: str) -> str:
    """Run one command of the program below strace; what it printed."""
    command = [strace(), *strace_options(calls), PROGRAM, "--format", "quiet", *arguments]
    # The reader of the pipe gets its end once strace, which inherits it, has written the log.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
    assert process.returncode == 0, (arguments, printed)
    return printed.strip()
