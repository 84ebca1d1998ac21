"""Find the file that a person means: by its id, a prefix of it, its name or its path.

`find_file` is the one place that decides this, for the program, for `Client` and for the file
system of fsspec.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from entrepot_client.endpoint import API
from entrepot_client.errors import AmbiguousFile, NoSuchFile, NoSuchVersion, ResourceNotFound
from entrepot_client.models import File
from entrepot_client.paths import file_path, is_path, with_query
from entrepot_client.transport import Transport

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_MAX_NAME_CHARACTERS = 255
_PREFIX = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.I)
"""At least four digits: fewer are more likely a name."""


def is_id(text: str) -> bool:
    """Whether the text is a whole id, of a file, a task or a key."""
    return _UUID.fullmatch(text) is not None


def find_id(transport: Transport, reference: str) -> str:
    """As `find_file`, the id alone; a whole id is not looked up."""
    return reference if is_id(reference) else find_file(transport, reference).file_id


def find_file(
    transport: Transport, reference: str, among: Callable[[File], bool] = lambda _: True
) -> File:
    """The file with this id; else the one with this name, this path, or an id that begins so.

    Only files that the caller can see, and that `among` accepts. Raises NoSuchFile, AmbiguousFile.
    """
    if is_id(reference):
        try:
            file = File.from_document(transport.get(file_path(reference)))
        except ResourceNotFound as error:
            raise NoSuchFile(reference=reference) from error
        if among(file):
            return file
        raise NoSuchFile(reference=reference)
    if len(reference) > _MAX_NAME_CHARACTERS or "\0" in reference:
        raise NoSuchFile(reference=reference)  # the server refuses to search for it
    by_name = list_files(transport, {"name": reference})
    files = [file for file in by_name if file.file_name == reference and among(file)]
    if not files and is_path(reference):
        files = [file for file in list_files(transport, {"path": reference}) if among(file)]
    if not files and _PREFIX.fullmatch(reference):
        every_file = list_files(transport, {})
        files = [f for f in every_file if f.file_id.startswith(reference.lower()) and among(f)]
    if not files:
        raise NoSuchFile(reference=reference)
    if len(files) > 1:
        raise AmbiguousFile(reference, tuple(files))
    return files[0]


def list_files(transport: Transport, filters: Mapping[str, str | None]) -> Iterator[File]:
    """The caller's files, oldest first; `filters` are parameters of `GET /files`."""
    path = with_query(f"{API}/files", {name: value or None for name, value in filters.items()})
    return map(File.from_document, transport.pages(path, "files_list"))


class NamingVersion:
    """Raises NoSuchVersion where the server finds nothing, although the caller can see the file."""

    def __init__(
        self, transport: Transport, file_id: str, versions: tuple[int | None, ...]
    ) -> None:
        self._transport = transport
        self._file_id = file_id
        self._versions = versions

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: object) -> None:
        if not isinstance(error, ResourceNotFound) or error.status != 404:
            return
        file = find_file(self._transport, self._file_id)
        for version in self._versions:
            if version is not None and self._is_missing(version):
                raise NoSuchVersion(file.file_id, file.file_name, version) from error
        if file.version is None and None in self._versions:
            raise NoSuchVersion(file.file_id, file.file_name, None) from error

    def _is_missing(self, version: int) -> bool:
        try:
            self._transport.get(f"{file_path(self._file_id)}/versions/{version}")
        except ResourceNotFound:
            return True
        return False
