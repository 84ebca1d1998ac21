"""Remember what was read, exactly as long as nothing at all is committed to the database.

A read made while the database's state has one number would be answered the same as long as the
number stands: a revoked key, a removed user or a new version is known at the very next request.
Only what is written aside, the record of reads, does not count.
Where the database gives no such number (PostgreSQL) nothing is kept.
"""

from collections.abc import Hashable
from typing import Any

from entrepot.db.change_counter import ChangeCounter

MAX_ENTRIES = 10_000
"""Answers that are kept at once."""


class ReadCache:
    """Answers of reads under the present state. Used by the event loop's thread alone."""

    def __init__(self, changes: ChangeCounter) -> None:
        self._changes = changes
        self._state: int | None = None
        self._entries: dict[Hashable, Any] = {}

    def state(self) -> int | None:
        """The present state; what was kept under an earlier one is forgotten.

        None if it is not known at this moment.
        """
        state = self._changes.state()
        if state is not None and state != self._state:
            self._entries.clear()
            self._state = state
        return state

    def get(self, key: Hashable) -> Any:
        """What was kept for a question under the state that was last asked for, or None."""
        return self._entries.get(key)

    def put(self, key: Hashable, value: Any, state: int | None) -> None:
        """Keep an answer whose reading began after `state` was asked for.

        If something was committed meanwhile the answer may be of either state, and goes.
        """
        if state is not None and state == self._state and len(self._entries) < MAX_ENTRIES:
            self._entries[key] = value

    def close(self) -> None:
        """Forget everything and give the connection back."""
        self._entries.clear()
        self._changes.close()
