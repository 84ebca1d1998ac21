"""The program `entrepot`: what a run costs, and a folder of small files against curl."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from bench.contenders import Entrepot, entrepot, program_path
from bench.pairs import Line, Measure, Spread, alternate, at_least, ratios, spread
from bench.processes import program
from bench.trial import Trial

FILES = 500
"""In a folder that is pushed, or sent by curl."""
LISTED = {20: 180.0, 1_000: 300.0}
"""Files in a list, and the most milliseconds of processor time that a run with it may take."""
MAX_HELP_MS = 100.0
RUNS = 5
"""Of one command in a round: the clock of processor time has steps of 10 ms."""
LEAST_GAIN = 5.0
"""Of the folder against curl: files a second."""


def program_runs(trial: Trial) -> list[Line]:
    """A folder of files that differ, and the commands that scripts run most."""
    curl = program("curl", "apt-get install curl")
    numbers = count()
    with entrepot(trial.folder / "server") as server:
        settings = os.environ | {
            "ENTREPOT_ENDPOINT": f"http://127.0.0.1:{server.port}",
            "ENTREPOT_API_KEY": server.key,
        }
        lines = [
            Line(
                "`python -c pass`, ms of CPU",
                f"{_cpu([sys.executable, '-c', 'pass'], settings, trial):.0f}",
            )
        ]
        lines.append(_at_most("--help", settings, trial, MAX_HELP_MS, ""))
        listed = 0
        for files, limit in LISTED.items():
            _push_folder(_folder(trial, next(numbers), files - listed), settings)
            listed = files
            lines.append(_at_most("files list", settings, trial, limit, f" of {files:,}"))
        contenders: dict[str, Measure] = {
            "folder": lambda: _push_folder(_folder(trial, next(numbers), FILES), settings),
            "curl": lambda: _post_each(curl, _folder(trial, next(numbers), FILES), server),
        }
        rates = alternate(contenders, min(trial.pairs, 2))
        lines += [Line(f"{name}, files/s", f"{spread(rates[name]):.0f}") for name in rates]
        gain = ratios(rates["folder"], rates["curl"])
        lines.append(at_least("`push FOLDER --no-wait` ÷ curl for each file", gain, LEAST_GAIN))
    return lines


def _at_most(
    command: str, settings: Mapping[str, str], trial: Trial, limit: float, files: str
) -> Line:
    cpu = _cpu([program_path(), *command.split()], settings, trial)
    what = f"`entrepot {command}`{files}, ms of CPU"
    return Line(what, f"{cpu:.0f}", f"≤ {limit:.0f}", cpu.median <= limit)


def _folder(trial: Trial, number: int, files: int) -> Path:
    """A folder of small tables, whose names and rows no other has."""
    folder = trial.folder / f"tables-{number}"
    folder.mkdir()
    for each in range(files):
        rows = "".join(f"{row},{number},{each}\n" for row in range(20))
        (folder / f"{number}-{each}.csv").write_text(f"id,folder,file\n{rows}")
    return folder


def _push_folder(folder: Path, settings: Mapping[str, str]) -> float:
    """Files a second, acknowledged."""
    began = time.perf_counter()
    subprocess.run(
        [program_path(), "push", str(folder), "--no-wait", "--size-limit", "1MB"],
        env=settings,
        check=True,
        capture_output=True,
    )
    return FILES / (time.perf_counter() - began)


def _post_each(curl: str, folder: Path, server: Entrepot) -> float:
    """One run of curl for each file, as a script has it."""
    url = f"http://127.0.0.1:{server.port}/api/v1/file/new"
    began = time.perf_counter()
    for path in folder.iterdir():
        form = ("--form", f"file=@{path}", "--form", "file_size_limit=1000000")
        key = ("--header", f"Authorization: Bearer {server.key}")
        command = [curl, "--fail", "--silent", "--show-error", url, *key, *form]
        subprocess.run(command, check=True, capture_output=True)
    return FILES / (time.perf_counter() - began)


def _cpu(command: list[str], settings: Mapping[str, str], trial: Trial) -> Spread:
    """Milliseconds of processor time of a run."""

    def one_round() -> float:
        before = os.times()
        for _ in range(RUNS):
            subprocess.run(command, env=settings, check=True, capture_output=True)
        after = os.times()
        user = after.children_user - before.children_user
        return 1_000 * (user + after.children_system - before.children_system) / RUNS

    return spread([one_round() for _ in range(trial.pairs)])
