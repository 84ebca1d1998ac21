"""Addresses of the file system of fsspec, and the files and folders that are there."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from entrepot_client.client import Client
from entrepot_client.lookup import find_file, is_id
from entrepot_client.models import Document, File
from entrepot_client.paths import has_form_of_path, is_path

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


def file_at(client: Client, path: FilePath) -> File:
    """The file at exactly this address: with this path, this id, or this name outside all folders.

    Raises NoSuchFile (a FileNotFoundError) and AmbiguousFile, which lists the ids.
    """

    def is_here(file: File) -> bool:
        is_named = file.file_name == path.name and "/" not in (file.path or "")
        return file.account == path.account and (is_named or is_id(path.name))

    if is_path(path.name):
        for file in client.files(path=path.name):
            if file.account == path.account:
                return file
    return find_file(client.transport, path.name, is_here)


def files_below(client: Client, path: str) -> Iterator[File]:
    """The files of an account, or below a folder of it; without a path those of every account."""
    parts = FilePath.parse(path) if path else None
    for file in _list_below(client, parts.name if parts else ""):
        if parts is None or file.account == parts.account:
            yield file


def has_files_below(client: Client, path: str) -> bool:
    """Whether any file is there. The first of a list tells, unless it is of another account."""
    parts = FilePath.parse(path)
    first = next(_list_below(client, parts.name, "1"), None)
    if first is None or first.account == parts.account:
        return first is not None
    return any(True for _ in files_below(client, path))


def _list_below(client: Client, folder: str, limit: str | None = None) -> Iterator[File]:
    """The files below a folder of any account; `limit`: in one request."""
    if not folder:
        return client.files(limit=limit)
    if not has_form_of_path(folder):
        return iter(())  # no path of a file begins so
    return client.files(folder=folder, limit=limit)


def list_folder(files: Iterable[File], path: FilePath) -> list[dict[str, Any]]:
    """The folders and the files directly in a folder, or in the account; empty if it has none."""
    prefix = f"{path.name}/" if path.name else ""
    folders, entries = set(), []
    for file in files:
        address = file.path or file.file_name
        if file.account != path.account or not address.startswith(prefix):
            continue
        name, slash, _ = address.removeprefix(prefix).partition("/")
        entry_name = f"{path.account}/{prefix}{name}"
        if slash:
            folders.add(entry_name)
        else:
            entries.append(file_entry(entry_name, file.document))
    return [folder_entry(name) for name in sorted(folders)] + entries


def folder_entry(name: str) -> dict[str, Any]:
    """A folder, as fsspec describes it."""
    return {"name": name, "size": 0, "type": "directory"}


def file_entry(name: str, document: Document) -> dict[str, Any]:
    """A file, as fsspec describes it, with what its `document` says."""
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
