"""Real sandbox processes: their lock, their limits, and how they end."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs
from tests.inspection.conftest import places, request_for
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.wait import wait_until

from entrepot.cli.serve import warn_of_missing_layers
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.results import (
    Inspection,
    InspectionCanceled,
    InspectionFailed,
    PoolClosed,
)
from entrepot.inspection.sandbox.lockdown import missing_layers, sandbox_status
from entrepot.inspection.sandbox.pool import InspectionPool


def run(pool: InspectionPool, path: Path, **kwargs: Any) -> Inspection:
    return pool.inspect(request_for(path, **kwargs), lambda done, of: None, lambda: False)


def fork_servers() -> list[psutil.Process]:
    processes = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # one that has just ended
            if "entrepot.inspection.sandbox.forkserver" in " ".join(child.cmdline()):
                processes.append(child)
    return processes


def sandbox_processes() -> list[psutil.Process]:
    processes = []
    for fork_server in fork_servers():
        with suppress(psutil.NoSuchProcess):
            processes += fork_server.children()
    return processes


@pytest.fixture
def slow_file(tmp_path: Path) -> Path:
    """A file whose inspection by the contract `ENDLESS` has to be ended from outside."""
    path = tmp_path / "slow.csv"
    path.write_bytes(slow_table())
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    return path


def pool_of(tmp_path: Path, limits: Limits) -> InspectionPool:
    made = InspectionPool(limits, tmp_path / "scratch", "best-effort")
    made.start()
    return made


def test_inspects_again_and_again(pool: InspectionPool, small: Path) -> None:
    for _ in range(3):
        inspection = run(pool, small)
        assert (inspection.verdict, inspection.row_count) == ("conforms", 2)


def test_two_at_once(pool: InspectionPool, small: Path) -> None:
    verdicts: list[str] = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(run(pool, small).verdict)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == ["conforms"] * 3


def test_progress(pool: InspectionPool, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("a,b,c\n" + "1,text,2020-01-01\n" * 3_000_000)
    reports: list[tuple[int, int]] = []
    inspection = pool.inspect(
        request_for(path), lambda done, of: reports.append((done, of)), lambda: False
    )
    assert inspection.verdict == "conforms"
    assert reports
    assert all(earlier < later for earlier, later in pairwise(reports))
    assert all(0 < done <= of == path.stat().st_size for done, of in reports)


def test_cancel_while_it_works(pool: InspectionPool, slow_file: Path) -> None:
    reports: list[int] = []
    request = request_for(slow_file, schema=SLOW_SCHEMA)
    with pytest.raises(InspectionCanceled):
        pool.inspect(request, lambda done, of: reports.append(done), lambda: bool(reports))
    assert len(reports) == 1
    wait_until(lambda: not sandbox_processes(), "the sandbox process has ended")


def test_cancel_is_heard_often(pool: InspectionPool, slow_file: Path) -> None:
    """Some twenty times a second, whether or not the child says anything."""
    times: list[float] = []

    def canceled() -> bool:
        times.append(time.monotonic())
        return len(times) == 30

    with pytest.raises(InspectionCanceled):
        pool.inspect(request_for(slow_file, schema=SLOW_SCHEMA), lambda done, of: None, canceled)
    assert len(times) == 30
    # The median: a machine that stands still for a while is not a matter.
    assert median(later - earlier for earlier, later in pairwise(times)) < 0.5


def test_wall_clock(tmp_path: Path, slow_file: Path) -> None:
    pool = pool_of(tmp_path, replace(Limits(), wall_seconds=0.3))
    try:
        inspection = run(pool, slow_file, schema=SLOW_SCHEMA)
        assert inspection.verdict == "resource-limit"
        assert "0.3 seconds" in inspection.detail
        assert not inspection.report["valid"]
    finally:
        pool.close()


def test_without_a_contract_a_limit_rejects_nothing(tmp_path: Path, slow_file: Path) -> None:
    """The time is over when the child first tells how far it is, if not before."""
    pool = pool_of(tmp_path, replace(Limits(), wall_seconds=1e-6))
    try:
        free = run(pool, slow_file, mode="none")
        assert (free.verdict, free.schema) == ("conforms", None)
        assert "1e-06 seconds" in free.detail
    finally:
        pool.close()


def test_cpu_time(tmp_path: Path, slow_file: Path) -> None:
    pool = pool_of(tmp_path, replace(Limits(), cpu_seconds=1))
    try:
        assert run(pool, slow_file, schema=SLOW_SCHEMA).verdict == "resource-limit"
    finally:
        pool.close()


def test_memory_and_scratch(tmp_path: Path) -> None:
    path = tmp_path / "unique.csv"
    with path.open("w") as file:
        file.write("a\n")
        for start in range(0, 4_000_000, 100_000):
            file.write("".join(f"{n * 7919:040d}\n" for n in range(start, start + 100_000)))
    schema = {"fields": [{"name": "a", "type": "string", "constraints": {"unique": True}}]}
    pool = pool_of(tmp_path, Limits(memory=160 * MIB, scratch=8 * MIB))
    try:
        assert run(pool, path, schema=schema).verdict == "resource-limit"
    finally:
        pool.close()


def test_scratch_bounds_the_rewriting(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\nx\n" + "x,y\n" * 500_000)
    pool = pool_of(tmp_path, Limits(scratch=1 * MIB))
    try:
        assert run(pool, path).verdict == "resource-limit"
        assert list((tmp_path / "scratch").iterdir()) == []
    finally:
        pool.close()


def killing(number: int) -> Callable[[], bool]:
    """A `canceled` that never cancels, and once sends the child that works a signal."""
    wait_until(lambda: not sandbox_processes(), "earlier sandbox processes have ended")
    done: list[int] = []

    def canceled() -> bool:
        if not done and (
            at_work := [c for c in sandbox_processes() if sum(c.cpu_times()[:2]) > 0.05]
        ):
            done.append(at_work[0].pid)
            os.kill(at_work[0].pid, number)
        return False

    return canceled


def test_killed_from_outside(pool: InspectionPool, slow_file: Path) -> None:
    request = request_for(slow_file, schema=SLOW_SCHEMA)
    with pytest.raises(InspectionFailed, match="exit code -9"):
        pool.inspect(request, lambda done, of: None, killing(signal.SIGKILL))


def all_ended() -> bool:
    """Whether no sandbox process runs; those that were spawned here are not waited for yet."""
    return all(child.status() == psutil.STATUS_ZOMBIE for child in sandbox_processes())


def test_each_end_is_reported_once(pool: InspectionPool, small: Path) -> None:
    """However many end together while nobody has asked yet."""
    run(pool, small)
    wait_until(lambda: not sandbox_processes(), "earlier sandbox processes have ended")
    fork_server = pool._fork_server
    spawned = [fork_server.spawn(20) for _ in range(12)]
    try:
        for child in spawned:
            assert child is not None
            os.read(child.stdout, 1 << 16)  # it says who it is when it is ready
        for process in sandbox_processes():
            process.kill()
        wait_until(all_ended, "they have ended")
        assert [child.wait() for child in spawned if child is not None] == [-signal.SIGKILL] * 12
    finally:
        for child in spawned:
            if child is not None:
                child.end()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
def test_a_crash_is_an_error_of_the_file(pool: InspectionPool, slow_file: Path, name: str) -> None:
    request = request_for(slow_file, schema=SLOW_SCHEMA)
    inspection = pool.inspect(request, lambda a, b: None, killing(getattr(signal, name)))
    assert inspection.verdict == "source-error"
    assert name in inspection.detail


def test_a_killed_fork_server_is_replaced(pool: InspectionPool, small: Path) -> None:
    run(pool, small)
    for fork_server in fork_servers():
        fork_server.kill()
    for _ in range(3):
        with suppress(InspectionFailed):  # the one that she was bearing
            assert run(pool, small).verdict == "conforms"
    assert run(pool, small).verdict == "conforms"


def test_no_sandbox_process_is_left(pool: InspectionPool, small: Path, slow_file: Path) -> None:
    """Neither those that are done, nor one given up before it was there, nor their pipes."""
    run(pool, small)
    gc.collect()  # what other tests have left is not closed in between
    open_files = psutil.Process().num_fds()
    request = request_for(slow_file, schema=SLOW_SCHEMA)
    for _ in range(5):
        run(pool, small)
        with pytest.raises(InspectionCanceled):
            pool.inspect(request, lambda done, of: None, lambda: True)
    wait_until(lambda: not sandbox_processes(), "no sandbox process is left")
    assert psutil.Process().num_fds() <= open_files
    (fork_server,) = fork_servers()
    assert fork_server.num_threads() == 1
    wait_until(lambda: fork_server.num_fds() < 12, "the fork server has closed their pipes")


def test_a_sandbox_process_cannot_give_orders(pool: InspectionPool, slow_file: Path) -> None:
    """Open are its input, its output and its own files, not the pipe of the fork server."""
    wait_until(lambda: not sandbox_processes(), "earlier sandbox processes have ended")
    at_work: list[int] = []
    seen: list[list[str]] = []

    def canceled() -> bool:
        for child in sandbox_processes() if at_work else ():
            folder = Path(f"/proc/{child.pid}/fd")
            held = [os.readlink(entry) for entry in folder.iterdir()]
            seen.append([name for name in held if name.startswith("socket:")])
        return bool(seen)

    request = request_for(slow_file, schema=SLOW_SCHEMA)
    with pytest.raises(InspectionCanceled):
        pool.inspect(request, lambda done, of: at_work.append(done), canceled)
    assert seen == [[]]


def test_a_pool_that_is_closed_judges_nothing(tmp_path: Path, slow_file: Path) -> None:
    """A child that was killed with it says nothing of its file."""
    wait_until(lambda: not sandbox_processes(), "earlier sandbox processes have ended")
    pool = pool_of(tmp_path, Limits())

    def close() -> bool:
        if sandbox_processes():
            pool.close()
        return False

    with pytest.raises(PoolClosed):
        pool.inspect(request_for(slow_file, schema=SLOW_SCHEMA), lambda done, of: None, close)
    with pytest.raises(PoolClosed):
        run(pool, slow_file)


def test_sandbox_processes_end_with_the_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time, psutil\n"
        "from pathlib import Path\n"
        "from entrepot.inspection.sandbox.pool import InspectionPool\n"
        "from entrepot.inspection.limits import Limits\n"
        "pool = InspectionPool(Limits(), Path(sys.argv[1]), 'best-effort')\n"
        "pool.start()\n"
        "assert pool._fork_server.spawn(60) is not None\n"
        "print([c.pid for c in psutil.Process().children()], flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        (pid,) = (int(part) for part in parent.stdout.readline().strip("[]\n").split(","))
    finally:
        parent.kill()
        parent.communicate()
    wait_until(lambda: has_ended(pid), "the fork server has ended")


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_waiting_fork_server_uses_no_cpu(pool: InspectionPool, small: Path) -> None:
    """She waits for orders without asking again and again."""
    run(pool, small)
    wait_until(lambda: not sandbox_processes(), "no sandbox process is left")
    (fork_server,) = fork_servers()
    before = sum(fork_server.cpu_times()[:2])
    time.sleep(1)
    assert sum(fork_server.cpu_times()[:2]) - before <= 0.1


def test_required_sandbox_says_what_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(sandbox_status()) == {"limits", "files", "calls"}
    monkeypatch.setattr("entrepot.inspection.sandbox.lockdown.landlock_version", lambda: 0)
    assert missing_layers() == ["files off: the kernel has no Landlock"]
    with pytest.raises(InspectionFailed, match="Landlock"):
        InspectionPool(Limits(), tmp_path, "require").start()
    with capture_logs() as logs:
        warn_of_missing_layers()
    assert [(log["log_level"], log["layer"]) for log in logs] == [
        ("warning", "files off: the kernel has no Landlock")
    ]


def test_what_is_loaded_late_is_loaded_before_the_sandbox(
    pool: InspectionPool, tmp_path: Path
) -> None:
    schema = {
        "fields": [
            {
                "name": "o",
                "type": "object",
                "constraints": {"jsonSchema": {"required": ["x"]}, "enum": [{"x": 1}, {}]},
            },
            {
                "name": "d",
                "type": "date",
                "format": "%d %b %Y",
                "constraints": {"minimum": "01 Jan 2020", "unique": True},
            },
        ]
    }
    path = tmp_path / "rules.csv"
    path.write_text('o,d\n"{""x"": 1}",2 Jan 2020\n{},31 Dec 2019\n{},02 Jan 2020\n')
    inspection = run(pool, path, schema=schema)
    assert places(inspection) == [
        ("constraint-error", 3, 1),
        ("constraint-error", 3, 2),
        ("constraint-error", 4, 1),
        ("unique-error", 4, 2),
    ]
