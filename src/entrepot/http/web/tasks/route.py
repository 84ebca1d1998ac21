"""The tasks, newest first; one task, followed live.

A page and its fragment are one template: the stream sends the fragment whenever the task has
moved. Without scripts the page reloads every two seconds. Once the task has ended,
it shows the report, of a delivery and of a validation alike.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import (
    FieldInvalid,
    NotAllowed,
    NotFound,
    TaskFinished,
    VersionDeleted,
    VersionWithdrawn,
)
from entrepot.files.comparisons import KIND as COMPARISON
from entrepot.files.comparisons import (
    FoundComparison,
    comparison_document,
    comparison_text,
    get_comparison,
)
from entrepot.files.delivery.quarantine import Quarantine, get_quarantine
from entrepot.files.processing.cancel import actor_to_viewer, cancel_task, get_visible_task
from entrepot.files.processing.task_report import TaskReport, get_task_report
from entrepot.files.queries.outcome import (
    PublishedOutcome,
    RejectedOutcome,
    find_published_outcome,
    find_rejected_outcome,
)
from entrepot.http.api.tasks import task_events
from entrepot.http.deps import UnitOfWork
from entrepot.http.limits.concurrency_limits import EventStream
from entrepot.http.lists.listings import TASKS
from entrepot.http.parameters import EVENT_ID, Cursor, LastEventId, TaskIdInPath
from entrepot.http.problems.handlers import task_problem
from entrepot.http.stored_documents import view_document, visible_report
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import json_attachment, page, render
from entrepot.http.web.reports import ReportView, report_view
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.tasks.records import TaskRecord, list_tasks

router = page_router()

PAGE = 50
"""Rows of the list on one page."""


@router.get("/tasks", response_model=None)
async def tasks(request: Request, work: SessionWork, cursor: Cursor = None) -> Response:
    """The user's tasks and those of their files; for an admin those of the whole account."""
    after = TASKS.read_cursor(cursor)

    def load(conn: ReadConnection, actor: Actor) -> list[TaskRecord]:
        return list_tasks(conn, actor_to_viewer(actor), PAGE + 1, after)

    actor, records = await work.read_with_actor(load)
    items, next_cursor = TASKS.page(records, PAGE)
    return page(
        request,
        "tasks/list.html",
        actor,
        tasks=items,
        next_cursor=next_cursor,
        first_page=cursor is None,
    )


@router.get("/tasks/{task_id}", response_model=None)
async def task(request: Request, task_id: TaskIdInPath, work: SessionWork) -> Response:
    """One task."""
    return await task_page(request, work, task_id)


@router.get("/tasks/{task_id}/report.json", response_model=None)
async def report(task_id: TaskIdInPath, work: SessionWork) -> Response:
    """The report of a task, as a JSON file."""
    stored = await work.read(get_task_report, task_id)
    text = await visible_report(work, stored.report, stored.reads)
    return json_attachment(text, f"report-{task_id}.json")


@router.get("/tasks/{task_id}/comparison.json", response_model=None)
async def comparison(task_id: TaskIdInPath, work: SessionWork) -> Response:
    """The result of a comparison, as a JSON file."""
    stored = await work.read(get_comparison, task_id)
    size = len(stored.result)
    text = await work.runtime.parser.run(work.account_id, size, comparison_text, stored)
    return json_attachment(text, f"comparison-{task_id}.json")


@router.get("/tasks/{task_id}/events", response_model=None)
async def events(
    request: Request, task_id: TaskIdInPath, work: SessionWork, last_event_id: LastEventId = None
) -> Response:
    """The page's fragment as server-sent events: now, and whenever the task has moved."""
    work = work.unattended()
    present = await work.read(get_visible_task, task_id)
    last_seen = EVENT_ID.or_default(last_event_id, 0)

    async def fragment(task: TaskRecord) -> str:
        if not task.ended:
            values = await _template_values(work, _TaskPage(task))
            return render(request, "tasks/_task.html", **values)
        content = await work.with_current_time().read(_load, task_id, work.parts.clock())
        return render(request, "tasks/_task.html", **await _template_values(work, content))

    return EventStream(task_events(work, present, last_seen, fragment))


@router.post("/tasks/{task_id}/cancel", response_model=None)
async def cancel(task_id: TaskIdInPath, work: SessionWork) -> Response:
    """Cancel a task; one that has ended meanwhile just shows how."""
    try:
        await work.write_into_reserve(cancel_task, task_id, work.now)
    except TaskFinished:
        pass
    else:
        work.parts.queue.wake()
    return redirect(f"/tasks/{task_id}")


@dataclass(frozen=True)
class AcceptanceDraft:
    """The form by which a rejected version is accepted, as it was filled in, and what is wrong."""

    reason: str = ""
    error: FieldInvalid | None = None


NOT_FILLED_IN = AcceptanceDraft()


async def task_page(
    request: Request, work: PageWork, task_id: UUID, acceptance: AcceptanceDraft = NOT_FILLED_IN
) -> Response:
    """The page of a task, with the form for its acceptance as far as that was filled in."""
    actor, content = await work.read_with_actor(_load, task_id, work.now)
    values = await _template_values(work, content) | {"acceptance": acceptance}
    status = 422 if acceptance.error else 200
    return page(request, "tasks/page.html", actor, status=status, **values)


@dataclass(frozen=True)
class _TaskPage:
    """What the page of a task is made of."""

    task: TaskRecord
    report: TaskReport | None = None
    quarantine: Quarantine | None = None
    comparison: FoundComparison | None = None
    outcome: PublishedOutcome | None = None
    rejection: RejectedOutcome | None = None


def _load(conn: ReadConnection, actor: Actor, task_id: UUID, now: datetime) -> _TaskPage:
    task = get_visible_task(conn, actor, task_id)
    if task.kind == COMPARISON:
        return _TaskPage(task, comparison=_comparison(conn, actor, task))
    outcome, rejection = None, None
    if task.file_id is not None and task.version and task.status == "succeeded":
        outcome = find_published_outcome(conn, actor, task.file_id, task.version)
    if task.file_id is not None and task.version and task.status == "failed":
        rejection = find_rejected_outcome(conn, actor, task.file_id, task.version)
    is_gone = outcome is not None and outcome.is_gone
    report = get_task_report(conn, actor, task_id) if task.has_report and not is_gone else None
    quarantine = get_quarantine(conn, actor, task_id, now)
    return _TaskPage(task, report, quarantine, None, outcome, rejection)


def _comparison(conn: ReadConnection, actor: Actor, task: TaskRecord) -> FoundComparison | None:
    """What was found, for who may see it; the task itself is seen by more."""
    try:
        return get_comparison(conn, actor, task.id) if task.has_report else None
    except (NotFound, NotAllowed, VersionWithdrawn, VersionDeleted):
        return None


async def _template_values(work: UnitOfWork, content: _TaskPage) -> dict[str, Any]:
    task, stored, comparison = content.task, content.report, content.comparison
    view, suggested = None, None
    if stored is not None:
        text = await visible_report(work, stored.report, stored.reads)
        view, suggested = await view_document(work, _report_parts, text)
    values = None
    if comparison is not None:
        size = len(comparison.result)
        run = work.runtime.parser.run
        values = await run(work.account_id, size, comparison_document, comparison)
    has_bytes = content.quarantine is not None or task.status == "succeeded"
    return {
        "task": task,
        "problem": task_problem(task.error) if task.error else None,
        "report": view,
        "rejected_rows": bool(task.version and view and view.rejected and has_bytes),
        "quarantine": content.quarantine,
        "suggested": suggested,
        "comparison": values,
        "outcome": content.outcome,
        "rejection": content.rejection,
        "acceptance": NOT_FILLED_IN,
    }


def _report_parts(report: dict[str, Any]) -> tuple[ReportView, dict[str, Any] | None]:
    """What the page shows of a report, and of the change of the contract that it suggests."""
    suggested = report.get("suggested")
    suggested_changes = {"changes": suggested["changes"]} if suggested else None
    return report_view(report), suggested_changes
