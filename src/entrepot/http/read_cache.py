"""Remember what was read, exactly as long as nothing at all is committed to the database.

A read made while the database's state has one number would be answered the same as long as the
number stands: a revoked key, a removed user or a new version is known at the very next request.
Only what is written aside, the record of reads, does not count.
Where the database gives no such number (PostgreSQL) nothing is kept.
"""

import asyncio
from collections.abc import Hashable
from typing import Any, TypeVar

from entrepot.db.change_counter import ChangeCounter

T = TypeVar("T")

MAX_ENTRIES = 10_000
"""Answers that are kept at once."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of small files that are kept at once."""


class ReadCache:
    """Answers of reads under the present state. Used by the event loop's thread alone."""

    def __init__(self, changes: ChangeCounter) -> None:
        self._changes = changes
        self._state: int | None = None
        self._state_of_turn: int | None = None
        self._is_asked = False
        self._entries: dict[Hashable, Any] = {}
        self._made: dict[int, tuple[object, Any]] = {}
        self._kept_bytes = 0

    def state(self) -> int | None:
        """The present state; what was kept under an earlier one is forgotten.

        None if it is not known at this moment. The database is asked once in a turn of the event
        loop. Its callbacks run in the order in which they were scheduled, so whoever asks before
        `_end_turn` came before the database was asked: all that was committed before they came
        counts.
        """
        if not self._is_asked:
            asyncio.get_running_loop().call_soon(self._end_turn)
            self._state_of_turn = self._ask()
            self._is_asked = True
        return self._state_of_turn

    def _end_turn(self) -> None:
        self._is_asked = False

    def _ask(self) -> int | None:
        state = self._changes.state()
        if state is not None and state != self._state:
            self._forget()
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

    def get_made(self, answer: object) -> Any:
        """What `put_made` kept with an answer, or None."""
        made = self._made.get(id(answer))
        return made[1] if made is not None and made[0] is answer else None

    def put_made(self, answer: object, value: T) -> T:
        """Keep what was made of an answer with it, and return that.

        By the answer's identity, since the hash of all that it says takes longer. The answer is
        kept too, so that no other one gets its identity.
        """
        if self._state is not None and len(self._made) < MAX_ENTRIES:
            self._made[id(answer)] = answer, value
        return value

    def take_bytes(self, count: int) -> bool:
        """Whether so many more bytes may be kept until something is committed; then they count."""
        has_room = self._kept_bytes + count <= MAX_BYTES
        if has_room:
            self._kept_bytes += count
        return has_room

    def close(self) -> None:
        """Forget everything and give the connection back."""
        self._forget()
        self._changes.close()

    def _forget(self) -> None:
        self._entries.clear()
        self._made.clear()
        self._kept_bytes = 0
