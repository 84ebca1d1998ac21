"""One child for each file, locked down and used once."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
    Inspection,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
    PoolClosed,
    Preview,
    PreviewRequest,
    read_comparison,
    read_derived,
    read_inspection,
    read_preview,
)
from entrepot.inspection.sandbox.failures import (
    conversion_crashed,
    conversion_limited,
    inspection_crashed,
    inspection_limited,
)
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.inspection.sandbox.protocol import (
    LimitExceeded,
    ProcessCrashed,
    SandboxJob,
    run_job,
)
from entrepot.inspection.sandbox.spawn import ForkServer, SandboxProcess, UnitOfWork

R = TypeVar("R")

FOLDER_PREFIX = "inspection-"
DERIVATION_FACTOR = 4
"""Times an inspection's seconds that a derivation may take: it gives way to other work."""


class InspectionPool:
    """Has inspecting processes made, and talks with them; safe to share between threads.

    `scratch` is a folder of this pool's own: what an earlier run left there is removed. Any
    number of inspections may run at once. `work` is what its children are warm for.
    """

    def __init__(
        self,
        limits: Limits,
        scratch: Path,
        sandbox: Literal["require", "best-effort"],
        role: UnitOfWork = "inspections",
    ) -> None:
        self._work: UnitOfWork = role
        self._limits = limits
        self._scratch = scratch
        self._sandbox = sandbox
        self._fork_server: ForkServer | None = None

    def start(self) -> None:
        """Load what children are forked from, in the background.

        Raises InspectionFailed when the sandbox is required and this host lacks a layer.
        """
        lacking = missing_layers()
        if self._sandbox == "require" and lacking:
            raise InspectionFailed(f"the sandbox is required, but {'; '.join(lacking)}")
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._scratch.glob(f"{FOLDER_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        self._fork_server = ForkServer(self._scratch, self._work)

    def inspect(
        self,
        request: InspectionRequest,
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
    ) -> Inspection:
        """Inspect one file in a child; returns its verdict, also when a limit ended it.

        `on_progress(done, total)` in bytes, at most ten times a second; `canceled` is asked
        at least that often. Raises InspectionCanceled, and InspectionFailed when the child
        could not run or was killed from outside: that may be tried again.
        """
        with self._folder() as folder:
            words = SandboxJob("inspect", request, folder, self._limits, self._sandbox)
            try:
                return read_inspection(self._run_job(words, on_progress, canceled))
            except LimitExceeded as bound:
                return inspection_limited(request, str(bound))
            except ProcessCrashed as how:
                return inspection_crashed(request, str(how))

    def derive(
        self,
        request: ConversionRequest,
        keep: Callable[[Path, Converted], R],
        canceled: Callable[[], bool],
    ) -> tuple[Converted, R | None]:
        """Make one form of a version in a child, and hand the file it made to `keep`.

        `keep` is called once the child has ended, and only if a file was made: the file lies in
        the scratch folder and goes with it. It is to be trusted in nothing, not even in being
        a plain file. Raises as `inspect` does, and what `keep` raises.
        """
        with self._folder() as folder:
            # At its low priority it may need long for little work: the bound is on the work.
            seconds = DERIVATION_FACTOR * self._limits.wall_seconds
            limits = replace(self._limits, wall_seconds=seconds)
            words = SandboxJob("derive", request, folder, limits, self._sandbox)
            try:
                derived = read_derived(self._run_job(words, lambda done, total: None, canceled))
            except LimitExceeded as bound:
                return conversion_limited(str(bound)), None
            except ProcessCrashed as how:
                return conversion_crashed(str(how)), None
            return derived, keep(folder / OUTPUT, derived) if derived.verdict == "made" else None

    def compare(self, request: ComparisonRequest, canceled: Callable[[], bool]) -> Comparison:
        """Compare two tables in a child. Raises as `inspect` does."""
        with self._folder() as folder:
            words = SandboxJob("compare", request, folder, self._limits, self._sandbox)
            try:
                return read_comparison(self._run_job(words, lambda done, total: None, canceled))
            except LimitExceeded as bound:
                detail = (
                    f"The comparison was ended: it needs more than {bound}, which is the limit."
                )
                return Comparison("resource-limit", detail)
            except ProcessCrashed as how:
                return Comparison("not-compared", f"A file makes its reader fail ({how}).")

    def preview(self, request: PreviewRequest) -> Preview:
        """A page of rows, read in a child. Raises PreviewTooCostly and InspectionFailed."""
        with self._folder() as folder:
            # A page of rows as they lie is one row group: threads would only have to be started.
            plain = request.where is None and request.order_by is None
            limits = replace(self._limits, threads=1) if plain else self._limits
            words = SandboxJob("preview", request, folder, limits, self._sandbox)
            try:
                return read_preview(self._run_job(words, lambda done, of: None, lambda: False))
            except LimitExceeded as bound:
                raise PreviewTooCostly(bound=str(bound)) from None
            except ProcessCrashed as how:
                raise InspectionFailed(f"the file makes its reader fail ({how})") from None

    def close(self) -> None:
        """End all children. Who waits for one gets PoolClosed."""
        fork_server, self._fork_server = self._fork_server, None
        if fork_server is not None:
            fork_server.close()

    def _run_job(
        self,
        words: SandboxJob,
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
    ) -> dict[str, Any]:
        child = self._spawn(canceled)
        try:
            return run_job(child, words, on_progress, canceled)
        except (LimitExceeded, ProcessCrashed, InspectionFailed):
            if self._fork_server is None:  # the child was ended with the pool
                raise PoolClosed from None
            raise
        finally:
            child.end()

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A scratch folder for one child, gone after it."""
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=self._scratch)).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _spawn(self, canceled: Callable[[], bool]) -> SandboxProcess:
        while (fork_server := self._fork_server) is not None:
            child = fork_server.spawn(patience=0.05)
            if child is not None:
                return child
            if canceled():
                raise InspectionCanceled
        raise PoolClosed
