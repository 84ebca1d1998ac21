"""Entrepot's HTTP API as a Python object.

    with Client("https://files.example.com", api_key) as client:
        delivery = client.push(Path("orders.csv"), enforce_schema=True)
        for task in client.watch(delivery.task_id):
            print(task.status, task.progress.stage)

Every method raises the errors of `entrepot_client.errors`. Reading is retried when a connection
breaks or the server asks to wait; what changes something is sent once, except the parts of a
resumable upload, or again after a while where the server refused it as one too many (429).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote, urlencode

import httpx2

from entrepot_client.download import Downloaded, DownloadRequest, download_file, download_to_stream
from entrepot_client.endpoint import API
from entrepot_client.models import Delivery, Document, File, Task
from entrepot_client.paths import activity_path, file_path, task_path
from entrepot_client.transport import Transport
from entrepot_client.upload import Progress, deliver_file, push_file, validate_file
from entrepot_client.watch import follow, get_task


class Client:
    """One server, seen with one key. Close it, or use it as a context manager.

    `endpoint` is the server's address (`https://host`, with or without `/api/v1`), `attempts`
    how often a read is tried in all. Raises BadEndpoint and BadKey.
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def files(self, **wanted: str | None) -> Iterator[File]:
        """Every file that the caller owns or is entitled to, oldest first.

        `wanted` are parameters of `GET /files`: `sort`, `name`, `user_name`, `entitlement`,
        `media_type`, `enforced`, `published`, `updated_since`, `min_size`, `max_size`. Raises
        Invalid for those that the server does not know, and for values that it refuses.
        """
        query = urlencode({name: value for name, value in wanted.items() if value})
        path = f"{API}/files{'?' if query else ''}{query}"
        return map(File.from_document, self._transport.pages(path, "files_list"))

    def file(self, file_id: str) -> File:
        """One file. Raises NotFound."""
        return File.from_document(self._transport.get(file_path(file_id)))

    def push(
        self,
        path: Path,
        *,
        description: str | None = None,
        size_limit: int | None = None,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        resume_in: Path | None = None,
    ) -> Delivery:
        """Define a file and upload its first version; the task of its inspection is the answer.

        `size_limit` is bytes and binds every later version (None: `default_size_limit`);
        `enforce_schema` is True (infer and freeze), a Table Schema, or neither. Memory stays
        bounded whatever the size. With `resume_in`, a folder, a file of 8 MiB and more goes on
        where it was after a lost connection, and in a later call after the end of this program:
        the folder keeps what is under way. Raises SizeLimitTooSmall and FileChanged, OverLimit and
        Invalid from the server, OSError when the file cannot be read.
        """
        return push_file(
            self._transport, path, description, size_limit, enforce_schema, progress, resume_in
        )

    def deliver(
        self,
        path: Path,
        file_id: str,
        *,
        progress: Progress | None = None,
        resume_in: Path | None = None,
    ) -> Delivery:
        """Upload a further version of a file; the task of its inspection is the answer.

        The file's own size limit and schema bind; `resume_in` is as for `push`. Raises
        FileChanged, OverLimit, NotFound and Invalid from the server, OSError when the file cannot
        be read.
        """
        return deliver_file(self._transport, path, file_id, progress, resume_in)

    def download(
        self,
        file_id: str,
        target: Path,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        version: int | None = None,
        form: str | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> Downloaded:
        """Fetch the newest published version, or that `version`, to the file `target`.

        `form` is csv, jsonl, parquet or arrow; while the server makes it, this waits, and tells
        `on_wait` for how many seconds. None is the bytes as they were delivered.

        A `target` that is a folder gets the file under the server's name for it, made harmless.
        What an earlier run left in `NAME.part` is continued when it is of the same version.
        Raises TargetExists, DigestMismatch (and removes the bytes), OSError.
        """
        wanted = DownloadRequest(file_id, version, form, on_wait)
        return download_file(self._transport, wanted, target, overwrite, progress)

    def download_to(
        self,
        file_id: str,
        stream: BinaryIO,
        *,
        progress: Progress | None = None,
        version: int | None = None,
        form: str | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> Downloaded:
        """Fetch to a stream that is written once, as a pipe; otherwise as `download`.

        Raises DigestMismatch and SourceChanged: by then bytes have been written.
        """
        wanted = DownloadRequest(file_id, version, form, on_wait)
        return download_to_stream(self._transport, wanted, stream, progress)

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
        column, NotFound, NotAllowed, Conflict.
        """
        asked = {
            "columns": columns,
            "where": where,
            "order_by": order_by,
            "limit": limit,
            "offset": offset or None,
            "version": version,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        path = f"{file_path(file_id)}/preview?{query}"
        page: Document = DownloadRequest(file_id).once_made(lambda: self._transport.get(path))
        return page

    def versions(self, file_id: str, limit: int | None = None) -> Iterator[Document]:
        """A file's versions, the newest first, at most `limit`, whatever became of them."""
        path = f"{file_path(file_id)}/versions"
        return self._transport.pages(path, "versions_list", limit)

    def restore(self, file_id: str, version: int) -> str:
        """Make a published version the newest one; the id of the task that decides on it.

        Raises Conflict where it is not published, OverLimit, NotFound.
        """
        return self._act(file_id, version, "restore", {})

    def accept(self, file_id: str, version: int, reason: str) -> str:
        """Publish a rejected version all the same; the id of the task that does it.

        Raises Conflict where it was not rejected or its bytes are gone, OverLimit, NotAllowed.
        """
        return self._act(file_id, version, "accept", {"reason": reason})

    def compare(
        self,
        file_id: str,
        before: int,
        after: int,
        key: Sequence[str] | None = None,
        examples: int = 10,
    ) -> str:
        """Have two versions compared, by their numbers; the id of the task that does it.

        Without a `key` the primary key of the file's schema counts. Raises NotFound, NotAllowed.
        """
        asked: dict[str, Any] = {"before": before, "after": after, "examples": examples}
        if key is not None:
            asked["key"] = list(key)
        return str(self._transport.send("POST", f"{file_path(file_id)}/compare", asked)["task_id"])

    def comparison(self, task_id: str) -> Document:
        """What a comparison found. Raises NotFound."""
        found: Document = self._transport.get(f"{task_path(task_id)}/comparison")
        return found

    def _act(self, file_id: str, version: int, act: str, body: dict[str, str]) -> str:
        path = f"{file_path(file_id)}/versions/{version}/{act}"
        return str(self._transport.send("POST", path, body)["task_id"])

    def validate(
        self,
        path: Path,
        *,
        enforce_schema: bool | Mapping[str, Any] | None = None,
        file_id: str | None = None,
        progress: Progress | None = None,
    ) -> Delivery:
        """Have a file judged without storing it; the task ends with the report (see `report`).

        By a contract of its own, as `push` has it, or by that of the file `file_id`.
        """
        return validate_file(self._transport, path, enforce_schema, file_id, progress)

    def report(self, task: Task) -> Document:
        """The report that an ended task has. Raises NotFound where it has none."""
        path = task.report_url or f"{task_path(task.task_id)}/report"
        report: Document = self._transport.get(path)
        return report

    def schema(self, file_id: str, revision: int | None = None) -> Document:
        """A file's schema and its revisions, the newest by default. Raises NotFound."""
        wanted = f"?revision={revision}" if revision is not None else ""
        path = f"{file_path(file_id)}/schema{wanted}"
        schema: Document = self._transport.get(path)
        return schema

    def set_schema(
        self, file_id: str, schema: Mapping[str, Any], *, accept_breaking: bool = False
    ) -> str:
        """Give a file another schema; the id of the task that checks it before it takes effect.

        Raises Conflict with the code `breaking-change` and `changes` among its figures.
        """
        accept = "?breaking=accept" if accept_breaking else ""
        path = f"{file_path(file_id)}/schema{accept}"
        return str(self._transport.send("PUT", path, dict(schema))["task_id"])

    def entitlements(self, file_id: str) -> Iterator[Document]:
        """Whom a file is shared with. Raises NotFound; NotAllowed if it is not yours to share."""
        return self._transport.pages(f"{file_path(file_id)}/entitlements", "entitlements_list")

    def share(
        self,
        file_id: str,
        user_name: str,
        entitlement: str,
        expires_at: datetime | None = None,
    ) -> Document:
        """Let a user of any account (`acme:anna`), or a whole account (`partner:*`), read a file
        (`r`), deliver to it (`w`) or both (`rw`). Raises NotFound, NotAllowed, Invalid."""
        body: dict[str, Any] = {"entitlement": entitlement, "expires_at": _stamp(expires_at)}
        path = f"{file_path(file_id)}/entitlements/{quote(user_name, safe='')}"
        granted: Document = self._transport.send("PUT", path, body)
        return granted

    def unshare(self, file_id: str, user_name: str) -> None:
        """End an entitlement at once. Raises NotFound, also where there is none."""
        path = f"{file_path(file_id)}/entitlements/{quote(user_name, safe='')}"
        self._transport.send("DELETE", path)

    def transfer_file(self, file_id: str, user_name: str) -> None:
        """Make another user of one's own account the owner of a file. Raises Invalid."""
        self._transport.send("PATCH", file_path(file_id), {"user_name": user_name})

    def offer(self, file_id: str, user_name: str) -> Document:
        """Offer a file to a user of another account, who owns it once they accept."""
        path, body = f"{file_path(file_id)}/offer", {"user_name": user_name}
        offered: Document = self._transport.send("PUT", path, body)
        return offered

    def offers(self) -> Iterator[Document]:
        """The files that one is offered."""
        return self._transport.pages(f"{API}/offers", "offers_list")

    def take_over(self, file_id: str) -> File:
        """Become the owner of a file that one is offered. Raises NotFound, OverLimit, Conflict."""
        return File.from_document(
            self._transport.send("POST", f"{file_path(file_id)}/offer/accept")
        )

    def end_offer(self, file_id: str) -> None:
        """Decline an offer, or take one's own back. Raises NotFound where there is none."""
        self._transport.send("DELETE", f"{file_path(file_id)}/offer")

    def task(self, task_id: str) -> Task:
        """One task as it is now. Raises NotFound."""
        return get_task(self._transport, task_id)

    def tasks(self, limit: int | None = None) -> Iterator[Task]:
        """The caller's tasks, newest first, at most `limit`."""
        found = self._transport.pages(f"{API}/tasks", "tasks_list", limit)
        return map(Task.from_document, found)

    def watch(self, task_id: str) -> Iterator[Task]:
        """The task's states as they come, until one has ended. At least one."""
        return follow(self._transport, task_id, time.sleep)

    def cancel(self, task_id: str) -> Task:
        """Ask that a task be given up, and see it afterwards. Raises Conflict when it ended."""
        return Task.from_document(self._transport.send("POST", f"{task_path(task_id)}/cancel"))

    def keys(self) -> Iterator[Document]:
        """The caller's keys, without their secrets."""
        return self._transport.pages(f"{API}/keys", "keys_list")

    def create_key(
        self, name: str, scopes: Sequence[str], expires_at: datetime | None = None
    ) -> Document:
        """Make a key; `api_key` of the answer is its secret, which nobody can see again."""
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if expires_at is not None:
            body["expires_at"] = _stamp(expires_at)
        created: Document = self._transport.send("POST", f"{API}/key/new", body)
        return created

    def revoke_key(self, key_id: str) -> None:
        """Make a key worthless at once. Raises NotFound."""
        self._transport.send("DELETE", f"{API}/key/{quote(key_id, safe='')}")

    def users(self) -> Iterator[Document]:
        """The users of the caller's account."""
        return self._transport.pages(f"{API}/users", "users_list")

    def account(self) -> Document:
        """The caller's account: its quota and what is used of it, in bytes."""
        account: Document = self._transport.get(f"{API}/account")
        return account

    def whoami(self) -> Document:
        """Whose key this is, and what it may do."""
        caller: Document = self._transport.get(f"{API}/whoami")
        return caller

    def activity(
        self, file_id: str | None = None, *, limit: int | None = None, **chosen: str
    ) -> Iterator[Document]:
        """What was done and read, the newest first: of a file, or of the account for its admins, or
        else by the caller. `chosen` are `action`, `user_name`, `since`, `until`.

        Raises NotFound, NotAllowed, Invalid.
        """
        return self._transport.pages(activity_path(file_id), "activity_list", limit, chosen)

    def export_activity(
        self, stream: BinaryIO, form: str, file_id: str | None = None, **chosen: str
    ) -> None:
        """Write the same to a stream as `jsonl` or `csv`, the oldest first.

        Raises as `activity` does, and Unreachable when it breaks off: what was written is a part.
        """
        path = f"{activity_path(file_id)}?{urlencode({'format': form, **chosen})}"
        try:
            with self._transport.stream(path, {}) as response:
                for block in response.iter_bytes():
                    stream.write(block)
        except httpx2.TransportError as error:
            raise self._transport.unreachable(error) from error

    def request(self, method: str, path: str, body: bytes | None = None) -> httpx2.Response:
        """Any request of the API; `body` is JSON. GET and HEAD are retried. Raises Problem."""
        headers = {"Content-Type": "application/json"} if body is not None else {}

        def act() -> httpx2.Response:
            return self._transport.request(method, path, content=body, headers=headers)

        return self._transport.retrying(act) if method in ("GET", "HEAD") else act()


def _stamp(moment: datetime | None) -> str | None:
    """A time as the API takes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000") if moment else None
