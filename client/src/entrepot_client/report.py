"""The report on a delivery as objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from entrepot_client.errors import ClientError
from entrepot_client.models import Document, Task


@dataclass(frozen=True)
class ReportedError:
    """One error of a report. `row` counts the header row, `column` is a field's name, or the label
    of a column that the contract does not have; None where an error is not about one. `message` is
    a whole sentence."""

    type: str
    message: str
    row: int | None
    column: str | None
    cell: str | None
    document: Document = field(repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Parse an error of a Frictionless report."""
        return cls(
            type=str(document.get("type") or ""),
            message=str(document.get("message") or document.get("note") or ""),
            row=document.get("rowNumber"),
            column=document.get("fieldName") or document.get("label") or None,
            cell=document.get("cell"),
            document=document,
        )


@dataclass(frozen=True)
class Report:
    """What an inspection found (Frictionless report v5, whole in `document`).

    `errors` has the first errors, `error_count` counts all of them, `suggested` is the change of
    the contract that would make the delivery valid, if there is one.
    """

    valid: bool
    summary: str
    errors: tuple[ReportedError, ...]
    error_count: int
    warnings: tuple[str, ...]
    suggested: Mapping[str, Any] | None
    document: Document = field(repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Parse a report."""
        tables = document.get("tasks") or []
        errors = [e for t in tables for e in t.get("errors") or t.get("findings") or []]
        counts = [count.get("count", 0) for t in tables for count in t.get("errorCounts") or []]
        return cls(
            valid=bool(document.get("valid")),
            summary=str((tables[0].get("summary") if tables else "") or ""),
            errors=tuple(map(ReportedError.from_document, errors)),
            error_count=sum(counts) or len(errors),
            warnings=tuple(str(w) for t in tables for w in t.get("warnings") or []),
            suggested=document.get("suggested"),
            document=document,
        )


@dataclass(eq=False)
class Rejected(ClientError):
    """The file's contract rejected a delivery. `task` and `report` say why; readers still get the
    version before."""

    task: Task
    report: Report

    def _describe(self) -> str:
        detail = str((self.task.error or {}).get("detail") or "")
        return detail or self.report.summary or "The delivery breaks the file's contract."


@dataclass(eq=False)
class TaskFailed(ClientError):
    """A task ended without a result: it was canceled, or it could not be run."""

    task: Task

    def _describe(self) -> str:
        if self.task.status == "canceled":
            return f"The task {self.task.task_id} was canceled."
        detail = (self.task.error or {}).get("detail")
        return str(detail or f"The task {self.task.task_id} failed.")
