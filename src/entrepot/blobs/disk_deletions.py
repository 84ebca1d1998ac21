"""Delete files, but keep their bytes aside while a back-up holds deletions.

Every deletion takes a shared lock on the folder `held` for a moment, a hold the exclusive one. So a
deletion either ends before the hold begins, or sees it and moves the file to `held/` instead.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from entrepot.blobs.disk_sync import DurableFolders


class DeletionGate:
    """The deletions of one store, over all processes that use it."""

    def __init__(self, root: Path, folders: DurableFolders) -> None:
        self.held = root / "held"
        self._folders = folders

    def delete(self, path: Path) -> None:
        """Remove a file, or move it to `held/`. A missing one is not an error."""
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            with suppress(FileNotFoundError):
                path.rename(self.held / path.name)
        finally:
            os.close(descriptor)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let `delete` keep the bytes, until the end of the block. Waits for another hold."""
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                self._empty()
        finally:
            os.close(descriptor)

    def remove_held(self) -> int:
        """Remove what a hold left that was cut off; how many files. 0 during a hold."""
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._empty()
        except BlockingIOError:
            return 0
        finally:
            os.close(descriptor)

    def _open_lock(self) -> int:
        held = self._folders.make_again(self.held)
        return os.open(held, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _empty(self) -> int:
        paths = list(self.held.iterdir())
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)
