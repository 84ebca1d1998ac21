"""Start an inspecting process, and end it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Child:
    """One child process in a group of its own; `end` may be called any number of times."""

    process: "subprocess.Popen[bytes]"

    @property
    def stdin(self) -> int:
        """The descriptor that takes the request."""
        assert self.process.stdin is not None
        return self.process.stdin.fileno()

    @property
    def stdout(self) -> int:
        """The descriptor that gives the answer."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def resident(self) -> int:
        """Bytes of memory it holds now; 0 where the system does not tell, or after its end."""
        try:
            fields = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()
            return int(fields[1]) * PAGE
        except (OSError, IndexError, ValueError):
            return 0

    def end(self) -> None:
        """Kill it and everything it started, and reap it."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def start_child(parent: int, scratch: Path) -> Child:
    """Start a child that waits for one request; returns at once, before it is ready.

    Isolated mode, an empty environment and its own process group: nothing of the server's
    settings reaches it but where its temporary files go, which is the pool's `scratch`.
    """
    command = [
        sys.executable, "-I", "-B", "-X", "utf8", "-m", "entrepot.inspection.child", str(parent)
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"TMPDIR": str(scratch)},
        cwd="/",
        start_new_session=True,
        bufsize=0,
    )
    return Child(process)
