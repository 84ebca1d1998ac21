"""Sandbox processes for files: one for each, or one for small files of one sender."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from entrepot.errors import PreviewTooCostly
from entrepot.inspection.limits import Limits
from entrepot.inspection.results import (
    OUTPUT,
    Comparison,
    ComparisonRequest,
    ConversionRequest,
    Converted,
    FormFiles,
    InspectedVersion,
    Inspection,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
    PoolClosed,
    Preview,
    PreviewRequest,
    read_comparison,
    read_derived,
    read_inspected,
    read_preview,
)
from entrepot.inspection.sandbox.batch import MAX_BATCH_CPU_SECONDS, BatchResult, SenderBatch
from entrepot.inspection.sandbox.failures import (
    conversion_crashed,
    conversion_limited,
    inspection_crashed,
    inspection_limited,
)
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.inspection.sandbox.protocol import ProcessCrashed, SandboxJob, start_job
from entrepot.inspection.sandbox.spawn import ForkServer, LoadingFork, Role, SandboxProcess
from entrepot.inspection.sandbox.watch import LimitExceeded

R = TypeVar("R")

FOLDER_PREFIX = "inspection-"
DERIVATION_FACTOR = 4
"""Times an inspection's seconds by the clock that a derivation may take: it gives way to others."""


def _ignore(*_: float) -> None:
    """Whoever asked for the work does not want to know."""


class InspectionPool:
    """Starts sandbox processes and runs jobs in them; safe to share between threads.

    `scratch` is this pool's private folder: what an earlier run left there is removed. Any
    number of inspections may run in parallel. `role` is the work that its processes are warm for.
    """

    def __init__(
        self,
        limits: Limits,
        scratch: Path,
        sandbox: Literal["require", "best-effort"],
        role: Role = "inspections",
    ) -> None:
        self._role: Role = role
        self._limits = limits
        self._scratch = scratch
        self._sandbox = sandbox
        self._fork_server: ForkServer | None = None

    def start(self, first: LoadingFork | None = None) -> None:
        """Start the fork server, in the background, or begin with the `first` one, which loads.

        Raises InspectionFailed when the sandbox is required and this host lacks a layer.
        """
        missing = missing_layers()
        if self._sandbox == "require" and missing:
            raise InspectionFailed(f"the sandbox is required, but {'; '.join(missing)}")
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._scratch.glob(f"{FOLDER_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        self._fork_server = ForkServer(self._scratch, self._role, first)

    def inspect(
        self,
        request: InspectionRequest,
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None] = _ignore,
    ) -> Inspection:
        """Inspect one file in a sandbox process; returns its verdict, also when a limit ended it.

        `on_progress(done, total)` in bytes, at most ten times a second; `canceled` is called
        at least that often, and `on_cpu` before it, with the seconds of CPU that were used. Raises
        InspectionCanceled, and InspectionFailed when the process could not run or was killed from
        outside: the caller may try again.
        """
        inspected, _ = self.inspect_version(
            request, lambda inspected, files: None, on_progress, canceled, on_cpu
        )
        return inspected.inspection

    def inspect_version(
        self,
        request: InspectionRequest,
        store: Callable[[InspectedVersion, FormFiles], R],
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None] = _ignore,
    ) -> tuple[InspectedVersion, R]:
        """As `inspect`, with the forms that the request asks for; `store` is given their files.

        It is called after the process has ended. The files are untrusted, may not even be regular
        files, and are removed afterwards. A form that is neither made nor has the reason why not is
        to be made in another process. Raises as `inspect` does, and what `store` raises.
        """
        with self._folder() as folder:
            job = SandboxJob("inspect", (request,), folder, self._limits, self._sandbox)
            try:
                inspected = read_inspected(self._run_job(job, on_progress, canceled, on_cpu))
            except (LimitExceeded, ProcessCrashed) as ended:
                inspected = InspectedVersion(_ended_inspection(request, ended))
            return inspected, store(inspected, FormFiles(folder))

    def inspect_batch(
        self,
        batch: SenderBatch,
        store: Callable[[InspectedVersion, FormFiles], R],
        canceled: Callable[[int], bool],
        max_cpu_seconds: float = MAX_BATCH_CPU_SECONDS,
        on_cpu: Callable[[int, float], None] = _ignore,
    ) -> Iterator[BatchResult[R]]:
        """As `inspect_version` for small files of one sender in one account, in their order, with
        as few processes as possible, none of which takes a file after `max_cpu_seconds`. Each
        result comes as soon as there is one; the process reads the next file while the caller
        stores and decides.

        `canceled` and `on_cpu` are called with the number of the request (from 0) first. A file
        that crashes its reader, passes a limit or is canceled costs its process, and those behind
        it get another. A rejected file that wants a suggestion is judged again in a process of its
        own, in which other files than those of the batch may be read. Raises PoolClosed, and what
        `store` raises.
        """
        following = 0
        while following < len(batch.requests):
            first = following
            with self._folder() as folder:
                for number, outcome in self._run_batch(
                    batch, first, folder, canceled, max_cpu_seconds, on_cpu
                ):
                    following = number + 1
                    request = batch.requests[number]
                    if not isinstance(outcome, InspectedVersion):
                        yield BatchResult(number, None, None, outcome)
                    elif request.suggest and outcome.inspection.verdict == "violates":
                        yield self._inspect_alone(request, number, store, canceled, on_cpu)
                    else:
                        stored = store(outcome, FormFiles(folder, number - first))
                        yield BatchResult(number, outcome, stored)

    def _run_batch(
        self,
        batch: SenderBatch,
        first: int,
        folder: Path,
        canceled: Callable[[int], bool],
        max_cpu_seconds: float,
        on_cpu: Callable[[int, float], None],
    ) -> Iterator[tuple[int, InspectedVersion | InspectionCanceled | InspectionFailed]]:
        """The outcomes of the requests from the number `first` on, one at least, up to one that
        ends the process or until its time of the processor is over.

        There is none of a file that fails behind another one: what an earlier file did to the
        process may be the reason, so it is for the next process.
        """
        requests = tuple(
            replace(each, suggest=False, current=None) for each in batch.requests[first:]
        )
        job = SandboxJob("inspect", requests, folder, self._limits, self._sandbox)
        number = first
        process: SandboxProcess | None = None
        try:
            process = self._spawn(lambda: canceled(number))
            running = start_job(
                process, job, lambda: canceled(number), lambda seconds: on_cpu(number, seconds)
            )
            for number, request in enumerate(requests, start=first):
                try:
                    inspected = read_inspected(running.next_result(_ignore))
                except (LimitExceeded, ProcessCrashed) as ended:
                    self._require_open()
                    if number == first:
                        yield number, InspectedVersion(_ended_inspection(request, ended))
                    return
                is_last = process.cpu_seconds() >= max_cpu_seconds
                if not is_last:
                    # One that has ended meanwhile is noticed when the next result is asked for.
                    with suppress(InspectionFailed):
                        running.begin_next()
                yield number, inspected
                if is_last:
                    return
        except (InspectionCanceled, InspectionFailed) as failure:
            self._require_open()
            if number == first or isinstance(failure, InspectionCanceled):
                yield number, failure
        finally:
            if process is not None:
                process.end()

    def _inspect_alone(
        self,
        request: InspectionRequest,
        number: int,
        store: Callable[[InspectedVersion, FormFiles], R],
        canceled: Callable[[int], bool],
        on_cpu: Callable[[int, float], None],
    ) -> BatchResult[R]:
        try:
            inspected, stored = self.inspect_version(
                request, store, _ignore, lambda: canceled(number), partial(on_cpu, number)
            )
        except PoolClosed:
            raise
        except (InspectionCanceled, InspectionFailed) as failure:
            return BatchResult(number, None, None, failure)
        return BatchResult(number, inspected, stored)

    def derive(
        self,
        request: ConversionRequest,
        store: Callable[[Path, Converted], R],
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None] = _ignore,
    ) -> tuple[Converted, R | None]:
        """Make one form of a version in a sandbox process, and pass its file to `store`.

        `store` is called after the process has ended, and only if a file was made: the file is in
        the scratch folder and is removed with it. The file is untrusted; it may not even be a
        regular file. Raises as `inspect` does, and what `store` raises.
        """
        with self._folder() as folder:
            # At its low priority little work may take long: the CPU limit bounds the work.
            limits = replace(self._limits, clock_factor=DERIVATION_FACTOR)
            job = SandboxJob("derive", (request,), folder, limits, self._sandbox)
            try:
                derived = read_derived(self._run_job(job, _ignore, canceled, on_cpu))
            except LimitExceeded as limit:
                return conversion_limited(limit.describe()), None
            except ProcessCrashed as signal_name:
                return conversion_crashed(str(signal_name)), None
            return derived, store(folder / OUTPUT, derived) if derived.verdict == "made" else None

    def compare(
        self,
        request: ComparisonRequest,
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None] = _ignore,
    ) -> Comparison:
        """Compare two tables in a sandbox process. Raises as `inspect` does."""
        with self._folder() as folder:
            job = SandboxJob("compare", (request,), folder, self._limits, self._sandbox)
            try:
                return read_comparison(self._run_job(job, _ignore, canceled, on_cpu))
            except LimitExceeded as limit:
                return Comparison("resource-limit", f"The comparison was ended: {limit.describe()}")
            except ProcessCrashed as signal_name:
                return Comparison("not-compared", f"A file makes its reader fail ({signal_name}).")

    def preview(self, request: PreviewRequest) -> Preview:
        """Read a page of rows in a sandbox process. Raises PreviewTooCostly, InspectionFailed."""
        with self._folder() as folder:
            # A page of unsorted rows is one row group: starting threads costs more than it saves.
            unordered = request.where is None and request.order_by is None
            limits = replace(self._limits, threads=1) if unordered else self._limits
            job = SandboxJob("preview", (request,), folder, limits, self._sandbox)
            try:
                return read_preview(self._run_job(job, _ignore, lambda: False, _ignore))
            except LimitExceeded as limit:
                raise PreviewTooCostly(bound=str(limit)) from None
            except ProcessCrashed as signal_name:
                raise InspectionFailed(f"the file makes its reader fail ({signal_name})") from None

    def close(self) -> None:
        """End all processes. Callers that wait for one get PoolClosed."""
        fork_server, self._fork_server = self._fork_server, None
        if fork_server is not None:
            fork_server.close()

    def _run_job(
        self,
        job: SandboxJob,
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None],
    ) -> dict[str, Any]:
        process = self._spawn(canceled)
        try:
            return start_job(process, job, canceled, on_cpu).next_result(on_progress)
        except (LimitExceeded, ProcessCrashed, InspectionFailed):
            self._require_open()
            raise
        finally:
            process.end()

    def _require_open(self) -> None:
        """Raises PoolClosed if the pool was closed, and its processes with it."""
        if self._fork_server is None:
            raise PoolClosed from None

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A scratch folder for one process, removed after it."""
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)  # if somebody removed it
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=self._scratch)).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _spawn(self, canceled: Callable[[], bool]) -> SandboxProcess:
        while (fork_server := self._fork_server) is not None:
            process = fork_server.spawn(timeout=0.05)
            if process is not None:
                return process
            if canceled():
                raise InspectionCanceled
        raise PoolClosed


def _ended_inspection(
    request: InspectionRequest, ended: LimitExceeded | ProcessCrashed
) -> Inspection:
    """The inspection of a file that ended its process."""
    if isinstance(ended, LimitExceeded):
        return inspection_limited(request, ended.describe(), ended.starved)
    return inspection_crashed(request, str(ended))
