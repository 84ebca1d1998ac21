"""Errors of `zipfile` that say that an archive is damaged."""

import errno
import struct
import zipfile
import zlib

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(NotImplementedError, RuntimeError),
)
"""What zipfile raises on archives that are damaged, encrypted or packed in another way."""


def is_outside(error: OSError) -> bool:
    """Whether a place was sought that no file can have, since a damaged archive names one."""
    return error.errno == errno.EINVAL
