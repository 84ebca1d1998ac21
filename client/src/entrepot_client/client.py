"""Entrepot's HTTP API as a Python object.

    from entrepot_client import Client

    with Client() as client:
        version = client.push("orders.csv", enforce_schema=True).wait()
        table = client.read(version.file_id)

Every method raises the errors of `entrepot_client.errors`. Reads are retried when a connection
breaks or the server asks to wait, and so are deliveries, which the server recognizes. Other changes
are sent once, except requests that the server rejected because of a limit (429), which are sent
again after a pause.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self

from entrepot_client.api.account import AccountRequests
from entrepot_client.api.people import PeopleRequests
from entrepot_client.api.senders import SenderRequests
from entrepot_client.api.sharing import SharingRequests
from entrepot_client.api.uploads import UploadRequests
from entrepot_client.api.versions import VersionRequests
from entrepot_client.connections import HttpAnswer
from entrepot_client.credentials import find_credentials
from entrepot_client.delivery import Delivery
from entrepot_client.endpoint import API
from entrepot_client.lookup import NamingVersion, find_file, find_id, list_files
from entrepot_client.models import DETECTED, Document, File, ReadingOptions, Task
from entrepot_client.paths import file_path, task_path
from entrepot_client.transfers.download import (
    DownloadRequest,
    DownloadResult,
    download_file,
    download_to_stream,
    fetch_range,
)
from entrepot_client.transfers.sources import Source, local_file
from entrepot_client.transfers.tables import Into, read_table
from entrepot_client.transfers.upload import (
    BeginCallback,
    ProgressCallback,
    UploadOptions,
    check_size,
    contract_fields,
    send_file,
    versions_path_end,
)
from entrepot_client.transport import OnRetry, Transport
from entrepot_client.watch import follow, get_task


class Client(
    AccountRequests,
    PeopleRequests,
    SenderRequests,
    SharingRequests,
    UploadRequests,
    VersionRequests,
):
    """One server with one key. Close it, or use it as a context manager. Threads may share it.

    `endpoint` is the server's address (`https://host`, with or without `/api/v1`). Without endpoint
    and key they come from `profile`, else from the environment (`ENTREPOT_PROFILE`, or
    `ENTREPOT_ENDPOINT` and `ENTREPOT_API_KEY`), else from `entrepot auth login`. `attempts` is how
    often a read is tried in total, `on_retry` is called before each pause between two attempts.
    Raises BadEndpoint, BadKey and NotConfigured.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        *,
        profile: str | None = None,
        attempts: int = 5,
        on_retry: OnRetry | None = None,
    ) -> None:
        if endpoint is None:
            credentials = find_credentials(os.environ, profile)
            endpoint, api_key = credentials.endpoint, api_key or credentials.api_key
        self._transport = Transport(endpoint, api_key, attempts=attempts, on_retry=on_retry)

    @property
    def endpoint(self) -> str:
        """The server's address, without a path at its end."""
        return self._transport.endpoint

    @property
    def transport(self) -> Transport:
        """The connections, for other modules of this package."""
        return self._transport

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def files(self, **filters: str | None) -> Iterator[File]:
        """Every file that the caller owns or is entitled to, oldest first.

        `filters` are parameters of `GET /files`: `sort`, `name`, `path`, `folder`, `user_name`,
        `entitlement`, `media_type`, `enforced`, `published`, `updated_since`, `min_size`,
        `max_size`, and `limit`, the number of files in one request. Raises Invalid for unknown
        parameters and invalid values.
        """
        return list_files(self._transport, filters)

    def file(self, file: str) -> File:
        """One file, by its id, its name, or the first digits of its id. Raises NoSuchFile,
        AmbiguousFile."""
        return find_file(self._transport, file)

    def find_id(self, file: str) -> str:
        """The id of the file that `file` stands for; a whole id is not looked up. Raises
        NoSuchFile, AmbiguousFile."""
        return find_id(self._transport, file)

    def push(
        self,
        source: Source,
        *,
        to: str | None = None,
        name: str | None = None,
        path: str | None = None,
        description: str | None = None,
        size_limit: int | None = None,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        reading: ReadingOptions = DETECTED,
        progress: ProgressCallback | None = None,
        begin: BeginCallback | None = None,
        resume_in: Path | None = None,
    ) -> Delivery:
        """Define a file and upload its first version, or with `to` a further version of a file.

        `source` is a path, bytes, a file opened with 'rb', or a table with the Arrow PyCapsule
        interface, which is sent as Parquet. `to` is an id or a name. `name` is what the file is
        called; a path has one, and so has what `to` stands for.

        The contract is given once, without `to`: `path` is the file's address in the account, such
        as `sales/orders`; `size_limit` is bytes and applies to every later version (None: at least
        twice the size); `enforce_schema` is True (infer and freeze), a
        Table Schema, or neither. `reading` is how versions are read, as far as that should not be
        detected.

        Memory stays bounded whatever the size. With `resume_in`, a folder for the state of running
        uploads, an upload of 8 MiB and more resumes after a lost connection, and in a later call
        after this program was ended; `begin` is called once with the bytes that arrived before.
        Raises FileOverSizeLimit, LocalFileChanged, NoSuchFile, UnknownSource, MissingPackage;
        OverLimit, Invalid and Conflict (the path is taken) from the server; OSError if the file
        cannot be read; ValueError for a missing name.
        """
        file_id = None
        if to is not None:
            if name is None and not isinstance(source, str | os.PathLike):
                target = find_file(self._transport, to)
                file_id, name = target.file_id, _name_of_next(target.file_name, source)
            else:
                file_id = find_id(self._transport, to)
        with local_file(source, name) as file:
            if file_id is None:
                limit = check_size(file, size_limit)
                fields = contract_fields(description, limit, enforce_schema, reading, path)
                path_end = "new"
            else:
                fields, path_end = reading.form_fields(), versions_path_end(file_id)
            resume_in = resume_in if file.lasting else None
            options = UploadOptions(path_end, fields, progress, resume_in, begin=begin)
            sent = send_file(self._transport, file, options)
        return Delivery(sent.task_id, sent.size, sent.sha256, self._transport)

    def validate(
        self,
        source: Source,
        *,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        file: str | None = None,
        name: str | None = None,
        reading: ReadingOptions = DETECTED,
        progress: ProgressCallback | None = None,
    ) -> Delivery:
        """Validate a file without storing it; the task ends with the report (see `report`).

        The contract is `enforce_schema` and `reading`, as for `push`, or that of the file `file`.
        """
        fields = contract_fields(None, None, enforce_schema, reading)
        if file is not None:
            fields["file_id"] = find_id(self._transport, file)
        with local_file(source, name) as content:
            options = UploadOptions("validate", fields, progress, repeatable=False)
            sent = send_file(self._transport, content, options)
        return Delivery(sent.task_id, sent.size, sent.sha256, self._transport)

    def read(
        self,
        file: str,
        *,
        version: int | None = None,
        into: Into = "arrow",
        columns: list[str] | None = None,
    ) -> Any:
        """A published version as a table with the types of its schema: a `pyarrow.Table`
        (`into="arrow"`), a `pandas.DataFrame` or a `polars.DataFrame`.

        `file` is an id or a name; without `version` it is the newest one. Raises MissingPackage,
        NoSuchFile, NoSuchVersion, Conflict if the file is not a table.
        """
        file_id = find_id(self._transport, file)
        with self.naming_version(file_id, version):
            request = DownloadRequest(file_id, version, "parquet")
            return read_table(self._transport, request, into, columns)

    def download(
        self,
        file_id: str,
        target: Path,
        *,
        overwrite: bool = False,
        progress: ProgressCallback | None = None,
        version: int | None = None,
        form: str | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> DownloadResult:
        """Download the newest published version, or that `version`, to the file `target`.

        `form` is csv, jsonl, parquet or arrow; None is the bytes as delivered. While the server
        makes the format, this waits, and calls `on_wait` with the seconds of each pause.

        If `target` is a folder, the file gets the server's name for it, made safe. What an earlier
        run left in `NAME.part` is continued if it belongs to the same version. Raises TargetExists,
        DownloadCorrupted (and removes the bytes), OSError.
        """
        request = DownloadRequest(file_id, version, form, on_wait)
        return download_file(self._transport, request, Path(target), overwrite, progress)

    def download_to(
        self,
        file_id: str,
        stream: BinaryIO,
        *,
        progress: ProgressCallback | None = None,
        version: int | None = None,
        form: str | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> DownloadResult:
        """Download to a stream that is written once, such as a pipe; otherwise like `download`.

        Raises DownloadCorrupted and RemoteFileChanged: by then bytes have been written.
        """
        request = DownloadRequest(file_id, version, form, on_wait)
        return download_to_stream(self._transport, request, stream, progress)

    def read_range(
        self, file_id: str, start: int, end: int, *, version: int | None = None
    ) -> bytes:
        """The bytes from `start` to before `end` of a version as delivered. Raises BadAnswer if the
        server sends others, ResourceNotFound."""
        request = DownloadRequest(file_id, version)
        return fetch_range(self._transport, request, start, end)

    def change_file(self, file_id: str, **changes: Any) -> File | None:
        """Change a file's `file_name`, `path` (None: it has none), `file_description`,
        `file_size_limit` (bytes) or `retention` (`{"keep_last": 5}`, `{"days": 90}`, or None to
        keep all); returns the file.

        Raises ResourceNotFound, Forbidden, Invalid, Conflict.
        """
        document = self._transport.send("PATCH", file_path(file_id), changes)
        return File.from_document(document) if document is not None else None

    def delete_file(self, file_id: str) -> Document:
        """Delete a file with all its versions; `undo_until` in the result says how long it can be
        undone. Raises ResourceNotFound, Forbidden."""
        deleted: Document = self._transport.send("DELETE", file_path(file_id))
        return deleted

    def undelete_file(self, file_id: str) -> File:
        """Undo the deletion of a file. Raises ResourceNotFound, Conflict if there is nothing to
        undo."""
        return File.from_document(self._transport.send("POST", f"{file_path(file_id)}/undelete"))

    def report(self, task: Task) -> Document:
        """The report of an ended task. Raises ResourceNotFound if it has none."""
        path = task.report_url or f"{task_path(task.task_id)}/report"
        return self._transport.get(path)

    def task(self, task_id: str) -> Task:
        """One task as it is now. Raises ResourceNotFound."""
        return get_task(self._transport, task_id)

    def tasks(self, limit: int | None = None) -> Iterator[Task]:
        """The caller's tasks, newest first, at most `limit`."""
        documents = self._transport.pages(f"{API}/tasks", "tasks_list", limit)
        return map(Task.from_document, documents)

    def watch(self, task_id: str) -> Iterator[Task]:
        """The task's states as they change, until it has ended. At least one."""
        return follow(self._transport, task_id, time.sleep)

    def cancel(self, task_id: str) -> Task:
        """Cancel a task and return its new state. Raises Conflict if it has ended."""
        return Task.from_document(self._transport.send("POST", f"{task_path(task_id)}/cancel"))

    def request(self, method: str, path: str, body: bytes | None = None) -> HttpAnswer:
        """Any request of the API; `body` is JSON. GET and HEAD are retried. Raises ProblemError."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        send_once = partial(self._transport.request, method, path, content=body, headers=headers)
        return self._transport.retry(send_once) if method in ("GET", "HEAD") else send_once()

    def naming_version(self, file_id: str, *versions: int | None) -> NamingVersion:
        """A context that raises NoSuchVersion where the server finds nothing, although the caller
        can see the file: then it is the version that is missing."""
        return NamingVersion(self._transport, file_id, versions)


def _name_of_next(file_name: str, source: Source) -> str:
    """What a further version from memory is called: as the file, but a table is Parquet."""
    if hasattr(source, "__arrow_c_stream__") and not file_name.endswith(".parquet"):
        return f"{file_name.rpartition('.')[0] or file_name}.parquet"
    return file_name
