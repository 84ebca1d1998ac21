"""Tasks: background work on a delivery, a schema or a comparison."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from entrepot.http.api.models.problems import Problem
from entrepot.http.api.models.values import (
    Bytes,
    Id,
    Path,
    Timestamp,
    UserName,
    VersionNumber,
    answer,
)
from entrepot.tasks.records import Status


@answer
class TaskAccepted(TypedDict):
    """The request is accepted; this task does the work. Follow it by its id."""

    task_id: Id


@answer
class PublishedDelivery(TypedDict):
    """The verdict on a delivery whose sender waited for it: the version is published."""

    task_id: Id
    file_id: Id
    version: VersionNumber
    status: Literal["published"]


class TaskProgress(TypedDict):
    """How far a task has come."""

    stage: str
    done: Bytes
    total: Bytes
    unit: Literal["bytes"]
    percent: Annotated[float, Field(ge=0)]


@answer
class TaskDetails(TypedDict):
    """A task. `error` is set once it failed; `report_url` once there is a report."""

    task_id: Id
    kind: str
    status: Status
    progress: TaskProgress
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    user_name: UserName
    file_id: Id | None
    file_name: str | None
    path: Path | None
    version: VersionNumber | None
    error: Problem | None
    report_url: str | None


@answer
class TaskList(TypedDict):
    """A page of tasks, the newest first."""

    tasks_list: list[TaskDetails]
