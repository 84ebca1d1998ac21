"""Files of Entrepot for everything that opens addresses with fsspec.

    entrepot://ACCOUNT/NAME            the newest published version
    entrepot://ACCOUNT/sales/orders    the file at this path in the account
    entrepot://ACCOUNT/sales           the folder of the files whose paths begin with `sales/`
    entrepot://ACCOUNT/NAME@3          version 3
    entrepot://ACCOUNT/ID              by the id, or its first digits

Endpoint and key are those of `Client()`: the storage options `endpoint`, `api_key` and `profile`,
else the environment, else `entrepot auth login`. Writing delivers, and waits for the verdict: a
file that is there gets a further version, any other name defines a file (in your own account, with
this path as its address), and a rejected delivery raises `Rejected`. Nothing is published when a
program fails while it writes.
"""

import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from entrepot_client.client import Client
from entrepot_client.errors import NoSuchFile
from entrepot_client.folders import (
    FilePath,
    file_at,
    file_entry,
    files_below,
    folder_entry,
    has_files_below,
    list_folder,
)
from entrepot_client.lookup import find_file
from entrepot_client.models import DeliveredVersion, Document, File
from entrepot_client.paths import is_path


class EntrepotFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files that one key can see, below a folder for each account."""

    protocol = "entrepot"
    root_marker = ""
    # Endpoint and key may come from the environment, which an instance would outlive.
    cachable = False

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.client = Client(endpoint, api_key, profile=profile)

    @property
    def fsid(self) -> str:
        """What tells this server from others."""
        return f"entrepot-{self.client.endpoint}"

    def ls(
        self, path: str, detail: bool = True, files: list[File] | None = None, **_: Any
    ) -> list[Any]:
        """The accounts, the content of an account or a folder, or one file. A folder precedes a
        file with the same name. `files` are all files that are there, if they are known. Raises
        FileNotFoundError."""
        path = self._strip_protocol(path)
        files = list(files_below(self.client, path)) if files is None else files
        if not path:
            entries = [
                folder_entry(account) for account in sorted({file.account for file in files})
            ]
        else:
            parts = FilePath.parse(path)
            entries = [] if parts.version else list_folder(files, parts)
            if not entries and not parts.name:
                raise FileNotFoundError(f"No file of the account {path!r} can be seen.")
            entries = entries or [self.info(path)]
        return entries if detail else [entry["name"] for entry in entries]

    def walk(self, path: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        """As `os.walk`. The files are listed once, not once per folder."""
        if options.get("files") is None:
            options["files"] = list(files_below(self.client, self._strip_protocol(path)))
        yield from super().walk(path, *arguments, **options)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size in bytes, SHA-256, version, times and contract of a file; a folder has the type
        `directory` and size 0. The file at this address precedes a folder, and a folder precedes
        a file elsewhere with this name, or with an id that begins so. Raises FileNotFoundError."""
        path = self._strip_protocol(path)
        if not path:
            return folder_entry("")
        parts = FilePath.parse(path)
        if not parts.name:
            self.ls(path)
            return folder_entry(path)
        try:
            file = file_at(self.client, parts)
        except NoSuchFile:
            if self.isdir(path):
                return folder_entry(path)
            file = find_file(
                self.client.transport, parts.name, lambda each: each.account == parts.account
            )
        document = file.document
        if parts.version is not None:
            with self.client.naming_version(file.file_id, parts.version):
                document = {**document, **self.client.version(file.file_id, parts.version)}
        return file_entry(path, document)

    def isdir(self, path: str) -> bool:
        """Whether files are below this address, also if a file has the same one."""
        path = self._strip_protocol(path)
        if not path:
            return True
        try:
            parts = FilePath.parse(path)
        except FileNotFoundError:
            return False
        return parts.version is None and has_files_below(self.client, path)

    def _file_info(self, path: str) -> dict[str, Any]:
        info = self.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(f"{path!r} is a folder, not a file.")
        return info

    def created(self, path: str) -> datetime:
        """When the file was defined, or the version was delivered."""
        return _time(self._file_info(path)["created"])

    def modified(self, path: str) -> datetime:
        """When the file was last changed."""
        info = self._file_info(path)
        return _time(info["updated"] or info["created"])

    def ukey(self, path: str) -> str:
        """What changes when the bytes change."""
        return str(self._file_info(path)["sha256"])

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """The bytes of a version, or those from `start` to before `end`."""
        info = self._file_info(path)
        first, behind, _step = slice(start, end).indices(info["size"])
        if first == 0 and behind == info["size"]:
            target = io.BytesIO()
            self.client.download_to(info["file_id"], target, version=info["version"])
            return target.getvalue()
        return self._fetch(info, first, behind)

    def get_file(
        self, rpath: str, lpath: str | os.PathLike[str] | BinaryIO, **options: Any
    ) -> None:
        """Download a version to a local file, verified. Of a folder, make the local one."""
        if hasattr(lpath, "write"):
            super().get_file(rpath, lpath, **options)
            return
        info = self.info(rpath)
        target = Path(cast(str, lpath))
        if info["type"] == "directory":
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        self.client.download(info["file_id"], target, overwrite=True, version=info["version"])

    def put_file(
        self, lpath: str | os.PathLike[str], rpath: str, **_: Any
    ) -> DeliveredVersion | None:
        """Deliver a local file and return its published version; skip a folder. Raises Rejected."""
        if Path(lpath).is_dir():
            return None
        return self._deliver(Path(lpath), rpath)

    def pipe_file(
        self, path: str, value: bytes, mode: str = "overwrite", **_: Any
    ) -> DeliveredVersion:
        """Deliver bytes, wait, and return the published version. Raises Rejected."""
        if mode == "create" and self.exists(path):
            raise FileExistsError(path)
        with self.open(path, "wb") as file:
            file.write(value)
        return cast("_OpenDelivery", file).version

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete files, or with `recursive` all files in a folder. Raises IsADirectoryError."""
        paths = self.expand_path(path, recursive=recursive, maxdepth=maxdepth)
        inform = self.info if recursive else self._file_info
        for info in [inform(each) for each in paths]:
            if info["type"] == "file":
                self.rm_file(info["name"])

    def _rm(self, path: str) -> None:
        parts = FilePath.parse(self._strip_protocol(path))
        file_id = file_at(self.client, parts).file_id
        if parts.version is None:
            self.client.delete_file(file_id)
        else:
            self.client.delete_version(file_id, parts.version)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Raises NotImplementedError, as `mv` does: the bytes would be published twice."""
        raise NotImplementedError(
            f"Write to {path2!r} itself. DuckDB does so with `COPY … TO … (USE_TMP_FILE false)`."
        )

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Nothing to do: a folder is there as soon as a file is in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Nothing to do: a folder is there as soon as a file is in it."""

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            return _OpenVersion(self, path, mode, **options)
        if mode in ("wb", "xb"):
            if mode == "xb" and self.exists(path):
                raise FileExistsError(path)
            return _OpenDelivery(self, path)
        raise ValueError(f"A version is read ('rb') or written whole ('wb'), not {mode!r}.")

    def _fetch(self, info: Document, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        return self.client.read_range(info["file_id"], start, end, version=info["version"])

    def _deliver(self, local: Path, path: str) -> DeliveredVersion:
        parts = FilePath.parse(self._strip_protocol(path))
        if not parts.name or parts.version is not None:
            raise ValueError(f"{path!r} names no file to deliver to; write it without @version.")
        try:
            file_id = file_at(self.client, parts).file_id
        except NoSuchFile:
            if parts.account != self.client.whoami()["account"]:
                raise
            if "/" in parts.name and not is_path(parts.name):
                raise ValueError(
                    f"{parts.name!r} cannot be the path of a file. Between slashes, a path has"
                    " letters, digits, `.`, `_` and `-`, and no `.` first or last."
                ) from None
            address = parts.name if is_path(parts.name) else None
            return self.client.push(local, name=parts.file_name, path=address).wait()
        return self.client.push(local, to=file_id, name=parts.file_name).wait()


class _OpenVersion(AbstractBufferedFile):  # type: ignore[misc]
    """A version that is read in ranges. It stays the same version, whatever is published."""

    def __init__(self, fs: EntrepotFileSystem, path: str, mode: str, **options: Any) -> None:
        info = fs._file_info(path)
        options["size"] = info["size"]
        super().__init__(fs, path, mode, **options)
        self.details = self._info = info

    def _fetch_range(self, start: int, end: int) -> bytes:
        return cast(EntrepotFileSystem, self.fs)._fetch(self._info, start, end)


class _OpenDelivery(io.BufferedIOBase):
    """A delivery that is written here first. Closing it delivers, unless its program failed since
    it was opened: then a part would be published as the whole.

    `fsspec.open`, pandas and others close a file whose block failed as any other, so closing it
    looks whether an exception is on its way that was not there when it was opened.
    """

    version: DeliveredVersion

    def __init__(self, fs: EntrepotFileSystem, path: str) -> None:
        self._fs = fs
        self.path = path
        self._folder = tempfile.mkdtemp(prefix="entrepot-")
        self._local = Path(self._folder) / "delivery"
        self._file = self._local.open("w+b")
        self._handled_at_start = sys.exc_info()[1]

    def write(self, data: Any, /) -> int:
        return self._file.write(data)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def close(self) -> None:
        if self.closed:
            return
        failure = sys.exc_info()[1]
        if failure is not None and failure is not self._handled_at_start:
            warnings.warn(
                f"Nothing was delivered to {self.path}: it is closed because of"
                f" {type(failure).__name__}.",
                stacklevel=2,
            )
            self.discard()
            return
        try:
            self._file.close()
            self.version = self._fs._deliver(self._local, self.path)
        finally:
            self._end()

    def discard(self) -> None:
        """Forget what was written."""
        if not self.closed:
            self._file.close()
            self._end()

    def __del__(self) -> None:
        # Python closes what is forgotten; nobody asked to deliver it.
        self.discard()

    def _end(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        super().close()


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
