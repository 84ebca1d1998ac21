"""Files of Entrepot for everything that opens addresses with fsspec.

    entrepot://ACCOUNT/NAME            the newest published version
    entrepot://ACCOUNT/sales/orders    the file at this path in the account
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
import re
import shutil
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from entrepot_client.client import Client
from entrepot_client.errors import NoSuchFile
from entrepot_client.lookup import find_file, is_path
from entrepot_client.models import DeliveredVersion, Document, File

_PATH = re.compile(r"(?P<account>[^/]+)(?:/(?P<name>.+?)(?:@(?P<version>[1-9]\d*))?)?")


class FilePath(NamedTuple):
    """An address in parts. `name` is a file's path or its name; empty for the account itself."""

    account: str
    name: str
    version: int | None

    @classmethod
    def parse(cls, path: str) -> "FilePath":
        """Parse `account/name@version`. Raises FileNotFoundError for anything else."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise FileNotFoundError(f"{path!r} is not like entrepot://account/name@version.")
        number = match["version"]
        return cls(match["account"], match["name"] or "", int(number) if number else None)

    @property
    def file_name(self) -> str:
        """The name of a file that is written here: what stands after the last slash."""
        return self.name.rpartition("/")[2]


def resolve_path(client: Client, path: FilePath) -> File:
    """The file that a path stands for, by its name or by its path in the account: the one place
    that decides it.

    Raises NoSuchFile (a FileNotFoundError) and AmbiguousFile, which lists the ids.
    """

    def is_in_account(file: File) -> bool:
        return file.account == path.account

    return find_file(client.transport, path.name, is_in_account)


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

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The accounts, or the files of an account, or one file. Raises FileNotFoundError."""
        path = self._strip_protocol(path)
        if not path:
            accounts = {file.account for file in self.client.files()}
            entries = [_folder(account) for account in sorted(accounts)]
        elif FilePath.parse(path).name:
            entries = [self.info(path)]
        else:
            entries = [
                _entry(f"{path}/{file.path or file.file_name}", file.document)
                for file in self.client.files()
                if file.account == path
            ]
            if not entries:
                raise FileNotFoundError(f"No file of the account {path!r} can be seen.")
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size in bytes, SHA-256, version, times and contract of a file. Raises
        FileNotFoundError."""
        path = self._strip_protocol(path)
        if not path:
            return _folder("")
        parts = FilePath.parse(path)
        if not parts.name:
            self.ls(path)
            return _folder(path)
        file = resolve_path(self.client, parts)
        document = file.document
        if parts.version is not None:
            with self.client.naming_version(file.file_id, parts.version):
                document = {**document, **self.client.version(file.file_id, parts.version)}
        return _entry(path, document)

    def created(self, path: str) -> datetime:
        """When the file was defined, or the version was delivered."""
        return _time(self.info(path)["created"])

    def modified(self, path: str) -> datetime:
        """When the file was last changed."""
        return _time(self.info(path)["updated"] or self.info(path)["created"])

    def ukey(self, path: str) -> str:
        """What changes when the bytes change."""
        return str(self.info(path)["sha256"])

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """The bytes of a version, or those from `start` to before `end`."""
        info = self.info(path)
        first, behind, _step = slice(start, end).indices(info["size"])
        if first == 0 and behind == info["size"]:
            target = io.BytesIO()
            self.client.download_to(info["file_id"], target, version=info["version"])
            return target.getvalue()
        return self._fetch(info, first, behind)

    def get_file(
        self, rpath: str, lpath: str | os.PathLike[str] | BinaryIO, **options: Any
    ) -> None:
        """Download a version to a local file, verified."""
        if hasattr(lpath, "write"):
            super().get_file(rpath, lpath, **options)
            return
        info = self.info(rpath)
        target = Path(cast(str, lpath))
        self.client.download(info["file_id"], target, overwrite=True, version=info["version"])

    def put_file(
        self, lpath: str | os.PathLike[str], rpath: str, callback: Any = None, **_: Any
    ) -> DeliveredVersion:
        """Deliver a local file, wait, and return its published version. Raises Rejected."""
        del callback
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

    def _rm(self, path: str) -> None:
        parts = FilePath.parse(self._strip_protocol(path))
        file_id = resolve_path(self.client, parts).file_id
        if parts.version is None:
            self.client.delete_file(file_id)
        else:
            self.client.delete_version(file_id, parts.version)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Nothing to do: accounts are there, and have no folders."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Nothing to do: accounts are there, and have no folders."""

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
            file_id = resolve_path(self.client, parts).file_id
        except NoSuchFile:
            if parts.account != self.client.whoami()["account"]:
                raise
            address = parts.name if is_path(parts.name) else None
            return self.client.push(local, name=parts.file_name, path=address).wait()
        return self.client.push(local, to=file_id, name=parts.file_name).wait()


class _OpenVersion(AbstractBufferedFile):  # type: ignore[misc]
    """A version that is read in ranges. It stays the same version, whatever is published."""

    def __init__(self, fs: EntrepotFileSystem, path: str, mode: str, **options: Any) -> None:
        info = fs.info(path)
        options["size"] = info["size"]
        super().__init__(fs, path, mode, **options)
        self.details = info
        self._info = info

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


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}


def _entry(name: str, document: Document) -> dict[str, Any]:
    return {
        "name": name,
        "type": "file",
        "size": document.get("file_size") or 0,
        "created": document.get("created_at"),
        "updated": document.get("updated_at"),
        "sha256": document.get("sha256"),
        "version": document.get("version"),
        "file_id": document["file_id"],
        "description": document.get("file_description"),
    }


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
