"""Whether a process can write to the store: `/readyz` shows a store that only reads."""

import time

from entrepot.errors import StorageFull, StoreUnavailable

WRITES = frozenset(("create", "append", "write", "truncate", "sync", "commit", "link"))
"""Operations of a store, of its writers and of its drafts."""
REMEMBERED_SECONDS = 30.0
"""After a write that failed, until the next delivery is let try."""


class WriteState:
    """Whether the last write failed, and that is not long ago."""

    def __init__(self) -> None:
        self._failed_at: float | None = None

    def add_failure(self, operation: str, error: BaseException) -> None:
        """A call of the store has failed. A delivery that is larger than the free space says
        nothing of others."""
        is_full = isinstance(error, StorageFull) and not error.free
        if operation in WRITES and (is_full or isinstance(error, StoreUnavailable)):
            self._failed_at = time.monotonic()

    def add_commit(self) -> None:
        """Bytes were stored."""
        self._failed_at = None

    @property
    def is_failing(self) -> bool:
        """Whether deliveries would fail now, as far as is known."""
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() - failed_at < REMEMBERED_SECONDS
