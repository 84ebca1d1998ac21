"""What can be pushed: a path, bytes, an open file, or a table of any library that speaks Arrow."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from entrepot_client.errors import NameNotText, UnknownSource
from entrepot_client.transfers.parquet import write_parquet

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Any
"""`str` is a path. The last stands for tables with the Arrow PyCapsule interface
(`__arrow_c_stream__`): pandas, polars, pyarrow, DuckDB, arro3."""


class LocalFile(NamedTuple):
    """A file on this machine, and the name that it gets on the server.

    `lasting`: it stays where it is, so that a later run can resume its upload.
    """

    path: Path
    name: str
    lasting: bool


@contextmanager
def local_file(source: Source, name: str | None) -> Iterator[LocalFile]:
    """The source as a file, which is removed at the end if it was made here.

    Raises UnknownSource, MissingPackage, OSError, NameNotText, and ValueError if a `name` is
    missing.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not stat.S_ISREG(path.stat().st_mode):
            # Opening a pipe would wait for its writer, and a folder has no bytes.
            raise FileNotFoundError(errno.ENOENT, "This is not a regular file", str(path))
        yield LocalFile(path, _text(name or path.name), lasting=True)
        return
    if not name:
        own_name = getattr(source, "name", None)
        if not isinstance(own_name, str) or hasattr(source, "__arrow_c_stream__"):
            raise ValueError("Give a name: push(source, name='orders.csv').")
        name = Path(own_name).name
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        path = Path(folder) / "source"
        _write(source, path)
        yield LocalFile(path, _text(name), lasting=False)


def _text(name: str) -> str:
    """The name, which can be sent. Raises NameNotText."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NameNotText(name=name) from error
    return name


def _write(source: Any, path: Path) -> None:
    if isinstance(source, bytes | bytearray | memoryview):
        path.write_bytes(source)
    elif hasattr(source, "__arrow_c_stream__"):
        write_parquet(source, path)
    elif hasattr(source, "read"):
        with path.open("wb") as target:
            try:
                shutil.copyfileobj(source, target, 1 << 20)
            except TypeError as error:
                raise UnknownSource(
                    source="a file that was opened for text; open it with 'rb'"
                ) from error
    else:
        raise UnknownSource(source=f"an object of the type {type(source).__name__}")
