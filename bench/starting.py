"""The demo, from its command to the first answer that a person sees."""

import json
import subprocess
import time
import urllib.request
from itertools import count
from pathlib import Path

from bench.contenders import program_path
from bench.pairs import Line, spread
from bench.processes import cpu_seconds, tree
from bench.trial import Trial

LAST_LINE = "Ctrl-C ends it."
MAX_SECONDS = 0.8
STARTS = 5


def demo(trial: Trial) -> list[Line]:
    """`entrepot demo` until its lines are printed and its two files are listed: with a new data
    folder, which gets its database, an account and three deliveries, and with one that it had
    before. Everything that it runs is compiled and was read before."""
    numbers = count()
    _start(trial.folder / f"data-{next(numbers)}")
    first = [_start(trial.folder / f"data-{next(numbers)}") for _ in range(STARTS)]
    later = [_start(trial.folder / "data-0") for _ in range(STARTS)]
    lines = []
    for what, starts in (("new data folder", first), ("known data folder", later)):
        seconds = spread([took for took, _ in starts])
        met = seconds.median <= MAX_SECONDS
        lines += [
            Line(f"{what}, s", f"{seconds:.2f}", f"≤ {MAX_SECONDS:g}", met),
            Line(f"{what}, s of CPU", f"{spread([cpu for _, cpu in starts]):.2f}"),
        ]
    return lines


def _start(data: Path) -> tuple[float, float]:
    """Seconds until it is ready, and of CPU until then, of all its processes."""
    began = time.perf_counter()
    command = [program_path(), "demo", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed: dict[str, str] = {}
        for line in process.stdout:
            label, _, value = line.strip().partition("  ")
            printed[label] = value.strip()
            if label == LAST_LINE:
                break
        request = urllib.request.Request(
            f"{printed['Endpoint']}/api/v1/files",
            headers={"Authorization": f"Bearer {printed['API key']}"},
        )
        with urllib.request.urlopen(request) as answer:
            listed = json.load(answer)["files_list"]
        took = time.perf_counter() - began
        cpu = cpu_seconds(tree(process.pid))
        process.terminate()
    if len(listed) < 2:
        raise RuntimeError(f"the demo listed {listed}")
    return took, cpu
