"""A mix of small deliveries, downloads, lists and large transfers at a constant rate.

First clients ask as fast as they are answered, which measures the rate: that of the slowest window,
since a shared machine can serve half as many in one minute as in another, whatever was stored
meanwhile (seven minutes on idle hosts: 26 to 45 a second, in no order, the CPU of all processes
for one request going up and down together). Then requests are due at a share of it, whoever is
late: a server that is slower for a moment has the queue of a real one, and the latency is counted
from when a request was due.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, quantiles

import httpx2
import psutil
from tests.crash.installation import table
from tests.support.api import API, PLAIN
from tests.support.server import Server

SMALL, OTHER = table(250), table(250, "y")
STORED = table(3_000, "z" * 5)
LARGE = table(90_000, "l" * 170)
"""17 MB: two blocks, and parts in S3."""
TIMEOUT = 120.0
CLIENTS = 64
"""Threads that ask. Senders wait for the verdict: at 40 requests a second and 1.5 s for one of
them, 16 threads all did, and the reads waited for a thread of the client, not for the server."""
FILES = 12
HONEST = (429, 503)
SAMPLES = 60
"""Looks at the memory of a load: one at all processes of four hosts takes 0.2 s of a core."""
KINDS = ("supervisor", "api", "worker", "fork server")
WEIGHTS = {"download": 50, "list": 24, "delivery": 25, "large delivery": 0.5, "large download": 0.5}
"""Of a hundred requests."""


@dataclass(frozen=True)
class Answered:
    """One request: when it was due, in seconds since the start, and how long its answer took."""

    kind: str
    due: float
    seconds: float
    status: int


@dataclass(frozen=True)
class Target:
    """Whom the load is for: the addresses of the API processes, and what is there."""

    endpoints: list[str]
    api_key: str
    file_ids: list[str]
    large_id: str


@dataclass
class LoadResult:
    """What a load was answered, and the memory of the processes meanwhile."""

    seconds: float
    warm_up: float = 0.0
    """The seconds before the growth of memory counts."""
    answers: list[Answered] = field(default_factory=list)
    memory: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests in a second."""
        return len(self.answers) / self.seconds

    def slowest_rate(self, window: float) -> float:
        """Requests in a second in the window of so many seconds that had the fewest answers."""
        windows = max(1, int(self.seconds // window))
        length = self.seconds / windows
        ended = [int((each.due + each.seconds) / length) for each in self.answers]
        return min(ended.count(number) for number in range(windows)) / length

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def latencies(self, kind: str, third: int) -> list[float]:
        """The seconds of answers that were due in that third of the time (0 to 2)."""
        begin, end = third * self.seconds / 3, (third + 1) * self.seconds / 3
        return [
            each.seconds
            for each in self.answers
            if each.kind == kind and begin <= each.due < end and each.status not in HONEST
        ]

    def grown(self, kind: str) -> float:
        """Bytes an hour by which the processes of that kind grow after the warm-up: the slope of a
        line through the samples (least squares)."""
        points = [(at, used[kind]) for at, used in self.memory if at >= self.warm_up]
        return 3600 * linear_regression(*zip(*points, strict=True)).slope


def percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """The median, and what 95 and 99 of a hundred stay below, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return 1000 * cuts[49], 1000 * cuts[94], 1000 * cuts[98]


def prepare(server: Server, endpoints: list[str]) -> Target:
    """An account with files to read and to deliver to."""
    account = server.new_account(quota=10**12)
    small = [
        str(account.api.deliver(STORED, name=f"file {n}.csv", enforce_schema="true")["file_id"])
        for n in range(FILES)
    ]
    large = account.api.deliver(LARGE, name="large.csv", limit=100_000_000)
    server.wait_derived()
    return Target(endpoints, account.api_key, small, str(large["file_id"]))


class LoadClient:
    """One thread's clients, one for each API process, and its share of chance."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.chance = random.Random(seed)
        headers = {"Authorization": f"Bearer {target.api_key}"}
        self.clients = [
            httpx2.Client(
                base_url=endpoint, headers=headers, timeout=TIMEOUT, trust_env=False, verify=PLAIN
            )
            for endpoint in target.endpoints
        ]

    def ask(self, kind: str) -> int:
        """Send a request of that kind; the status, 0 where none came."""
        client = self.chance.choice(self.clients)
        file_id = self.chance.choice(self.target.file_ids)
        path, large = f"{API}/file/{file_id}", f"{API}/file/{self.target.large_id}"
        headers = {"Prefer": "wait=100"}
        try:
            if kind == "download":
                return client.get(f"{API}/file/download/{file_id}").status_code
            if kind == "list":
                return client.get(f"{API}/files", params={"limit": 50}).status_code
            if kind == "delivery":
                content = self.chance.choice((SMALL, OTHER))
                return client.put(path, content=content, headers=headers).status_code
            if kind == "large delivery":
                return client.put(large, content=LARGE, headers=headers).status_code
            path = f"{API}/file/download/{self.target.large_id}"
            return client.get(path).status_code
        except httpx2.TransportError:
            return 0

    def close(self) -> None:
        for client in self.clients:
            client.close()


def choose_kind(chance: random.Random) -> str:
    """What is asked next, by the weights."""
    return chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


@contextmanager
def callers(target: Target) -> Iterator[Callable[[], LoadClient]]:
    """What gives each thread its own caller."""
    mine, made = threading.local(), list[LoadClient]()

    def caller() -> LoadClient:
        if not hasattr(mine, "caller"):
            mine.caller = LoadClient(target, len(made))
            made.append(mine.caller)
        result: LoadClient = mine.caller
        return result

    yield caller
    for each in made:
        each.close()


def ask_as_fast_as_answered(target: Target, seconds: float, clients: int) -> LoadResult:
    """As many requests as `clients` get answered one after another."""
    measured, began = LoadResult(seconds), time.monotonic()
    chance = random.Random(1)

    def ask_in_turn(caller: Callable[[], LoadClient]) -> None:
        while (due := time.monotonic() - began) < seconds:
            kind = choose_kind(chance)
            status = caller().ask(kind)
            took = time.monotonic() - began - due
            measured.answers.append(Answered(kind, due, took, status))

    with callers(target) as caller, ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(ask_in_turn, caller) for _ in range(clients)]:
            done.result()
    return measured


def ask_at_rate(
    target: Target, rate: float, seconds: float, warm_up: float, servers: list[Server]
) -> LoadResult:
    """`rate` requests a second, each at its time; the memory of the servers is looked at."""
    measured, began = LoadResult(seconds, warm_up), time.monotonic()
    chance, ended = random.Random(2), threading.Event()

    def ask(caller: Callable[[], LoadClient], kind: str, due: float) -> None:
        status = caller().ask(kind)
        took = time.monotonic() - began - due
        measured.answers.append(Answered(kind, due, took, status))

    def watch() -> None:
        while not ended.wait(seconds / SAMPLES):
            measured.memory.append((time.monotonic() - began, memory(servers)))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with callers(target) as caller, ThreadPoolExecutor(CLIENTS) as threads:
            sent = []
            for number in range(int(rate * seconds)):
                due = number / rate
                ended.wait(max(0.0, began + due - time.monotonic()))
                sent.append(threads.submit(ask, caller, choose_kind(chance), due))
            for each in sent:
                each.result()
    finally:
        ended.set()
        watching.join()
    return measured


def memory(servers: list[Server]) -> dict[str, int]:
    """The bytes of anonymous memory of each kind of process; sandbox processes come and go, and
    with them the share of what all map (PSS)."""
    result = dict.fromkeys(KINDS, 0)
    for server in servers:
        assert server.process is not None
        top = psutil.Process(server.process.pid)
        for process in (top, *top.children(recursive=True)):
            with suppress(psutil.Error, OSError):
                kind = kind_of_process(process, top)
                if kind is not None:
                    result[kind] += anonymous_bytes(process.pid)
    return result


def anonymous_bytes(pid: int) -> int:
    """The memory of a process that no file is behind: heap and stacks (proc(5), smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(pid)


def kind_of_process(process: psutil.Process, top: psutil.Process) -> str | None:
    """Which of `KINDS` a process is; None for others."""
    if process == top:
        return "supervisor"
    command = " ".join(process.cmdline())
    for kind in ("api", "worker"):
        if f"entrepot: {kind} " in command:
            return kind
    parent = process.parent()
    is_forked = parent is not None and "sandbox.forkserver" in " ".join(parent.cmdline())
    return "fork server" if "sandbox.forkserver" in command and not is_forked else None


def report(measured: LoadResult) -> str:
    """The figures, a line for each kind of request and of process."""
    lines = [f"{measured.rate:.1f} requests a second, statuses {dict(measured.statuses())}"]
    for kind in WEIGHTS:
        thirds = [measured.latencies(kind, third) for third in (0, 2)]
        if min(len(each) for each in thirds) >= 2:
            texts = ["/".join(f"{ms:.0f}" for ms in percentiles(each)) for each in thirds]
            counts = len(thirds[0]), len(thirds[1])
            lines.append(f"{kind}: p50/p95/p99 ms {texts[0]} -> {texts[1]} ({counts})")
    for kind in KINDS:
        first, last = measured.memory[0][1][kind], measured.memory[-1][1][kind]
        slope = measured.grown(kind) / 2**20
        lines.append(f"{kind}: {first >> 20} -> {last >> 20} MiB, {slope:+.1f} MiB an hour")
    return "\n".join(lines)
