"""An upload that was acknowledged, and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass, field

from entrepot_client.errors import ResourceNotFound
from entrepot_client.models import Acknowledgement, DeliveredVersion, Task
from entrepot_client.paths import file_path, task_path
from entrepot_client.report import Rejected, Report, TaskFailed
from entrepot_client.transport import Transport
from entrepot_client.watch import follow_to_end


@dataclass(frozen=True)
class Delivery(Acknowledgement):
    """An upload that the server has stored durably, and inspects. `wait` returns its outcome.

    `task_id` is the task of the inspection, `size` and `sha256` are those of the bytes that were
    sent.
    """

    transport: Transport = field(repr=False, compare=False)

    def wait(self, on_change: Callable[[Task], None] | None = None) -> DeliveredVersion:
        """Wait until the version is published, and return it. `on_change` gets each state of the
        task.

        Raises Rejected if the file's contract rejects it, TaskFailed if it could not be inspected
        or was canceled, Unreachable.
        """
        task = follow_to_end(self.transport, self.task_id, on_change)
        if task.status != "succeeded":
            if not task.rejected:
                raise TaskFailed(task)
            raise Rejected(task, self._report(task))
        return self._version(task)

    def _report(self, task: Task) -> Report:
        path = task.report_url or f"{task_path(task.task_id)}/report"
        try:
            document = self.transport.get(path)
        except ResourceNotFound:
            # Deleted meanwhile, or the file was not even a table: the task has the reason.
            error = task.error or {}
            tables = [{"summary": error.get("detail"), "errors": error.get("errors") or []}]
            document = {"valid": False, "tasks": tables}
        return Report.from_document(document)

    def _version(self, task: Task) -> DeliveredVersion:
        row_count = None
        try:
            path = f"{file_path(task.file_id or '')}/versions/{task.version}"
            row_count = self.transport.get(path).get("row_count")
        except ResourceNotFound:
            pass  # deleted meanwhile
        return DeliveredVersion(
            file_id=task.file_id or "",
            file_name=task.file_name or "",
            version=task.version or 0,
            size=self.size,
            sha256=self.sha256,
            row_count=row_count,
            task=task,
        )
