"""Durable files and folders, and early write-back."""

import ctypes
import fcntl
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from entrepot.errors import StoreUnavailable

_SYNC_FILE_RANGE_WRITE = 2  # SYNC_FILE_RANGE_WRITE of sync_file_range(2)


ID_FILE = "installation"
"""The file of a store that says whose it is."""
BLOBS = "blobs"
"""The folder of a store that has the committed blobs."""


def sync_file(descriptor: int) -> None:
    """Return once the file's bytes and length are durable. Raises `OSError`; never try again.

    After a failed fsync Linux may have dropped the dirty pages and marked them clean: a second
    call would answer success for bytes that are lost (fsync(2), "PostgreSQL's fsyncgate").
    """
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # there fsync stops at the drive's cache
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Return once the names in `folder` are durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draft_of(path: Path) -> Path:
    """The name under which a file is written, beside its own, until it is whole."""
    return path.with_name(f"{path.name}.part")


def write_durably(path: Path, data: bytes) -> None:
    """Write a private file whole under its name, or leave what had the name. Raises `OSError`.

    Nobody else writes it meanwhile: the caller holds a lock.
    """
    draft = draft_of(path)
    _write_draft(draft, data)
    draft.replace(path)
    sync_folder(path.parent)


def create_durably(path: Path, data: bytes) -> None:
    """Write a private file whole under a name that nothing has. Raises FileExistsError, `OSError`.

    Of several processes, also on several hosts, one does it; the others wait. One that is killed
    leaves its draft, which the next call removes, also where the name is taken.
    """
    draft = draft_of(path)
    while (descriptor := open_locked(draft, fcntl.LOCK_EX)) is None:
        pass
    with os.fdopen(descriptor, "wb") as file:
        try:
            file.truncate()  # what a killed process left
            file.write(data)
            file.flush()
            sync_file(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink()
        _sync_name(path)


def link_durably(source: Path, name: Path) -> None:
    """Give a file a further name, which must be free, durably. Raises `OSError`."""
    os.link(source, name)
    _sync_name(name)


def _sync_name(name: Path) -> None:
    try:
        sync_folder(name.parent)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def open_locked(path: Path, operation: int) -> int | None:
    """A descriptor of the file with that name, made if there is none, for reading and writing, with
    the lock that `operation` says (flock(2)); to close it releases the lock. None where whoever had
    the lock removed the file: try again. Raises BlockingIOError where another has it and
    `operation` does not wait, and `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
        if has_name(descriptor, path):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def has_name(descriptor: int, path: Path) -> bool:
    """Whether the file that is open has that name still."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write_draft(draft: Path, data: bytes) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


def _load_write_back() -> Callable[[int, int, int], object]:
    """`begin_write_back` for this platform.

    Uses ctypes, since Python has no sync_file_range. `os.posix_fadvise(DONTNEED)` begins write-back
    too, but drops pages that the inspection reads right after.
    """
    if sys.platform != "linux":
        return lambda descriptor, offset, length: None
    call = ctypes.CDLL(None, use_errno=True).sync_file_range
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return lambda descriptor, offset, length: call(
        descriptor, offset, length, _SYNC_FILE_RANGE_WRITE
    )


begin_write_back = _load_write_back()
"""`begin_write_back(descriptor, offset, length)`: let the kernel start writing this range.

It does not wait, guarantees nothing and drops nothing from the page cache. It only makes the final
`sync_file` short. Failures are ignored: `sync_file` reports every lost byte.
"""


class DurableFolders:
    """Makes folders below a root, each durable before anything is put in it.

    A folder that another upload just made may not be durable yet, so its existence proves nothing.
    Each process syncs the parent once for each folder before it relies on it.
    """

    def __init__(self, root: Path) -> None:
        """Make `root` itself, if need be, with all its parents. Raises `OSError`."""
        self._root = root
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
        if not missing:
            with suppress(PermissionError):  # a parent that this user may not read was made before
                sync_folder(root.parent)
        # A path for each of 65,536 folders of blobs takes 18 MiB in each process; names by their
        # parents, of which pathlib has one of each, take 2.
        self._durable: defaultdict[Path, set[str]] = defaultdict(set)
        self._place: tuple[int, int] | None = None
        self._owner: bytes | None = None

    def require_store(self) -> None:
        """Raise `StoreUnavailable` where the store below the root is gone, such as a mount that has
        ended, or another installation's is there now. While it stays, this asks for the status of
        one folder."""
        try:
            status = (self._root / BLOBS).stat()
            place = (status.st_dev, status.st_ino)
            if place == self._place:
                return
            owner = self._read_owner()
        except (FileNotFoundError, NotADirectoryError):
            raise StoreUnavailable(reason=f"{self._root} is not a store (is it mounted?)") from None
        except OSError as error:
            raise StoreUnavailable(reason=os.strerror(error.errno or 0)) from error
        if self._owner not in (None, owner):
            raise StoreUnavailable(reason=f"{self._root} has another store than before")
        self._place, self._owner = place, owner

    def _read_owner(self) -> bytes | None:
        try:
            return (self._root / ID_FILE).read_bytes().strip()
        except FileNotFoundError:
            return None

    def make(self, folder: Path) -> None:
        """Make `folder`, which lies below the root, and its parents. Raises `OSError`."""
        if folder == self._root or folder.name in self._durable[folder.parent]:
            return
        self.make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
        self._durable[folder.parent].add(folder.name)

    def make_again(self, folder: Path) -> Path:
        """The folder, which is made again if somebody removed it while the store is in use.

        Raises `OSError`, and as `require_store` does: then this is another disk, such as the one
        below a mount that has ended.
        """
        self.require_store()
        if not folder.is_dir():
            self._durable[folder.parent].discard(folder.name)
            self.make(folder)
        return folder
