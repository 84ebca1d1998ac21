"""Measure memory: PSS of supervisor, API and worker before and during a large transfer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.contenders import Entrepot, entrepot
from bench.pairs import Line
from bench.processes import command_line, proportional_memory, tree
from bench.transfers import MIB, random_file
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, request_head

GROWTH = 64 * MIB
SAMPLE = 0.25
"""Seconds between two looks."""
BLOCK = 256 * MIB


@dataclass
class _Peak:
    value: int = 0


def memory(trial: Trial) -> list[Line]:
    """Growth over the warmed-up server, during one long upload and one long download."""
    block = random_file(trial.folder / "block.bin", min(BLOCK, trial.long_size))
    times = max(1, trial.long_size // BLOCK)
    with entrepot(trial.folder / "entrepot") as ours:
        warm = ours.wait_task(ours.upload(block, "warm.bin").task_id)["file_id"]
        for ranged in (False, True):
            _fetch(ours, warm, ranged)
        processes = _processes(ours)
        warmed = proportional_memory(processes)
        with _watched(processes) as uploading:
            delivery = ours.upload(block, "long.bin", times)
            file_id = ours.wait_task(delivery.task_id)["file_id"]
        with _watched(processes) as whole:
            _fetch(ours, file_id, ranged=False)
        with _watched(processes) as part:
            _fetch(ours, file_id, ranged=True)
    peaks = {"upload": uploading, "download, whole": whole, "download, one range": part}
    lines = [Line("warmed up, MiB", f"{warmed / MIB:.0f}")]
    for what, peak in peaks.items():
        growth = peak.value - warmed
        met = growth <= GROWTH
        lines.append(
            Line(f"growth, {what}, MiB", f"{growth / MIB:.0f}", f"≤ {GROWTH // MIB} MiB", met)
        )
    return lines


def _processes(ours: Entrepot) -> list[int]:
    """Supervisor, API and worker, without the inspecting children."""
    return [pid for pid in tree(ours.pid) if "inspection." not in command_line(pid)]


def _fetch(ours: Entrepot, file_id: str, ranged: bool) -> None:
    headers = ours.headers() | ({"Range": "bytes=1-"} if ranged else {})
    with WireConnection(ours.port) as connection:
        connection.send(request_head("GET", f"/api/v1/file/download/{file_id}", headers))
        answer = connection.answer(keep=False)
    if answer.status != (206 if ranged else 200):
        raise UnexpectedResponse(f"status {answer.status}")


@contextmanager
def _watched(processes: list[int]) -> Iterator[_Peak]:
    """The highest PSS of some processes while the block runs, filled in as it goes."""
    peak, end = _Peak(), threading.Event()

    def look() -> None:
        while not end.is_set():
            peak.value = max(peak.value, proportional_memory(processes))
            end.wait(SAMPLE)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        end.set()
        watcher.join()
