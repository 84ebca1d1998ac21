"""Errors of `zipfile` that say that an archive is damaged."""

import errno
import lzma
import struct
import zipfile
import zlib

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError),
    *(NotImplementedError, RuntimeError),
)
"""What zipfile raises on archives that are damaged, encrypted or packed in another way."""


def is_of_archive(error: OSError) -> bool:
    """Whether the bytes are at fault, not the system: a damaged archive names a place that no file
    can have, or its bzip2 has an invalid stream, which has no number of an error."""
    return error.errno in (None, errno.EINVAL)
