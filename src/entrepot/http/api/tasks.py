"""Tasks: list, show, follow as a stream of events, cancel."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.errors import EntrepotError
from entrepot.files.processing.cancel import (
    actor_to_viewer,
    cancel_task,
    get_visible_ids,
    get_visible_task,
)
from entrepot.files.processing.task_report import get_task_report
from entrepot.http.access_checks import seconds_until_due
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.inspections import InspectionReport
from entrepot.http.api.models.tasks import TaskDetails, TaskList
from entrepot.http.api.openapi.answers import EVENTS, GONE, LISTED, problems
from entrepot.http.api.payloads import task_payload
from entrepot.http.deps import AnyWork, UnitOfWork
from entrepot.http.limits.concurrency_limits import EventStream
from entrepot.http.lists.listings import TASKS
from entrepot.http.parameters import (
    EVENT_ID,
    Cursor,
    LastEventId,
    PageItems,
    TaskIdInPath,
)
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response, visible_report
from entrepot.tasks.records import Status, TaskRecord, list_tasks

router = APIRouter(prefix=API, tags=["tasks"])


@router.get(
    "/tasks",
    operation_id="list_tasks",
    response_model=TaskList,
    responses=LISTED,
)
async def tasks(
    request: Request,
    work: AnyWork,
    limit: PageItems = 100,
    cursor: Cursor = None,
    status: Status | None = None,
) -> Response:
    """The newest tasks: the caller's and those of their files; an admin sees all of the account."""

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[TaskRecord]:
        return list_tasks(conn, actor_to_viewer(actor), size, after, status)

    return await list_response(request, work, TASKS, find, task_payload, limit, cursor)


@router.get(
    "/task/{task_id}",
    operation_id="get_task",
    response_model=TaskDetails,
)
async def task(task_id: TaskIdInPath, work: AnyWork) -> Response:
    """One task: its status, its progress, and once it failed, why."""
    return JSONResponse(task_payload(await work.read(get_visible_task, task_id)))


@router.get(
    "/task/{task_id}/report",
    operation_id="get_task_report",
    response_model=InspectionReport,
    responses=problems(errors.ScopeMissing, *GONE),
)
async def task_report(task_id: TaskIdInPath, work: AnyWork) -> Response:
    """The report (Frictionless v5) that a task ended with: of a delivery or of a validation."""
    stored = await work.read(get_task_report, task_id)
    return json_response(await visible_report(work, stored.report, stored.reads))


@router.post(
    "/task/{task_id}/cancel",
    status_code=202,
    operation_id="cancel_task",
    response_model=TaskDetails,
    responses=problems(errors.TaskFinished, errors.NotAllowed),
)
async def cancel(task_id: TaskIdInPath, work: AnyWork) -> Response:
    """Cancel a task: immediately while it waits, within a second while it runs."""
    canceled = await work.write_into_reserve(cancel_task, task_id, work.now)
    work.parts.queue.wake()
    return JSONResponse(task_payload(canceled), status_code=202)


@router.get(
    "/task/{task_id}/events",
    operation_id="follow_task",
    response_class=Response,
    responses=EVENTS | problems(errors.TooManyStreams),
)
async def events(
    task_id: TaskIdInPath,
    work: AnyWork,
    last_event_id: LastEventId = None,
) -> Response:
    """The task as server-sent events: its present state, each change, and the end.

    `Last-Event-ID` resumes: a state that the client has seen is not sent again. The stream
    closes after the event of the task's end.
    """
    task = await work.read(get_visible_task, task_id)
    known_revision = EVENT_ID.or_default(last_event_id, 0)
    return EventStream(task_events(work, task, known_revision, _payload))


async def _payload(task: TaskRecord) -> str:
    return json.dumps(task_payload(task), separators=(",", ":"))


async def task_events(
    work: UnitOfWork,
    task: TaskRecord,
    known_revision: int,
    render: Callable[[TaskRecord], Awaitable[str]],
) -> AsyncIterator[bytes]:
    """Events of one task from revision `known_revision` on; `render` makes an event's data of a
    task.

    Each look is made again as the actor: a key revoked meanwhile ends the stream.
    """
    yield b"retry: 1000\n\n"
    if task.revision != known_revision:
        yield _event(task, await render(task))
    elif task.ended:
        yield b": nothing new; the task has ended\n\n"
    heartbeat = work.parts.settings.event_heartbeat
    with work.runtime.watch.follow(task.id, task.revision) as follower:
        while not task.ended and not work.runtime.draining:
            changed = await follower.wait(seconds_until_due(work.caller, heartbeat))
            work = work.with_current_time()
            try:
                if not changed:
                    await work.check_access(get_visible_ids, task.id)
                    yield b": still here\n\n"
                    continue
                task = await work.read(get_visible_task, task.id)
                # Followers are also woken so that they see that the server is being stopped.
                is_new = task.revision != follower.known_revision
                data = await render(task) if is_new else ""
            except EntrepotError:
                return  # the key or the right ended meanwhile; a new request gets the reason
            if is_new:
                follower.known_revision = task.revision
                yield _event(task, data)


def _event(task: TaskRecord, data: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"id: {task.revision}\nevent: task\n{lines}\n".encode()
