"""Entrepot's HTTP API as a Python object.

    with Client("https://files.example.com", api_key) as client:
        delivery = client.push(Path("orders.csv"), enforce_schema=True)
        for task in client.watch(delivery.task_id):
            print(task.status, task.progress.stage)

Every method raises the errors of `entrepot_client.errors`. Reads are retried when a connection
breaks or the server asks to wait. Changes are sent once, except the parts of a resumable upload,
and except requests that the server rejected because of a limit (429), which are sent again after a
pause.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx2

from entrepot_client.download import (
    DownloadRequest,
    DownloadResult,
    download_file,
    download_to_stream,
)
from entrepot_client.endpoint import API
from entrepot_client.models import FOUND_OUT, Delivery, Document, File, ReadingOptions, Task
from entrepot_client.paths import activity_path, file_path, task_path, with_query
from entrepot_client.people import PeopleRequests
from entrepot_client.sharing import SharingRequests, format_time
from entrepot_client.transport import Transport
from entrepot_client.upload import ProgressCallback, deliver_file, push_file, validate_file
from entrepot_client.watch import follow, get_task


class Client(SharingRequests, PeopleRequests):
    """One server with one key. Close it, or use it as a context manager.

    `endpoint` is the server's address (`https://host`, with or without `/api/v1`), `attempts` how
    often a read is tried in total. Raises BadEndpoint and BadKey.
    """

    def __init__(self, endpoint: str, api_key: str | None, *, attempts: int = 5) -> None:
        self._transport = Transport(endpoint, api_key, attempts=attempts)

    @property
    def endpoint(self) -> str:
        """The server's address, without a path at its end."""
        return self._transport.endpoint

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def files(self, **filters: str | None) -> Iterator[File]:
        """Every file that the caller owns or is entitled to, oldest first.

        `filters` are parameters of `GET /files`: `sort`, `name`, `user_name`, `entitlement`,
        `media_type`, `enforced`, `published`, `updated_since`, `min_size`, `max_size`. Raises
        Invalid for unknown parameters and invalid values.
        """
        path = with_query(f"{API}/files", {name: value or None for name, value in filters.items()})
        return map(File.from_document, self._transport.pages(path, "files_list"))

    def file(self, file_id: str) -> File:
        """One file. Raises ResourceNotFound."""
        return File.from_document(self._transport.get(file_path(file_id)))

    def push(
        self,
        path: Path,
        *,
        description: str | None = None,
        size_limit: int | None = None,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        reading: ReadingOptions = FOUND_OUT,
        progress: ProgressCallback | None = None,
        resume_in: Path | None = None,
    ) -> Delivery:
        """Define a file and upload its first version; returns the task of its inspection.

        `size_limit` is bytes and applies to every later version (None: `default_size_limit`).
        `enforce_schema` is True (infer and freeze), a Table Schema, or neither; `reading` is how
        every version is read, as far as that is not to be found out. Memory stays
        bounded whatever the size. With `resume_in`, a folder for the state of running uploads, an
        upload of 8 MiB and more resumes after a lost connection, and in a later call after this
        program was ended. Raises FileOverSizeLimit and LocalFileChanged, OverLimit and Invalid from
        the server, OSError if the file cannot be read.
        """
        return push_file(
            self._transport,
            path,
            description,
            size_limit,
            enforce_schema,
            reading,
            progress,
            resume_in,
        )

    def deliver(
        self,
        path: Path,
        file_id: str,
        *,
        reading: ReadingOptions = FOUND_OUT,
        progress: ProgressCallback | None = None,
        resume_in: Path | None = None,
    ) -> Delivery:
        """Upload a new version of a file; returns the task of its inspection.

        The file's own size limit and schema apply; `reading` may be stated as long as no version
        is published; `resume_in` is as for `push`. Raises
        LocalFileChanged, OverLimit, ResourceNotFound and Invalid from the server, OSError if the
        file cannot be read.
        """
        return deliver_file(self._transport, path, file_id, reading, progress, resume_in)

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
        return download_file(self._transport, request, target, overwrite, progress)

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

    def preview(
        self,
        file_id: str,
        *,
        columns: str | None = None,
        where: str | None = None,
        order_by: str | None = None,
        limit: int = 100,
        offset: int = 0,
        version: int | None = None,
    ) -> Document:
        """A page of rows of the newest published version, or of that `version`: its `columns`, and
        `rows` with `_row` and `values`.

        While the server prepares the version, this waits. Raises Invalid for a wrong condition or
        column, ResourceNotFound, Forbidden, Conflict.
        """
        options: dict[str, str | int | None] = {
            "columns": columns,
            "where": where,
            "order_by": order_by,
            "limit": limit,
            "offset": offset or None,
            "version": version,
        }
        path = with_query(f"{file_path(file_id)}/preview", options)
        return DownloadRequest(file_id).wait_for_format(lambda: self._transport.get(path))

    def versions(self, file_id: str, limit: int | None = None) -> Iterator[Document]:
        """A file's versions with any status, the newest first, at most `limit`."""
        path = f"{file_path(file_id)}/versions"
        return self._transport.pages(path, "versions_list", limit)

    def restore(self, file_id: str, version: int) -> str:
        """Make a published version the newest one; returns the id of the task that does it.
        Raises Conflict if it is not published, OverLimit, ResourceNotFound."""
        return self._post_version_action(file_id, version, "restore", {})

    def accept(self, file_id: str, version: int, reason: str) -> str:
        """Publish a rejected version as an exception; returns the id of the task that does it.
        Raises Conflict if it was not rejected or its bytes were removed, OverLimit, Forbidden."""
        return self._post_version_action(file_id, version, "accept", {"reason": reason})

    def accept_suggestion(self, file_id: str, version: int) -> str:
        """Change the contract as a rejected version's report suggests, and deliver its bytes again;
        returns the id of the task that judges them. Raises Conflict, OverLimit, Forbidden."""
        return self._post_version_action(file_id, version, "accept-suggestion", {})

    def compare(
        self,
        file_id: str,
        before: int,
        after: int,
        key: Sequence[str] | None = None,
        examples: int = 10,
    ) -> str:
        """Compare two versions, given by their numbers; returns the id of the task that does it.

        Without a `key` the primary key of the file's schema is used. Raises ResourceNotFound,
        Forbidden.
        """
        body: dict[str, Any] = {"before": before, "after": after, "examples": examples}
        if key is not None:
            body["key"] = list(key)
        return str(self._transport.send("POST", f"{file_path(file_id)}/compare", body)["task_id"])

    def comparison(self, task_id: str) -> Document:
        """The result of a comparison. Raises ResourceNotFound."""
        return self._transport.get(f"{task_path(task_id)}/comparison")

    def _post_version_action(
        self, file_id: str, version: int, action: str, body: dict[str, str]
    ) -> str:
        path = f"{file_path(file_id)}/versions/{version}/{action}"
        return str(self._transport.send("POST", path, body)["task_id"])

    def validate(
        self,
        path: Path,
        *,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        file_id: str | None = None,
        reading: ReadingOptions = FOUND_OUT,
        progress: ProgressCallback | None = None,
    ) -> Delivery:
        """Validate a file without storing it; the task ends with the report (see `report`).

        The contract is `enforce_schema` and `reading`, as for `push`, or that of the file
        `file_id`.
        """
        return validate_file(self._transport, path, enforce_schema, file_id, reading, progress)

    def report(self, task: Task) -> Document:
        """The report of an ended task. Raises ResourceNotFound if it has none."""
        path = task.report_url or f"{task_path(task.task_id)}/report"
        return self._transport.get(path)

    def schema(self, file_id: str, revision: int | None = None) -> Document:
        """A file's schema and its revisions, the newest by default. Raises ResourceNotFound."""
        path = with_query(f"{file_path(file_id)}/schema", {"revision": revision})
        return self._transport.get(path)

    def set_schema(
        self,
        file_id: str,
        schema: Mapping[str, Any] | None,
        *,
        reading: ReadingOptions = FOUND_OUT,
        accept_breaking: bool = False,
    ) -> str:
        """Change a file's schema (None: it stays), and with it how deliveries are read, as far as
        `reading` states it; returns the id of the task that checks it before it takes effect.

        Raises Conflict with the code `breaking-change` and `changes` among its figures.
        """
        breaking = "accept" if accept_breaking else None
        path = with_query(f"{file_path(file_id)}/schema", {"breaking": breaking})
        body = reading.document()
        if schema is not None:
            # A schema alone goes as it is, which servers of every release take.
            body = {"schema": dict(schema), **body} if body else dict(schema)
        return str(self._transport.send("PUT", path, body)["task_id"])

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

    def keys(self) -> Iterator[Document]:
        """The caller's keys, without their secrets."""
        return self._transport.pages(f"{API}/keys", "keys_list")

    def create_key(
        self, name: str, scopes: Sequence[str], expires_at: datetime | None = None
    ) -> Document:
        """Create a key; `api_key` in the result is its secret, which nobody can read again."""
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if expires_at is not None:
            body["expires_at"] = format_time(expires_at)
        key: Document = self._transport.send("POST", f"{API}/key/new", body)
        return key

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key immediately. Raises ResourceNotFound."""
        self._transport.send("DELETE", f"{API}/key/{quote(key_id, safe='')}")

    def users(self) -> Iterator[Document]:
        """The users of the caller's account."""
        return self._transport.pages(f"{API}/users", "users_list")

    def account(self) -> Document:
        """The caller's account: its quota and its used and reserved bytes."""
        return self._transport.get(f"{API}/account")

    def whoami(self) -> Document:
        """The user and the scopes of this key."""
        return self._transport.get(f"{API}/whoami")

    def activity(
        self, file_id: str | None = None, *, limit: int | None = None, **filters: str
    ) -> Iterator[Document]:
        """Activity, the newest first: of a file, or of the account for its admins, or else of the
        caller.

        `filters` are `action`, `user_name`, `since`, `until`. Raises ResourceNotFound, Forbidden,
        Invalid.
        """
        return self._transport.pages(activity_path(file_id), "activity_list", limit, filters)

    def export_activity(
        self, stream: BinaryIO, form: str, file_id: str | None = None, **filters: str
    ) -> None:
        """Write the same to a stream as `jsonl` or `csv`, the oldest first.

        Raises as `activity` does, and Unreachable if the connection breaks: the stream has a part
        then.
        """
        path = with_query(activity_path(file_id), {"format": form, **filters})
        try:
            with self._transport.stream(path, {}) as response:
                for block in response.iter_bytes():
                    stream.write(block)
        except httpx2.TransportError as error:
            raise self._transport.unreachable(error) from error

    def request(self, method: str, path: str, body: bytes | None = None) -> httpx2.Response:
        """Any request of the API; `body` is JSON. GET and HEAD are retried. Raises ProblemError."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        send_once = partial(self._transport.request, method, path, content=body, headers=headers)
        return self._transport.retry(send_once) if method in ("GET", "HEAD") else send_once()
