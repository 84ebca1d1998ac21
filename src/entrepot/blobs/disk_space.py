"""The free-space watermark: uploads stop while the database on the same disk still has free
space."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrepot.errors import StorageFull, StoreUnavailable

CHECK_INTERVAL_BYTES = 4 * 1024 * 1024
"""Bytes that one writer may write before it checks the free space again."""

UNAVAILABLE_ERRNOS = frozenset(
    {
        errno.EIO,
        errno.EROFS,
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ENODEV,
        errno.ENXIO,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
    }
)
"""What a disk answers that fails, a shared folder whose server is away, one mounted read-only, a
system that has no more files to open."""
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""A full disk, a quota, and a file as large as the file system or `ulimit -f` lets it be."""


@dataclass(frozen=True)
class DiskSpace:
    """The file system below `root`, of which `reserve` bytes stay free."""

    root: Path
    reserve: int

    def free(self) -> int:
        """Bytes that this process may still write, the reserve included. Raises `StoreUnavailable`
        where the folder is gone."""
        try:
            stat = os.statvfs(self.root)
        except FileNotFoundError:
            raise StoreUnavailable(reason=f"{self.root} is gone (is it mounted?)") from None
        return stat.f_bavail * stat.f_frsize

    def allowance(self, needed: int) -> int:
        """How many bytes, at least `needed`, may be written before the next check.

        Raises `StorageFull` if `needed` bytes would cross the watermark. Concurrent writers may
        cross it by at most `CHECK_INTERVAL_BYTES` each.
        """
        free = self.free()
        if free - needed < self.reserve:
            raise StorageFull(free=free, reserve=self.reserve)
        return max(needed, min(CHECK_INTERVAL_BYTES, free - self.reserve))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn a full disk or an exhausted disk quota, at any call, into `StorageFull`, and a disk
        that fails, is read-only or has gone into `StoreUnavailable`."""
        with disk_errors():
            try:
                yield
            except OSError as error:
                if error.errno not in _FULL_ERRNOS:
                    raise
                raise StorageFull(free=self.free(), reserve=self.reserve) from error


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what a disk or a shared folder answers that does not work now into `StoreUnavailable`.

    So is a full one here, at calls that ask for no space: a file system that copies on write may
    refuse to remove a file. All other errors are the caller's, such as a file that does not exist.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in UNAVAILABLE_ERRNOS | _FULL_ERRNOS:
            raise
        raise StoreUnavailable(reason=os.strerror(error.errno)) from error
