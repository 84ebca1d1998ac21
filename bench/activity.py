"""What the record of activity costs: small transfers with it and without it."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from bench.contenders import Entrepot, entrepot
from bench.pairs import Line, Measure, alternate, at_least, ratios, spread
from bench.processes import program
from bench.transfers import SMALL, load, random_file
from bench.trial import Trial

FILES = 200
"""Among which the downloads of many files turn."""
TURN = """
local paths = {{ {paths} }}
local next = 0
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
"""


def activity(trial: Trial) -> list[Line]:
    """Small files with the record and without it: one over and over, many in turn, and uploads."""
    wrk = program("wrk", "apt-get install wrk")
    file = random_file(trial.folder / "small.bin", SMALL)
    without = [sys.executable, "-m", "bench.unrecorded"]
    with ExitStack() as stack:
        servers = {
            "recorded": stack.enter_context(entrepot(trial.folder / "with")),
            "not recorded": stack.enter_context(entrepot(trial.folder / "without", without)),
        }
        numbers = count()
        paths = {name: _paths(server, file, numbers) for name, server in servers.items()}
        lines = []
        for what, measure in (
            ("one file", lambda name: _load_one(wrk, servers[name], paths[name][0])),
            (f"{FILES} files in turn", lambda name: _load_all(wrk, servers[name], paths[name])),
            ("uploads", lambda name: _uploads(servers[name], file, trial.small, numbers)),
        ):
            contenders: dict[str, Measure] = {
                name: (lambda name=name, measure=measure: measure(name)) for name in servers
            }
            rates = alternate(contenders, trial.pairs)
            lines += [
                Line(f"{what}, {name}, 1/s", f"{spread(values):.0f}")
                for name, values in rates.items()
            ]
            ratio = ratios(rates["recorded"], rates["not recorded"])
            lines.append(at_least(f"{what}, recorded ÷ not", ratio, 0.9))
    return lines


def _paths(server: Entrepot, file: Path, numbers: Iterator[int]) -> list[str]:
    tasks = [server.upload(file, f"{next(numbers)}.bin").task_id for _ in range(FILES)]
    result = [server.wait_task(task_id)["file_id"] for task_id in tasks]
    return [f"/api/v1/file/download/{file_id}" for file_id in result]


def _load_one(wrk: str, server: Entrepot, path: str) -> float:
    return load(wrk, server.port, path, server.headers())


def _load_all(wrk: str, server: Entrepot, paths: list[str]) -> float:
    script = server.data.parent / "turn.lua"
    script.write_text(TURN.format(paths=", ".join(f'"{path}"' for path in paths)))
    return load(wrk, server.port, "/", server.headers(), "-s", str(script))


def _uploads(server: Entrepot, file: Path, times: int, numbers: Iterator[int]) -> float:
    """Acknowledged uploads a second, one after the other; their inspections are waited for."""
    began = time.perf_counter()
    sent = [server.upload(file, f"{next(numbers)}.bin") for _ in range(times)]
    took = time.perf_counter() - began
    for delivery in sent:
        server.wait_task(delivery.task_id)
    return times / took
