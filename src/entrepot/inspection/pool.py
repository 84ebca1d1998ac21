"""Children that wait, warm, for one file each.

A fresh interpreter with the engine loaded takes a fifth of a second; a waiting one answers a
small file in a few milliseconds. A child serves one file and is replaced at once.
"""

import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from entrepot.inspection.conversation import (
    Conversation,
    EndedByCrash,
    EndedByLimit,
    converse,
)
from entrepot.inspection.ending import (
    derivation_crashed,
    derivation_limited,
    ended_by_crash,
    ended_by_limit,
)
from entrepot.inspection.limits import Limits
from entrepot.inspection.nursery import Child, start_child
from entrepot.inspection.results import (
    OUTPUT,
    DerivationRequest,
    Derived,
    Inspection,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
    read_derived,
    read_inspection,
)
from entrepot.inspection.sandbox import missing_layers

R = TypeVar("R")

STALE = "inspection-"
RETRY = 0.5
PATIENCE = 4
"""Times an inspection's seconds that a derivation may take."""


class InspectionPool:
    """Starts, hands out and replaces inspecting processes; safe to share between threads.

    `scratch` is a folder of this pool's own: what an earlier run left there is removed. `size`
    children wait at any time; any number of inspections may run at once.
    """

    def __init__(
        self,
        limits: Limits,
        scratch: Path,
        sandbox: Literal["require", "best-effort"],
        size: int = 1,
    ) -> None:
        self._limits = limits
        self._scratch = scratch
        self._sandbox = sandbox
        self._size = size
        self._waiting: queue.Queue[Child] = queue.Queue()
        self._wanted: queue.Queue[bool] = queue.Queue()
        self._nurse: threading.Thread | None = None
        self._closed = threading.Event()

    def start(self) -> None:
        """Start the waiting children in the background.

        Raises InspectionFailed when the sandbox is required and this host lacks a layer.
        """
        lacking = missing_layers()
        if self._sandbox == "require" and lacking:
            raise InspectionFailed(f"the sandbox is required, but {'; '.join(lacking)}")
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._scratch.glob(f"{STALE}*"):
            shutil.rmtree(stale, ignore_errors=True)
        for _ in range(self._size):
            self._wanted.put(True)
        self._nurse = threading.Thread(
            target=self._keep_children, name="inspection-nursery", daemon=True
        )
        self._nurse.start()

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
            words = Conversation("inspect", request, folder, self._limits, self._sandbox)
            try:
                return read_inspection(self._converse(words, on_progress, canceled))
            except EndedByLimit as bound:
                return ended_by_limit(request, str(bound))
            except EndedByCrash as how:
                return ended_by_crash(request, str(how))

    def derive(
        self,
        request: DerivationRequest,
        keep: Callable[[Path, Derived], R],
        canceled: Callable[[], bool],
    ) -> tuple[Derived, R | None]:
        """Make one form of a version in a child, and hand the file it made to `keep`.

        `keep` is called once the child has ended, and only if a file was made: the file lies in
        the scratch folder and goes with it. It is to be trusted in nothing, not even in being
        a plain file. Raises as `inspect` does, and what `keep` raises.
        """
        with self._folder() as folder:
            # At its low priority it may need long for little work: the bound is on the work.
            limits = replace(self._limits, wall_seconds=PATIENCE * self._limits.wall_seconds)
            words = Conversation("derive", request, folder, limits, self._sandbox)
            try:
                derived = read_derived(self._converse(words, lambda done, total: None, canceled))
            except EndedByLimit as bound:
                return derivation_limited(str(bound)), None
            except EndedByCrash as how:
                return derivation_crashed(str(how)), None
            return derived, keep(folder / OUTPUT, derived) if derived.verdict == "made" else None

    def close(self) -> None:
        """End all waiting children. Running inspections end by their own canceled()."""
        self._closed.set()
        self._wanted.put(False)
        if self._nurse is not None:
            self._nurse.join()
        while not self._waiting.empty():
            self._waiting.get_nowait().end()

    def _converse(
        self,
        words: Conversation,
        on_progress: Callable[[int, int], None],
        canceled: Callable[[], bool],
    ) -> dict[str, Any]:
        child = self._take(canceled)
        try:
            return converse(child, words, on_progress, canceled)
        finally:
            child.end()

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A scratch folder for one child, gone after it."""
        folder = Path(tempfile.mkdtemp(prefix=STALE, dir=self._scratch)).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _take(self, canceled: Callable[[], bool]) -> Child:
        """A waiting child, and a successor for it ordered. Dead ones are passed over."""
        if self._nurse is None:
            raise InspectionFailed("the pool was not started")
        while not self._closed.is_set():
            try:
                child = self._waiting.get(timeout=0.05)
            except queue.Empty:
                if canceled():
                    raise InspectionCanceled from None
                continue
            self._wanted.put(True)
            if child.alive():
                return child
            child.end()
        raise InspectionFailed("the pool was closed")

    def _keep_children(self) -> None:
        """Start children as they are wanted, until closed.

        One thread starts them all and outlives them: the kernel kills a child when the thread
        that started it ends.
        """
        while self._wanted.get() and not self._closed.is_set():
            try:
                self._waiting.put(start_child(os.getpid(), self._scratch))
            except OSError:
                # The host is out of processes or memory for now; the order stands.
                self._closed.wait(RETRY)
                self._wanted.put(True)
