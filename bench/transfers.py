"""Measures of bytes in and out: large uploads, large downloads, many small downloads."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench.contenders import (
    PASSWORD,
    UNHINDERED,
    Entrepot,
    RunningPeer,
    copyparty,
    entrepot,
    file_response,
    nginx,
)
from bench.pairs import Line, Measure, alternate, at_least, ratios, spread
from bench.processes import program
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, form, request_head

MIB = 1024 * 1024
SMALL = 64 * 1024
AT_ONCE = 32
LOAD_SECONDS = 4


def random_file(path: Path, size: int) -> Path:
    """A file of random bytes: no table, so that no inspection runs beside the next round."""
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - start)))
    path.chmod(0o644)
    return path


def by_form(ours: Entrepot, file: Path, numbers: Iterator[int]) -> Measure:
    """Upload `file` by the form under a new name each time, to the answer: MiB a second."""
    size = file.stat().st_size

    def one() -> float:
        os.sync()
        delivery = ours.upload(file, f"{next(numbers)}.bin")
        ours.wait_task(delivery.task_id)
        return size / delivery.seconds / MIB

    return one


def upload(trial: Trial) -> list[Line]:
    """Upload one file: Entrepot's form, to the 202, against three peers."""
    file = random_file(trial.folder / "upload.bin", trial.size)
    with ExitStack() as stack:
        ours = stack.enter_context(entrepot(trial.folder / "entrepot"))
        web = stack.enter_context(nginx(trial.folder / "nginx"))
        party = stack.enter_context(copyparty(trial.folder / "copyparty"))
        numbers = count()
        contenders: dict[str, Measure] = {
            "entrepot": by_form(ours, file, numbers),
            "put+sync": lambda: _put(web, file, durable=True),
            "put": lambda: _put(web, file, durable=False),
            "copyparty": lambda: _party_upload(party, file, next(numbers)),
        }
        rates = alternate(contenders, trial.pairs)
    mine = rates["entrepot"]
    return [
        *(Line(f"{name}, MiB/s", f"{spread(rates[name]):.0f}") for name in contenders),
        at_least("form ÷ nginx PUT then fsync", ratios(mine, rates["put+sync"]), 1.0),
        at_least("form ÷ nginx PUT, nothing synced (goal)", ratios(mine, rates["put"]), 1.0),
        at_least("form ÷ copyparty's form", ratios(mine, rates["copyparty"]), 1.0),
    ]


def _put(peer: RunningPeer, file: Path, durable: bool) -> float:
    os.sync()
    size = file.stat().st_size
    target = peer.files / "dav" / "put.bin"
    target.unlink(missing_ok=True)
    with WireConnection(peer.port) as connection, _timed(size) as clock:
        connection.send(request_head("PUT", "/dav/put.bin", length=size), file)
        _expect(connection.answer().status, 201)
        if durable:
            # What `sync FILE` does, without the start of a process.
            descriptor = os.open(target, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    target.unlink()
    return clock.rate


def _party_upload(peer: RunningPeer, file: Path, number: int) -> float:
    os.sync()
    size = file.stat().st_size
    before, after, kind = form({"act": "bput"}, "f", f"{number}.bin")
    headers = {"PW": PASSWORD, "Content-Type": kind}
    head = request_head("POST", "/", headers, len(before) + size + len(after))
    with WireConnection(peer.port) as connection, _timed(size) as clock:
        connection.send(head + before, file, tail=after)
        _expect(connection.answer().status, 201, 200)
    (stored,) = peer.files.glob("*.bin")
    _expect(stored.stat().st_size, size)
    stored.unlink()
    return clock.rate


def download(trial: Trial) -> list[Line]:
    """Download one file, whole and as one range that leaves out its first byte, against nginx."""
    with ExitStack() as stack:
        ours = stack.enter_context(entrepot(trial.folder / "entrepot"))
        web = stack.enter_context(nginx(trial.folder / "nginx"))
        file = random_file(web.files / "large.bin", trial.size)
        path = f"/api/v1/file/download/{_deliver(ours, file)}"
        # One that leaves out a byte, so that no contender can take it for the whole file.
        part = {"Range": f"bytes=1-{trial.size - 1}"}

        def fetch(port: int, path: str, headers: dict[str, str], status: int) -> Measure:
            return lambda: _fetch(port, path, headers, status)

        rates = alternate(
            {
                "entrepot": fetch(ours.port, path, ours.headers(), 200),
                "nginx": fetch(web.port, "/large.bin", {}, 200),
                "entrepot, a range": fetch(ours.port, path, ours.headers() | part, 206),
                "nginx, a range": fetch(web.port, "/large.bin", part, 206),
            },
            trial.pairs,
        )
    whole = ratios(rates["entrepot"], rates["nginx"])
    ranged = ratios(rates["entrepot, a range"], rates["nginx, a range"])
    return [
        *(Line(f"{name}, MiB/s", f"{spread(values):.0f}") for name, values in rates.items()),
        at_least("whole ÷ nginx", whole, 0.9),
        at_least("one range ÷ nginx", ranged, 0.8),
    ]


def _fetch(port: int, path: str, headers: dict[str, str], status: int) -> float:
    with WireConnection(port) as connection, _timed(0) as clock:
        connection.send(request_head("GET", path, headers))
        answer = connection.answer(keep=False)
        clock.size = answer.size
    _expect(answer.status, status)
    return clock.rate


def small(trial: Trial) -> list[Line]:
    """Download 64 KiB over and over on 32 connections, by wrk, with a key where there are keys."""
    wrk = program("wrk", "apt-get install wrk")
    with ExitStack() as stack:
        ours = stack.enter_context(entrepot(trial.folder / "entrepot"))
        party = stack.enter_context(copyparty(trial.folder / "copyparty"))
        plain = stack.enter_context(file_response(trial.folder / "uvicorn"))
        web = stack.enter_context(nginx(trial.folder / "nginx"))
        for peer in (party, plain, web):
            random_file(peer.files / "small.bin", SMALL)
        path = f"/api/v1/file/download/{_deliver(ours, party.files / 'small.bin')}"

        def loaded(port: int, path: str, headers: dict[str, str]) -> Measure:
            return lambda: load(wrk, port, path, headers)

        rates = alternate(
            {
                "entrepot": loaded(ours.port, path, ours.headers()),
                "copyparty": loaded(party.port, "/small.bin", {"PW": PASSWORD}),
                "uvicorn": loaded(plain.port, "/small.bin", {}),
                "nginx": loaded(web.port, "/small.bin", {}),
            },
            trial.pairs,
        )
    mine = rates["entrepot"]
    return [
        *(Line(f"{name}, requests/s", f"{spread(values):.0f}") for name, values in rates.items()),
        at_least("with a key ÷ copyparty with its password", ratios(mine, rates["copyparty"]), 1.0),
        Line("with a key ÷ uvicorn's FileResponse without", f"{ratios(mine, rates['uvicorn'])}"),
        Line("with a key ÷ nginx without", f"{ratios(mine, rates['nginx'])}"),
    ]


def counting(trial: Trial) -> list[Line]:
    """What counting requests costs a download of 64 KiB: with and without, by wrk."""
    wrk = program("wrk", "apt-get install wrk")
    with ExitStack() as stack:
        contenders: dict[str, Measure] = {}
        for name, rate in (("counted", UNHINDERED), ("not counted", 0)):
            ours = stack.enter_context(
                entrepot(trial.folder / name.replace(" ", "-"), requests_per_minute=rate)
            )
            file = random_file(trial.folder / "small.bin", SMALL)
            path = f"/api/v1/file/download/{_deliver(ours, file)}"
            contenders[name] = partial(load, wrk, ours.port, path, ours.headers())
        rates = alternate(contenders, trial.pairs)
    return [
        *(Line(f"{name}, requests/s", f"{spread(values):.0f}") for name, values in rates.items()),
        at_least("counted ÷ not counted", ratios(rates["counted"], rates["not counted"]), 0.95),
    ]


def load(wrk: str, port: int, path: str, headers: dict[str, str], *more: str) -> float:
    """Requests a second that wrk gets answered on 32 connections; `more` are options of it."""
    command = [wrk, "-t1", f"-c{AT_ONCE}", f"-d{LOAD_SECONDS}s", *more]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise UnexpectedResponse(done.stdout)
    result = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if result is None:
        raise UnexpectedResponse(done.stdout)
    return float(result[1])


def _deliver(ours: Entrepot, file: Path) -> Any:
    delivery = ours.upload(file, file.name)
    return ours.wait_task(delivery.task_id)["file_id"]


@dataclass
class _Clock:
    size: int
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """MiB a second."""
        return self.size / self.seconds / MIB


@contextmanager
def _timed(size: int) -> Iterator[_Clock]:
    clock = _Clock(size)
    began = time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - began


def _expect(status: int, *expected: int) -> None:
    if status not in expected:
        raise UnexpectedResponse(f"{status} instead of {expected[0]}")
