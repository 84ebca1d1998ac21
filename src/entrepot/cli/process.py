"""One process of the server, forked by the supervisor: the API, a worker, or the metrics."""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import structlog
from setproctitle import setproctitle

from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.bootstrap.workers import build_inspector, build_pool, build_worker
from entrepot.cli.metrics import serve_metrics
from entrepot.cli.start import release_dead_uploads
from entrepot.db.advisory_locks import AdvisoryLockHeld, hold_advisory_lock, lock_id_of
from entrepot.errors import SweepStopped
from entrepot.files.copies import keep_dropping_copies
from entrepot.files.sweep import sweep
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.inspection.sandbox.spawn import LoadingFork
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.metrics.shared_files import share_metrics
from entrepot.settings import Settings
from entrepot_client.cli.interruption import STOP_SIGNALS

log = structlog.get_logger(__name__)

SWEEP_INTERVAL_SECONDS = 600.0
"""Pause between two sweeps of one worker."""
WORKER_DRAIN_SECONDS = 5.0
"""Time for running inspections at shutdown. Interrupted ones resume at the next start."""
LISTEN_BACKLOG = 4096
"""Connections that wait to be accepted; the kernel's net.core.somaxconn bounds it too."""
FILES_PER_CONNECTION = 2
"""The connection, and the file that it reads or writes."""
OTHER_FILES = 256
"""Of the database's pools, sandbox processes, logs and metrics; 43 are open at a start."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of `mallopt(3)`."""
ARENAS = 2
"""Arenas of malloc in a process. By default there are up to eight for each core."""
MAPPED_BYTES = 4 * 1024 * 1024
"""Blocks from this size on go back to the system when they are freed: the parts of an upload to
S3. By default malloc keeps them in the arena of the thread that had one."""
UNUSED_BYTES = 8 * 1024 * 1024
"""What an arena keeps at its end for the next block. By default these are 128 KiB: each block of an
upload then is new memory, and to get it takes half of the time that an upload spends in the
kernel."""
PR_SET_PDEATHSIG = 1
"""`prctl(2)`: the signal that a process gets when its parent ends."""


@dataclass(frozen=True)
class ProcessRole:
    """The role of a process; `entrepot: <kind> <index>` in a list of processes."""

    kind: Literal["api", "worker", "metrics"]
    index: int

    @property
    def name(self) -> str:
        """The title of the process."""
        return f"entrepot: {self.kind} {self.index}"


def run_process(
    role: ProcessRole,
    settings: Settings,
    ready: int,
    supervisor_pid: int,
    node: str,
    prepared: int | None = None,
    fork_servers: Sequence[LoadingFork] = (),
) -> None:
    """Run in a fork of the supervisor in this role, until SIGTERM.

    Writes a line to `ready` once it works. The data folder's lock stays open in it. `node` is the
    folder's own id, the first half of its workers' names. A worker that
    is started before the installation is prepared reads a byte from `prepared` first; of
    `fork_servers`, one for each worker, its own loads meanwhile.
    """
    kill_with_parent(supervisor_pid)
    os.setsid()
    setproctitle(role.name)
    bound_unused_memory()
    signal.set_wakeup_fd(-1)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # blocked while it was forked
    os.dup2(2, 1)
    for index, fork_server in enumerate(fork_servers):
        if index != role.index:  # else it would outlive its worker
            fork_server.requests.close()
    if role.kind == "metrics":
        run_metrics(settings, ready)
        return
    if settings.metrics_port is not None and not share_metrics(
        settings.metrics_folder, f"{role.kind}-{role.index}"
    ):
        log.error("no space for this process's metrics: /metrics lacks them")
    if role.kind == "api":
        run_api(settings, ready)
    else:
        if prepared is not None and not os.read(prepared, 1):
            sys.exit(1)  # the preparation failed; the supervisor says why
        own = fork_servers[role.index] if role.index < len(fork_servers) else None
        run_worker(settings, ready, f"{node}-{role.index}", own)


def kill_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only).

    Compares the pid with `parent_pid`, not with 1: in a container the supervisor may be process 1.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        sys.exit(1)


def bound_unused_memory() -> None:
    """Let malloc keep little of what is freed (glibc only; the variables MALLOC_... prevail).

    Each thread that had a large block kept memory for the next one, and there are dozens of
    threads: in a load with large transfers such memory grew for as long as it lasted.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt"):
        for variable, parameter, value in (
            ("MALLOC_ARENA_MAX", M_ARENA_MAX, ARENAS),
            ("MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, MAPPED_BYTES),
            ("MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, UNUSED_BYTES),
        ):
            if variable not in os.environ:
                libc.mallopt(parameter, value)


def run_api(settings: Settings, ready: int) -> None:
    """Serve HTTP until SIGTERM. Then take no new requests and let running ones end."""
    import uvloop

    uvloop.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: int) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    from entrepot.cli.listener import SendTimeoutServer
    from entrepot.http.app import create_app

    metrics = ProcessMetrics()
    parts = build_parts(settings, pool_size=8, metrics=metrics)
    release_dead_uploads(parts)
    app, asgi = create_app(parts, metrics)
    server = SendTimeoutServer(
        asgi,
        settings.send_timeout,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=LISTEN_BACKLOG,
        backpressure=connections_within_limit(settings.connections),
        log_enabled=False,
        http1_settings=HTTP1Settings(header_read_timeout=int(settings.header_timeout * 1000)),
    )
    loop = asyncio.get_running_loop()
    ended = threading.Event()
    if settings.role == "api":  # elsewhere a worker does it
        start_dropping_copies(parts, ended)

    def stop() -> None:
        ended.set()
        app.state.runtime.drain()
        server.stop()  # type: ignore[no-untyped-call]

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.call_later(0, lambda: loop.create_task(_report_ready_when_listening(settings, ready)))
    await server.serve()
    parts.close()


def connections_within_limit(connections: int) -> int:
    """Let this process open as many files as the system allows it; how many connections that is
    enough for, at most `connections`.

    With more of them the process could not accept the next one, and would try without a pause: two
    cores, at 600 files and 1,500 event streams. Those that are too many wait in the kernel.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    enough_for = max(1, (hard - OTHER_FILES) // FILES_PER_CONNECTION)
    if enough_for < connections:
        log.warning(
            "the limit of open files allows fewer connections than ENTREPOT_CONNECTIONS",
            connections=enough_for,
            setting=connections,
            open_files=hard,
            open_files_needed=connections * FILES_PER_CONNECTION + OTHER_FILES,
        )
    return min(connections, enough_for)


async def _report_ready_when_listening(settings: Settings, ready: int) -> None:
    """Report only once the port accepts connections, so that no client comes too early."""
    while True:
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        break
    _report_ready(ready)


def run_worker(
    settings: Settings, ready: int, worker_name: str, fork_server: LoadingFork | None
) -> None:
    """Take tasks until SIGTERM."""
    pool = build_pool(settings, worker_name)
    pool.start(fork_server)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = ProcessMetrics()
    # One connection more than other processes have: it holds the worker's name.
    parts = build_parts(settings, pool_size=5, metrics=metrics)
    try:
        # PostgreSQL may see a little later that a killed worker of this name has ended.
        with hold_advisory_lock(parts.database, lock_id_of(worker_name), settings.lease):
            _take_tasks(parts, pool, worker_name, metrics, ready, stop)
    except AdvisoryLockHeld:
        log.critical(
            f"The data folder {settings.data} is a copy of one on which a server of this "
            f"installation runs: the file {settings.data / 'node'} gives both the same name. "
            "Delete that file here; the next start makes another name."
        )
        sys.exit(1)


def _take_tasks(
    parts: Parts,
    pool: InspectionPool,
    worker_name: str,
    metrics: ProcessMetrics,
    ready: int,
    stop: threading.Event,
) -> None:
    worker = build_worker(parts, build_inspector(parts, pool), worker_name, metrics)
    worker.start()
    start_dropping_copies(parts, stop)
    _report_ready(ready)
    while not stop.wait(SWEEP_INTERVAL_SECONDS):
        sweep_and_log(parts)
    worker.stop(WORKER_DRAIN_SECONDS)
    pool.close()
    parts.close()
    # Skips the wait for threads: that of an interrupted inspection may still wait for its sandbox
    # process.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def start_dropping_copies(parts: Parts, stop: threading.Event) -> None:
    """Remove this host's copies of what any host has removed, until `stop`."""
    arguments = (parts.database, parts.store, parts.settings.lease, stop)
    threading.Thread(target=keep_dropping_copies, args=arguments, daemon=True).start()


def run_metrics(settings: Settings, ready: int) -> None:
    """Answer `/metrics` until SIGTERM."""
    with closing(build_parts(settings, pool_size=1)) as parts:
        stop = serve_metrics(parts)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        _report_ready(ready)
        try:
            while True:
                signal.pause()
        finally:
            stop()


def sweep_and_log(parts: Parts) -> None:
    """Sweep; a failure is logged and ends nothing, the next sweep tries again."""
    try:
        log.info("swept", **vars(sweep(parts.database, parts.store, parts.clock)))
    except SweepStopped as stopped:
        log.critical("sweep stopped", reason=str(stopped), **stopped.figures())
    except Exception:
        log.exception("sweep failed; trying again later")


def _report_ready(descriptor: int) -> None:
    # The supervisor does not wait for a restarted process: its end of the pipe may be closed.
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, b"ready\n")
    os.close(descriptor)
