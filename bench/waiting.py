"""Measures of a server that has little to do: small deliveries, and no work at all."""

import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.contenders import Entrepot, entrepot
from bench.pairs import Line, spread
from bench.processes import command_line, cpu_seconds, tree
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, request_head

ROWS = 500
WARM_UPS = 5
PAUSE = 1.0
"""Seconds between two deliveries: the server is idle again, its next inspecting child warm."""
LATENCY = 0.150
IDLE = 0.02


def small_csv(path: Path) -> Path:
    """A table of some 10 kB: numbers, names, dates, amounts."""
    lines = ["id,name,day,amount"]
    lines += [
        f"{n},item {n % 97},2024-{n % 12 + 1:02}-{n % 28 + 1:02},{n * 7 % 1000}.5"
        for n in range(ROWS)
    ]
    path.write_text("\n".join(lines)[:10_000].rpartition("\n")[0] + "\n")
    return path


def latency(trial: Trial) -> list[Line]:
    """From the first byte of a small delivery to the 202, to `finished_at`, to its event."""
    file = small_csv(trial.folder / "small.csv")
    answered, finished, reported = [], [], []
    with entrepot(trial.folder / "entrepot") as ours:
        for number in range(WARM_UPS + trial.small):
            time.sleep(PAUSE)
            delivery = ours.upload(file, f"{number}.csv")
            event_at = _heard_of_end(ours, delivery.task_id)
            if number >= WARM_UPS:
                answered.append(delivery.seconds * 1000)
                reported.append((event_at - delivery.began_at) * 1000)
                end = _finished_at(ours, delivery.task_id)
                finished.append((end - delivery.began_at) * 1000)
    target = f"≤ {LATENCY * 1000:g} ms at the median"
    return [
        Line("to the 202, ms", f"{spread(answered):.0f}"),
        *(
            Line(f"{what}, ms", f"{(result := spread(values)):.0f}", target, result.median <= 150)
            for what, values in (("to finished_at", finished), ("to the event", reported))
        ),
    ]


def _heard_of_end(ours: Entrepot, task_id: str) -> float:
    """Follow a task's stream; the moment at which its end was heard of."""
    seen = b""
    with WireConnection(ours.port) as connection:
        connection.send(request_head("GET", f"/api/v1/task/{task_id}/events", ours.headers()))
        for piece in connection.stream():
            now = time.time()
            seen += piece
            if b'"status":"succeeded"' in seen:
                return now
            if b'"status":"failed"' in seen:
                raise UnexpectedResponse(seen.decode())
    raise AssertionError("unreachable")


def _finished_at(ours: Entrepot, task_id: str) -> float:
    # The API tells whole seconds; the row has microseconds.
    with sqlite3.connect(f"file:{ours.data / 'entrepot.db'}?mode=ro", uri=True) as database:
        query = "SELECT finished_at FROM tasks WHERE id = ?"
        ((text,),) = database.execute(query, (task_id.replace("-", ""),)).fetchall()
    database.close()
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def idle(trial: Trial) -> list[Line]:
    """CPU of the whole server while nobody asks anything, after one delivery."""
    file = small_csv(trial.folder / "small.csv")
    with entrepot(trial.folder / "entrepot") as ours:
        ours.wait_task(ours.upload(file, "warm.csv").task_id)
        time.sleep(min(10.0, trial.idle))
        before = {pid: cpu_seconds([pid]) for pid in tree(ours.pid)}
        began = time.monotonic()
        time.sleep(trial.idle)
        took = time.monotonic() - began
        shares = {pid: (cpu_seconds([pid]) - before[pid]) / took for pid in before}
        names = {pid: _role(pid, ours.pid) for pid in before}
    total = sum(shares.values())
    lines = [
        Line(f"{names[pid]}, % of a core", f"{share * 100:.2f}") for pid, share in shares.items()
    ]
    target = f"< {IDLE:.0%} of a core"
    return [*lines, Line("all together, % of a core", f"{total * 100:.2f}", target, total < IDLE)]


def _role(pid: int, supervisor: int) -> str:
    command = command_line(pid)
    if pid == supervisor:
        return "supervisor"
    for role in ("api", "worker"):
        if command.startswith(f"entrepot: {role} "):
            return role
    if "entrepot.inspection.sandbox.forkserver" in command:
        return "fork server"
    return os.path.basename(command)
