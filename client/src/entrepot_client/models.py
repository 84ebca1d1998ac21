"""The API's resources as frozen values.

Each is made from the server's JSON by `from_document` and keeps the whole of it in `document`, so
that members of a newer server are not lost. Timestamps stay the API's own text, UTC
(`2023-11-25T13:25:00+0000`); sizes are bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Document = Mapping[str, Any]


@dataclass(frozen=True)
class File:
    """A file that the caller owns or is entitled to.

    Everything after `user_name` is None if the server sends only the basic six.
    """

    file_id: str
    file_name: str
    file_description: str
    entitlement: str
    created_at: str
    user_name: str
    version: int | None
    file_size: int | None
    file_size_limit: int | None
    row_count: int | None
    sha256: str | None
    updated_at: str | None
    path: str | None
    document: Document = field(repr=False, compare=False)

    @property
    def account(self) -> str:
        """The account that owns it."""
        return self.user_name.partition(":")[0]

    @property
    def reference(self) -> str:
        """What names it in a command: its path, else its id."""
        return self.path or self.file_id

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Parse one item of `files_list`. Raises KeyError if one of the basic six is missing."""
        return cls(
            file_id=document["file_id"],
            file_name=document["file_name"],
            file_description=document["file_description"] or "",
            entitlement=document["entitlement"],
            created_at=document["created_at"],
            user_name=document["user_name"],
            version=document.get("version"),
            file_size=document.get("file_size"),
            file_size_limit=document.get("file_size_limit"),
            row_count=document.get("row_count"),
            sha256=document.get("sha256"),
            updated_at=document.get("updated_at"),
            path=document.get("path"),
            document=document,
        )


@dataclass(frozen=True)
class StageProgress:
    """A task's progress: `done` of `total` in `unit` (bytes, rows); either may be unknown."""

    stage: str
    done: int | None
    total: int | None
    unit: str


@dataclass(frozen=True)
class Task:
    """Background work, such as the inspection of a delivery, and its outcome."""

    task_id: str
    kind: str
    status: str
    progress: StageProgress
    created_at: str | None
    finished_at: str | None
    file_id: str | None
    file_name: str | None
    path: str | None
    version: int | None
    error: Document | None
    report_url: str | None
    document: Document = field(repr=False, compare=False)

    @property
    def reference(self) -> str:
        """What names its file in a command: the file's path, else its id."""
        return self.path or self.file_id or ""

    @property
    def ended(self) -> bool:
        """Whether the task has reached its final status."""
        return self.status in ("succeeded", "failed", "canceled")

    @property
    def rejected(self) -> bool:
        """Whether it failed because the delivery breaks the file's contract.

        The other way to fail is that the inspection itself could not run (a 5xx problem).
        """
        if self.status != "failed":
            return False
        return self.report_url is not None or (self.error or {}).get("status") == 422

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Parse a task. Raises KeyError without its id or status."""
        progress = document.get("progress") or {}
        return cls(
            task_id=document["task_id"],
            kind=document.get("kind", ""),
            status=document["status"],
            progress=StageProgress(
                stage=progress.get("stage") or document["status"],
                done=progress.get("done"),
                total=progress.get("total"),
                unit=progress.get("unit") or "bytes",
            ),
            created_at=document.get("created_at"),
            finished_at=document.get("finished_at"),
            file_id=document.get("file_id"),
            file_name=document.get("file_name"),
            path=document.get("path"),
            version=document.get("version"),
            error=document.get("error"),
            report_url=document.get("report_url"),
            document=document,
        )


@dataclass(frozen=True)
class ReadingOptions:
    """How deliveries are read, as far as it is stated: a Table Dialect, and the name of an
    encoding such as `windows-1252`."""

    dialect: Mapping[str, Any] | None = None
    encoding: str | None = None

    def form_fields(self) -> dict[str, str]:
        """As fields of a form."""
        fields = {}
        if self.dialect is not None:
            fields["table_dialect"] = json.dumps(self.dialect, ensure_ascii=False)
        if self.encoding is not None:
            fields["encoding"] = self.encoding
        return fields

    def document(self) -> dict[str, Any]:
        """As properties of a contract; what is not stated is left out."""
        stated = {"dialect": self.dialect, "encoding": self.encoding}
        return {name: value for name, value in stated.items() if value is not None}


DETECTED = ReadingOptions()


@dataclass(frozen=True)
class Acknowledgement:
    """An upload that the server acknowledged: its task, and what was sent (bytes, SHA-256)."""

    task_id: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DeliveredVersion:
    """A published version of a file. `size` is bytes; `row_count` is None for what is not a table,
    and for those who may only deliver."""

    file_id: str
    file_name: str
    version: int
    size: int
    sha256: str
    row_count: int | None
    task: Task = field(repr=False, compare=False)
