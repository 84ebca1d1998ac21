"""The free-space watermark: uploads stop while the database beside them still has room to work."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrepot.errors import StorageFull

CHECK_EVERY = 4 * 1024 * 1024
"""Bytes one writer may write before it looks at the free space again."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class DiskSpace:
    """The file system below `root`, of which `reserve` bytes stay free."""

    root: Path
    reserve: int

    def free(self) -> int:
        """Bytes that this process may still write, the reserve included."""
        room = os.statvfs(self.root)
        return room.f_bavail * room.f_frsize

    def allowance(self, needed: int) -> int:
        """How many bytes, at least `needed`, may be written before asking again.

        Raises `StorageFull` when `needed` bytes would cross the watermark. Writers that run
        at once may together cross it by at most `CHECK_EVERY` each.
        """
        free = self.free()
        if free - needed < self.reserve:
            raise StorageFull(free=free, reserve=self.reserve)
        return max(needed, min(CHECK_EVERY, free - self.reserve))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn a full disk or an exhausted disk quota, at any call, into `StorageFull`."""
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise StorageFull(free=self.free(), reserve=self.reserve) from error
