"""Deliver a version with the bytes as body, and wait for its verdict: one line in any shell."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from entrepot import errors
from entrepot.errors import EntrepotError, FieldInvalid, UploadInterrupted
from entrepot.files.processing.cancel import get_visible_task
from entrepot.http.addresses.read import AccountInPath, require_plain
from entrepot.http.api.file_document import match_condition
from entrepot.http.api.models.tasks import PublishedDelivery, TaskAccepted
from entrepot.http.api.openapi.answers import (
    ACCEPTED,
    DEFINING,
    DELIVERING,
    REPEATING,
    headers,
    problems,
    problems_of,
)
from entrepot.http.api.payloads import task_payload
from entrepot.http.api.uploads import accepted_response
from entrepot.http.deps import UnitOfWork, WriteWork
from entrepot.http.downloads.prefer import preferred_seconds
from entrepot.http.limits.concurrency_limits import account_slot
from entrepot.http.parameters import MAX_BYTES, FileIdTextInPath, PathOfFile, refuse_unknown
from entrepot.http.places import API
from entrepot.http.problems.handlers import problem_response
from entrepot.http.problems.schemas import VERDICTS
from entrepot.http.problems.task_table import DELIVERY_CODES, TASK_KINDS
from entrepot.http.uploads.raw import AddressTarget, receive_raw
from entrepot.http.uploads.target import Condition, NextVersion
from entrepot.tasks.records import TaskId, TaskRecord
from entrepot_client.counts import counted

deliveries = APIRouter(prefix=API, tags=["files"])
addresses = APIRouter(tags=["files"])

MAX_WAIT_SECONDS = 300
"""Seconds that a delivery waits for its verdict at most; proxies end quiet connections sooner."""
WaitSeconds = Annotated[
    int | None,
    Query(
        ge=0,
        le=86_400,
        description=f"Seconds to wait for the verdict, at most {MAX_WAIT_SECONDS}. "
        "`Prefer: wait=N` means the same.",
    ),
]
SizeLimit = Annotated[
    int | None,
    Query(
        ge=1,
        le=MAX_BYTES,
        description="Bytes. Defines a file at an unknown path; what is there keeps its own limit.",
    ),
]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
VERDICT = ACCEPTED | {
    201: {
        "model": PublishedDelivery,
        "description": "The version is published.",
        "headers": headers("Location", "Preference-Applied"),
    }
}
REFUSALS = (*DELIVERING, *REPEATING, errors.NotAllowed, errors.PreconditionFailed)


def delivery_problems(*refusals: type[EntrepotError]) -> dict[int | str, dict[str, Any]]:
    """The problems of a delivery, those of its verdict included."""
    declared, of_verdict = problems(*refusals), problems_of(*VERDICTS)
    for status, response in of_verdict.items():
        known = declared.setdefault(status, {"description": "", "x-codes": []})
        known["x-codes"] = sorted({*known["x-codes"], *response["x-codes"]})
    return declared


@deliveries.put(
    "/file/{file_id}",
    status_code=202,
    operation_id="upload_bytes",
    response_model=TaskAccepted,
    openapi_extra=BODY,
    responses=VERDICT | delivery_problems(*REFUSALS),
)
async def deliver(
    file_id: FileIdTextInPath, request: Request, work: WriteWork, wait: WaitSeconds = None
) -> Response:
    """Deliver a further version of a file: the body is its bytes, as `curl -T` sends them.

    Without `wait` the answer is the task that inspects it. With it the answer is the verdict:
    `201` once the version is published, the problem with its first errors if it is rejected, or
    `202` with the task when the time is up. `Idempotency-Key`, `Repr-Digest`, `Content-Digest` and
    `Expect: 100-continue` are supported, and `If-Match` and `If-None-Match` with the `ETag` of the
    file or of its download. While an earlier delivery is undecided, no `If-Match` of a download
    holds.
    """
    refuse_unknown(request, ("wait",), "to this delivery, which takes wait.")
    target = NextVersion(file_id, _condition(request))
    task_id = await receive_raw(request, work, target, f"put {file_id.lower()}", "")
    return await _verdict(request, work, task_id, wait)


@addresses.put(
    "/d/{account}/{address:path}",
    status_code=202,
    operation_id="upload_to_address",
    response_model=TaskAccepted,
    openapi_extra=BODY,
    responses=VERDICT | delivery_problems(*REFUSALS, *DEFINING),
)
async def deliver_to_address(
    account: AccountInPath,
    address: PathOfFile,
    request: Request,
    work: WriteWork,
    size_limit: SizeLimit = None,
    wait: WaitSeconds = None,
) -> Response:
    """Deliver a further version of the file with this path: the body is its bytes.

    An unknown path is `404`, unless `size_limit` defines a file there, in the caller's own
    account, whose name is the end of the path and whose schema is not enforced. So the same line
    makes a file and delivers to it again. Otherwise as `PUT /api/v1/file/{file_id}`.
    """
    require_plain(request)
    refuse_unknown(
        request,
        ("wait", "size_limit"),
        "to this delivery, which takes wait and size_limit: the rest of a contract is set with "
        "POST /api/v1/file/new, or later.",
    )
    largest = work.parts.settings.max_file_size
    if size_limit is not None and size_limit > largest:
        raise FieldInvalid(
            "size_limit", f"must lie between 1 and {counted(largest, 'byte')}.", "100000"
        )
    target = AddressTarget(
        account, address, size_limit, _condition(request), "if-match" in request.headers
    )
    request_name = f"put {account}/{address}"
    task_id = await receive_raw(request, work, target, request_name, target.file_name)
    return await _verdict(request, work, task_id, wait)


def _condition(request: Request) -> Condition | None:
    return match_condition(request.headers.get("if-match"), request.headers.get("if-none-match"))


async def _verdict(
    request: Request, work: UnitOfWork, task_id: TaskId, wait: int | None
) -> Response:
    """What the sender waits for, or the task. Raises UploadInterrupted if the task was canceled."""
    task = await wait_for_verdict(request, work, task_id, wait)
    if task is not None and task.status == "succeeded":
        return _published(task)
    if task is not None and is_rejected(task):
        payload = task_payload(task)
        where = {name: payload[name] for name in ("task_id", "file_id", "version", "report_url")}
        return rejection(request, task, **where)
    return accepted_response(task_id)


async def wait_for_verdict(
    request: Request, work: UnitOfWork, task_id: TaskId, wait: int | None
) -> TaskRecord | None:
    """The task of a delivery once it has ended, or as it is when the time is up; None if the sender
    does not wait. Whatever goes wrong from here on, the delivery is acknowledged. Raises
    UploadInterrupted if the task was canceled."""
    preferred = preferred_seconds(request)
    seconds = min(MAX_WAIT_SECONDS, wait if wait is not None else preferred or 0)
    if wait is None and preferred is not None:
        request.scope["preference_applied"] = f"wait={seconds}"
    try:
        task = await wait_for_end(work, task_id, seconds) if seconds else None
    except EntrepotError:  # the right to see it ended meanwhile, or too many wait already
        task = None
    if task is not None and task.status == "canceled":
        raise UploadInterrupted
    return task


def is_rejected(task: TaskRecord) -> bool:
    """Whether a task has ended with the rejection of its delivery."""
    return (task.error or {}).get("code", "") in DELIVERY_CODES


def rejection(request: Request, task: TaskRecord, **where: Any) -> Response:
    """The problem that the task ended with, and `where` the rest of it is."""
    error = dict(task.error or {})
    detail, code = error.pop("detail", ""), error.pop("code")
    return problem_response(request, TASK_KINDS[code], detail, **{**error, **where})


async def wait_for_end(work: UnitOfWork, task_id: TaskId, seconds: float) -> TaskRecord:
    """The task once it has ended, or as it is after `seconds`.

    Raises NotFound for a task that the actor does not see (any more), and TooManyStreams.
    """
    with (
        account_slot("streams", work.asgi_scope or {}),
        work.runtime.watch.follow_end(task_id) as follower,
    ):
        if not work.runtime.draining:
            await follower.wait(seconds)
    return await work.with_current_time().read(get_visible_task, task_id)


def _published(task: TaskRecord) -> Response:
    document: PublishedDelivery = {
        "task_id": str(task.id),
        "file_id": str(task.file_id),
        "version": task.version or 0,
        "status": "published",
    }
    location = {"Location": f"{API}/file/{task.file_id}/versions/{task.version}"}
    return JSONResponse(document, status_code=201, headers=location)
