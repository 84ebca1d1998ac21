"""A partial download, and the step in which it becomes the target file."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from entrepot_client.errors import TargetExists

_BLOCK_BYTES = 1 << 20
"""Bytes that are hashed and written at a time."""


class PartFile:
    """`NAME.part` for the target `NAME`, with `NAME.part.json` for what its bytes belong to.

    Opening it keeps and hashes the bytes of an earlier run if they belong to the same file and
    ETag; otherwise it starts empty. Leaving the context closes it and keeps both files, so that a
    later run can continue. `received` is bytes, `etag` a strong ETag or None.
    """

    def __init__(self, target: Path, file_id: str, etag: str | None) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")
        self._file_id = file_id
        self.received = 0
        self.etag: str | None = None
        self.digest = hashlib.sha256()
        if etag is not None and self._read_state() == {"file_id": file_id, "etag": etag}:
            self._file: IO[bytes] = self._part.open("r+b")
            self.etag = etag
            while block := self._file.read(_BLOCK_BYTES):
                self.digest.update(block)
                self.received += len(block)
        else:
            self._file = self._part.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._file.close()
        if self.received == 0:
            self._part.unlink(missing_ok=True)
            self._state.unlink(missing_ok=True)

    def _read_state(self) -> object:
        if not self._part.is_file():
            return None
        try:
            return json.loads(self._state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def begin(self, etag: str | None) -> None:
        """Empty it for the bytes of the representation `etag`."""
        self._file.seek(0)
        self._file.truncate()
        self.received, self.etag, self.digest = 0, etag, hashlib.sha256()
        if etag is None:
            self._state.unlink(missing_ok=True)
        else:
            state = {"file_id": self._file_id, "etag": etag}
            self._state.write_text(json.dumps(state), encoding="utf-8")

    def write(self, block: bytes) -> None:
        """Add the next bytes."""
        self._file.write(block)
        self.digest.update(block)
        self.received += len(block)

    def discard(self) -> None:
        """Discard the bytes: their digest is wrong."""
        self.begin(None)

    def publish(self, overwrite: bool) -> None:
        """Make it durable and give it the target's name, in one step.

        Raises TargetExists if another file took the name meanwhile and `overwrite` is False; the
        part stays.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if overwrite:
            self._part.replace(self._target)
        else:
            _move_without_replacing(self._part, self._target)
        self._state.unlink(missing_ok=True)
        _sync_folder(self._target.parent)


def _move_without_replacing(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
        source.unlink()
        return
    except FileExistsError as error:
        raise TargetExists(target) from error
    except OSError:
        pass  # This file system has no hard links; an exclusive empty file claims the name.
    try:
        target.open("xb").close()
    except FileExistsError as error:
        raise TargetExists(target) from error
    source.replace(target)


def _sync_folder(folder: Path) -> None:
    # Not every system can open a folder (Windows), and not every file system sync one.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
