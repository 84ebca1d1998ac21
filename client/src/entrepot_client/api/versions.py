"""The requests about the versions of a file and its schema."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from entrepot_client.models import DETECTED, Document, ReadingOptions
from entrepot_client.paths import file_path, task_path, with_query
from entrepot_client.transfers.download import DownloadRequest
from entrepot_client.transport import Transport


class VersionRequests:
    """The part of `Client` that is about the versions of a file, and what they are judged by."""

    _transport: Transport

    def versions(self, file_id: str, limit: int | None = None) -> Iterator[Document]:
        """A file's versions with any status, the newest first, at most `limit`."""
        path = f"{file_path(file_id)}/versions"
        return self._transport.pages(path, "versions_list", limit)

    def version(self, file_id: str, version: int) -> Document:
        """One version, whatever its status. Raises ResourceNotFound."""
        return self._transport.get(f"{file_path(file_id)}/versions/{version}")

    def delete_version(self, file_id: str, version: int) -> Document:
        """Delete a published version that is not the current one; `undo_until` in the result says
        how long it can be undone. Raises Conflict, Forbidden, ResourceNotFound."""
        return self._send_version("DELETE", f"{file_path(file_id)}/versions/{version}")

    def undelete_version(self, file_id: str, version: int) -> Document:
        """Undo the deletion of a version. Raises Conflict if there is nothing to undo."""
        return self._send_version("POST", f"{file_path(file_id)}/versions/{version}/undelete")

    def withdraw_version(
        self, file_id: str, version: int, reason: str, *, purge: bool = False
    ) -> Document:
        """Withdraw a published version: nobody reads it any more, and readers see the reason.

        `purge` removes its bytes and all that shows them now, also of a version that was withdrawn
        before; else it can be undone until `undo_until` in the result. `copies` are the file's
        other published versions with the same bytes. Raises Conflict, Forbidden, ResourceNotFound.
        """
        path = f"{file_path(file_id)}/versions/{version}/withdraw"
        withdrawn: Document = self._transport.send("POST", path, {"reason": reason, "purge": purge})
        return withdrawn

    def undo_withdrawal(self, file_id: str, version: int) -> Document:
        """Publish a withdrawn version again. Raises Conflict if there is nothing to undo."""
        return self._send_version("DELETE", f"{file_path(file_id)}/versions/{version}/withdrawal")

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

    def version_report(self, file_id: str, version: int | None = None) -> Document:
        """The report on a version, the newest inspected by default. Raises ResourceNotFound."""
        return self._transport.get(with_query(f"{file_path(file_id)}/report", {"version": version}))

    def rejected_rows(self, file_id: str, stream: BinaryIO, version: int | None = None) -> None:
        """Write the rejected rows of a version as CSV: each as it was uploaded, after its number,
        its line and its errors. Raises ResourceNotFound, Conflict."""
        path = with_query(f"{file_path(file_id)}/report.csv", {"version": version})
        request = DownloadRequest(file_id, version)
        request.wait_for_format(lambda: self._transport.copy(path, stream))

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

    def schema(self, file_id: str, revision: int | None = None) -> Document:
        """A file's schema and its revisions, the newest by default. Raises ResourceNotFound."""
        path = with_query(f"{file_path(file_id)}/schema", {"revision": revision})
        return self._transport.get(path)

    def set_schema(
        self,
        file_id: str,
        schema: Mapping[str, Any] | None,
        *,
        reading: ReadingOptions = DETECTED,
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

    def _send_version(self, method: str, path: str) -> Document:
        version: Document = self._transport.send(method, path)
        return version

    def _post_version_action(
        self, file_id: str, version: int, action: str, body: dict[str, str]
    ) -> str:
        path = f"{file_path(file_id)}/versions/{version}/{action}"
        return str(self._transport.send("POST", path, body)["task_id"])
