"""A running demo, as a person starts it who follows the README."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import READY_WITHIN
from tests.support.wait import PATIENCE, wait_until


@dataclass(frozen=True)
class Demo:
    """A demo that runs: what it printed, where its data is, and how to reach it."""

    programs: Path
    output: str
    data: Path

    def printed(self, label: str) -> str:
        """The value of a printed line such as `API key   epk_…`."""
        lines = [line for line in self.output.splitlines() if line.startswith(label)]
        assert len(lines) == 1, self.output
        return lines[0].removeprefix(label).strip()

    @property
    def environment(self) -> dict[str, str]:
        """What a person has set who follows the pages: what the line sets that the demo prints."""
        [line] = [line for line in self.output.splitlines() if line.startswith("export ")]
        exported = dict(word.split("=", 1) for word in shlex.split(line)[1:])
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("ENTR")},
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            **exported,
        }

    def run(self, script: str, folder: Path) -> str:
        """Run lines of shell in `folder` as one script that stops at the first failure."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def running_demo(programs: Path) -> Iterator[Demo]:
    """Run the demo of `programs`/entrepot on a free port until the block ends."""
    with tempfile.TemporaryDirectory() as place:
        data, log = Path(place) / "data", Path(place) / "said"
        with log.open("w") as output:
            process = subprocess.Popen(
                [str(programs / "entrepot"), "demo", "--port", "0", "--data", str(data)],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(
                lambda: "Ctrl-C ends it." in log.read_text() or process.poll() is not None,
                log.read_text,
                READY_WITHIN,
            )
            assert process.poll() is None, log.read_text()
            yield Demo(programs, log.read_text(), data)
        finally:
            process.terminate()
            process.wait(PATIENCE)
        assert "The demo has ended." in log.read_text()
